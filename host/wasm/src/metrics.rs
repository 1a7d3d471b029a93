//! What a handler measures: numbers by name, kept with the attempt.

use std::collections::BTreeMap;

use serde_json::Number;

/// The longest name of a measurement, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The measurements of one call.
#[derive(Debug)]
pub(crate) struct Metrics {
    most: u64,
    kept: BTreeMap<String, Number>,
    dropped: u64,
}

impl Metrics {
    /// At most so many names.
    pub(crate) const fn new(most: u64) -> Self {
        Self { most, kept: BTreeMap::new(), dropped: 0 }
    }

    /// Keeps a value; the last one of a name stays.
    pub(crate) fn record(&mut self, name: &str, value: f64) {
        let room = self.kept.contains_key(name) || (self.kept.len() as u64) < self.most;
        match Number::from_f64(value).filter(|_| room && is_name(name)) {
            Some(value) => drop(self.kept.insert(name.to_owned(), value)),
            None => self.dropped += 1,
        }
    }

    /// What was kept.
    pub(crate) fn kept(&self) -> BTreeMap<String, Number> {
        self.kept.clone()
    }

    /// What the log says about those that were dropped, if any were.
    pub(crate) fn dropped(&self) -> Option<String> {
        (self.dropped > 0).then(|| {
            format!(
                "{} measurements were dropped: an attempt may record {} names of lower-case letters, \
                 digits and `_`, beginning with a letter, at most {NAME_BYTES_MAX} long, with finite \
                 numbers",
                self.dropped, self.most
            )
        })
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_name_stays_and_what_is_none_is_counted() {
        let mut metrics = Metrics::new(2);
        for (name, value) in [
            ("rows", 1.0),
            ("rows", 1200.0),
            ("bytes_read", 0.5),
            ("third", 1.0),
            ("Rows", 1.0),
            ("", 1.0),
            ("rows", f64::NAN),
        ] {
            metrics.record(name, value);
        }
        let kept: Vec<_> = metrics.kept().into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(kept, ["bytes_read=0.5", "rows=1200.0"]);
        assert!(metrics.dropped().expect("some").starts_with("4 measurements were dropped"));
        assert!(Metrics::new(1).dropped().is_none());
    }
}
