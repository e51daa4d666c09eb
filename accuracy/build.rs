//! Lists the evidence's model configs, so that the scorer carries them without reading a disk.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&root).join("evidence/configs");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    // By name without ending: the order in which the scorer searches.
    files.sort_by_key(|file| file.path().with_extension(""));
    let mut code = String::from("&[\n");
    for file in files {
        let path = file.path();
        let (Some(stem), Some(extension)) = (path.file_stem(), path.extension()) else { continue };
        if extension == "json" {
            writeln!(code, "({:?}, include_str!({:?})),", stem.to_string_lossy(), path.display().to_string())?;
        }
    }
    code.push_str("]\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("configs.rs"), code)?;
    Ok(())
}
