//! The same samples in every format give the same figures.

use std::fs::File;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, Int64Array, LargeStringArray, RecordBatch, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType, Field};
use outlay_data::{Request, Scan, TextUnit, scan};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::place::{PROSE, Place, by_library, gz, jsonl, samples};

pub(crate) fn table(samples: &[String]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..samples.len() as i64));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(samples));
    RecordBatch::try_from_iter([("id", ids), ("text", texts)]).expect("a table")
}

pub(crate) fn parquet(place: &Place, name: &str, table: &RecordBatch, compression: Compression) {
    let file = File::create(place.path(name)).expect("a working test place");
    let properties =
        WriterProperties::builder().set_compression(compression).set_max_row_group_row_count(Some(10)).build();
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).expect("a writer");
    writer.write(table).expect("a table");
    writer.close().expect("a file");
}

pub(crate) fn stream(place: &Place, name: &str, table: &RecordBatch) {
    let file = File::create(place.path(name)).expect("a working test place");
    let mut writer = StreamWriter::try_new(file, &table.schema()).expect("a writer");
    writer.write(table).expect("a table");
    writer.write(table).expect("a table");
    writer.finish().expect("a file");
}

/// What must not depend on the format.
fn figures(scan: &Scan) -> impl PartialEq + std::fmt::Debug + use<> {
    (scan.samples, scan.bytes, scan.tokens, scan.lengths.clone(), scan.sequence.clone(), scan.duplicates)
}

#[test]
fn every_format_gives_the_same() {
    let samples = samples();
    let lines = jsonl(&samples);
    let array = format!("\u{feff}[\n{}]\n", lines.trim_end().replace("}\n{", "},\n  {"));
    let place = Place::new()
        .file("plain.jsonl", &lines)
        .file("plain.ndjson", format!("\u{feff}{}", lines.replace('\n', "\r\n")))
        .file("packed.jsonl.gz", gz(lines.as_bytes()))
        .file("packed.jsonl.zst", zstd::encode_all(lines.as_bytes(), 3).expect("memory"))
        .file("lines.json", &lines)
        .file("array.json", &array)
        .file("array.json.gz", gz(array.as_bytes()));
    let table = table(&samples);
    for (name, compression) in [
        ("none.parquet", Compression::UNCOMPRESSED),
        ("snappy.parquet", Compression::SNAPPY),
        ("zstd.parquet", Compression::ZSTD(ZstdLevel::default())),
        ("gzip.parquet", Compression::GZIP(GzipLevel::default())),
        ("lz4.parquet", Compression::LZ4_RAW),
    ] {
        parquet(&place, name, &table, compression);
    }
    let file = File::create(place.path("file.arrow")).expect("a working test place");
    let mut writer = FileWriter::try_new(file, &table.schema()).expect("a writer");
    writer.write(&table).expect("a table");
    writer.finish().expect("a file");
    let want = place.scan("plain.jsonl").expect("a scan");
    assert_eq!(want.samples, samples.len() as u64);
    assert_eq!(want.tokens, by_library(&samples));
    for name in [
        "plain.ndjson",
        "packed.jsonl.gz",
        "packed.jsonl.zst",
        "lines.json",
        "array.json",
        "array.json.gz",
        "none.parquet",
        "snappy.parquet",
        "zstd.parquet",
        "gzip.parquet",
        "lz4.parquet",
        "file.arrow",
    ] {
        let got = place.scan(name).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        assert_eq!(figures(&got), figures(&want), "{name}");
    }
    // A stream of the table twice: every sample is there again.
    stream(&place, "stream.arrow", &table);
    let twice = place.scan("stream.arrow").expect("a scan");
    assert_eq!((twice.samples, twice.tokens), (want.samples * 2, want.tokens * 2));
    assert!(twice.duplicates.exact && twice.duplicates.share > 0.5);
}

#[test]
fn a_folder_is_all_its_tables_and_nothing_else() {
    let lines = jsonl(&samples());
    let place = Place::new()
        .file("set/b/2.jsonl", &lines)
        .file("set/a/1.jsonl.gz", gz(lines.as_bytes()))
        .file("set/README.md", "not a sample")
        .file("set/dataset_info.json", "{}")
        .file("set/.hidden.jsonl", "broken")
        .file("set/picture.png", [0u8; 9]);
    let (one, all) = (place.scan("set/b/2.jsonl").expect("a scan"), place.scan("set").expect("a scan"));
    assert_eq!((all.files, all.samples, all.tokens), (2, one.samples * 2, one.tokens * 2));
    assert!(all.notes.iter().any(|note| note.starts_with("3 files")), "{:?}", all.notes);
}

