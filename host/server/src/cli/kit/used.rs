//! What a call used of what it may use.

use taskloom_core::attempt::AiUse;

use super::super::show;
use super::result::Tried;

/// A resource of a call.
pub(super) struct Used {
    /// Its name for programs.
    pub(super) key: &'static str,
    /// Its name for people.
    name: &'static str,
    shown: fn(u64) -> String,
    pub(super) used: u64,
    pub(super) limit: u64,
}

type UsedOfLimit = (u64, u64);

impl Used {
    fn new(
        key: &'static str,
        name: &'static str,
        shown: fn(u64) -> String,
        (used, limit): UsedOfLimit,
    ) -> Self {
        Self { key, name, shown, used, limit }
    }
}

/// What every call uses.
pub(super) fn always(tried: &Tried) -> Vec<Used> {
    let usage = &tried.report.usage;
    let time_ms = u64::try_from(tried.time.as_millis()).unwrap_or(u64::MAX);
    let (fuel, calls) = ((usage.fuel_used, usage.fuel_limit), usage.host_calls_limit);
    let memory = (usage.memory_peak_bytes, usage.memory_limit_bytes);
    let output = (usage.output_bytes, usage.output_limit_bytes);
    vec![
        Used::new("fuel", "fuel", show::count, fuel),
        Used::new("memory_bytes", "memory", show::bytes, memory),
        Used::new("time_ms", "time", |ms| format!("{ms} ms"), (time_ms, usage.timeout_ms)),
        Used::new("host_calls", "host calls", number, (usage.host_calls, calls)),
        Used::new("output_bytes", "output", show::bytes, output),
    ]
}

/// What a call uses that asks or says something.
pub(super) fn sometimes(tried: &Tried) -> Vec<Used> {
    let (usage, limits) = (&tried.report.usage, &tried.limits);
    let responses = (usage.response_bytes, limits.response_bytes);
    let log = (usage.log_bytes, usage.log_bytes_limit);
    let files = (usage.artefacts.len() as u64, limits.artefacts);
    let in_files = usage.artefacts.iter().map(|artefact| artefact.bytes).sum();
    let metrics = (usage.metrics.len() as u64, limits.metrics);
    let AiUse { requests, input_tokens, output_tokens, run_tokens_limit, .. } = ai(tried);
    let AiUse { usd_micros, run_usd_micros_limit, .. } = ai(tried);
    let tokens = input_tokens.saturating_add(output_tokens);
    vec![
        Used::new("requests", "requests", number, (usage.requests, limits.requests)),
        Used::new("response_bytes", "responses", show::bytes, responses),
        Used::new("log_lines", "log lines", number, (usage.log_lines, usage.log_lines_limit)),
        Used::new("log_bytes", "log", show::bytes, log),
        Used::new("artefacts", "files", number, files),
        Used::new("artefacts_bytes", "in files", show::bytes, (in_files, limits.artefacts_bytes)),
        Used::new("metrics", "measurements", number, metrics),
        Used::new("ai_requests", "questions", number, (requests, limits.ai_requests)),
        Used::new("ai_tokens", "tokens", number, (tokens, run_tokens_limit)),
        Used::new("ai_usd_micros", "spent", usd, (usd_micros, run_usd_micros_limit)),
    ]
}

fn ai(tried: &Tried) -> AiUse {
    tried.report.usage.capabilities.as_ref().and_then(|uses| uses.ai).unwrap_or_default()
}

/// For people: a line of what every call uses, and one of what this call used beside it, if anything.
pub(super) fn told(always: &[Used], sometimes: &[Used]) -> Vec<String> {
    let part = |Used { name, shown, used, limit, .. }: &Used| {
        format!("{name} {}/{}", shown(*used), shown(*limit))
    };
    let always: Vec<_> = always.iter().map(part).collect();
    let sometimes: Vec<_> = sometimes.iter().filter(|used| used.used > 0).map(part).collect();
    let lines = [always, sometimes].into_iter().filter(|parts| !parts.is_empty());
    lines.map(|parts| parts.join("  ")).collect()
}

fn number(number: u64) -> String {
    number.to_string()
}

/// Millionths of a US dollar.
fn usd(micros: u64) -> String {
    let (whole, parts) = (micros / 1_000_000, format!("{:06}", micros % 1_000_000));
    match parts.trim_end_matches('0') {
        "" => format!("${whole}"),
        parts => format!("${whole}.{parts}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_told_as_exactly_as_it_is_counted() {
        for (micros, expected) in [(0, "$0"), (1_000_000, "$1"), (12_340, "$0.01234")] {
            assert_eq!(usd(micros), expected);
        }
    }

    #[test]
    fn what_was_not_used_is_told_only_where_every_call_uses_it() {
        let used = |name, used| Used::new(name, name, number, (used, 9));
        let some = [used("requests", 0), used("files", 2)];
        assert_eq!(told(&[used("fuel", 0)], &some), ["fuel 0/9", "files 2/9"]);
        assert_eq!(told(&[used("fuel", 0)], &some[..1]), ["fuel 0/9"]);
    }
}
