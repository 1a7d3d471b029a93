//! Guests that compute hold up nobody else.

use std::time::{Duration, Instant};

use crate::fixture::{call, hostile, runtime, told};

#[tokio::test]
async fn spinning_guests_delay_neither_timers_nor_guests_that_wait() {
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let (mut call, heard) = call("ignore-cancel", "{}");
            call.limits.fuel = u64::MAX;
            let cancel = call.cancel.clone();
            let task = tokio::spawn(async move { runtime().call(&hostile(), call).await });
            (task, cancel, heard)
        })
        .collect();
    for (_, _, heard) in &spinning {
        heard.spoke.notified().await;
    }
    // Every slot of the computing threads is taken by now, twice over.
    let mut latest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Duration::from_millis(5);
        let started = Instant::now();
        tokio::time::sleep(asked).await;
        latest = latest.max(started.elapsed() - asked);
    }
    assert!(latest < Duration::from_millis(250), "a timer was {latest:?} late");
    let (io, _) = call("open-url-pure", r#"{"url": "https://a.test/"}"#);
    let started = Instant::now();
    let report = runtime().call(&hostile(), io).await;
    assert!(told(&report.ending).contains("pure"), "{:?}", report.ending);
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    for (task, cancel, _) in spinning {
        cancel.cancel("enough");
        assert_eq!(told(&task.await.expect("no panic").ending), "cancelled: enough");
    }
}

#[tokio::test]
async fn guests_that_compute_share_their_threads() {
    let slow = {
        let (mut call, heard) = call("ignore-cancel", "{}");
        call.limits.fuel = u64::MAX;
        let cancel = call.cancel.clone();
        let task = tokio::spawn(async move { runtime().call(&hostile(), call).await });
        heard.spoke.notified().await;
        (task, cancel)
    };
    let (quick, _) = call("echo", "1");
    assert_eq!(told(&runtime().call(&hostile(), quick).await.ending), "succeeded 1");
    slow.1.cancel("enough");
    slow.0.await.expect("no panic");
}
