//! Term trees: a figure, what it is the sum of, and how each part comes about.
//!
//! Names and their guides on the left, figures in one column, notes beside them, continued underneath when the line is
//! full.
//!
//! Does not know: units; figures arrive as text.

use std::fmt::Write as _;

use anstyle::Style;

const NOTE: Style = Style::new().dimmed();
const ROOT: Style = Style::new().bold();

/// A term as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// What it is.
    pub(crate) name: String,
    /// How much, with its unit.
    pub(crate) figure: String,
    /// How it comes about.
    pub(crate) note: String,
    /// What it is the sum of.
    pub(crate) parts: Vec<Branch>,
}

struct Line<'a> {
    guide: String,
    below: String,
    branch: &'a Branch,
}

/// The tree, laid out for this many columns.
pub(crate) fn tree(root: &Branch, width: usize) -> String {
    let mut lines = Vec::new();
    walk(root, String::new(), String::new(), &mut lines);
    let names = lines.iter().map(|line| count(&line.guide) + count(&line.branch.name)).max().unwrap_or(0);
    let figures = lines.iter().map(|line| count(&line.branch.figure)).max().unwrap_or(0);
    let mut text = String::new();
    for (number, Line { guide, below, branch }) in lines.iter().enumerate() {
        let pad = names - count(guide) - count(&branch.name);
        let style = if number == 0 { ROOT } else { Style::new() };
        let head = format!("{guide}{style}{}{style:#}{:pad$}  {:>figures$}", branch.name, "", branch.figure);
        let room = width.saturating_sub(names + figures + 4).max(20);
        for (place, note) in wrap(&branch.note, room).iter().enumerate() {
            if place == 0 {
                let _ = writeln!(text, "{head}  {NOTE}{note}{NOTE:#}");
            } else {
                let gap = names + figures + 4 - count(below);
                let _ = writeln!(text, "{below}{:gap$}{NOTE}{note}{NOTE:#}", "");
            }
        }
        if branch.note.is_empty() {
            let _ = writeln!(text, "{head}");
        }
    }
    text
}

fn walk<'a>(branch: &'a Branch, guide: String, below: String, lines: &mut Vec<Line<'a>>) {
    let inner = if branch.parts.is_empty() { below.clone() } else { format!("{below}│ ") };
    lines.push(Line { guide, below: inner, branch });
    for (place, part) in branch.parts.iter().enumerate() {
        let last = place + 1 == branch.parts.len();
        let (turn, on) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        walk(part, format!("{below}{turn}"), format!("{below}{on}"), lines);
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a text at spaces into lines of at most `room` characters; a longer word stands alone.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if count(line) + 1 + count(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Branch, tree};

    fn leaf(name: &str, figure: &str, note: &str) -> Branch {
        Branch { name: name.into(), figure: figure.into(), note: note.into(), parts: vec![] }
    }

    #[test]
    fn guides_figures_and_notes() {
        let parts = vec![
            Branch {
                parts: vec![leaf("frozen", "4 GiB", "")],
                ..leaf("weights", "5 GiB", "8.03 B in nf4 with double quantisation")
            },
            leaf("context", "12 GiB", ""),
        ];
        let root = Branch { parts, ..leaf("memory", "17 GiB", "") };
        let want = "memory        17 GiB\n\
                    ├─ weights     5 GiB  8.03 B in nf4 with\n\
                    │  │                  double quantisation\n\
                    │  └─ frozen   4 GiB\n\
                    └─ context    12 GiB\n";
        assert_eq!(anstream::adapter::strip_str(&tree(&root, 44)).to_string(), want);
    }
}
