//! Reading a table of evidence: columns by name, blank means unknown, a bad cell costs its row and nothing else.
//!
//! Tables come from anywhere (`--evidence DIR`), so columns may be missing, more, or in another order. A missing column
//! reads as blank in every row; the row's own reader decides what it cannot do without, and says so as a reason.
//!
//! Does not know: what any column means.

use std::collections::BTreeMap;
use std::fmt;

/// Why a row gets no score, in words that count the same for all such rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unscorable(pub String);

impl Unscorable {
    /// A reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unscorable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table as read.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: BTreeMap<String, usize>,
    records: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads CSV text. A record that is no CSV at all becomes a row of blanks, so that it is counted.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let columns = reader
            .headers()
            .map(|names| names.iter().enumerate().map(|(at, name)| (name.trim().to_lowercase(), at)).collect())
            .unwrap_or_default();
        let records = reader.records().map(Result::unwrap_or_default).collect();
        Self { columns, records }
    }

    /// Its rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().enumerate().map(|(at, record)| Row { columns: &self.columns, record, at })
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a BTreeMap<String, usize>,
    record: &'a csv::StringRecord,
    at: usize,
}

/// Counts above this are slips: no model, batch or cluster is that large, and beyond it `f64` skips integers.
const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

impl<'a> Row<'a> {
    /// The cell's text; `None` where it is blank or the column is missing.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let cell = self.record.get(*self.columns.get(column)?)?.trim();
        (!cell.is_empty()).then_some(cell)
    }

    /// The cell in lower case; empty where blank.
    #[must_use]
    pub fn lower(&self, column: &str) -> String {
        self.text(column).unwrap_or_default().to_lowercase()
    }

    /// The cell's number.
    ///
    /// # Errors
    /// The cell holds something that is no finite number.
    pub fn number(&self, column: &str) -> Result<Option<f64>, Unscorable> {
        self.text(column)
            .map(|cell| cell.parse().ok().filter(|x: &f64| x.is_finite()).ok_or_else(|| not_a("number", column)))
            .transpose()
    }

    /// The cell's number, if it is above zero: a measured figure.
    ///
    /// # Errors
    /// The cell holds something that is no finite number.
    pub fn positive(&self, column: &str) -> Result<Option<f64>, Unscorable> {
        Ok(self.number(column)?.filter(|x| *x > 0.0))
    }

    /// The cell's whole number; `8.0` is one.
    ///
    /// # Errors
    /// The cell holds something that is no whole number of at least zero.
    pub fn count(&self, column: &str) -> Result<Option<u64>, Unscorable> {
        match self.number(column)? {
            Some(x) if x >= 0.0 && x.fract() == 0.0 && x <= LARGEST_COUNT => Ok(Some(x as u64)),
            Some(_) => Err(not_a("whole number", column)),
            None => Ok(None),
        }
    }

    /// Its identifier, or its place in the table.
    #[must_use]
    pub fn id(&self) -> String {
        self.text("id").or_else(|| self.text("name")).map_or_else(|| format!("row {}", self.at + 1), str::to_owned)
    }

    /// Whether its remarks say any of these, in any case.
    #[must_use]
    pub fn notes_say(&self, words: &[&str]) -> bool {
        let notes = self.lower("notes");
        words.iter().any(|word| notes.contains(word))
    }
}

fn not_a(kind: &str, column: &str) -> Unscorable {
    Unscorable(format!("{column} is not a {kind}"))
}

#[cfg(test)]
mod tests {
    use super::{Table, Unscorable};

    #[test]
    fn blank_is_unknown_and_a_bad_cell_is_a_reason() {
        let table = Table::read("\u{feff}id,GPUs,extra,tp\na,8,?,\nb,eight,,2.0\nc,-1\n");
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows[0].count("gpus"), Ok(Some(8)));
        assert_eq!(rows[0].count("tp"), Ok(None));
        assert_eq!(rows[1].count("gpus"), Err(Unscorable::new("gpus is not a number")));
        assert_eq!(rows[1].count("tp"), Ok(Some(2)));
        assert_eq!(rows[2].count("gpus"), Err(Unscorable::new("gpus is not a whole number")));
        assert_eq!(rows[2].count("no such column"), Ok(None));
        assert_eq!(rows[2].id(), "c");
    }

    #[test]
    fn an_empty_table_has_no_rows() {
        assert_eq!(Table::read("").rows().count(), 0);
        assert_eq!(Table::read("id,gpus\n").rows().count(), 0);
    }
}
