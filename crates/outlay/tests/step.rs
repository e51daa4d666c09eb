//! Properties of a step's time: what must hold for every legal layout of every question; worked examples of single terms.

mod asked;
#[path = "search/scenarios.rs"]
#[allow(dead_code)]
mod scenarios;

use asked::{asked, timed};
use outlay_core::forecast::cluster;
use outlay_core::layout::{Layout, Offload, Recompute, Zero};
use outlay_core::plan::{layouts, machine_counts};
use outlay_core::scenario::Scenario;
use outlay_core::scenario::cluster::{Cluster, Link};
use outlay_core::scenario::recipe::Parked;
use outlay_core::step::calibration::{Adapters, Calibration, LinkFactor};
use outlay_core::step::comm::distinct;
use outlay_core::step::{Step, step};
use outlay_core::units::{Seconds, Share};
use proptest::prelude::*;
use scenarios::scenarios;

/// Some legal layouts on each offer.
fn legal(scenario: &Scenario) -> Vec<(Cluster, Layout)> {
    let mut found = Vec::new();
    for offer in &scenario.offers {
        for (_, accelerators) in machine_counts(scenario.size, &offer.node) {
            let cluster = cluster(offer, accelerators);
            let all: Vec<Layout> = layouts(scenario, &cluster, Offload::None).collect();
            let every = all.len() / 20 + 1;
            found.extend(all.into_iter().step_by(every).map(|layout| (cluster.clone(), layout)));
        }
    }
    found
}

