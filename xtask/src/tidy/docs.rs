//! Rules over prose: the code map names the crates that exist, and nothing speaks of places outside the project.

use super::Complaint;

/// Every member has its heading in the code map, and every heading its member.
pub(crate) fn check_architecture(text: &str, members: &[String]) -> Vec<Complaint> {
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### `")?.split('`').next()).collect();
    let missing = members.iter().filter(|dir| !headings.contains(&dir.as_str()));
    let gone = headings.iter().filter(|heading| !members.iter().any(|dir| dir == *heading));
    missing
        .map(|dir| format!("ARCHITECTURE.md: no heading for {dir}"))
        .chain(gone.map(|heading| format!("ARCHITECTURE.md: {heading} does not exist")))
        .collect()
}

/// Absolute paths of somebody's machine have no place in the project.
pub(crate) fn check_words(path: &str, text: &str) -> Vec<Complaint> {
    // Written in two halves so that this file keeps its own rule.
    let banned = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/tm", "p/wt")];
    text.lines()
        .enumerate()
        .filter(|(_, line)| banned.iter().any(|word| line.contains(word)))
        .map(|(number, _)| format!("{path}:{}: names a path of one machine", number + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{check_architecture, check_words};

    #[test]
    fn a_crate_that_is_gone_or_missing_is_found() {
        let text = "### `crates/a` — x\n### `crates/gone`\n";
        let complaints = check_architecture(text, &["crates/a".into(), "crates/b".into()]);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
    }

    #[test]
    fn a_machine_path_is_found() {
        assert_eq!(check_words("x.md", concat!("see /ho", "me/me/x\n")).len(), 1);
    }
}
