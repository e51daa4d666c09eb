//! The commands, one file each: reads its arguments, asks the door, renders.

pub(crate) mod estimate;
pub(crate) mod hardware;
pub(crate) mod models;
pub(crate) mod offers;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod validate;

/// How an answer is wanted.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Format {
    /// Print the answer as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print the answer as Markdown
    #[arg(long, help_heading = "Output")]
    pub(crate) markdown: bool,
}

/// A filter by name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Names {
    /// Only those whose name contains one of these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Names {
    /// One of the names is part of one of the texts, case and punctuation aside.
    pub(crate) fn matches(&self, texts: &[&str]) -> bool {
        let key = outlay::catalog::names::key;
        self.names.is_empty() || self.names.iter().any(|name| texts.iter().any(|text| key(text).contains(&key(name))))
    }

    /// What is said when nothing matches.
    pub(crate) fn none(&self, kind: &str) -> String {
        format!("no {kind} matches {}\n", self.names.join(", "))
    }
}