fn parts(s: &Step) -> [f64; 19] {
    [
        s.gemm,
        s.experts,
        s.attention,
        s.scan,
        s.elementwise,
        s.dequantise,
        s.recompute,
        s.reference,
        s.launch,
        s.comm_dp,
        s.comm_tp,
        s.comm_pp,
        s.comm_cp,
        s.comm_ep,
        s.bubble,
        s.optimizer,
        s.offload,
        s.straggler,
        s.loader,
    ]
    .map(|part| part.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parts_are_finite_and_add_up(scenario in scenarios()) {
        for (cluster, layout) in legal(&scenario) {
            let step = timed(&scenario, &cluster, &layout);
            let parts = parts(&step);
            prop_assert!(parts.iter().all(|part| part.is_finite() && *part >= 0.0), "{layout:?}: {step:?}");
            let sum: f64 = parts.iter().sum();
            prop_assert!(sum > 0.0 && (sum - step.total().get()).abs() <= 1e-9 * sum, "{layout:?}: {step:?}");
        }
    }

    #[test]
    fn no_device_beats_its_peak(scenario in scenarios()) {
        for (cluster, layout) in legal(&scenario) {
            let step = timed(&scenario, &cluster, &layout);
            prop_assert!(step.mfu().get() > 0.0 && step.hfu().get() < 1.0, "{layout:?}: {step:?}");
            prop_assert!(step.hardware_flops >= step.model_flops);
            prop_assert!(step.model_flops_full >= step.model_flops);
        }
    }

    #[test]
    fn more_bandwidth_is_never_slower(scenario in scenarios(), more in 1.0..8.0_f64) {
        for (cluster, layout) in legal(&scenario) {
            let before = timed(&scenario, &cluster, &layout).total().get();
            let wider = |link: Link| Link { bandwidth: link.bandwidth * Share::new(more), ..link };
            let mut memory = cluster.clone();
            memory.accelerator.memory_bandwidth = cluster.accelerator.memory_bandwidth * Share::new(more);
            let mut inside = cluster.clone();
            inside.node.intra = wider(cluster.node.intra);
            let mut outside = cluster.clone();
            outside.node.inter = cluster.node.inter.map(wider);
            for faster in [memory, inside, outside] {
                let after = timed(&scenario, &faster, &layout).total().get();
                prop_assert!(after <= before * (1.0 + 1e-9), "{layout:?}: {before} s became {after} s");
            }
        }
    }
}

fn job(model: &str, part: &str, train: &str, layout: &str) -> (Scenario, Cluster, Layout) {
    asked(&format!(
        "[model]\nbase = \"{model}\"\n[data]\ntokens = \"1B\"\nseq_len = 4096\n[train]\nglobal_batch = 64\nrecompute = \"none\"\n{train}\n\
         [hardware]\naccelerators = [\"{part}\"]\ngpus = 8\n[layout]\nmicro_batch = 1\n{layout}\n"
    ))
}

#[test]
fn a_host_updates_what_was_offloaded_at_its_own_pace() {
    let (scenario, cluster, layout) = job(
        "llama-3.1-8b",
        "h100-sxm",
        "stack = \"torchtitan\"",
        "tp = 1\npp = 1\nzero = \"fsdp\"\noffload = \"optimizer\"",
    );
    assert_eq!((layout.offload, layout.shard), (Offload::Optimizer, 8));
    // 8.03 B parameters over eight ranks: gradients out and weights back at 2 bytes each over the link, and 30 bytes of
    // the update at an eighth of the host's 120 GB/s.
    let each = 8_030_261_248.0 / 8.0;
    let link = cluster.accelerator.host_link.expect("known").get() * 0.8;
    let wanted = each * (4.0 / link + 30.0 * 8.0 / 120e9);
    let got = timed(&scenario, &cluster, &layout).offload.get();
    assert!((got / wanted - 1.0).abs() < 1e-9, "{got} s, not {wanted}");
}

#[test]
fn a_rank_fetches_its_own_shard_of_parameters_in_host_memory() {
    let shown = |offload: &str| {
        let layout = format!("tp = 1\npp = 1\nzero = \"fsdp\"\noffload = \"{offload}\"");
        let (scenario, cluster, layout) = job("llama-3.1-8b", "h100-sxm", "stack = \"torchtitan\"", &layout);
        (timed(&scenario, &cluster, &layout).offload.get(), cluster, layout)
    };
    let (state, ..) = shown("optimizer");
    let (both, cluster, layout) = shown("optimizer+parameters");
    // There and back again for each of eight micro-batches, an eighth of 8.03 B parameters at 2 bytes each.
    assert_eq!((layout.accumulation, layout.shard), (8, 8));
    let link = cluster.accelerator.host_link.expect("known").get() * 0.8;
    let wanted = 8.0 * 2.0 * 8_030_261_248.0 / 8.0 * 2.0 / link;
    assert!(((both - state) / wanted - 1.0).abs() < 1e-9, "{} s, not {wanted}", both - state);
}

#[test]
fn activations_in_host_memory_cost_what_of_their_way_does_not_hide() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"torchtitan\"", "tp = 1\npp = 1\nzero = \"fsdp\"");
    layout.recompute = Recompute::Full;
    let mut shown = |parks, overlap| {
        (scenario.recipe.stack.parks, scenario.recipe.stack.overlap_host) = (parks, overlap);
        timed(&scenario, &cluster, &layout).offload.get()
    };
    // The inputs of 30 of 32 layers, 4,096 numbers of 2 bytes for each of 4,096 tokens, out and in for each of eight micro-batches.
    let link = cluster.accelerator.host_link.expect("known").get() * 0.8;
    let wanted = 8.0 * 2.0 * 30.0 * 4096.0 * 4096.0 * 2.0 / link;
    let all = shown(Parked::Checkpoints, Share::ZERO);
    assert!((all / wanted - 1.0).abs() < 1e-9, "{all} s, not {wanted}");
    assert_eq!(shown(Parked::All, Share::ZERO), all, "nothing else is kept where every layer is computed again");
    assert!((shown(Parked::Checkpoints, Share::new(0.9)) / (0.1 * wanted) - 1.0).abs() < 1e-9, "layers take longer");
    assert_eq!(shown(Parked::Nothing, Share::ZERO), 0.0);
}

