use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::super::{Budget, Egress, Incoming, Outgoing, Patience, Peer, SendError, Target};
use super::Bounds;

/// Answers everybody at once.
struct Quick;

impl Peer for Quick {
    fn answer(&self, _: &Outgoing) -> Result<http::Response<bytes::Bytes>, SendError> {
        Ok(http::Response::new(bytes::Bytes::from_static(b"body")))
    }
}

type Sending = std::pin::Pin<Box<dyn Future<Output = Result<Incoming, SendError>>>>;

fn send(egress: &Egress) -> Sending {
    let egress = egress.clone();
    Box::pin(async move {
        let target = Target::of(http::Method::GET, "http://a.test/").expect("a URL");
        let (headers, body) = (http::HeaderMap::new(), bytes::Bytes::new());
        let budget = Arc::new(Budget::new(10, 1_000));
        egress.send(Outgoing { target, headers, body }, Patience::default(), &budget).await
    })
}

/// The answer, if the request had a place.
fn answered(sending: &mut Sending) -> Option<Incoming> {
    match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.expect("an answer")),
        Poll::Pending => None,
    }
}

#[test]
fn a_request_beyond_a_bound_waits_until_a_response_is_let_go_of() {
    let all = Egress::answered_by(Arc::new(Quick)).bounded(Bounds { total: 2, each: 1 });
    let (one, two, three) = (all.of("one"), all.of("two"), all.of("three"));
    let first = answered(&mut send(&one)).expect("nobody else is there");
    // The same plugin, in another of its versions.
    let mut second = send(&all.of("one"));
    assert!(answered(&mut second).is_none(), "one of a plugin at once");
    let other = answered(&mut send(&two)).expect("another plugin has places of its own");
    let mut beyond = send(&three);
    assert!(answered(&mut beyond).is_none(), "two over all plugins at once");
    drop(other);
    let third = answered(&mut beyond).expect("a place over all");
    assert!(answered(&mut second).is_none(), "its plugin's only place is taken");
    drop(first);
    assert!(answered(&mut second).is_some());
    drop(third);
}

#[test]
fn who_no_longer_waits_takes_no_place() {
    let egress = Egress::answered_by(Arc::new(Quick)).bounded(Bounds { total: 1, each: 1 });
    let one = egress.of("one");
    let first = answered(&mut send(&one)).expect("nobody else is there");
    let mut stopped = send(&one);
    assert!(answered(&mut stopped).is_none());
    drop(stopped);
    drop(first);
    assert!(answered(&mut send(&egress.of("two"))).is_some());
}
