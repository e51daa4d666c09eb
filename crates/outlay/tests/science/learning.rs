//! Levers 4, 5 and 8: batch and rate, number formats, and what loss they come to.

use outlay_core::dtype::Dtype;
use outlay_core::learning::doubt::{self, Pilot};
use outlay_core::learning::laws::{self, BESIROGLU, HOFFMANN, HOFFMANN_SOURCE, Law, WORN};
use outlay_core::learning::numerics::{self, Tensor};
use outlay_core::learning::transfer::{self, Kinship};
use outlay_core::learning::{batch, rate};
use outlay_core::units::{Flops, Nats, Params, Share, Tokens};

use super::{Inputs, check};

fn dynamics(name: &str, inputs: &Inputs) -> Option<f64> {
    let tokens = |key: &str| Tokens::new(inputs.number(key));
    let share = |key: &str| Share::new(inputs.number(key));
    Some(match name {
        "steps_examples" => batch::steps(share("Smin"), tokens("Emin"), tokens("B")).get(),
        "kaplan_bcrit" => batch::critical_at(Nats::new(inputs.number("loss")), tokens("Bstar"), share("alphaB")).get(),
        "gns_simple" => {
            let small = (tokens("B_small"), share("G2_small"));
            batch::noise_scale(small, (tokens("B_big"), share("G2_big"))).get()
        }
        "deepseek_lr" => rate::deepseek(Flops::new(inputs.number("C"))).get(),
        "deepseek_batch" => batch::deepseek(Flops::new(inputs.number("C"))).get(),
        "deepseek_Mopt" => laws::deepseek_flops_per_token(Flops::new(inputs.number("C"))).get(),
        "steplaw_lr" => rate::step_law(Params::new(inputs.number("N")), tokens("D")).get(),
        "steplaw_batch_tokens" => batch::step_law(tokens("D")).get(),
        "cbs_zhang_relative" => batch::growth(tokens("D1"), tokens("D2")).get(),
        "merrill_plateau_tokens" => batch::plateau(inputs.count("docs"), inputs.count("seq")).get(),
        "warmup_schedule_steps_saved" => {
            let list = |key: &str| inputs.numbers(key);
            let (batches, switches) = (list("B"), list("switch"));
            let ends = [switches.as_slice(), &[inputs.number("total")]].concat();
            let starts = [&[0.0], switches.as_slice()].concat();
            let stretches: Vec<(Tokens, Tokens)> = starts
                .iter()
                .zip(&ends)
                .zip(&batches)
                .map(|((from, to), size)| (Tokens::new(to - from), Tokens::new(size * inputs.number("seq"))))
                .collect();
            batch::steps_saved(&stretches).get()
        }
        _ => return None,
    })
}

fn formats(name: &str, inputs: &Inputs) -> Option<f64> {
    let format = || match inputs.text("fmt") {
        "fp16" => Some(Dtype::Fp16),
        "bf16" => Some(Dtype::Bf16),
        _ => None,
    };
    Some(match name {
        "kumar_neff_factor" => {
            let tensor = match inputs.text("part") {
                "weights" => Tensor::Weights,
                "activations" => Tensor::Activations,
                _ => Tensor::KeysValues,
            };
            numerics::capacity_left(tensor, Share::new(inputs.number("bits"))).get()
        }
        "kumar_loss_delta" => {
            let bits = |key: &str| Share::new(inputs.number(key));
            let all =
                [(Tensor::Weights, bits("Pw")), (Tensor::Activations, bits("Pa")), (Tensor::KeysValues, bits("Pkv"))];
            numerics::quantised_training(Params::new(inputs.number("N")), &all).get()
        }
        "ptq_relative_degradation" => {
            numerics::quantised_after(Tokens::new(inputs.number("D1")), Tokens::new(inputs.number("D2"))).get()
        }
        "fmt_max" => match inputs.text("fmt") {
            "e4m3fn" => Dtype::E4M3_MAX.get(),
            "e5m2" => Dtype::E5M2_MAX.get(),
            _ => format()?.largest()?.get(),
        },
        "fmt_eps" => format()?.epsilon()?.get(),
        "loss_scale_warmup_skips" => {
            let share = |key: &str| Share::new(inputs.number(key));
            numerics::skipped_steps(share("init"), share("usable"), share("backoff")) as f64
        }
        // What was measured of it is the ratio of two rates.
        "int8_training_speedup" => {
            (Flops::new(inputs.number("int8_tps")) / Flops::new(inputs.number("bf16_tps"))).get()
        }
        _ => return None,
    })
}