#[test]
fn a_group_that_drives_some_of_a_machine_s_adapters_takes_longer_alone_than_beside_others() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"torchtitan\"", "tp = 1\npp = 1\nzero = \"zero1\"");
    scenario.recipe.stack.overlap_dp = Share::ZERO;
    let cluster = Cluster { accelerators: 16, ..cluster };
    let port = cluster.node.inter.expect("known");
    let shown = |layout: &Layout, adapters: Option<f64>| {
        let adapters = adapters.map(|busy| Adapters { each: port.bandwidth, busy: Share::new(busy) });
        let link =
            LinkFactor { kind: port.kind, share: Share::ONE, latency: Seconds::ZERO, hop: Seconds::ZERO, adapters };
        let calibration = Calibration { links: vec![link], ..Calibration::default() };
        step(&scenario.model, &scenario.recipe, &cluster, layout, &calibration).comm_dp.get()
    };
    (layout.dp, layout.shard, layout.accumulation) = (16, 16, 1);
    // Half of 6 bytes a parameter goes to the other machine, through eight adapters or two.
    let more = shown(&layout, Some(2.0)) - shown(&layout, None);
    let wanted = 0.5 * 6.0 * 8_030_261_248.0 / port.bandwidth.get() * (1.0 / 2.0 - 1.0 / 8.0);
    assert!((more / wanted - 1.0).abs() < 1e-6, "{more} s, not {wanted}");
    assert_eq!(shown(&layout, Some(8.0)), shown(&layout, None));
    // Four groups side by side have two ranks each on a machine, and so two adapters anyway.
    (layout.tp, layout.dp, layout.shard) = (4, 4, 4);
    assert_eq!(shown(&layout, Some(2.0)), shown(&layout, None));
}

#[test]
fn kernels_stand_apart_however_little_they_do() {
    let (scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"megatron-core\"", "tp = 1\npp = 1\nzero = \"zero1\"");
    let mut elementwise = |micro_batch, accumulation| {
        (layout.micro_batch, layout.accumulation) = (micro_batch, accumulation);
        timed(&scenario, &cluster, &layout).elementwise.get()
    };
    // The same tokens in four times as many micro-batches: 96 more layers of kernels at 1.5 µs apart.
    let kernels = (elementwise(1, 4) - elementwise(4, 1)) / (96.0 * 1.5e-6);
    assert!((30.0..60.0).contains(&kernels), "{kernels} kernels a layer, there and back");
}

#[test]
fn who_gathers_less_far_ahead_waits_for_the_rest() {
    let (mut scenario, cluster, layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"torchtitan\"", "tp = 1\npp = 1\nzero = \"fsdp\"");
    scenario.recipe.stack.overlap_dp = Share::ONE;
    let mut shown = |ahead| {
        scenario.recipe.stack.gathers_ahead = ahead;
        timed(&scenario, &cluster, &layout).comm_dp.get()
    };
    let (far, none, half) = (shown(Some(u64::MAX)), shown(Some(0)), shown(Some(8_030_261_248 / 32 / 2)));
    assert!(shown(None) < far, "layer by layer takes fewer pieces than matrix by matrix");
    // Each of eight micro-batches gathers 225 matrices twice: 30 µs and seven steps of 4 µs for each, and seven eighths of 16 bits
    // a parameter at 0.7 of the link. Hidden, that still costs a fifth of its time in contention.
    let bytes = 8_030_261_248.0 * 2.0 * 7.0 / 8.0;
    let gathers = 16.0 * (225.0 * 58e-6 + bytes / (0.7 * cluster.node.intra.bandwidth.get()));
    assert!(((none - far) / (0.8 * gathers) - 1.0).abs() < 1e-3, "{far} and {none} s, gathers {gathers} s");
    assert!(((half - far) / (0.4 * gathers) - 1.0).abs() < 1e-3, "{half} s");
}

