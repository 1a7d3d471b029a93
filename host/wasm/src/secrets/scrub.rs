//! Takes values of secrets out of what comes back, and out of what a guest says.
//!
//! What is found is the value as it was sent, in percent encoding, as JSON writes it, and in base64. A
//! server that answers with the value in any other form has been trusted with it by the grant.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use memchr::memmem;
use serde_json::Value;

use super::Spent;

/// The shortest text that is looked for, in bytes: a shorter one is a part of too much.
const BYTES_MIN: usize = 6;

/// Knows what to look for.
#[derive(Clone)]
pub(crate) struct Scrubber {
    /// The longest first, so that of two that begin at one place the longer is found.
    needles: Vec<Needle>,
}

#[derive(Clone)]
struct Needle {
    text: crate::ports::SecretValue,
    name: String,
    placeholder: String,
}

impl Scrubber {
    /// What is to be looked for; `None` for nothing.
    pub(super) fn of(spent: &[Spent]) -> Option<Self> {
        let mut needles: Vec<_> = spent
            .iter()
            .flat_map(|spent| {
                let long = spent.forms.iter().filter(|form| form.expose().len() >= BYTES_MIN);
                long.map(|form| Needle {
                    text: form.clone(),
                    name: spent.placeholder.name.to_string(),
                    placeholder: spent.placeholder.text.to_string(),
                })
            })
            .collect();
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.text.expose().len()));
        (!needles.is_empty()).then_some(Self { needles })
    }

    /// The first needle in `text`.
    fn first(&self, text: &[u8]) -> Option<(usize, &Needle)> {
        let found = self
            .needles
            .iter()
            .filter_map(|needle| memmem::find(text, needle.text.expose()).map(|at| (at, needle)));
        found.min_by_key(|(at, _)| *at)
    }

    /// Whether a value stands in `text`.
    pub(crate) fn finds(&self, text: &[u8]) -> bool {
        self.first(text).is_some()
    }

    /// `text` with `put` instead of every value.
    fn replace(&self, text: &[u8], put: impl Fn(&Needle) -> String) -> Vec<u8> {
        let mut clean = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((at, needle)) = self.first(rest) {
            clean.extend_from_slice(&rest[..at]);
            clean.extend_from_slice(put(needle).as_bytes());
            rest = &rest[at + needle.text.expose().len()..];
        }
        clean.extend_from_slice(rest);
        clean
    }

    /// For the guest: a value becomes its placeholder again, which the guest may send back.
    pub(crate) fn held_back(&self, text: &[u8]) -> Vec<u8> {
        self.replace(text, |needle| needle.placeholder.clone())
    }

    /// For people: a value becomes the name of its secret.
    pub(crate) fn named(&self, text: &str) -> String {
        let clean = self.replace(text.as_bytes(), |needle| format!("[secret {}]", needle.name));
        String::from_utf8(clean).unwrap_or_else(|error| {
            // A value that is a part of a character leaves the rest of it.
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        })
    }

    /// As [`Self::named`], for every text in a JSON value, names of members and numbers included. Says
    /// whether there was one.
    pub(crate) fn clean(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if self.finds(text.as_bytes()) => {
                *text = self.named(text);
                true
            }
            Value::Number(number) if self.finds(number.to_string().as_bytes()) => {
                *value = Value::from(self.named(&number.to_string()));
                true
            }
            Value::Array(items) => {
                items.iter_mut().fold(false, |found, item| self.clean(item) | found)
            }
            Value::Object(members) => {
                let mut found = false;
                for (name, mut member) in std::mem::take(members) {
                    found |= self.clean(&mut member);
                    let in_name = self.finds(name.as_bytes());
                    found |= in_name;
                    members.insert(if in_name { self.named(&name) } else { name }, member);
                }
                found
            }
            _ => false,
        }
    }

    /// How many bytes at the end of `text` may be the beginning of a value.
    fn begun(&self, text: &[u8]) -> usize {
        let begun = |needle: &Needle| {
            let wanted = needle.text.expose();
            let most = text.len().min(wanted.len() - 1);
            (1..=most).rev().find(|&bytes| text.ends_with(&wanted[..bytes])).unwrap_or(0)
        };
        self.needles.iter().map(begun).max().unwrap_or(0)
    }
}

