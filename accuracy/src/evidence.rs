//! The evidence: tables of measured runs as text, either those of this project or whatever a shell has read.
//!
//! A folder handed in may lack any file. Model configs it lacks are looked up among the project's own, since a
//! measured run names its model far more often than it describes it.

use std::collections::BTreeMap;

/// Tables as CSV text; `None` where a folder has no such file.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// `throughput.csv`: measured training configurations.
    pub throughput: Option<String>,
    /// `memory_tracked.csv`: peaks of live bytes.
    pub memory_tracked: Option<String>,
    /// `memory_published.csv`: peaks read off real devices.
    pub memory_published: Option<String>,
    /// `params.csv`: exact parameter counts.
    pub params: Option<String>,
    /// `lora_params.csv`: exact counts of adapters.
    pub lora_params: Option<String>,
    /// `runs.csv`: whole runs.
    pub runs: Option<String>,
    /// `own_runs.csv`: runs measured by a script of this project, on models, and in ways, that no fit ever sees.
    pub own_runs: Option<String>,
    /// `hardware_efficiency.csv`: measured kernels and collectives.
    pub hardware_efficiency: Option<String>,
    /// `configs/NAME.json` by name.
    pub configs: BTreeMap<String, String>,
}

const CONFIGS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/configs.rs"));

impl Evidence {
    /// The files a folder of evidence may have, and where each belongs.
    pub const FILES: [&'static str; 8] = [
        "throughput.csv",
        "memory_tracked.csv",
        "memory_published.csv",
        "params.csv",
        "lora_params.csv",
        "runs.csv",
        "own_runs.csv",
        "hardware_efficiency.csv",
    ];

    /// The project's own.
    #[must_use]
    pub fn committed() -> Self {
        Self {
            throughput: Some(include_str!("../evidence/throughput.csv").into()),
            memory_tracked: Some(include_str!("../evidence/memory_tracked.csv").into()),
            memory_published: None,
            params: Some(include_str!("../evidence/params.csv").into()),
            lora_params: Some(include_str!("../evidence/lora_params.csv").into()),
            runs: Some(include_str!("../evidence/runs.csv").into()),
            own_runs: Some(include_str!("../evidence/own_runs.csv").into()),
            hardware_efficiency: Some(include_str!("../evidence/hardware_efficiency.csv").into()),
            configs: CONFIGS.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
        }
    }

    /// Takes over the text of one of [`Self::FILES`]; an unknown name is ignored and answered with `false`.
    pub fn set(&mut self, file: &str, text: String) -> bool {
        let slot = match file {
            "throughput.csv" => &mut self.throughput,
            "memory_tracked.csv" => &mut self.memory_tracked,
            "memory_published.csv" => &mut self.memory_published,
            "params.csv" => &mut self.params,
            "lora_params.csv" => &mut self.lora_params,
            "runs.csv" => &mut self.runs,
            "own_runs.csv" => &mut self.own_runs,
            "hardware_efficiency.csv" => &mut self.hardware_efficiency,
            _ => return false,
        };
        *slot = Some(text);
        true
    }

    /// The text of a model's config, from the folder or else from the project's own.
    #[must_use]
    pub fn config(&self, name: &str) -> Option<&str> {
        self.configs.get(name).map(String::as_str).or_else(|| {
            CONFIGS
                .binary_search_by_key(&name, |(key, _)| key)
                .ok()
                .and_then(|at| CONFIGS.get(at))
                .map(|(_, text)| *text)
        })
    }

    /// Every config there is, the folder's own first where both have one of a name.
    #[must_use]
    pub fn all_configs(&self) -> BTreeMap<&str, &str> {
        let mut all: BTreeMap<&str, &str> = CONFIGS.iter().copied().collect();
        all.extend(self.configs.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{CONFIGS, Evidence};

    #[test]
    fn committed_evidence_is_whole() {
        let evidence = Evidence::committed();
        assert!(evidence.throughput.is_some_and(|text| text.lines().count() > 800));
        assert!(CONFIGS.len() > 150);
        assert!(CONFIGS.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn a_folder_without_configs_borrows_the_committed_ones() {
        assert!(Evidence::default().config("llama-3.1-8b").is_some());
        assert!(Evidence::default().config("no-such-model").is_none());
    }
}
