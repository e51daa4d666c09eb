//! A measurement of the user's own moves the forecast towards it and narrows the interval.

use serde_json::Value;

use crate::harness::run;

const JOB: [&str; 11] =
    ["estimate", "--model", "llama-3.1-8b", "--gpu", "h100-sxm", "--gpus", "8", "--seq-len", "4096", "--steps", "100"];

fn step(more: &[&str]) -> (f64, f64) {
    let mut args: Vec<&str> = JOB.to_vec();
    args.extend(more);
    args.push("--json");
    let shown = run(&args);
    let json = shown.split("--- stdout\n").nth(1).unwrap_or_else(|| panic!("{shown}"));
    let json: Value = serde_json::from_str(json.split("--- stderr").next().unwrap_or(json))
        .unwrap_or_else(|e| panic!("{e}: {shown}"));
    let step = &json["pick"]["step_s"];
    let figure = |name: &str| step[name].as_f64().unwrap_or_else(|| panic!("{step}"));
    (figure("mid"), figure("high") / figure("low"))
}

#[test]
fn a_measurement_moves_and_narrows() {
    let (before, wide) = step(&[]);
    let measured = format!("step_time={:.4}s", before * 1.2);
    let (after, narrow) = step(&["--observed", &measured]);
    assert!(after > before * 1.1 && after < before * 1.2, "{before} {after}");
    assert!(narrow < 1.2 && narrow < wide, "{wide} {narrow}");
    // Measured on other machines, it carries less.
    let elsewhere = format!("step_time={:.4}s,gpus=16", before * 0.6);
    let (_, carried) = step(&["--observed", &elsewhere]);
    assert!(carried > narrow && carried < wide, "{narrow} {carried} {wide}");
}

#[test]
fn a_slip_of_units_is_refused() {
    let shown = run(&[&JOB[..], &["--observed", "tokens_per_s=12"]].concat());
    assert!(shown.starts_with("status 2") && shown.contains("of one accelerator"), "{shown}");
    let shown = run(&[&JOB[..], &["--observed", "speed=12"]].concat());
    assert!(shown.starts_with("status 2") && shown.contains("tokens_per_s"), "{shown}");
}