#[test]
fn plain_text_is_blocks_or_files() {
    let place = Place::new().file("set/a.txt", "one\ntwo\n\nthree\n").file("set/b.md", PROSE).file("set/c.txt", "");
    let blocks = scan(&Request::new(place.path("set/a.txt")), &mut ()).expect("a scan");
    assert_eq!(blocks.samples, 2);
    let whole = Request { text: TextUnit::File, ..place.request("set") };
    let files = scan(&whole, &mut ()).expect("a scan");
    assert_eq!((files.samples, files.tokens), (2, by_library(&["one\ntwo\n\nthree\n".into(), PROSE.into()])));
}

#[test]
fn turns_in_a_table_are_those_of_json() {
    let mut turn = ListBuilder::new(StructBuilder::from_fields(
        vec![Field::new("role", DataType::Utf8, true), Field::new("content", DataType::Utf8, true)],
        2,
    ));
    for (role, content) in [("user", "who?"), ("assistant", "nobody")] {
        let fields = turn.values();
        fields.field_builder::<StringBuilder>(0).expect("a column").append_value(role);
        fields.field_builder::<StringBuilder>(1).expect("a column").append_value(content);
        fields.append(true);
    }
    turn.append(true);
    let turns: ArrayRef = Arc::new(turn.finish());
    let place = Place::new().file(
        "turns.jsonl",
        format!(
            "{}\n",
            json!({"messages": [{"role": "user", "content": "who?"}, {"role": "assistant", "content": "nobody"}]})
        ),
    );
    parquet(
        &place,
        "turns.parquet",
        &RecordBatch::try_from_iter([("messages", turns)]).expect("a table"),
        Compression::SNAPPY,
    );
    let (json, table) = (place.scan("turns.jsonl").expect("a scan"), place.scan("turns.parquet").expect("a scan"));
    assert_eq!(figures(&json), figures(&table));
    assert_eq!(json.tokens, by_library(&["who?\nnobody".into()]));
    assert!(json.notes.iter().any(|note| note.contains("chat template")), "{:?}", json.notes);
}

#[test]
fn token_ids_need_no_tokenizer() {
    let mut ids = ListBuilder::new(Int32Builder::new());
    ids.append_value([Some(1), Some(2), Some(3)]);
    ids.append_value([Some(70_000)]);
    ids.append_value([]);
    let ids: ArrayRef = Arc::new(ids.finish());
    let place =
        Place::new().file("ids.jsonl", "{\"input_ids\": [1, 2, 3]}\n{\"input_ids\": [70000]}\n{\"input_ids\": []}\n");
    parquet(
        &place,
        "ids.parquet",
        &RecordBatch::try_from_iter([("input_ids", ids)]).expect("a table"),
        Compression::SNAPPY,
    );
    for name in ["ids.jsonl", "ids.parquet"] {
        let found = scan(&Request::new(place.path(name)), &mut ()).expect("a scan");
        assert_eq!((found.samples, found.tokens, found.empty, found.estimated), (2, 4, 1, false), "{name}");
        assert_eq!((found.tokenizer, found.tokens_per_byte), (None, None), "{name}");
    }
}

#[test]
fn a_named_field_wins() {
    let place = Place::new().file("set.jsonl", "{\"text\": \"a b c\", \"body\": \"one\"}\n");
    let request = Request { field: Some("body".into()), ..place.request("set.jsonl") };
    assert_eq!(scan(&request, &mut ()).expect("a scan").tokens, by_library(&["one".into()]));
    let large: ArrayRef = Arc::new(LargeStringArray::from_iter_values(["one"]));
    parquet(
        &place,
        "set.parquet",
        &RecordBatch::try_from_iter([("body", large)]).expect("a table"),
        Compression::SNAPPY,
    );
    let request = Request { path: place.path("set.parquet"), ..request };
    assert_eq!(scan(&request, &mut ()).expect("a scan").tokens, by_library(&["one".into()]));
}
