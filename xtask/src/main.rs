//! Builds, shows and tests aikv; does the set-up each of it needs.

mod dist;
mod faults;
mod nightly;
mod offline;
mod package;
mod run;
mod scale;
mod suite;
mod tally;
mod tools;
mod view;
mod weight;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask view [FILE] [--no-open] [--port N]   build the viewer, serve it on 127.0.0.1 and open FILE, or the sample, in it
cargo xtask test                                 run every check and test; with CI=true what cannot run is a failure
cargo xtask faults [WORDS]                       break what is under the writers: kills, full disks, failing calls, power cuts;
                                                 only the cases with WORDS in their names
cargo xtask scale                                measure the viewer: its start, 1 and 10 million keys, 5 GiB; needs 6 GB of disk
cargo xtask pkg                                  assemble the npm package in pkg/
cargo xtask site                                 assemble the viewer in dist/site/, as its source stands
cargo xtask dist                                 make what is handed out in dist/: the site, minified; the npm package; the command
                                                 with the page inside";

fn main() -> ExitCode {
    match command() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    if !matches!(command.as_deref(), Some("faults" | "view")) && !rest.is_empty() {
        bail!("unexpected argument {}\n{USAGE}", rest[0]);
    }
    match command.as_deref() {
        Some("view") => view::view(&rest),
        Some("test") => suite::test(),
        Some("faults") => faults::faults(&rest.join(" ")),
        Some("scale") => scale::scale().map(|()| ExitCode::SUCCESS),
        Some("pkg") => package::assemble().map(|()| ExitCode::SUCCESS),
        Some("dist") => dist::dist().map(|()| ExitCode::SUCCESS),
        Some("site") => package::site().map(|()| ExitCode::SUCCESS),
        _ => bail!("expected a command\n{USAGE}"),
    }
}
