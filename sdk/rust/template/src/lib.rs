//! The plugin `__NAME__`: one task type, `__NAME__.greet`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::{Error, Result, log, plugin};

/// What the task type takes. The host checks every input against the schema that is made of this.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Who is greeted.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// How often.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 10))]
    times: u32,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
struct Output {
    /// The greeting.
    text: String,
}

fn once() -> u32 {
    1
}

fn greet(input: Input) -> Result<Output> {
    let name = input.name.trim();
    if name.is_empty() {
        // The class of a failure says what the host does next: this one is never tried again.
        return Err(Error::invalid_input("no-name", "there is nobody to greet: `name` is blank"));
    }
    log::info!("greeting {name}"; times = input.times);
    let text = vec![format!("Hello, {name}!"); input.times as usize].join(" ");
    Ok(Output { text })
}

plugin! {
    /// Greets somebody by name.
    "greet" => greet { effects: Pure },
}

#[cfg(test)]
mod tests {
    use taskloom_sdk::testing::Host;

    use super::*;

    #[test]
    fn a_greeting_names_whom_it_greets() {
        let (output, record) = Host::new().run(|| greet(Input { name: "Ada".into(), times: 2 }));
        assert_eq!(output.expect("a greeting").text, "Hello, Ada! Hello, Ada!");
        assert_eq!(record.lines.len(), 1);
    }
}
