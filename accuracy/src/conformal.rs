//! Residual quantiles for the intervals, from the scored evidence.
//!
//! Split conformal prediction on `|ln(measured / predicted)|`, in groups of like hardware and stack where a group has
//! enough rows, pooled otherwise. Rows of one source or model are not independent. A group of one hardware and one stack
//! is asked about by someone who has both and another model: its residuals are those of fits without the row's model, and
//! where several sources measured it also of fits without the row's source. The wider groups stand for hardware or stacks
//! that nobody measured together: residuals of fits without the row's source. Mixtures of experts scatter more than other
//! models, so each group is also split in two where both parts have rows enough, and a group of one kind is asked for that
//! kind alone. Where a score leaves rows out of the fit, their bounds are made without them too ([`banded`]).
//!
//! Does not know: how the quantiles are spread over hardware, stack and family when they are carried through a forecast.

use std::collections::{BTreeMap, BTreeSet};

use outlay::core::interval::{Residual, Residuals};
use outlay::core::units::Share;
use serde::Serialize;

use crate::score::{Kind, Prediction};
use crate::stats::{conformal_bound, sorted};

/// Fewest rows for which a group gets its own quantile.
pub const GROUP_ROWS: usize = 20;

/// Share of the residuals a bound is to hold: a little more than the 80 % that are promised, because rows of a source to come
/// are not quite exchangeable with those of sources seen.
const HELD: f64 = 0.82;

/// Half width of the interval, in logs, for one group of like hardware and software.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupQuantile {
    /// Accelerator architecture, if the group is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Training stack, if the group is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Of mixtures of experts alone, or of other models alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixture: Option<bool>,
    /// Rows it rests on.
    pub rows: usize,
    /// 80 % bound of the absolute residual, in logs.
    pub bound: f64,
}

/// Architecture, training program, and whether the models are mixtures of experts; `None`: whatever it is.
type Likeness<'a> = (Option<&'a str>, Option<&'a str>, Option<bool>);

/// Quantiles of groups large enough, in the order architecture and stack, architecture, stack; everything pooled first.
///
/// The rows are predictions with their model, and with their source, left out of the fit; a [`Prediction::group`] is
/// `architecture/stack`.
#[must_use]
pub fn quantiles(by_model: &[Prediction], by_source: &[Prediction]) -> Vec<GroupQuantile> {
    let mut groups: BTreeMap<Likeness<'_>, Vec<f64>> = BTreeMap::new();
    // Another site with the same hardware and program: only groups that several sources measured can say what it is like.
    let mut sources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in by_model.iter().filter(|row| row.kind == Kind::Measured) {
        sources.entry(&row.group).or_default().insert(&row.source);
    }
    let several = |group: &str| sources.get(group).is_some_and(|sources| sources.len() > 1);
    for (rows, wide) in [(by_model, false), (by_source, true)] {
        for row in rows.iter().filter(|row| row.kind == Kind::Measured) {
            let (architecture, stack) = row.hardware_and_program();
            let [architecture, stack] = [architecture, stack].map(|name| Some(name).filter(|name| !name.is_empty()));
            let mut keys = vec![(None, None), (architecture, None), (None, stack), (architecture, stack)];
            keys.sort_unstable();
            keys.dedup();
            let both = |key: &(Option<&str>, Option<&str>)| key.0.is_some() && key.1.is_some();
            for key in keys.into_iter().filter(|key| if both(key) { !wide || several(&row.group) } else { wide }) {
                for kind in [None, Some(row.traits.mixture)] {
                    groups.entry((key.0, key.1, kind)).or_default().push(row.residual().abs());
                }
            }
        }
    }
    let sizes: BTreeMap<_, usize> = groups.iter().map(|(key, residuals)| (*key, residuals.len())).collect();
    groups
        .into_iter()
        .filter_map(|((architecture, stack, mixture), residuals)| {
            let rows = residuals.len();
            let pooled = architecture.is_none() && stack.is_none() && mixture.is_none();
            // A part that is the whole says nothing of its own, and the whole nothing of the other part.
            let size = |part| sizes.get(&(architecture, stack, part)) == Some(&rows);
            let whole = mixture.is_some() && size(None);
            if whole || (rows < GROUP_ROWS && !pooled) {
                return None;
            }
            let mixture = mixture.or_else(|| [false, true].into_iter().find(|kind| !pooled && size(Some(*kind))));
            let residuals = sorted(residuals);
            // Four digits: more would only change with the order of a sum.
            let bound = (conformal_bound(&residuals, HELD)? * 1e4).ceil() / 1e4;
            Some(GroupQuantile {
                architecture: architecture.map(str::to_owned),
                stack: stack.map(str::to_owned),
                mixture,
                rows,
                bound,
            })
        })
        .collect()
}

