//! The moments of a step, their parts, and which is the fullest.
//!
//! Layers of one kind are spread evenly over pipeline stages. The first stage holds the embedding and the most
//! micro-batches, the last one the head and the logits; both are computed and the fuller one counts. Gradients are freed
//! after each update where nothing accumulates or reduces them in place.
//!
//! Does not know: embeddings that programs keep apart from the other weights, custom wrapping of sharded blocks.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::fits::RESERVE_MEDIAN;
use super::kept::{self, Kept};
use super::logits::Loss;
use super::pipeline::{in_flight, weight_copies};
use super::weights::{self, Layer, Stored};
use super::{Footprint, Moment};
use crate::layout::{Layout, Offload, Recompute, Zero};
use crate::model::{Block, Model, Op, Role, Stream};
use crate::scenario::recipe::{AttentionKernel, Method, OptimizerExecution, Parked, Recipe};
use crate::units::{Bytes, GIB};

/// Driver, runtime and library context of a process. Assumed, within 0.3–0.8 GiB.
const CONTEXT: f64 = 0.6 * GIB;
/// Buffers of one group of communicating ranks. Assumed, within half and twice: peaks of devices in runs with tensor, pipeline
/// and data parallelism leave 2 to 5 GiB beside what the program holds. Grows with channels and peers.
const COMMUNICATOR: f64 = 1.0 * GIB;
/// Gradients reduced at a time, twice (one fills while one travels). Assumed.
const BUCKETS: f64 = 0.5 * GIB;
/// Bytes of a gradient in a bucket: flattened in fp32, and the updated weight in 16 bit that is gathered in its place.
const BUCKETED: f64 = 6.0;

/// What does not depend on the layout, summed once per model and recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelMemory {
    blocks: Vec<BlockMemory>,
    loss: Loss,
    depth: f64,
    hidden: f64,
    stream_element: f64,
    act_element: f64,
    seq_len: f64,
    copies_of_tokens: f64,
    explicit_mask: bool,
    in_backward: bool,
    batched_update: bool,
    paged: bool,
    tied_head: bool,
    selective_products: bool,
    parks: Parked,
    /// Bytes of the gradients that are reduced at a time.
    buckets: f64,
    /// The same under layouts that gather weights, where autocast makes that another.
    gathered: Option<Box<ModelMemory>>,
}

/// One run of identical layers.
#[derive(Debug, Clone, PartialEq)]
struct BlockMemory {
    role: Role,
    count: f64,
    stored: f64,
    layer: Layer,
    /// What each of them keeps, on average over frozen and trained ones.
    kept: Kept,
    /// Its share among layers that keep anything.
    share: f64,
    /// What the first layer does not keep because no gradient reaches its input: replicated, split.
    first_less: (Bytes, Bytes),
}

/// Where in the pipeline a rank stands.
#[derive(Clone, Copy)]
struct Stage {
    index: u64,
    first: bool,
    last: bool,
}

impl ModelMemory {
    /// Sums what every layer kind keeps and stores.
    #[must_use]
    pub fn new(model: &Model, recipe: &Recipe) -> Self {
        let depth = model.depth() as f64;
        let act = recipe.precision.activations().bytes_each().get();
        let mut reached = false;
        let mut blocks = Vec::with_capacity(model.blocks.len());
        for block in &model.blocks {
            blocks.push(block_memory(block, recipe, depth, &mut reached));
        }
        let is = |wanted: fn(&Op) -> bool| model.blocks.iter().flat_map(|block| &block.ops).any(wanted);
        Self {
            blocks,
            loss: Loss::new(model, recipe),
            depth: depth.max(1.0),
            hidden: model.hidden as f64,
            stream_element: kept::stream_element(recipe),
            act_element: act,
            seq_len: recipe.seq_len as f64,
            copies_of_tokens: model.experts().map_or(0, |experts| experts.top_k) as f64,
            explicit_mask: recipe.stack.explicit_mask
                && matches!(recipe.attention, AttentionKernel::Sdpa | AttentionKernel::SdpaCpu)
                && is(|op| matches!(op, Op::Attention(_))),
            in_backward: recipe.optimizer.execution == OptimizerExecution::InBackward,
            batched_update: recipe.optimizer.execution == OptimizerExecution::Foreach,
            paged: recipe.optimizer.paged,
            selective_products: recipe.stack.selective_products,
            parks: recipe.stack.parks,
            buckets: recipe.stack.bucket.map_or(BUCKETS, |gradients| gradients as f64 * BUCKETED),
            tied_head: is(|op| matches!(op, Op::Linear(linear) if linear.tied)),
            gathered: (recipe.gathered().precision != recipe.precision)
                .then(|| Box::new(Self::new(model, &recipe.gathered()))),
        }
    }

