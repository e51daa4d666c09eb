//! Job files as they come: never a panic, and what was read is written back the same.

use outlay::catalog::Catalog;
use outlay::request::Request;
use proptest::prelude::*;

const JOBS: &[&str] = &[
    include_str!("../../../examples/llama-3.1-8b-qlora.toml"),
    include_str!("../../../examples/mistral-7b-guide-a10g.toml"),
    include_str!("../../../examples/llama-3.1-8b-full.toml"),
    include_str!("../../../examples/mixtral-8x7b-pretrain.toml"),
];

/// What is put in the place of a value or between characters.
const PIECES: &[&str] = &[
    "0",
    "-1",
    "1e30",
    "nan",
    "inf",
    "true",
    "\"\"",
    "\"*\"",
    "[]",
    "[0]",
    "{}",
    "\"1e400 GB\"",
    "18446744073709551615",
    "\"llama-3.1-8b\"",
    "\"h100\"",
    "\"9 parsecs\"",
    "\"\\u0000\"",
    "\n[model]\n",
    "=",
    "#",
    "é",
    "\"$-5\"",
    "1.5",
];

/// One slip: a piece in the place of a value, or at some character, or a run of characters lost.
fn slip(text: &str, kind: u8, at: prop::sample::Index, piece: &str, length: usize) -> String {
    match kind {
        0 => {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let line = at.index(lines.len());
            if let Some((key, _)) = lines[line].split_once('=') {
                lines[line] = format!("{key}= {piece}");
            }
            lines.join("\n")
        }
        1 => {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let place = places[at.index(places.len())];
            format!("{}{piece}{}", &text[..place], &text[place..])
        }
        _ => {
            let chars: Vec<char> = text.chars().collect();
            let from = at.index(chars.len());
            chars[..from].iter().chain(chars.iter().skip(from + length)).collect()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a job file is bent, it gets an answer or problems that each say where and what.
    #[test]
    fn bent_jobs_get_an_answer_or_problems(
        job in prop::sample::select(JOBS),
        slips in prop::collection::vec((0u8..3, any::<prop::sample::Index>(), prop::sample::select(PIECES), 1usize..30), 1..4),
    ) {
        let bent = slips.into_iter().fold(job.to_owned(), |text, (kind, at, piece, length)| slip(&text, kind, at, piece, length));
        let catalog = Catalog::built_in();
        let problems = match outlay::parse(&bent) {
            Err(problems) => problems,
            Ok(request) => match outlay::exact(&request, &catalog) {
                Err(problems) => problems,
                Ok((_, forecast)) => {
                    prop_assert!(forecast.step_time.mid.get() > 0.0 && forecast.step_time.mid.get().is_finite());
                    return Ok(());
                }
            },
        };
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!(!problem.at.is_empty() && !problem.message.is_empty(), "{problem:?}");
        }
    }

    /// A request written as TOML or JSON is read back the same.
    #[test]
    fn requests_survive_being_written(
        base in "[a-z0-9.-]{1,20}",
        epochs in prop::option::of(0.001f64..1000.0),
        batch in prop::option::of(1u64..10_000),
        rank in prop::option::of(1u64..512),
        gpus in prop::option::of(1u64..4096),
        names in prop::collection::vec("[a-z0-9*-]{1,10}", 0..4),
        packing in prop::option::of(any::<bool>()),
    ) {
        let mut request = Request::default();
        request.model.base = Some(base);
        request.data.epochs = epochs;
        request.data.packing = packing;
        request.train.global_batch = batch;
        request.method.rank = rank;
        request.hardware.gpus = gpus;
        request.hardware.accelerators = names;
        let text = toml::to_string(&request).expect("a request can be written");
        prop_assert_eq!(outlay::parse(&text).expect("and read"), request.clone());
        let json = serde_json::to_value(&request).expect("a request can be written");
        prop_assert_eq!(outlay::from_json(&json.to_string()).expect("and read"), request);
    }
}

/// Any key of a job with any extreme for its value: an answer or problems, and the same of the answer's figures.
#[test]
fn extremes_get_an_answer_or_problems() {
    let (catalog, job) = (Catalog::built_in(), outlay::parse(JOBS[0]).expect("an example"));
    let whole = serde_json::to_value(&job).expect("JSON");
    let extremes = serde_json::json!([
        0,
        1,
        3,
        -1,
        0.5,
        1e-308,
        1e19,
        1e308,
        u64::MAX,
        "",
        "0",
        "1e400",
        "-5",
        "9".repeat(400),
        "\u{0}",
        true,
        [],
        {}
    ]);
    for (section, keys) in whole.as_object().expect("sections") {
        for key in keys.as_object().into_iter().flat_map(serde_json::Map::keys) {
            for extreme in extremes.as_array().expect("a list") {
                let mut bent = whole.clone();
                bent["hardware"]["accelerators"] = serde_json::json!(["rtx-4090"]);
                bent["hardware"]["gpus"] = serde_json::json!(1);
                bent[section][key] = extreme.clone();
                let Ok(request) = outlay::from_value(&bent) else { continue };
                let asked = std::panic::catch_unwind(|| outlay::estimate(&request, &catalog, "2026-11-24").map(drop));
                assert!(asked.is_ok(), "{section}.{key} = {extreme} breaks it");
            }
        }
    }
}

/// A list would be read as a table's values in their order.
#[test]
fn tables_are_no_lists() {
    for (section, key) in [("train", "sweep"), ("train", "early_stopping"), ("model", "custom")] {
        let job = serde_json::json!({ section: { key: [null, null] } });
        let problems = outlay::from_value(&job).expect_err("a list");
        assert!(problems.len() == 1 && problems[0].message.contains("no table"), "{problems:?}");
        assert!(outlay::from_value(&serde_json::json!({ section: { key: null } })).is_ok());
    }
}

#[test]
fn a_job_file_reads_back_as_the_request_it_says() {
    for job in JOBS {
        let request = outlay::parse(job).expect("an example");
        let text = outlay::job_file(&request).expect("what came from a job file fits into one");
        assert_eq!(outlay::parse(&text), Ok(request), "{text}");
    }
    let config = serde_json::json!({ "hidden_size": 64, "pad_token_id": null });
    let mut request = Request::default();
    request.model.config = Some(config);
    let problems = outlay::job_file(&request).expect_err("null has no words in TOML");
    assert!(problems[0].help[0].contains("model.base"), "{problems:?}");
}

#[test]
fn the_keys_of_a_lever_take_its_step() {
    let catalog = Catalog::built_in();
    let request = outlay::parse(JOBS[0]).expect("an example");
    let levers = outlay::levers(&request, &catalog).expect("an example").levers;
    let twice = levers.iter().find(|lever| lever.change.starts_with("3 → 6")).expect("twice the passes");
    assert_eq!(twice.set.get("data.epochs"), Some(&serde_json::json!(6.0)), "{:?}", twice.set);
    assert!(levers.iter().all(|lever| !lever.set.is_empty()));
}
