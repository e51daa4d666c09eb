//! A law of scale fitted to runs: five constants, held by what published runs say of them.
//!
//! Least squares with heavy tails, Gauss and Newton's steps in logs, around the constants of the Chinchilla fit whose
//! deviations are taken ten times as wide: enough runs speak for themselves, a few cannot bend an exponent. Weights on the
//! runs let the caller resample them; random numbers are not known here.
//!
//! Does not know: corpora; runs of one fit are taken to be of one.

use alloc::vec::Vec;

use super::doubt::{COVARIANCE, MEAN, Pilot};
use super::laws::Law;
use crate::units::{Nats, Share};

/// How much wider than the Chinchilla fit's own the constants of another corpus may lie, in standard deviations.
const WIDER: f64 = 10.0;
/// Further standard deviation of `ln E`: the floor is the corpus's own.
const FLOOR: f64 = 0.15;
/// Scatter of one run around its law, in nats.
pub const SCATTER: Nats = Nats::new(0.02);
/// Deviations beyond which a run pulls no harder.
const HUBER: f64 = 1.5;
/// Steps to the best constants, and the longest in logs.
const STEPS: usize = 60;
const LONGEST: f64 = 1.0;

/// Five numbers or five by five of them: `ln A, ln B, ln E, α, β`.
type Vector = [f64; 5];
type Matrix = [Vector; 5];

/// Fits a law to weighted runs.
///
/// # Formula
/// Least `Σ w·ρ((L − law)/0.02) + ½·(θ − θ₀)ᵀΣ⁻¹(θ − θ₀)`, `ρ` Huber's with a corner at 1.5, `θ = (ln A, ln B, ln E, α, β)`.
///
/// # Source
/// `hoffmann2022`, approach 3, with the refit of `besiroglu2024` as what is thought before.
///
/// # Valid when
/// Runs are of one corpus and tokenizer, each with a learning rate that came down.
#[must_use]
pub fn law(runs: &[Pilot], weights: &[Share]) -> Law {
    let precision = inverse(&prior());
    let mut theta = MEAN;
    for _ in 0..STEPS {
        let mut normal = precision;
        let mut pull: Vector =
            core::array::from_fn(|row| (0..5).map(|col| precision[row][col] * (MEAN[col] - theta[col])).sum());
        for (run, weight) in runs.iter().zip(weights) {
            let (loss, slopes) = value(&theta, run);
            let off = run.loss.get() - loss;
            let far = (off / SCATTER.get()).abs();
            let weight = weight.get() / (SCATTER.get() * SCATTER.get()) * if far > HUBER { HUBER / far } else { 1.0 };
            for row in 0..5 {
                pull[row] += weight * off * slopes[row];
                for col in 0..5 {
                    normal[row][col] += weight * slopes[row] * slopes[col];
                }
            }
        }
        let step = solve(&normal, &pull);
        let longest = step.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
        let scale = if longest > LONGEST { LONGEST / longest } else { 1.0 };
        for (part, change) in theta.iter_mut().zip(step) {
            *part += scale * change;
        }
        if longest < 1e-10 {
            break;
        }
    }
    Law {
        floor: Nats::new(libm::exp(theta[2])),
        a: Share::new(libm::exp(theta[0])),
        alpha: Share::new(theta[3]),
        b: Share::new(libm::exp(theta[1])),
        beta: Share::new(theta[4]),
    }
}

/// Covariance of the constants before any run is seen.
fn prior() -> Matrix {
    let mut wide = COVARIANCE;
    for row in &mut wide {
        for cell in row {
            *cell *= WIDER * WIDER;
        }
    }
    wide[2][2] += FLOOR * FLOOR;
    wide
}

/// Loss and its slopes in the constants.
fn value(theta: &Vector, run: &Pilot) -> (f64, Vector) {
    let (size, data) = (libm::log(run.params.get()), libm::log(run.tokens.get()));
    let of_size = libm::exp(theta[0] - theta[3] * size);
    let of_data = libm::exp(theta[1] - theta[4] * data);
    let floor = libm::exp(theta[2]);
    (floor + of_size + of_data, [of_size, of_data, floor, -of_size * size, -of_data * data])
}

/// Solves a symmetric positive system by Cholesky's decomposition.
fn solve(matrix: &Matrix, right: &Vector) -> Vector {
    let mut lower: Matrix = [[0.0; 5]; 5];
    for row in 0..5 {
        for col in 0..=row {
            let known: f64 = (0..col).map(|at| lower[row][at] * lower[col][at]).sum();
            let rest = matrix[row][col] - known;
            lower[row][col] = if row == col { libm::sqrt(rest.max(f64::MIN_POSITIVE)) } else { rest / lower[col][col] };
        }
    }
    let mut found = *right;
    for row in 0..5 {
        let known: f64 = (0..row).map(|at| lower[row][at] * found[at]).sum();
        found[row] = (found[row] - known) / lower[row][row];
    }
    for row in (0..5).rev() {
        let known: f64 = (row + 1..5).map(|at| lower[at][row] * found[at]).sum();
        found[row] = (found[row] - known) / lower[row][row];
    }
    found
}

fn inverse(matrix: &Matrix) -> Matrix {
    let columns: Vec<Vector> =
        (0..5).map(|at| solve(matrix, &core::array::from_fn(|row| if row == at { 1.0 } else { 0.0 }))).collect();
    core::array::from_fn(|row| core::array::from_fn(|col| columns[col][row]))
}

#[cfg(test)]
mod tests {
    use super::super::laws::BESIROGLU;
    use super::*;
    use crate::units::{Params, Tokens};
    use alloc::vec;

    fn runs(law: &Law) -> Vec<Pilot> {
        let mut all = Vec::new();
        for params in [2e7, 1e8, 4e8, 2e9] {
            for ratio in [5.0, 20.0, 80.0] {
                let (params, tokens) = (Params::new(params), Tokens::new(params * ratio));
                all.push(Pilot { params, tokens, loss: law.loss(params, tokens) });
            }
        }
        all
    }

    #[test]
    fn enough_runs_tell_their_own_law() {
        let truth = Law { floor: Nats::new(2.1), alpha: Share::new(0.30), a: Share::new(220.0), ..BESIROGLU };
        let runs = runs(&truth);
        let found = law(&runs, &vec![Share::ONE; runs.len()]);
        let (params, tokens) = (Params::new(7e9), Tokens::new(1.4e11));
        let off = (found.loss(params, tokens) - truth.loss(params, tokens)).get();
        assert!(off.abs() < 0.01, "{off}: {found:?}");
    }

    #[test]
    fn without_runs_it_is_what_was_thought_before() {
        let found = law(&[], &[]);
        assert!((found.alpha.get() - MEAN[3]).abs() < 1e-12 && (found.floor.get() - 1.817).abs() < 1e-3);
    }

    #[test]
    fn one_wild_run_bends_little() {
        let mut runs = runs(&BESIROGLU);
        let calm = law(&runs, &vec![Share::ONE; runs.len()]);
        runs[5].loss = Nats::new(9.0);
        let bent = law(&runs, &vec![Share::ONE; runs.len()]);
        let at = |law: &Law| law.loss(Params::new(7e9), Tokens::new(1.4e11)).get();
        assert!((at(&calm) - at(&bent)).abs() < 0.05, "{} {}", at(&calm), at(&bent));
    }
}
