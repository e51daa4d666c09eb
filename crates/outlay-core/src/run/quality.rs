//! The loss to expect, part by part, and how sure that is.
//!
//! The parts add up to the loss: what nothing brings down, what the size and the tokens leave, and what batch, rate,
//! schedule, formats, adapters and shape add. For a pretrained start it is an index of the loss on the new text, with a
//! band as wide as for a law on an unknown corpus; differences between two answers are far surer than either.
//!
//! Does not know: benchmarks and preferences; text it has not been told about.
//!
//! Reading order: [`Lesson`], [`quality`], [`tokens_for`].

use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::{shape, stopping};
use crate::learning::laws::{BESIROGLU, Law};
use crate::learning::{batch, doubt, laws, numerics, rate, transfer};
use crate::model::{Model, params};
use crate::scenario::adapters;
use crate::scenario::data::Data;
use crate::scenario::dynamics::{Dynamics, Start};
use crate::scenario::recipe::{Method, OptimizerKind, Recipe};
use crate::term::{Figure, Term};
use crate::units::{Nats, Params, Share, Tokens};

/// What decides how good a model becomes.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// What is trained.
    pub model: &'a Model,
    /// How.
    pub recipe: &'a Recipe,
    /// On what.
    pub data: &'a Data,
    /// From where, at which rate.
    pub dynamics: &'a Dynamics,
}

/// The expected loss; the parts add up to [`Quality::loss`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// What nothing brings down.
    pub floor: Nats,
    /// Left by a finite size.
    pub size: Nats,
    /// Left by finite data, seen in the best batch.
    pub data: Nats,
    /// Added by a batch above the best.
    pub batch: Nats,
    /// Added by a learning rate off the best.
    pub rate: Nats,
    /// Added by the schedule.
    pub schedule: Nats,
    /// Added by number formats and zeros.
    pub format: Nats,
    /// Added by adapters or frozen layers that cannot hold all there is to learn.
    pub capacity: Nats,
    /// Added by the shape of the model.
    pub shape: Nats,
    /// Standard deviation.
    pub deviation: Nats,
    /// Chance that training diverges at this rate.
    pub divergence: Share,
    /// The best peak rate for this batch.
    pub best_rate: Share,
    /// The best batch, in tokens; for fine-tuning as well, where it says little.
    pub best_batch: Tokens,
    /// The batch above which a fifth of the tokens are wasted.
    pub critical_batch: Tokens,
    /// Two laws for batch or rate disagree by more than three.
    pub disputed: bool,
    /// How full the trained parameters are, where not all are trained.
    pub fullness: Option<Share>,
}

impl Quality {
    /// The expected loss.
    #[must_use]
    pub fn loss(&self) -> Nats {
        let lost = self.batch + self.rate + self.schedule + self.format + self.capacity + self.shape;
        self.floor + self.size + self.data + lost
    }

    /// The loss as a tree of named terms.
    #[must_use]
    pub fn explain(&self) -> Term {
        let leaf = |name: &str, loss: Nats, note: String| Term::leaf(name, Figure::Nats(loss), note);
        let best = self.best_batch.get();
        let parts = vec![
            leaf("floor", self.floor, "of the text and its tokenizer".into()),
            leaf("size of the model", self.size, String::new()),
            leaf("amount of data", self.data, "passes, quality and what the start is worth counted".into()),
            leaf(
                "batch",
                self.batch,
                format!("best about {best:.2e} tokens, wasteful above {:.2e}", self.critical_batch.get()),
            ),
            leaf("learning rate", self.rate, format!("best about {:.1e}", self.best_rate.get())),
            leaf("schedule", self.schedule, String::new()),
            leaf("number formats", self.format, String::new()),
            leaf("trained parameters", self.capacity, "what adapters or unfrozen layers cannot hold".into()),
            leaf("shape", self.shape, "aspect, gates, heads, sight".into()),
        ];
        Term::sum("expected loss", Figure::Nats(Nats::ZERO), String::new(), parts)
    }
}

/// Repetitions after which a pass is worth 1/e of a first one when fine-tuning: such data wear out after two to five.
const WORN_FINE_TUNING: Share = Share::new(3.0);