/// A body from which values are taken while it arrives. Holds back no more than may be the beginning of
/// one.
pub(crate) struct Scrubbed<B> {
    body: B,
    scrubber: Scrubber,
    held: Vec<u8>,
    ended: bool,
}

impl<B> Scrubbed<B> {
    pub(crate) const fn new(body: B, scrubber: Scrubber) -> Self {
        Self { body, scrubber, held: Vec::new(), ended: false }
    }

    /// What of the text so far can be handed on.
    fn feed(&mut self, data: &[u8]) -> Bytes {
        self.held.extend_from_slice(data);
        // Cut where a value may have begun, and only there; values before it are whole.
        let mut clean = Vec::with_capacity(self.held.len());
        let mut start = 0;
        while let Some((at, needle)) = self.scrubber.first(&self.held[start..]) {
            clean.extend_from_slice(&self.held[start..start + at]);
            clean.extend_from_slice(needle.placeholder.as_bytes());
            start += at + needle.text.expose().len();
        }
        let rest = &self.held[start..];
        let sure = rest.len() - self.scrubber.begun(rest);
        clean.extend_from_slice(&rest[..sure]);
        self.held.drain(..start + sure);
        clean.into()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Scrubbed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        while !this.ended {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => {
                    this.ended = true;
                    break;
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(data) => {
                    let clean = this.feed(&data);
                    if !clean.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(clean))));
                    }
                }
                // Trailers: they come last, and the host does not hand them on.
                Err(_) => this.ended = true,
            }
        }
        let rest = std::mem::take(&mut this.held);
        Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && (self.ended || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Placeholder;
    use super::*;
    use crate::ports::SecretValue;

    fn scrubber(values: &[&str]) -> Scrubber {
        let spent: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(n, value)| Spent {
                placeholder: Placeholder {
                    name: format!("s{n}").into(),
                    text: format!("<{n}>").into(),
                },
                forms: vec![SecretValue::new(value.as_bytes().to_vec())],
            })
            .collect();
        Scrubber::of(&spent).expect("something to look for")
    }

    #[test]
    fn a_value_is_found_however_it_is_cut() {
        let text = "a hunter2hunter b hunter2 c hunter2hunter2";
        let scrubber = scrubber(&["hunter2", "hunter2hunter"]);
        for cut in 0..=text.len() {
            for second in cut..=text.len() {
                let mut body = Scrubbed::new((), scrubber.clone());
                let mut got = Vec::new();
                for piece in [&text[..cut], &text[cut..second], &text[second..]] {
                    got.extend_from_slice(&body.feed(piece.as_bytes()));
                }
                got.extend_from_slice(&body.held);
                let got = String::from_utf8(got).expect("text");
                assert!(!got.contains("hunter2"), "{cut} {second}: {got}");
            }
        }
    }

    #[test]
    fn nothing_is_held_back_that_is_no_beginning() {
        let mut body = Scrubbed::new((), scrubber(&["hunter2"]));
        assert_eq!(body.feed(b"event: done\n"), "event: done\n");
        assert_eq!(body.feed(b"hunt"), "");
        assert_eq!(body.feed(b"ing"), "hunting");
    }

    #[test]
    fn a_json_value_is_cleaned_through_and_through() {
        let scrubber = scrubber(&["hunter2", "123456"]);
        let mut value = json!({ "a": ["x hunter2", 123_456, 7, null], "hunter2": true });
        assert!(scrubber.clean(&mut value));
        assert_eq!(
            value,
            json!({ "a": ["x [secret s0]", "[secret s1]", 7, null], "[secret s0]": true })
        );
        assert!(!scrubber.clean(&mut json!({ "a": "hunter" })));
    }

    #[test]
    fn what_is_too_short_is_not_looked_for() {
        let placeholder = Placeholder { name: "s".into(), text: "<>".into() };
        let forms = vec![SecretValue::new(b"abc".to_vec())];
        assert!(Scrubber::of(&[Spent { placeholder, forms }]).is_none());
    }
}
