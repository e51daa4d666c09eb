//! Traffic of a step that shows: what each kind of parallelism sends, less what hides behind computation.
//!
//! Kinds that hide share one window: what is hidden behind a computation leaves less of it for the next. Hiding is not
//! free: kernels that move bytes inside a machine take units and memory from those they run beside.
//!
//! Does not know: the order of operators within a window, congestion between jobs.

use super::comm::{self, Fabric, Traffic};
use super::larger;
use super::layer::Work;
use super::pace::Held;
use crate::layout::{Layout, Schedule, Zero};
use crate::model::{Model, Op};
use crate::scenario::recipe::Recipe;
use crate::units::Share;

/// Exposed seconds of communication in a step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exposed {
    pub(super) dp: f64,
    pub(super) tp: f64,
    pub(super) pp: f64,
    pub(super) cp: f64,
    pub(super) ep: f64,
}

impl Exposed {
    /// What lies inside a micro-batch.
    pub(super) fn per_micro(&self, m: f64) -> f64 {
        (self.tp + self.cp + self.ep) / m
    }
}

/// What layers exchange, summed over all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    hidden: u64,
    /// Attention layers.
    attentions: f64,
    /// Elements of keys and values for a token.
    kv: f64,
    /// Pairs of products that tensor parallelism splits.
    pairs: f64,
    /// Elements that a token sends to its experts.
    routed: f64,
    /// Experts that a token chooses.
    chosen: f64,
    /// Experts that it chooses from.
    offered: f64,
}

impl Totals {
    pub(super) fn of(model: &Model) -> Self {
        let mut sum =
            Self { hidden: model.hidden, attentions: 0.0, kv: 0.0, pairs: 0.0, routed: 0.0, chosen: 0.0, offered: 0.0 };
        for block in model.layers() {
            let count = block.count as f64;
            for op in &block.ops {
                match op {
                    Op::Attention(a) => {
                        sum.attentions += count;
                        sum.kv += count * (a.kv_heads * (a.qk_dim + a.v_dim)) as f64;
                    }
                    Op::Linear(l) if l.part.closes() => {
                        sum.pairs += count;
                    }
                    Op::Experts(e) => {
                        sum.routed += count * (e.top_k * e.input) as f64;
                        sum.chosen += count * e.top_k as f64;
                        sum.offered += count * e.experts as f64;
                    }
                    _ => {}
                }
            }
        }
        sum
    }
}

/// Seconds of a micro-batch, and of those the ones in which the device waits for launches.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) micro: f64,
    pub(super) idle: f64,
}

#[expect(clippy::too_many_arguments, reason = "one caller; each is a different thing that the step has at hand")]
pub(super) fn exposed(
    totals: &Totals,
    mixtures: f64,
    recipe: &Recipe,
    fabric: &Fabric,
    layout: &Layout,
    stage: &Work,
    span: Span,
    held: Held,
) -> Exposed {
    let stack = &recipe.stack;
    let (m, pp) = (layout.accumulation as f64, layout.pp as f64);
    let tokens = (layout.micro_batch * recipe.seq_len) as f64 / layout.cp as f64;
    let element = recipe.precision.activations().bytes_each().get();
    let boundary =
        comm::boundary_bytes(tokens as u64, totals.hidden, recipe.precision.activations().bytes_each()).get();
    let Totals { attentions, routed, chosen, offered, .. } = *totals;
    let kv = totals.kv / layout.tp as f64;
    // Experts that tensor parallelism splits are reduced like any other pair.
    let sharded = totals.pairs + if layout.ep < layout.tp { mixtures } else { 0.0 };
    let beside = recipe.beside.passes as f64;
    let again = 1.0 + 0.5 * (layout.recompute.of_layers().get() + beside);
    // Forward and backward each: an all-reduce, or the gather and scatter it is made of, behind every split pair.
    let tp = fabric.gather(layout.tp, 1, boundary, 1.0) * (2.0 * 2.0 * sharded / pp * again);
    let stride = layout.tp;
    let ring = if layout.cp > 1 && attentions > 0.0 {
        // Keys and values go around in the forward pass; they and their gradients in the backward pass.
        (3.0 + beside) * kv / pp * tokens * element * (layout.cp - 1) as f64
    } else {
        0.0
    };
    let hops = (3.0 + beside) * (layout.cp.saturating_sub(1)) as f64 * attentions / pp;
    let cp = fabric.hand_on(stride, ring / larger(hops, 1.0)) * if ring > 0.0 { hops } else { 0.0 };
    let share = if layout.ep >= layout.tp { layout.tp as f64 } else { 1.0 };
    let each = if mixtures > 0.0 { routed / mixtures * tokens * element / share } else { 0.0 };
    let ep_stride = if layout.ep >= layout.tp { 1 } else { layout.tp };
    let merged = (stack.sends_once && mixtures > 0.0).then(|| chosen / mixtures);
    let ep = fabric.exchange(layout.ep, ep_stride, each, merged) * ((4.0 + 2.0 * beside) * mixtures / pp);
    // Who sends a token once tells the whole group beforehand which experts each chose, a byte for each.
    let map = if merged.is_some() { tokens / share * offered / mixtures * layout.ep as f64 } else { 0.0 };
    let ep = ep + fabric.gather(layout.ep, ep_stride, map, 1.0) * ((1.0 + beside) * mixtures / pp);
    let compute = m * span.micro;
    // Each tensor-parallel rank sends its part and the next stage puts it together again over the fast link
    // (`narayanan2021`, section 4.1), whether or not the sequence is split.
    let handed = boundary / layout.tp as f64;
    let pipe = fabric.hand_on(layout.tp * layout.cp * layout.dp, handed)
        * if layout.pp > 1 { 2.0 * layout.vpp as f64 } else { 0.0 };
    // What hides shares one window: traffic hidden behind a computation leaves less of it for the next.
    let mut left = compute;
    let mut hide = |traffic: Traffic, share: Share, window: f64| {
        let traffic = traffic * m;
        let time = traffic.total();
        let window = if window < left { window } else { left };
        let hidden = share.get() * if time < window { time } else { window };
        left -= hidden;
        time - hidden + fabric.contention(traffic, hidden)
    };
    let tp = hide(tp, stack.overlap_tp, compute);
    let cp = hide(cp, stack.overlap_cp, m * (stage.attention[0] + stage.attention[1]));
    // One micro-batch computes while another's tokens travel.
    let interleaved = layout.pp > 1 && (layout.vpp > 1 || layout.schedule == Schedule::DualPipe);
    let ep = hide(ep, if interleaved { stack.overlap_ep_interleaved } else { stack.overlap_ep }, compute);
    let pp = hide(pipe, stack.overlap_pp, compute);
    let kappa = recipe.stack.overlap_dp.get() * if compute > 0.0 { left / compute } else { 0.0 };
    Exposed { dp: hide_gradients(recipe, layout, fabric, stage, span, kappa, held), tp, pp, cp, ep }
}

