//! `outlay schema`: the published contracts, generated from the types and tables themselves.

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::Failure;

/// Print a JSON schema, or the table of errors
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to print
    #[arg(value_enum, value_name = "WHAT")]
    what: What,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// JSON Schema of a job
    Request,
    /// JSON Schema of an answer
    Response,
    /// JSON Schema of prices.toml
    Prices,
    /// JSON Schema of what `why` answers
    Why,
    /// JSON Schema of what `diff` answers
    Diff,
    /// JSON Schema of what `levers` answers
    Levers,
    /// JSON Schemas of what `scaling` answers
    Scaling,
    /// JSON Schemas of the rows of `models`, `hardware` and `offers`
    Lists,
    /// The HTTP API, as OpenAPI 3.1
    Openapi,
    /// Table of error codes, as Markdown
    Errors,
}

/// Prints what was asked for.
pub(crate) fn run(args: &Args, _context: &Context) -> Result<Answer, Failure> {
    let text = match args.what {
        What::Request => outlay::schema::request(),
        What::Response => outlay::schema::response(),
        What::Prices => outlay::schema::prices(),
        What::Why => outlay::schema::why(),
        What::Diff => outlay::schema::diff(),
        What::Levers => outlay::schema::levers(),
        What::Scaling => outlay::schema::scaling(),
        What::Lists => outlay::schema::lists(),
        What::Openapi => outlay_server::openapi(),
        What::Errors => outlay::schema::errors(),
    };
    Ok(Answer::new(text))
}
