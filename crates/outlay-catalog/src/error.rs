//! What can be wrong with a table.

use std::fmt;

/// One fault in a table: where, and which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// Which table.
    pub table: String,
    /// Which row, as it names itself (or its number).
    pub row: String,
    /// What is wrong, and the rule.
    pub message: String,
}

impl TableError {
    pub(crate) fn new(table: &str, row: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { table: table.into(), row: row.to_string(), message: message.to_string() }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row {}: {}", self.table, self.row, self.message)
    }
}
