//! A row's model: a known config where the dimensions are one's, otherwise a decoder described by its dimensions.
//!
//! Rows seldom say whether the feed-forward is gated, the embeddings tied or positions learned, but most state their
//! parameter total, and only one combination gives it. That, the row's remarks, and the convention that a feed-forward
//! of four times the width has no gate decide in this order of strength: remark, total, convention.

use outlay::request::{CustomModel, ModelRequest};

use super::library::{Dimensions, Library};
use crate::table::{Row, Unscorable};

/// Dimensions of a row of `throughput.csv`.
///
/// # Errors
/// A cell is no number.
pub fn dimensions(row: &Row<'_>) -> Result<Dimensions, Unscorable> {
    let positive = |column| row.count(column).map(|n| n.filter(|n| *n > 0));
    Ok(Dimensions {
        layers: positive("layers")?,
        hidden: positive("hidden")?,
        ffn: positive("ffn")?,
        heads: positive("heads")?,
        kv_heads: positive("kv_heads")?,
        vocab: positive("vocab")?,
        experts: positive("experts")?,
        top_k: positive("topk")?,
        total_b: row.positive("params_total_b")?,
        active_b: row.positive("params_active_b")?,
    })
}

/// What the row trains.
///
/// # Errors
/// The row describes no architecture and names none that is known.
pub fn request(row: &Row<'_>, library: &Library, seq_len: u64) -> Result<ModelRequest, Unscorable> {
    let stated = dimensions(row)?;
    let name = row.text("model").unwrap_or_default();
    if let Some((known, config)) = library.find(name, &stated) {
        return Ok(ModelRequest { base: Some(known.into()), config: Some(config.clone()), ..ModelRequest::default() });
    }
    let Dimensions { layers: Some(layers), hidden: Some(hidden), .. } = stated else {
        return by_size(&stated, &row.lower("arch_family"), split(row));
    };
    let custom = described(row, &stated, layers, hidden, seq_len)?;
    Ok(ModelRequest { custom: Some(custom), ..ModelRequest::default() })
}

/// A dense model of which only the size is known.
fn by_size(stated: &Dimensions, family: &str, tp: u64) -> Result<ModelRequest, Unscorable> {
    let dense = stated.experts.is_none() && (family.is_empty() || family == "dense");
    match stated.total_b {
        Some(total_b) if dense => Ok(ModelRequest { custom: Some(of_size(total_b, tp)), ..ModelRequest::default() }),
        _ => Err(Unscorable::new("model dimensions not stated and no config by this name")),
    }
}

/// Width over depth of common decoders lies between 90 and 160.
const ASPECT: f64 = 110.0;

/// A gated decoder of the usual proportions with about so many billions of parameters, whose heads split over `tp` ranks.
#[must_use]
pub fn of_size(total_b: f64, tp: u64) -> CustomModel {
    let vocab = 32_000_u64;
    // 12·h² a layer, h / ASPECT layers: the width whose cube gives the total.
    let width = (total_b.max(1e-3) * 1e9 * ASPECT / 12.0).cbrt();
    let hidden = (((width / 128.0).round() as u64).max(1)) * 128;
    let body = (total_b * 1e9 - 2.0 * (vocab * hidden) as f64).max(0.0);
    let layers = ((body / (12.0 * (hidden * hidden) as f64)).round() as u64).max(1);
    CustomModel {
        layers: Some(layers),
        hidden: Some(hidden),
        // A gate makes it three matrices: 8/3 of the width keeps 12·h² a layer.
        ffn: Some((hidden * 8 / 3).next_multiple_of(128)),
        heads: Some(usual_heads(hidden, tp)),
        vocab: Some(vocab),
        ..CustomModel::default()
    }
}

/// How far a mixture's counted size may lie from the stated one before something must be missing.
const WHOLE_MIXTURE: f64 = 0.15;

/// How the parts are built that a row seldom states.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Build {
    gated: bool,
    tied: bool,
    learned: bool,
}

