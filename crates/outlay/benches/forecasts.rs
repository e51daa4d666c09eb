//! Full forecasts a second on one core: step, memory, whether it fits, run and bill of every layout of three jobs.
//!
//! `cargo bench -p outlay --bench forecasts`. The counts and digests are committed in `tests/search/counts.rs`; the rate is the
//! machine's.

#[path = "../tests/search/drafts.rs"]
mod drafts;
#[path = "../tests/search/scenarios.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod scenarios;

use std::time::Instant;

use outlay_core::forecast::Knowledge;

#[expect(clippy::print_stdout, reason = "a benchmark has nowhere else to say it")]
fn main() {
    let knowledge = Knowledge::default();
    for job in drafts::jobs() {
        let memory = job.memory();
        let (allocations, bytes) = job.allocations(&knowledge);
        let (mut done, mut digest) = (0, 0);
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < 1.0 {
            let (count, of) = drafts::run(&job, &memory, &knowledge);
            done += count;
            digest = of;
        }
        let rate = done as f64 / start.elapsed().as_secs_f64();
        println!(
            "{}: {rate:.0} forecasts/s; {} shapes, {allocations} allocations of {bytes} bytes, digest {digest:016x}",
            job.name(),
            job.shapes()
        );
    }
}
