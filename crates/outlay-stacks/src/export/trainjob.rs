//! A Kubeflow TrainJob on the runtime `torch-distributed`, which tells torchrun the machines through the environment.

use outlay::Problem;

use super::chosen::Chosen;
use super::jobset::{IMAGE, limits, script};
use super::launch::Start;
use super::node::{Map, Node};
use super::{Exported, head};

const NAME: &str = "trainjob.yaml";

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let script = script(start, exported, |start| start.exports() + &start.by_environment() + "\n");
    exported.open("a runtime that mounts a volume at /job/out, if checkpoints are to outlive the pods");
    let trainer = Map::new()
        .with("numNodes", chosen.plan.nodes)
        .with("numProcPerNode", chosen.per_node())
        .with("image", IMAGE)
        .with("command", vec!["bash", "-c"])
        .with("args", vec![Node::Block(script)])
        .with("resourcesPerNode", Map::new().with("limits", limits(chosen)));
    let map = Map::new()
        .with("apiVersion", "trainer.kubeflow.org/v1alpha1")
        .with("kind", "TrainJob")
        .with("metadata", Map::new().with("name", chosen.name()))
        .with(
            "spec",
            Map::new().with("runtimeRef", Map::new().with("name", "torch-distributed")).with("trainer", trainer),
        );
    let text = head(chosen, "Kubeflow Trainer: kubectl apply -f", &exported.open) + &map.yaml();
    exported.file(NAME, text);
    Ok(())
}
