//! What needs a nightly toolchain: Miri and fuzzing.

use crate::run::{cargo, line, output, program, root, run};
use crate::suite::Done;
use crate::tally::Tally;
use crate::tools::{self, is_ci};
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;
use std::thread;

/// Seconds that each fuzz target runs, unless `AIKV_FUZZ_SECONDS` says otherwise.
const FUZZ_SECONDS: u64 = 10;

/// The targets that Miri interprets, and the unit tests that matter there. Those of jobs and
/// models know neither the order nor the number of a word's bytes. Replay and tables of slots are
/// plain loops without a dependency below them, and minutes of them.
const MIRI: [(&str, &[&str]); 3] = [
    ("", &["--skip", "model::replay::", "--skip", "jobs::slots::"]),
    ("s390x-unknown-linux-gnu", &["wire::", "pack::", "rdb::", "aof::", "error::"]),
    ("i686-unknown-linux-gnu", &["wire::", "pack::"]),
];

/// The name of a nightly toolchain, if there is one.
fn toolchain() -> Result<Option<String>> {
    let toolchains = output(program("rustup").args(["toolchain", "list"]))?;
    let names = toolchains.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.into_iter().find(|name| name.starts_with("nightly")).map(str::to_owned))
}

fn no_toolchain() -> Done {
    Done::Skipped("there is no nightly toolchain".into())
}

/// Cargo of another toolchain than that which runs this.
fn cargo_of(toolchain: &str) -> Command {
    let mut command = program("cargo");
    command.arg(format!("+{toolchain}"));
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC"] {
        command.env_remove(variable);
    }
    command
}

/// Interprets the core's unit tests, where undefined behaviour of a dependency would show.
pub fn miri(tests: &mut Tally) -> Result<Done> {
    let Some(toolchain) = toolchain()? else { return Ok(no_toolchain()) };
    let mut add = program("rustup");
    add.args(["component", "add", "--toolchain", &toolchain, "miri", "rust-src"]);
    if !add.status().with_context(|| format!("cannot start {}", line(&add)))?.success() {
        return Ok(Done::Skipped(format!("{toolchain} has no Miri here")));
    }
    for (target, filters) in MIRI {
        let mut command = cargo_of(&toolchain);
        command.args(["miri", "test", "--no-default-features", "--lib"]);
        if !target.is_empty() {
            command.args(["--target", target]);
        }
        tests.run(command.arg("--").args(filters))?;
    }
    Ok(Done::Passed)
}

/// Runs one fuzz target.
fn fuzzer(toolchain: &str, name: &str, seconds: u64) -> Command {
    let mut command = cargo_of(toolchain);
    command.args(["fuzz", "run", name, "--", &format!("-max_total_time={seconds}"), "-timeout=5"]);
    command.args(["-max_len=65536", "-rss_limit_mb=1024", "-malloc_limit_mb=64"]);
    match name {
        "aof" => command.arg("-dict=fuzz/aof.dict"),
        "manifest" => command.arg("-dict=fuzz/manifest.dict"),
        "replay" => command.arg("-dict=fuzz/replay.dict"),
        "lzf" | "unpack" => &mut command,
        _ => command.arg("-dict=fuzz/rdb.dict"),
    };
    command
}

/// Runs every fuzz target for a while.
pub fn fuzz() -> Result<Done> {
    let Some(toolchain) = toolchain()? else { return Ok(no_toolchain()) };
    if tools::find("cargo-fuzz").is_none() {
        if !is_ci() {
            return Ok(Done::Skipped("there is no cargo-fuzz; `cargo install cargo-fuzz --locked` installs it".into()));
        }
        run(&mut cargo(["install", "cargo-fuzz", "--locked"]))?;
    }
    let seconds = match std::env::var("AIKV_FUZZ_SECONDS") {
        Ok(seconds) => seconds.parse().context("AIKV_FUZZ_SECONDS: expected a number")?,
        Err(_) => FUZZ_SECONDS,
    };
    run(&mut cargo(["run", "--manifest-path", "fuzz/Cargo.toml", "--example", "seeds"]))?;
    let targets = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&targets).with_context(|| format!("cannot read {}", targets.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    run(cargo_of(&toolchain).args(["fuzz", "build"]))?;
    // Each keeps one processor busy.
    for pair in names.chunks(2) {
        thread::scope(|scope| {
            let running: Vec<_> = pair.iter().map(|name| scope.spawn(|| run(&mut fuzzer(&toolchain, name, seconds)))).collect();
            running.into_iter().try_for_each(|one| one.join().expect("running a program does not panic"))
        })?;
    }
    Ok(Done::Passed)
}
