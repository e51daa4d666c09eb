//! The order of work in a pipeline, for whoever draws it: the core's schedule, played out.
//!
//! Of a large pipeline only as much is played as can be told apart in a drawing; the answer says how much that is.
//!
//! Does not know: how long anything takes. The bubble of a plan is in its answer.

use outlay_core::layout::Schedule;
use outlay_core::step::turns::{self, Pass};
use serde::Serialize;

use crate::problem::{Code, Problem};

/// Most stages, and pieces of a stage, that are played.
const STAGES: u64 = 16;
const PIECES: u64 = 8;
/// As many micro-batches as show the steady state of a short pipeline; a long one needs two a stage.
const BATCHES: u64 = 12;

/// A schedule played out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pipeline {
    /// Stages that were played.
    pub stages: u64,
    /// Pieces of the model that each holds: two where micro-batches enter at both ends.
    pub pieces: u64,
    /// Micro-batches that were played.
    pub micro_batches: u64,
    /// Units from the first turn to the last; a forward pass through a piece is one.
    pub end: u64,
    /// Every turn.
    pub turns: Vec<Turn>,
}

/// One pass of a micro-batch through a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Stage, from 0.
    pub stage: u64,
    /// Which of its pieces, from 0.
    pub piece: u64,
    /// Micro-batch, from 0.
    pub batch: u64,
    /// `forward`, `backward`, or its halves `inputs` and `weights`.
    pub pass: &'static str,
    /// When it begins, in units.
    pub from: u64,
    /// When it is done.
    pub to: u64,
    /// A pass the other way runs at the same time.
    pub shared: bool,
}

/// Plays the schedule of a layout: its name as an answer writes it, stages, pieces a stage, micro-batches of a step.
///
/// # Errors
/// A name that is no schedule's, or numbers with which it cannot run.
pub fn pipeline(schedule: &str, stages: u64, pieces: u64, micro_batches: u64) -> Result<Pipeline, Vec<Problem>> {
    let Some((_, kind)) = SCHEDULES.iter().find(|(name, _)| *name == schedule) else {
        let names = SCHEDULES.map(|(name, _)| name).join(", ");
        let fault = Problem::new(Code::UnknownName, "layout.schedule", format!("no schedule `{schedule}`"));
        return Err(vec![fault.help(format!("choices are {names}"))]);
    };
    let (p, v) = (stages.clamp(1, STAGES), pieces.clamp(1, PIECES));
    let m = micro_batches.clamp(1, BATCHES.max(2 * p));
    // Pieces take turns in groups of as many micro-batches as there are stages.
    let m = if v > 1 && m > p { m / p * p } else { m };
    let Some(turns) = turns::turns(*kind, p, v, m) else {
        let message = format!("{schedule} cannot run {micro_batches} micro-batches over {stages} stages");
        return Err(vec![Problem::new(Code::Contradiction, "layout.schedule", message)]);
    };
    let pieces = if *kind == Schedule::DualPipe { 2 } else { v };
    let end = turns.iter().map(|turn| turn.to).max().unwrap_or(0);
    Ok(Pipeline { stages: p, pieces, micro_batches: m, end, turns: turns.into_iter().map(turn).collect() })
}

/// Schedules by the names that jobs and answers give them.
pub(crate) const SCHEDULES: [(&str, Schedule); 4] = [
    ("gpipe", Schedule::GPipe),
    ("1f1b", Schedule::OneFOneB),
    ("zero-bubble", Schedule::ZeroBubble),
    ("dualpipe", Schedule::DualPipe),
];

fn turn(turn: turns::Turn) -> Turn {
    let turns::Turn { stage, piece, batch, pass, from, to, shared } = turn;
    let pass = match pass {
        Pass::Forward => "forward",
        Pass::Backward => "backward",
        Pass::Inputs => "inputs",
        Pass::Weights => "weights",
    };
    Turn { stage, piece, batch, pass, from, to, shared }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(schedule: &str, stages: u64, pieces: u64, batches: u64) -> Pipeline {
        pipeline(schedule, stages, pieces, batches).expect("it runs")
    }

    #[test]
    fn every_schedule_is_played() {
        // Of four stages and eight micro-batches: three passes of waiting on each side of the work, less with pieces or halves.
        assert_eq!(played("gpipe", 4, 1, 8).end, 24 + 9);
        assert_eq!(played("1f1b", 4, 1, 8).end, 24 + 9);
        assert_eq!(played("1f1b", 4, 2, 8).end, 48 + 9);
        assert_eq!(played("zero-bubble", 4, 1, 8).end, 24 + 3);
        assert_eq!(played("dualpipe", 4, 1, 8).end, 24 + 2);
        assert!(played("dualpipe", 4, 1, 8).turns.iter().any(|turn| turn.shared));
    }

    #[test]
    fn of_a_large_pipeline_a_part_is_played() {
        let part = played("1f1b", 64, 4, 1024);
        assert_eq!((part.stages, part.pieces, part.micro_batches), (16, 4, 32));
        assert_eq!(played("1f1b", 4, 1, 1024).micro_batches, 12);
        assert_eq!(played("1f1b", u64::MAX, u64::MAX, u64::MAX).pieces, 8);
    }

    #[test]
    fn what_cannot_run_is_said() {
        assert_eq!(pipeline("2f2b", 4, 1, 8).unwrap_err()[0].code, Code::UnknownName);
        assert_eq!(pipeline("dualpipe", 4, 1, 4).unwrap_err()[0].code, Code::Contradiction);
    }
}
