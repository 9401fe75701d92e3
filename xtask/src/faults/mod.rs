//! Breaks what is under the writers, on this machine: limits, kills, failing system calls, full
//! disks, power cuts. What was acknowledged has to be there afterwards, whole and in order.
//!
//! The order of file operations is proven by the enumerated crashes of the library's own tests;
//! this proves that the operating system is asked for them.

mod driver;
mod kills;
mod limits;
mod mounts;
mod power;
mod strace;
mod syscalls;

use crate::suite::Done;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use driver::Driver;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// How long the loops are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub kills: u32,
    pub power_cuts: u32,
}

impl Length {
    /// What every change has to pass; `AIKV_KILLS` and `AIKV_POWER_CUTS` make it longer.
    pub fn from_environment() -> Result<Self> {
        let number = |name: &str, short: u32| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name}: expected a number")),
            Err(_) => Ok(short),
        };
        Ok(Self { kills: number("AIKV_KILLS", 100)?, power_cuts: number("AIKV_POWER_CUTS", 50)? })
    }
}

/// `cargo xtask faults`: the cases that have `words` in their names.
pub fn faults(words: &str) -> Result<ExitCode> {
    let mut tests = Tally::default();
    let done = run(&mut tests, words);
    println!("faults: {} passed, {} failed, {} skipped", tests.passed, tests.failed, tests.skipped);
    match done? {
        Done::Skipped(_) if crate::tools::is_ci() => bail!("with CI=true a skip is a failure"),
        Done::Passed | Done::Skipped(_) => Ok(ExitCode::SUCCESS),
    }
}

/// All of it, as one check of the suite.
pub fn check(tests: &mut Tally) -> Result<Done> {
    run(tests, "")
}

fn run(tests: &mut Tally, words: &str) -> Result<Done> {
    if cfg!(not(unix)) {
        return Ok(Done::Skipped("it needs signals and limits of Unix".into()));
    }
    let length = Length::from_environment()?;
    let scratch = Scratch::new()?;
    let mut cases = Cases { tests, words, scratch: &scratch.0, failed: Vec::new(), skipped: Vec::new() };
    let driver = Driver::build()?;
    limits::run(&mut cases, &driver);
    kills::run(&mut cases, &driver, length.kills);
    syscalls::run(&mut cases, &driver);
    mounts::run(&mut cases, &driver);
    power::run(&mut cases, &driver, length.power_cuts);
    if cases.tests.passed + cases.tests.failed + cases.tests.skipped == 0 {
        bail!("no case has {words:?} in its name");
    }
    if !cases.failed.is_empty() {
        bail!("{}", cases.failed.join("; "));
    }
    Ok(if cases.skipped.is_empty() { Done::Passed } else { Done::Skipped(cases.skipped.join("; ")) })
}

/// Runs cases one after the other, each in an empty folder, and counts how they end.
struct Cases<'a> {
    tests: &'a mut Tally,
    words: &'a str,
    scratch: &'a Path,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Cases<'_> {
    /// Runs a case, which says in a few words what it has seen.
    fn run(&mut self, name: &str, case: impl FnOnce(&Path) -> Result<String>) {
        if !name.contains(self.words) {
            return;
        }
        let start = Instant::now();
        let folder = self.scratch.join(format!("{}", self.tests.passed + self.tests.failed));
        let result = fs::create_dir(&folder).context("cannot make a folder").and_then(|()| case(&folder));
        match result {
            Ok(seen) => {
                self.tests.passed += 1;
                println!("ok {name}: {seen} ({} ms)", start.elapsed().as_millis());
                // A case that failed leaves its files to be looked at, until the end.
                let _ = fs::remove_dir_all(&folder);
            }
            Err(error) => {
                self.tests.failed += 1;
                println!("FAILED {name}: {error:#}");
                self.failed.push(format!("{name}: {error:#}"));
            }
        }
    }

    /// Says that cases cannot be run here.
    fn skip(&mut self, names: &str, reason: &str) {
        self.tests.skipped += 1;
        println!("SKIPPED {names} ({reason})");
        self.skipped.push(format!("{names} ({reason})"));
    }
}

/// A folder of its own for everything, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        // Short: it stands in every line that is traced.
        let folder = std::env::temp_dir().join(format!("aikv-faults-{}", std::process::id()));
        // Numbers of processes come again, and a run that was killed leaves its folder.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // What a trace shows is where a file is, not how it was named.
        Ok(Self(folder.canonicalize()?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