    /// Memory of the fullest rank at its fullest moment.
    #[must_use]
    pub fn footprint(&self, layout: &Layout) -> Footprint {
        if let Some(gathered) = self.gathered.as_ref().filter(|_| layout.gathers()) {
            return gathered.footprint(layout);
        }
        let pp = layout.pp.max(1);
        let first = self.stage(layout, Stage { index: 0, first: true, last: pp == 1 });
        if pp == 1 {
            return first;
        }
        fuller(first, self.stage(layout, Stage { index: pp - 1, first: false, last: true }))
    }

    /// Memory of the fullest rank of each pipeline stage at its own fullest moment, first to last.
    #[must_use]
    pub fn stages(&self, layout: &Layout) -> Vec<Footprint> {
        if let Some(gathered) = self.gathered.as_ref().filter(|_| layout.gathers()) {
            return gathered.stages(layout);
        }
        let pp = layout.pp.max(1);
        let stage = |index| self.stage(layout, Stage { index, first: index == 0, last: index + 1 == pp });
        (0..pp).map(stage).collect()
    }

    /// All moments of the first pipeline stage (the only one without pipelining), in order.
    #[must_use]
    pub fn timeline(&self, layout: &Layout) -> [Footprint; 6] {
        if let Some(gathered) = self.gathered.as_ref().filter(|_| layout.gathers()) {
            return gathered.timeline(layout);
        }
        self.moments(layout, Stage { index: 0, first: true, last: layout.pp <= 1 })
    }

    /// Bytes that one micro-batch moves to the host and back on the rank that keeps most there.
    #[must_use]
    pub fn parked(&self, layout: &Layout) -> Bytes {
        if let Some(gathered) = self.gathered.as_ref().filter(|_| layout.gathers()) {
            return gathered.parked(layout);
        }
        let stage = Stage { index: 0, first: true, last: layout.pp <= 1 };
        Bytes::new(self.acts(layout, stage, self.tokens(layout)).parked)
    }

    /// Tokens that a rank has of a micro-batch.
    fn tokens(&self, layout: &Layout) -> f64 {
        layout.micro_batch as f64 * self.seq_len / layout.cp.max(1) as f64
    }

    fn stage(&self, layout: &Layout, stage: Stage) -> Footprint {
        self.moments(layout, stage).into_iter().reduce(fuller).unwrap_or_default()
    }
}

fn fuller(one: Footprint, other: Footprint) -> Footprint {
    if other.total() > one.total() { other } else { one }
}

