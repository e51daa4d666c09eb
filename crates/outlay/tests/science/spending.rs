//! Levers 6, 7, 10 and 11: sweeps, checkpoints and failures, data, money.

use outlay_catalog::Catalog;
use outlay_catalog::languages::Tokenizer;
use outlay_core::bill::{self, Owned};
use outlay_core::learning::text;
use outlay_core::run::{disruption, loader, stopping, sweep};
use outlay_core::scenario::dynamics::{Sweep, SweepKind};
use outlay_core::scenario::offer::{Offer, Purchase};
use outlay_core::scenario::recipe::Method;
use outlay_core::units::{
    Bytes, Joules, KilogramsPerKwh, Params, Seconds, Share, Tokens, Usd, UsdPerGb, UsdPerHour, UsdPerKwh, Watts,
};

use super::scenarios::{Sketch, model, offer, operation, recipe};
use super::{Inputs, check};

fn plain(kind: SweepKind, trials: u64, eta: u64) -> Sweep {
    Sweep { kind, trials, eta, parallel: 1, length: Share::ONE, resume: false, proxy: None }
}

fn sweeps(name: &str, inputs: &Inputs) -> Option<f64> {
    let target = (Params::new(1.0), Tokens::new(1.0));
    Some(match name {
        "hyperband_bracket_cost" => {
            sweep::bracket(inputs.count("R"), inputs.count("eta"), inputs.count("s") as u32).get()
        }
        "sh_vs_grid_fraction" => {
            let halved = sweep::halving(inputs.count("n"), Share::new(inputs.number("r")), inputs.count("eta"), false);
            halved.get() / (inputs.number("n") * inputs.number("R"))
        }
        // In units of the least resource, as the cost of halving is.
        "asha_expected_cost" => {
            sweep::cost(&plain(SweepKind::Asha, inputs.count("n"), inputs.count("eta")), target).get()
                * inputs.number("eta").powf(inputs.number("rungs") - 1.0)
                * inputs.number("r")
        }
        "random_search_hits_top_fraction" => {
            sweep::random_hits(Share::new(inputs.number("n")), Share::new(inputs.number("q"))).get()
        }
        "random_search_trials" => {
            sweep::random_trials(Share::new(inputs.number("q")), Share::new(inputs.number("conf"))) as f64
        }
        "mutransfer_cost_ratio" => {
            let pair = |n: &str, d: &str| (Params::new(inputs.number(n)), Tokens::new(inputs.number(d)));
            let proxy = Some(pair("proxy_N", "proxy_D"));
            let sweep = Sweep { proxy, ..plain(SweepKind::MuTransfer, inputs.count("trials"), 3) };
            sweep::cost(&sweep, pair("target_N", "target_D")).get()
        }
        "pbt_cost" => {
            sweep::cost(&plain(SweepKind::Population, inputs.count("pop"), 3), target).get()
                * inputs.number("full_run_cost")
        }
        _ => return None,
    })
}

fn interruptions(name: &str, inputs: &Inputs) -> Option<f64> {
    let seconds = |key: &str| Seconds::new(inputs.number(key));
    Some(match name {
        "daly_interval" => disruption::daly_interval(seconds("delta"), seconds("M")).get(),
        "goodput_daly" => {
            let interval = disruption::daly_interval(seconds("delta"), seconds("M"));
            disruption::goodput(interval, seconds("delta"), seconds("restart"), seconds("M")).get()
        }
        "failures_per_1000_node_days" => {
            let span = Seconds::hours(24.0 * inputs.number("days"));
            disruption::per_thousand_unit_days(inputs.count("interruptions"), inputs.count("nodes"), span).get()
        }
        "job_mttf_hours" => {
            let mut operation = operation();
            operation.node_mtbf = Seconds::hours(24.0 / inputs.number("rate"));
            operation.job_mtbf = None;
            let nodes = inputs.count("gpus").div_ceil(inputs.count("gpus_per_node"));
            disruption::mean_time_between(&operation, &a100(), nodes, inputs.count("gpus"))?.to_hours()
        }
        // Weights in 16 bit, master copy and two moments in 32: the product of the two is the definition.
        "checkpoint_bytes" => {
            let model = model(4, 512, 8, 8, 1);
            let mut recipe = recipe(Method::Full, 512, 8);
            recipe.precision.master = true;
            let each =
                disruption::checkpoint_bytes(&model, &recipe).get() / outlay_core::model::params::total(&model) as f64;
            each * inputs.number("params")
        }
        "checkpoint_write_gbps" => (Bytes::new(inputs.number("bytes")) / seconds("seconds")).get() / 1e9,
        "ckpt_overhead_fraction" => {
            // Standstill over both, where nothing interrupts.
            let (stall, interval) = (seconds("delta"), seconds("interval"));
            (stall / (stall + interval)).get()
        }
        "early_stop_savings" => {
            let share = |key: &str| Share::new(inputs.number(key));
            stopping::saved(share("best_epoch"), share("patience"), share("max_epochs")).get()
        }
        _ => return None,
    })
}

fn a100() -> Offer {
    let node = Sketch { memory: 80.0, tera: 312.0, each: 8, network: 25.0, price: 1.0, purchase: Purchase::OnDemand };
    offer(0, node)
}

