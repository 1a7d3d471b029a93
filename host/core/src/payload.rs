//! JSON values that the journal refers to: inputs, outputs, details.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::id::Digest;

/// Up to this many bytes a value lies in the event itself; larger ones lie in the store once,
/// under their digest. Small, so that reading a journal stays cheap.
pub const INLINE_BYTES_MAX: usize = 1024;

/// Refers to a JSON text: by digest always, with the text itself when it is small.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PayloadRef {
    /// The SHA-256 of the text.
    pub digest: Digest,
    /// The length of the text in bytes.
    pub bytes: u64,
    /// The text, if it is at most [`INLINE_BYTES_MAX`] long.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub inline: Option<Box<RawValue>>,
}

/// Reads a text that is there: also the text `null`, which would else be taken for none.
fn present<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(reader).map(Some)
}

impl PayloadRef {
    /// Refers to `text`, which must be JSON, and says whether the store has to keep it.
    ///
    /// # Errors
    /// When `text` is not JSON.
    pub fn of(text: &str) -> Result<Self, serde_json::Error> {
        let inline = if text.len() <= INLINE_BYTES_MAX {
            Some(RawValue::from_string(text.to_owned())?)
        } else {
            serde_json::from_str::<serde::de::IgnoredAny>(text)?;
            None
        };
        Ok(Self { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64, inline })
    }

    /// The value `null`.
    pub fn null() -> Self {
        Self::small(&serde_json::Value::Null)
    }

    /// A value of a few bytes that the planner itself makes.
    ///
    /// # Panics
    /// When it has more than [`INLINE_BYTES_MAX`] bytes: the store would have to keep it.
    pub(crate) fn small(value: &serde_json::Value) -> Self {
        let payload = Self::of(&value.to_string()).expect("a JSON value prints as JSON");
        assert!(payload.inline.is_some(), "the planner makes only small values");
        payload
    }

    /// The text, when it lies in the reference itself.
    pub fn inline_text(&self) -> Option<&str> {
        self.inline.as_deref().map(RawValue::get)
    }
}

impl PartialEq for PayloadRef {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for PayloadRef {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_travel_in_the_reference() {
        let small = PayloadRef::of(r#"{"a":1}"#).expect("JSON");
        assert_eq!(small.inline_text(), Some(r#"{"a":1}"#));
        let large = PayloadRef::of(&format!("\"{}\"", "x".repeat(2000))).expect("JSON");
        assert_eq!((large.inline_text(), large.bytes), (None, 2002));
        assert!(PayloadRef::of("{").is_err());
    }

    #[test]
    fn a_reference_survives_the_journal() {
        let payload = PayloadRef::of("[1, 2]").expect("JSON");
        let text = serde_json::to_string(&payload).expect("serialises");
        let back: PayloadRef = serde_json::from_str(&text).expect("reads back");
        assert_eq!(back.inline_text(), Some("[1, 2]"));
        assert_eq!(back, payload);
        let null = serde_json::to_string(&PayloadRef::null()).expect("serialises");
        let back: PayloadRef = serde_json::from_str(&null).expect("reads back");
        assert_eq!(back.inline_text(), Some("null"), "nothing is a value too");
    }
}