#[test]
fn what_is_let_go_before_its_gradient_is_made_is_gathered_again() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"deepspeed\"", "tp = 1\npp = 1\nzero = \"fsdp\"");
    scenario.recipe.stack.gathers_ahead = Some(0);
    layout.recompute = Recompute::Full;
    let mut shown = |within| {
        scenario.recipe.stack.keeps_within = within;
        timed(&scenario, &cluster, &layout).comm_dp.get()
    };
    let all = shown(None);
    // There and back through a layer of an eighth of a thirty-second lie a sixteenth: what is kept for less is gone for half of it.
    let (none, half, long) = (shown(Some(0)), shown(Some(8_030_261_248 / 32)), shown(Some(8_030_261_248 / 16)));
    assert_eq!(all, long);
    assert!(((none - all) / (2.0 * (half - all)) - 1.0).abs() < 1e-6, "{all} {half} {none}");
    assert!(none / all > 1.3, "{all} {none}");
}

#[test]
fn a_ring_takes_a_step_for_every_rank_it_passes() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"torchtitan\"", "tp = 1\npp = 1\nzero = \"zero1\"");
    let wide = Cluster { accelerators: 64, ..cluster };
    (layout.dp, layout.shard, layout.accumulation) = (64, 64, 1);
    scenario.recipe.stack.overlap_dp = Share::ZERO;
    let shown = timed(&scenario, &wide, &layout).comm_dp.get();
    // Gradients of 4 bytes are scattered and parameters of 2 gathered, in 32 pieces each: 30 µs and 4 µs a step inside a machine of
    // eight, as much between eight machines, each of which is passed through; all at 0.7 of what links and ports have.
    let each = 32.0 * ((30e-6 + 7.0 * 4e-6) + (30e-6 + 7.0 * (4e-6 + 7.0 * 4e-6)));
    let (near, far) = (wide.node.intra.bandwidth.get(), wide.node.inter.map_or(0.0, |link| link.bandwidth.get()));
    let bytes = 8_030_261_248.0 * (4.0 + 2.0) * 7.0 / 8.0;
    let wanted = 2.0 * each + bytes / (0.7 * near) + bytes / 8.0 / (0.7 * far);
    assert!((shown / wanted - 1.0).abs() < 1e-3, "{shown} s, not {wanted}");
}

#[test]
fn experts_that_all_run_on_every_token_take_as_many_times_longer_as_are_not_chosen() {
    let (mut scenario, cluster, layout) = job("mixtral-8x7b", "b200-sxm", "", "tp = 1\npp = 1\nep = 8");
    let mut experts = |all| {
        scenario.recipe.stack.all_experts = all;
        timed(&scenario, &cluster, &layout).experts.get()
    };
    // Two of eight are chosen, and the fullest rank has a tenth more than the mean.
    let times = experts(true) / experts(false);
    assert!((3.3..4.0).contains(&times), "{times}");
}

#[test]
fn routing_stays_on_the_device_only_where_kernels_can_do_without_the_host() {
    let saved = |model: &str, part: &str, precision: &str| {
        let train = format!("stack = \"megatron-core\"\nprecision = \"{precision}\"");
        let (mut scenario, cluster, mut layout) = job(model, part, &train, "tp = 1\npp = 1\nep = 8");
        // One large micro-batch: the host is not late otherwise.
        (layout.micro_batch, layout.accumulation) = (8, 1);
        let now = timed(&scenario, &cluster, &layout);
        scenario.recipe.stack.sync_free = false;
        let before = timed(&scenario, &cluster, &layout);
        (before.launch.get() - now.launch.get(), before.elementwise.get() - now.elementwise.get())
    };
    let (launch, elementwise) = saved("qwen3-30b-a3b", "b200-sxm", "mxfp8");
    // 48 mixtures, a millisecond each.
    assert!((launch - 0.048).abs() < 1e-9 && elementwise > 0.0, "{launch} {elementwise}");
    for (model, part, precision) in [
        ("qwen3-30b-a3b", "b200-sxm", "bf16"),
        ("qwen3-30b-a3b", "h100-sxm", "fp8"),
        ("nemotron-3-nano-30b-a3b", "b200-sxm", "mxfp8"),
    ] {
        assert_eq!(saved(model, part, precision), (0.0, 0.0), "{model} {part} {precision}");
    }
}

