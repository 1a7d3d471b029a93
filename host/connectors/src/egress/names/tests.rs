use std::net::IpAddr;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::{Budget, Egress, Incoming, Outgoing, Patience, SendError, Target};
use super::{AddressRefused, Bounds, LookupFailed, Names, public};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split_whitespace().map(|at| at.parse().expect("an address")).collect()
}

async fn send(egress: &Egress, url: &str) -> Result<Incoming, SendError> {
    let target = Target::of(http::Method::GET, url).expect("a URL");
    let (headers, body) = (http::HeaderMap::new(), bytes::Bytes::new());
    let budget = Arc::new(Budget::new(10, 1_000));
    egress.send(Outgoing { target, headers, body }, Patience::default(), &budget).await
}

#[test]
fn a_name_is_as_public_as_its_addresses() {
    for (host, found, expected) in [
        ("api.test", "93.184.216.34", "93.184.216.34"),
        ("api.test", "10.0.0.1", "`api.test` leads to 10.0.0.1"),
        ("api.test", "127.0.0.1 ::1", "`api.test` leads to 127.0.0.1"),
        ("metadata.test", "169.254.169.254", "`metadata.test` leads to 169.254.169.254"),
        ("api.test", "192.168.0.1 93.184.216.34", "93.184.216.34"),
        ("localhost", "127.0.0.1", "127.0.0.1"),
        ("localhost", "93.184.216.34", "`localhost` leads to 93.184.216.34"),
        ("api.test", "", "it has no address"),
    ] {
        let told = match public(host, &addresses(found)) {
            Ok(addresses) => {
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert!(told.contains(expected), "{host}: {told}");
    }
}

/// A resolver whose answers are other ones each time; it tells when it is about to answer.
fn rebinding(answers: &'static [&'static str]) -> (Names, UnboundedReceiver<()>) {
    let (rest, (answering, heard)) = (Mutex::new(answers.iter()), unbounded_channel());
    let names = Names::answered_by(move |_| {
        let answer = rest.lock().expect("not poisoned").next().expect("an answer for each lookup");
        let _ = answering.send(());
        Ok(addresses(answer))
    });
    (names, heard)
}

#[tokio::test]
async fn a_name_that_is_public_at_first_is_checked_each_time() {
    let (names, _heard) = rebinding(&["93.184.216.34", "127.0.0.1"]);
    let find = || names.clone().find(names.lane("one"), "rebind.test".to_owned());
    assert_eq!(find().await.expect("public"), addresses("93.184.216.34"));
    let refused = find().await.expect_err("private the second time");
    let refused = refused.downcast_ref::<AddressRefused>().expect("refused").to_string();
    let expected = "`rebind.test` leads to 127.0.0.1, which is not a public address";
    assert!(refused.starts_with(expected), "{refused}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_name_that_leads_to_this_machine_the_second_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let url = format!("http://rebind.test:{port}/");
    let (names, mut heard) = rebinding(&["93.184.216.34", "127.0.0.1", "10.0.0.1"]);
    let egress = Egress::resolving(names).expect("an egress");
    // The first request is let go of when it is about to connect: tests use no network.
    tokio::select! {
        biased;
        answering = heard.recv() => answering.expect("a lookup"),
        early = send(&egress, &url) => panic!("{early:?}"),
    }
    for expected in ["127.0.0.1", "10.0.0.1"] {
        let refused = send(&egress, &url).await;
        let Err(SendError::AddressRefused(refused)) = refused else { panic!("{refused:?}") };
        assert_eq!(refused.address.to_string(), expected);
    }
    let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(connected.is_err(), "nobody connected");
}

/// A resolver that keeps silent until it is told to answer, or the test is over; it tells what it is asked.
fn silent() -> (Names, UnboundedReceiver<String>, Sender<()>) {
    let ((asked, heard), (go, gone)) = (unbounded_channel(), channel());
    let gone = Mutex::new(gone);
    let names = Names::answered_by(move |host| {
        let _ = asked.send(host.to_owned());
        gone.lock().expect("not poisoned").recv().map_err(std::io::Error::other)?;
        Ok(addresses("93.184.216.34"))
    });
    (names, heard, go)
}

#[tokio::test]
async fn a_lookup_is_waited_for_so_long_and_keeps_its_place_until_it_ends() {
    let (names, mut heard, go) = silent();
    let names = names.bounded(Bounds { total: 8, each: 1 }, Duration::from_millis(1));
    let find = |host: &str| names.clone().find(names.lane("one"), host.to_owned());
    let error = find("first.test").await.expect_err("nobody answers");
    let error = error.downcast_ref::<LookupFailed>().expect("no answer").to_string();
    assert_eq!(error, "`first.test`: no answer within 1ms");
    assert_eq!(heard.recv().await.expect("asked"), "first.test");
    let mut second = tokio::spawn(find("second.test"));
    let early = tokio::time::timeout(Duration::from_millis(20), &mut second).await;
    assert!(early.is_err() && heard.try_recv().is_err(), "the thread of the first is still busy");
    go.send(()).expect("it waits");
    let error = second.await.expect("no panic").expect_err("nobody answers this one either");
    assert!(error.to_string().starts_with("`second.test`: no answer"), "{error}");
    assert_eq!(heard.recv().await.expect("asked"), "second.test");
    go.send(()).expect("it waits");
}

#[tokio::test]
async fn lookups_of_one_plugin_leave_places_for_others() {
    let (names, mut heard, go) = silent();
    let names = names.bounded(Bounds { total: 2, each: 1 }, LONG);
    let egress = Egress::resolving(names).expect("an egress");
    let sending = |plugin: &str, host: &str| {
        let (egress, url) = (egress.of(plugin), format!("http://{host}/"));
        tokio::spawn(async move { send(&egress, &url).await.map(drop) })
    };
    let greedy = [sending("greedy", "a.test"), sending("greedy", "b.test")];
    let first = heard.recv().await.expect("asked");
    let other = sending("other", "c.test");
    let second = heard.recv().await.expect("asked");
    assert_eq!(second, "c.test", "{first} is not in its way");
    assert!(heard.try_recv().is_err(), "the second of the greedy one waits");
    for task in greedy.into_iter().chain([other]) {
        task.abort();
    }
    drop(go);
}

#[tokio::test]
async fn a_name_server_that_keeps_silent_ends_a_request_as_such() {
    let (names, _heard, go) = silent();
    let names = names.bounded(Bounds { total: 1, each: 1 }, Duration::from_millis(1));
    let egress = Egress::resolving(names).expect("an egress");
    let unanswered = send(&egress, "http://silent.test/").await.expect_err("nobody answers");
    let told = unanswered.to_string();
    assert_eq!(told, "the name `silent.test` was not resolved within 1ms");
    go.send(()).expect("it waits");
}
