//! `prices.toml` as it is written: every list is a list of tables, every key optional as far as the text goes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::parse::{inner, not_finite, syntax, unknown};
use crate::problem::{Code, Problem};
use crate::request::Amount;

/// The file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Prices that were negotiated. Of several that fit, the last holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discount: Vec<Discount>,
    /// Sums taken off the bill of a run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credit: Vec<Credit>,
    /// What committing for a year or three would cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commitment: Vec<Commitment>,
    /// Machines bought ahead, for some days: capacity blocks, commitments that are held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<Block>,
    /// Machines of one's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<OwnedMachines>,
    /// How a provider counts time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub billing: Vec<BillingRule>,
    /// How many accelerators may be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<Quota>,
}

/// `[[discount]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Discount {
    /// Provider, with `*`; blank: any.
    pub provider: Option<String>,
    /// Machine, with `*`.
    pub instance: Option<String>,
    /// Accelerator, with `*`.
    pub accelerator: Option<String>,
    /// Region, with `*`.
    pub region: Option<String>,
    /// `on-demand`, `spot`, `reserved`; blank: all of them.
    pub purchase: Option<String>,
    /// What is taken off the list price (`"20%"`).
    pub off: Option<Amount>,
    /// Instead: the price of one accelerator for an hour (`"$2.10"`).
    pub price: Option<Amount>,
    /// Last day on which it holds.
    pub until: Option<String>,
}

/// `[[credit]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Credit {
    /// Provider; blank: any.
    pub provider: Option<String>,
    /// What is left of it (`"$5,000"`).
    pub amount: Option<Amount>,
    /// Last day on which it holds.
    pub until: Option<String>,
}

/// `[[commitment]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Commitment {
    /// Provider, with `*`; blank: any.
    pub provider: Option<String>,
    /// Machine, with `*`.
    pub instance: Option<String>,
    /// Accelerator, with `*`.
    pub accelerator: Option<String>,
    /// Region, with `*`.
    pub region: Option<String>,
    /// 1 or 3.
    pub years: Option<u64>,
    /// What is taken off the price on demand (`"40%"`).
    pub off: Option<Amount>,
    /// Instead: the price of one accelerator for an hour.
    pub price: Option<Amount>,
}

/// `[[block]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Block {
    /// Provider.
    pub provider: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Machine, as the provider calls it.
    pub instance: Option<String>,
    /// Accelerator, where the machine is not in the catalog.
    pub accelerator: Option<String>,
    /// Accelerators of a machine, where the machine is not in the catalog.
    pub gpus_per_machine: Option<u64>,
    /// Accelerators in all.
    pub gpus: Option<u64>,
    /// Price of one accelerator for an hour.
    pub price: Option<Amount>,
    /// First day.
    pub from: Option<String>,
    /// Day on which it ends; the block is there until that day begins.
    pub until: Option<String>,
}

/// `[[owned]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OwnedMachines {
    /// What you call it.
    pub name: Option<String>,
    /// Accelerator.
    pub accelerator: Option<String>,
    /// Accelerators in all.
    pub gpus: Option<u64>,
    /// Accelerators of a machine; blank: eight, or all if there are fewer.
    pub gpus_per_machine: Option<u64>,
    /// A machine of the catalog (`outlay hardware`).
    pub node: Option<String>,
    /// Network between machines, Gbit/s per accelerator.
    pub network_gbit: Option<f64>,
    /// Technology of that network.
    pub network: Option<String>,
    /// What an hour of one accelerator costs you (`"$0.90"`).
    pub price: Option<Amount>,
    /// Instead: what one machine cost.
    pub machine_cost: Option<Amount>,
    /// Years it is used; blank: four.
    pub life_years: Option<f64>,
    /// Share of the hours it does useful work; blank: 0.7.
    pub used: Option<f64>,
}

/// `[[billing]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BillingRule {
    /// Provider, with `*`.
    pub provider: Option<String>,
    /// Least time that is paid for (`"1h"`).
    pub minimum: Option<Amount>,
    /// Beyond that, time is paid for in whole pieces of this length.
    pub increment: Option<Amount>,
}

/// `[[quota]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Provider, with `*`; blank: any.
    pub provider: Option<String>,
    /// Machine, with `*`.
    pub instance: Option<String>,
    /// Accelerator, with `*`.
    pub accelerator: Option<String>,
    /// Region, with `*`.
    pub region: Option<String>,
    /// `on-demand`, `spot`, `reserved`; blank: all of them.
    pub purchase: Option<String>,
    /// So many accelerators at the most; 0: none.
    pub gpus: Option<u64>,
}

/// Lists by name, with what is wrong with the keys of one of their tables.
type Check = fn(&str, &serde_json::Map<String, Value>) -> Vec<Problem>;
const LISTS: [(&str, Check); 7] = [
    ("discount", inner::<Discount>),
    ("credit", inner::<Credit>),
    ("commitment", inner::<Commitment>),
    ("block", inner::<Block>),
    ("owned", inner::<OwnedMachines>),
    ("billing", inner::<BillingRule>),
    ("quota", inner::<Quota>),
];

pub(super) fn parse(text: &str) -> Result<Prices, Vec<Problem>> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| vec![syntax(text, &e, "the prices")])?;
    let mut problems = Vec::new();
    table.iter().for_each(|(key, value)| not_finite(key, value, &mut problems));
    let names = LISTS.map(|(name, _)| name.to_owned());
    let whole = serde_json::to_value(&table).unwrap_or_default();
    for (name, content) in whole.as_object().into_iter().flatten() {
        let Some((_, check)) = LISTS.iter().find(|(list, _)| list == name) else {
            let fault = unknown(name, name, names.iter());
            problems.push(fault.help(format!("lists are {}", names.join(", "))));
            continue;
        };
        let Value::Array(list) = content else {
            let fault = Problem::new(Code::WrongType, name, format!("`{name}` is a list of tables"));
            problems.push(fault.help(format!("write [[{name}]] above its keys, with two brackets")));
            continue;
        };
        for (number, entry) in list.iter().enumerate() {
            let at = format!("{name}[{}]", number + 1);
            match entry {
                Value::Object(content) => problems.extend(check(&at, content)),
                _ => problems.push(Problem::new(Code::WrongType, at, "a table of keys is expected")),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(whole).map_err(|e| vec![Problem::new(Code::WrongType, "the prices", e.to_string())])
}