#[test]
fn a_host_that_makes_narrow_tensors_one_by_one_is_late_where_a_rank_has_many_experts() {
    let launch = |ep: u64, precision: &str| {
        let train = format!("stack = \"megatron-core-2025\"\nprecision = \"{precision}\"");
        let (scenario, cluster, mut layout) = job("qwen3-30b-a3b", "b200-sxm", &train, "tp = 1\npp = 1\nep = 8");
        layout.ep = ep;
        timed(&scenario, &cluster, &layout).launch.get()
    };
    // Sixteen experts a rank: 2·16 tensors in each direction of 48 layers and eight micro-batches, 25 µs each, and as many
    // casts launched in 5 µs, less what the device is busy with. In 16 bit the host makes none.
    let (few, many) = (launch(8, "mxfp8"), launch(4, "mxfp8"));
    assert!(few < many, "{few} {many}");
    let made = 8.0 * 48.0 * 2.0 * 32.0 * 25e-6;
    assert!(many - few > 0.8 * made, "{few} and {many} s; 32 more are made in {made} s");
    assert!(launch(4, "bf16") < 0.6 * many);
}

#[test]
fn a_token_that_is_sent_once_to_each_machine_crosses_less_often() {
    let (mut scenario, cluster, mut layout) = job("qwen3-235b-a22b", "b200-sxm", "", "tp = 1\npp = 1\nep = 8");
    (layout.dp, layout.shard, layout.ep, layout.accumulation) = (32, 32, 32, 2);
    let wide = Cluster { accelerators: 32, ..cluster };
    scenario.recipe.stack.overlap_ep = Share::ZERO;
    let mut exchanged = |once| {
        scenario.recipe.stack.sends_once = once;
        timed(&scenario, &wide, &layout).comm_ep.get()
    };
    // Eight choices of 32 accelerators on four machines: three quarters of eight copies cross, or one to each of 3.6 · 3/4
    // machines, which hand them on to 7.2 · 31/32 accelerators over a link that is several times as fast.
    let distinct = |bins: f64| distinct(Share::new(8.0), Share::new(bins)).get();
    assert!((distinct(4.0) - 3.5995).abs() < 1e-4 && (distinct(32.0) - 7.1773).abs() < 1e-3);
    let ratio = exchanged(true) / exchanged(false);
    assert!((0.45..0.65).contains(&ratio), "{ratio}");
    // On one machine only copies for one accelerator are spared: 5.25 in place of 8.
    layout.ep = 8;
    let near = |once: bool, scenario: &mut Scenario| {
        scenario.recipe.stack.sends_once = once;
        timed(scenario, &wide, &layout).comm_ep.get()
    };
    let ratio = near(true, &mut scenario) / near(false, &mut scenario);
    assert!((ratio / (distinct(8.0) / 8.0) - 1.0).abs() < 0.1, "{ratio}");
}

#[test]
fn heads_that_tensor_cores_cannot_load_run_on_vector_units() {
    let attention = |heads: u64| {
        let model = format!(
            "[model.custom]\nlayers = 78\nhidden = 13824\nheads = {heads}\nffn = 55296\nvocab = 250000\n\
             [data]\ntokens = \"1B\"\nseq_len = 2048\n[train]\nstack = \"megatron-deepspeed\"\nprecision = \"fp16\"\n\
             attention = \"fused-softmax\"\nglobal_batch = 2048\n[hardware]\naccelerators = [\"a100-80gb-sxm\"]\ngpus = 384\n\
             [layout]\ntp = 4\npp = 12\nmicro_batch = 2\n"
        );
        let (scenario, cluster, layout) = asked(&model);
        let step = timed(&scenario, &cluster, &layout);
        (step.attention.get(), step.total().get())
    };
    // 128 heads are 108 wide, 96 are 144: measured, the step took 1.38 times as long.
    let ((slow, slow_step), (fast, fast_step)) = (attention(128), attention(96));
    assert!(slow > 4.0 * fast, "{slow} {fast}");
    assert!((1.2..1.5).contains(&(slow_step / fast_step)), "{slow_step} {fast_step}");
}

