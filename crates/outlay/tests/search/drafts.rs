//! Every layout of three jobs, forecast one by one: what the benchmark measures and the counts are of.

use outlay_core::forecast::{Knowledge, Site, cluster};
use outlay_core::layout::{Layout, Offload};
use outlay_core::memory::ModelMemory;
use outlay_core::plan;
use outlay_core::scenario::offer::Purchase;
use outlay_core::scenario::recipe::Method;
use outlay_core::scenario::{Scenario, Size};
use outlay_core::step::{Micro, Shape};

use crate::scenarios::{Sketch, model, qlora, recipe, scenario};

/// A job on machines, every layout of it, and what its ranks compute.
pub(crate) struct Job {
    name: &'static str,
    scenario: Scenario,
    accelerators: u64,
    /// With the place of their shape.
    layouts: Vec<(Layout, usize)>,
    micros: Vec<Micro>,
}

/// Adapters on one card, a dense model and a mixture on 64 machines.
pub(crate) fn jobs() -> Vec<Job> {
    let card = Sketch { memory: 80.0, tera: 990.0, each: 8, network: 50.0, price: 2.8, purchase: Purchase::OnDemand };
    let job = |name, model, method, seq_len, nodes: u64| {
        let scenario = scenario(model, recipe(method, seq_len, 512), &[card], Size::AtMost(8 * nodes));
        let machines = cluster(&scenario.offers[0], 8 * nodes);
        let memory = ModelMemory::new(&scenario.model, &scenario.recipe);
        let knowledge = Knowledge::default();
        let site = Site::new(&scenario, &knowledge, &machines, &memory);
        let (mut shapes, mut micros): (Vec<Shape>, Vec<Micro>) = (Vec::new(), Vec::new());
        let mut layouts = Vec::new();
        for layout in plan::layouts(&scenario, &machines, Offload::None) {
            let shape = Shape::of(&layout);
            let at = shapes.iter().position(|known| *known == shape).unwrap_or_else(|| {
                shapes.push(shape);
                micros.push(site.micro(shape));
                shapes.len() - 1
            });
            layouts.push((layout, at));
        }
        Job { name, accelerators: machines.accelerators, scenario, layouts, micros }
    };
    vec![
        job("8B, QLoRA, 8 accelerators", model(32, 4096, 32, 8, 1), qlora(), 2048, 1),
        job("70B, full, 512 accelerators", model(80, 8192, 64, 8, 1), Method::Full, 8192, 64),
        job("8 experts, full, 512 accelerators", model(32, 4096, 32, 8, 8), Method::Full, 4096, 64),
    ]
}

/// Forecasts all of them; their number and a digest of their figures.
pub(crate) fn run(job: &Job, memory: &ModelMemory, knowledge: &Knowledge) -> (u64, u64) {
    let offer = &job.scenario.offers[0];
    let machines = cluster(offer, job.accelerators);
    let site = Site::new(&job.scenario, knowledge, &machines, memory);
    go(job, &site)
}

fn go(job: &Job, site: &Site<'_>) -> (u64, u64) {
    let offer = &job.scenario.offers[0];
    let mut digest = 0u64;
    for (layout, at) in &job.layouts {
        let step = site.step(layout, &job.micros[*at]);
        let (footprint, fit) = site.weigh(layout);
        let (run, bill) = site.spend(offer, step.total());
        for figure in [step.total().get(), footprint.total().get(), fit.get(), run.wall().get(), bill.total().get()] {
            // Rounded to seven digits, so that a compiler's choice of instructions does not show.
            digest = digest.rotate_left(5) ^ (figure as f32).to_bits() as u64;
        }
    }
    (job.layouts.len() as u64, digest)
}

impl Job {
    /// What it is.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Its memory, summed once.
    pub(crate) fn memory(&self) -> ModelMemory {
        ModelMemory::new(&self.scenario.model, &self.scenario.recipe)
    }

    /// Shapes of ranks.
    pub(crate) fn shapes(&self) -> usize {
        self.micros.len()
    }

    /// Heap allocations, and bytes of them, while all layouts are forecast; what is made once for all machines not counted.
    pub(crate) fn allocations(&self, knowledge: &Knowledge) -> (u64, u64) {
        let (machines, memory) = (cluster(&self.scenario.offers[0], self.accelerators), self.memory());
        let site = Site::new(&self.scenario, knowledge, &machines, &memory);
        let counted = allocation_counter::measure(|| {
            std::hint::black_box(go(self, &site));
        });
        (counted.count_total, counted.bytes_total)
    }
}
