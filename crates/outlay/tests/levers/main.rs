//! Every lever is an input that moves the forecast the way its mechanism says.
//!
//! A case is a job, a change of it, and a direction for each figure that the mechanism decides: `+`, `-`, `=`, or nothing
//! where it says nothing. The table of levers in `docs/concepts` names these cases; a test holds the two together.

mod cases;

use outlay::catalog::Catalog;
use outlay::response::Response;

/// What a case looks at.
#[derive(Debug, Clone, Copy)]
struct Figures {
    cost: f64,
    hours: f64,
    memory: f64,
    loss: f64,
    carbon: Option<f64>,
}

fn ask(job: &str) -> Result<Figures, String> {
    let told = |problems: Vec<outlay::Problem>| format!("{job}\n{problems:?}");
    let request = outlay::parse(job).map_err(told)?;
    let answer: Response = outlay::plan(&request, &Catalog::built_in(), "2026-11-24").map_err(told)?;
    let pick = answer.pick.ok_or(answer.verdict)?;
    Ok(Figures {
        cost: pick.cost_usd.expect("a price").mid,
        hours: pick.hours.mid,
        memory: pick.memory_gib,
        loss: answer.quality.loss.mid,
        carbon: pick.carbon_kg,
    })
}

/// Lays a change over a job: keys of both are merged, section by section.
fn merged(base: &str, change: &str) -> String {
    let mut table: toml::Table = base.parse().expect("a job");
    for (section, content) in change.parse::<toml::Table>().expect("a change") {
        match (table.get_mut(&section), content) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => {
                for (key, value) in new {
                    if value.as_str() == Some("(left out)") {
                        old.remove(&key);
                    } else {
                        old.insert(key, value);
                    }
                }
            }
            (_, content) => {
                table.insert(section, content);
            }
        }
    }
    toml::to_string(&table).expect("a job")
}

fn moved(sign: char, before: f64, after: f64) -> bool {
    let relative = (after - before) / before.abs().max(1e-12);
    match sign {
        '+' => relative > 1e-6,
        '-' => relative < -1e-6,
        _ => relative.abs() < 1e-9,
    }
}

#[test]
fn every_lever_moves_the_forecast_its_way() {
    let mut wrong = Vec::new();
    for case in cases::CASES {
        let base = merged(case.base, case.from);
        let (before, after) = match (ask(&base), ask(&merged(&base, case.change))) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) | (_, Err(why)) => {
                wrong.push(format!("{}: {why}", case.name));
                continue;
            }
        };
        for expected in case.expected.split_whitespace() {
            let (figure, sign) = expected.split_at(expected.len() - 1);
            let sign = sign.chars().next().unwrap_or('=');
            let (one, other) = match figure {
                "cost" => (before.cost, after.cost),
                "time" => (before.hours, after.hours),
                "memory" => (before.memory, after.memory),
                "loss" => (before.loss, after.loss),
                "carbon" => (before.carbon.unwrap_or(f64::NAN), after.carbon.unwrap_or(f64::NAN)),
                other => panic!("{}: no figure {other}", case.name),
            };
            if !moved(sign, one, other) {
                wrong.push(format!("{}: {figure} from {one} to {other}, {sign} expected", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases::CASES.len(), wrong.join("\n"));
}

/// The table of levers: every row of it names keys that exist, a page that exists and a case of this test.
#[test]
fn the_table_of_levers_is_whole() {
    let text = include_str!("../../../../docs/concepts/README.md");
    let schema = outlay::schema::request();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| group") && !line.starts_with("|--"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 22, "{} rows", rows.len());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/concepts");
    let mut named: Vec<&str> = Vec::new();
    for row in &rows {
        let [_, lever, keys, _, tests, page] = row.as_slice() else { panic!("{row:?} has not six columns") };
        for key in keys.split(',').map(|key| key.trim().trim_matches('`')) {
            let last = key.rsplit('.').next().unwrap_or_default();
            assert!(schema.contains(&format!("\"{last}\"")), "{lever}: no key {key}");
        }
        for test in tests.split(',').map(|test| test.trim().trim_matches('`')) {
            assert!(cases::CASES.iter().any(|case| case.name == test), "{lever}: no case {test}");
            named.push(test);
        }
        let file = page.split('(').nth(1).and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        assert!(root.join(file).is_file(), "{lever}: no page {file}");
    }
    for case in cases::CASES {
        assert!(named.contains(&case.name), "no row names the case {}", case.name);
    }
}
