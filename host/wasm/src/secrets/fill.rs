//! Puts secrets into a request, where their placeholders stand.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, PROXY_AUTHORIZATION,
};
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use taskloom_connectors::egress::{Outgoing, Target};

use super::{Held, Placeholder, Spent, read};
use crate::outside::OutsideParts;
use crate::ports::SecretValue;

/// What stands for itself in a query or a form (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base64 as clients write it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request that may leave, and the names of the secrets in it.
pub(crate) struct Filled {
    pub(crate) outgoing: Outgoing,
    pub(crate) secrets: Vec<Arc<str>>,
}

/// A secret for this request.
struct Fill {
    placeholder: Placeholder,
    value: SecretValue,
}

impl Held {
    /// Puts secrets in the place of their placeholders, if each may go where the request goes.
    ///
    /// # Errors
    /// Why the request must not leave, in words.
    pub(crate) async fn fill(
        &self,
        outgoing: Outgoing,
        parts: &Arc<OutsideParts>,
    ) -> Result<Filled, String> {
        let placeholders = self.with(|state| state.placeholders.clone());
        let mut fills = Vec::new();
        for placeholder in placeholders {
            if !is_mentioned(&placeholder, &outgoing) {
                continue;
            }
            check(&placeholder, &outgoing.target, parts)?;
            let value = read(parts, &placeholder.name)
                .await
                .map_err(|problem| format!("{} was not sent: {problem}", outgoing.target))?;
            fills.push(Fill { placeholder, value });
        }
        if fills.is_empty() {
            return Ok(Filled { outgoing, secrets: Vec::new() });
        }
        // Noted before it leaves: whatever comes back is looked through.
        self.with(|state| {
            for Fill { placeholder, value } in &fills {
                note(&mut state.spent, placeholder, value);
            }
        });
        let outgoing = replace(self, outgoing, &fills)?;
        let secrets = fills.into_iter().map(|fill| fill.placeholder.name).collect();
        Ok(Filled { outgoing, secrets })
    }
}

/// Whether the request goes where the grant of the secret says.
fn check(placeholder: &Placeholder, target: &Target, parts: &OutsideParts) -> Result<(), String> {
    let Placeholder { name, text } = placeholder;
    let host_or_path = [target.host(), target.path()];
    if host_or_path.iter().any(|part| contains(part.as_bytes(), text)) {
        return Err(format!(
            "a request to {} was refused: the secret `{name}` stands in its address; secrets go into \
             headers, the query and the body",
            target.authority().replace(&**text, "…")
        ));
    }
    let policy = parts.policy.get();
    let origin = policy.origin();
    let Some(grants) = policy.secret(name) else {
        return Err(format!(
            "{target} was refused: {origin} does not grant the secret `{name}` any more"
        ));
    };
    let section = format!("[[secrets]] name = \"{name}\",");
    grants.check_as(target, &section).map_err(|why| {
        format!("{target} was refused with the secret `{name}` in it: {origin} {why}")
    })
}

fn is_mentioned(placeholder: &Placeholder, outgoing: &Outgoing) -> bool {
    let Outgoing { target, headers, body } = outgoing;
    let text = &placeholder.text;
    contains(target.url().as_str().as_bytes(), text)
        || contains(body, text)
        || headers.iter().any(|(name, value)| {
            let basic = || credentials(name, value).is_some_and(|plain| contains(&plain, text));
            contains(name.as_str().as_bytes(), text) || contains(value.as_bytes(), text) || basic()
        })
}

fn contains(text: &[u8], placeholder: &str) -> bool {
    memmem::find(text, placeholder.as_bytes()).is_some()
}

/// What a header of the kind `Basic` says, decoded.
fn credentials(name: &http::HeaderName, value: &HeaderValue) -> Option<Vec<u8>> {
    if *name != AUTHORIZATION && *name != PROXY_AUTHORIZATION {
        return None;
    }
    let text = value.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    BASE64.decode(encoded.trim()).ok()
}