fn block_memory(block: &Block, recipe: &Recipe, depth: f64, reached: &mut bool) -> BlockMemory {
    let share = match (&recipe.method, block.role) {
        (Method::Full, _) | (Method::Freeze { .. }, Role::Head | Role::Further) => 1.0,
        (Method::Freeze { trained_layers }, Role::Layer) => (*trained_layers as f64 / depth.max(1.0)).min(1.0),
        (Method::Freeze { .. }, Role::Embedding) | (Method::Lora(_), _) => 0.0,
    };
    let trained = share > 0.0;
    let entered = *reached;
    let fresh = kept::of_block(block, recipe, trained, entered);
    *reached |= fresh.reached;
    // From its second layer on, a gradient reaches every layer's input.
    let steady = kept::of_block(block, recipe, trained, *reached);
    let of_layers = if block.role == Role::Layer { share } else { 1.0 };
    let frozen_below = matches!(recipe.method, Method::Freeze { .. });
    BlockMemory {
        role: block.role,
        count: block.count as f64,
        stored: block.stored as f64,
        layer: weights::of_block(block, recipe, share),
        kept: steady,
        share: if frozen_below { of_layers } else { 1.0 },
        first_less: if block.stream == Stream::Main && !frozen_below {
            (steady.replicated - fresh.replicated, steady.split - fresh.split)
        } else {
            (Bytes::ZERO, Bytes::ZERO)
        },
    }
}

/// Divisors and factors of a layout.
struct Split {
    tensor: f64,
    experts: f64,
    shard: f64,
    shard_experts: f64,
    /// Divisor of what sequence parallelism splits.
    sequence: f64,
}

impl Split {
    fn of(layout: &Layout) -> Self {
        let tensor = layout.tp.max(1) as f64;
        let experts = layout.tp.max(layout.ep).max(1) as f64;
        // Context-parallel ranks hold the same weights, so shards spread over them too.
        let shard = (layout.shard.max(1) * layout.cp.max(1)) as f64;
        let shard_experts = (shard * tensor / experts).max(1.0);
        let sequence = if layout.sequence_parallel { tensor } else { 1.0 };
        Self { tensor, experts, shard, shard_experts, sequence }
    }

    fn kept(&self, replicated: Bytes, split: Bytes) -> f64 {
        replicated.get() / self.sequence + split.get() / self.tensor
    }
}

/// Bytes that one rank stores, before and after sharding.
#[derive(Default)]
struct State {
    whole: Stored,
    sharded: Stored,
    gathered_block: f64,
    gathered_ends: f64,
    gradients_block: f64,
    gradients_ends: f64,
    head_gradients: f64,
    embedding_gradients: f64,
    /// The gradient that embedding and output projection share.
    tied_gradient: f64,
    update_largest: f64,
    gradient_largest: f64,
    dequantised: f64,
}

/// Bytes that one micro-batch leaves on one rank.
#[derive(Default)]
struct Acts {
    /// On the device.
    layers: f64,
    ends: f64,
    /// In host memory, of what layers leave.
    parked: f64,
    /// What a layer under recompute makes anew, and its temporaries: the largest of any kind.
    working: f64,
    casts: f64,
    /// Of these, what the forward pass leaves alive beside the kept inputs.
    forward_casts: f64,
    one_layer: f64,
}

impl ModelMemory {
    /// Share of the layers that stand on a stage. Where they do not divide and nobody dealt them out, the last stage is taken
    /// to be as full as the others.
    fn layers_of_stage(&self, layout: &Layout, stage: Stage) -> f64 {
        let depth = self.depth as u64;
        let dealt = layout.stage_layers > 0 && stage.last && !stage.first;
        (if dealt { layout.last_stage(depth) } else { layout.full_stage(depth) }) as f64 / self.depth
    }

    fn here(block: &BlockMemory, stage: Stage, layers: f64) -> f64 {
        match block.role {
            Role::Embedding => f64::from(u8::from(stage.first)),
            Role::Layer => layers,
            Role::Head | Role::Further => f64::from(u8::from(stage.last)),
        }
    }

