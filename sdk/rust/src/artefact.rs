//! Files that a handler leaves and reads.
//!
//! [`put`] leaves a file and gives an [`Artefact`], a reference that is small wherever the file is not:
//! put it into the output, and a later task gets it in its input and [`read`]s it. The file is kept as
//! long as the run, whatever the result of the attempt, and can be downloaded from the host.
//!
//! ```
//! # use taskloom_sdk::testing::Host;
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use taskloom_sdk::{Result, artefact::{self, Artefact}};
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Output {
//!     report: Artefact,
//! }
//!
//! fn report() -> Result<Output> {
//!     let report = artefact::put("report.md", "text/markdown", "# All is well")?;
//!     Ok(Output { report })
//! }
//!
//! # let (output, record) = Host::new().run(|| report());
//! # assert_eq!(output.unwrap().report.name, "report.md");
//! # assert_eq!(record.artefacts[0].1, b"# All is well");
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Result, host};

/// A reference to a file that an attempt left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artefact {
    /// The SHA-256 of its bytes: `sha256:` and 64 hexadecimal digits.
    #[serde(rename = "artefact")]
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Its name.
    pub name: String,
    /// What its bytes are, such as `text/markdown`.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
}

/// Leaves a file. Its name has 1 to 128 letters, digits, `.`, `_` and `-`; a second file of the same
/// name takes the place of the first.
///
/// # Errors
/// Permanent: `invalid-artefact`, `artefact-too-large`, `artefacts-too-large`, `too-many-artefacts`
/// (limits of the host), `artefact-not-kept` (its disk).
pub fn put(name: &str, media_type: &str, content: impl AsRef<[u8]>) -> Result<Artefact> {
    host::put_artefact(name, media_type, content.as_ref())
}

/// Reads a file that the input of the attempt refers to.
///
/// # Errors
/// Permanent: `unknown-artefact` when the input does not refer to it, `unreadable-artefact` when it is
/// not kept any more or larger than the host's limit.
pub fn read(artefact: &Artefact) -> Result<Vec<u8>> {
    host::read_artefact(&artefact.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Host;

    #[test]
    fn what_is_left_can_be_read() {
        let (read, record) = Host::new().run(|| {
            let first = put("a.txt", "text/plain", "one").expect("left");
            put("a.txt", "text/plain", "two").expect("left");
            read(&first)
        });
        assert_eq!(read.expect("it is still there"), b"one");
        let [(artefact, content)] = &record.artefacts[..] else { panic!("{record:?}") };
        assert_eq!((artefact.bytes, &content[..]), (3, &b"two"[..]), "a name is there once");
    }

    #[test]
    fn what_nobody_left_cannot_be_read() {
        let artefact: Artefact = serde_json::from_value(serde_json::json!({
            "artefact": format!("sha256:{}", "0".repeat(64)),
            "name": "a", "media_type": "text/plain", "bytes": 0,
        }))
        .expect("a reference");
        let (read_it, _) = Host::new().run(|| read(&artefact));
        assert_eq!(read_it.expect_err("unknown").code(), "unknown-artefact");
    }

    #[test]
    fn a_test_can_give_files() {
        let (host, artefact) = Host::new().file("in.csv", "text/csv", "a,b");
        let (content, _) = host.run(|| read(&artefact));
        assert_eq!(content.expect("given"), b"a,b");
    }
}