fn replace(held: &Held, outgoing: Outgoing, fills: &[Fill]) -> Result<Outgoing, String> {
    let Outgoing { mut target, headers, body } = outgoing;
    if let Some(query) = target.url().query() {
        let filled = fill_text(query.as_bytes(), fills, percent_encoded);
        let filled = String::from_utf8(filled).map_err(|_| unfit("the query", fills))?;
        target = target.with_query(&filled).map_err(|_| unfit("the query", fills))?;
    }
    let form = Form::of(&headers);
    let headers = fill_headers(held, headers, fills)?;
    let body = if fills.iter().any(|fill| contains(&body, &fill.placeholder.text)) {
        Bytes::from(fill_text(&body, fills, |value| form.written(value)))
    } else {
        body
    };
    Ok(Outgoing { target, headers, body })
}

fn fill_headers(held: &Held, headers: HeaderMap, fills: &[Fill]) -> Result<HeaderMap, String> {
    let mut filled = HeaderMap::with_capacity(headers.len());
    for (name, value) in &headers {
        if fills.iter().any(|fill| contains(name.as_str().as_bytes(), &fill.placeholder.text)) {
            return Err("a request was refused: a secret stands in the name of a header".to_owned());
        }
        // An answer that is compressed could not be looked through.
        if *name == ACCEPT_ENCODING {
            continue;
        }
        let mut bytes = fill_text(value.as_bytes(), fills, <[u8]>::to_vec);
        if let Some(plain) = credentials(name, value) {
            let encoded = BASE64.encode(fill_text(&plain, fills, <[u8]>::to_vec));
            if let Some(fill) = fills.iter().find(|fill| contains(&plain, &fill.placeholder.text)) {
                held.with(|state| note_form(&mut state.spent, fill, encoded.as_bytes()));
            }
            bytes = format!("Basic {encoded}").into_bytes();
        }
        // A line break in a secret must not become one between headers.
        let mut value = HeaderValue::from_bytes(&bytes)
            .map_err(|_| unfit(&format!("the header `{name}`"), fills))?;
        value.set_sensitive(true);
        filled.append(name.clone(), value);
    }
    Ok(filled)
}

/// A secret that cannot stand where it should.
fn unfit(place: &str, fills: &[Fill]) -> String {
    let names: Vec<_> = fills.iter().map(|fill| format!("`{}`", fill.placeholder.name)).collect();
    format!(
        "a request was not sent: {place} cannot hold the secret {}, which has control characters or is \
         no text",
        names.join(" or ")
    )
}

/// Puts each secret, written as `write` says, in its place.
fn fill_text(text: &[u8], fills: &[Fill], write: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    // Placeholders are of one form, and none is a part of another.
    while let Some((at, fill)) = first(rest, fills) {
        filled.extend_from_slice(&rest[..at]);
        filled.extend_from_slice(&write(fill.value.expose()));
        rest = &rest[at + fill.placeholder.text.len()..];
    }
    filled.extend_from_slice(rest);
    filled
}

fn first<'f>(text: &[u8], fills: &'f [Fill]) -> Option<(usize, &'f Fill)> {
    let at =
        |fill: &'f Fill| memmem::find(text, fill.placeholder.text.as_bytes()).map(|at| (at, fill));
    fills.iter().filter_map(at).min_by_key(|(at, _)| *at)
}

/// How a body writes what stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    UrlEncoded,
    Other,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Self::UrlEncoded,
            json if json.ends_with("/json") || json.ends_with("+json") => Self::Json,
            _ => Self::Other,
        }
    }

    fn written(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Json => json_escaped(value),
            Self::UrlEncoded => percent_encoded(value),
            Self::Other => value.to_vec(),
        }
    }
}

fn percent_encoded(value: &[u8]) -> Vec<u8> {
    percent_encode(value, PLAIN).to_string().into_bytes()
}