    fn state(&self, layout: &Layout, stage: Stage) -> State {
        let split = Split::of(layout);
        let layers = self.layers_of_stage(layout, stage);
        let mut state = State::default();
        for block in &self.blocks {
            let layer = &block.layer;
            let tied = self.tied_head && block.role == Role::Embedding && stage.last && !stage.first;
            let present = if tied { 1.0 } else { Self::here(block, stage, layers) };
            if present == 0.0 {
                continue;
            }
            // At least one layer's weights, where layers share them.
            let times = if block.role == Role::Layer {
                (block.stored * present).max(block.stored.min(1.0))
            } else {
                block.stored
            };
            let mut one = Stored::default();
            one.add(&layer.tensor, 1.0 / split.tensor);
            one.add(&layer.nowhere, 1.0);
            let mut experts = Stored::default();
            experts.add(&layer.experts, 1.0 / split.experts);
            state.whole.add(&one, times);
            state.whole.add(&experts, times);
            state.sharded.add(&one, times / split.shard);
            state.sharded.add(&experts, times / split.shard_experts);
            let gathered = one.gathered + if split.shard_experts > 1.0 { experts.gathered } else { 0.0 };
            let gradients = one.gradients + if split.shard_experts > 1.0 { experts.gradients } else { 0.0 };
            if block.role == Role::Layer {
                state.gathered_block = state.gathered_block.max(gathered);
                state.gradients_block = state.gradients_block.max(gradients);
            } else {
                state.gathered_ends += gathered * block.stored;
                state.gradients_ends += gradients * block.stored;
            }
            if matches!(block.role, Role::Head | Role::Further) {
                state.head_gradients += one.gradients * times;
            }
            if block.role == Role::Embedding {
                if self.tied_head && stage.last {
                    state.tied_gradient = (layer.gradient_largest / split.tensor).min(one.gradients);
                } else {
                    state.embedding_gradients += one.gradients * times;
                }
            }
            state.update_largest = state.update_largest.max(layer.update_largest / split.tensor);
            state.gradient_largest = state.gradient_largest.max(layer.gradient_largest / split.tensor);
            state.dequantised = state.dequantised.max(layer.dequantised / split.tensor);
        }
        if self.tied_head && stage.last {
            state.head_gradients += state.tied_gradient;
        }
        state
    }

    fn acts(&self, layout: &Layout, stage: Stage, tokens: f64) -> Acts {
        let split = Split::of(layout);
        let layers = self.layers_of_stage(layout, stage);
        let mut acts = Acts::default();
        let again = layout.recompute.of_layers().get() > 0.0;
        let mut first_layer = stage.first;
        let mut one_parked = 0.0_f64;
        for block in &self.blocks {
            let present = Self::here(block, stage, layers) * block.share;
            if present == 0.0 {
                continue;
            }
            let kept = &block.kept;
            let casts = kept.weights.get() / split.tensor;
            let whole = split.kept(kept.replicated, kept.split) * tokens;
            let peak = split.kept(kept.peak_replicated, kept.peak_split) * tokens + casts;
            if block.role != Role::Layer {
                acts.ends += (whole + casts) * present * block.count;
                acts.casts += casts * present;
                continue;
            }
            let input = kept.input.get() / split.sequence * tokens;
            let left = match layout.recompute {
                Recompute::None => whole + casts,
                Recompute::Selective if self.selective_products => {
                    (split.kept(kept.products_replicated, kept.products_split) * tokens).min(whole) + casts
                }
                Recompute::Selective => {
                    let (cheap, core) = if kept.core > Bytes::ZERO {
                        (0.0, kept.core.get() / split.tensor)
                    } else {
                        let cheap_split = kept.cheap_split.min(kept.split);
                        (split.kept(kept.cheap_replicated.min(kept.replicated), cheap_split), 0.0)
                    };
                    whole + casts - (cheap + core) * tokens
                }
                Recompute::Layers(_) | Recompute::Full => {
                    let again = layout.recompute.of_layers().get();
                    again * input.min(whole) + (1.0 - again) * (whole + casts)
                }
            };
            let count = block.count * present;
            acts.layers += left * count;
            let parked = match self.parks {
                Parked::Nothing => 0.0,
                Parked::Checkpoints => layout.recompute.of_layers().get() * input.min(whole),
                Parked::All => left,
            };
            acts.parked += parked * count;
            one_parked = one_parked.max(parked);
            if first_layer && !again {
                let less = split.kept(block.first_less.0, block.first_less.1) * tokens;
                acts.layers -= less.min(left * count);
                first_layer = false;
            }
            // A layer made anew needs its whole peak beside its kept input; one that was kept has it already.
            let smallest = if again { input.min(whole) } else { left };
            acts.working = acts.working.max(peak - smallest);
            acts.one_layer = acts.one_layer.max(left);
            if again {
                acts.casts += casts * count * layout.recompute.of_layers().get();
            }
        }
        // What one layer leaves is on its way while the next is at work, there and back.
        acts.parked = (acts.parked.min(acts.layers) - 2.0 * one_parked).max(0.0);
        acts.layers -= acts.parked;
        acts.forward_casts = if again { acts.casts } else { 0.0 };
        if self.explicit_mask && again {
            // Checkpointed layers are handed the boolean mask, one byte for each query and key.
            acts.ends += tokens * self.seq_len;
        }
        acts
    }

