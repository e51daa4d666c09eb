//! A bar of parts against a capacity, each part with its own fill, so that it reads without colour.
//!
//! Does not know: what is measured.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// Fills of the parts, darkest first, and of what is left.
const FILLS: [(char, AnsiColor); 4] =
    [('█', AnsiColor::Blue), ('▓', AnsiColor::Cyan), ('▒', AnsiColor::Yellow), ('░', AnsiColor::Magenta)];
const REST: char = '·';

/// The parts as shown: the largest by themselves, the others together.
pub(crate) fn largest(parts: &[(String, f64)]) -> Vec<(String, f64)> {
    let mut sorted: Vec<(String, f64)> = parts.iter().filter(|(_, amount)| *amount > 0.0).cloned().collect();
    // A stable sort on a total order: equal parts keep the order they came in.
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    if sorted.len() > FILLS.len() {
        let rest: f64 = sorted.drain(FILLS.len() - 1..).map(|(_, amount)| amount).sum();
        sorted.push(("the rest".into(), rest));
    }
    sorted
}

/// The bar, `cells` wide; parts beyond the capacity run over its end, marked.
pub(crate) fn bar(parts: &[(String, f64)], capacity: f64, cells: usize) -> String {
    let total: f64 = parts.iter().map(|(_, amount)| amount).sum();
    let scale = capacity.max(total);
    let mut text = String::new();
    let (mut done, mut sum) = (0, 0.0);
    let end = cell(capacity, scale, cells);
    for ((_, amount), (fill, color)) in parts.iter().zip(FILLS) {
        sum += amount;
        let until = cell(sum, scale, cells);
        let style: Style = color.on_default();
        let _ = write!(text, "{style}");
        for place in done..until {
            if place == end {
                text.push('┃');
            }
            text.push(fill);
        }
        let _ = write!(text, "{style:#}");
        done = until.max(done);
    }
    text.extend(std::iter::repeat_n(REST, end.saturating_sub(done)));
    if done <= end {
        text.push('┃');
    }
    text
}

fn cell(amount: f64, scale: f64, cells: usize) -> usize {
    if scale > 0.0 { ((amount / scale * cells as f64).round() as usize).min(cells) } else { 0 }
}

/// What each fill stands for: `█ weights 5.1`.
pub(crate) fn legend(parts: &[(String, f64)], one: impl Fn(f64) -> String) -> Vec<String> {
    let entry = |((name, amount), (fill, color)): (&(String, f64), (char, AnsiColor))| {
        let style: Style = color.on_default();
        format!("{style}{fill}{style:#} {name} {}", one(*amount))
    };
    parts.iter().zip(FILLS).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::{bar, largest};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn parts_fill_their_share() {
        let parts = [("a".to_string(), 5.0), ("b".into(), 3.0)];
        assert_eq!(plain(&bar(&parts, 10.0, 10)), "█████▓▓▓··┃");
        assert_eq!(plain(&bar(&parts, 4.0, 8)), "████┃█▓▓▓");
        assert_eq!(plain(&bar(&[], 0.0, 8)), "┃");
    }

    #[test]
    fn small_parts_go_together() {
        let parts: Vec<(String, f64)> = (1..=6).map(|n| (format!("p{n}"), f64::from(n))).collect();
        let names: Vec<(String, f64)> = largest(&parts);
        assert_eq!(names, [("p6".into(), 6.0), ("p5".into(), 5.0), ("p4".into(), 4.0), ("the rest".into(), 6.0)]);
    }
}
