//! What a layer stores: weights, gradients, master copies, optimizer state and the temporaries of the update.
//!
//! Every operator is seen as a few matrices; each matrix is frozen, trained or carries an adapter, and splits over
//! ranks in one of three ways. All sums are bytes of one layer before any split, so that a layout only divides them.
//!
//! Does not know: padding of shards, tensors shared with other layers (the caller multiplies by layers that own theirs).

use crate::dtype::Dtype;
use crate::model::{Block, Op, Part};
use crate::scenario::recipe::{Lora, Method, Optimizer, OptimizerExecution, OptimizerKind, Recipe};
use crate::units::Bytes;

use super::kept::targeted;

/// How a tensor splits over ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Splits {
    /// Over tensor-parallel ranks.
    Tensor,
    /// Not at all, short of sharding.
    Nowhere,
    /// Over expert-parallel ranks.
    Experts,
}

/// One kind of tensor of an operator: `copies` matrices of `rows × columns`.
struct Tensor {
    rows: u64,
    columns: u64,
    copies: u64,
    splits: Splits,
    /// Stored in the base's format when that is quantised.
    projection: bool,
    /// A hidden matrix, for update rules that treat those apart.
    hidden: bool,
}

/// Bytes of one layer that split alike.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stored {
    pub(super) weights: f64,
    pub(super) gradients: f64,
    pub(super) master: f64,
    pub(super) optimizer: f64,
    /// Temporaries of an update batched over tensors.
    pub(super) update: f64,
    /// Gradients in fp32, for the update, where they are kept narrower.
    pub(super) widened: f64,
    /// Weights in the format that shards are gathered in.
    pub(super) gathered: f64,
}

impl Stored {
    pub(super) fn add(&mut self, other: &Self, times: f64) {
        self.weights += other.weights * times;
        self.gradients += other.gradients * times;
        self.master += other.master * times;
        self.optimizer += other.optimizer * times;
        self.update += other.update * times;
        self.widened += other.widened * times;
        self.gathered += other.gathered * times;
    }
}

/// Everything one layer stores.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Layer {
    pub(super) tensor: Stored,
    pub(super) nowhere: Stored,
    pub(super) experts: Stored,
    /// Temporaries of an update tensor by tensor.
    pub(super) update_largest: f64,
    /// Largest gradient of one tensor.
    pub(super) gradient_largest: f64,
    /// Largest matrix in 16 bit of those stored quantised.
    pub(super) dequantised: f64,
}

/// Bytes of optimizer state of one matrix.
///
/// # Formula
/// AdamW `2·n·state`; 8 bit `2n(1 + 4/256)`, 4 bit `2n(1/2 + 4/128)`, tensors under 4096 elements in fp32; Adafactor
/// `4(rows + columns)`; Lion and momentum `n·state`; SGD none; Muon `n·state` for hidden matrices, AdamW elsewhere.
///
/// # Source
/// `dettmers2022` (block-wise 8 bit), `torchao` low-bit optimizers, `shazeer2018` (Adafactor), `chen2023` (Lion).
///
/// # Valid when
/// Adafactor runs without momentum.
#[must_use]
pub fn state_bytes(optimizer: Optimizer, rows: u64, columns: u64, hidden: bool) -> Bytes {
    let n = rows as f64 * columns as f64;
    let state = optimizer.state.bytes_each().get();
    let small = n < 4096.0;
    Bytes::new(match optimizer.kind {
        OptimizerKind::AdamW => 2.0 * n * state,
        OptimizerKind::AdamW8bit | OptimizerKind::AdamW4bit if small => 8.0 * n,
        OptimizerKind::AdamW8bit => 2.0 * n * (1.0 + 4.0 / 256.0),
        OptimizerKind::AdamW4bit => 2.0 * n * (0.5 + 4.0 / 128.0),
        OptimizerKind::Adafactor if rows > 1 && columns > 1 => 4.0 * (rows as f64 + columns as f64),
        OptimizerKind::Adafactor => 4.0 * n,
        OptimizerKind::Lion | OptimizerKind::SgdMomentum => n * state,
        OptimizerKind::Sgd => 0.0,
        OptimizerKind::Muon if hidden => n * state,
        OptimizerKind::Muon => 2.0 * n * state,
    })
}

