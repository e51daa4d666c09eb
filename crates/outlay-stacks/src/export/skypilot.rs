//! A SkyPilot task: the machines of the plan, brought up, set up and started.
//!
//! SkyPilot names accelerators and clouds in its own words; what it has no word for is left out and said.

use outlay::Problem;
use outlay::core::scenario::offer::Purchase;

use super::chosen::{Chosen, cannot};
use super::launch::{Machines, Start};
use super::node::{Map, Node};
use super::{Exported, cards, head};

const NAME: &str = "skypilot.yaml";

/// Providers by SkyPilot's names of clouds.
const CLOUDS: &[(&str, &str)] = &[
    ("aws", "aws"),
    ("gcp", "gcp"),
    ("azure", "azure"),
    ("oci", "oci"),
    ("oracle-cloud", "oci"),
    ("lambda", "lambda"),
    ("runpod", "runpod"),
    ("runpod-secure", "runpod"),
    ("runpod-community", "runpod"),
    ("vast", "vast"),
    ("nebius", "nebius"),
    ("paperspace", "paperspace"),
    ("fluidstack", "fluidstack"),
    ("cudo", "cudo"),
    ("cudo-compute", "cudo"),
    ("hyperbolic", "hyperbolic"),
];

/// Large clouds have one name for both boards of these, as they rent only one.
fn accelerator(id: &str, cloud: Option<&str>) -> Option<&'static str> {
    match (id, cloud) {
        ("h100-sxm", Some("aws" | "gcp" | "azure" | "oci" | "lambda" | "nebius")) => Some("H100"),
        ("a100-80gb-sxm", Some("aws" | "gcp" | "azure" | "oci" | "lambda")) => Some("A100-80GB"),
        _ => cards::skypilot(id),
    }
}

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let plan = chosen.plan;
    let offer = &chosen.scenario.offers[0];
    if offer.purchase == Purchase::Mixed {
        let help = "fix hardware.purchase = [\"spot\"] or [\"on-demand\"]";
        return Err(vec![cannot("a SkyPilot task", "hardware.purchase", "a steady part beside spot machines", help)]);
    }
    let cloud = CLOUDS.iter().find(|(ours, _)| *ours == plan.provider).map(|(_, theirs)| *theirs);
    let mut resources = Map::new();
    match accelerator(&plan.accelerator, cloud) {
        Some(name) => resources.set("accelerators", format!("{name}:{}", chosen.per_node())),
        None => {
            exported.open(format!("resources.accelerators: SkyPilot's name of {}", plan.accelerator_name));
            resources.set("accelerators", format!("{}:{}", plan.accelerator, chosen.per_node()))
        }
    };
    let named = |region: &str| !region.is_empty() && !["global", "default", "any"].contains(&region);
    match cloud {
        Some(cloud) if named(&plan.region) && matches!(cloud, "aws" | "gcp" | "azure" | "oci") => {
            resources.set("infra", format!("{cloud}/{}", plan.region));
        }
        Some(cloud) => {
            resources.set("infra", cloud);
        }
        None if offer.purchase == Purchase::Owned => {}
        None => exported.notes.push(format!(
            "SkyPilot rents nothing from {}: it will look for the cheapest such machine elsewhere, at another price",
            plan.provider
        )),
    }
    if cloud.is_some_and(|cloud| matches!(cloud, "aws" | "azure")) {
        resources.set("instance_type", plan.instance.clone());
    }
    resources.set("use_spot", chosen.may_be_interrupted());
    if chosen.may_be_interrupted() {
        resources.note("job_recovery", "eager_next_region", "start it as a managed job: sky jobs launch");
        exported.notes.push("start it with `sky jobs launch`: a managed job comes back after a preemption".into());
        exported.open(format!("a bucket mounted at {}, so that checkpoints outlive the machine", start.output));
    }
    let mut map = Map::new();
    map.set("name", chosen.name());
    map.set("resources", resources);
    map.set("num_nodes", plan.nodes);
    map.set("workdir", ".");
    let machines = Machines { nodes: "$SKYPILOT_NUM_NODES", rank: "$SKYPILOT_NODE_RANK", first: "$FIRST" };
    let mut run = String::new();
    if plan.nodes > 1 {
        run.push_str("FIRST=$(echo \"$SKYPILOT_NODE_IPS\" | head -n 1)\n");
    }
    run.push_str(&start.script(chosen, machines));
    map.set("setup", Node::Block(start.installs()));
    map.set("run", Node::Block(run));
    let text = head(chosen, "SkyPilot: sky launch", &exported.open) + &map.yaml();
    exported.file(NAME, text);
    Ok(())
}
