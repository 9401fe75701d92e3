//! Power cuts: a file system that is shut down under a writer, without what its log has not
//! written yet, and mounted again.

use super::Cases;
use super::driver::{Driver, LOST, Running, Said};
use super::kills::{UNAWAITED, WAYS, moment, take_over};
use super::mounts::{self, Mount, ext4};
use crate::tools;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

/// Cycles of the negative control.
const CONTROLS: u32 = 6;

/// Cycles before a log is begun anew.
const ROUND: u32 = 10;

pub fn run(cases: &mut Cases<'_>, driver: &Driver, cuts: u32) {
    let names = "power cuts";
    if let Some(reason) = mounts::obstacle(cases.scratch) {
        return cases.skip(names, &reason);
    }
    if tools::find("python3").is_none() {
        return cases.skip(names, "there is no python3");
    }
    cases.run("a power cut loses nothing that was acknowledged", |folder| {
        let mut disk = Disk::new(folder)?;
        let mut acked = 0;
        let mut last: Vec<u64> = Vec::new();
        for cycle in 0..cuts {
            let round = cycle / ROUND;
            if cycle % ROUND == 0 {
                acked += last.iter().sum::<u64>();
                last.clear();
            }
            let name = format!("log{round}");
            let way = &WAYS[round as usize % WAYS.len()];
            let said = disk.cut(|log| way.start(driver, log), &name, cycle % UNAWAITED != 0)?;
            take_over(&mut last, &said.acked);
            let mount = disk.mount()?;
            last = way.verify(driver, &disk.at.join(&name), &last)?;
            mount.unmount()?;
        }
        acked += last.iter().sum::<u64>();
        Ok(format!("{cuts} cuts in {acked} writes, 0 lost"))
    });
    cases.run("a power cut does lose what was acknowledged without a sync", |folder| {
        let mut disk = Disk::new(folder)?;
        let mut lost = 0;
        for cycle in 0..CONTROLS {
            let name = format!("log{cycle}");
            let start = |log: &Path| Running::start(driver.call(&["append", "1000000", "--policy", "no"], log));
            let said = disk.cut(start, &name, true)?;
            let mount = disk.mount()?;
            let acked = said.first().to_string();
            let output = driver.call(&["verify", &acked], &disk.at.join(&name)).output()?;
            lost += u32::from(output.status.code() == Some(LOST));
            mount.unmount()?;
        }
        ensure!(lost > 0, "these cuts would show no loss");
        Ok(format!("in {lost} of {CONTROLS} cuts"))
    });
}

/// A file system that can be shut down.
struct Disk {
    image: PathBuf,
    at: PathBuf,
    switch: Switch,
}

impl Disk {
    fn new(folder: &Path) -> Result<Self> {
        let image = folder.join("image");
        ext4(&image, 32 << 20, &[])?;
        Ok(Self { image, at: folder.join("m"), switch: Switch::new()? })
    }

    fn mount(&self) -> Result<Mount> {
        Mount::new(&["-o", "loop", &self.image.to_string_lossy()], &self.at)
    }

    /// Cuts the power under a writer; gives what it had said by then.
    ///
    /// With the power a machine loses its programs. Here the writer lives on for a moment, in which
    /// ext4 may tell it that a sync has succeeded whose transaction was thrown away: it looks
    /// whether the transaction is still under way, and not whether it was carried out.
    fn cut(&mut self, start: impl Fn(&Path) -> Result<Running>, log: &str, is_awaited: bool) -> Result<Said> {
        let mount = self.mount()?;
        let running = start(&self.at.join(log))?;
        if is_awaited {
            running.wait_for_write()?;
        }
        thread::sleep(moment(1, 60));
        let said = running.said()?;
        self.switch.off(&self.at)?;
        running.kill()?;
        mount.unmount()?;
        Ok(said)
    }
}

/// The switch is an ioctl, which safe Rust has no call for. One Python turns it as often as it is told.
struct Switch {
    python: Child,
    answers: BufReader<ChildStdout>,
}

/// 0x8004587d is `EXT4_IOC_SHUTDOWN`; 2 is `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const SWITCH: &str = "
import fcntl, os, struct, sys
for line in sys.stdin:
    fd = os.open(line.rstrip('\\n'), os.O_RDONLY)
    fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
    os.close(fd)
    print('off', flush=True)
";

impl Switch {
    fn new() -> Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", SWITCH]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = command.spawn().context("cannot start python3")?;
        let stdout = python.stdout.take().context("python3 has no stdout")?;
        Ok(Self { python, answers: BufReader::new(stdout) })
    }

    fn off(&mut self, mount: &Path) -> Result<()> {
        let stdin = self.python.stdin.as_mut().context("python3 has no stdin")?;
        writeln!(stdin, "{}", mount.display())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(answer == "off\n", "the file system cannot be shut down");
        Ok(())
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
