//! Secrets, which a handler uses and never sees.
//!
//! [`placeholder`] gives a text that stands for a secret. Put it where the secret belongs: into a header
//! (also behind `Bearer ` or as the password of [`basic`]), into a value of the query, or into the body of
//! a request. The host puts the secret in its place when the request leaves, if the operator's grant for
//! this secret names the request's destination; elsewhere the request is refused.
//!
//! ```
//! # use taskloom_sdk::testing::Host;
//! use taskloom_sdk::{Result, http::Request, secret};
//!
//! fn whoami() -> Result<String> {
//!     let token = secret::placeholder("github-token")?;
//!     let response = Request::get("https://api.github.com/user")
//!         .header("authorization", &format!("Bearer {token}"))
//!         .send()?;
//!     Ok(response.error_for_status()?.text()?)
//! }
//! # let host = Host::new().secret("github-token").answers(|request| {
//! #     assert_eq!(request.headers()[0].1, format!("Bearer {}", taskloom_sdk::testing::placeholder("github-token")));
//! #     Ok(taskloom_sdk::http::Response::new(200).with_body("octo"))
//! # });
//! # assert_eq!(host.run(whoami).0.unwrap(), "octo");
//! ```
//!
//! A plugin asks for secrets by `secrets: ["…"]` in [`plugin!`](crate::plugin!); the operator grants each
//! with its destinations in `plugins/<name>.policy.toml`.

use crate::{Result, host};

/// The text that stands for the secret `name` in this attempt. The same each time it is asked for.
///
/// # Errors
/// Permanent: `not-granted`, `unknown-secret` when the host has none of that name, `secret-unreadable`,
/// `too-many-secrets` (a limit of the host).
pub fn placeholder(name: &str) -> Result<String> {
    host::placeholder(name)
}

/// The value of an `authorization` header of the kind `Basic`, with a placeholder as the password: the
/// host looks into it.
pub fn basic(user: &str, placeholder: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{placeholder}").as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            let char = char::from(DIGITS[value as usize]);
            text.push(if digit > group.len() { '=' } else { char });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Host};

    #[test]
    fn a_secret_is_there_when_it_was_granted() {
        let (got, record) = Host::new().secret("token").run(|| {
            assert_eq!(placeholder("other").expect_err("not granted").code(), "not-granted");
            placeholder("token")
        });
        assert_eq!(got.expect("granted"), testing::placeholder("token"));
        assert_eq!(record.secrets, ["token"]);
    }

    #[test]
    fn basic_credentials_are_in_base64() {
        for (user, password, expected) in [
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("", "", "Basic Og=="),
            ("a", "b", "Basic YTpi"),
            ("a", "bc", "Basic YTpiYw=="),
            ("a", "bcd", "Basic YTpiY2Q="),
        ] {
            assert_eq!(basic(user, password), expected);
        }
    }
}