    fn moments(&self, layout: &Layout, stage: Stage) -> [Footprint; 6] {
        let split = Split::of(layout);
        let tokens = self.tokens(layout);
        let state = self.state(layout, stage);
        let acts = self.acts(layout, stage, tokens);
        let flight = in_flight(layout, stage.index).get();
        let parked = Bytes::new(flight * acts.parked);
        let base = Footprint { parked, ..self.base(layout, &state, &split, tokens) };

        let parts = |rank: Zero| if layout.zero >= rank { &state.sharded } else { &state.whole };
        let all_gradients = if self.in_backward {
            state.gradient_largest.min(state.whole.gradients)
        } else {
            parts(Zero::Two).gradients
        };
        let lasting = layout.accumulation > 1 || layout.pp > 1 || (layout.dp > 1 && layout.zero != Zero::Three);
        let before = if lasting && !self.in_backward { all_gradients } else { 0.0 };
        // A gradient that is added to an older one exists twice for a moment.
        let fresh = if lasting { state.gradient_largest.min(state.whole.gradients) } else { 0.0 };
        let head = if lasting || self.in_backward { before } else { state.head_gradients.min(all_gradients) };
        let sharded_gradients = layout.zero >= Zero::Two && split.shard > 1.0;
        let unsharded_gradients = match (sharded_gradients, layout.pp > 1 && layout.zero == Zero::Three) {
            (false, _) => 0.0,
            // The model's ends are reduced when the whole backward pass is done.
            (true, false) => state.gradients_block + state.gradients_ends,
            // Reduced only after the stage's last micro-batch.
            (true, true) => state.whole.gradients,
        };

        let all = flight * (acts.layers + acts.ends);
        let loss = if stage.last { self.loss.held(tokens, split.tensor) } else { Default::default() };
        let flow = tokens * self.hidden * self.stream_element / split.sequence;
        let alive = |moment, gradients: f64, activations: f64| Footprint {
            moment,
            gradients: base.gradients + Bytes::new(gradients),
            activations: Bytes::new(activations),
            ..base
        };
        let others = (flight - 1.0).max(0.0) * (acts.layers + acts.ends);
        // A shared table's two gradients and their sum exist together.
        let added = if stage.first { 2.0 * state.tied_gradient } else { 0.0 };
        let embedding = Footprint {
            working: Bytes::new(fresh + flow + added),
            ..alive(Moment::BackwardEnd, all_gradients, others)
        };
        // The first layer's own gradients and the embedding's are still to come.
        let coming = state.embedding_gradients + state.gradients_block;
        let late = if lasting { 0.0 } else { coming.min(all_gradients) };
        let first_layer = Footprint {
            working: Bytes::new(acts.working + fresh + flow),
            unsharded: base.unsharded + Bytes::new(unsharded_gradients),
            dequantised: Bytes::new(state.dequantised),
            ..alive(Moment::BackwardEnd, all_gradients - late, others + acts.one_layer)
        };
        let forward_casts = acts.forward_casts;
        let moments = [
            Footprint { logits: loss.forward, ..alive(Moment::ForwardEnd, before, all + forward_casts) },
            Footprint { logits: loss.backward, ..alive(Moment::LossBackward, before, all) },
            Footprint { logits: loss.projection, working: Bytes::new(fresh), ..alive(Moment::HeadBackward, head, all) },
            Footprint {
                working: Bytes::new(acts.working + fresh + flow),
                unsharded: base.unsharded + Bytes::new(unsharded_gradients),
                dequantised: Bytes::new(state.dequantised),
                ..alive(Moment::BackwardStart, head, all)
            },
            fuller(first_layer, embedding),
            Footprint {
                unsharded: Bytes::ZERO,
                update: Bytes::new(self.update(layout, &state)),
                ..alive(Moment::Update, all_gradients, 0.0)
            },
        ];
        let reserve = if layout.accelerators() > 1 { RESERVE_MEDIAN.1 } else { RESERVE_MEDIAN.0 } - 1.0;
        moments.map(|footprint| Footprint { fragmentation: Bytes::new(footprint.live().get() * reserve), ..footprint })
    }

