//! Identities: every id is a type of its own, so that two of them cannot be swapped.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The longest workflow, task or plugin id, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// The longest name of a task of a run, in bytes: the ids of the lists it is in come before its own.
pub const TASK_ID_BYTES_MAX: usize = 4096;

/// The longest name of an option of a decision, in bytes: it stands in events and in texts for people.
const OPTION_BYTES_MAX: usize = 64;

/// Identifies one run. Time-ordered (UUID version 7, RFC 9562), so ids sort by start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// Wraps a UUID that the caller made; the core has no clock and no randomness of its own.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The 16 bytes of the id, as the store keeps them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

impl FromStr for RunId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId {
            kind: "run id",
            text: clip(text),
            rule: "a UUID such as `01890a5d-ac96-774b-bcce-b302099a8057`",
        })
    }
}

/// A text that is not an id of the kind it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: it must be {rule}")]
pub struct InvalidId {
    /// What the text was to name, such as `task id`.
    pub kind: &'static str,
    /// The text, shortened to fit a message.
    pub text: String,
    /// The rule in words.
    pub rule: &'static str,
}

/// Declares an id that is a checked, cheaply cloned text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $bytes_max:expr, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text and takes it as an id.
            ///
            /// # Errors
            /// When the text breaks the rule of this kind of id; the error states the rule.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if text.len() <= $bytes_max && check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { kind: $kind, text: clip(text), rule: $rule })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

text_id!(
    /// Names a workflow, such as `issue-triage`.
    WorkflowId,
    ID_BYTES_MAX,
    "workflow id",
    "lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes",
    |text| is_word(text, "-_")
);

text_id!(
    /// Names a task within its workflow, such as `classify`.
    ///
    /// No hyphen: `tasks.find-dups` would be a subtraction in an expression. Tasks made from
    /// data carry their place in brackets: `checks[12].lint`.
    TaskId,
    TASK_ID_BYTES_MAX,
    "task id",
    "lower-case letters, digits and `_`, beginning with a letter, of at most 128 bytes",
    is_task_name
);

impl TaskId {
    /// The name of the task `own` in the copy that the list `list` makes for its `item`-th item.
    pub fn within(list: &Self, item: u32, own: &Self) -> Self {
        Self(format!("{list}[{item}].{own}").into())
    }
}

text_id!(
    /// Names a plugin: the stem of its file in the plugins folder, such as `github`.
    PluginName,
    ID_BYTES_MAX,
    "plugin name",
    "lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes",
    |text| is_word(text, "-_")
);

text_id!(
    /// Names what a task runs: `plugin.name`, such as `github.classify-issue`.
    TaskType,
    ID_BYTES_MAX,
    "task type",
    "`plugin.name`, both of lower-case letters, digits, `-` and `_`, of at most 128 bytes",
    |text| text
        .split_once('.')
        .is_some_and(|(plugin, name)| is_word(plugin, "-_") && is_word(name, "-_"))
);

impl TaskType {
    /// The plugin that offers the task type.
    pub fn plugin(&self) -> PluginName {
        let (plugin, _) = self.0.split_once('.').expect("checked when it was made");
        PluginName(plugin.into())
    }

    /// The name of the task type within its plugin.
    pub fn name(&self) -> &str {
        self.0.split_once('.').expect("checked when it was made").1
    }
}

text_id!(
    /// Names a template of workflows, such as `issue-triage`.
    TemplateId,
    ID_BYTES_MAX,
    "template id",
    "lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes",
    |text| is_word(text, "-_")
);

text_id!(
    /// Names a trigger: `workflow.trigger`, such as `nightly-report.cron-1`.
    TriggerName,
    2 * ID_BYTES_MAX + 1,
    "trigger name",
    "`workflow.trigger`, both of lower-case letters, digits, `-` and `_`",
    |text| text
        .split_once('.')
        .is_some_and(|(workflow, name)| is_word(workflow, "-_") && is_word(name, "-_"))
);

