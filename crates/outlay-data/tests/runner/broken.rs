//! Broken input: counted where it is a record, a fault where it is a file, all of them at once, never a panic.

use outlay_data::{Fault, Request, scan};
use parquet::basic::Compression;

use crate::formats::{parquet, stream, table};
use crate::place::{Place, gz, jsonl, samples};

/// All faults in one text.
fn told(faults: &[Fault]) -> String {
    let one = |f: &Fault| format!("[{}] {} at {} ({})", f.code, f.message, f.at, f.help.join("; "));
    faults.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn refused(result: Result<outlay_data::Scan, Vec<Fault>>, words: &[&str]) {
    let shown = told(&result.expect_err("faults"));
    for word in words {
        assert!(shown.contains(word), "no `{word}` in:\n{shown}");
    }
}

#[test]
fn broken_records_are_counted_and_named() {
    let text = "{\"text\": \"a\"}\n\n{\"text\": \n{\"other\": 1}\n{\"text\": 5}\n{\"text\": \"\"}\n{\"text\": \"b\"}\n\
                {\"text\": \"c\"}\n{\"text\": \"d\"}";
    let place = Place::new().file("set.jsonl", text);
    let found = place.scan("set.jsonl").expect("a scan");
    assert_eq!((found.samples, found.empty, found.broken.records), (4, 2, 3));
    let lines: Vec<u64> = found.broken.first.iter().map(|broken| broken.line).collect();
    assert_eq!(lines, [3, 4, 5]);
    assert!(found.broken.first[1].reason.contains("no field `text`"), "{:?}", found.broken);
}

#[test]
fn all_broken_files_are_named_at_once() {
    let good = jsonl(&samples());
    let packed = gz(good.as_bytes());
    let place = Place::new()
        .file("set/a.jsonl", &good)
        .file("set/b.jsonl.gz", &packed[..packed.len() / 2])
        .file("set/c.jsonl.zst", "this is not zstd")
        .file("set/d.parquet", "this is not Parquet, whatever its name says")
        .file("set/e.arrow", "ARROW1 but nothing else of it")
        .file("set/f.arrow", "not even that")
        .file("set/g.json", "[{\"text\": \"a\"}, {\"text\": ")
        .file("set/h.jsonl", "{\n  \"text\": \"a\"\n}\n")
        .file("set/i.jsonl", "{\"body\": \"a\", \"title\": \"b\"}\n");
    let all = place.scan("set").expect_err("faults");
    assert_eq!(all.len(), 8, "{}", told(&all));
    let words = ["b.jsonl.gz", "too early", "cannot be unpacked", "d.parquet", "e.arrow", "f.arrow", "within record 2"];
    refused(Err(all.clone()), &words);
    refused(Err(all), &["h.jsonl:1", "one JSON object a line", "i.jsonl:1", "`body`, `title`", "--field"]);
}

#[test]
fn files_cut_short_are_faults() {
    let lines = jsonl(&samples());
    let place = Place::new().file("set.jsonl.zst", zstd::encode_all(lines.as_bytes(), 3).expect("memory"));
    parquet(&place, "set.parquet", &table(&samples()), Compression::SNAPPY);
    for name in ["set.jsonl.zst", "set.parquet"] {
        let whole = std::fs::read(place.path(name)).expect("a file");
        for cut in [0, 1, 5, whole.len() / 2, whole.len() - 1] {
            let place = Place::new().file(name, &whole[..cut]);
            assert!(place.scan(name).is_err(), "{name} {cut}");
        }
    }
}

#[test]
fn bytes_that_flip_do_not_panic() {
    let place = Place::new();
    parquet(&place, "set.parquet", &table(&samples()), Compression::SNAPPY);
    stream(&place, "set.arrow", &table(&samples()));
    for name in ["set.parquet", "set.arrow"] {
        let whole = std::fs::read(place.path(name)).expect("a file");
        let ends = (0..40).chain((whole.len() / 2..).take(10)).chain(whole.len() - 150..whole.len());
        for at in ends.step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            // Some flips only change a letter.
            let _ = Place::new().file(name, bytes).scan(name);
        }
    }
}

#[test]
fn what_is_not_there_or_not_data() {
    let place = Place::new().file("x.bin", "x").file("empty.jsonl", "\n\n").file("bytes.txt", [0xff, 0xfe, b'x']);
    refused(place.scan("nowhere"), &["file-not-found", "downloaded first"]);
    refused(place.scan("x.bin"), &["data-unknown-format", ".parquet"]);
    refused(place.scan("empty.jsonl"), &["data-no-samples"]);
    refused(place.scan("bytes.txt"), &["not UTF-8 at byte 1", "save it as UTF-8"]);
    std::fs::create_dir(place.path("bare")).expect("a working test place");
    refused(place.scan("bare"), &["data-empty-folder"]);
}

#[test]
fn slips_of_the_request_come_together() {
    let place = Place::new().file("tokenizer.json", "{}");
    let tokenizer = Some(place.path("tokenizer.json"));
    let request = Request { tokenizer, seq_lens: vec![0], ..Request::new(place.path("nowhere")) };
    refused(scan(&request, &mut ()), &["bad-seq-len", "tokenizer-unreadable", "file-not-found"]);
    let request = Request { tokenizer: Some(place.path("no.json")), ..Request::new(place.path(".")) };
    refused(scan(&request, &mut ()), &["there is no such tokenizer", "without --tokenizer"]);
}

#[test]
fn a_field_that_is_not_there() {
    let place = Place::new().file("set.jsonl", "{\"text\": \"a\"}\n");
    let request = Request { field: Some("body".into()), ..Request::new(place.path("set.jsonl")) };
    refused(scan(&request, &mut ()), &["no field `body`", "`text`", "set.jsonl:1"]);
}
