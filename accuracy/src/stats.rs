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

/// Loss of a forecast quantile: what it is off, times the quantile above it and the rest below.
///
/// # Formula
/// `τ·(y − q)` for `y ≥ q`, else `(1 − τ)·(q − y)`.
///
/// # Source
/// Koenker and Bassett 1978.
///
/// # Valid when
/// Always; its mean is least for the true quantile.
#[must_use]
pub fn pinball(measured: f64, quantile: f64, share: f64) -> f64 {
    if measured >= quantile { share * (measured - quantile) } else { (1.0 - share) * (quantile - measured) }
}

/// Continuous ranked probability score of a sample of forecasts.
///
/// # Formula
/// `E|X − y| − ½·E|X − X'|`.
///
/// # Source
/// Gneiting and Raftery 2007.
///
/// # Valid when
/// The sample is drawn from the forecast.
#[must_use]
pub fn crps_of_sample(sample: &[f64], measured: f64) -> f64 {
    let count = sample.len().max(1) as f64;
    let off = sample.iter().map(|x| (x - measured).abs()).sum::<f64>() / count;
    let among: f64 = sample.iter().flat_map(|x| sample.iter().map(move |y| (x - y).abs())).sum();
    off - among / (2.0 * count * count)
}

/// Continuous ranked probability score of a normal forecast.
///
/// # Formula
/// `σ·[z(2Φ(z) − 1) + 2φ(z) − 1/√π]`, `z = (y − μ)/σ`.
///
/// # Source
/// Gneiting and Raftery 2007.
///
/// # Valid when
/// The forecast is normal.
#[must_use]
pub fn crps_of_normal(mean: f64, deviation: f64, measured: f64) -> f64 {
    let z = (measured - mean) / deviation;
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let below = libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
    deviation * (z * (2.0 * below - 1.0) + 2.0 * density - std::f64::consts::PI.sqrt().recip())
}

/// Standard error of a share that was counted over so many rows.
#[must_use]
pub fn share_error(share: f64, rows: usize) -> f64 {
    (share * (1.0 - share) / rows as f64).sqrt()
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
