//! `outlay data scan`: what is shown, what is written for a job file, what is refused.

use crate::harness::{Place, without_figures};

/// A tokenizer whose tokens are words.
const WORDS: &str = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
    "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "word": 2}, "unk_token": "<unk>"}}"#;

fn place() -> Place {
    let words = |count: usize| format!("{{\"text\": \"{}\"}}\n", "word ".repeat(count));
    let mut lines: String = [300, 300, 700, 90, 2000, 40, 410].map(words).concat();
    lines.push_str("\n{\"text\": 3}\n");
    Place::new().file("set.jsonl", lines).file("tokenizer.json", WORDS)
}

#[test]
fn a_scan_is_shown() {
    let shown = place().run(&["data", "scan", "set.jsonl", "--tokenizer", "tokenizer.json", "--seq-len", "512,1024"]);
    // Rates differ from run to run; small files may have none.
    let mut rates = false;
    let lasting = shown.lines().filter(|line| {
        rates = if line.starts_with("rates") { true } else { rates && !line.is_empty() };
        !rates || line.starts_with("rates")
    });
    insta::assert_snapshot!(lasting.collect::<Vec<_>>().join("\n"), @r#"
    status 0
    --- stdout
    7 samples, 3,840 tokens; of sequences of 1,024, packing fills 93 %, padding in eights 45 %

    set.jsonl, 19.2 kB, counted with tokenizer.json (3 tokens)

    lengths, in tokens
      40 to 2,000, mean 549, median 300; nine in ten up to 2,000, 99 in a hundred up to 2,000

    text
      0.2 tokens a byte
      14 % of samples are exact duplicates
      compresses to 0.115 %
      empty records, left out: 1
      unreadable records, left out: 1
      at set.jsonl:9: `text` is neither text, nor a list of turns, nor a list of token ids

    by sequence length
    tokens  packed  padded in eights  padded in full  samples cut  tokens cut  attention
       512    85 %              61 %            60 %         29 %        44 %       80 %
     1,024    93 %              45 %            40 %         14 %        25 %       65 %

    rates on this machine

    note: text of a sample: text
    --- stderr
    to plan with it: outlay data scan set.jsonl … --json > scan.json, `scan = "scan.json"` under [data] in job.toml, outlay plan job.toml
    "#);
}

#[test]
fn json_is_the_scan() {
    let output = place().output(&["data", "scan", "set.jsonl", "--tokenizer", ".", "--json"]);
    let scan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (scan["version"].as_u64(), scan["samples"].as_u64(), scan["tokens"].as_u64()),
        (Some(1), Some(7), Some(3840))
    );
    assert_eq!(scan["tokenizer"]["vocab_size"], 3);
    assert_eq!(scan["sequence"].as_array().map(Vec::len), Some(7));
    assert!(output.stderr.is_empty());
}

#[test]
fn without_a_tokenizer_it_is_an_estimate() {
    let shown = without_figures(&place().run(&["data", "scan", "set.jsonl"]));
    assert!(shown.contains("about # k tokens") || shown.contains("about # tokens"), "{shown}");
    assert!(shown.contains("--tokenizer"), "{shown}");
}

#[test]
fn broken_files_are_all_named() {
    let place = Place::new().file("set/a.parquet", "no").file("set/b.jsonl", "{\"x\": 1}\n");
    let shown = place.run(&["data", "scan", "set"]);
    assert!(shown.starts_with("status 2\n"), "{shown}");
    for word in ["a.parquet", "b.jsonl:1", "`x`", "--field", "2 faults", "help:"] {
        assert!(shown.contains(word), "no `{word}` in:\n{shown}");
    }
    assert!(!shown.contains("panicked"), "{shown}");
}