/// Exposed data-parallel traffic: gradients once a step, gathered weights once a pass; `kappa` of a window can hide it.
fn hide_gradients(
    recipe: &Recipe,
    layout: &Layout,
    fabric: &Fabric,
    stage: &Work,
    span: Span,
    kappa: f64,
    held: Held,
) -> f64 {
    let ranks = layout.dp * layout.cp;
    if ranks <= 1 {
        return 0.0;
    }
    let Held { trained, stored, routed, layers, tensors } = held;
    let m = layout.accumulation as f64;
    let narrow = recipe.stack.gathers_narrow && recipe.precision.gathers_narrow();
    let gradient = recipe.precision.gradients.bytes_each().get();
    let each = if narrow { 1.0 } else { recipe.precision.activations().bytes_each().get() };
    // Ranks that hold the same experts are fewer and lie further apart than those that hold the same of everything else.
    let wide = layout.ep.max(layout.tp);
    let pass_round = |ranks: u64, stride: u64, all: f64, of_experts: f64, bytes: f64, pieces: f64| {
        let rest = fabric.gather(ranks, stride, (all - of_experts) * bytes, pieces);
        rest + fabric.gather(ranks * layout.tp / wide, stride * wide / layout.tp, of_experts * bytes, pieces)
    };
    let gradients = |ranks: u64| pass_round(ranks, layout.tp, trained, routed[0], gradient, layers);
    let hide = |traffic: Traffic, window: f64| {
        let shown = larger(0.0, traffic.total() - kappa * window);
        shown + fabric.contention(traffic, traffic.total() - shown)
    };
    // The network works on while the device waits for launches.
    let last = stage.busy(1) + span.idle;
    match layout.zero {
        Zero::None => hide(gradients(ranks) * 2.0, last),
        // The scatter hides under the last backward pass, the gather under the next forward one: taken together, because
        // where the device waits for launches nothing says in which of them it waits.
        Zero::One | Zero::Two => {
            let passes = if layout.zero == Zero::Two { m } else { 1.0 };
            let gathers = pass_round(ranks, layout.tp, trained, routed[0], each, layers);
            hide(gradients(ranks) * passes + gathers, passes * last + stage.busy(0))
        }
        Zero::Three => {
            let group = (layout.shard * layout.cp).max(1);
            let replicas = ranks / group.min(ranks).max(1);
            // Who gathers no further ahead than so many parameters waits for the rest of each layer.
            let ahead = recipe.stack.gathers_ahead.map_or(1.0, |ahead| (ahead as f64 * layers / stored).min(1.0));
            let pieces = if recipe.stack.gathers_ahead.is_some() { tensors } else { layers };
            // From where a parameter is used again to where its gradient is made lies the rest of its layer, there and back.
            let kept =
                recipe.stack.keeps_within.map_or(1.0, |within| (within as f64 * layers / (2.0 * stored)).min(1.0));
            let passes = 2.0 + recipe.beside.passes as f64 + layout.recompute.of_layers().get() * (1.0 - kept);
            let gathers = pass_round(group, layout.tp, stored, routed[1], each, pieces) * (passes * m);
            let scatters = gradients(group) * m;
            let across = fabric.gather(replicas, layout.tp * group, trained * gradient / group as f64, layers) * 2.0;
            hide(gathers * ahead + scatters + across, m * span.micro) + gathers.total() * (1.0 - ahead)
        }
    }
}
