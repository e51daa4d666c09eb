//! Counts equal the library's, on any number of threads; what a scan says of itself holds.

use outlay_data::{Request, Scan, scan};
use proptest::prelude::*;

use crate::place::{Place, by_library, jsonl, samples};

/// A scan without what differs from run to run.
fn lasting(mut scan: Scan) -> String {
    scan.rates.seconds = 0.0;
    scan.rates.threads = 0;
    scan.rates.read_mb_s = None;
    scan.rates.tokens_per_s_per_core = None;
    scan.rates.mb_per_s_per_core = None;
    scan.rates.settled_mb_per_s_per_core = None;
    serde_json::to_string(&scan).expect("JSON")
}

#[test]
fn one_thread_and_many_give_the_same() {
    // More than one batch.
    let once = jsonl(&samples());
    let text = once.repeat((20 << 20) / once.len());
    let place = Place::new().file("set.jsonl", text);
    let run = |threads| {
        let request = Request { threads: Some(threads), ..place.request("set.jsonl") };
        lasting(scan(&request, &mut ()).expect("a scan"))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(7));
}

#[test]
fn a_scan_survives_json() {
    let place = Place::new().file("set.jsonl", jsonl(&samples()));
    let found = place.scan("set.jsonl").expect("a scan");
    let text = serde_json::to_string(&found).expect("JSON");
    assert_eq!(serde_json::from_str::<Scan>(&text).expect("a scan"), found);
    assert_eq!(found.tokenizer.expect("a tokenizer").vocab_size, 601);
}

#[test]
fn without_a_tokenizer_the_estimate_says_so() {
    let place = Place::new().file("set.jsonl", "{\"text\": \"0123456789\"}\n");
    let found = scan(&Request::new(place.path("set.jsonl")), &mut ()).expect("a scan");
    assert_eq!((found.tokens, found.estimated, found.tokenizer), (3, true, None));
    assert!(found.notes.iter().any(|note| note.contains("estimated from bytes")), "{:?}", found.notes);
}

#[test]
fn progress_reaches_the_end() {
    struct Last(u64, u64);
    impl outlay_data::Progress for Last {
        fn read(&mut self, done: u64, of: u64) {
            assert!(self.0 <= done && done <= of);
            (self.0, self.1) = (done, of);
        }
    }
    let text = jsonl(&samples()).repeat(150);
    let size = text.len() as u64;
    let place = Place::new().file("set.jsonl", text);
    let mut last = Last(0, 0);
    scan(&Request::new(place.path("set.jsonl")), &mut last).expect("a scan");
    assert_eq!((last.0, last.1), (size, size));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_text_counts_as_the_library_counts_it(texts in prop::collection::vec("(?s).{1,60}|[ \n\t]{1,9}|[a-z0-9' ]{1,40}", 1..20)) {
        let place = Place::new().file("set.jsonl", jsonl(&texts));
        let found = place.scan("set.jsonl").expect("a scan");
        prop_assert_eq!(found.samples, texts.len() as u64);
        prop_assert_eq!(found.tokens, by_library(&texts));
        let histogram = &found.lengths.histogram;
        prop_assert_eq!(histogram.iter().map(|b| b.samples).sum::<u64>(), found.samples);
        prop_assert_eq!(histogram.iter().map(|b| b.tokens).sum::<u64>(), found.tokens);
        prop_assert!(found.sequence.iter().all(|s| 0.0 < s.packing && s.packing <= 1.0));
    }
}
