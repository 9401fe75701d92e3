//! System calls that fail, are interrupted, are slow, or are the last one.

use super::Cases;
use super::driver::{Driver, Said, TOLD, text};
use super::strace::{self, Call, inject, inject_on};
use crate::package::{copy, fresh};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes of a run.
const WRITES: u64 = 10;
const APPEND: [&str; 2] = ["append", "10"];
/// How long a slow sync takes.
const SLOW_MS: u64 = 3000;
/// What a busy machine may add to a time.
const SLACK_MS: u64 = 700;

pub fn run(cases: &mut Cases<'_>, driver: &Driver) {
    if let Some(reason) = strace::obstacle() {
        return cases.skip("system calls that fail", &reason);
    }
    cases.run("a sync that fails poisons the log for good", |folder| {
        let opening = syncs_of_opening(driver, &folder.join("opening"))?;
        for nth in [1, 2, 5, WRITES] {
            let folder = folder.join(nth.to_string());
            let said = Said::by(&mut on_log(driver, &folder, &[&format!("fdatasync:error=EIO:when={}", opening + nth)])?)?;
            ensure!(said.first() == nth - 1 && !said.goes_on && said.code == Some(TOLD), "sync {nth}: {said:?}");
            ensure!(said.errors.iter().all(|error| error.starts_with("poisoned ")), "sync {nth}: {:?}", said.errors);
            driver.verify("verify", &folder, &[nth - 1], &[])?;
        }
        Ok("nothing was acknowledged behind the first failure".into())
    });
    for error in ["ENOSPC", "EDQUOT", "EIO"] {
        cases.run(&format!("a write that fails with {error} leaves the log whole, and the log goes on"), |folder| {
            for nth in [1, 7] {
                let folder = folder.join(nth.to_string());
                let said = Said::by(&mut on_log(driver, &folder, &[&format!("write:error={error}:when={nth}")])?)?;
                ensure!(said.errors == ["io"] && said.first() == WRITES - 1, "write {nth}: {said:?}");
                ensure!(driver.verify("verify", &folder, &[WRITES - 1], &["--whole"])? == [WRITES - 1], "a write too many");
            }
            Ok(format!("{} of {WRITES} acknowledged", WRITES - 1))
        });
    }
    cases.run("a disk that stays full refuses every write, and the log stays whole", |folder| {
        let said = Said::by(&mut on_log(driver, folder, &["write:error=ENOSPC:when=7+"])?)?;
        ensure!(said.first() == 6 && !said.goes_on && said.errors == ["io"; 4], "{said:?}");
        ensure!(driver.verify("verify", folder, &[6], &["--whole"])? == [6], "a write too many");
        Ok("6 acknowledged".into())
    });
    cases.run("a write that is interrupted is made again", |folder| {
        let said = Said::by(&mut on_log(driver, folder, &["write:error=EINTR:when=2+3"])?)?;
        ensure!(said.code == Some(0) && said.first() == WRITES, "{said:?}");
        driver.verify("verify", folder, &[WRITES], &["--whole"])?;
        Ok(format!("all {WRITES} acknowledged"))
    });
    cases.run("a write that fails and cannot be cut off makes the log doubtful from there", |folder| {
        let said = Said::by(&mut on_log(driver, folder, &["write:error=EIO:when=7", "ftruncate:error=EIO"])?)?;
        let len = fs::metadata(folder.join("a.aof"))?.len();
        ensure!(said.first() == 6 && !said.goes_on, "{said:?}");
        ensure!(said.errors.iter().all(|error| *error == format!("poisoned {len}")), "{len} bytes are there: {:?}", said.errors);
        driver.verify("verify", folder, &[6], &[])?;
        Ok(format!("from byte {len}"))
    });
    cases.run("a writer that dies at a system call loses nothing that was acknowledged", |folder| {
        let opening = syncs_of_opening(driver, &folder.join("opening"))?;
        for (name, before) in [("write", 0), ("fdatasync", opening)] {
            for nth in [1, 4, WRITES] {
                let folder = folder.join(format!("{name}{nth}"));
                let said = Said::by(&mut on_log(driver, &folder, &[&format!("{name}:signal=KILL:when={}", before + nth)])?)?;
                ensure!(said.first() == nth - 1 && said.errors.is_empty(), "{name} {nth}: {said:?}");
                driver.verify("verify", &folder, &[nth - 1], &[])?;
            }
        }
        Ok("at 3 writes and 3 syncs".into())
    });
    cases.run("a slow disk makes writers wait before the time that may be lost grows", |folder| {
        // The second sync of the thread that syncs each second.
        let slow = format!("fdatasync:delay_enter={}:when=2", SLOW_MS * 1000);
        let args = ["append", "1500", "--policy", "everysec", "--pause-ms", "2", "--watch"];
        let said = Said::by(&mut inject(driver, &[&slow], &args, folder))?;
        let (oldest, slowest) = said.watched_ms.context("nothing was watched")?;
        ensure!(said.code == Some(0) && said.first() == 1500, "{said:?}");
        driver.verify("verify", folder, &[1500], &["--whole"])?;
        // A second, the sync itself, and a tenth of a second, with slack for a machine that is busy.
        ensure!(oldest <= 1100 + SLOW_MS + SLACK_MS, "a byte was not durable for {oldest} ms");
        ensure!(slowest + SLACK_MS >= SLOW_MS - 2000, "no call waited for longer than {slowest} ms");
        Ok(format!("a sync of {SLOW_MS} ms: no byte older than {oldest} ms, a call waited {slowest} ms"))
    });
    log_positions(cases, driver);
    engine_positions(cases, driver);
    snapshot_positions(cases, driver);
}

