//! Order statistics of errors. Everything sorts by a total order, so that ties and odd values cannot change a result.

/// Sorts and drops what is not finite.
#[must_use]
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The `share`-quantile of sorted values, interpolated between neighbours; `None` of nothing.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted.get(at.floor() as usize)?, sorted.get(at.ceil() as usize)?);
    Some(below + (above - below) * at.fract())
}

/// Middle value.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// The split-conformal bound: the k-th smallest with `k = ceil((n + 1) · share)`; `None` where n is too small for it.
///
/// # Formula
/// `k = ceil((n + 1)(1 − α))`, needs `n ≥ 1/α − 1`.
///
/// # Source
/// Lei et al. 2018, "Distribution-free predictive inference for regression". Kind: derived.
///
/// # Valid when
/// The values are exchangeable with the one to come; across sources they are not quite, see [`crate::conformal`].
#[must_use]
pub fn conformal_bound(sorted: &[f64], share: f64) -> Option<f64> {
    // A hair less, so that (9 + 1) · 0.8 = 8 stays 8 where the product rounds up.
    let k = ((sorted.len() as f64 + 1.0) * share - 1e-9).ceil();
    if k < 1.0 {
        return None;
    }
    sorted.get(k as usize - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::{conformal_bound, median, quantile, sorted};

    #[test]
    fn quantiles_interpolate() {
        let four = sorted([4.0, 1.0, f64::NAN, 3.0, 2.0]);
        assert_eq!(quantile(&four, 0.5), Some(2.5));
        assert_eq!(quantile(&four, 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median([7.0]), Some(7.0));
    }

    #[test]
    fn the_conformal_bound_needs_enough_values() {
        let nine: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(conformal_bound(&nine, 0.8), Some(8.0));
        assert_eq!(conformal_bound(&nine[..3], 0.8), None);
    }
}
