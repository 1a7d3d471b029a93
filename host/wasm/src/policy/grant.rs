//! The sections of a policy: `[[http]]`, `[[secrets]]`, `[ai]`, `[context]`, `[reuse]`.

use http::Method;
use taskloom_connectors::egress::{Grant, HostPattern, Scheme};
use taskloom_core::document::{Step, Table};
use taskloom_core::plugin::ContextNames;

use super::{AiGrant, Reuse, Within};

/// The methods that a grant can name.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The most tokens that can be granted.
const TOKENS_MAX: i64 = 1_000_000_000;

/// The most calls that one instance can be granted.
const CALLS_MAX: i64 = 1_000_000;

/// The most money that can be granted, in US dollars.
const USD_MAX: f64 = 1_000_000.0;

/// Requests to models that a run can have under way at once when nobody says what one may cost.
const REQUESTS_AT_ONCE: u64 = 4;

/// One `[[http]]` section.
pub(super) fn http(mut table: Table<'_>) -> Option<Grant> {
    let grant = destination(&mut table, &[Method::GET, Method::HEAD]);
    table.finish();
    grant
}

/// One `[[secrets]]` section: a secret, and where it may go. By any method, since `[[http]]` says by
/// which requests are made at all.
pub(super) fn secret(mut table: Table<'_>) -> Option<(String, Grant)> {
    table.require(&["name"]);
    let name = table.string("name");
    if name.as_ref().is_some_and(|name| name.is_empty() || name == "*") {
        let help = Some("each secret is granted by its name".to_owned());
        table.report(&["name".into()], "invalid-value", "must be the name of a secret", help);
    }
    let grant = destination(&mut table, &METHODS);
    table.finish();
    Some((name?, grant?))
}

/// The `[ai]` section.
pub(super) fn ai(mut table: Table<'_>) -> AiGrant {
    let mut tokens = |key| table.integer(key, 1..=TOKENS_MAX).map(i64::unsigned_abs);
    let (call, run) = (tokens("tokens_per_call"), tokens("tokens_per_run"));
    let mut usd = |key| table.float(key, 0.0..=USD_MAX).map(micros);
    let (usd_call, usd_run) = (usd("usd_per_call"), usd("usd_per_run"));
    table.finish();
    let default = AiGrant::DEFAULT;
    let usd_run = usd_run.unwrap_or(default.usd_micros_per_run);
    AiGrant {
        tokens_per_call: call.unwrap_or(default.tokens_per_call),
        tokens_per_run: run.unwrap_or(default.tokens_per_run),
        usd_micros_per_call: usd_call.unwrap_or(usd_run / REQUESTS_AT_ONCE).max(1),
        usd_micros_per_run: usd_run,
    }
}

/// US dollars, at most [`USD_MAX`], in millionths.
fn micros(usd: f64) -> u64 {
    (usd * 1e6).round() as u64
}

/// The `[context]` section.
pub(super) fn context(mut table: Table<'_>) -> ContextNames {
    let mut names = |key| table.strings(key).unwrap_or_default();
    let names = ContextNames { read: names("read"), write: names("write") };
    table.finish();
    names
}

/// The `[reuse]` section.
pub(super) fn reuse(mut table: Table<'_>) -> Reuse {
    let within = table.choice("within", &Within::ALL.map(|within| (within.as_str(), within)));
    let calls = table.integer("calls", 1..=CALLS_MAX).and_then(|calls| u32::try_from(calls).ok());
    table.finish();
    let default = Reuse::DEFAULT;
    Reuse { within: within.unwrap_or(default.within), calls: calls.unwrap_or(default.calls) }
}

/// Where requests may go.
fn destination(table: &mut Table<'_>, methods_unless_said: &[Method]) -> Option<Grant> {
    table.require(&["host"]);
    let host = table.parsed::<HostPattern>("host");
    let port = table.integer("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    let schemes = words(table, "schemes", &[Scheme::Http, Scheme::Https], |scheme| scheme.as_str());
    let methods = words(table, "methods", &METHODS, |method| method.as_str());
    let path_prefix = table.string("path_prefix");
    if path_prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/')) {
        table.report(&["path_prefix".into()], "invalid-value", "must begin with `/`", None);
    }
    let mut grant = Grant::new(host?);
    grant.port = port;
    grant.schemes = schemes.unwrap_or(grant.schemes);
    grant.methods = methods.unwrap_or_else(|| methods_unless_said.to_vec());
    grant.path_prefix = path_prefix.unwrap_or(grant.path_prefix);
    Some(grant)
}

/// A list of words that stand for `known` values.
fn words<'d, T: Clone>(
    table: &mut Table<'d>,
    key: &'d str,
    known: &[T],
    word: impl for<'a> Fn(&'a T) -> &'a str,
) -> Option<Vec<T>> {
    let mut values = Vec::new();
    let texts = table.strings(key)?;
    for (place, text) in texts.iter().enumerate() {
        match known.iter().find(|value| word(value) == text) {
            Some(value) => values.push(value.clone()),
            None => {
                let list: Vec<_> = known.iter().map(|value| format!("`{}`", word(value))).collect();
                let help = Some(format!("it must be one of {}", list.join(", ")));
                let message = format!("unknown value `{}`", crate::guest::cut(text, 80));
                table.report(&[Step::Key(key), place.into()], "unknown-value", message, help);
            }
        }
    }
    Some(values)
}
