//! What a case expects a model to be asked, and what it answers.

use taskloom_core::document::Table;

/// A question and its answer.
#[derive(Debug, Clone)]
pub(in crate::cli::kit) struct Prompt {
    /// A part of one of the messages.
    pub(in crate::cli::kit) asks: Option<String>,
    pub(in crate::cli::kit) reply: Reply,
}

/// What comes back.
#[derive(Debug, Clone)]
pub(in crate::cli::kit) enum Reply {
    Text {
        text: String,
        input_tokens: u64,
        output_tokens: u64,
        /// What the provider charges, in millionths of a US dollar.
        usd_micros: u64,
    },
    Failure {
        code: String,
        message: String,
        is_final: bool,
    },
}

/// The most tokens of an answer.
const TOKENS_MAX: i64 = 1_000_000_000;

/// The most that an answer costs, in US dollars.
const USD_MAX: f64 = 1_000_000.0;

pub(super) fn read(mut table: Table<'_>) -> Option<Prompt> {
    let asks = table.string("asks");
    let (text, json) = (table.string("text"), table.json("json").map(|value| value.to_string()));
    let tokens = |table: &mut Table<'_>, key: &'static str| {
        table.integer(key, 0..=TOKENS_MAX).map_or(1, i64::unsigned_abs)
    };
    let input_tokens = tokens(&mut table, "input_tokens");
    let output_tokens = tokens(&mut table, "output_tokens");
    let usd = table.float("usd", 0.0..=USD_MAX).unwrap_or(0.0);
    // Exact enough, and within the range of the integer.
    let usd_micros = (usd * 1e6).round() as u64;
    let failure = table.table("failure").and_then(failure);
    let given = ["text", "json", "failure"].into_iter().filter(|key| table.has(key)).count();
    if given != 1 {
        let help = "write one of `text`, `json` and `failure`".to_owned();
        table.report(&[], "conflict", "it is answered by one thing", Some(help));
    }
    table.finish();
    let told = |text| Reply::Text { text, input_tokens, output_tokens, usd_micros };
    let text = text.or(json).map(told);
    Some(Prompt { asks, reply: text.or(failure)? })
}

fn failure(mut table: Table<'_>) -> Option<Reply> {
    table.require(&["code"]);
    let code = table.string("code");
    let message = table.string("message").unwrap_or_else(|| "the case says so".to_owned());
    let is_final = !table.boolean("retryable").unwrap_or(true);
    table.finish();
    Some(Reply::Failure { code: code?, message, is_final })
}
