//! How much the search looks at: committed, so that a change of the enumeration shows.

use std::time::Instant;

use outlay_core::forecast::{Knowledge, cluster};
use outlay_core::plan::{Offload, layouts};
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Scenario, Size};
use outlay_core::search::unwatched;

use crate::drafts;
use crate::scenarios::{Sketch, model, offer, qlora, recipe, scenario};

/// A market: six cards in machines of one, four and eight, with and without a network, on demand and on spot.
fn market() -> Vec<Sketch> {
    let mut all = Vec::new();
    for (memory, tera, price) in [
        (24.0, 120.0, 0.6),
        (40.0, 312.0, 1.3),
        (48.0, 180.0, 0.9),
        (80.0, 990.0, 2.8),
        (141.0, 990.0, 3.6),
        (192.0, 2250.0, 6.0),
    ] {
        for each in [1, 4, 8] {
            for network in [0.0, 12.5, 50.0] {
                for (purchase, share) in [(Purchase::OnDemand, 1.0), (Purchase::Spot, 0.4)] {
                    all.push(Sketch { memory, tera, each, network, price: price * share, purchase });
                }
            }
        }
    }
    all
}

/// What the enumeration lists: counted apart from the search, which stops where more cannot win.
#[test]
fn the_enumeration_is_of_this_size() {
    let count = |question: &Scenario, nodes: u64| {
        let node =
            Sketch { memory: 80.0, tera: 990.0, each: 8, network: 50.0, price: 2.8, purchase: Purchase::OnDemand };
        layouts(question, &cluster(&offer(0, node), 8 * nodes), Offload::None).count()
    };
    let ask = |model, method, seq_len| scenario(model, recipe(method, seq_len, 512), &[], Size::AtMost(512));
    let adapters = ask(model(32, 4096, 32, 8, 1), qlora(), 2048);
    let dense = ask(model(80, 8192, 64, 8, 1), Method::Full, 8192);
    let long = ask(model(80, 8192, 64, 8, 1), Method::Full, 131_072);
    let experts = ask(model(32, 4096, 32, 8, 8), Method::Full, 4096);
    let counts = [adapters, dense, long, experts].map(|question| [1, 8, 64].map(|nodes| count(&question, nodes)));
    assert_eq!(
        counts,
        [[140, 120, 30], [14_880, 34_350, 22_890], [33_680, 141_010, 191_060], [28_270, 96_040, 67_240]]
    );
}

/// What the benchmark measures the rate of: operations, allocations, bytes, and a digest of the figures.
#[test]
fn a_forecast_allocates_nothing() {
    let knowledge = Knowledge::default();
    let counted = drafts::jobs().into_iter().map(|job| {
        let (forecasts, digest) = drafts::run(&job, &job.memory(), &knowledge);
        let (allocations, bytes) = job.allocations(&knowledge);
        (job.name(), forecasts, job.shapes(), allocations, bytes, format!("{digest:016x}"))
    });
    let committed = [
        ("8B, QLoRA, 8 accelerators", 140, 14, 0, 0, "04defd4dad164b40".to_owned()),
        ("70B, full, 512 accelerators", 22_890, 67, 0, 0, "0339831753ebc3dd".to_owned()),
        ("8 experts, full, 512 accelerators", 67_240, 240, 0, 0, "b7d6f7794339f746".to_owned()),
    ];
    assert_eq!(counted.collect::<Vec<_>>(), committed);
}

/// One small and one large search; how much was looked at never exceeds what there is.
///
/// Time it on the catalog's offers with `BENCH=1 cargo test --release -p outlay --test search bench -- --nocapture`.
#[test]
fn bench_search() {
    let real = std::env::var_os("BENCH").is_some();
    let most = if real { 512 } else { 16 };
    let small = scenario(model(32, 4096, 32, 8, 1), recipe(qlora(), 2048, 64), &market(), Size::AtMost(8));
    let large = scenario(model(80, 8192, 64, 8, 1), recipe(Method::Full, 8192, 512), &market(), Size::AtMost(most));
    for (mut question, machines, surveyed) in [(small, 90, 86), (large, 150, 147)] {
        if real {
            question.offers = outlay_catalog::Catalog::built_in().offers().to_vec();
        }
        let start = Instant::now();
        let counts = outlay::plan::plan(&question, &Knowledge::default(), &unwatched).counts;
        assert!(counts.timed <= counts.layouts);
        if real {
            println!("{counts:?} in {:?}", start.elapsed());
        } else {
            assert_eq!((counts.offers, counts.machines, counts.surveyed), (108, machines, surveyed));
        }
    }
}