fn data(name: &str, inputs: &Inputs) -> Option<f64> {
    let tokenizer = || match inputs.text("tokenizer") {
        "cl100k" => Some(Tokenizer::Cl100k),
        "o200k" => Some(Tokenizer::O200k),
        "deepseek" => Some(Tokenizer::Deepseek),
        "p50k" => Some(Tokenizer::P50k),
        _ => None,
    };
    let catalog = Catalog::built_in();
    let language = |name: &str| catalog.languages().iter().find(|language| language.language == name);
    Some(match name {
        "tokens_per_byte" => language(inputs.text("lang"))?.per_byte(tokenizer()?).get(),
        "token_premium_vs_english" => language(inputs.text("lang"))?.premium(language("English")?, tokenizer()?).get(),
        "read_bandwidth" => {
            let rate = Share::new(inputs.number("tokens_per_s"));
            text::reading(rate, Bytes::new(inputs.number("bytes_per_token"))).get()
        }
        "loader_stall_fraction" => {
            let seconds = |key: &str| Seconds::new(inputs.number(key));
            loader::stalled(seconds("t_gpu"), seconds("t_cpu"), inputs.count("workers")).get()
        }
        "padding_efficiency" => {
            let lengths: Vec<u64> = inputs.numbers("lengths").into_iter().map(|length| length as u64).collect();
            text::padding_efficiency(&lengths).get()
        }
        "egress_cost" => (UsdPerGb::new(inputs.number("usd_per_gb")) * Bytes::new(inputs.number("bytes"))).get(),
        _ => return None,
    })
}

fn money(name: &str, inputs: &Inputs) -> Option<f64> {
    let share = |key: &str| Share::new(inputs.number(key));
    Some(match name {
        "epoch_amortised_usd_per_chip_hour" => {
            bill::depreciated_hour(Usd::new(inputs.number("server_price_per_chip")), share("oom_per_year")).get()
        }
        "epoch_interconnect" => {
            bill::with_network(UsdPerHour::new(inputs.number("amortised")), share("fraction")).get()
                - inputs.number("amortised")
        }
        "epoch_server_power_kw" => {
            let mut operation = operation();
            operation.draw = share("util");
            operation.server_power = share("chip_to_server");
            operation.pue = share("pue");
            let tdp = Some(Watts::new(1000.0 * inputs.number("tdp_kw")));
            bill::energy(&operation, tdp, 1, Seconds::hours(1.0))?.to_kwh()
        }
        "energy_mwh" => {
            let mut operation = operation();
            operation.draw = Share::ONE;
            operation.server_power = Share::ONE;
            operation.pue = share("pue");
            let time = Seconds::hours(24.0 * inputs.number("days"));
            bill::energy(&operation, Some(Watts::new(inputs.number("watts"))), inputs.count("gpus"), time)?.to_kwh()
                / 1000.0
        }
        "carbon_t" => {
            let offer = Offer { carbon: Some(KilogramsPerKwh::new(inputs.number("kg_per_kwh"))), ..a100() };
            bill::carbon(&offer, Some(Joules::new(inputs.number("mwh") * 3.6e9)))?.get() / 1000.0
        }
        "reserved_breakeven_utilisation" => {
            let price = |key: &str| UsdPerHour::new(inputs.number(key));
            bill::break_even_use(price("reserved"), price("on_demand")).get()
        }
        "spot_goodput" => {
            let (mean, stall) = (Seconds::hours(inputs.number("mttp_h")), Seconds::new(inputs.number("ckpt_s")));
            let restart = Seconds::new(inputs.number("restart_s"));
            disruption::goodput(disruption::daly_interval(stall, mean), stall, restart, mean).get()
        }
        "spot_expected_makespan_factor" => {
            let hours = |key: &str| Seconds::hours(inputs.number(key));
            disruption::makespan(hours("mean_up_h"), hours("mean_down_h")).get()
        }
        "spot_availability" => {
            let catalog = Catalog::built_in();
            catalog.traces().iter().find(|trace| trace.what == inputs.text("trace"))?.availability.get()
        }
        "owned_cost_per_hour" => {
            let owned = Owned {
                capex: Usd::new(inputs.number("capex")),
                accelerators: inputs.count("gpus"),
                life_years: share("life_y"),
                used: share("util"),
                server: Watts::new(1000.0 * inputs.number("kw_server")),
                draw: share("power_frac"),
                pue: share("pue"),
                electricity: UsdPerKwh::new(inputs.number("usd_kwh")),
                upkeep: share("opex_frac"),
            };
            bill::owned_hour(&owned).get()
        }
        "deepseek_v3_cost" => {
            (UsdPerHour::new(inputs.number("usd")) * Seconds::hours(inputs.number("gpu_hours"))).get()
        }
        _ => return None,
    })
}

#[test]
fn every_case_of_sweeps_holds() {
    check("6", sweeps);
}

#[test]
fn every_case_of_interruptions_holds() {
    check("7", interruptions);
}

#[test]
fn every_case_of_data_holds() {
    check("10", data);
}

#[test]
fn every_case_of_money_holds() {
    check("11", money);
}