fn described(
    row: &Row<'_>,
    stated: &Dimensions,
    layers: u64,
    hidden: u64,
    seq_len: u64,
) -> Result<CustomModel, Unscorable> {
    let heads = stated.heads.unwrap_or_else(|| usual_heads(hidden, split(row)));
    let Dimensions { ffn: Some(ffn), vocab: Some(vocab), .. } = *stated else {
        return Err(Unscorable::new("width of the feed-forward or size of the vocabulary not stated"));
    };
    let kv_heads = stated.kv_heads.unwrap_or(heads);
    let counted = |build| count(stated, (layers, hidden, ffn, heads, kv_heads, vocab), build, seq_len);
    let build = infer(row, stated, counted, ffn == 4 * hidden);
    // A mixture may mix in dense layers and shared experts that its row does not speak of.
    let miss = stated.total_b.map_or(0.0, |total_b| (counted(build) / (total_b * 1e9) - 1.0).abs());
    if stated.experts.is_some() && miss > WHOLE_MIXTURE {
        return Err(Unscorable::new("dimensions of the mixture do not give its stated size"));
    }
    let activation = activation(row, build.gated);
    Ok(CustomModel {
        layers: Some(layers),
        hidden: Some(hidden),
        ffn: Some(ffn),
        heads: Some(heads),
        kv_heads: Some(kv_heads),
        vocab: Some(vocab),
        gated: Some(build.gated),
        activation: Some(activation.into()),
        tied: Some(build.tied),
        // The generation without gates has biases, layer norms and (mostly) dropout.
        bias: Some(!build.gated),
        norm: Some(if build.gated { "rms" } else { "layer" }.into()),
        learned_positions: build.learned.then_some(seq_len),
        experts: stated.experts,
        top_k: stated.top_k,
        ..CustomModel::default()
    })
}

/// Ranks that the heads were split over.
fn split(row: &Row<'_>) -> u64 {
    row.count("tp").ok().flatten().unwrap_or(1)
}

fn usual_heads(hidden: u64, tp: u64) -> u64 {
    // Heads of 128 elements, or the nearest count that divides the width and splits over the ranks it ran on.
    let aim = (hidden / 128).max(1);
    let mut near = (0..aim).flat_map(|d| [aim + d, aim - d]).filter(|n| *n > 0 && hidden.is_multiple_of(*n));
    near.clone().find(|n| n.is_multiple_of(tp.max(1))).or_else(|| near.next()).unwrap_or(1)
}