#[test]
fn a_host_that_waits_for_each_kernel_shows_every_launch_twice() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"megatron-lm\"", "tp = 1\npp = 1");
    let mut launch = |blocking, micro_batch| {
        scenario.recipe.stack.launch_blocking = blocking;
        (layout.micro_batch, layout.accumulation) = (micro_batch, 8 / micro_batch);
        timed(&scenario, &cluster, &layout).launch.get()
    };
    // Hidden otherwise: what is left is a pause a step. The micro-batches of a step cost as many launches as there are of them.
    let paused = launch(false, 1);
    let (eight, two) = (launch(true, 1) - paused, launch(true, 4) - paused);
    assert!((eight / two - 4.0).abs() < 1e-9, "{eight} {two}");
    // 32 layers of about fifty launches there and back, 5 µs each and as long again until the host knows.
    assert!((eight / (8.0 * 32.0 * 50.0 * 10e-6) - 1.0).abs() < 0.4, "{eight} s");
}

#[test]
fn gradients_that_are_added_apart_pass_through_memory_once_more() {
    let (mut scenario, cluster, mut layout) =
        job("llama-3.1-8b", "h100-sxm", "stack = \"megatron-lm\"", "tp = 1\npp = 1");
    let mut apart = |fused, zero, accumulation| {
        scenario.recipe.stack.fuses_accumulation = fused;
        (layout.zero, layout.accumulation) = (zero, accumulation);
        timed(&scenario, &cluster, &layout).elementwise.get()
    };
    // Seven of eight micro-batches read 8.03 B gradients and the sums of 4 bytes, and write the sums.
    let wanted = 7.0 * 8_030_261_248.0 * 12.0 / (3.35e12 * 0.8);
    let got = apart(false, Zero::One, 8) - apart(true, Zero::One, 8);
    assert!((got / wanted - 1.0).abs() < 0.01, "{got} s, not {wanted}");
    // Nothing is added to the first, and shards are added where they lie.
    assert_eq!(apart(false, Zero::One, 1), apart(true, Zero::One, 1));
    assert_eq!(apart(false, Zero::Three, 8), apart(true, Zero::Three, 8));
}

#[test]
fn scales_of_rows_cost_casts_in_both_directions_and_weights_that_travel_whole() {
    let timed = |precision: &str| {
        let train = format!("stack = \"torchtitan\"\nprecision = \"{precision}\"");
        let (scenario, cluster, layout) = job("llama-3.1-8b", "h100-sxm", &train, "tp = 1\npp = 1\nzero = \"fsdp\"");
        (timed(&scenario, &cluster, &layout), scenario.recipe.precision)
    };
    let ((tensor, one), (row, other)) = (timed("fp8"), timed("fp8-rowwise"));
    assert!(one.gathers_narrow() && !other.gathers_narrow());
    assert_eq!(tensor.gemm, row.gemm);
    // A linear layer's weights, input and output gradient, in each of eight micro-batches: 5 bytes along and 10 across for each
    // that is multiplied twice, in place of 4 for input and gradient and 4 once for the weights.
    let elements = |of: &dyn Fn(f64, f64) -> f64| {
        let sides = [(4096.0, 6144.0), (4096.0, 4096.0), (4096.0, 28672.0), (14336.0, 4096.0)];
        32.0 * sides.iter().map(|(k, n)| of(*k, *n)).sum::<f64>()
    };
    let tokens = 8.0 * 4096.0;
    let (input, gradient, weights) = (elements(&|k, _| k), elements(&|_, n| n), elements(&|k, n| k * n));
    let more = 11.0 * tokens * input + 11.0 * tokens * gradient + (8.0 * 15.0 - 4.0) * weights;
    let bandwidth = 3.35e12 * 0.8;
    let got = (row.elementwise - tensor.elementwise).get();
    assert!((got * bandwidth / more - 1.0).abs() < 0.01, "{got} s, not {} s", more / bandwidth);
}

