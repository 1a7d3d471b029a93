//! JSON that comes from a file or from standard input.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

/// The texts of the input, an empty object if there is none, and of the context.
///
/// # Errors
/// When one of them cannot be read or is no JSON; the message names it.
pub(super) fn read_values(
    input: Option<&Path>,
    context: Option<&Path>,
) -> Result<(Arc<str>, Option<Arc<str>>)> {
    let is_piped = |file: Option<&Path>| file == Some(Path::new("-"));
    if is_piped(input) && is_piped(context) {
        bail!("--input and --context both read standard input; give one of them as a file");
    }
    let input = input.map(|file| read_json("input", file)).transpose()?;
    let context = context.map(|file| read_json("context", file)).transpose()?;
    Ok((input.unwrap_or_else(|| "{}".into()), context))
}

/// The text of a file; JSON, whatever it holds. `what` it is for is named in messages.
fn read_json(what: &str, file: &Path) -> Result<Arc<str>> {
    let (name, text) = match file {
        file if file == Path::new("-") => {
            if std::io::stdin().is_terminal() {
                anstream::eprintln!("reading the {what} from the terminal; end it with Ctrl-D");
            }
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
            ("standard input".to_owned(), text)
        }
        file => {
            let name = format!("`{}`", file.display());
            let text = std::fs::read_to_string(file);
            (name.clone(), text.with_context(|| format!("the {what} {name} cannot be read"))?)
        }
    };
    if text.trim().is_empty() {
        bail!("the {what} in {name} is empty");
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .with_context(|| format!("the {what} in {name} is not JSON"))?;
    Ok(text.trim().into())
}
