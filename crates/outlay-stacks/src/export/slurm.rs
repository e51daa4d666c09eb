//! A Slurm batch script: one task a machine, which starts that machine's processes.

use std::fmt::Write as _;

use outlay::Problem;

use super::chosen::Chosen;
use super::launch::{Machines, PORT, Start};
use super::{Exported, head};

const NAME: &str = "train.sbatch";

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let plan = chosen.plan;
    exported.open("the partition and, where your cluster wants one, the account in train.sbatch");
    let hours = plan.hours.high;
    let minutes = (hours * 60.0).ceil().max(10.0) as u64;
    let (days, rest) = (minutes / 1440, minutes % 1440);
    let mut text = String::from("#!/bin/bash\n");
    let mut option = |option: &str| {
        let _ = writeln!(text, "#SBATCH {option}");
    };
    option(&format!("--job-name={}", chosen.name()));
    option(&format!("--nodes={}", plan.nodes));
    option("--ntasks-per-node=1");
    option(&format!("--gpus-per-node={}", chosen.per_node()));
    option(&format!("--time={days}-{:02}:{:02}:00", rest / 60, rest % 60));
    option("--output=%x-%j.out");
    if chosen.save_steps().is_some() {
        // The log goes on where it was, as the run does.
        option("--requeue");
        option("--open-mode=append");
    }
    text.push_str("##SBATCH --partition=gpu\n##SBATCH --account=\n");
    text.push_str(&head(chosen, "Slurm: sbatch train.sbatch, in an environment that has the program", &exported.open));
    for line in &start.install {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("# the time limit is what one run in ten takes longer than\n");
    text.push_str("set -euo pipefail\n");
    text.push_str(&start.exports());
    if plan.nodes > 1 {
        text.push_str("MASTER_ADDR=$(scontrol show hostnames \"$SLURM_JOB_NODELIST\" | head -n 1)\n");
        let _ = writeln!(text, "export MASTER_ADDR MASTER_PORT={PORT}");
    }
    let machines = Machines { nodes: "$SLURM_NNODES", rank: "$SLURM_NODEID", first: "$MASTER_ADDR" };
    // Variables of a task exist on its machine alone: the shell there fills them in.
    let command = start.command(chosen, machines).replace('\'', "'\\''");
    let _ = writeln!(text, "srun bash -c '{command}'");
    exported.file(NAME, text);
    Ok(())
}
