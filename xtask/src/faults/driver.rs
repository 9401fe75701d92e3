//! The driver: an example of the library that writes and verifies, and what it says.

use crate::run::{cargo, root, run};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The driver's exit code where it has told an error.
pub const TOLD: i32 = 3;
/// The driver's exit code where a write that was acknowledged is not there.
pub const LOST: i32 = 9;

/// The program.
pub struct Driver(PathBuf);

impl Driver {
    pub fn build() -> Result<Self> {
        run(cargo(["build", "--example", "fault_driver"]).args(["--target-dir", "target"]))?;
        Ok(Self(root().join("target/debug/examples/fault_driver")))
    }

    /// A call of the driver behind the words of another program, such as a tracer.
    pub fn under<S: AsRef<OsStr>>(&self, wrapper: &[S], args: &[&str], folder: &Path) -> Command {
        let driver = self.0.as_os_str();
        let mut words = wrapper.iter().map(AsRef::as_ref).chain([driver]);
        let mut command = Command::new(words.next().unwrap_or(driver));
        command.args(words).arg(args[0]).arg(folder).args(&args[1..]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A call of the driver.
    pub fn call(&self, args: &[&str], folder: &Path) -> Command {
        self.under::<&str>(&[], args, folder)
    }

    /// Verifies that the writes are there that `acked` counts for each thread; gives how many are.
    pub fn verify(&self, command: &str, folder: &Path, acked: &[u64], options: &[&str]) -> Result<Vec<u64>> {
        let numbers: Vec<String> = acked.iter().map(u64::to_string).collect();
        let args: Vec<&str> =
            [command].into_iter().chain(numbers.iter().map(String::as_str)).chain(options.iter().copied()).collect();
        let output = self.call(&args, folder).output()?;
        ensure!(output.status.success(), "verify {acked:?}: {}: {}", output.status, text(&output.stderr));
        text(&output.stdout).split_whitespace().map(|word| word.parse().context("verify: expected numbers")).collect()
    }
}

/// A writer that runs until it is killed.
pub struct Running {
    child: Child,
    heard: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stderr(Stdio::null()).spawn().context("cannot start the driver")?;
        let mut stdout = child.stdout.take().context("the driver has no stdout")?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let listener = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stdout.read(&mut buffer) {
                ear.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..len]);
            }
        });
        Ok(Self { child, heard, listener: Some(listener) })
    }

    /// Waits until it has acknowledged a write.
    pub fn wait_for_write(&self) -> Result<()> {
        let start = Instant::now();
        while self.said()?.acked.is_empty() {
            ensure!(start.elapsed() < Duration::from_secs(60), "the driver does not come to write");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// What it has said so far.
    pub fn said(&self) -> Result<Said> {
        let mut said = Said::default();
        said.read(&text(&self.heard.lock().unwrap_or_else(PoisonError::into_inner)))?;
        Ok(said)
    }

    /// Kills it, if it still runs, and gives all that it had said.
    pub fn kill(mut self) -> Result<Said> {
        self.end();
        self.said()
    }

    fn end(&mut self) {
        // Where it has ended by itself there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listener) = self.listener.take() {
            // It cannot panic.
            let _ = listener.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where an error leads out, a writer must not stay behind.
        self.end();
    }
}

/// What a call of `append` said.
#[derive(Debug, Default)]
pub struct Said {
    /// The last write of each thread that was acknowledged.
    pub acked: Vec<u64>,
    /// The errors in their order: code, and where the file is doubtful from.
    pub errors: Vec<String>,
    /// Whether anything was acknowledged behind the first error.
    pub goes_on: bool,
    /// How old a byte became before it was durable, and how long a call took, in milliseconds.
    pub watched_ms: Option<(u64, u64)>,
    pub code: Option<i32>,
    pub stderr: String,
}

impl Said {
    pub fn of(output: &Output) -> Result<Self> {
        let mut said = Self { code: output.status.code(), stderr: text(&output.stderr), ..Self::default() };
        said.read(&text(&output.stdout))?;
        Ok(said)
    }

    fn read(&mut self, printed: &str) -> Result<()> {
        // A line that was cut off by a kill is none.
        for line in printed.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match *line.split(' ').collect::<Vec<_>>() {
                ["ack", thread, number] => {
                    let (thread, number): (usize, u64) = (thread.parse()?, number.parse()?);
                    if self.acked.len() <= thread {
                        self.acked.resize(thread + 1, 0);
                    }
                    ensure!(number > self.acked[thread], "writes were acknowledged out of order: {line}");
                    self.acked[thread] = number;
                    self.goes_on |= !self.errors.is_empty();
                }
                ["oldest", oldest, "slowest", slowest] => self.watched_ms = Some((oldest.parse()?, slowest.parse()?)),
                ["err", ref words @ ..] => self.errors.push(words.join(" ")),
                _ => bail!("the driver said {line:?}"),
            }
        }
        Ok(())
    }

    /// Runs a call of `append` to its end.
    pub fn by(command: &mut Command) -> Result<Self> {
        let said = Self::of(&command.output().context("cannot start the driver")?)?;
        // A panic is no way to tell an error.
        ensure!(matches!(said.code, Some(0 | 1 | TOLD) | None), "it ended with {:?}: {}", said.code, said.stderr);
        Ok(said)
    }

    /// The last write of the first thread that was acknowledged.
    pub fn first(&self) -> u64 {
        self.acked.first().copied().unwrap_or_default()
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
