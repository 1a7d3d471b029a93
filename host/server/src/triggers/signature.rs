//! Checks who sent a request: HMAC-SHA-256 (RFC 2104) over its body, as GitHub has it, and the scheme
//! of <https://www.standardwebhooks.com>. Compares in constant time, and never says which part is
//! wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::HeaderMap;
use sha2::Sha256;
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::Verify;

use crate::secrets::Secret;

/// The headers that may hold the HMAC of a body, in hexadecimal, perhaps after `sha256=`.
pub const HMAC_HEADERS: [&str; 2] = ["x-hub-signature-256", "x-signature-256"];

/// How far the time of a request of Standard Webhooks may be from now, in seconds.
const TOLERANCE_SECONDS: i64 = 5 * 60;

/// The prefix of secrets of Standard Webhooks; what follows is base64.
const SECRET_PREFIX: &[u8] = b"whsec_";

/// Whether a request was signed with the secret. Without one only `verify = "none"` lets it pass.
pub fn is_genuine(
    verify: Verify,
    secret: Option<&Secret>,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> bool {
    match (verify, secret) {
        (Verify::None, _) => true,
        (_, None) => false,
        (Verify::HmacSha256, Some(secret)) => has_hmac(secret.expose(), headers, body),
        (Verify::StandardWebhooks, Some(secret)) => {
            is_standard(secret.expose(), headers, body, now)
        }
    }
}

fn has_hmac(secret: &[u8], headers: &HeaderMap, body: &[u8]) -> bool {
    let mut values = HMAC_HEADERS.iter().filter_map(|name| one(headers, name));
    values.any(|value| {
        let hex = value.strip_prefix("sha256=").unwrap_or(value);
        from_hex(hex).is_some_and(|expected| is_mac(secret, &[body], &expected))
    })
}

fn is_standard(secret: &[u8], headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let named = |name| one(headers, name);
    let (Some(id), Some(time), Some(signatures)) =
        (named("webhook-id"), named("webhook-timestamp"), named("webhook-signature"))
    else {
        return false;
    };
    let Ok(seconds) = time.parse::<i64>() else { return false };
    if (now.as_ms() / 1_000).saturating_sub(seconds).unsigned_abs()
        > TOLERANCE_SECONDS.unsigned_abs()
    {
        return false;
    }
    let key = match secret.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => secret.to_vec(),
    };
    // An empty key would let anybody sign.
    if key.is_empty() {
        return false;
    }
    let signed: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let mut signatures = signatures.split(' ').filter_map(|part| part.strip_prefix("v1,"));
    signatures.any(|signature| {
        STANDARD.decode(signature).is_ok_and(|expected| is_mac(&key, &signed, &expected))
    })
}

fn is_mac(key: &[u8], parts: &[&[u8]], expected: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(expected).is_ok()
}

/// A header that stands there once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::secrets::{Origin, Secrets};

    fn secret(text: &str) -> Secret {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, text).expect("written");
        let mut secrets = Secrets::default();
        secrets.insert("it", Origin::File(file));
        secrets.read("it").expect("it is there")
    }

    fn headers(entries: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in entries {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    /// The example of GitHub's documentation on validating deliveries.
    #[test]
    fn the_example_of_github_is_genuine() {
        let secret = secret("It's a Secret to Everybody");
        let hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let check = |value: &str, body: &[u8]| {
            let headers = headers(&[("x-hub-signature-256", value)]);
            is_genuine(Verify::HmacSha256, Some(&secret), &headers, body, Timestamp::from_ms(0))
        };
        assert!(check(&format!("sha256={hex}"), b"Hello, World!"));
        assert!(check(hex, b"Hello, World!"));
        assert!(!check(&format!("sha256={hex}"), b"Hello, World?"));
        for wrong in ["", "sha256=", "sha256=75", "sha1=757107ea", &hex[1..], &"zz".repeat(32)] {
            assert!(!check(wrong, b"Hello, World!"), "{wrong}");
        }
        let twice = headers(&[("x-hub-signature-256", hex), ("x-hub-signature-256", hex)]);
        let now = Timestamp::from_ms(0);
        assert!(!is_genuine(Verify::HmacSha256, Some(&secret), &twice, b"Hello, World!", now));
        assert!(!is_genuine(Verify::HmacSha256, None, &twice, b"Hello, World!", now));
    }

    /// The example of the specification of Standard Webhooks' reference libraries.
    #[test]
    fn the_example_of_standard_webhooks_is_genuine_for_five_minutes() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, time) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let check = |id: &str, signature: &str, seconds: i64| {
            let headers = headers(&[
                ("webhook-id", id),
                ("webhook-timestamp", time),
                ("webhook-signature", signature),
            ]);
            let now = Timestamp::from_ms(seconds * 1_000);
            let body = br#"{"test": 2432232314}"#;
            is_genuine(Verify::StandardWebhooks, Some(&secret), &headers, body, now)
        };
        let sent = 1_614_265_330;
        assert!(check(id, signature, sent));
        assert!(check(id, &format!("v1,AAAA v2,x {signature}"), sent));
        assert!(check(id, signature, sent + 300) && check(id, signature, sent - 300));
        assert!(!check(id, signature, sent + 301) && !check(id, signature, sent - 301));
        assert!(!check("msg_other", signature, sent));
        assert!(!check(id, "v1,AAAA", sent) && !check(id, &signature[3..], sent));
    }
}
