//! Accelerators by the names that launchers give them.
//!
//! Does not know: who rents which.

/// Ours, SkyPilot's, dstack's.
const NAMES: &[(&str, &str, &str)] = &[
    ("t4", "T4", "T4"),
    ("p100-16gb", "P100", "P100"),
    ("v100-16gb", "V100", "V100"),
    ("v100-32gb", "V100-32GB", "V100"),
    ("a10", "A10", "A10"),
    ("a10g", "A10G", "A10G"),
    ("l4", "L4", "L4"),
    ("l40", "L40", "L40"),
    ("l40s", "L40S", "L40S"),
    ("a40", "A40", "A40"),
    ("rtx-a4000", "RTXA4000", "A4000"),
    ("rtx-a5000", "RTXA5000", "A5000"),
    ("rtx-a6000", "RTXA6000", "A6000"),
    ("rtx-6000-ada", "RTX6000-Ada", "RTX6000Ada"),
    ("rtx-3090", "RTX3090", "RTX3090"),
    ("rtx-4080", "RTX4080", "RTX4080"),
    ("rtx-4090", "RTX4090", "RTX4090"),
    ("rtx-5090", "RTX5090", "RTX5090"),
    ("a100-40gb-sxm", "A100", "A100"),
    ("a100-40gb-pcie", "A100", "A100"),
    ("a100-80gb-sxm", "A100-80GB-SXM", "A100"),
    ("a100-80gb-pcie", "A100-80GB", "A100"),
    ("h100-sxm", "H100-SXM", "H100"),
    ("h100-pcie", "H100", "H100"),
    ("h100-nvl", "H100-NVL", "H100NVL"),
    ("h200-sxm", "H200", "H200"),
    ("gh200", "GH200", "GH200"),
    ("b200-sxm", "B200", "B200"),
    ("b300-sxm", "B300", "B300"),
    ("mi300x", "MI300X", "MI300X"),
];

/// SkyPilot's name.
pub(crate) fn skypilot(id: &str) -> Option<&'static str> {
    NAMES.iter().find(|(ours, ..)| *ours == id).map(|(_, name, _)| *name)
}

/// dstack's name.
pub(crate) fn dstack(id: &str) -> Option<&'static str> {
    NAMES.iter().find(|(ours, ..)| *ours == id).map(|(.., name)| *name)
}