fn activation(row: &Row<'_>, gated: bool) -> &'static str {
    if row.notes_say(&["squared-relu", "squared relu", "relu2"]) {
        "relu2"
    } else if gated {
        "silu"
    } else if row.notes_say(&["relu 2-matrix", "relu mlp"]) {
        "relu"
    } else {
        "gelu"
    }
}

fn infer(row: &Row<'_>, stated: &Dimensions, count: impl Fn(Build) -> f64, four_times: bool) -> Build {
    let says_plain = row.notes_say(&["gelu mlp", "relu mlp", "2 matrices", "2-matrix", "two matrices"]);
    let says_gated = row.notes_say(&["swiglu", "geglu", "gated mlp", "3 matrices"]);
    let says_learned = row.notes_say(&["learned pos"]);
    let says_tied = row.notes_say(&["tied emb", "tied"]) && !row.notes_say(&["untied", "not tied"]);
    let all = [false, true]
        .into_iter()
        .flat_map(|gated| [false, true].map(|tied| (gated, tied)))
        .flat_map(|(gated, tied)| [false, true].map(|learned| Build { gated, tied, learned }));
    let open = all.filter(|build| {
        let remarks = [
            (says_plain, !build.gated),
            (says_gated, build.gated),
            (says_learned, build.learned),
            (says_tied, build.tied),
        ];
        // Learned positions went out of use with gates and with untied embeddings; experts came after both.
        let period = !(build.learned && (build.gated || !build.tied));
        let experts = stated.experts.is_none() || build == &Build { gated: true, tied: false, learned: false };
        remarks.iter().all(|(says, so)| !says || *so) && period && experts
    });
    let usual = |build: &Build| {
        let conventional = Build { gated: !four_times, tied: four_times, learned: four_times };
        usize::from(build.gated != conventional.gated) * 4
            + usize::from(build.tied != conventional.tied)
            + usize::from(build.learned != conventional.learned)
    };
    // Totals are rounded to a few digits: within that, convention decides.
    let miss = |build: &Build| {
        stated.total_b.map_or(0, |total_b| ((count(*build) / (total_b * 1e9) - 1.0).abs() * 500.0) as u64)
    };
    open.min_by_key(|build| (miss(build), usual(build))).unwrap_or(Build {
        gated: !four_times,
        tied: false,
        learned: false,
    })
}

fn count(stated: &Dimensions, widths: (u64, u64, u64, u64, u64, u64), build: Build, seq_len: u64) -> f64 {
    let (layers, hidden, ffn, heads, kv_heads, vocab) = widths;
    let [layers, hidden, ffn, heads, kv_heads, vocab] = [layers, hidden, ffn, heads, kv_heads, vocab].map(|n| n as f64);
    let attention = 2.0 * hidden * hidden * (1.0 + kv_heads / heads);
    let experts = stated.experts.map_or(1.0, |n| n as f64);
    let feed_forward = if build.gated { 3.0 } else { 2.0 } * hidden * ffn * experts;
    let tables = vocab * if build.tied { 1.0 } else { 2.0 } + if build.learned { seq_len as f64 } else { 0.0 };
    layers * (attention + feed_forward) + tables * hidden
}

#[cfg(test)]
mod tests {
    use super::{of_size, request, usual_heads};
    use crate::evidence::Evidence;
    use crate::rows::library::Library;
    use crate::table::Table;

    const HEADER: &str = "model,arch_family,params_total_b,layers,hidden,ffn,heads,kv_heads,vocab,notes\n";

    fn custom(row: &str) -> outlay::request::CustomModel {
        let table = Table::read(&format!("{HEADER}{row}\n"));
        let row = table.rows().next().unwrap();
        request(&row, &Library::of(&Evidence::committed()), 2048).unwrap().custom.unwrap()
    }

    #[test]
    fn the_total_tells_the_build() {
        let gpt3 = custom("GPT,dense,174.6,96,12288,49152,96,96,51200,");
        assert_eq!((gpt3.gated, gpt3.tied, gpt3.norm.as_deref()), (Some(false), Some(true), Some("layer")));
        let llama = custom("x,dense,6.738,32,4096,11008,32,32,32001,");
        assert_eq!((llama.gated, llama.tied, llama.learned_positions), (Some(true), Some(false), None));
    }

    #[test]
    fn a_remark_is_stronger_than_the_total() {
        let row = custom("x,dense,15,32,6144,24576,48,8,256000,squared-ReLU MLP");
        assert_eq!((row.gated, row.activation.as_deref()), (Some(false), Some("relu2")));
    }

    #[test]
    fn a_size_alone_gives_a_usual_shape() {
        let seven = of_size(6.7, 1);
        assert_eq!((seven.layers, seven.hidden), (Some(34), Some(3968)));
        assert_eq!(usual_heads(14_400, 1), 120);
        assert_eq!(usual_heads(13_824, 8), 96);
    }

    #[test]
    fn what_is_neither_named_nor_described_has_a_reason() {
        let table = Table::read(&format!("{HEADER}new thing,hybrid,120,,,,,,,\n"));
        let row = table.rows().next().unwrap();
        let reason = request(&row, &Library::of(&Evidence::committed()), 2048).unwrap_err();
        assert_eq!(reason.0, "model dimensions not stated and no config by this name");
    }
}
