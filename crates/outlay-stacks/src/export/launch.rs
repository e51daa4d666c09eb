//! How a training program is started: what is installed, and the command, once the machines know one another.
//!
//! Does not know: any launcher; each names its own variables.

use super::chosen::Chosen;

/// A program ready to be started in the folder of its files.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Shell lines that install it.
    pub(crate) install: Vec<String>,
    /// Variables it needs, with their values.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Who makes the processes of one machine.
    pub(crate) by: By,
    /// Files it reads, to be brought along.
    pub(crate) files: Vec<String>,
    /// Where it saves.
    pub(crate) output: &'static str,
}

/// Who makes the processes of one machine.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// `torchrun`, with a module or a script and its arguments.
    Torchrun(String),
    /// A command that takes torchrun's options at this place, `{}`.
    Takes(String),
    /// One process, no torchrun.
    Alone(String),
    /// One process of JAX a machine, which holds all accelerators there and hears of the others from variables.
    Jax(String),
}

/// What a launcher calls the machines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machines {
    /// How many there are.
    pub(crate) nodes: &'static str,
    /// Which one this is.
    pub(crate) rank: &'static str,
    /// Address of the first.
    pub(crate) first: &'static str,
}

/// Port that the machines meet on.
pub(crate) const PORT: u64 = 29500;

/// How processes of JAX learn of one another, before a command.
fn met(machines: Machines, port: &str) -> String {
    let Machines { nodes, rank, first } = machines;
    format!("NNODES={nodes} NODE_RANK={rank} JAX_COORDINATOR_IP={first} JAX_COORDINATOR_PORT={port} ")
}

impl Start {
    /// The command on one machine.
    pub(crate) fn command(&self, chosen: &Chosen<'_>, machines: Machines) -> String {
        if let By::Jax(command) = &self.by
            && chosen.plan.nodes > 1
        {
            return format!("{}{command}", met(machines, &PORT.to_string()));
        }
        let each = chosen.per_node();
        let options = if chosen.plan.nodes > 1 {
            format!(
                "--nnodes={} --node-rank={} --nproc-per-node={each} --master-addr={} --master-port={PORT}",
                machines.nodes, machines.rank, machines.first
            )
        } else {
            format!("--standalone --nproc-per-node={each}")
        };
        self.with(&options)
    }

    /// The same with torchrun's options left to the environment (`PET_NNODES` and its like).
    pub(crate) fn by_environment(&self) -> String {
        let machines = Machines { nodes: "$PET_NNODES", rank: "$PET_NODE_RANK", first: "$PET_MASTER_ADDR" };
        match &self.by {
            By::Jax(command) => format!("{}{command}", met(machines, "$PET_MASTER_PORT")),
            _ => self.with(""),
        }
    }

    fn with(&self, options: &str) -> String {
        let gap = if options.is_empty() { "" } else { " " };
        match &self.by {
            By::Torchrun(what) => format!("torchrun{gap}{options} {what}"),
            By::Takes(command) => command.replace("{} ", &format!("{options}{gap}")),
            By::Alone(command) | By::Jax(command) => command.clone(),
        }
    }

    /// What a person types on the first machine.
    pub(crate) fn by_hand(&self, chosen: &Chosen<'_>) -> String {
        self.command(chosen, Machines { nodes: "$NNODES", rank: "$NODE_RANK", first: "$MASTER_ADDR" })
    }

    /// A script: variables, then the command.
    pub(crate) fn script(&self, chosen: &Chosen<'_>, machines: Machines) -> String {
        let mut text = self.exports();
        text.push_str(&self.command(chosen, machines));
        text.push('\n');
        text
    }

    /// Variables as shell lines.
    pub(crate) fn exports(&self) -> String {
        self.env.iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
    }

    /// Shell lines that install it.
    pub(crate) fn installs(&self) -> String {
        self.install.iter().map(|line| format!("{line}\n")).collect()
    }
}
