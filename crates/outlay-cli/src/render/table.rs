//! Tables: the same rows for a terminal and for Markdown.
//!
//! On a narrow terminal whole columns are left out, least important first, rather than cells broken over lines: a
//! figure torn in two is worse than one asked for again with a wider window. A chosen row carries a mark besides its
//! weight, so that colour is never the only carrier.
//!
//! Does not know: what is in the cells.

use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, TableStyle};

const HEAD: Style = Style::new().dimmed();
const CHOSEN: Style = Style::new().bold();
/// Stands before the chosen row.
const MARK: &str = "▸";

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    /// Columns with the highest number go first when space is short; 0 stays.
    spare: u8,
    /// Never broken over lines.
    whole: bool,
}

/// A column of words.
pub(crate) const fn words(title: &'static str) -> Column {
    Column { title, right: false, spare: 0, whole: false }
}

/// A column of figures.
pub(crate) const fn figures(title: &'static str) -> Column {
    Column { title, right: true, spare: 0, whole: false }
}

impl Column {
    /// One that is never broken over lines.
    pub(crate) const fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// One that may be left out; the highest goes first.
    pub(crate) const fn spare(self, order: u8) -> Self {
        Self { spare: order, ..self }
    }
}

/// Rows under columns.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<(bool, Vec<String>)>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push((false, cells));
    }

    /// Adds the row that was chosen.
    pub(crate) fn chosen(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push((true, cells));
    }

    /// Columns in which some row says something, as many as fit.
    fn kept(&self, width: usize) -> Vec<usize> {
        let mut kept: Vec<usize> =
            (0..self.columns.len()).filter(|c| self.rows.iter().any(|(_, cells)| !cells[*c].is_empty())).collect();
        let widest = |c: usize| {
            let cells = self.rows.iter().map(|(_, cells)| cells[c].chars().count());
            cells.max().unwrap_or(0).max(self.columns[c].title.chars().count())
        };
        loop {
            let needed: usize = kept.iter().map(|c| widest(*c) + 2).sum::<usize>();
            let spare =
                kept.iter().copied().filter(|c| self.columns[*c].spare > 0).max_by_key(|c| self.columns[*c].spare);
            match spare {
                Some(column) if needed > width => kept.retain(|c| *c != column),
                _ => return kept,
            }
        }
    }

    /// For a terminal of this many columns.
    pub(crate) fn terminal(&self, width: usize) -> String {
        let marked = self.rows.iter().any(|(chosen, _)| *chosen);
        let indent = if marked { 2 } else { 0 };
        let kept = self.kept(width.saturating_sub(indent));
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        let pick = |mark: &str, cells: Vec<&str>| {
            let lead = marked.then(|| mark.to_string());
            lead.into_iter().chain(kept.iter().map(|c| cells[*c].to_string())).collect::<Vec<_>>()
        };
        table.set_header(pick("", self.columns.iter().map(|c| c.title).collect()));
        for (chosen, cells) in &self.rows {
            table.add_row(pick(if *chosen { MARK } else { "" }, cells.iter().map(String::as_str).collect()));
        }
        let last = kept.len() + usize::from(marked);
        for (place, column) in table.column_iter_mut().enumerate() {
            let source = place.checked_sub(usize::from(marked)).and_then(|place| kept.get(place));
            let right = source.is_some_and(|c| self.columns[*c].right);
            column.set_cell_alignment(if right { CellAlignment::Right } else { CellAlignment::Left });
            let gap = if source.is_none() {
                1
            } else if place + 1 == last {
                0
            } else {
                2
            };
            column.set_padding((0, gap));
            if source.is_some_and(|c| self.columns[*c].whole) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let mut text = String::new();
        for (number, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let style = match number {
                0 => HEAD,
                _ if line.starts_with(MARK) => CHOSEN,
                _ => Style::new(),
            };
            text.push_str(&format!("{style}{line}{style:#}\n"));
        }
        text
    }

    /// As Markdown, all columns.
    pub(crate) fn markdown(&self) -> String {
        let kept = self.kept(usize::MAX);
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(kept.iter().map(|c| self.columns[*c].title.to_string()).collect());
        text.push_str(&line(kept.iter().map(|c| if self.columns[*c].right { "---:" } else { "---" }.into()).collect()));
        for (chosen, cells) in &self.rows {
            let cell = |c: &usize| {
                let cell = cells[*c].replace('|', "\\|");
                if *chosen && !cell.is_empty() { format!("**{cell}**") } else { cell }
            };
            text.push_str(&line(kept.iter().map(cell).collect()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, figures, words};

    fn table() -> Table {
        let mut table =
            Table::new(&[words("card"), figures("cost"), words("where").spare(1), words("note").spare(2), words("")]);
        table.chosen(vec![
            "L4".into(),
            "$0.85".into(),
            "gcp us-central1".into(),
            "cheapest of them all".into(),
            String::new(),
        ]);
        table.row(vec!["A100 80 GB".into(), "$12.00".into(), "aws".into(), "a|b".into(), String::new()]);
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up() {
        let want = "  card          cost  where            note\n\
                    ▸ L4           $0.85  gcp us-central1  cheapest of them all\n  \
                    A100 80 GB  $12.00  aws              a|b\n";
        assert_eq!(plain(&table().terminal(80)), want);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        assert_eq!(
            plain(&table().terminal(40)),
            "  card          cost  where\n▸ L4           $0.85  gcp us-central1\n  A100 80 GB  $12.00  aws\n"
        );
        assert_eq!(plain(&table().terminal(30)), "  card          cost\n▸ L4           $0.85\n  A100 80 GB  $12.00\n");
    }

    #[test]
    fn markdown() {
        let want = "| card | cost | where | note |\n| --- | ---: | --- | --- |\n\
                    | **L4** | **$0.85** | **gcp us-central1** | **cheapest of them all** |\n\
                    | A100 80 GB | $12.00 | aws | a\\|b |\n";
        assert_eq!(table().markdown(), want);
    }
}
