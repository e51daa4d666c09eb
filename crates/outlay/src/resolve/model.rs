//! `[model]`: a preset, a config, or a description by hand.

use std::borrow::Cow;

use outlay_catalog::Catalog;
use outlay_catalog::model::further::{self, Further};
use outlay_catalog::model::{self, Dimensions, ReadError};
use outlay_core::model::{Mask, Model, Op, Role};
use serde_json::Value;

use super::defaults::Notes;
use super::positive;
use crate::problem::{Code, Problem};
use crate::request::{CustomModel, ModelRequest, Request};

/// Whether training starts from random weights: as the job says, or, where it does not, because a model that is
/// described by its dimensions alone has no weights that all of it could start from.
pub(super) fn from_scratch(request: &Request, notes: &mut Notes, problems: &mut Vec<Problem>) -> bool {
    let whole = matches!(request.method.kind.as_deref(), None | Some("full"));
    match request.model.start.as_deref() {
        None if whole && request.model.custom.is_some() => {
            notes.text_or("model.start", None, "start_custom") == "scratch"
        }
        None | Some("pretrained") => false,
        Some("scratch") => true,
        Some(other) => {
            problems.push(
                Problem::new(Code::UnknownName, "model.start", format!("no start `{other}`"))
                    .help("choices are pretrained, scratch"),
            );
            false
        }
    }
}

pub(super) fn resolve(request: &ModelRequest, catalog: &Catalog, notes: &mut Notes) -> Result<Model, Vec<Problem>> {
    let mut problems = Vec::new();
    for (at, value) in [
        ("model.window", request.window),
        ("model.stride", request.stride),
        ("model.shared_layers", request.shared_layers),
    ] {
        problems.extend(value.and_then(|value| positive(at, value, 1 << 24).err()));
    }
    if request.window.is_some() && request.stride.is_some() {
        let fault = Problem::new(Code::Contradiction, "model.stride", "a window and a stride are two masks");
        problems.push(fault.help("leave one of them out"));
    }
    match read(request, catalog, notes) {
        Ok(mut model) if problems.is_empty() => {
            reshape(request, &mut model);
            Ok(model)
        }
        Ok(_) => Err(problems),
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

/// Adds the modules for multi-token prediction that the job asks for, or, where it does not say, that the program trains of
/// those in the model's config.
pub(super) fn predict_further(
    request: &ModelRequest,
    catalog: &Catalog,
    trained: bool,
    model: &mut Model,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let config = || config(request, catalog);
    let further = match request.mtp {
        Some(0) => None,
        Some(passes) => Some(Further::asked(config().as_deref(), positive("model.mtp", passes, further::MOST)?)),
        None if trained => config().as_deref().and_then(Further::of),
        None => None,
    };
    let Some(further) = further else { return Ok(()) };
    if request.mtp.is_none() {
        let why = "its config has modules for multi-token prediction, and the training program trains them";
        notes.assume("model.mtp", further.passes, why);
    }
    further::add(model, further);
    Ok(())
}

/// The config that the model is read from, if it is from one that can be read.
fn config<'a>(request: &'a ModelRequest, catalog: &Catalog) -> Option<Cow<'a, Value>> {
    let preset = || model::json(catalog.preset(request.base.as_deref()?).ok()?.config).ok().map(Cow::Owned);
    match &request.config {
        Some(config) => Some(Cow::Borrowed(config)),
        None if request.custom.is_none() => preset(),
        None => None,
    }
}

/// Masks and shared weights that the job sets over what the model has.
fn reshape(request: &ModelRequest, model: &mut Model) {
    let mask = match (request.window, request.stride) {
        (Some(window), _) => Some(Mask::Window { window }),
        (None, Some(stride)) => Some(Mask::Strided { stride }),
        (None, None) => None,
    };
    for block in model.blocks.iter_mut().filter(|block| block.role == Role::Layer) {
        if let Some(shared) = request.shared_layers {
            block.stored = block.count.div_ceil(shared);
        }
        for op in &mut block.ops {
            if let (Op::Attention(attention), Some(mask)) = (op, mask)
                && !attention.cross
            {
                attention.mask = mask;
            }
        }
    }
}

fn read(request: &ModelRequest, catalog: &Catalog, notes: &mut Notes) -> Result<Model, Vec<Problem>> {
    let ModelRequest { base, config, custom, .. } = request;
    let name = base.as_deref().unwrap_or("custom");
    if let Some(config) = config {
        return model::read(name, config).map_err(|errors| unreadable(name, "config.json", &errors));
    }
    if let Some(custom) = custom {
        if base.is_some() {
            let fault =
                Problem::new(Code::Contradiction, "model.custom", "a model has a base or is described, not both");
            return Err(vec![fault.help("leave out model.base or [model.custom]")]);
        }
        notes.assume("model.custom", "a plain decoder", "what is not described is the usual choice");
        return model::custom(&dimensions(custom))
            .map_err(|errors| unreadable("model.custom", "model.custom", &errors));
    }
    let Some(base) = base else {
        let fault = Problem::new(Code::Missing, "model.base", "no model named");
        return Err(vec![
            fault.help("name a preset (`outlay models` lists them), a config.json or an org/name of the hub"),
        ]);
    };
    let preset = catalog.preset(base).map_err(|near| {
        let fault = Problem::new(Code::UnknownModel, "model.base", format!("no model `{base}`"));
        let fault = if near.is_empty() {
            fault
        } else {
            fault.help(format!("did you mean {}?", crate::problem::either(&near)))
        };
        vec![fault.help("or give the path of a config.json, an org/name of the hub, or [model.custom]")]
    })?;
    if !preset.is_called(base) {
        let why = "a tuned, quantised or uploaded form by its name: the same architecture is taken";
        notes.assume("model.base", &preset.name, why);
    }
    let config = model::json(preset.config)
        .map_err(|e| vec![Problem::new(Code::UnreadableModel, "model.base", format!("preset {}: {e}", preset.name))])?;
    model::read(&preset.name, &config).map_err(|errors| unreadable(&preset.name, "model.base", &errors))
}

fn unreadable(name: &str, at: &str, errors: &[ReadError]) -> Vec<Problem> {
    let each = |error: &ReadError| {
        let problem = Problem::new(Code::UnreadableModel, at, format!("{name}: {error}"));
        error.help().into_iter().fold(problem, Problem::help)
    };
    errors.iter().map(each).collect()
}

fn dimensions(custom: &CustomModel) -> Dimensions {
    // Destructured, so that a key added later cannot be forgotten here.
    let CustomModel {
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim,
        vocab,
        gated,
        activation,
        tied,
        bias,
        norm,
        learned_positions,
        experts,
        top_k,
        shared_ffn,
        dense_layers,
        dense_ffn,
        window,
        global_every,
    } = custom.clone();
    Dimensions {
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim,
        vocab,
        gated,
        activation,
        tied,
        bias,
        norm,
        learned_positions,
        experts,
        top_k,
        shared_ffn,
        dense_layers,
        dense_ffn,
        window,
        global_every,
    }
}
