//! A price sheet in our own columns: a provider's list, a contract's annex, an export of one's own.
//!
//! Each row says its own provider, day and source; rows stand as they are.

use super::{Reader, Row, part, past, rows};
use crate::offers::Quote;

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().as_bytes().to_vec();
    let header = csv::ReaderBuilder::new().has_headers(false).from_reader(header.as_slice()).into_records().next();
    let Some(Ok(header)) = header else { return };
    rows(text, reader, |reader, columns, record| {
        let (instance, region) = (columns.get(record, "instance"), columns.get(record, "region"));
        let read = record.deserialize::<Quote>(Some(&header)).map_err(|error| fault(&error));
        match read.and_then(|quote| checked(quote, reader)) {
            Ok(quote) => reader.sheet.push(quote),
            Err(reason) => reader.leave_out(reason, instance, region),
        }
    });
}

fn fault(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => format!("not a row of ours: {}", err.kind()),
        _ => "not a row of ours".into(),
    }
}

fn checked(mut quote: Quote, reader: &Reader<'_>) -> Result<Quote, String> {
    let row = Row { instance: &quote.instance, accelerator: &quote.accelerator, ..Row::default() };
    let id = part(reader.parts, &row)?.accelerator.id.clone();
    if quote.count == 0 || quote.count > 1024 {
        return Err("no number of accelerators".into());
    }
    past(&quote.as_of, reader.about.day)?;
    for price in quote.prices().into_iter().filter_map(|(_, price)| price) {
        super::price(&price.to_string(), quote.count)?;
    }
    if quote.prices().iter().all(|(_, price)| price.is_none()) {
        return Err("no price".into());
    }
    quote.accelerator = id;
    quote.provider = super::provider(&quote.provider);
    Ok(quote)
}
