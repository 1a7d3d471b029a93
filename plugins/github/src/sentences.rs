//! The sentences of a report, for what nobody put under a heading.

use crate::markdown::{Document, Line, Place};
use crate::signals::PROSE_BYTES_MAX;

/// The sentences of the prose, each with its line, up to a bound. Quotes and ticked boxes are left
/// out.
pub fn find<'d>(document: &'d Document<'_>) -> impl Iterator<Item = (&'d Line<'d>, &'d str)> {
    let mut bytes = 0;
    document
        .lines
        .iter()
        .filter(|line| {
            let is_box = matches!(line.place, Place::Item { ticked: Some(_), .. });
            let is_heading = matches!(line.place, Place::Heading { .. });
            line.is_prose() && !line.quoted && !is_box && !is_heading
        })
        .take_while(move |line| {
            bytes += line.text.len();
            bytes <= PROSE_BYTES_MAX
        })
        .flat_map(|line| split_sentences(line.content()).map(move |sentence| (line, sentence)))
        .filter(|(_, sentence)| sentence.trim().len() > 1)
}

/// Sentences end at a mark that a blank and no small letter follow: `e.g. this` is one.
fn split_sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices(['.', '!', '?']).map(|(at, _)| at + 1).find(|end| {
            let behind = rest[*end..].trim_start();
            behind.len() < rest.len() - end && !behind.starts_with(char::is_lowercase)
        });
        let (sentence, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_another_begins() {
        let split = |text| split_sentences(text).map(str::trim).collect::<Vec<_>>();
        assert_eq!(
            split("It fails, e.g. here. Why? No v1.2.3!"),
            ["It fails, e.g. here.", "Why?", "No v1.2.3!"]
        );
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split("no end"), ["no end"]);
    }
}
