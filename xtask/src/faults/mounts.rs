//! File systems that are too small, and one whose sync lies.

use super::Cases;
use super::driver::{Driver, Said, TOLD, text};
use crate::package::{copy, fresh};
use crate::tools;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system, unmounted when it is dropped.
pub struct Mount(PathBuf);

impl Mount {
    /// Mounts at a folder, which is made where it is not there.
    pub fn new(args: &[&str], at: &Path) -> Result<Self> {
        fs::create_dir_all(at)?;
        do_well(Command::new("mount").args(args).arg(at))?;
        Ok(Self(at.into()))
    }

    /// Unmounts, and says where that fails.
    pub fn unmount(self) -> Result<()> {
        do_well(Command::new("umount").arg(&self.0))?;
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // An error is on its way already; the mount must be gone, even if a file in it is open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Runs a command that says nothing where all is well.
pub fn do_well(command: &mut Command) -> Result<()> {
    let line = crate::run::line(command);
    let output = command.output().with_context(|| format!("cannot start {line}"))?;
    ensure!(output.status.success(), "{line}: {}", text(&output.stderr).trim());
    Ok(())
}

/// An image of a file system, made with these options.
pub fn ext4(image: &Path, bytes: u64, options: &[&str]) -> Result<()> {
    fs::File::create(image)?.set_len(bytes)?;
    do_well(Command::new("mkfs.ext4").args(["-q", "-F"]).args(options).arg(image))
}

/// Why nothing can be mounted here, if it cannot.
pub fn obstacle(scratch: &Path) -> Option<String> {
    for name in ["mount", "umount", "mkfs.ext4"] {
        if tools::find(name).is_none() {
            return Some(format!("there is no {name}"));
        }
    }
    let at = scratch.join("probe");
    let probe = || -> Result<()> {
        let small = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &at)?;
        let image = at.join("image");
        ext4(&image, 1 << 20, &["-O", "^has_journal"])?;
        Mount::new(&["-o", "loop", &image.to_string_lossy()], &at.join("inner"))?.unmount()?;
        small.unmount()
    };
    probe().err().map(|error| format!("mounts need root and a loop device: {error:#}"))
}

pub fn run(cases: &mut Cases<'_>, driver: &Driver) {
    if let Some(reason) = obstacle(cases.scratch) {
        return cases.skip("disks that are full, and a sync that lies", &reason);
    }
    cases.run("a log on a full disk ends whole", |folder| {
        let mount = Mount::new(&["-t", "tmpfs", "-o", "size=16k", "tmpfs"], &folder.join("m"))?;
        let log = folder.join("m/x");
        let said = Said::by(&mut driver.call(&["append", "1000"], &log))?;
        ensure!(said.code == Some(TOLD) && said.errors.iter().all(|error| error == "io"), "{said:?}");
        let len = fs::metadata(log.join("a.aof"))?.len();
        // Verified where there is room for one more.
        let copy = folder.join("copy");
        fs::create_dir(&copy)?;
        fs::copy(log.join("a.aof"), copy.join("a.aof"))?;
        mount.unmount()?;
        // Shorter writes find room behind a longer one that did not.
        let there = driver.verify("verify", &copy, &[said.first()], &["--whole"])?;
        ensure!(there == [said.first()], "{} acknowledged, {there:?} there", said.first());
        Ok(format!("{} acknowledged in {len} bytes, {} refused", said.first(), said.errors.len()))
    });
    cases.run("an engine on a full disk keeps what it has", |folder| {
        let mount = Mount::new(&["-t", "tmpfs", "-o", "size=48k", "tmpfs"], &folder.join("m"))?;
        let at = folder.join("m/x");
        let said = Said::by(&mut driver.call(&["engine", "1000"], &at))?;
        ensure!(said.code == Some(TOLD) && said.errors.iter().all(|error| error == "io"), "{said:?}");
        // Verified where there is room for one more.
        let there = folder.join("copy");
        fresh(&there)?;
        copy(&at, &there)?;
        mount.unmount()?;
        ensure!(driver.verify("verify-engine", &there, &[said.first()], &[])? == [said.first()], "a write too many");
        Ok(format!("{} acknowledged, {} errors", said.first(), said.errors.len()))
    });
    cases.run("a snapshot that does not fit leaves the old one, and nothing else", |folder| {
        let mount = Mount::new(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &folder.join("m"))?;
        let at = folder.join("m");
        let saved = driver.call(&["snap", "30000"], &at).output()?;
        ensure!(saved.status.success(), "{}", text(&saved.stderr));
        let refused = driver.call(&["snap", "50000"], &at).output()?;
        let said = text(&refused.stdout);
        let Some(written) = said.strip_prefix("err io\nwritten ") else { bail!("it said {said:?}") };
        let written: u64 = written.trim().parse()?;
        ensure!(refused.status.code() == Some(TOLD) && (1..50_000).contains(&written), "{said:?}");
        ensure!(fs::read_dir(&at)?.count() == 1, "something else is there");
        let verified = driver.call(&["verify-snap", "30000"], &at).output()?;
        ensure!(verified.status.success(), "{}", text(&verified.stderr));
        mount.unmount()?;
        Ok(format!("refused after {written} bytes"))
    });
    cases.run("a sync that failed is not asked again, where the second answer would be a lie", |folder| {
        let plain = lying(folder, |at| Ok(text(&driver.call(&["raw-flush", "20971520"], at).output()?.stdout)))?;
        // Without this the machine shows nothing.
        ensure!(plain.starts_with("err ") && plain.ends_with("ok\n"), "three syncs of a plain file said {plain:?}");
        let told = lying(folder, |at| {
            let said = Said::by(&mut driver.call(&["flush", "20971520"], at))?;
            ensure!(said.code == Some(TOLD), "{said:?}");
            Ok(said.errors)
        })?;
        ensure!(told.len() >= 3 && told.iter().all(|error| error.starts_with("poisoned ")), "the writer said {told:?}");
        Ok(format!("a plain file: {}; the writer: poisoned each time", plain.trim().replace('\n', ", ")))
    });
}

/// A file system with less behind it than it believes: writes succeed, and are lost by the sync.
fn lying<T>(folder: &Path, run: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let behind = Mount::new(&["-t", "tmpfs", "-o", "size=6m", "tmpfs"], &folder.join("behind"))?;
    let image = folder.join("behind/image");
    ext4(&image, 64 << 20, &["-O", "^has_journal"])?;
    let at = folder.join("m");
    let mount = Mount::new(&["-o", "loop", &image.to_string_lossy()], &at)?;
    let result = run(&at);
    mount.unmount()?;
    behind.unmount()?;
    result
}
