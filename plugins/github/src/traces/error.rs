//! The line that names an error: `Uncaught TypeError: x is undefined`.

/// Words of a line among which the error's name is looked for: log prefixes come before it.
const WORDS_MAX: usize = 12;

/// How names of errors end.
const ENDINGS: &[&str] = &[
    "Error",
    "Exception",
    "Warning",
    "Fault",
    "Interrupt",
    "Failure",
    "Throwable",
    "Exit",
    "Panic",
];

/// The error's name and message, if `text` names one.
pub(super) fn read(text: &str) -> Option<(&str, &str)> {
    let mut rest = text.trim();
    for _ in 0..WORDS_MAX {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if let Some(found) = named(word, behind) {
            return Some(found);
        }
        rest = behind.trim_start();
        if rest.is_empty() {
            return None;
        }
    }
    None
}

/// `word` as the name of an error, with the message `behind` it.
fn named<'l>(word: &'l str, behind: &'l str) -> Option<(&'l str, &'l str)> {
    if let Some(name) = word.strip_suffix(':') {
        return is_name(name).then(|| (name, behind.trim()));
    }
    if !is_name(word) {
        return None;
    }
    let behind = behind.trim();
    // Node writes a code between name and message: `TypeError [ERR_X]: …`.
    match behind.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((_, message)) => Some((word, message.trim())),
        None => behind.is_empty().then_some((word, "")),
    }
}

/// Whether `name` is an identifier, possibly qualified, that ends as errors do.
pub(super) fn is_name(name: &str) -> bool {
    let well_formed = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || "._$:".contains(c))
        && !name.ends_with([':', '.']);
    well_formed && ENDINGS.iter().any(|ending| name.ends_with(ending))
}
