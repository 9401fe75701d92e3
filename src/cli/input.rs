//! Reads what FILE names from front to back and hands what is in it to a job: one file, or the
//! files of a multi-part log in the order they are loaded.

use super::args::ReplayArgs;
use super::deviations::Deviations;
use super::failure::{Damage, Failure};
use super::lines::{FileReader, Lines};
use super::print::plural;
use super::progress::Progress;
use super::source::{Packing, Source};
use crate::aof::Role;
use crate::error::Error;
use crate::jobs::{Job, Log, Reader, is_preamble};
use crate::kind::FileKind;
use crate::model::ReplayReport;
use crate::persistence::open_log::{self, OpenLog};
use crate::rdb::{self, Version};
use crate::wire::Limits;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

/// A job of the command line: one that may have output to be written.
pub(super) trait Task: Job {
    /// Writes out what is ready; comes after every chunk.
    fn drain(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// The bytes of a file begin.
    fn begin(&mut self, _file: &FileFacts) {}

    /// What comes is handed over in a snapshot made for it; the data themselves come from one of this version, or from none.
    fn of_version(&mut self, _source: Option<Version>) {}

    /// What comes is what the commands of the log made, but for what this says.
    fn replayed(&mut self, _replay: &ReplayReport, _log: &Path) -> Result<(), Failure> {
        Ok(())
    }

    /// They have ended.
    fn end(&mut self, _ending: &FileEnding) {}

    /// Whether the files behind one that is damaged are wanted. No server loads them.
    fn reads_on(&self) -> bool {
        false
    }
}

/// A file that is read.
#[derive(Clone, Debug)]
pub(super) struct FileFacts {
    pub(super) path: PathBuf,
    /// What it is to a multi-part log.
    pub(super) part: Option<PartFacts>,
}

/// What a file is to a multi-part log.
#[derive(Clone, Debug)]
pub(super) struct PartFacts {
    pub(super) name: Vec<u8>,
    pub(super) role: Role,
    pub(super) seq: u64,
    /// Whether no other file comes behind it.
    pub(super) is_last: bool,
}

/// What was read of a file, and how it ended.
#[derive(Debug)]
pub(super) struct FileEnding {
    pub(super) file: FileFacts,
    /// Bytes of the file that were read.
    pub(super) bytes: u64,
    /// The snapshot, where the file is one or begins with one and it is whole.
    pub(super) snapshot: Option<rdb::Summary>,
    /// The commands, where there are any.
    pub(super) log: Option<Log>,
    /// The error that ended the reading.
    pub(super) error: Option<Error>,
    /// What there was to be unpacked.
    pub(super) packing: Option<Packing>,
}

impl FileEnding {
    /// The cause of what is wrong: where a compressed file is damaged, what is in it only seems to be cut.
    pub(super) fn damage(&self) -> Option<Damage> {
        let outer = self.packing.as_ref().and_then(|packing| packing.error.clone().zip(Some(packing.codec)));
        match outer {
            Some((error, codec)) => Some(Damage { error, codec: Some(codec) }),
            None => self.error.clone().map(|error| Damage { error, codec: None }),
        }
    }
}

/// What was read, and how it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// The file; of a multi-part log those that were read, in their order.
    pub(super) files: Vec<FileEnding>,
    /// What a lenient reading passed over and the task did not take.
    pub(super) deviations: u64,
}

impl Ending {
    /// Bytes that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The snapshot: only the first file may be one or begin with one.
    pub(super) fn snapshot(&self) -> Option<rdb::Summary> {
        self.files.first().and_then(|file| file.snapshot)
    }

    /// The commands of all files, where there are any.
    pub(super) fn log(&self) -> Option<Log> {
        self.files.iter().filter_map(|file| file.log).reduce(|sum, log| Log {
            start: sum.start,
            commands: sum.commands + log.commands,
            annotations: sum.annotations + log.annotations,
            marks: sum.marks + log.marks,
            verified_bytes: sum.verified_bytes + log.verified_bytes,
        })
    }

    /// What there was to be unpacked; a file of a multi-part log is not.
    pub(super) fn packing(&self) -> Option<&Packing> {
        self.files.first().and_then(|file| file.packing.as_ref())
    }

    /// Whether all files are whole.
    pub(super) fn is_whole(&self) -> bool {
        self.files.iter().all(|file| file.damage().is_none())
    }

    /// Says that commands were not applied, for a command that shows keys.
    pub(super) fn warn_of_commands(&self) {
        if let Some(log) = self.log().filter(|log| log.commands > 0) {
            eprintln!(
                "aikv: the {} of this log are not applied; only keys of its snapshot are shown",
                plural(log.commands, "command")
            );
        }
    }

    /// Fails where a file is not whole.
    pub(super) fn check(self) -> Result<(), Failure> {
        let damaged = self.files.iter().find_map(|file| Some((&file.file, file.damage()?)));
        match damaged {
            Some((file, damage)) => Err(Failure::Format { file: file.path.clone(), damage }),
            None => Ok(()),
        }
    }
}

/// What FILE names, open.
pub(super) struct Input {
    what: What,
    is_lenient: bool,
    /// Of the server whose log it is, where that was said.
    databases: Option<u64>,
}

enum What {
    File { source: Box<Source>, head: Vec<u8>, kind: FileKind },
    Log(Box<OpenLog>),
}

