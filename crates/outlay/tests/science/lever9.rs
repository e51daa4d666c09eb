//! Lever 9: how a job is split over accelerators, and the published runs that did it.

use outlay_core::layout::Pins;
use outlay_core::plan::{Offload, layouts};
use outlay_core::scenario::Size;
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::recipe::Method;
use outlay_core::units::{Flops, FlopsPerSec, Seconds};

use super::scenarios::{Sketch, model, offer, recipe, scenario};
use super::{Inputs, check};

fn value(name: &str, inputs: &Inputs) -> Option<f64> {
    match name {
        "published_config" => data_parallel(inputs),
        "narayanan_days" => Some(days(inputs).to_days()),
        // What was measured of it is the ratio of two rates of one run.
        "interleaved_tps_gain" => {
            Some(Flops::new(inputs.number("interleaved")) / Flops::new(inputs.number("f1b"))).map(|gain| gain.get())
        }
        _ => None,
    }
}

/// The one data-parallel width of all legal layouts with the published tensor, pipeline and context parallelism.
fn data_parallel(inputs: &Inputs) -> Option<f64> {
    let (layers, hidden, heads, kv_heads, batch) = match inputs.text("model") {
        "1.7B" => (24, 2304, 24, 24, 512),
        "18.4B" => (40, 6144, 48, 48, 1024),
        "1008B" => (128, 25_600, 160, 160, 3072),
        "llama3-405b 8k seq" => (126, 16_384, 128, 8, 2048),
        _ => return None,
    };
    let node = Sketch { memory: 80.0, tera: 312.0, each: 8, network: 25.0, price: 1.0, purchase: Purchase::OnDemand };
    let gpus = inputs.count("gpus");
    let model = model(layers, hidden, heads, kv_heads, 1);
    let mut question = scenario(model, recipe(Method::Full, 8192, batch), &[], Size::Exactly(gpus));
    let cp = if inputs.has("cp") { inputs.count("cp") } else { 1 };
    question.pins =
        Pins { tp: Some(inputs.count("tp")), pp: Some(inputs.count("pp")), cp: Some(cp), ..Pins::default() };
    let cluster = outlay_core::forecast::cluster(&offer(0, node), gpus);
    let mut widths: Vec<u64> = layouts(&question, &cluster, Offload::None).map(|layout| layout.dp).collect();
    widths.dedup();
    (widths.len() == 1).then(|| widths[0] as f64)
}

/// Eight FLOP a parameter and token, recomputation included, at the achieved rate.
fn days(inputs: &Inputs) -> Seconds {
    let work = Flops::new(8.0 * inputs.number("T") * inputs.number("P"));
    work / (FlopsPerSec::new(inputs.number("X")) * inputs.count("n"))
}

#[test]
fn every_case_holds() {
    check("9", value);
}
