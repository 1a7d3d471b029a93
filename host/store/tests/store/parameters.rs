//! Parameters of a query first appear in the order of their numbers.
//!
//! SQLite takes `$1` for a name and counts names as they appear; Postgres takes it for a number.
//! A text that keeps this rule means the same to both.

use std::fs;
use std::path::Path;

#[test]
fn parameters_appear_in_the_order_of_their_numbers() {
    let mut texts = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("reads") {
        let path = entry.expect("reads").path();
        let Ok(source) = fs::read_to_string(&path) else { continue };
        for text in source.split('"').skip(1).step_by(2) {
            let mut seen = vec![];
            for number in text.split('$').skip(1).filter_map(leading_number) {
                if !seen.contains(&number) {
                    seen.push(number);
                }
            }
            let expected: Vec<usize> = (1..=seen.len()).collect();
            assert_eq!(seen, expected, "{}: {text}", path.display());
            texts += usize::from(!seen.is_empty());
        }
    }
    assert!(texts > 10, "the search still finds queries");
}

fn leading_number(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}
