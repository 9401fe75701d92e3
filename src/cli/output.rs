//! Where a result goes: stdout, or a file that appears whole or not at all.

use super::failure::Failure;
use crate::error::is_disguising;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Makes data safe on a terminal.
type Escape = fn(&[u8]) -> Vec<u8>;

/// Where a result goes.
pub(super) struct Output {
    target: Target,
    /// What makes data safe on a terminal.
    escape: Option<Escape>,
}

enum Target {
    /// Shows what is written page by page.
    Pager(Child),
    Stdout(Box<dyn Write>),
    /// A file that is no regular one, such as `/dev/null`.
    Direct {
        file: File,
        path: PathBuf,
    },
    Staged(Staged),
}

/// A file beside the one that it becomes.
struct Staged {
    file: File,
    staged: PathBuf,
    path: PathBuf,
    is_done: bool,
    interrupt: Arc<AtomicBool>,
}

impl Output {
    /// Opens stdout, or the file that is named; `-` is stdout too.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let target = match path.filter(|path| path.as_os_str() != "-") {
            None => Target::Stdout(stdout()),
            Some(path) => {
                let failed = |error| Failure::Output { file: Some(path.into()), error };
                match fs::metadata(path) {
                    Ok(facts) if !facts.is_file() => {
                        let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
                        Target::Direct { file, path: path.into() }
                    }
                    _ => return Self::open_staged(path, watch_signals().map_err(failed)?),
                }
            }
        };
        Ok(Self { target, escape: None })
    }

    /// Opens a file that appears at the end, while signals are watched already.
    pub(super) fn open_staged(path: &Path, interrupt: Arc<AtomicBool>) -> Result<Self, Failure> {
        let failed = |error| Failure::Output { file: Some(path.into()), error };
        Ok(Self { target: Target::Staged(Staged::create(path, interrupt).map_err(failed)?), escape: None })
    }

    /// As [`Output::open`]; what is written is JSON.
    pub(super) fn open_json(path: Option<&Path>) -> Result<Self, Failure> {
        let mut output = Self::open(path)?;
        output.escape = output.is_terminal().then_some(escaped_json);
        Ok(output)
    }

    /// As [`Output::open`]; what is written is for programs, and no JSON.
    pub(super) fn open_data(path: Option<&Path>) -> Result<Self, Failure> {
        let mut output = Self::open(path)?;
        output.escape = output.is_terminal().then_some(escaped_data);
        Ok(output)
    }

    /// As [`Output::open`]; on a terminal a pager shows what is written.
    pub(super) fn open_paged(path: Option<&Path>) -> Result<Self, Failure> {
        let mut output = Self::open(path)?;
        if output.is_terminal()
            && let Some(pager) = start_pager()
        {
            output.target = Target::Pager(pager);
        }
        Ok(output)
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self.target, Target::Stdout(_)) && io::stdout().is_terminal()
    }

    /// Writes and empties `text`, which consists of whole characters.
    pub(super) fn write(&mut self, text: &mut Vec<u8>) -> Result<(), Failure> {
        /// Capacity kept for what comes next.
        const KEEP: usize = 1 << 20;
        if text.is_empty() {
            return Ok(());
        }
        let result = match self.escape {
            Some(escape) => self.writer().write_all(&escape(text)),
            None => self.writer().write_all(text),
        };
        text.clear();
        text.shrink_to(KEEP);
        result.map_err(|error| self.failed(error))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.target {
            Target::Pager(Child { stdin: Some(stdin), .. }) => stdin,
            // It was started with a pipe.
            Target::Pager(_) => unreachable!("a pager without a pipe"),
            Target::Stdout(writer) => writer,
            Target::Direct { file, .. } => file,
            Target::Staged(staged) => &mut staged.file,
        }
    }

    fn failed(&self, error: io::Error) -> Failure {
        let file = match &self.target {
            Target::Pager(_) | Target::Stdout(_) => None,
            Target::Direct { path, .. } => Some(path.clone()),
            Target::Staged(staged) => Some(staged.path.clone()),
        };
        Failure::Output { file, error }
    }

    /// What tells that a signal asked to stop, where there is a file to be taken away.
    pub(super) fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        match &self.target {
            Target::Staged(staged) => Some(Arc::clone(&staged.interrupt)),
            _ => None,
        }
    }

    /// Makes the file appear. Without this it never does.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let result = match &mut self.target {
            Target::Pager(child) => child.wait().map(drop),
            Target::Stdout(writer) => writer.flush(),
            Target::Direct { file, .. } => file.flush(),
            Target::Staged(staged) => staged.commit(),
        };
        result.map_err(|error| self.failed(error))
    }
}

