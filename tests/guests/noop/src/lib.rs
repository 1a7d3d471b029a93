//! `noop.run`: the smallest call there is. Benchmarks measure the host with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::{Result, plugin};

/// Whatever it is given is ignored.
#[derive(Deserialize, JsonSchema)]
struct Input {}

#[derive(Serialize, JsonSchema)]
struct Output {}

fn run(_: Input) -> Result<Output> {
    Ok(Output {})
}

plugin! {
    /// Does nothing and gives an empty object.
    "run" => run { effects: Pure },
}
