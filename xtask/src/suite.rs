//! Every check and test of the project, in one command.

use crate::dist;
use crate::faults;
use crate::nightly;
use crate::run::{cargo, output, program, root, run};
use crate::tally::Tally;
use crate::tools::{self, is_ci};
use crate::view;
use anyhow::Result;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const BARE_METAL: &str = "thumbv7em-none-eabi";
const WASM: &str = "wasm32-unknown-unknown";

/// States of the disk, different from one another, in which each workload is opened at least, unless `AIKV_CRASH_STATES` says otherwise.
const CRASH_STATES: &str = "14000";

/// A file of tests in Node that takes longer has failed.
const FILE_OF_TESTS_MS: u64 = 900_000;

/// How a check ended, if it did not fail.
pub enum Done {
    Passed,
    Skipped(String),
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

struct Suite {
    tests: Tally,
    checks: Vec<(&'static str, Outcome, Duration)>,
}

/// Runs everything, says what came of it, and fails if anything did.
pub fn test() -> Result<ExitCode> {
    let mut suite = Suite { tests: Tally::default(), checks: Vec::new() };
    suite.check("set-up", |_| set_up());
    suite.check("servers", |_| servers());
    suite.check("format", |_| format());
    suite.check("clippy", |_| clippy());
    suite.check("clippy without features", |_| passed(lint(["--no-default-features", "--lib"])));
    suite.check("clippy of the wasm modules", |_| {
        for feature in ["wasm", "wasm-tools"] {
            run(&mut lint(["--no-default-features", "--features", feature, "--lib", "--target", WASM]))?;
        }
        Ok(Done::Passed)
    });
    suite.check("bare metal", |_| {
        run(&mut cargo(["check", "--no-default-features", "--lib", "--target", BARE_METAL]))?;
        passed(cargo(["check", "--no-default-features", "--features", "unpack", "--lib", "--target", BARE_METAL]))
    });
    suite.check("documentation", |_| {
        let mut command = cargo(["doc", "--no-deps", "--lib", "--features", "cli,wasm,wasm-tools"]);
        command.env("RUSTDOCFLAGS", "-Dwarnings");
        passed(command)
    });
    suite.check("tests of the library and the command", |tests| {
        let mut command = cargo(["test", "--features", "cli,wasm,wasm-tools", "--no-fail-fast"]);
        tests.run(command.env("AIKV_SERVERS", servers_folder()))?;
        Ok(Done::Passed)
    });
    suite.check("tests without features", |tests| {
        tests.run(&mut cargo(["test", "--no-default-features", "--lib", "--no-fail-fast"]))?;
        Ok(Done::Passed)
    });
    suite.check("model of the threads that write a log", |tests| {
        let mut command = cargo(["test", "--lib", "model_"]);
        // With flags of its own, so that it does not undo what is built without.
        command.env("RUSTFLAGS", "--cfg shuttle").env("CARGO_TARGET_DIR", root().join("target/shuttle"));
        tests.run(&mut command)?;
        Ok(Done::Passed)
    });
    suite.check("tests of xtask", |tests| {
        tests.run(&mut cargo(["test", "--manifest-path", "xtask/Cargo.toml"]))?;
        Ok(Done::Passed)
    });
    suite.check("crashes of the writers, enumerated", |tests| {
        let states = std::env::var("AIKV_CRASH_STATES").unwrap_or_else(|_| CRASH_STATES.into());
        let mut command =
            cargo(["test", "--profile", "crash", "--lib", "--no-fail-fast", "--", "persistence::crash::", "--nocapture"]);
        tests.run(command.env("AIKV_CRASH_STATES", states))?;
        Ok(Done::Passed)
    });
    suite.check("faults of files, disks and power", faults::check);
    suite.check("npm package within its size budgets, and site", |_| dist::site().map(|()| Done::Passed));
    suite.check("clippy of the command with the page", |_| passed(lint(["--features", "page", "--all-targets"])));
    suite.check("tests of the npm package", package_tests);
    suite.check("tests of the viewer", viewer);
    suite.check("tests under Miri, in both byte orders and in 32 bits", nightly::miri);
    suite.check("fuzzing", |_| nightly::fuzz());
    Ok(suite.summary())
}

impl Suite {
    fn check(&mut self, name: &'static str, run: impl FnOnce(&mut Tally) -> Result<Done>) {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = match run(&mut self.tests) {
            Ok(Done::Passed) => Outcome::Passed,
            Ok(Done::Skipped(reason)) => Outcome::Skipped(reason),
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        match &outcome {
            Outcome::Passed => {}
            Outcome::Failed(reason) => println!("FAILED {name}: {reason}"),
            Outcome::Skipped(reason) => println!("SKIPPED {name}: {reason}"),
        }
        self.checks.push((name, outcome, start.elapsed()));
    }

