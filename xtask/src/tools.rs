//! What has to be on the machine, and how it gets there.

use crate::run::{output, program, run};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Adds a compilation target unless it is there.
pub fn target(triple: &str) -> Result<()> {
    let installed = output(program("rustup").args(["target", "list", "--installed"]));
    let installed = installed.with_context(|| format!("rustup is needed to add the target {triple}"))?;
    if installed.lines().any(|line| line == triple) {
        return Ok(());
    }
    run(program("rustup").args(["target", "add", triple]))
}

/// Where a program stands in the search path.
pub fn find(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let names = [name.to_string(), format!("{name}.exe"), format!("{name}.cmd")];
    std::env::split_paths(&paths)
        .flat_map(|path| names.iter().map(move |name| path.join(name)).collect::<Vec<_>>())
        .find(|path| path.is_file())
}

/// The browser of the viewer's tests: `CHROME`, or one of the usual names.
pub fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROME") {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find_map(find)
}

/// Whether this runs where a skip is a failure.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// npm with the packages of the tests installed as their lock file says.
pub fn node_modules(folder: &Path) -> Result<()> {
    let lock = folder.join("package-lock.json");
    let stamp = folder.join("node_modules/.package-lock.json");
    let is_current =
        |lock: &Path, stamp: &Path| Some(stamp.metadata().ok()?.modified().ok()? >= lock.metadata().ok()?.modified().ok()?);
    if is_current(&lock, &stamp) == Some(true) {
        return Ok(());
    }
    run(program("npm").current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))
}
