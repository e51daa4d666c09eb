//! Multi-token prediction: modules behind the last layer that predict the tokens after the next, in training only.
//!
//! Published parameter counts leave them out and most programs drop them, so a model is read without them and a caller adds
//! what its program trains. A module is two norms, a projection of the doubled width, one layer of the model's own last kind
//! and a norm; its output goes through the model's own output projection and a loss of its own.
//!
//! Does not know: modules whose layer differs from the model's (a window, another width of experts).

use outlay_core::model::{Block, Linear, Model, Norm, NormKind, Op, Part, Role, Stream};
use serde_json::Value;

/// How many modules a config has, and how often they run in a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Further {
    /// Modules with weights of their own.
    pub stored: u64,
    /// Runs of a module: `stored`, or more where one module predicts several tokens in turn.
    pub passes: u64,
}

/// Keys that count modules, by the families that have them.
const STORED: [&str; 3] = ["num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_modules"];
/// Tokens predicted further, where a training program was told another number.
const PASSES: &str = "mtp_num_layers";

impl Further {
    /// What a config says; `None` where it has no such modules. A config of a multimodal model has them in its text part.
    #[must_use]
    pub fn of(config: &Value) -> Option<Self> {
        let count = |key: &str| {
            [Some(config), config.get("text_config")]
                .into_iter()
                .flatten()
                .find_map(|part| part.get(key)?.as_u64())
                .filter(|n| (1..=MOST).contains(n))
        };
        let stored = STORED.iter().find_map(|key| count(key));
        let passes = count(PASSES).or(stored)?;
        Some(Self { stored: stored.unwrap_or(passes).min(passes), passes })
    }

    /// So many runs, on the modules that the config has, or as many modules as runs where it has none.
    #[must_use]
    pub fn asked(config: Option<&Value>, passes: u64) -> Self {
        let stored = config.and_then(Self::of).map_or(passes, |known| known.stored);
        Self { stored: stored.min(passes), passes }
    }
}

/// Most modules anyone asks for.
pub const MOST: u64 = 16;

/// Adds modules to a decoder; a model without layers or output projection is left as it is.
pub fn add(model: &mut Model, further: Further) {
    let Further { stored, passes } = further;
    let ops = layer(model);
    let head = model.blocks.iter().find(|block| block.role == Role::Head && block.stream == Stream::Main);
    let shared: Vec<Op> = head.map_or_else(Vec::new, |head| {
        let output = |op: &&Op| matches!(op, Op::Loss(_)) || matches!(op, Op::Linear(l) if l.part == Part::Head);
        head.ops.iter().filter(output).copied().collect()
    });
    if ops.is_empty() || shared.is_empty() || passes == 0 {
        return;
    }
    let h = model.hidden;
    let norm = Op::Norm(Norm { kind: NormKind::Rms, width: h, rows: 1, weights: h, biases: 0, on_heads: false });
    let joined = Op::Linear(Linear {
        name: "eh_proj",
        input: 2 * h,
        output: h,
        bias: false,
        shares_input: false,
        tied: false,
        on_source: false,
        part: Part::Other,
    });
    let module = [norm, norm, joined].into_iter().chain(ops).chain([norm]).collect();
    let block = |stored, ops| Block { role: Role::Further, stream: Stream::Main, count: passes, stored, ops };
    model.blocks.extend([block(stored, module), block(0, shared)]);
}

/// One layer that attends and has a feed-forward: the last kind that has both, or the last of each where a model keeps them in
/// layers of their own.
fn layer(model: &Model) -> Vec<Op> {
    let attends = |block: &&Block| block.ops.iter().any(|op| matches!(op, Op::Attention(_)));
    let feeds = |block: &&Block| {
        let feed = |op: &Op| matches!(op, Op::Experts(_)) || matches!(op, Op::Linear(l) if l.part == Part::FfnOut);
        block.ops.iter().any(feed)
    };
    let layers: Vec<&Block> = model.layers().filter(|block| block.stream == Stream::Main).collect();
    let last = |wanted: &dyn Fn(&&Block) -> bool| layers.iter().rev().copied().find(|block| wanted(block));
    if let Some(whole) = last(&|block| attends(block) && feeds(block)) {
        return whole.ops.clone();
    }
    let parts = [last(&|block| attends(block)), last(&|block| feeds(block))];
    parts.into_iter().flatten().flat_map(|block| block.ops.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use outlay_core::model::{Role, params};
    use serde_json::json;

    use super::{Further, add};

    fn config(preset: &str) -> serde_json::Value {
        let catalog = crate::Catalog::built_in();
        crate::model::json(catalog.preset(preset).unwrap().config).unwrap()
    }

    /// DeepSeek-V3's technical report: 671 billion parameters, 14 billion more in its prediction module.
    #[test]
    fn deepseek_v3_has_fourteen_billion_more() {
        let config = config("deepseek-v3");
        let further = Further::of(&config).unwrap();
        assert_eq!((further.stored, further.passes), (1, 1));
        let mut model = crate::model::read("deepseek-v3", &config).unwrap();
        let (total, active) = (params::total(&model), params::active(&model));
        add(&mut model, further);
        // Published counts stay; of the 14 billion, 1.9 are copies of the table and the head, which are shared here.
        assert_eq!((params::total(&model), params::active(&model)), (total, active));
        let module = model.blocks.iter().filter(|block| block.role == Role::Further);
        let stored: u64 = module.map(|block| block.stored * params::of_block(block)).sum();
        assert_eq!((stored / 100_000_000, model.further()), (116, 1));
        assert_eq!(model.depth(), 61);
    }

    #[test]
    fn a_module_that_runs_twice_is_stored_once() {
        let config = json!({"num_nextn_predict_layers": 1, "mtp_num_layers": 2});
        assert_eq!(Further::of(&config), Some(Further { stored: 1, passes: 2 }));
        assert_eq!(Further::asked(Some(&config), 3), Further { stored: 1, passes: 3 });
        assert_eq!(Further::asked(None, 3), Further { stored: 3, passes: 3 });
        assert_eq!(Further::of(&json!({"num_nextn_predict_layers": 0})), None);
        assert_eq!(Further::of(&json!({"text_config": {"mtp_num_hidden_layers": 1}})).unwrap().passes, 1);
    }
}
