//! A driver for `ray job submit`: one task a machine, which holds its accelerators and starts torchrun there.

use std::fmt::Write as _;

use outlay::Problem;

use super::chosen::Chosen;
use super::launch::{Machines, PORT, Start};
use super::{Exported, head};

const NAME: &str = "ray_job.py";

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let plan = chosen.plan;
    let machines = Machines { nodes: "$NNODES", rank: "$NODE_RANK", first: "$MASTER_ADDR" };
    let mut text = head(chosen, "Ray: ray job submit --working-dir . -- python ray_job.py", &exported.open);
    for line in &start.install {
        let _ = writeln!(text, "# on every machine: {line}");
    }
    let command = serde_json::Value::from(start.command(chosen, machines));
    let tries = if chosen.may_be_interrupted() { 100 } else { 3 };
    let _ = write!(
        text,
        r#"import os
import subprocess

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

NODES = {nodes}
GPUS = {gpus}
COMMAND = {command}


def environment(rank, first):
    return dict(os.environ, NNODES=str(NODES), NODE_RANK=str(rank), MASTER_ADDR=first, MASTER_PORT="{PORT}"{env})


@ray.remote(num_gpus=GPUS, max_retries=0)
def train(rank, first):
    subprocess.run(["bash", "-c", COMMAND], env=environment(rank, first), check=True)


@ray.remote(num_cpus=0)
def address():
    return ray.util.get_node_ip_address()


ray.init()
# One bundle a machine, and all of them at once.
group = placement_group([{{"GPU": GPUS, "CPU": 1}}] * NODES, strategy="STRICT_SPREAD")
ray.get(group.ready())


def on(rank):
    return PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)


# Machines that are taken away end all tasks; the next attempt goes on from the last checkpoint.
for attempt in range({tries}):
    first = ray.get(address.options(scheduling_strategy=on(0)).remote())
    tasks = [train.options(scheduling_strategy=on(rank)).remote(rank, first) for rank in range(NODES)]
    try:
        ray.get(tasks)
        break
    except ray.exceptions.RayError as error:
        print(f"attempt {{attempt}}: {{error}}")
        for task in tasks:
            ray.cancel(task, force=True)
else:
    raise SystemExit("gave up")
"#,
        nodes = plan.nodes,
        gpus = chosen.per_node(),
        env = start.env.iter().map(|(name, value)| format!(", {name}={value:?}")).collect::<String>(),
    );
    exported.file(NAME, text);
    Ok(())
}
