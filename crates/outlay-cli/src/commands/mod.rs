//! The commands, one file each: reads its arguments, asks the door, renders.

use outlay::Problem;
use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::Response;

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::job::JobArgs;
use crate::render::{answer, json};

pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod diff;
pub(crate) mod estimate;
pub(crate) mod export;
pub(crate) mod hardware;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod levers;
pub(crate) mod lock;
pub(crate) mod mcp;
pub(crate) mod models;
pub(crate) mod offers;
pub(crate) mod plan;
pub(crate) mod scaling;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod survey;
pub(crate) mod validate;
pub(crate) mod why;

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

/// A question about a job, and how its answer is wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct Question {
    #[command(flatten)]
    job: JobArgs,

    /// Show memory, step time, run and bill term by term
    #[arg(long, help_heading = "Output")]
    explain: bool,

    #[command(flatten)]
    format: Format,
}

impl Question {
    /// Puts it to the door; status 1 if nothing is feasible.
    pub(crate) fn ask(
        &self,
        door: impl Fn(&Request, &Catalog, &str) -> Result<Response, Vec<Problem>>,
        context: &Context,
    ) -> Result<Answer, Failure> {
        self.ask_with(door, false, context)
    }

    /// As [`Question::ask`], and `searched`: says how much was looked at.
    pub(crate) fn ask_with(
        &self,
        door: impl Fn(&Request, &Catalog, &str) -> Result<Response, Vec<Problem>>,
        searched: bool,
        context: &Context,
    ) -> Result<Answer, Failure> {
        let facts = self.job.facts(context)?;
        let request = self.job.request(&facts.catalog, context)?;
        let response = door(&request, &facts.catalog, &facts.today).map_err(|problems| self.job.faults(problems))?;
        let mut text = if self.format.json {
            json::text(serde_json::to_value(&response))?
        } else if self.format.markdown {
            answer::markdown(&response)
        } else {
            answer::terminal(&response, context.width, self.explain)
        };
        if searched && !self.format.json {
            text.push_str(&answer::searched(&response.search));
        }
        let exit = if response.pick.is_some() { Exit::Answer } else { Exit::Infeasible };
        Ok(Answer { text, notes: facts.notes, exit })
    }
}

/// A filter by name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Names {
    /// Only those whose name contains one of these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

impl Names {
    /// The names.
    pub(crate) fn given(&self) -> &[String] {
        &self.names
    }

    /// What is said when nothing matches.
    pub(crate) fn none(&self, kind: &str) -> String {
        format!("no {kind} matches {}\n", self.names.join(", "))
    }
}