/// Rows with the intervals that a calibration would have given them which had not seen the rows that `part` puts together
/// with each.
#[must_use]
pub fn banded(
    rows: &[Prediction],
    by_model: &[Prediction],
    by_source: &[Prediction],
    part: impl Fn(&Prediction) -> &str,
) -> Vec<Prediction> {
    let mut known: BTreeMap<&str, Residuals> = BTreeMap::new();
    let band = |row| {
        let key = part(row);
        let residuals = known.entry(key).or_insert_with(|| {
            let others = |rows: &[Prediction]| rows.iter().filter(|row| part(row) != key).cloned().collect::<Vec<_>>();
            let groups = quantiles(&others(by_model), &others(by_source)).into_iter().map(|group| Residual {
                architecture: group.architecture,
                stack: group.stack,
                mixture: group.mixture,
                bound: Share::new(group.bound),
            });
            Residuals { groups: groups.collect() }
        });
        let (architecture, stack) = row.hardware_and_program();
        let bound = residuals.spread(architecture, stack, row.traits.mixture).bound.get();
        Prediction { low: row.predicted * (-bound).exp(), high: row.predicted * bound.exp(), ..row.clone() }
    };
    rows.iter().map(band).collect()
}

/// The quantiles as `[[interval]]` tables of the calibration file.
#[must_use]
pub fn to_toml(quantiles: &[GroupQuantile]) -> String {
    let mut text = String::new();
    for each in quantiles {
        text.push_str("\n[[interval]]\n");
        for (name, value) in [("architecture", &each.architecture), ("stack", &each.stack)] {
            if let Some(value) = value {
                text.push_str(&format!("{name} = {value:?}\n"));
            }
        }
        if let Some(mixture) = each.mixture {
            text.push_str(&format!("mixture = {mixture}\n"));
        }
        text.push_str(&format!("rows = {}\nbound = {:.4}\n", each.rows, each.bound));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{quantiles, to_toml};
    use crate::score::Kind;
    use crate::score::tests::prediction;

    #[test]
    fn small_groups_are_pooled() {
        let mut rows: Vec<_> = (0..30_u32)
            .map(|at| prediction("a", 100.0 * (f64::from(at) / 100.0).exp(), 100.0, Kind::Measured))
            .collect();
        for (at, row) in rows.iter_mut().enumerate() {
            row.group = if at < 25 { "hopper/x".into() } else { "volta/y".into() };
        }
        let found = quantiles(&rows, &rows);
        let names: Vec<_> = found.iter().map(|each| (each.architecture.as_deref(), each.stack.as_deref())).collect();
        assert_eq!(names, [(None, None), (None, Some("x")), (Some("hopper"), None), (Some("hopper"), Some("x"))]);
        // All of them dense: nothing is said of mixtures, but for what all hardware and programs are pooled for.
        assert!(found[1..].iter().all(|each| each.mixture == Some(false)) && found[0].mixture.is_none());
        // ceil(26 · 0.82) = 22nd of 0.00 … 0.24.
        assert!((found[3].bound - 0.21).abs() < 2e-4, "{found:?}");
        assert!(to_toml(&found).ends_with(
            "[[interval]]\narchitecture = \"hopper\"\nstack = \"x\"\nmixture = false\nrows = 25\nbound = 0.2100\n"
        ));
    }
}
