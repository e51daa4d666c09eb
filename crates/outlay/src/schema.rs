//! The published shapes of what goes in and comes out, and the table of error codes.

use std::fmt::Write as _;

use crate::lists::{AcceleratorRow, ModelRow, OfferRow};
use crate::prices::Prices;
use crate::problem::Code;
use crate::request::Request;
use crate::response::{Diff, Levers, Optimum, Response, ScalingFit, Sized, Why};

/// JSON Schema of a job.
#[must_use]
pub fn request() -> String {
    text(&schemars::schema_for!(Request))
}

/// JSON Schema of an answer.
#[must_use]
pub fn response() -> String {
    text(&schemars::schema_for!(Response))
}

/// JSON Schema of `prices.toml`.
#[must_use]
pub fn prices() -> String {
    text(&schemars::schema_for!(Prices))
}

/// JSON Schema of what `why` answers.
#[must_use]
pub fn why() -> String {
    text(&schemars::schema_for!(Why))
}

/// JSON Schema of what `diff` answers.
#[must_use]
pub fn diff() -> String {
    text(&schemars::schema_for!(Diff))
}

/// JSON Schema of what `levers` answers.
#[must_use]
pub fn levers() -> String {
    text(&schemars::schema_for!(Levers))
}

/// JSON Schemas of what `scaling` answers: its optimum, its frontier, its fit.
#[must_use]
pub fn scaling() -> String {
    text(&schemars::schema_for!((Optimum, Vec<Sized>, ScalingFit)))
}

/// JSON Schemas of the rows of the catalogs: models, accelerators, offers.
#[must_use]
pub fn lists() -> String {
    text(&schemars::schema_for!((Vec<ModelRow>, Vec<AcceleratorRow>, Vec<OfferRow>)))
}

fn text(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The table of error codes, as Markdown.
#[must_use]
pub fn errors() -> String {
    let mut text = String::from(
        "# Error codes\n\nGenerated from the code table. Every problem carries a code, a place, a message and ways out.\n\n| code | class | meaning |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let _ = writeln!(text, "| `{}` | {} | {} |", code.text(), code.status(), code.meaning());
    }
    text
}
