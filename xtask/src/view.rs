//! The viewer, built and served, in one command.

use crate::package;
use crate::run::{cargo, root, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Builds page and server, and serves until it is ended. What follows the
/// command is the server's to read: a file, `--no-open`, `--port N`.
pub fn view(args: &[String]) -> Result<ExitCode> {
    package::site()?;
    let server = server()?;
    // Where the command was typed, so that FILE means what its writer meant.
    let mut command = Command::new(&server);
    command.arg("view").args(args);
    let status = command.status().with_context(|| format!("cannot start {}", server.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the `aikv` command with the page inside; it only hands out files here, so it need not be a fast one.
pub fn server() -> Result<PathBuf> {
    run(cargo(["build", "--features", "page", "--bin", "aikv"]).args(["--target-dir", "target"]))?;
    Ok(root().join("target/debug").join(format!("aikv{}", std::env::consts::EXE_SUFFIX)))
}
