//! Levers of the model itself: another base, depth, attention, shared weights, gates, zeros.
//!
//! Depth, activation and tied embeddings change a `config.json`; so only models that have one, and only from scratch:
//! trained weights do not change their shape.

use outlay_catalog::model;
use outlay_core::model::{Mask, Op, params};
use outlay_core::scenario::dynamics::Start;
use serde_json::Value;

use super::steps::List;
use crate::request::{Amount, Request};

const GROUP: &str = "architecture";

pub(super) fn steps(all: &mut List<'_, '_>) {
    let base = all.base;
    siblings(all);
    let mask = base.scenario.model.attention().map(|attention| attention.mask);
    let length = base.scenario.recipe.seq_len;
    if mask == Some(Mask::Causal) && length >= 1024 {
        all.add(
            (GROUP, "model.window"),
            format!("all → {} keys", length / 4),
            "attention linear in the length; less is seen",
            |r| {
                r.model.window = Some(length / 4);
            },
        );
        let stride = (length as f64).sqrt() as u64;
        all.add((GROUP, "model.stride"), format!("all → strided by {stride}"), "n√n instead of n² scores", |r| {
            r.model.stride = Some(stride)
        });
    }
    if base.request.model.window.is_some() || base.request.model.stride.is_some() {
        all.add((GROUP, "model.window"), "→ all keys", "everything is seen, at n² cost", |r| {
            r.model.window = None;
            r.model.stride = None;
        });
    }
    all.add((GROUP, "model.sparsity"), "dense → 2:4 zeros", "sparse tensor cores skip them; capacity is lost", |r| {
        r.model.sparsity = Some(Amount::Text("2:4".into()));
    });
    all.add(
        (GROUP, "model.sparsity"),
        "dense → half zeros, scattered",
        "saves nothing: no hardware skips them",
        |r| {
            r.model.sparsity = Some(Amount::Number(0.5));
        },
    );
    if base.scenario.dynamics.start != Start::Scratch {
        for (to, value) in [("near", 1.0), ("far", 0.0)] {
            all.add((GROUP, "model.closeness"), format!("→ {to}"), "what the base already knows of such text", |r| {
                r.model.closeness = Some(Amount::Number(value));
            });
        }
        return;
    }
    all.add((GROUP, "model.shared_layers"), "each layer runs twice", "half the stored weights, the same work", |r| {
        r.model.shared_layers = Some(2);
    });
    for (depth, name) in [(1.25, "a quarter deeper"), (0.75, "a quarter shallower")] {
        let deeper = |r: &mut Request| {
            reshaped(r, base.catalog, &["num_hidden_layers", "n_layer", "n_layers", "layers"], |old| {
                old.as_u64().map(|old| Value::from(((old as f64 * depth).round() as u64).max(1)))
            })
        };
        offer(all, "model.layers", name, "work and memory go with depth, the loss with the size", deeper);
    }
    let head = base.scenario.model.blocks.iter().flat_map(|block| &block.ops);
    let shared =
        head.filter_map(|op| if let Op::Linear(linear) = op { Some(linear.tied) } else { None }).any(|tied| tied);
    let tied = if shared { "one table → two" } else { "two tables → one" };
    for (factor, name) in [(1.25, "wider and shallower"), (0.8, "narrower and deeper")] {
        let turn = |r: &mut Request| turned(r, base.catalog, factor);
        offer(
            all,
            "model.shape",
            name,
            "as many parameters in another shape: products against launches and depth",
            turn,
        );
    }
    offer(all, "model.tied", tied, "one table of the vocabulary instead of two", |r| {
        reshaped(r, base.catalog, &["tie_word_embeddings", "tied"], |old| {
            Some(Value::from(!old.as_bool().unwrap_or(false)))
        })
    });
    offer(all, "model.activation", "→ relu", "cheap to compute, worth less a parameter", |r| {
        reshaped(r, base.catalog, &["hidden_act", "activation_function", "activation"], |_| Some(Value::from("relu")))
    });
}

/// Adds a step if the model has what it changes.
fn offer(
    all: &mut List<'_, '_>,
    lever: &'static str,
    change: &str,
    why: &'static str,
    edit: impl Fn(&mut Request) -> bool,
) {
    let mut probe = all.base.request.clone();
    if edit(&mut probe) {
        all.add((GROUP, lever), change, why, |r| *r = probe);
    }
}