    fn summary(&self) -> ExitCode {
        println!("\n== summary");
        let mut checks = Tally::default();
        for (name, outcome, took) in &self.checks {
            let word = match outcome {
                Outcome::Passed => {
                    checks.passed += 1;
                    "ok"
                }
                Outcome::Failed(_) => {
                    checks.failed += 1;
                    "FAILED"
                }
                Outcome::Skipped(_) => {
                    checks.skipped += 1;
                    "SKIPPED"
                }
            };
            let reason = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Failed(reason) | Outcome::Skipped(reason) => format!(": {reason}"),
            };
            println!("{word:8} {:4} s  {name}{reason}", took.as_secs());
        }
        for line in &self.tests.failures {
            println!("{line}");
        }
        let line = |what: &str, tally: &Tally| {
            println!("{what}: {} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
        };
        line("tests", &self.tests);
        line("checks", &checks);
        let is_whole = checks.skipped == 0 || !is_ci();
        if !is_whole {
            println!("with CI=true a skip is a failure");
        }
        if checks.failed == 0 && self.tests.failed == 0 && is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn passed(mut command: Command) -> Result<Done> {
    run(&mut command).map(|()| Done::Passed)
}

fn set_up() -> Result<Done> {
    run(program("rustup").args(["component", "add", "clippy", "rustfmt"]))?;
    tools::target(WASM)?;
    tools::target(BARE_METAL)?;
    Ok(Done::Passed)
}

fn servers_folder() -> std::path::PathBuf {
    std::env::var_os("AIKV_SERVERS").map_or_else(|| root().join(".servers"), Into::into)
}

/// Obtains the real servers; tests skip those that are not there, and say so.
fn servers() -> Result<Done> {
    let script = root().join("tests/data/servers.sh");
    if tools::find("bash").is_none() {
        return Ok(Done::Skipped("there is no bash".into()));
    }
    let mut command = program("bash");
    // What a skip means is decided here.
    command.arg(script).env("AIKV_SERVERS", servers_folder()).env_remove("CI");
    let printed = output(&mut command)?;
    print!("{printed}");
    let skipped: Vec<&str> = printed.lines().filter(|line| line.starts_with("SKIPPED ")).collect();
    if skipped.is_empty() { Ok(Done::Passed) } else { Ok(Done::Skipped(skipped.join("; "))) }
}

fn format() -> Result<Done> {
    run(&mut cargo(["fmt", "--check"]))?;
    passed(cargo(["fmt", "--check", "--manifest-path", "xtask/Cargo.toml"]))
}

fn lint<const N: usize>(args: [&str; N]) -> Command {
    let mut command = cargo(["clippy"]);
    command.args(args).args(["--", "-Dwarnings"]);
    command
}

fn clippy() -> Result<Done> {
    run(&mut lint(["--all-targets"]))?;
    run(&mut lint(["--features", "cli", "--all-targets"]))?;
    passed(lint(["--manifest-path", "xtask/Cargo.toml", "--all-targets"]))
}

/// Runs the tests of the npm package; those of bundles need a browser.
fn package_tests(tests: &mut Tally) -> Result<Done> {
    for needed in ["node", "npm"] {
        if tools::find(needed).is_none() {
            return Ok(Done::Skipped(format!("there is no {needed}")));
        }
    }
    node(tests, |name| !name.starts_with("viewer"))
}

/// Runs files of tests in Node, with the command, the site and what browser there is.
fn node(tests: &mut Tally, is_meant: impl Fn(&str) -> bool) -> Result<Done> {
    let server = view::server()?;
    let folder = root().join("tests/js");
    tools::node_modules(&folder)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") && is_meant(&name) {
            files.push(name);
        }
    }
    files.sort();
    let mut command = program("node");
    command.current_dir(&folder).args(["--test", "--test-concurrency=2", "--test-reporter=spec"]);
    // What a failed test leaves open, or waits for, holds nothing up.
    command.args(["--test-force-exit", &format!("--test-timeout={FILE_OF_TESTS_MS}")]).args(files);
    command.env("AIKV_SERVERS", servers_folder()).env("AIKV_BIN", server).env("AIKV_SITE", root().join("dist/site"));
    if let Some(chromium) = tools::chromium() {
        command.env("CHROME", chromium);
    }
    tests.run(&mut command)?;
    Ok(Done::Passed)
}

/// Runs the tests of the viewer.
fn viewer(tests: &mut Tally) -> Result<Done> {
    if tools::chromium().is_none() {
        return Ok(Done::Skipped("there is no chromium; CHROME may name one".into()));
    }
    node(tests, |name| name.starts_with("viewer"))
}