/// Tokens' worth under an update rule, against AdamW.
///
/// # Formula
/// Muon 1.35, plain gradient descent 0.5, others 1.
///
/// # Source
/// Muon: between 1.1 (against a well-tuned AdamW) and 1.9 (as first claimed); the others assumed.
///
/// # Valid when
/// Each rule has its own best rate.
#[must_use]
pub fn rule_worth(kind: OptimizerKind) -> Share {
    Share::new(match kind {
        OptimizerKind::Muon => 1.35,
        OptimizerKind::Sgd | OptimizerKind::SgdMomentum => 0.5,
        _ => 1.0,
    })
}

/// The loss to expect.
///
/// # Formula
/// `E + A/N^α + B/D'^β +` what batch, rate, schedule, formats, adapters and shape add; `D' =` unique tokens · worth of the
/// passes · quality · worth of the batch and the update rule, plus what a pretrained start transfers.
///
/// # Source
/// [`laws`], [`batch`], [`rate`], [`numerics`], [`transfer`], [`shape`].
///
/// # Valid when
/// As each of these; effects are taken to add.
#[must_use]
pub fn quality(lesson: &Lesson<'_>) -> Quality {
    at(lesson, lesson.data.tokens as f64, lesson.data.epochs_milli as f64 / 1000.0)
}

/// The loss after so many passes over so many distinct tokens.
fn at(lesson: &Lesson<'_>, unique: f64, passes: f64) -> Quality {
    let Lesson { model, recipe, data, dynamics } = lesson;
    let unique = unique.max(1.0);
    let params = shape::worth(model);
    let scratch = dynamics.start == Start::Scratch;
    let trained = Tokens::new(unique * passes);
    let step = Tokens::new(recipe.global_batch as f64 * recipe.seq_len as f64 * recipe.fill.get());

    let (law, offset) = doubt::moved(&BESIROGLU, &dynamics.pilots, params);
    let (best_batch, disputed_batch) = batch::recommended(params, trained);
    let critical = batch::critical(trained);
    let batch_worth = if scratch { batch::tokens_worth(step, best_batch, critical).get() } else { 1.0 };

    let worn = if scratch { laws::WORN } else { WORN_FINE_TUNING };
    // Variants of a sample wear out later than the sample itself.
    let worth = laws::passes_worth(Share::new(passes), worn * data.variants).get();
    let fresh = unique * worth * data.quality.get() * rule_worth(recipe.optimizer.kind).get();
    let (start, fullness) = match dynamics.start {
        Start::Scratch => (0.0, None),
        Start::Pretrained { closeness } => {
            let kin = transfer::Kinship::of(closeness);
            let characters = Share::new(unique * transfer::CHARACTERS);
            let worth = transfer::transferred(kin, characters, params).get() / transfer::CHARACTERS;
            let few = params::total(model) as f64;
            let changed = adapters::trained(model, &recipe.method) as f64;
            let full = transfer::fullness(Tokens::new(unique), Params::new(changed));
            (worth, (changed < few).then_some(full))
        }
    };
    let taken = fullness.map_or(1.0, |full| transfer::taken_up(full).get());
    let of = |tokens: f64| law.of_data(Tokens::new(tokens.max(1.0)));
    let plain = of(fresh + start);
    let narrowed = of(fresh * taken + start);
    let crowded = of(fresh * taken * batch_worth + start);

    let size = match dynamics.sparsity {
        Some(sparsity) => {
            let left = Params::new(params.get() * shape::kept(sparsity.zeros).get());
            law.of_size(left) * numerics::sparse_capacity(sparsity.zeros)
        }
        None => law.of_size(params),
    };
    let dense = law.of_size(params);
    let before = law.floor + dense + plain;
    let format = formats(recipe, scratch, before);

    let (best, disputed_rate) = best_rate(recipe, params, trained, step, best_batch, scratch);
    let chosen = dynamics.rate.unwrap_or(best);
    // A schedule that is cut off has a rate that is still up.
    let done = dynamics.stopping.map_or(1.0, |stop| 1.0 - stopping::expected(&stop, Share::new(passes)).get());
    let up = rate::cut_off(dynamics.schedule, Share::new(done));
    let constants = doubt::of_constants(&law, params, Tokens::new((fresh + start).max(1.0)));
    let mixed = if params::active(model) == params::total(model) { 0.0 } else { mixture_doubt(&law, params) };
    let squares = [offset.get(), constants.get(), format.1.get() / doubt::BAND.get(), mixed];
    Quality {
        floor: law.floor,
        size: dense,
        data: plain,
        batch: crowded - narrowed,
        rate: rate::penalty(chosen, best),
        schedule: up + if scratch { rate::schedule_penalty(dynamics.schedule) } else { Nats::ZERO },
        format: format.0 + (size - dense),
        capacity: narrowed - plain,
        shape: if scratch { shape::penalty(model, before, recipe.seq_len) } else { Nats::ZERO },
        deviation: Nats::new(libm::sqrt(squares.iter().map(|one| one * one).sum::<f64>())),
        divergence: rate::divergence(chosen, best),
        best_rate: best,
        best_batch,
        critical_batch: critical,
        disputed: scratch && (disputed_batch || disputed_rate),
        fullness,
    }
}

