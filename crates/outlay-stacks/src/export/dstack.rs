//! A dstack task. dstack has limits on price and time of its own: both are set from the plan's 80 % interval.

use outlay::Problem;
use outlay::core::scenario::offer::Purchase;

use super::chosen::{Chosen, cannot};
use super::launch::{Machines, Start};
use super::node::{Map, Node};
use super::{Exported, cards, head};

const NAME: &str = "train.dstack.yml";

/// Providers by dstack's names of backends.
const BACKENDS: &[(&str, &str)] = &[
    ("aws", "aws"),
    ("azure", "azure"),
    ("gcp", "gcp"),
    ("cudo", "cudo"),
    ("cudo-compute", "cudo"),
    ("lambda", "lambda"),
    ("nebius", "nebius"),
    ("oci", "oci"),
    ("oracle-cloud", "oci"),
    ("runpod", "runpod"),
    ("runpod-secure", "runpod"),
    ("runpod-community", "runpod"),
    ("vast", "vastai"),
    ("verda", "verda"),
    ("vultr", "vultr"),
    ("crusoe", "crusoe"),
];

pub(crate) fn write(chosen: &Chosen<'_>, start: &Start, exported: &mut Exported) -> Result<(), Vec<Problem>> {
    let plan = chosen.plan;
    let purchase = chosen.scenario.offers[0].purchase;
    if purchase == Purchase::Mixed {
        let help = "fix hardware.purchase = [\"spot\"] or [\"on-demand\"]";
        return Err(vec![cannot("a dstack task", "hardware.purchase", "a steady part beside spot machines", help)]);
    }
    let mut map = Map::new();
    map.set("type", "task").set("name", chosen.name());
    map.set("python", "3.12");
    map.set("nodes", plan.nodes);
    map.set("files", start.files.iter().map(|file| Node::from(file.as_str())).collect::<Vec<_>>());
    let env: Vec<Node> = start.env.iter().map(|(name, value)| Node::Text(format!("{name}={value}"))).collect();
    if !env.is_empty() {
        map.set("env", Node::List(env));
    }
    let machines = Machines { nodes: "$DSTACK_NODES_NUM", rank: "$DSTACK_NODE_RANK", first: "$DSTACK_MASTER_NODE_IP" };
    let mut commands = start.install.clone();
    commands.push(start.command(chosen, machines));
    map.set("commands", Node::List(commands.into_iter().map(|line| Node::Block(line + "\n")).collect()));
    let mut resources = Map::new();
    let gib = chosen.plan.capacity_gib.round() as u64;
    let name = cards::dstack(&plan.accelerator).unwrap_or_else(|| {
        exported.open(format!("resources.gpu: dstack's name of {}", plan.accelerator_name));
        "GPU"
    });
    // Vendors print powers of ten or two: what a card has at the least tells boards of the same name apart.
    resources.set("gpu", format!("{name}:{}GB..:{}", (gib * 9) / 10, chosen.per_node()));
    map.set("resources", resources);
    match BACKENDS.iter().find(|(ours, _)| *ours == plan.provider) {
        Some((_, backend)) => {
            map.set("backends", vec![*backend]);
            if matches!(*backend, "aws" | "azure" | "gcp" | "oci") && !plan.region.is_empty() {
                map.set("regions", vec![plan.region.clone()]);
            }
        }
        None if purchase == Purchase::Owned => {}
        None => exported.notes.push(format!(
            "dstack rents nothing from {}: it will look for the cheapest such machine elsewhere, at another price",
            plan.provider
        )),
    }
    let spot = chosen.may_be_interrupted();
    map.set("spot_policy", if spot { "spot" } else { "on-demand" });
    if let Some(price) = plan.machine_usd_per_hour.filter(|_| purchase != Purchase::Owned) {
        let limit = (price * 1.1 * 100.0).ceil() / 100.0;
        map.note("max_price", limit, "of one machine and hour: a tenth over the plan's");
    }
    let hours = (plan.hours.high.ceil().max(1.0)) as u64;
    map.note("max_duration", format!("{hours}h"), "one run in ten takes longer than that");
    if spot {
        let retry = Map::new()
            .with("on_events", vec!["no-capacity", "interruption"])
            .with("duration", format!("{}h", hours * 2));
        map.set("retry", retry);
        exported.open(format!("a volume mounted at {}, so that checkpoints outlive the machine", start.output));
    }
    let text = head(chosen, "dstack: dstack apply", &exported.open) + &map.yaml();
    exported.file(NAME, text);
    Ok(())
}
