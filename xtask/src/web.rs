//! The page: the engine as WebAssembly, its bindings, the bundle in `web/dist`, its tests in a real browser.
//!
//! `web/dist` is committed, so that whoever builds the server needs Rust alone; `--check` builds it again and compares
//! bytes. Paths are mapped away, so the engine's bytes depend on the compiler's version and nothing else of a machine; under
//! another compiler than the one named in `web/dist/compiler.txt` only the rest is compared.
//!
//! The bindings come from a library of fifty crates behind the feature `web`: this program starts itself again with it, so
//! that nobody pays for it who only wants the other steps.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const CRATE: &str = "outlay_wasm";
/// The one file whose bytes belong to the compiler.
const ENGINE: &str = "engine.wasm";
/// Which compiler that was.
const COMPILER: &str = "compiler.txt";

/// `cargo xtask web [--check | --test]`.
pub(crate) fn run(root: &Path, what: Option<&str>) -> Result<(), String> {
    if !cfg!(feature = "web") {
        let mut again = cargo(root);
        again.args(["run", "--quiet", "--locked", "--package", "xtask", "--features", "web"]);
        again.args(["--target-dir", "target/web", "--", "web"]).args(what);
        return done(again);
    }
    match what {
        None => build(root, &root.join("web/dist")),
        Some("--check") => check(root),
        Some("--test") => test(root),
        Some(other) => Err(format!("{other} is neither --check nor --test")),
    }
}

fn build(root: &Path, out: &Path) -> Result<(), String> {
    let web = root.join("web");
    let compiler = engine(root)?;
    packages(&web)?;
    let mut bundle = npm(&web)?;
    bundle.args(["run", "build", "--", "--emptyOutDir", "--outDir"]).arg(out);
    done(bundle)?;
    fs::write(out.join(COMPILER), compiler).map_err(|e| e.to_string())
}

/// Compiles the engine and makes its bindings; says with which compiler.
fn engine(root: &Path) -> Result<String, String> {
    let sysroot = said(Command::new("rustc").args(["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).exists() {
        let mut add = Command::new("rustup");
        add.args(["target", "add", TARGET]).current_dir(root);
        done(add)?;
    }
    let home = std::env::var("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cargo")));
    let home = home.map_err(|_| "neither CARGO_HOME nor HOME is set")?;
    let mapped = [format!("{}=/cargo", home.display()), format!("{}=/outlay", root.display())];
    let flags = mapped.map(|map| format!("--remap-path-prefix={map}")).join("\u{1f}");
    let mut compile = cargo(root);
    compile.args(["build", "--locked", "--package", "outlay-wasm", "--profile", "wasm", "--target", TARGET]);
    compile.args(["--target-dir", "target/web"]).env("CARGO_ENCODED_RUSTFLAGS", flags);
    done(compile)?;
    let compiled = root.join("target/web").join(TARGET).join("wasm").join(CRATE).with_extension("wasm");
    bind(&compiled, &root.join("web/src/engine"))?;
    said(Command::new("rustc").arg("--version"))
}

#[cfg(feature = "web")]
fn bind(compiled: &Path, out: &Path) -> Result<(), String> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(compiled).typescript(true).remove_name_section(true).remove_producers_section(true);
    let made = bindgen.web(true).and_then(|bindgen| bindgen.generate(out));
    made.map_err(|e| format!("the bindings could not be made: {e:#}"))
}

#[cfg(not(feature = "web"))]
fn bind(_: &Path, _: &Path) -> Result<(), String> {
    Err("this program was built without the feature web".into())
}

/// Installs what the lock file names, unless it is there already.
fn packages(web: &Path) -> Result<(), String> {
    let lock = fs::read(web.join("package-lock.json")).map_err(|e| format!("web/package-lock.json: {e}"))?;
    let stamp = web.join("node_modules/.installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let mut install = npm(web)?;
    install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    done(install)?;
    fs::write(stamp, lock).map_err(|e| e.to_string())
}

fn check(root: &Path) -> Result<(), String> {
    let again = root.join("target/web/dist");
    build(root, &again)?;
    let (committed, built) = (tree(&root.join("web/dist"))?, tree(&again)?);
    let same_compiler = committed.get(COMPILER) == built.get(COMPILER);
    if !same_compiler {
        eprintln!("another compiler than that of web/dist: its {ENGINE} is not compared");
    }
    // A smaller copy belongs to the compressor's version; a test unpacks it.
    let belongs = |name: &str| !name.ends_with(".br") && (same_compiler || (name != ENGINE && name != COMPILER));
    let names: std::collections::BTreeSet<&String> = committed.keys().chain(built.keys()).collect();
    let differing: Vec<&str> = names
        .into_iter()
        .filter(|name| belongs(name) && committed.get(*name) != built.get(*name))
        .map(String::as_str)
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!("web/dist is not what its sources make: {}\nrun `cargo xtask web` and commit", differing.join(", ")))
}

/// Every file below a folder, by its name within.
fn tree(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
                found.insert(name, fs::read(&path).map_err(|e| e.to_string())?);
            }
        }
    }
    Ok(found)
}

/// The committed page in a browser; installs Debian's Chromium where there is none.
fn test(root: &Path) -> Result<(), String> {
    let web = root.join("web");
    packages(&web)?;
    crate::product::built(root)?;
    if std::env::var_os("CHROMIUM").is_none() && !Path::new("/usr/bin/chromium").exists() {
        eprintln!("no Chromium: installing Debian's (set CHROMIUM to use another browser)");
        let mut update = Command::new("apt-get");
        update.args(["update", "-qq"]);
        done(update)?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends", "chromium"]);
        done(install)?;
    }
    let mut tests = npm(&web)?;
    tests.arg("test");
    done(tests)
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    command
}

fn npm(web: &Path) -> Result<Command, String> {
    let missing = |_| "npm is missing: the page is built with Node 20.19 or later (https://nodejs.org)".to_string();
    said(Command::new("npm").arg("--version")).map_err(missing)?;
    let mut command = Command::new("npm");
    command.current_dir(web);
    Ok(command)
}

fn done(mut command: Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("failed: {command:?}")) }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}
