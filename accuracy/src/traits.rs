//! What a row is, beyond its figures: by these the score is cut, and alternatives for one job are found.

/// What a row runs, and what a spreadsheet would have said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traits {
    /// Has routed experts.
    pub mixture: bool,
    /// An NVIDIA part made for data centres.
    pub datacentre: bool,
    /// Parameters, billions.
    pub size_b: f64,
    /// `full`, `lora`, `qlora`.
    pub method: &'static str,
    /// Format of the large products.
    pub precision: &'static str,
    /// Seconds of a step by the usual formula beside the engine's: above 1, the formula is slower.
    pub spreadsheet: f64,
    /// What was to be done on which machines, whatever the layout.
    pub job: String,
    /// Which layout the row ran.
    pub layout: String,
}

/// Utilisation that people assume.
pub const ASSUMED: f64 = 0.4;

/// Class of a size, in words.
#[must_use]
pub fn size(size_b: f64) -> &'static str {
    match size_b {
        b if b < 1.0 => "a: below 1 B",
        b if b < 10.0 => "b: 1 to 10 B",
        b if b < 40.0 => "c: 10 to 40 B",
        b if b < 120.0 => "d: 40 to 120 B",
        _ => "e: 120 B and more",
    }
}
