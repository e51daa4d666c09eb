//! What a real data set holds: samples, tokens and lengths, counted rather than guessed.
//!
//! ```text
//! Request → files → records → text of a sample → tokens → Scan
//! ```
//!
//! The set is read once, in batches of a few megabytes; records are counted on all threads and added up in the order they
//! stand in, so one thread and many give the same result. Memory does not grow with the set. The price is that what would
//! need all of it at once is estimated instead, and each such figure says so.
//!
//! Does not know: jobs, models, prices; chat templates; what a training program does to a sample beyond cutting, padding
//! and packing it.
//!
//! Reading order: [`Request`], [`Scan`], `run.rs` (from end to end), then one file a step.

mod compress;
mod duplicates;
mod fault;
mod files;
mod lengths;
mod read;
mod record;
mod request;
mod run;
mod scan;
mod sequence;
mod tally;
mod tokens;

pub use fault::Fault;
pub use request::{Progress, Request, SEQ_LENS, TextUnit};
pub use run::scan;
pub use scan::{Broken, BrokenRecord, Bucket, Duplicates, Lengths, Rates, Scan, Sequence, Tokenizer, VERSION};
pub use sequence::PADDING_BATCH;
