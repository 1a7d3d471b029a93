//! Calls that use what an operator can grant, and say what they got.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use taskloom_sdk::http::{Method, Request};
use taskloom_sdk::log::{self, Level};
use taskloom_sdk::{Error, Result, ai, artefact, context, metric, progress, secret};

use crate::exhaust::Nothing;

/// What stands for the placeholder of the secret `token` in texts of the input; `{spare}` and
/// `{password}` for the others. With `/head` and `/tail` behind the name for a half of it, with `/percent` and
/// `/base64` for it in another form.
const NAMES: [&str; 3] = ["token", "spare", "password"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendSecret {
    /// Secrets of which a placeholder is asked for, beside those that stand in a text.
    #[serde(default)]
    ask: Vec<String>,
    url: Option<String>,
    method: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    /// The user of `authorization: Basic …`, with the secret `password`.
    basic: Option<String>,
    body: Option<String>,
    /// Tells the answer to everybody who listens, and fails with it.
    #[serde(default)]
    leak: bool,
    /// Goes where the answer sends it, once.
    #[serde(default)]
    follow: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Sent {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

pub(crate) fn send_secret(input: SendSecret) -> Result<Sent> {
    for name in &input.ask {
        secret::placeholder(name)?;
    }
    let method = input.method.as_deref().unwrap_or("GET").parse::<Method>()?;
    let Some(url) = &input.url else {
        return Ok(Sent { status: 0, headers: vec![], body: String::new() });
    };
    let mut request = Request::new(method, with_placeholders(url)?);
    for (name, value) in &input.headers {
        let value = with_placeholders(value.as_str().unwrap_or_default())?;
        request = request.header(&with_placeholders(name)?, &value);
    }
    if let Some(user) = &input.basic {
        let password = secret::placeholder("password")?;
        request = request.header("authorization", secret::basic(user, &password));
    }
    request = request.body(with_placeholders(&input.body.unwrap_or_default())?);
    let mut response = request.send()?;
    if input.follow
        && let Some(next) = response.header("location")
    {
        response = Request::get(next).send()?;
    }
    let (status, headers) = (response.status(), response.headers().to_vec());
    let body = response.text()?;
    if input.leak { leak(&headers, &body) } else { Ok(Sent { status, headers, body }) }
}

/// Says what came back in every way that a guest can say something.
fn leak(headers: &[(String, String)], body: &str) -> Result<Sent> {
    let fields = serde_json::json!({ "body": body, "headers": headers });
    log::write(Level::Error, body, Some(&fields));
    progress(0.5, body);
    metric(&body.to_lowercase(), 1.0);
    context::set("seen", body)?;
    artefact::put("body.txt", "text/plain", body)?;
    Err(Error::permanent(body, body).with_details(fields))
}

/// `text` with a placeholder for every `{name}`, and a part or another form of it for every `{name/form}`.
fn with_placeholders(text: &str) -> Result<String> {
    let mut text = text.to_owned();
    for name in NAMES {
        if !text.contains(&format!("{{{name}")) {
            continue;
        }
        let whole = secret::placeholder(name)?;
        let (head, tail) = whole.split_at(whole.len() / 2);
        let percent = format!("%{:02x}{}", whole.as_bytes()[0], &whole[1..]);
        let basic = secret::basic("me", &whole);
        let base64 = basic.trim_start_matches("Basic ");
        for (form, value) in [
            ("", &*whole),
            ("/head", head),
            ("/tail", tail),
            ("/percent", &*percent),
            ("/base64", base64),
        ] {
            text = text.replace(&format!("{{{name}{form}}}"), value);
        }
    }
    Ok(text)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskModel {
    prompt: String,
    schema: Option<Value>,
    max_output_tokens: Option<u64>,
    /// How often it asks; once if nothing is said.
    times: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Asked {
    text: String,
    value: Option<Value>,
    model: String,
    input_tokens: u64,
    output_tokens: u64,
}

pub(crate) fn ask_model(input: AskModel) -> Result<Asked> {
    let mut request = ai::Request::new().system("You are a test.").user(input.prompt);
    if let Some(schema) = input.schema {
        request = request.schema(schema);
    }
    if let Some(tokens) = input.max_output_tokens {
        request = request.max_output_tokens(tokens);
    }
    for _ in 1..input.times.unwrap_or(1) {
        request.complete()?;
    }
    let ai::Answer { text, value, model, usage } = request.complete()?;
    let ai::Usage { input_tokens, output_tokens } = usage;
    Ok(Asked { text, value, model, input_tokens, output_tokens })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UseContext {
    /// Names to set, each with its value.
    #[serde(default)]
    set: Map<String, Value>,
    /// Names to read afterwards.
    #[serde(default)]
    get: Vec<String>,
    /// Fails at the end.
    #[serde(default)]
    fail: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Got {
    /// What was read; null where there is nothing.
    got: Map<String, Value>,
}

pub(crate) fn use_context(input: UseContext) -> Result<Got> {
    for (name, value) in &input.set {
        context::set(name, value)?;
    }
    let mut got = Map::new();
    for name in input.get {
        let value = context::get(&name)?;
        got.insert(name, value.unwrap_or(Value::Null));
    }
    if input.fail {
        return Err(Error::permanent("asked-for", "the input asks for a failure"));
    }
    Ok(Got { got })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusals {
    /// How often it asks for what it is refused.
    times: u32,
}

/// Reads a name of the context again and again, granted or not.
pub(crate) fn flood_refusals(input: Refusals) -> Result<Nothing> {
    for _ in 0..input.times {
        let _ = context::get::<Value>("refused");
    }
    Ok(Nothing {})
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measure {
    /// Names, each with its value.
    values: Vec<(String, f64)>,
}

pub(crate) fn measure(input: Measure) -> Result<Nothing> {
    input.values.iter().for_each(|(name, value)| metric(name, *value));
    Ok(Nothing {})
}