/// Temporaries, in units of the state's format, that the unfused update makes of one tensor.
fn temporaries(kind: OptimizerKind) -> f64 {
    match kind {
        OptimizerKind::AdamW | OptimizerKind::Adafactor | OptimizerKind::Lion => 1.0,
        // The orthogonalisation's iterates.
        OptimizerKind::Muon => 2.0,
        // Kernels of their own, or none needed.
        OptimizerKind::AdamW8bit | OptimizerKind::AdamW4bit | OptimizerKind::Sgd | OptimizerKind::SgdMomentum => 0.0,
    }
}

/// Everything one layer stores, if its own weights are `trained` to this share.
pub(super) fn of_block(block: &Block, recipe: &Recipe, trained: f64) -> Layer {
    let mut layer = Layer::default();
    for op in &block.ops {
        each_tensor(op, &mut |tensor: Tensor| layer.base(&tensor, recipe, trained));
        if let (Op::Linear(linear), Method::Lora(lora)) = (op, &recipe.method)
            && targeted(linear, lora)
        {
            let splits = splits_of(linear.part);
            let pair = [(linear.input, lora.rank), (lora.rank, linear.output)];
            for (rows, columns) in pair {
                layer.adapter(&plain(rows, columns, splits), recipe, lora);
            }
            if lora.dora {
                layer.adapter(&plain(1, linear.output, splits), recipe, lora);
            }
        }
    }
    layer
}

impl Layer {
    fn of(&mut self, splits: Splits) -> &mut Stored {
        match splits {
            Splits::Tensor => &mut self.tensor,
            Splits::Nowhere => &mut self.nowhere,
            Splits::Experts => &mut self.experts,
        }
    }

    fn base(&mut self, tensor: &Tensor, recipe: &Recipe, trained: f64) {
        let n = (tensor.rows * tensor.columns * tensor.copies) as f64;
        let format = stored_format(tensor, recipe);
        let quantised = matches!(format, Dtype::Nf4 | Dtype::Nf4Double | Dtype::Int8 | Dtype::Fp4);
        let gathered = if quantised { format } else { recipe.precision.activations() };
        if quantised {
            let whole = (tensor.rows * tensor.columns) as f64 * recipe.precision.activations().bytes_each().get();
            self.dequantised = self.dequantised.max(whole);
        }
        // A frozen copy stands in the format it is read in, and is sharded like the model.
        let reference = if recipe.beside.copy { recipe.precision.activations().bytes_each().get() } else { 0.0 };
        let stored = Stored {
            weights: n * (format.bytes_each().get() + reference),
            gathered: n * gathered.bytes_each().get(),
            ..Stored::default()
        };
        let splits = tensor.splits;
        self.of(splits).add(&stored, 1.0);
        if trained > 0.0 {
            let precision = recipe.precision;
            self.train(tensor, recipe.optimizer, precision.gradients, precision.master, trained);
            let narrow = precision.gradients.bytes_each().get() < 4.0;
            let both = recipe.stack.both_gradients && !narrow && precision.activations().bytes_each().get() < 4.0;
            let beside = Stored {
                gradients: if both { n * precision.activations().bytes_each().get() } else { 0.0 },
                widened: if recipe.stack.widens_gradients && narrow && precision.master { 4.0 * n } else { 0.0 },
                ..Stored::default()
            };
            self.of(splits).add(&beside, trained);
        }
    }

    fn adapter(&mut self, tensor: &Tensor, recipe: &Recipe, lora: &Lora) {
        let bytes = lora.adapter.bytes(tensor.rows * tensor.columns).get();
        let stored = Stored { weights: bytes, gathered: bytes, ..Stored::default() };
        self.of(tensor.splits).add(&stored, 1.0);
        // Optimizer state takes the format of what it belongs to, unless a master copy stands between.
        let master = recipe.precision.master && lora.adapter != Dtype::Fp32;
        let state = if master { recipe.optimizer.state } else { lora.adapter };
        self.train(tensor, Optimizer { state, ..recipe.optimizer }, lora.adapter, master, 1.0);
    }

