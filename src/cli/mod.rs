//! The `aikv` command: what is typed, what is printed, and exit codes.

mod args;
mod check;
mod convert;
mod deviations;
mod diff;
mod diff_text;
mod export;
mod failure;
mod filter;
#[cfg(not(target_family = "wasm"))]
mod http;
mod info;
mod info_log;
mod input;
mod keys;
mod lines;
mod log_folder;
mod losses;
mod merge;
mod names;
mod needs;
mod output;
#[cfg(not(target_family = "wasm"))]
mod page;
mod print;
mod progress;
mod repair;
mod repair_log;
mod replay;
mod scratch;
mod show;
mod show_module;
mod show_text;
mod source;
mod split;
mod staged_folder;
mod through;
mod units;
#[cfg(not(target_family = "wasm"))]
mod view;

use crate::jobs::Seed;
use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::prelude::rust_2024::*;
use std::process::ExitCode;

/// Runs the command that the process was called with.
///
/// Exit codes: 0 done, nothing wrong; 1 done, and there is something to report;
/// 2 wrong usage; 3 the input cannot be read, or the output not written; 4 refused, and what for was listed.
#[must_use]
pub fn main() -> ExitCode {
    #[cfg(target_os = "wasi")]
    enter_folder();
    // Wrong usage ends the process here, with 2.
    let cli = Cli::parse();
    match see_full_files().and_then(|()| run(cli.command)) {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Ok(Outcome::Refused) => ExitCode::from(4),
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result {
    match command {
        Command::Info(args) => info::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Filter(args) => filter::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Split(args) => split::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Repair(args) => repair::run(&args),
        #[cfg(not(target_family = "wasm"))]
        Command::View(args) => view::run(&args),
    }
}

/// A WebAssembly module starts in no folder: names count from the one that `PWD` tells.
#[cfg(target_os = "wasi")]
fn enter_folder() {
    if let Some(folder) = std::env::var_os("PWD") {
        // Where that fails, whole paths still work.
        let _ = std::env::set_current_dir(folder);
    }
}

/// Makes a limit on the size of files an error that is told, where it would end the process.
#[cfg(unix)]
fn see_full_files() -> Result<()> {
    let done = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
    done.map(drop).map_err(Failure::Signal)
}

#[cfg(not(unix))]
fn see_full_files() -> Result<()> {
    Ok(())
}

/// What hashes of names are keyed with: whoever made the file must not know it.
fn random_seed() -> Result<Seed> {
    let word = || getrandom::u64().map_err(|error| Failure::Random(error.to_string()));
    Ok([word()?, word()?])
}

/// How a command that was carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing wrong.
    Clean,
    /// There is something to report.
    Found,
    /// Nothing was written; what for was listed.
    Refused,
}

type Result<T = Outcome> = core::result::Result<T, Failure>;
