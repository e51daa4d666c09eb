//! What a mixture's step costs beside its products: worked examples of single terms.

mod asked;

use asked::{asked, timed};
use outlay_core::layout::{Layout, Zero};
use outlay_core::model::{Op, params};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::cluster::Cluster;
use outlay_core::units::Share;

fn job(model: &str, train: &str, layout: &str) -> (Scenario, Cluster, Layout) {
    asked(&format!(
        "[model]\nbase = \"{model}\"\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\nseq_len = 4096\n[train]\n\
         stack = \"megatron-core-2025\"\nglobal_batch = 64\n{train}\n[hardware]\naccelerators = [\"b200-sxm\"]\ngpus = 64\n\
         [layout]\npp = 1\nmicro_batch = 1\n{layout}\n"
    ))
}

/// Eight machines of eight, experts split within each: every rank's experts lie on seven others, one a machine, and each sends all of
/// its gradients over its own port, while those of all the rest are shared out over the ports of a machine.
#[test]
fn experts_are_reduced_among_those_who_hold_the_same() {
    let (mut scenario, cluster, mut layout) =
        job("gpt-oss-120b", "gradients = \"bf16\"", "tp = 1\nep = 8\nzero = \"none\"");
    layout.zero = Zero::None;
    scenario.recipe.stack.overlap_dp = Share::ZERO;
    let shown = timed(&scenario, &cluster, &layout).comm_dp.get();
    let (mut experts, mut rest) = (0.0, 0.0);
    for block in &scenario.model.blocks {
        for op in &block.ops {
            let all = (block.stored * params::of_op(op)) as f64;
            if matches!(op, Op::Experts(_)) { experts += all } else { rest += all }
        }
    }
    let (near, far) = (cluster.node.intra.bandwidth.get(), cluster.node.inter.map_or(0.0, |link| link.bandwidth.get()));
    let pieces = 36.0 * (30e-6 + 7.0 * 4e-6);
    let of_experts = pieces + experts / 8.0 * 2.0 * 7.0 / 8.0 / (0.7 * far);
    let of_rest =
        pieces + 36.0 * (30e-6 + 7.0 * 32e-6) + rest * 2.0 * 7.0 / 8.0 * (1.0 / (0.7 * near) + 1.0 / 8.0 / (0.7 * far));
    let wanted = 2.0 * (of_experts + of_rest);
    assert!((shown / wanted - 1.0).abs() < 0.01, "{shown} s, not {wanted}");
}

#[test]
fn biases_and_bounds_of_experts_pass_through_memory() {
    let (mut scenario, cluster, layout) = job("gpt-oss-120b", "", "tp = 1\nep = 8");
    let mut moved = |biased, bounded| {
        for block in &mut scenario.model.blocks {
            for op in &mut block.ops {
                if let Op::Experts(experts) = op {
                    (experts.bias, experts.clamped) = (biased, bounded);
                }
            }
        }
        timed(&scenario, &cluster, &layout).elementwise.get()
    };
    let (neither, biased, both) = (moved(false, false), moved(true, false), moved(true, true));
    // One sequence of 4,096 tokens with four experts each, in each of 36 layers, at 0.8 of 8 TB/s: 28 and 40 bytes an element of what
    // comes out for a bias, 16 and 20 of what goes into the gate for bounds.
    let elements = 36.0 * 4096.0 * 4.0 * 2880.0 / (0.8 * cluster.accelerator.memory_bandwidth.get());
    assert!(((biased - neither) / (68.0 * elements) - 1.0).abs() < 1e-6, "{neither} {biased}");
    assert!(((both - biased) / (36.0 * elements) - 1.0).abs() < 1e-6, "{biased} {both}");
}

#[test]
fn graphs_take_launches_from_the_host() {
    let launch = |graphs: &str| {
        let train = format!("precision = \"mxfp8\"\ncuda_graphs = \"{graphs}\"");
        let (scenario, cluster, layout) = job("qwen3-30b-a3b", &train, "tp = 1\nep = 8");
        timed(&scenario, &cluster, &layout).launch.get()
    };
    let (none, parts, step) = (launch("none"), launch("parts"), launch("step"));
    assert!(parts < 0.75 * none && parts > 2.0 * step, "{none} {parts} {step}");
    // 48 layers wait a quarter of a millisecond each for the word of where tokens went, at the least.
    assert!(parts - step >= 48.0 * 0.25e-3, "{parts} {step}");
}

/// Kernels that know how long sequences are leave out what pads them: half as long, a quarter of the work.
#[test]
fn attention_leaves_out_padding_where_it_is_told() {
    let attention = |kernel: &str, padded: &str| {
        let (scenario, cluster, layout) = asked(&format!(
            "[model]\nbase = \"llama-3.1-8b\"\n[data]\ntokens = \"1B\"\nseq_len = 4096\n{padded}\n[train]\nattention = \"{kernel}\"\n\
             global_batch = 64\n[hardware]\naccelerators = [\"h100-sxm\"]\ngpus = 8\n[layout]\ntp = 1\npp = 1\nmicro_batch = 1\n"
        ));
        timed(&scenario, &cluster, &layout).attention.get()
    };
    let padded = "packing = false\nmean_len = 2048";
    for kernel in ["flash2", "cudnn"] {
        assert!((attention(kernel, padded) / attention(kernel, "packing = true") - 0.25).abs() < 1e-9, "{kernel}");
    }
    assert_eq!(attention("sdpa", padded), attention("sdpa", "packing = true"));
}

/// A product that adds to a gradient reads and writes it in the format it is summed in: with few tokens that is what takes the time.
#[test]
fn sums_of_gradients_are_read_and_written() {
    let experts = |gradients: &str| {
        let train = format!("precision = \"mxfp8\"\ngradients = \"{gradients}\"");
        let (scenario, cluster, layout) = job("qwen3-30b-a3b", &train, "tp = 1\nep = 1");
        timed(&scenario, &cluster, &layout).experts.get()
    };
    let (wide, narrow) = (experts("fp32"), experts("bf16"));
    assert!(wide > 1.02 * narrow, "{wide} {narrow}");
}