impl Input {
    /// Opens a file, the multi-part log of a folder or manifest, or stdin where it is named `-`.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let found = if file.as_os_str() == "-" { Ok(None) } else { open_log::find(file) };
        let what = match found {
            Ok(Some((folder, manifest))) => {
                What::Log(Box::new(OpenLog::open("read the log", folder, manifest).map_err(Failure::Log)?))
            }
            // What is no regular file is told by the one who opens it.
            Ok(None) => Self::open_file(file)?,
            Err(error) if file.is_dir() => return Err(Failure::Input { file: file.into(), error }),
            Err(_) => Self::open_file(file)?,
        };
        Ok(Self { what, is_lenient: false, databases: None })
    }

    fn open_file(file: &Path) -> Result<What, Failure> {
        let mut source = Source::open(file)?;
        let (head, kind) = source.head()?;
        Ok(What::File { source: Box::new(source), head, kind })
    }

    /// Reads on where the framing is whole, if that is asked for.
    pub(super) fn leniently(self, is_lenient: bool) -> Self {
        Self { is_lenient, ..self }
    }

    pub(super) fn is_lenient(&self) -> bool {
        self.is_lenient
    }

    /// Of a log, applies its commands as this is asked for.
    pub(super) fn replayed_by(self, args: &ReplayArgs) -> Self {
        Self { databases: args.databases, ..self }
    }

    pub(super) fn databases(&self) -> Option<u64> {
        self.databases
    }

    /// Whether it is a log, going by how it begins: a snapshot at the head of a log says so.
    pub(super) fn is_log(&self) -> bool {
        match &self.what {
            What::File { kind: FileKind::Aof, .. } | What::Log(_) => true,
            What::File { head, .. } => is_preamble(head),
        }
    }

    /// Whether it is a JSON Lines export.
    pub(super) fn is_lines(&self) -> bool {
        matches!(self.what, What::File { kind: FileKind::Jsonl, .. })
    }

    /// The version in its header, where it begins with one.
    pub(super) fn version(&self) -> Option<Version> {
        match &self.what {
            What::File { head, .. } => Version::from_header(head),
            What::Log(_) => None,
        }
    }

    /// Whether its keys have no bytes of their own in it: those of a log are made by its commands.
    pub(super) fn is_unencoded(&self) -> bool {
        self.is_log() || self.is_lines()
    }

    /// The multi-part log, if it is one.
    pub(super) fn parts(&self) -> Option<&OpenLog> {
        match &self.what {
            What::File { .. } => None,
            What::Log(parts) => Some(parts),
        }
    }

    /// Reads everything, or until the job has seen enough. A damaged file is no failure here: see [`Ending::check`].
    pub(super) fn read<T: Task>(self, task: &mut T, progress: &mut Progress) -> Result<Ending, Failure> {
        let mut pass = Pass { is_lenient: self.is_lenient, ending: Ending { files: Vec::new(), deviations: 0 }, task, progress };
        match self.what {
            What::File { source, head, kind } => {
                pass.progress.start(source.len());
                let file = FileFacts { path: source.file().into(), part: None };
                pass.read(*source, head, kind, file)?;
            }
            What::Log(parts) => {
                pass.progress.start(Some(parts.files.iter().map(|part| part.bytes).sum()));
                let count = parts.files.len();
                for (index, part) in parts.files.into_iter().enumerate() {
                    let is_last = index + 1 == count;
                    let facts = PartFacts { name: part.name.clone(), role: part.role, seq: part.seq, is_last };
                    let file = FileFacts { path: part.path.clone(), part: Some(facts) };
                    let goes_on = pass.read(Source::of_part(part), Vec::new(), FileKind::Aof, file)?;
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        pass.progress.finish();
        Ok(pass.ending)
    }
}

/// A reading of files one behind the other.
struct Pass<'a, T> {
    is_lenient: bool,
    ending: Ending,
    task: &'a mut T,
    progress: &'a mut Progress,
}

impl<T: Task> Pass<'_, T> {
    fn reader(&self, file: &FileFacts, len: Option<u64>) -> Reader {
        let mut reader = Reader::new(Limits::default());
        if self.is_lenient {
            reader = reader.leniently();
        }
        // A base that is empty is one of commands.
        if file.part.as_ref().is_some_and(|part| part.role == Role::Incr || len == Some(0)) {
            reader = reader.of_increment();
        }
        reader
    }

    /// Reads a file, of which `head` was taken already; whether the next one is wanted.
    fn read(&mut self, mut source: Source, head: Vec<u8>, kind: FileKind, file: FileFacts) -> Result<bool, Failure> {
        let mut reader = match kind {
            FileKind::Jsonl => FileReader::Lines(Box::new(Lines::new())),
            _ => FileReader::Bytes(Box::new(self.reader(&file, source.len()))),
        };
        let before = self.ending.bytes();
        let mut deviations = Deviations::new(&file.path);
        self.task.begin(&file);
        let mut result = reader.feed(&head, self.task);
        loop {
            self.task.drain()?;
            self.progress.at(before + source.bytes())?;
            for error in reader.deviations() {
                deviations.tell(&error, self.progress);
            }
            // Damage to the compression shows at its checksum, behind what it did to the content.
            let is_over = reader.is_stopped() || (result.is_err() && source.codec().is_none());
            let feed = |bytes: &[u8]| {
                if result.is_ok() {
                    result = reader.feed(bytes, self.task);
                }
            };
            if is_over || !source.advance(feed)? {
                break;
            }
        }
        let error = reader.finish(self.task).err();
        for error in reader.deviations().into_iter().filter_map(|error| self.task.deviation(error)) {
            deviations.tell(&error, self.progress);
        }
        self.task.drain()?;
        self.ending.deviations += deviations.finish();
        let (snapshot, log) = (reader.snapshot(), reader.log());
        let ending = FileEnding { file, bytes: source.bytes(), snapshot, log, error, packing: source.packing() };
        self.task.end(&ending);
        let goes_on = !reader.is_stopped() && (ending.error.is_none() || self.task.reads_on());
        self.ending.files.push(ending);
        Ok(goes_on)
    }
}
