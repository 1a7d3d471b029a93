//! The context of the run: values that any task of the run can read by name.
//!
//! ```
//! # use taskloom_sdk::testing::Host;
//! use taskloom_sdk::{Result, context};
//!
//! fn count() -> Result<u32> {
//!     let seen: u32 = context::get("pages")?.unwrap_or(0);
//!     context::set("pages", &(seen + 1))?;
//!     Ok(seen)
//! }
//!
//! # let (seen, record) = Host::new().context("pages", 3).run(count);
//! # assert_eq!(seen.unwrap(), 3);
//! # assert_eq!(record.context["pages"], 4);
//! ```
//!
//! What is read is what it was when the attempt began, or what this attempt has set. What is set is
//! committed with the result, by the merge policy of the workflow, and forgotten when the attempt fails.
//! A plugin asks by `reads_context: ["…"]` and `writes_context: ["…"]` in [`plugin!`](crate::plugin!);
//! `*` stands for every name.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result, host};

/// The value of a name; `None` when there is none.
///
/// # Errors
/// Permanent: `not-granted`; `invalid-context` when the value is none of this type.
pub fn get<T: DeserializeOwned>(name: &str) -> Result<Option<T>> {
    let Some(text) = host::get_context(name)? else { return Ok(None) };
    let value = serde_json::from_str(&text).map_err(|error| {
        Error::permanent("invalid-context", format!("`context.{name}` is of another form: {error}"))
    })?;
    Ok(Some(value))
}

/// Sets a name. Only for task types that declare the effects `Writes`.
///
/// # Errors
/// Permanent: `not-granted`, `invalid-name`, `context-too-large`; `invalid-json` when `value` cannot be
/// written as JSON.
pub fn set(name: &str, value: &(impl Serialize + ?Sized)) -> Result<()> {
    let value: Value = serde_json::to_value(value)?;
    host::set_context(name, &value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Host;

    #[test]
    fn a_handler_reads_what_it_set() {
        let (read, record) = Host::new().context("a", "given").run(|| {
            let given: Option<String> = get("a").expect("text");
            set("b", &[1, 2]).expect("set");
            (given, get::<Vec<u8>>("b").expect("numbers"), get::<u8>("c").expect("nothing"))
        });
        assert_eq!(read, (Some("given".to_owned()), Some(vec![1, 2]), None));
        assert_eq!(record.context, json!({ "b": [1, 2] }).as_object().expect("an object").clone());
    }

    #[test]
    fn a_value_of_another_form_is_named() {
        let (read, _) = Host::new().context("n", "seven").run(|| get::<u8>("n"));
        let error = read.expect_err("no number");
        assert_eq!(error.code(), "invalid-context");
        assert!(error.message().starts_with("`context.n` is of another form"), "{error}");
    }
}
