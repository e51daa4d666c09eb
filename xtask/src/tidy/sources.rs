//! Rules over source files: headers, lengths, numbers that cross walls, formulas that name their source, module order.

use super::Complaint;

/// Longest source file, tests included: what can be read at a sitting.
const LINES_MAX: usize = 700;

/// Complaints about one source file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !text.starts_with("//!") {
        complaints.push(format!("{path}: does not start with a module header (//!)"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        complaints.push(format!("{path}: {lines} lines, more than {LINES_MAX}"));
    }
    if path.starts_with("crates/outlay-core/src") && !path.ends_with("/units.rs") {
        complaints.extend(bare_floats(path, text));
    }
    complaints.extend(formulas(path, text));
    complaints
}

/// `f64` in the signature of a public function.
fn bare_floats(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if !is_public_fn(line) {
            continue;
        }
        let mut signature = line.to_string();
        while !signature.contains('{') && !signature.contains(';') {
            match lines.next() {
                Some((_, more)) => signature.push_str(more),
                None => break,
            }
        }
        let signature = signature.split('{').next().unwrap_or_default();
        if signature.contains("f64") || signature.contains("f32") {
            complaints.push(format!("{path}:{}: a bare float crosses a public function", number + 1));
        }
    }
    complaints
}

fn is_public_fn(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("pub fn ") || line.starts_with("pub const fn ")
}

/// A `# Formula` section goes with `# Source` and `# Valid when`.
fn formulas(path: &str, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(rest) = line.trim_start().strip_prefix("///") {
            doc.push(rest.trim());
        } else {
            if doc.contains(&"# Formula") && !(doc.contains(&"# Source") && doc.contains(&"# Valid when")) {
                complaints.push(format!("{path}:{}: a # Formula without # Source or # Valid when", number + 1));
            }
            doc.clear();
        }
    }
    complaints
}

/// The order of modules in the core's `lib.rs`: their order of knowledge.
pub(crate) fn module_order(lib: &str) -> Vec<String> {
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(String::from).collect()
}

/// A module uses only what stands before it.
pub(crate) fn knowledge(order: &[String], path: &str, text: &str) -> Vec<Complaint> {
    let module = path.split(['/', '.']).next().unwrap_or_default();
    let Some(own) = order.iter().position(|name| name == module) else {
        return if path == "lib.rs" { vec![] } else { vec![format!("{path}: not in the list of lib.rs")] };
    };
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    order
        .iter()
        .enumerate()
        .filter(|(place, name)| *place > own && uses(&code, name))
        .map(|(_, name)| format!("outlay-core/src/{path}: uses `{name}`, which stands after `{module}`"))
        .collect()
}

fn uses(code: &str, module: &str) -> bool {
    code.match_indices("crate::").any(|(at, _)| {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            list.split('}').next().unwrap_or_default().split(',').any(|item| named(item.trim(), module))
        } else {
            named(rest, module)
        }
    })
}

fn named(text: &str, module: &str) -> bool {
    text.strip_prefix(module).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::{check, knowledge, module_order};

    #[test]
    fn a_bare_float_is_found_over_several_lines() {
        let text = "//! x\npub fn f(\n    a: f64,\n) -> u64 {\n}\n";
        assert_eq!(check("crates/outlay-core/src/bill.rs", text).len(), 1);
        assert!(check("crates/outlay-core/src/bill.rs", "//! x\nfn f(a: f64) {}\n").is_empty());
    }

    #[test]
    fn a_formula_without_source_is_found() {
        let text = "//! x\n/// # Formula\n/// `a`\nfn f() {}\n";
        assert_eq!(check("crates/outlay/src/x.rs", text).len(), 1);
        let full = "//! x\n/// # Formula\n/// `a`\n/// # Source\n/// b\n/// # Valid when\n/// c\nfn f() {}\n";
        assert!(check("crates/outlay/src/x.rs", full).is_empty());
    }

    #[test]
    fn a_missing_header_is_found() {
        assert_eq!(check("xtask/src/x.rs", "fn main() {}\n").len(), 1);
    }

    #[test]
    fn reaching_forward_is_found() {
        let order = module_order("pub mod units;\n\npub mod model;\n\npub mod plan;\n");
        assert_eq!(order, ["units", "model", "plan"]);
        assert_eq!(knowledge(&order, "model/mod.rs", "use crate::plan::Layout;\n").len(), 1);
        assert_eq!(knowledge(&order, "units.rs", "use crate::{model::Model, units::Bytes};\n").len(), 1);
        assert!(knowledge(&order, "plan.rs", "use crate::model::Model;\n// crate::later\n").is_empty());
    }
}
