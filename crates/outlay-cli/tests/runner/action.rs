//! The script of the GitHub Action and the pre-commit hook: changed, new, removed and renamed jobs, whatever their names hold.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::root;

const JOB: &str = "[model]\nbase = \"llama-3.2-1b\"\n[method]\nkind = \"lora\"\n[data]\ntokens = \"6M\"\n[hardware]\naccelerators = [\"a10g\"]\n";
/// A name that a shell would run if it ever read it.
const NASTY: &str = "d/$(touch pwned);`id` x.outlay.toml";

fn git(folder: &Path, args: &[&str]) {
    let settings = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(settings).args(args).current_dir(folder).output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a working test place");
    std::fs::write(path, text).expect("a working test place");
}

/// A repository with a change of every kind.
fn repository() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a working test place");
    let folder = place.path();
    git(folder, &["init", "-q"]);
    for name in ["a.outlay.toml", "gone.outlay.toml", NASTY] {
        write(folder, name, &format!("# {name}\n{JOB}"));
    }
    let moved = format!("# moved\n{JOB}\n[limits]\ndeadline = \"48h\"\n");
    write(folder, "moved.outlay.toml", &moved);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "before"]);
    git(folder, &["tag", "base"]);
    write(folder, "a.outlay.toml", &JOB.replace("6M", "60M"));
    write(folder, NASTY, &JOB.replace("6M", "7M"));
    // Nothing like the one that goes, so that it is no renaming.
    write(
        folder,
        "-new.outlay.toml",
        "model.base = \"mistral-7b-v0.1\"\ndata.tokens = \"3M\"\n\n[hardware]\ngpus = 1\n\n[goal]\nminimize = \"time\"\n",
    );
    write(folder, "unrelated.toml", "x = 1\n");
    git(folder, &["rm", "-q", "gone.outlay.toml"]);
    git(folder, &["mv", "moved.outlay.toml", "to here.outlay.toml"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "after"]);
    place
}

fn run(folder: &Path, settings: &[(&str, &str)], args: &[&str]) -> (Output, String) {
    let output = Command::new("bash")
        .arg(root().join("scripts/action.sh"))
        .args(args)
        .current_dir(folder)
        .env("OUTLAY", env!("CARGO_BIN_EXE_outlay"))
        .env("OUTLAY_TODAY", "2026-11-24")
        .env("BASE", "base")
        .env_remove("GITHUB_STEP_SUMMARY")
        .envs(settings.iter().copied())
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn every_kind_of_change_is_told() {
    let place = repository();
    let summary = place.path().join(".git/summary.md");
    let (output, text) = run(place.path(), &[("GITHUB_STEP_SUMMARY", summary.to_str().expect("a path"))], &[]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for head in [
        "### `a.outlay.toml`\n",
        "### `-new.outlay.toml`, new\n",
        "### `gone.outlay.toml`, removed\n",
        "### `to here.outlay.toml`, renamed\n",
        "### `d/$(touch pwned);'id' x.outlay.toml`\n",
    ] {
        assert!(text.contains(head), "{head} in {text}");
    }
    assert!(text.contains("| data.tokens | 6M | 60M |") && !text.contains("unrelated"), "{text}");
    assert_eq!(std::fs::read_to_string(summary).expect("a summary"), text);
    assert!(!place.path().join("pwned").exists() && !place.path().join("d/pwned").exists());
}

#[test]
fn growth_and_budget_are_the_status() {
    let place = repository();
    let status = |settings: &[(&str, &str)], args: &[&str]| run(place.path(), settings, args).0.status.code();
    assert_eq!(status(&[("FAIL_OVER", "10%")], &[]), Some(1));
    assert_eq!(status(&[("FAIL_OVER", "10%")], &["to here.outlay.toml"]), Some(0));
    assert_eq!(status(&[("BUDGET", "$0.01")], &["a.outlay.toml"]), Some(1));
    assert_eq!(status(&[("BUDGET", "$100")], &["a.outlay.toml"]), Some(0));
    write(place.path(), "a.outlay.toml", "[model]\nbase = 7\n");
    git(place.path(), &["commit", "-q", "-am", "broken"]);
    let (output, text) = run(place.path(), &[], &[]);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("error[wrong-type]"), "{text}");
}
