//! The viewer with large files: made, opened in a browser, measured.

use crate::dist;
use crate::package::fresh;
use crate::run::{cargo, output, program, root, run};
use crate::tools;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

/// What is made of how many, and the name of the file.
const FILES: [(&str, &str, &str); 3] =
    [("keys", "1000000", "1m-keys.rdb"), ("keys", "10000000", "10m-keys.rdb"), ("bytes", "5368709120", "5-gib.rdb")];

/// Makes the files in a temporary folder, has them measured, and takes them away.
pub fn scale() -> Result<()> {
    let chromium = tools::chromium().context("there is no chromium; CHROME may name one")?;
    dist::site()?;
    let tests = root().join("tests/js");
    tools::node_modules(&tests)?;
    let folder = Folder(std::env::temp_dir().join(format!("aikv-scale-{}", std::process::id())));
    fresh(&folder.0)?;
    run(cargo(["build", "--release", "--example", "scale_dump"]).args(["--target-dir", "target"]))?;
    let measure = |args: &[&OsStr]| {
        let mut command = program("node");
        command.current_dir(&tests).arg("scale.mjs").args(args);
        run(command.env("CHROME", &chromium).env("AIKV_SITE", root().join("dist/site")))
    };
    measure(&[])?;
    for (what, count, name) in FILES {
        let path = folder.0.join(name);
        let written = output(program(root().join("target/release/examples/scale_dump")).args([what, count]).arg(&path))?;
        let [keys, name_bytes, _] = written.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("scale_dump: expected three numbers, not {written}");
        };
        measure(&[path.as_os_str(), keys.as_ref(), name_bytes.as_ref()])?;
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