/// Syncs of the log before the first write.
fn syncs_of_opening(driver: &Driver, folder: &Path) -> Result<u64> {
    let calls = strace::calls(driver, &APPEND, folder)?;
    let opening = calls.iter().take_while(|call| call.name != "write");
    Ok(opening.filter(|call| call.name == "fdatasync").count() as u64)
}

/// `append` with the calls on its log tampered with.
fn on_log(driver: &Driver, folder: &Path, injections: &[&str]) -> Result<std::process::Command> {
    Ok(inject_on(&folder.join("a.aof"), driver, injections, &APPEND, folder))
}

/// What may happen at a call.
fn failures(call: &Call) -> Vec<String> {
    let mut failures = vec!["error=EIO".to_string(), "signal=KILL".into()];
    if matches!(call.name.as_str(), "openat" | "write") {
        failures.push("error=ENOSPC".into());
    }
    failures
}

fn log_positions(cases: &mut Cases<'_>, driver: &Driver) {
    cases.run("no call of recovering a log and appending to it can fail so that a write is lost", |folder| {
        let before = folder.join("before");
        Said::by(&mut driver.call(&["append", "5"], &before))?;
        // Behind them a crash has left the beginning of a transaction.
        let log = [&fs::read(before.join("a.aof"))?[..], b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$3\r\n0:"].concat();
        let at = |name: String| -> Result<PathBuf> {
            let folder = folder.join(name);
            fs::create_dir(&folder)?;
            fs::write(folder.join("a.aof"), &log)?;
            Ok(folder)
        };
        let args = ["append", "3"];
        let calls = strace::calls(driver, &args, &at("calls".into())?)?;
        let mut failed = 0;
        for (index, call) in calls.iter().enumerate() {
            for failure in failures(call) {
                let folder = at(format!("{index}{failure}"))?;
                let injection = format!("{}:{failure}:when={}", call.name, call.nth);
                let said = Said::by(&mut inject(driver, &[&injection], &args, &folder))?;
                let acked = [said.first().max(5)];
                driver
                    .verify("verify", &folder, &acked, &[])
                    .map_err(|error| error.context(format!("{failure} at {}", call.line)))?;
                failed += 1;
            }
        }
        Ok(format!("{failed} failures at {} calls", calls.len()))
    });
}

fn engine_positions(cases: &mut Cases<'_>, driver: &Driver) {
    cases.run("no call of an engine that rewrites and saves can fail so that a write is lost", |folder| {
        let before = folder.join("before");
        Said::by(&mut driver.call(&["engine", "4"], &before))?;
        let at = |name: String| -> Result<PathBuf> {
            let folder = folder.join(name);
            fresh(&folder)?;
            copy(&before, &folder)?;
            Ok(folder)
        };
        let args = ["engine", "4"];
        let calls = strace::calls(driver, &args, &at("calls".into())?)?;
        let mut failed = 0;
        for (index, call) in calls.iter().enumerate() {
            for failure in ["error=EIO", "signal=KILL"] {
                let folder = at(format!("{index}{failure}"))?;
                let injection = format!("{}:{failure}:when={}", call.name, call.nth);
                let said = Said::by(&mut inject(driver, &[&injection], &args, &folder))?;
                let acked = [said.first().max(4)];
                let verified = driver.verify("verify-engine", &folder, &acked, &[]);
                verified.with_context(|| format!("{failure} at {}: {:?}", call.line, said.errors))?;
                failed += 1;
            }
        }
        Ok(format!("{failed} failures at {} calls", calls.len()))
    });
}

/// Lengths of the snapshot's value before and after.
const OLD: &str = "300";
const NEW: &str = "20000";

fn snapshot_positions(cases: &mut Cases<'_>, driver: &Driver) {
    cases.run("a snapshot is the old one or the new one, whatever call fails, and the error says which", |folder| {
        let at = |name: String| -> Result<PathBuf> {
            let folder = folder.join(name);
            fs::create_dir(&folder)?;
            let output = driver.call(&["snap", OLD], &folder).output()?;
            ensure!(output.status.success(), "{}", text(&output.stderr));
            Ok(folder)
        };
        let args = ["snap", NEW];
        let calls = strace::calls(driver, &args, &at("calls".into())?)?;
        let rename = calls.iter().position(|call| call.name.starts_with("rename"));
        let (mut intact, mut unknown) = (0, 0);
        for (index, call) in calls.iter().enumerate() {
            for failure in failures(call) {
                let folder = at(format!("{index}{failure}"))?;
                let old = fs::read(folder.join("dump.rdb"))?;
                let injection = format!("{}:{failure}:when={}", call.name, call.nth);
                let output = inject(driver, &[&injection], &args, &folder).output()?;
                let said = text(&output.stdout);
                let tell = || format!("{failure} at {}: said {said:?}, {}", call.line, text(&output.stderr));
                let verified = driver.call(&["verify-snap", OLD, NEW], &folder).output()?;
                ensure!(verified.status.success(), "{}: {}", tell(), text(&verified.stderr));
                let is_old = fs::read(folder.join("dump.rdb"))? == old;
                let is_alone = fs::read_dir(&folder)?.count() == 1;
                match said.lines().next() {
                    Some("saved") => ensure!(!is_old && is_alone, "{}: the old one is there", tell()),
                    Some("err committed-durability-unknown") => {
                        ensure!(!is_old && is_alone && Some(index) > rename, "{}: the old one is there", tell());
                        unknown += 1;
                    }
                    Some("err io") => {
                        ensure!(is_old && is_alone, "{}: the old one is not as it was, or not alone", tell());
                        intact += 1;
                    }
                    // It was killed, and says nothing.
                    None => ensure!(is_old == (Some(index) <= rename), "{}", tell()),
                    Some(_) => anyhow::bail!("{}", tell()),
                }
            }
        }
        ensure!(intact >= 4 && unknown >= 1, "{intact} times the old one was intact, {unknown} times it was not known");
        Ok(format!("at {} calls: old intact {intact} times, in place but not known to be durable {unknown} times", calls.len()))
    });
}
