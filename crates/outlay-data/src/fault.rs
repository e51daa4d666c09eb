//! What is wrong with a data set or with what was asked of it: what, where, and the way out.
//!
//! Does not know: colours, exit statuses.

/// One fault, told to the person who can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Stable name.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The file, and the line or record in it if there is one.
    pub at: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, at: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: at.into(), help: Vec::new() }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}
