//! The guide and the examples that ship.

use super::super::read;
use super::print;

#[test]
fn the_examples_of_the_guide_are_sound() {
    let guide = include_str!("../../../../../docs/workflows.md");
    let examples: Vec<_> = guide
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|example| example.contains("[[tasks]]"))
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(print(&read("workflows.md", example).problems), "");
    }
}
