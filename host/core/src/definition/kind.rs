//! The kinds of tasks a file may name.

use std::fmt;

/// A `kind` of a task in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Task,
    Branch,
    Switch,
    Group,
    Parallel,
    Decision,
    Wait,
    Approval,
    Workflow,
}

impl Kind {
    /// Every kind and its word.
    pub(super) const WORDS: [(&'static str, Self); 9] = [
        ("task", Self::Task),
        ("branch", Self::Branch),
        ("switch", Self::Switch),
        ("group", Self::Group),
        ("parallel", Self::Parallel),
        ("decision", Self::Decision),
        ("wait", Self::Wait),
        ("approval", Self::Approval),
        ("workflow", Self::Workflow),
    ];

    /// The word for this kind.
    pub(super) fn as_str(self) -> &'static str {
        let entry = Self::WORDS.into_iter().find(|(_, kind)| *kind == self);
        entry.map(|(word, _)| word).expect("the list has every kind")
    }

    /// The kind that `word` stands for.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
