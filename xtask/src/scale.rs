//! The viewer with large files: made, opened in a browser, measured.

use crate::package::{self, fresh};
use crate::run::{cargo, output, program, root, run};
use crate::tools;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// What is made of how many, and the name of the file.
const FILES: [(&str, &str, &str); 2] = [("keys", "10000000", "10m-keys.rdb"), ("bytes", "5368709120", "5-gib.rdb")];

/// Makes the files in a temporary folder, has them measured, and takes them away.
pub fn scale() -> Result<()> {
    let chromium = tools::chromium().context("there is no chromium; CHROME may name one")?;
    package::site()?;
    let tests = root().join("tests/js");
    tools::node_modules(&tests)?;
    let folder = Folder(std::env::temp_dir().join(format!("aikv-scale-{}", std::process::id())));
    fresh(&folder.0)?;
    run(cargo(["build", "--release", "--example", "scale_dump"]).args(["--target-dir", "target"]))?;
    for (what, count, name) in FILES {
        let path = folder.0.join(name);
        let written = output(program(root().join("target/release/examples/scale_dump")).args([what, count]).arg(&path))?;
        // Keys, and bytes of their names.
        let counts = written.split_whitespace().take(2);
        let mut command = program("node");
        command.current_dir(&tests).arg("scale.mjs").arg(&path).args(counts);
        run(command.env("CHROME", &chromium).env("AIKV_SITE", root().join("dist/site")))?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// A folder that is taken away at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}