/// Changes one field of the model's description; false where there is none.
fn reshaped(
    request: &mut Request,
    catalog: &outlay_catalog::Catalog,
    names: &[&str],
    change: impl Fn(&Value) -> Option<Value>,
) -> bool {
    if let Some(custom) = &request.model.custom {
        let Ok(mut fields) = serde_json::to_value(custom) else { return false };
        let Some(name) = names.iter().find(|name| fields.get(**name).is_some()) else { return false };
        let old = fields[*name].clone();
        let Some(new) = change(&old) else { return false };
        fields[*name] = new;
        request.model.custom = serde_json::from_value(fields).ok();
        return request.model.custom.is_some();
    }
    let own = || {
        let preset = catalog.preset(request.model.base.as_deref()?).ok()?;
        model::json(preset.config).ok()
    };
    let Some(mut config) = request.model.config.clone().or_else(own) else { return false };
    let Some(name) = names.iter().find(|name| config.get(**name).is_some()) else { return false };
    let Some(new) = change(&config[*name]) else { return false };
    config[*name] = new;
    request.model.config = Some(config);
    true
}

/// Width times a factor at equal parameters: heads, feed-forward and depth follow.
fn turned(request: &mut Request, catalog: &outlay_catalog::Catalog, factor: f64) -> bool {
    let names: [(&[&str], &[&str]); 1] =
        [(&["hidden_size", "n_embd", "hidden"], &["num_attention_heads", "n_head", "heads"])];
    let mut found: [u64; 2] = [0; 2];
    for (at, list) in [names[0].0, names[0].1].into_iter().enumerate() {
        let mut probe = request.clone();
        let known = std::cell::Cell::new(0);
        reshaped(&mut probe, catalog, list, |old| {
            known.set(old.as_u64().unwrap_or(0));
            Some(old.clone())
        });
        found[at] = known.get();
    }
    let [hidden, heads] = found;
    if hidden == 0 || heads == 0 || hidden % heads != 0 {
        return false;
    }
    // Eight heads keep the groups of keys and the ranks of tensor parallelism whole.
    let grain = if heads % 8 == 0 { 8 } else { 1 };
    let wide = ((heads as f64 * factor / grain as f64).round() as u64 * grain).max(grain);
    if wide == heads {
        return false;
    }
    let width = hidden / heads * wide;
    let ratio = width as f64 / hidden as f64;
    let scaled = |old: &Value, by: f64, grain: u64| {
        old.as_u64().map(|old| Value::from((((old as f64 * by) / grain as f64).round() as u64).max(1) * grain))
    };
    let sides = reshaped(request, catalog, names[0].0, |_| Some(Value::from(width)))
        && reshaped(request, catalog, names[0].1, |_| Some(Value::from(wide)))
        && reshaped(request, catalog, &["intermediate_size", "n_inner", "ffn"], |old| scaled(old, ratio, 64));
    let depth = ["num_hidden_layers", "n_layer", "n_layers", "layers"];
    sides && reshaped(request, catalog, &depth, |old| scaled(old, 1.0 / (ratio * ratio), 1))
}

/// The next smaller and the next larger model of the same series.
fn siblings(all: &mut List<'_, '_>) {
    let base = all.base;
    let Some(name) = base.request.model.base.as_deref() else { return };
    let Ok(own) = base.catalog.preset(name) else { return };
    let Some(series) = series(&own.name) else { return };
    let size = params::total(&base.scenario.model);
    let mut near: [Option<(u64, &str)>; 2] = [None, None];
    for preset in base.catalog.presets() {
        if self::series(&preset.name) != Some(series) || preset.name == own.name {
            continue;
        }
        let Some(model) = model::json(preset.config).ok().and_then(|config| model::read(&preset.name, &config).ok())
        else {
            continue;
        };
        let other = params::total(&model);
        let side = usize::from(other > size);
        let closer = near[side].is_none_or(|(best, _)| other.abs_diff(size) < best.abs_diff(size));
        if closer && other != size {
            near[side] = Some((other, &preset.name));
        }
    }
    for (_, other) in near.into_iter().flatten() {
        all.add(
            (GROUP, "model.base"),
            format!("{} → {other}", own.name),
            "cost goes with the size, so does what it can learn",
            |r| {
                r.model.base = Some(other.into());
                r.model.config = None;
            },
        );
    }
}

/// The name without its size: `llama-3.1` of `llama-3.1-8b`.
fn series(name: &str) -> Option<&str> {
    let (series, size) = name.rsplit_once('-')?;
    let digits = size.trim_end_matches(['b', 'm']);
    (digits.len() < size.len() && digits.parse::<f64>().is_ok()).then_some(series)
}

#[cfg(test)]
mod tests {
    use super::series;

    #[test]
    fn names_without_their_size() {
        assert_eq!(series("llama-3.1-8b"), Some("llama-3.1"));
        assert_eq!(series("qwen2.5-0.5b"), Some("qwen2.5"));
        assert_eq!(series("mixtral-8x7b"), None);
        assert_eq!(series("gpt2"), None);
    }
}