/// As it stands between the quotes of a JSON string.
fn json_escaped(value: &[u8]) -> Vec<u8> {
    let quoted = serde_json::Value::from(String::from_utf8_lossy(value)).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

/// Remembers a value that goes out, in every form in which it may come back.
fn note(spent: &mut Vec<Spent>, placeholder: &Placeholder, value: &SecretValue) {
    let bytes = value.expose();
    let forms = [
        bytes.to_vec(),
        percent_encoded(bytes),
        json_escaped(bytes),
        BASE64.encode(bytes).into_bytes(),
    ];
    let entry = match spent.iter_mut().find(|known| known.placeholder.name == placeholder.name) {
        Some(known) => known,
        None => {
            spent.push(Spent { placeholder: placeholder.clone(), forms: Vec::new() });
            spent.last_mut().expect("just pushed")
        }
    };
    for form in forms.map(SecretValue::new) {
        if !entry.forms.contains(&form) {
            entry.forms.push(form);
        }
    }
}

/// Remembers one more form in which a value went out.
fn note_form(spent: &mut [Spent], fill: &Fill, form: &[u8]) {
    let mut known = spent.iter_mut();
    if let Some(known) = known.find(|known| known.placeholder.name == fill.placeholder.name) {
        let form = SecretValue::new(form.to_vec());
        if !known.forms.contains(&form) {
            known.forms.push(form);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn fills(value: &str) -> Vec<Fill> {
        let placeholder = Placeholder { name: "token".into(), text: "taskloomsecret00".into() };
        vec![Fill { placeholder, value: SecretValue::new(value.as_bytes().to_vec()) }]
    }

    fn request(url: &str, headers: &[(&str, &str)], body: &str) -> Outgoing {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        let target = Target::of(Method::POST, url).expect("a URL");
        Outgoing { target, headers: map, body: Bytes::from(body.to_owned()) }
    }

    fn replaced(value: &str, outgoing: Outgoing) -> Result<Outgoing, String> {
        replace(&Held::default(), outgoing, &fills(value))
    }

    #[test]
    fn a_secret_stands_where_its_placeholder_stood_as_the_place_writes_it() {
        let json = ("content-type", "application/vnd.x+json; charset=utf-8");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let secret = "a\"b &c";
        for (headers, body) in [
            (json, r#"{"k":"a\"b &c"}"#),
            (form, r#"{"k":"a%22b%20%26c"}"#),
            (("content-type", "text/plain"), "{\"k\":\"a\"b &c\"}"),
        ] {
            let outgoing = request(
                "https://a.test/x?y=taskloomsecret00&z=1",
                &[
                    headers,
                    ("authorization", "Bearer taskloomsecret00"),
                    ("accept-encoding", "gzip"),
                ],
                r#"{"k":"taskloomsecret00"}"#,
            );
            let filled = replaced(secret, outgoing).expect("fits");
            assert_eq!(filled.target.url().as_str(), "https://a.test/x?y=a%22b%20%26c&z=1");
            assert_eq!(filled.headers["authorization"], "Bearer a\"b &c");
            assert!(filled.headers["authorization"].is_sensitive());
            assert!(
                !filled.headers.contains_key("accept-encoding"),
                "answers can be looked through"
            );
            assert_eq!(filled.body, body.as_bytes());
        }
    }

    #[test]
    fn the_password_of_basic_credentials_is_found_in_base64() {
        let encoded = BASE64.encode("me:taskloomsecret00");
        for header in
            [format!("Basic {encoded}"), format!("basic {}", encoded.trim_end_matches('='))]
        {
            let outgoing = request("https://a.test/", &[("authorization", &header)], "");
            let [fill] = &fills("x")[..] else { panic!("one") };
            assert!(is_mentioned(&fill.placeholder, &outgoing), "{header}");
            let filled = replaced("pass", outgoing).expect("fits");
            assert_eq!(
                filled.headers["authorization"],
                format!("Basic {}", BASE64.encode("me:pass"))
            );
        }
    }

    #[test]
    fn a_line_break_in_a_secret_makes_no_header() {
        let outgoing = request("https://a.test/", &[("x-key", "taskloomsecret00")], "");
        let error = replaced("a\r\nx-admin: yes", outgoing).expect_err("no header");
        assert!(error.contains("the header `x-key` cannot hold the secret `token`"), "{error}");
        assert!(!error.contains("admin"), "{error}");
    }
}
