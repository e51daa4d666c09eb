//! Who may depend on whom: every manifest against one table.
//!
//! The table is the wall between the rooms. A new row or word here is the gravest kind of change and wants a
//! commit of its own with its reason.

use std::path::Path;

use super::Complaint;

/// What a crate may depend on.
struct Rule {
    dir: &'static str,
    ours: &'static [&'static str],
    /// Outside crates; `None`: any.
    outside: Option<&'static [&'static str]>,
}

const RULES: &[Rule] = &[
    Rule { dir: "crates/outlay-core", ours: &[], outside: Some(&["libm"]) },
    Rule {
        dir: "crates/outlay-catalog",
        ours: &["outlay-core"],
        outside: Some(&["serde", "serde_json", "toml", "csv"]),
    },
    Rule {
        dir: "crates/outlay",
        ours: &["outlay-core", "outlay-catalog"],
        outside: Some(&["serde", "serde_json", "toml", "schemars", "rayon", "rand_pcg", "csv"]),
    },
    Rule {
        dir: "accuracy",
        ours: &["outlay"],
        outside: Some(&["serde", "serde_json", "csv", "libm", "nalgebra", "toml"]),
    },
    Rule {
        dir: "crates/outlay-data",
        ours: &[],
        outside: Some(&[
            "arrow-array",
            "arrow-ipc",
            "arrow-schema",
            "bytes",
            "flate2",
            "memchr",
            "parquet",
            "rayon",
            "serde",
            "serde_json",
            "tokenizers",
            "tokenizers-next",
            "zstd",
        ]),
    },
    Rule {
        dir: "crates/outlay-stacks",
        ours: &["outlay"],
        outside: Some(&["serde_json", "serde-saphyr", "shlex", "toml"]),
    },
    Rule { dir: "crates/outlay-server", ours: &["outlay", "outlay-stacks"], outside: None },
    Rule {
        dir: "crates/outlay-cli",
        ours: &["outlay", "outlay-data", "outlay-stacks", "outlay-server", "accuracy"],
        outside: None,
    },
    // What Python is handed is text: the door alone writes it.
    Rule { dir: "crates/outlay-python", ours: &["outlay"], outside: Some(&["pyo3", "serde", "serde_json"]) },
    Rule {
        dir: "crates/outlay-wasm",
        ours: &["outlay", "outlay-stacks"],
        outside: Some(&["serde", "serde_json", "wasm-bindgen"]),
    },
    Rule {
        dir: "xtask",
        ours: &[],
        outside: Some(&["pulldown-cmark", "serde_json", "toml", "wasm-bindgen-cli-support"]),
    },
];

/// Folders of the workspace's members.
pub(crate) fn members(root: &Path) -> Result<Vec<String>, String> {
    let mut dirs = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).map_err(|e| e.to_string())? {
        let name = entry.map_err(|e| e.to_string())?.file_name();
        dirs.push(format!("crates/{}", name.to_string_lossy()));
    }
    dirs.sort();
    dirs.extend(["accuracy".into(), "xtask".into()]);
    Ok(dirs)
}

/// Complaints about one manifest.
pub(crate) fn check(dir: &str, manifest: &str) -> Vec<Complaint> {
    let Some(rule) = RULES.iter().find(|rule| rule.dir == dir) else {
        return vec![format!("{dir}: no rule for this crate in xtask/src/tidy/manifests.rs")];
    };
    let table: toml::Table = match manifest.parse() {
        Ok(table) => table,
        Err(e) => return vec![format!("{dir}/Cargo.toml: {e}")],
    };
    let ours: Vec<&str> =
        RULES.iter().filter_map(|r| r.dir.rsplit('/').next()).filter(|name| *name != "xtask").collect();
    let mut complaints = Vec::new();
    for name in table.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
        let allowed = if ours.contains(&name.as_str()) {
            rule.ours.contains(&name.as_str())
        } else {
            rule.outside.is_none_or(|outside| outside.contains(&name.as_str()))
        };
        if !allowed {
            complaints.push(format!("{dir}/Cargo.toml: must not depend on {name}"));
        }
    }
    // `cargo tree` of the core shows libm alone, tests included.
    if dir == "crates/outlay-core" {
        for kind in ["dev-dependencies", "build-dependencies", "target"] {
            if table.contains_key(kind) {
                complaints.push(format!("{dir}/Cargo.toml: the core has no [{kind}]"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_forbidden_edge_is_found() {
        let manifest = "[dependencies]\nlibm = \"0.2\"\nserde = \"1\"\noutlay-catalog = { path = \"x\" }\n";
        let complaints = check("crates/outlay-core", manifest);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("serde") || complaints[1].contains("serde"));
    }

    #[test]
    fn the_core_has_no_dev_dependencies() {
        assert_eq!(check("crates/outlay-core", "[dev-dependencies]\nproptest = \"1\"\n").len(), 1);
    }

    #[test]
    fn a_shell_may_not_reach_below_the_door() {
        assert_eq!(check("crates/outlay-cli", "[dependencies]\noutlay-core = \"0\"\n").len(), 1);
        assert!(check("crates/outlay-cli", "[dependencies]\noutlay = \"0\"\nclap = \"4\"\n").is_empty());
    }

    #[test]
    fn a_crate_without_a_rule_is_found() {
        assert_eq!(check("crates/new", "").len(), 1);
    }
}