/// What number formats add, and half the width of its band.
fn formats(recipe: &Recipe, scratch: bool, loss: Nats) -> (Nats, Nats) {
    let precision = recipe.precision;
    let alone = !precision.master && precision.weights == crate::dtype::Dtype::Bf16;
    let (mid, half) = numerics::format_penalty(precision.compute, alone, scratch);
    let (base, wider) = match &recipe.method {
        Method::Lora(lora) => numerics::base_penalty(lora.base),
        _ => (Share::ZERO, Share::ZERO),
    };
    let half = libm::sqrt(half.get() * half.get() + wider.get() * wider.get());
    (loss * (mid + base), loss * Share::new(half))
}

/// The best rate for a batch, and whether laws disagree on it.
fn best_rate(
    recipe: &Recipe,
    params: Params,
    trained: Tokens,
    step: Tokens,
    best_batch: Tokens,
    scratch: bool,
) -> (Share, bool) {
    if !scratch {
        return (rate::fine_tuning(matches!(recipe.method, Method::Lora(_))), false);
    }
    let (best, disputed) = rate::recommended(params, trained);
    let adaptive = !matches!(recipe.optimizer.kind, OptimizerKind::Sgd | OptimizerKind::SgdMomentum);
    (best * rate::with_batch(step, best_batch, adaptive), disputed)
}

/// Standard deviation of the loss from not knowing what a mixture is worth: 0.4 in logs of its size.
fn mixture_doubt(law: &Law, params: Params) -> f64 {
    0.4 * law.alpha.get() * law.of_size(params).get()
}

/// Training that reaches a loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needed {
    /// Distinct tokens.
    pub unique: u64,
    /// Passes over them, in thousandths.
    pub passes_milli: u64,
    /// Factors on the amount at the ends of an 80 % band: less if the loss comes easier, more if harder.
    pub band: (Share, Share),
    /// One chance in ten that no amount reaches it.
    pub may_never: bool,
}

/// Most tokens anybody will train on, and the widest factor a band says.
const MOST: f64 = 1e15;
const WIDEST: f64 = 30.0;

/// Training that reaches a loss: new tokens, or passes over the unique ones there are; `None`: none does.
///
/// # Formula
/// The amount at which [`quality`] is the target; the band from the amounts for the target one deviation of 80 % below and
/// above.
///
/// # Source
/// [`quality`].
///
/// # Valid when
/// As [`quality`]. Without pilots the corpus's constant is unknown by 0.4 nats, and so the band is very wide.
#[must_use]
pub fn tokens_for(lesson: &Lesson<'_>, target: Nats, unique: Option<u64>) -> Option<Needed> {
    let loss = |amount: f64| match unique {
        Some(unique) => at(lesson, unique as f64, amount / unique as f64),
        None => at(lesson, amount, 1.0),
    };
    let solve = |wanted: f64| {
        if loss(MOST).loss().get() > wanted {
            return None;
        }
        let (mut low, mut high) = (libm::log(1e3), libm::log(MOST));
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if loss(libm::exp(middle)).loss().get() > wanted { low = middle } else { high = middle }
        }
        Some(libm::exp(high))
    };
    let amount = solve(target.get())?;
    let half = loss(amount).deviation.get() * doubt::BAND.get();
    let easier = solve(target.get() + half).map_or(1.0, |less| less / amount);
    let harder = solve(target.get() - half);
    let band = (easier.clamp(1.0 / WIDEST, 1.0), harder.map_or(WIDEST, |more| more / amount).clamp(1.0, WIDEST));
    let (unique, passes) = match unique {
        Some(unique) => (unique as f64, amount / unique as f64),
        None => (amount, 1.0),
    };
    Some(Needed {
        unique: unique as u64,
        passes_milli: libm::ceil(passes * 1000.0) as u64,
        band: (Share::new(band.0), Share::new(band.1)),
        may_never: harder.is_none(),
    })
}