fn law(name: &str) -> Option<Law> {
    Some(match name {
        "besiroglu" => BESIROGLU,
        "hoffmann" => HOFFMANN,
        "hoffmann_tex" => HOFFMANN_SOURCE,
        _ => return None,
    })
}

/// One run of the public scaling testbed: corpus, parameters, tokens, loss.
struct Run {
    corpus: String,
    params: f64,
    tokens: f64,
    loss: f64,
}

fn testbed() -> Vec<Run> {
    let text = include_str!("../../../../accuracy/evidence/openlm_scaling.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let number = |row: &csv::StringRecord, at: usize| row[at].parse::<f64>().expect("a number");
    reader
        .records()
        .map(|row| row.expect("a well-formed row"))
        .map(|row| Run {
            corpus: row[1].into(),
            params: number(&row, 2),
            tokens: number(&row, 3),
            loss: number(&row, 4),
        })
        .collect()
}

fn pilot(run: &Run) -> Pilot {
    Pilot { params: Params::new(run.params), tokens: Tokens::new(run.tokens), loss: Nats::new(run.loss) }
}

/// Mean error on large models of the law moved by pilots of 10 to 150 M parameters.
fn pilot_error() -> f64 {
    let runs: Vec<Run> =
        testbed().into_iter().filter(|run| run.corpus == "c4_original" && run.tokens / run.params >= 15.0).collect();
    let pilots: Vec<Pilot> = runs.iter().filter(|run| run.params < 1.6e8).map(pilot).collect();
    let targets: Vec<&Run> = runs.iter().filter(|run| run.params >= 4e8).collect();
    let off = |run: &&Run| {
        let (law, _) = doubt::moved(&BESIROGLU, &pilots, Params::new(run.params));
        run.loss - law.loss(Params::new(run.params), Tokens::new(run.tokens)).get()
    };
    targets.iter().map(off).sum::<f64>() / targets.len() as f64
}

/// Mean error of the law as it stands on another corpus.
fn bias() -> f64 {
    let runs: Vec<Run> = testbed()
        .into_iter()
        .filter(|run| run.corpus == "rpj" && run.tokens / run.params >= 20.0 && run.params >= 7e7)
        .collect();
    let off = |run: &Run| run.loss - BESIROGLU.loss(Params::new(run.params), Tokens::new(run.tokens)).get();
    runs.iter().map(off).sum::<f64>() / runs.len() as f64
}

fn outcome(name: &str, inputs: &Inputs) -> Option<f64> {
    let params = || Params::new(inputs.number("N"));
    let tokens = || Tokens::new(inputs.number("D"));
    let compute = || Flops::new(inputs.number("C"));
    Some(match name {
        "chinchilla_loss" => law(inputs.text("params"))?.loss(params(), tokens()).get(),
        "chinchilla_opt_N" => law(inputs.text("params"))?.optimum(compute()).0.get(),
        "chinchilla_opt_D" => law(inputs.text("params"))?.optimum(compute()).1.get(),
        "muennighoff_loss" => laws::repeated(params(), tokens(), Tokens::new(inputs.number("U"))).get(),
        "effective_data_ratio" => laws::passes_worth(Share::new(inputs.number("epochs")), WORN).get(),
        "kaplan_L_N" => laws::kaplan(params()).get(),
        "llama3_opt_tokens" => {
            laws::llama3_tokens(compute(), Share::new(inputs.number("A")), Share::new(inputs.number("alpha"))).get()
        }
        "hernandez_DT" => {
            let share = |key: &str| Share::new(inputs.number(key));
            let kin = Kinship { scale: share("k"), data: share("alpha"), size: share("beta") };
            transfer::transferred(kin, share("DF"), params()).get()
        }
        "moe_krajewski_loss" => laws::mixture(params(), tokens(), Share::new(inputs.number("G"))).get(),
        "sardana_opt_N" => {
            let loss = Nats::new(inputs.number("target_loss"));
            law(inputs.text("params"))?.cheapest(loss, Tokens::new(inputs.number("inference_tokens")))?.0.get()
        }
        "pilot_offset_error" => pilot_error(),
        "constant_transfer_bias" => bias(),
        "downstream_err" => {
            let share = |key: &str| Share::new(inputs.number(key));
            let loss = Nats::new(inputs.number("loss"));
            laws::downstream_error(loss, share("eps"), share("k"), share("gamma")).get()
        }
        _ => return None,
    })
}

#[test]
fn every_case_of_batch_and_rate_holds() {
    check("4", dynamics);
}

#[test]
fn every_case_of_formats_holds() {
    check("5", formats);
}

#[test]
fn every_case_of_loss_holds() {
    check("8", outcome);
}
