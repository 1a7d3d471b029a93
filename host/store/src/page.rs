//! Lists in pages: a page, and where the next one begins.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The most rows of one page, whatever the caller asks for: a page is held in memory.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// A place in a list. Its text is opaque to clients. Rows that are added to the list later never
/// make a row before or after the cursor appear twice or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is ordered by.
    pub(crate) order: i64,
    /// Decides between rows that are equal in it.
    pub(crate) row: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.order, self.row)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok().map(u64::cast_signed);
        text.split_once('-')
            .and_then(|(order, row)| Some(Self { order: number(order)?, row: number(row)? }))
            .ok_or_else(|| Error::Cursor { text: text.chars().take(80).collect() })
    }
}

impl<T> Page<T> {
    /// Makes a page of up to `limit` of `rows`, which were read with one row more than that.
    pub(crate) fn of(mut rows: Vec<(Cursor, T)>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| *cursor);
        Self { items: rows.into_iter().map(|(_, row)| row).collect(), next }
    }
}

/// The number of rows to read for a page of `limit`: one more, to see whether a page follows.
pub(crate) fn rows_to_read(limit: usize) -> (usize, i64) {
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    (limit, i64::try_from(limit + 1).expect("bounded above"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        for cursor in [Cursor { order: 1_763_804_096_007, row: 9 }, Cursor { order: -1, row: 0 }] {
            assert_eq!(cursor.to_string().parse::<Cursor>().expect("a cursor"), cursor);
        }
    }

    #[test]
    fn a_foreign_text_is_no_cursor() {
        for text in ["", "-", "1", "1-", "1-x", "1-2-3", "ffffffffffffffffff-1"] {
            assert!(matches!(text.parse::<Cursor>(), Err(Error::Cursor { .. })), "{text}");
        }
    }
}
