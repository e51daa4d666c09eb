//! What a program takes where its config says nothing, by its version: rows of `data/defaults.yaml`.
//!
//! Data rather than code, because such values change from release to release and each needs its source beside it. Without a
//! wanted version the newest row holds.
//!
//! Does not know: what any key means.

use std::sync::LazyLock;

use serde_json::{Map, Value};

const TABLE: &str = include_str!("../data/defaults.yaml");

static ROWS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    // A test reads the table; a broken one would leave every default unknown, never wrong.
    serde_saphyr::from_str::<Value>(TABLE).ok().and_then(|table| table.as_object().cloned()).unwrap_or_default()
});

/// The values of a program: those of the last row at or below the wanted version, else those of the newest row.
pub(crate) fn of(program: &str, version: Option<&str>) -> Option<&'static Map<String, Value>> {
    let rows = ROWS.get(program)?.as_array()?;
    let of = |row: &'static Value| row.get("values").and_then(Value::as_object);
    let Some(wanted) = version.map(parts) else { return rows.last().and_then(of) };
    let version = |row: &Value| row.get("version").and_then(Value::as_str).map(parts).unwrap_or_default();
    // A version before the first row has the first row's values: nothing older was read.
    rows.iter().rfind(|row| version(row) <= wanted).or(rows.first()).and_then(of)
}

fn parts(version: &str) -> Vec<u64> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_version_a_source_and_a_date() {
        assert!(ROWS.len() >= 6, "{}", ROWS.len());
        for (program, rows) in ROWS.iter() {
            let rows = rows.as_array().expect("rows");
            for row in rows {
                for key in ["version", "source", "date"] {
                    assert!(row[key].is_string(), "{program}: {key} of {row}");
                }
                assert!(row["values"].is_object(), "{program}");
            }
            let versions: Vec<Vec<u64>> = rows.iter().filter_map(|row| row["version"].as_str().map(parts)).collect();
            assert!(versions.is_sorted() && versions.iter().all(|parts| !parts.is_empty()), "{program}");
        }
    }

    #[test]
    fn the_row_at_or_below_the_version_holds() {
        let length = |version| of("llama-factory", version).and_then(|row| row["cutoff_len"].as_u64());
        assert_eq!([length(Some("0.9.1")), length(Some("0.9.4")), length(None)], [Some(1024), Some(2048), Some(2048)]);
        assert_eq!(length(Some("0.1")), Some(1024));
        assert!(of("nobody", None).is_none());
    }
}
