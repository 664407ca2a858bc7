//! Tables of aligned columns that fit the terminal. Wide characters, such as Chinese ones, take two columns of it.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::paint;
use super::text::printable;

/// The narrowest cell to which a flexible column is shortened, in columns of the terminal.
const MIN_CELL: usize = 8;

/// A table of aligned columns.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    has_head: bool,
    /// The columns that only a wide table has.
    wide: &'static [&'static str],
    /// The columns that are shortened if the table does not fit.
    flexible: &'static [&'static str],
}

impl Table {
    /// Creates a table with column headings.
    pub fn with_head<const N: usize>(head: [&str; N]) -> Table {
        Table { rows: vec![head.map(str::to_owned).to_vec()], has_head: true, ..Table::default() }
    }

    /// Creates a table without column headings.
    pub fn new() -> Table {
        Table::default()
    }

    /// Selects the columns that are shown only with `-o wide`.
    pub fn only_wide(self, wide: &'static [&'static str]) -> Table {
        Table { wide, ..self }
    }

    /// Selects the columns that are shortened, the first one first, if the table does not fit the terminal.
    pub fn flexible(self, flexible: &'static [&'static str]) -> Table {
        Table { flexible, ..self }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(printable).to_vec());
    }

    /// Returns the table in colours. Without a width, all columns are shown completely.
    pub fn painted(&self, width: Option<usize>) -> String {
        let columns: Vec<_> = match width {
            Some(_) => (0..self.columns()).filter(|column| !self.is_hidden(*column)).collect(),
            None => (0..self.columns()).collect(),
        };
        let mut widths: Vec<_> = columns.iter().map(|column| self.width(*column)).collect();
        for name in self.flexible {
            let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
            let excess = width.map_or(0, |width| total.saturating_sub(width));
            if let Some(at) = columns.iter().position(|column| self.name(*column) == Some(name)) {
                let least = MIN_CELL.max(name.width()).min(widths[at]);
                widths[at] = widths[at].saturating_sub(excess).max(least);
            }
        }
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            let mut n_spaces = 0;
            for (&column, &width) in columns.iter().zip(&widths) {
                let cell = shortened(row.get(column).map(String::as_str).unwrap_or_default(), width);
                line.extend(std::iter::repeat_n(' ', if cell.is_empty() { 0 } else { n_spaces }));
                n_spaces = width.saturating_sub(cell.width()) + 2 + if cell.is_empty() { n_spaces } else { 0 };
                line.push_str(&self.cell(number, column, &cell));
            }
            text += &line;
            text += if number + 1 < self.rows.len() { "\n" } else { "" };
        }
        text
    }

    /// Puts a cell into its style.
    fn cell(&self, row: usize, column: usize, cell: &str) -> String {
        let name = if self.has_head { self.name(column) } else { self.rows[row].first().map(String::as_str) };
        match (self.has_head, row, column) {
            _ if cell.is_empty() => String::new(),
            (true, 0, _) => paint::styled(paint::HEADING, cell),
            (true, ..) | (false, _, 1) if name.is_some_and(paint::has_state) => {
                paint::styled(paint::of_state(cell), cell)
            }
            _ => cell.to_owned(),
        }
    }

    fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Returns the heading of a column.
    fn name(&self, column: usize) -> Option<&str> {
        self.rows.first().filter(|_| self.has_head)?.get(column).map(String::as_str)
    }

    /// Returns whether a narrow table leaves out a column: a wide column, or a column without values.
    fn is_hidden(&self, column: usize) -> bool {
        let Some(name) = self.name(column) else { return false };
        let is_blank = |row: &Vec<String>| row.get(column).is_none_or(|cell| matches!(&**cell, "" | "-"));
        self.wide.contains(&name) || (self.rows.len() > 1 && self.rows[1..].iter().all(is_blank))
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    }
}

/// Returns the cell, or parts of it if it is wider.
fn shortened(cell: &str, max_width: usize) -> String {
    if cell.width() <= max_width {
        return cell.to_owned();
    }
    // The end of a path or URL tells more than its start; of a text, the start is read.
    let max_end = if cell.contains(' ') || !cell.contains('/') { 0 } else { (max_width - 1) * 2 / 3 };
    let end = end_of(cell, max_end);
    format!("{}…{end}", start_of(cell, max_width - 1 - end.width()))
}

