//! System calls of the driver, told and tampered with by strace.

use super::driver::{Driver, text};
use crate::tools;
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What changes files and folders, where the machine has it under that name.
const CALLS: &str = "?openat,?write,?pwrite64,?fsync,?fdatasync,?ftruncate,?flock,?fchmod,?fchown,\
                     ?rename,?renameat,?renameat2,?unlink,?unlinkat";

/// A system call that concerned a folder.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// Which of its name it was in its thread, from 1 on.
    pub nth: u32,
    /// What was traced of it.
    pub line: String,
}

/// Why calls cannot be tampered with here, if they cannot.
pub fn obstacle() -> Option<String> {
    if tools::find("strace").is_none() {
        return Some("there is no strace".into());
    }
    match Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace: {}", text(&output.stderr).trim())),
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// The driver with its calls tampered with, as in `fdatasync:error=EIO:when=5`.
pub fn inject(driver: &Driver, injections: &[&str], args: &[&str], folder: &Path) -> Command {
    driver.under(&words(injections, None), args, folder)
}

/// As [`inject`], counting only the calls on one file.
pub fn inject_on(file: &Path, driver: &Driver, injections: &[&str], args: &[&str], folder: &Path) -> Command {
    driver.under(&words(injections, Some(file)), args, folder)
}

fn words(injections: &[&str], file: Option<&Path>) -> Vec<String> {
    let mut words: Vec<String> = ["strace", "-f", "-qq", "-o", "/dev/null"].map(String::from).into();
    if let Some(file) = file {
        words.extend(["-P".into(), file.to_string_lossy().into_owned()]);
    }
    let names: Vec<_> = injections.iter().filter_map(|injection| injection.split(':').next()).collect();
    words.extend(["-e".into(), format!("trace={}", names.join(","))]);
    for injection in injections {
        words.extend(["-e".into(), format!("inject={injection}")]);
    }
    words
}

/// The calls of a run that is left alone: those that concern `folder`, in their order.
pub fn calls(driver: &Driver, args: &[&str], folder: &Path) -> Result<Vec<Call>> {
    let trace = folder.with_extension("trace");
    let trace_name = trace.to_string_lossy();
    let filter = format!("trace={CALLS}");
    let wrapper = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", &*trace_name, "-e", &*filter];
    let output = driver.under(&wrapper, args, folder).output()?;
    ensure!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    let traced = fs::read_to_string(&trace).context("strace left no trace")?;
    let folder_name = folder.to_string_lossy();
    let mut counts: HashMap<(&str, &str), u32> = HashMap::new();
    let mut calls = Vec::new();
    for line in traced.lines() {
        // `PID NAME(...`; a call that another thread's line cuts in two is counted where it begins.
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(').filter(|(name, _)| !name.contains([' ', '<'])) else { continue };
        let nth = counts.entry((pid, name)).or_default();
        *nth += 1;
        if rest.contains(&*folder_name) {
            calls.push(Call { name: name.into(), nth: *nth, line: rest.trim_start().into() });
        }
    }
    ensure!(!calls.is_empty(), "no call was traced");
    Ok(calls)
}