/// Starts what `PAGER` names, or `less`; none where that is not there.
fn start_pager() -> Option<Child> {
    let pager = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty()).unwrap_or("less".into());
    let mut words = pager.split_whitespace();
    let mut command = Command::new(words.next()?);
    if std::env::var_os("LESS").is_none() {
        // Ends by itself where everything fits, and leaves the text on the screen.
        command.env("LESS", "FX");
    }
    command.args(words).stdin(Stdio::piped()).spawn().ok()
}

/// Stdout without the standard library's line buffer, which would search every chunk for its last line.
fn stdout() -> Box<dyn Write> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        if let Ok(fd) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(File::from(fd));
        }
    }
    Box::new(io::stdout().lock())
}

impl Staged {
    fn create(path: &Path, interrupt: Arc<AtomicBool>) -> io::Result<Self> {
        let staged = staged_name(path)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&staged)?;
        let this = Self { file, staged, path: path.into(), is_done: false, interrupt };
        // WASI knows no permissions.
        if let Ok(facts) = fs::metadata(path)
            && cfg!(not(target_family = "wasm"))
        {
            this.file.set_permissions(facts.permissions())?;
        }
        Ok(this)
    }

    fn commit(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.staged, &self.path)?;
        self.is_done = true;
        // The new name must last as well.
        if cfg!(unix) {
            File::open(folder_of(&self.path))?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_done {
            // Whatever made the command fail is what gets told.
            let _ = fs::remove_file(&self.staged);
        }
    }
}

/// What a signal sets that asks to stop: it must not leave staged files behind.
pub(super) fn watch_signals() -> io::Result<Arc<AtomicBool>> {
    let interrupt = Arc::default();
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt))?;
        }
    }
    Ok(interrupt)
}

/// The name under which something is written that becomes `path` when it is whole.
pub(super) fn staged_name(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let mut staged = std::ffi::OsString::from(".");
    staged.push(name);
    staged.push(format!(".{random:016x}.tmp"));
    Ok(folder_of(path).join(staged))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// JSON text with every character that a terminal would obey as `\u....`: such
/// characters stand within strings only.
fn escaped_json(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    for c in String::from_utf8_lossy(json).chars() {
        if c == '\u{7f}' || is_disguising(c) {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    out
}

/// Text or bytes with everything that a terminal would obey, but for the ends of lines, as `\x..` or `\u{..}`.
fn escaped_data(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        for chunk in text.strip_suffix(b"\r").unwrap_or(text).utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    c if c.is_ascii_control() => out.extend_from_slice(format!("\\x{:02x}", u32::from(c)).as_bytes()),
                    c if is_disguising(c) => out.extend_from_slice(format!("\\u{{{:04x}}}", u32::from(c)).as_bytes()),
                    c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            for byte in chunk.invalid() {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
        }
        if line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_on_a_terminal_has_only_the_ends_of_its_lines() {
        let shown = escaped_data("a\x1b]0;x\x07,\u{202e}\"\r\n\rb\tc\u{9b}\n".as_bytes());
        assert_eq!(String::from_utf8(shown).unwrap(), "a\\x1b]0;x\\x07,\\u{202e}\"\n\\x0db\\x09c\\u{009b}\n");
        assert_eq!(escaped_data(b"$3\r\n\x9b\xffx"), b"$3\n\\x9b\\xffx");
    }

    #[test]
    fn json_on_a_terminal_means_the_same() {
        let json = "{\"k\":\"a\u{7f}\u{202e}\u{9b}é\"}\n".as_bytes();
        assert_eq!(String::from_utf8(escaped_json(json)).unwrap(), "{\"k\":\"a\\u007f\\u202e\\u009bé\"}\n");
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = std::env::temp_dir().join(format!("aikv-output-{}", std::process::id()));
        // Numbers of processes come again, and a test that was killed leaves its folder.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("out");
        let names = || fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();

        let mut output = Output::open(Some(&path)).unwrap();
        output.write(&mut b"new".to_vec()).unwrap();
        assert!(!path.exists());
        drop(output);
        assert!(names().is_empty(), "an output that was not finished leaves nothing");

        fs::write(&path, "old").unwrap();
        let mut output = Output::open(Some(&path)).unwrap();
        output.write(&mut b"new".to_vec()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(), ["out"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