/// Returns the longest start of a text that fits.
fn start_of(text: &str, max_width: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.take_while(|end| text[..*end].width() <= max_width).last().map_or("", |end| &text[..end])
}

/// Returns the longest end of a text that fits. It does not start with an accent of the character before it.
fn end_of(text: &str, max_width: usize) -> &str {
    let starts = text.char_indices().rev().take_while(|(at, _)| text[*at..].width() <= max_width);
    starts.filter(|(_, c)| c.width() != Some(0)).last().map_or("", |(at, _)| &text[at..])
}

impl fmt::Display for Table {
    /// All columns, completely and without colours. Columns are separated by two spaces, without trailing spaces and
    /// without a line end after the last row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", anstream::adapter::strip_str(&self.painted(None)))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::with_head(["ID", "VERSION", "SOURCE"]);
        table.row(["hello", "1.0.0", "/srv/hello"]);
        table.row(["a-long-name", "10.20.30", ""]);
        table.row(["é", "1", "a\u{1b}[31mb\nc"]);
        table.row(["x", "", "/srv/x"]);
        expect![[r#"
            ID           VERSION   SOURCE
            hello        1.0.0     /srv/hello
            a-long-name  10.20.30
            é            1         a\u{1b}[31mb c
            x                      /srv/x"#]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn a_table_fits_the_terminal_unless_it_is_wide() {
        let mut table = Table::with_head(["ID", "HEALTH", "REQUESTS", "REASON", "SOURCE"]);
        table = table.only_wide(&["REQUESTS"]).flexible(&["SOURCE"]);
        table.row(["hello", "healthy", "12", "", "https://git.example.org/acme/plugins/hello"]);
        table.row(["other", "failed", "0", "", "/srv/other"]);
        let plain = |width| anstream::adapter::strip_str(&table.painted(width)).to_string();
        expect![[r#"
            ID     HEALTH   SOURCE
            hello  healthy  https:/…/plugins/hello
            other  failed   /srv/other"#]]
        .assert_eq(&plain(Some(38)));
        expect![[r#"
            ID     HEALTH   REQUESTS  REASON  SOURCE
            hello  healthy  12                https://git.example.org/acme/plugins/hello
            other  failed   0                 /srv/other"#]]
        .assert_eq(&plain(None));
        assert!(table.painted(None).contains("\u{1b}[31mfailed\u{1b}[0m"));
    }

    #[test]
    fn wide_characters_and_accents_keep_the_columns_aligned() {
        let mut table = Table::with_head(["NAME", "HEALTH", "TEXT"]).flexible(&["TEXT"]);
        table.row(["\u{63d2}\u{4ef6}", "healthy", "\u{4e00}\u{4e2a}\u{7b80}\u{5355}\u{7684}\u{63d2}\u{4ef6}"]);
        table.row(["e\u{301}t\u{e9}", "healthy", "/srv/e\u{301}e\u{301}e\u{301}e\u{301}/e\u{301}e\u{301}x"]);
        table.row(["\u{1f600}", "failed", "ok"]);
        for (width, columns) in [(None, 29), (Some(25), 25)] {
            let text = anstream::adapter::strip_str(&table.painted(width)).to_string();
            let widest = text.lines().map(|line| line.width()).max().unwrap();
            assert!(widest <= columns, "{widest}\n{text}");
            for line in text.lines() {
                let before = line.find("h").or(line.find("f")).or(line.find("HEALTH")).unwrap();
                assert_eq!(line[..before].width(), 6, "{text}");
            }
        }
        assert_eq!(shortened("\u{63d2}\u{4ef6}\u{63d2}\u{4ef6}", 6), "\u{63d2}\u{4ef6}\u{2026}");
        assert_eq!(shortened("aae\u{301}/e\u{301}bb", 4), "a\u{2026}bb");
    }

    #[test]
    fn a_state_without_headings_is_coloured() {
        let mut table = Table::new();
        table.row(["health", "unhealthy"]);
        table.row(["name", "failed"]);
        assert_eq!(table.painted(None).replace('\u{1b}', "^"), "health  ^[31munhealthy^[0m\nname    failed");
    }
}