    /// What is there all the time.
    fn base(&self, layout: &Layout, state: &State, split: &Split, tokens: f64) -> Footprint {
        let stored = |rank: Zero| if layout.zero >= rank { &state.sharded } else { &state.whole };
        let weights = stored(Zero::Three).weights * weight_copies(layout.schedule);
        let (master, optimizer) = (stored(Zero::One).master, stored(Zero::One).optimizer);
        let gathers = layout.zero == Zero::Three && split.shard > 1.0;
        let streams = layout.offload == Offload::OptimizerAndParameters;
        let unsharded = if gathers || streams {
            // The current block and the next; a pipeline stage gathers its weights once for all its micro-batches.
            let blocks = if self.depth > 1.0 { 2.0 } else { 1.0 };
            let some = blocks * state.gathered_block + state.gathered_ends;
            if layout.pp > 1 { state.whole.gathered } else { some.min(state.whole.gathered) }
        } else {
            0.0
        };
        let host_optimizer = layout.offload != Offload::None;
        let host = if host_optimizer { master + optimizer } else { f64::from(u8::from(self.paged)) * optimizer }
            + if streams { weights } else { 0.0 };
        let kept_if = |here: bool, bytes: f64| Bytes::new(if here { bytes } else { 0.0 });
        Footprint {
            weights: kept_if(!streams, weights),
            master: kept_if(!host_optimizer, master),
            optimizer: kept_if(!host_optimizer && !self.paged, optimizer),
            unsharded: Bytes::new(unsharded),
            communication: Bytes::new(self.communication(layout, state, split, tokens)),
            context: Bytes::new(CONTEXT + COMMUNICATOR * groups(layout)),
            host: Bytes::new(host),
            ..Footprint::default()
        }
    }

    fn communication(&self, layout: &Layout, state: &State, split: &Split, tokens: f64) -> f64 {
        let flow = tokens * self.hidden * self.act_element;
        let when = |yes: bool, bytes: f64| if yes { bytes } else { 0.0 };
        when(layout.dp > 1 && layout.zero != Zero::Three, state.whole.gradients.min(self.buckets))
            + when(layout.tp > 1, flow)
            + when(layout.pp > 1, 2.0 * flow / split.sequence)
            + when(layout.cp > 1, flow / split.tensor)
            + when(layout.ep > 1, 2.0 * self.copies_of_tokens * flow / split.sequence)
    }

    fn update(&self, layout: &Layout, state: &State) -> f64 {
        if layout.offload != Offload::None {
            return 0.0;
        }
        let shard = if layout.zero >= Zero::One { &state.sharded } else { &state.whole };
        let batched = shard.update;
        let update =
            if self.batched_update { batched.max(state.update_largest.min(batched)) } else { state.update_largest };
        update + shard.widened
    }
}

fn groups(layout: &Layout) -> f64 {
    [layout.dp, layout.tp, layout.pp, layout.cp, layout.ep].iter().filter(|width| **width > 1).count() as f64
}
