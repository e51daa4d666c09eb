//! A script for each machine, started by hand or by whatever starts things there.

use std::fmt::Write as _;

use outlay::Problem;

use super::chosen::Chosen;
use super::launch::{Machines, Start};
use super::{Exported, head};

const NAME: &str = "run.sh";

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let mut text = String::from("#!/usr/bin/env bash\n");
    text.push_str(&head(chosen, "on each machine: bash run.sh", &exported.open));
    text.push_str("set -euo pipefail\n");
    if chosen.plan.nodes > 1 {
        let _ = writeln!(text, ": \"${{NNODES:={}}}\"", chosen.plan.nodes);
        text.push_str(": \"${NODE_RANK:?which machine this is, from 0}\"\n");
        text.push_str(": \"${MASTER_ADDR:?address of the first machine}\"\n");
    }
    for line in &start.install {
        let _ = writeln!(text, "# {line}");
    }
    let machines = Machines { nodes: "$NNODES", rank: "$NODE_RANK", first: "$MASTER_ADDR" };
    if chosen.may_be_interrupted() {
        text.push_str(&start.exports());
        // A spot machine that comes back goes on from the last checkpoint; a fault of the program ends after three tries.
        let command = start.command(chosen, machines);
        let _ = write!(
            text,
            "for attempt in 1 2 3; do\n  {command} && exit 0\n  echo \"attempt $attempt ended; going on from the last checkpoint\" >&2\n  sleep 10\ndone\nexit 1\n"
        );
    } else {
        text.push_str(&start.script(chosen, machines));
    }
    exported.file(NAME, text);
    Ok(())
}
