//! The published score: regenerated to the same bytes, and within its targets.

use std::sync::LazyLock;

use accuracy::evidence::Evidence;
use accuracy::score::TableScore;
use accuracy::validate::Report;

static REPORT: LazyLock<Report> = LazyLock::new(|| accuracy::fit::report(&Evidence::committed()));

fn committed(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn table(name: &str) -> &'static TableScore {
    REPORT.tables.get(name).unwrap_or_else(|| panic!("no table {name}"))
}

#[test]
fn the_scoreboard_is_the_committed_one() {
    let board = accuracy::scoreboard::render(&REPORT);
    assert!(board == committed("accuracy/SCOREBOARD.md"), "stale: run `cargo xtask figures`");
}

#[test]
fn the_page_is_the_committed_one() {
    let page = accuracy::page::render(&REPORT);
    assert!(page == committed("docs/accuracy.md"), "stale: run `cargo xtask figures`");
}

#[test]
fn the_readme_gives_these_figures() {
    let figures = accuracy::page::figures(&REPORT).expect("every table is there");
    let readme = committed("README.md");
    if std::env::var_os("OUTLAY_UPDATE").is_some() {
        let (before, rest) = readme.split_once("As committed:").expect("the paragraph");
        let (_, after) = rest.split_once("\n\n").expect("its end");
        let path = format!("{}/../README.md", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, format!("{before}{figures}\n\n{after}")).expect("a file that can be written");
        return;
    }
    assert!(readme.contains(&figures), "stale: run `cargo xtask figures`; the README should say\n{figures}");
}

#[test]
fn constants_are_few() {
    let rows = REPORT.left_out["model"].scored;
    assert!(REPORT.constants * 10 <= rows, "{} constants for {rows} rows", REPORT.constants);
}

#[test]
fn the_calibration_is_the_fitted_one() {
    let fitted = accuracy::fit::calibration(&Evidence::committed());
    let path = "crates/outlay-catalog/data/calibration.toml";
    assert!(fitted == committed(path), "stale: run `cargo xtask figures`");
}

#[test]
fn memory_is_within_its_target() {
    let tracked = table("memory_tracked");
    assert_eq!(tracked.scored, tracked.rows);
    assert!(tracked.median_abs_pct.is_some_and(|x| x <= 3.0), "{:?}", tracked.p90_abs_pct);
    assert!(tracked.p90_abs_pct.is_some_and(|x| x <= 8.0), "{:?}", tracked.p90_abs_pct);
}

#[test]
fn step_time_is_within_its_target() {
    let throughput = table("throughput");
    assert!(throughput.scored * 100 >= throughput.rows * 92, "{} of {}", throughput.scored, throughput.rows);
    assert!(throughput.median_abs_pct.is_some_and(|x| x <= 9.0), "{:?}", throughput.median_abs_pct);
    for (what, most) in [("model", 10.0), ("source", 14.0)] {
        let left_out = &REPORT.left_out[what];
        assert!(left_out.median_abs_pct.is_some_and(|x| x <= most), "{what}: {:?}", left_out.median_abs_pct);
        assert!(left_out.coverage80.is_some_and(|x| (0.75..=0.87).contains(&x)), "{what}: {:?}", left_out.coverage80);
    }
}

#[test]
fn counts_are_exact() {
    for name in ["params", "params_active", "lora_params"] {
        let wrong: Vec<_> =
            table(name).predictions.iter().filter(|row| row.predicted != row.measured).map(|row| &row.id).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
    assert_eq!(table("lora_params").scored, table("lora_params").rows);
}