#[test]
fn selective_recomputation_by_products_does_half_of_them_again() {
    let train = "stack = \"torchtitan\"";
    let (mut scenario, cluster, mut layout) = job("llama-3.1-8b", "h100-sxm", train, "tp = 1\npp = 1\nzero = \"fsdp\"");
    let mut timed = |recompute, products| {
        layout.recompute = recompute;
        scenario.recipe.stack.selective_products = products;
        timed(&scenario, &cluster, &layout)
    };
    let (none, full) = (timed(Recompute::None, true), timed(Recompute::Full, true));
    let (cheap, products) = (timed(Recompute::Selective, false), timed(Recompute::Selective, true));
    assert!(none.recompute < cheap.recompute && cheap.recompute < products.recompute);
    assert!(products.recompute < full.recompute, "attention is kept");
    // A third of the products' time is forward; the head, a fourteenth of it, is never done again.
    let share = (products.recompute.get() - cheap.recompute.get()) / products.gemm.get();
    assert!((0.145..1.0 / 6.0).contains(&share), "{share}");
    assert!(products.hardware_flops > none.hardware_flops && products.hardware_flops < full.hardware_flops);
}

#[test]
fn experts_in_four_bit_are_no_quicker_than_in_eight() {
    let timed = |precision: &str| {
        let train = format!("stack = \"megatron-core\"\nprecision = \"{precision}\"");
        let (scenario, cluster, layout) = job("qwen3-30b-a3b", "b200-sxm", &train, "tp = 1\npp = 1\nep = 8");
        timed(&scenario, &cluster, &layout)
    };
    let (four, eight) = (timed("nvfp4"), timed("mxfp8"));
    assert!(four.gemm < eight.gemm);
    assert!((four.experts.get() / eight.experts.get() - 1.0).abs() < 1e-9);
}

/// One more layer, a projection and the head's products and loss for each token predicted further; the program decides whether
/// a config's own module is trained.
#[test]
fn tokens_predicted_further_cost_a_layer_and_a_head_each() {
    let timed = |model: &str, stack: &str| {
        let (scenario, cluster, layout) = asked(&format!(
            "[model]\n{model}\nstart = \"scratch\"\n[data]\ntokens = \"1B\"\nseq_len = 4096\n[train]\nglobal_batch = 256\n\
             recompute = \"none\"\nstack = \"{stack}\"\n[hardware]\naccelerators = [\"b200-sxm\"]\ngpus = 256\n\
             [layout]\nmicro_batch = 1\ntp = 1\npp = 1\nep = 64\n"
        ));
        let step = timed(&scenario, &cluster, &layout);
        (step.model_flops.get(), step.gemm.get(), scenario.model.further())
    };
    let deepseek = |mtp: &str, stack: &str| timed(&format!("base = \"deepseek-v3\"\n{mtp}"), stack);
    let (with, without) = (deepseek("", "megatron-core"), deepseek("mtp = 0", "megatron-core"));
    assert_eq!((with.2, without.2), (1, 0));
    // 37.6 billion parameters a token, and 0.65 of the layer, 0.1 of the projection, 0.93 of the head beside.
    let more = with.0 / without.0 - 1.0;
    assert!((0.04..0.06).contains(&more), "{more}");
    let twice = deepseek("mtp = 2", "megatron-core");
    assert!(((twice.1 - with.1) / (with.1 - without.1) - 1.0).abs() < 1e-6);
    assert_eq!(deepseek("", "torchtitan").2, 0);
    assert_eq!(timed("base = \"qwen3-30b-a3b\"", "megatron-core").2, 0, "its config has none");
}