text_id!(
    /// Names a context that runs share, such as `release-notes`.
    ContextName,
    ID_BYTES_MAX,
    "context name",
    "lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes",
    |text| is_word(text, "-_")
);

text_id!(
    /// Names an option of a decision, such as `high`.
    OptionId,
    OPTION_BYTES_MAX,
    "option",
    "letters, digits, `-` and `_`, at most 64 of them",
    |text| !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
);

/// The SHA-256 of some content: what two hosts agree is the same thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// Wraps bytes that were a digest before, such as those in the store.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest in hexadecimal, without the `sha256:` before it; fit for a file name.
    pub fn hex(&self) -> String {
        self.digits(str::to_owned)
    }

    /// Shows the digest in hexadecimal, without room on the heap: every result in the journal has two.
    fn digits<R>(&self, show: impl FnOnce(&str) -> R) -> R {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]));
        }
        show(str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.digits(|digits| f.write_str(digits))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            kind: "digest",
            text: clip(text),
            rule: "`sha256:` and 64 hexadecimal digits",
        };
        let hex = text.strip_prefix("sha256:").ok_or_else(invalid)?;
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte =
                u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Whether `text` is a lower-case word that begins with a letter and may hold `extra` characters.
fn is_word(text: &str, extra: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c))
}

/// Whether `text` is the name of a task: its id in the file, after the items it is in. Only the
/// items may make it longer than [`ID_BYTES_MAX`].
fn is_task_name(text: &str) -> bool {
    let mut own = text;
    while let Some((item, rest)) = own.split_once("].") {
        if item.len() > 2 * ID_BYTES_MAX {
            return false;
        }
        own = rest;
    }
    own.len() <= ID_BYTES_MAX && text.split('.').all(is_task_segment)
}

/// Whether `text` is a task's own name, with the index of its item if it has one.
fn is_task_segment(text: &str) -> bool {
    match text.split_once('[') {
        None => is_word(text, "_"),
        Some((name, index)) => {
            let digits = index.strip_suffix(']').unwrap_or("");
            is_word(name, "_") && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
        }
    }
}

/// A text short enough to stand in a message.
fn clip(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_fits_into_an_expression() {
        for good in ["a", "find_dups", "checks[12].lint", "v2"] {
            assert!(TaskId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "find-dups", "2nd", "A", "a b", "a[", "a[]", "a[x]", "a.", "ä"] {
            assert!(TaskId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_items_make_the_name_of_a_task_longer() {
        let own = TaskId::new(&"a".repeat(ID_BYTES_MAX)).expect("valid");
        let inner = TaskId::within(&TaskId::within(&own, 7, &own), 8, &own);
        assert_eq!(TaskId::new(inner.as_str()), Ok(inner));
        for bad in ["a".repeat(ID_BYTES_MAX + 1), format!("{own}.reduce"), format!("x[1].a{own}")] {
            assert!(TaskId::new(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_task_type_names_its_plugin() {
        let task_type = TaskType::new("github.classify-issue").expect("valid");
        assert_eq!(task_type.plugin().as_str(), "github");
        assert_eq!(task_type.name(), "classify-issue");
        for bad in ["github", "github.", ".x", "a.b.c", "Git.hub"] {
            assert!(TaskType::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_survives_its_text_form() {
        let digest = Digest::of(b"taskloom");
        assert_eq!(digest.to_string().parse::<Digest>().expect("valid"), digest);
        assert!("sha256:zz".parse::<Digest>().is_err());
        assert!(format!("sha256:{}", "é".repeat(32)).parse::<Digest>().is_err());
    }

    #[test]
    fn an_invalid_id_says_the_rule_and_stays_short() {
        let error = WorkflowId::new(&"X".repeat(500)).expect_err("too long");
        assert!(error.to_string().len() < 400, "{error}");
        assert!(error.to_string().contains("lower-case letters"), "{error}");
    }
}
