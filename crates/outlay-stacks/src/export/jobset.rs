//! A Kubernetes JobSet: as many pods as machines, which find one another by name. The files come along in the script, so
//! that one document is all there is to apply.

use std::fmt::Write as _;

use outlay::Problem;
use outlay::core::scenario::cluster::Vendor;

use super::chosen::Chosen;
use super::launch::{Machines, Start};
use super::node::{Map, Node};
use super::{Exported, head};

const NAME: &str = "jobset.yaml";

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let (plan, name) = (chosen.plan, chosen.name());
    let first = format!("{name}-workers-0-0.{name}");
    let script = script(start, exported, |start| {
        let machines = Machines { nodes: "$NNODES", rank: "$JOB_COMPLETION_INDEX", first: "$MASTER_ADDR" };
        start.script(chosen, machines)
    });
    exported.open("the persistent volume claim in place of `outlay-out`: checkpoints and the result go there");
    let env = vec![
        Map::new().with("name", "NNODES").with("value", plan.nodes.to_string()),
        Map::new().with("name", "MASTER_ADDR").with("value", first),
    ];
    let container = Map::new()
        .with("name", "train")
        .with("image", IMAGE)
        .with("command", vec!["bash", "-c"])
        .with("args", vec![Node::Block(script)])
        .with("env", env)
        .with("resources", Map::new().with("limits", limits(chosen)))
        .with("volumeMounts", mounts(start));
    let pod = Map::new().with("restartPolicy", "Never").with("containers", vec![container]).with("volumes", volumes());
    let job = Map::new()
        .with("parallelism", plan.nodes)
        .with("completions", plan.nodes)
        .with("completionMode", "Indexed")
        .with("backoffLimit", 0u64)
        .with("template", Map::new().with("spec", pod));
    let workers =
        Map::new().with("name", "workers").with("replicas", 1u64).with("template", Map::new().with("spec", job));
    let mut spec = Map::new();
    let restarts: u64 = if chosen.may_be_interrupted() { 100 } else { 3 };
    spec.set("failurePolicy", Map::new().with("maxRestarts", restarts));
    spec.set("network", Map::new().with("enableDNSHostnames", true));
    spec.set("replicatedJobs", vec![workers]);
    let map = Map::new()
        .with("apiVersion", "jobset.x-k8s.io/v1alpha2")
        .with("kind", "JobSet")
        .with("metadata", Map::new().with("name", name))
        .with("spec", spec);
    let text = head(chosen, "JobSet: kubectl apply -f", &exported.open) + &map.yaml();
    exported.file(NAME, text);
    Ok(())
}

/// PyPI's torch brings its own libraries; the driver comes from the node.
pub(crate) const IMAGE: &str = "python:3.12";

/// Accelerators of one machine by the names of the device plugins.
pub(crate) fn limits(chosen: &Chosen<'_>) -> Map {
    let resource = match chosen.scenario.offers[0].accelerator.vendor {
        Vendor::Nvidia => "nvidia.com/gpu",
        Vendor::Amd => "amd.com/gpu",
        Vendor::Intel => "habana.ai/gaudi",
        Vendor::Google => "google.com/tpu",
        Vendor::Aws => "aws.amazon.com/neuron",
    };
    Map::new().with(resource, chosen.per_node().to_string())
}

pub(crate) fn mounts(start: &Start) -> Vec<Map> {
    vec![
        Map::new().with("name", "out").with("mountPath", format!("/job/{}", start.output)),
        Map::new().with("name", "shm").with("mountPath", "/dev/shm"),
    ]
}

pub(crate) fn volumes() -> Vec<Map> {
    vec![
        Map::new().with("name", "out").with("persistentVolumeClaim", Map::new().with("claimName", "outlay-out")),
        Map::new().with("name", "shm").with("emptyDir", Map::new().with("medium", "Memory")),
    ]
}

/// The files, what installs the program, the command.
pub(crate) fn script(start: &Start, exported: &mut Exported, command: impl Fn(&Start) -> String) -> String {
    let mut text = String::from("set -euo pipefail\nmkdir -p /job && cd /job\n");
    for name in &start.files {
        match exported.files.iter().find(|file| file.name == *name) {
            Some(file) => {
                let _ = write!(text, "cat > {name} <<'OUTLAY'\n{}OUTLAY\n", file.text);
            }
            None => exported.open(format!("{name} in the image: the pods need it in /job")),
        }
    }
    text.push_str(&start.installs());
    text.push_str(&command(start));
    text
}