    fn train(&mut self, tensor: &Tensor, optimizer: Optimizer, gradients: Dtype, master: bool, trained: f64) {
        let n = (tensor.rows * tensor.columns * tensor.copies) as f64;
        let state = state_bytes(optimizer, tensor.rows, tensor.columns, tensor.hidden).get();
        let temporary = n * optimizer.state.bytes_each().get() * temporaries(optimizer.kind);
        let gradient = n * gradients.bytes_each().get();
        let batched = optimizer.execution == OptimizerExecution::Foreach && optimizer.kind != OptimizerKind::Muon;
        let stored = Stored {
            gradients: gradient,
            master: if master { 4.0 * n } else { 0.0 },
            optimizer: state * tensor.copies as f64,
            update: if batched { temporary } else { 0.0 },
            ..Stored::default()
        };
        self.of(tensor.splits).add(&stored, trained);
        if optimizer.execution != OptimizerExecution::Fused {
            self.update_largest = self.update_largest.max(2.0 * temporary);
        }
        self.gradient_largest = self.gradient_largest.max(gradient);
    }
}

fn stored_format(tensor: &Tensor, recipe: &Recipe) -> Dtype {
    match &recipe.method {
        Method::Lora(lora) => {
            let quantised = lora.base.is_narrow();
            // Quantisation reaches projections only; what remains is kept in the compute format.
            if quantised && !tensor.projection { recipe.precision.activations() } else { lora.base }
        }
        Method::Full | Method::Freeze { .. } => recipe.precision.weights,
    }
}

fn splits_of(part: Part) -> Splits {
    if part == Part::Other { Splits::Nowhere } else { Splits::Tensor }
}

fn plain(rows: u64, columns: u64, splits: Splits) -> Tensor {
    Tensor { rows, columns, copies: 1, splits, projection: false, hidden: false }
}

fn each_tensor(op: &Op, visit: &mut dyn FnMut(Tensor)) {
    match op {
        Op::Embedding(e) if e.trained => visit(plain(e.rows, e.width, Splits::Tensor)),
        Op::Linear(l) => {
            let splits = splits_of(l.part);
            if !l.tied {
                let inner = l.part != Part::Head;
                visit(Tensor { projection: inner, hidden: inner, ..plain(l.input, l.output, splits) });
            }
            if l.bias {
                visit(plain(1, l.output, splits));
            }
        }
        Op::Norm(n) => {
            visit(plain(1, n.weights, Splits::Nowhere));
            visit(plain(1, n.biases, Splits::Nowhere));
        }
        Op::Router(r) => {
            visit(plain(r.input, r.experts, Splits::Nowhere));
            if r.bias {
                visit(plain(1, r.experts, Splits::Nowhere));
            }
        }
        Op::Experts(e) => {
            let inputs = if e.gated { 2 } else { 1 };
            let of = |rows, columns, copies| Tensor {
                copies,
                projection: true,
                hidden: true,
                ..plain(rows, columns, Splits::Experts)
            };
            visit(of(e.input, e.ffn, inputs * e.experts));
            visit(of(e.ffn, e.input, e.experts));
            if e.bias {
                visit(Tensor { copies: e.experts, ..plain(1, inputs * e.ffn + e.input, Splits::Experts) });
            }
        }
        Op::Conv(c) => visit(plain(1, c.channels * c.kernel + if c.bias { c.channels } else { 0 }, Splits::Tensor)),
        Op::Weights(w) => visit(plain(1, w.elements, Splits::Nowhere)),
        Op::Embedding(_)
        | Op::Rotary(_)
        | Op::Attention(_)
        | Op::Activation(_)
        | Op::Scan(_)
        | Op::Residual(_)
        | Op::Dropout(_)
        | Op::Loss(_) => {}
    }
}
