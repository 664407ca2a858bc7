//! Tables of aligned columns.

use super::text::printable;

/// A table of aligned columns.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table with column headings.
    pub fn with_head<const N: usize>(head: [&str; N]) -> Table {
        Table { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    /// Creates a table without column headings.
    pub fn new() -> Table {
        Table { rows: vec![] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(printable).to_vec());
    }
}

impl std::fmt::Display for Table {
    /// Separates columns by two spaces, without trailing spaces and without a line end after the last row.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
        let widths: Vec<_> =
            (0..n_columns).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let line: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
            let end = if number + 1 < self.rows.len() { "\n" } else { "" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
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
        expect![[r#"
            ID           VERSION   SOURCE
            hello        1.0.0     /srv/hello
            a-long-name  10.20.30
            é            1         a [31mb c"#]]
        .assert_eq(&table.to_string());
    }
}
