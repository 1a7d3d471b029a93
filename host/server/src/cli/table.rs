//! Aligned columns.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style};

/// Rows of cells, printed with aligned columns.
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// A cell, and how it looks.
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        let heading = |text: &&str| Cell { text: (*text).to_owned(), style: Style::new().dimmed() };
        Self { rows: vec![headings.iter().map(heading).collect()] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as text, each row ending in a new line.
    pub(super) fn print(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let _ = write!(text, "{}", cell.text.style(cell.style));
                if column + 1 < row.len() {
                    let gap = widths[column] - cell.text.chars().count() + 2;
                    text.extend(std::iter::repeat_n(' ', gap));
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

impl Cell {
    /// A cell that looks like this.
    pub(super) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(&["NAME", "N", "NOTE"]);
        table.row(vec!["ä".into(), "100".into(), "x".into()]);
        table.row(vec!["longer".into(), "1".into(), "".into()]);
        let plain = anstream::adapter::strip_str(&table.print()).to_string();
        expect![[r#"
            NAME    N    NOTE
            ä       100  x
            longer  1
        "#]]
        .assert_eq(&plain);
    }
}
