//! The catalogs: models, accelerators, offers, filtered as the command filters them.
//!
//! The rows are made once, at the start: they are what is compiled in.
//!
//! Does not know: where the rows come from.

use axum::extract::State;
use axum::response::Response;
use outlay::catalog::{Catalog, names};
use outlay::lists::{self, AcceleratorRow, ModelRow, OfferRow};

use crate::App;
use crate::answer;
use crate::fault::Refusal;
use crate::sent::Pairs;

/// Rows of offers that are told where nobody says how many: as the command.
const OFFERS: usize = 40;

/// The rows.
#[derive(Debug)]
pub(crate) struct Lists {
    models: Vec<ModelRow>,
    hardware: Vec<AcceleratorRow>,
    offers: Vec<OfferRow>,
}

impl Lists {
    /// The rows of a catalog.
    pub(crate) fn of(catalog: &Catalog) -> Self {
        Self {
            models: lists::models(catalog, &[]),
            hardware: lists::accelerators(catalog, &[], None),
            offers: lists::offers(catalog, &[], None),
        }
    }
}

/// `outlay models`.
pub(crate) async fn models(State(app): State<App>, pairs: Pairs) -> Result<Response, Refusal> {
    let pairs = pairs.only(&["name"])?;
    let named = pairs.all("name");
    let fits = |row: &&ModelRow| names::matches(&named, &[&row.name, row.hub.as_deref().unwrap_or_default()]);
    Ok(answer::json(&app.lists.models.iter().filter(fits).collect::<Vec<_>>()))
}

/// `outlay hardware`.
pub(crate) async fn hardware(State(app): State<App>, pairs: Pairs) -> Result<Response, Refusal> {
    let pairs = pairs.only(&["name", "min_memory_gb"])?;
    let (named, least) = (pairs.all("name"), pairs.number::<f64>("min_memory_gb")?);
    let large = |row: &AcceleratorRow| {
        let part = app.catalog.accelerators().find(|part| part.id == row.id);
        least.is_none_or(|least| part.is_some_and(|part| part.memory.to_gb() >= least))
    };
    let fits = |row: &&AcceleratorRow| names::matches(&named, &[&row.id, &row.name, &row.architecture]) && large(row);
    Ok(answer::json(&app.lists.hardware.iter().filter(fits).collect::<Vec<_>>()))
}

/// `outlay offers`.
pub(crate) async fn offers(State(app): State<App>, pairs: Pairs) -> Result<Response, Refusal> {
    let pairs = pairs.only(&["name", "provider", "limit"])?;
    let (named, provider) = (pairs.all("name"), pairs.one("provider")?);
    let limit = match pairs.number::<u64>("limit")? {
        None => OFFERS,
        Some(0) => usize::MAX,
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let part =
        |row: &OfferRow| app.catalog.accelerators().find(|part| part.id == row.accelerator).map(|p| p.name.clone());
    let fits = |row: &&OfferRow| {
        let called = || part(row).unwrap_or_default();
        let matches = named.is_empty() || names::matches(&named, &[&row.accelerator, &called(), &row.instance]);
        matches && provider.as_ref().is_none_or(|provider| row.provider.eq_ignore_ascii_case(provider))
    };
    Ok(answer::json(&app.lists.offers.iter().filter(fits).take(limit).collect::<Vec<_>>()))
}
