//! Facts, as data files with their sources, and one reader a table.
//!
//! The tables are compiled in; others can be handed in as text. Nothing here opens a file. A figure that nobody
//! published is absent, not zero.
//!
//! Reading order: [`Catalog`], then one module a table.

pub mod accelerators;
mod calibration;
pub mod error;
pub mod facts;
pub mod feeds;
pub mod hosted;
pub mod languages;
pub mod market;
pub mod model;
pub mod names;
pub mod nodes;
pub mod offers;
pub mod presets;
mod sources;
pub mod stacks;

use outlay_core::forecast::Knowledge;
use outlay_core::scenario::cluster::{Accelerator, LinkKind, Node};
use outlay_core::scenario::offer::Offer;

use accelerators::Part;
use error::TableError;
use facts::{Failures, Network, Storage, Trace};
use hosted::Hosted;
use languages::Language;
use market::Market;
use nodes::Shape;
use presets::Preset;
use stacks::Program;

/// All tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    parts: Vec<Part>,
    shapes: Vec<Shape>,
    networks: Vec<Network>,
    storage: Vec<Storage>,
    failures: Failures,
    programs: Vec<Program>,
    presets: Vec<Preset>,
    knowledge: Knowledge,
    offers: Vec<Offer>,
    languages: Vec<Language>,
    market: Market,
    hosted: Vec<Hosted>,
    traces: Vec<Trace>,
}

/// The file of fitted constants, as it is compiled in: for showing where they come from.
pub const CALIBRATION: &str = calibration::TEXT;

impl Catalog {
    /// The tables that are compiled in.
    ///
    /// # Panics
    /// If a compiled-in table is malformed, which the table tests rule out.
    #[must_use]
    pub fn built_in() -> Self {
        Self::read().unwrap_or_else(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("a built-in table is malformed: {}", all.join("; "))
        })
    }

    fn read() -> Result<Self, Vec<TableError>> {
        let networks = facts::networks(facts::NETWORKS)?;
        let mut catalog = Self {
            parts: accelerators::read(accelerators::TEXT)?,
            shapes: nodes::read(nodes::TEXT)?,
            storage: facts::storage(facts::STORAGE)?,
            failures: facts::failures(facts::FAILURES)?,
            programs: stacks::read(stacks::TEXT)?,
            presets: presets::read()?,
            knowledge: calibration::read(calibration::TEXT, &networks)?,
            networks,
            offers: Vec::new(),
            languages: languages::read(languages::TEXT)?,
            market: market::read()?,
            hosted: hosted::read()?,
            traces: facts::traces(facts::FAILURES)?,
        };
        catalog.offers = catalog.offers_of(offers::TEXT)?;
        Ok(catalog)
    }

    /// The same catalog with the offers of a table handed in, instead of the built-in ones.
    ///
    /// # Errors
    /// Every row that is malformed.
    pub fn with_offers(mut self, text: &str) -> Result<Self, Vec<TableError>> {
        self.offers = self.offers_of(text)?;
        Ok(self)
    }

    /// The same catalog with other offers, ready made: those of the one who asks.
    #[must_use]
    pub fn with_ready_offers(mut self, offers: Vec<Offer>) -> Self {
        self.offers = offers;
        self
    }

    /// Reads a price feed; a row that cannot be read is left out with its reason.
    ///
    /// # Errors
    /// Why the text is no price table at all.
    pub fn read_feed(&self, text: &str, about: feeds::About<'_>) -> Result<feeds::Reading, String> {
        feeds::read(text, about, &self.parts)
    }

    fn offers_of(&self, text: &str) -> Result<Vec<Offer>, Vec<TableError>> {
        let Self { parts, shapes, failures, storage, market, .. } = self;
        offers::read(text, &offers::Surroundings { parts, shapes, failures, storage, market })
    }

    /// Text of every compiled-in table that figures rest on beside the offers, by name.
    #[must_use]
    pub fn tables() -> [(&'static str, &'static str); 10] {
        [
            ("accelerators", accelerators::TEXT),
            ("calibration", calibration::TEXT),
            ("carbon", market::CARBON),
            ("commitments", market::COMMITMENTS),
            ("failures", facts::FAILURES),
            ("networks", facts::NETWORKS),
            ("nodes", nodes::TEXT),
            ("providers", market::PROVIDERS),
            ("stacks", stacks::TEXT),
            ("storage", facts::STORAGE),
        ]
    }

    /// Every part, in the table's order.
    pub fn accelerators(&self) -> impl Iterator<Item = &Accelerator> {
        self.parts.iter().map(|part| &part.accelerator)
    }

    /// Every part with what the table says beyond the mathematics.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part people mean by a name.
    ///
    /// # Errors
    /// The nearest names, if there is none.
    pub fn accelerator(&self, name: &str) -> Result<&Accelerator, Vec<String>> {
        accelerators::find(&self.parts, name).map(|part| &part.accelerator)
    }

    /// The usual machine of so many of a part.
    #[must_use]
    pub fn node_for(&self, accelerator: &Accelerator, accelerators: u64) -> Option<Node> {
        let part = self.parts.iter().find(|part| part.accelerator.id == accelerator.id)?;
        Some(accelerators::usual_node(part, accelerators.max(1)))
    }

    /// Every machine shape.
    #[must_use]
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// What a link technology reaches.
    #[must_use]
    pub fn network(&self, kind: LinkKind) -> Option<&Network> {
        self.networks.iter().find(|network| network.link.kind == kind)
    }

    /// Prices of keeping and moving bytes.
    #[must_use]
    pub fn storage(&self) -> &[Storage] {
        &self.storage
    }

    /// How providers sell.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Hosted services.
    #[must_use]
    pub fn hosted(&self) -> &[Hosted] {
        &self.hosted
    }

    /// Statistics of spot capacity, zone by zone.
    #[must_use]
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }

    /// Every language whose tokens were counted.
    #[must_use]
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// How often machines fail.
    #[must_use]
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Every offer, in the table's order.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// Every training program.
    #[must_use]
    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// The training program people mean by a name.
    ///
    /// # Errors
    /// The nearest names, if there is none.
    pub fn program(&self, name: &str) -> Result<&Program, Vec<String>> {
        stacks::find(&self.programs, name)
    }

    /// Every model preset.
    #[must_use]
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// The preset people mean by a name.
    ///
    /// # Errors
    /// The nearest names, if there is none.
    pub fn preset(&self, name: &str) -> Result<&Preset, Vec<String>> {
        presets::find(&self.presets, name)
    }

    /// What was learnt from measured runs.
    #[must_use]
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The same catalog with other knowledge: for fitting, and for scores with a source left out.
    #[must_use]
    pub fn with_knowledge(mut self, knowledge: Knowledge) -> Self {
        self.knowledge = knowledge;
        self
    }

    /// A preset goes by this name.
    #[must_use]
    pub fn has_model(&self, name: &str) -> bool {
        self.preset(name).is_ok()
    }
}
