//! Why a command was not carried out.

use super::print::{plural, safe};
use crate::error::Error;
use crate::kind::Codec;
use crate::persistence::{PersistenceError, PersistenceErrorKind};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use std::process::ExitCode;

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// A signal asked to stop.
    Interrupted,
    /// The file is damaged.
    Format { file: PathBuf, damage: Damage },
    /// The file cannot be opened or read.
    Input { file: PathBuf, error: io::Error },
    /// A multi-part log cannot be opened.
    Log(PersistenceError),
    /// The file is nothing that this command reads.
    Kind { file: PathBuf, text: String },
    /// The result cannot be written; `None` is stdout.
    Output { file: Option<PathBuf>, error: io::Error },
    /// So many losses forbid the output.
    Refused { losses: u64 },
    /// There are no commands of the version for something in the file.
    Unmade { file: PathBuf, error: Error },
    /// Commands of a log that are not carried out may have changed what is to be written.
    Unapplied { file: PathBuf },
    /// The system gives no random numbers.
    Random(String),
    /// The system does not let a signal be caught.
    #[cfg(unix)]
    Signal(io::Error),
    /// The command line asks for something that is not there.
    Usage(String),
}

/// What is wrong with a file, or with its compression.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    pub(super) error: Error,
    /// Where it is the compression that is damaged: the offset counts in the compressed file.
    pub(super) codec: Option<Codec>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(codec) = self.codec {
            write!(f, "{}: ", within(codec))?;
        }
        write!(f, "{}", self.error)
    }
}

/// In front of what is said of a compressed file rather than of what is in it.
pub(super) fn within(codec: Codec) -> String {
    format!("in the compressed file ({})", codec.name())
}

impl Failure {
    pub(super) fn kind(file: &Path, text: impl Into<String>) -> Self {
        Self::Kind { file: file.into(), text: text.into() }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            // Whoever reads the output has had enough of it.
            Self::Output { file: None, error } if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Usage(_) => ExitCode::from(2),
            Self::Format { .. }
            | Self::Input { .. }
            | Self::Log(_)
            | Self::Kind { .. }
            | Self::Output { .. }
            | Self::Random(_) => ExitCode::from(3),
            #[cfg(unix)]
            Self::Signal(_) => ExitCode::from(3),
            Self::Refused { .. } | Self::Unmade { .. } | Self::Unapplied { .. } => ExitCode::from(4),
            // As shells say it of a program that was interrupted.
            Self::Interrupted => ExitCode::from(130),
        }
    }

    /// Says it on stderr.
    pub(super) fn report(&self) {
        match self {
            Self::Output { file: None, error } if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => eprintln!("aikv: {other}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("stopped; no output file was written"),
            Self::Format { file, damage } => write!(f, "{}: {damage}", safe(file)),
            Self::Input { file, error } => write!(f, "{}: {error}", safe(file)),
            Self::Log(error) => match error.kind() {
                PersistenceErrorKind::Io(cause) => write!(f, "{}: {cause}", safe(error.path())),
                PersistenceErrorKind::Format(cause) => write!(f, "{}: {cause}", safe(error.path())),
                _ => write!(f, "{error}"),
            },
            Self::Kind { file, text } => write!(f, "{}: {text}", safe(file)),
            Self::Output { file: Some(file), error } => write!(f, "{}: cannot be written: {error}", safe(file)),
            Self::Output { file: None, error } => write!(f, "the output cannot be written: {error}"),
            Self::Refused { losses } => write!(
                f,
                "refused for {}, and no output file was written; --on-loss degrade or drop says what becomes of them",
                plural(*losses, "loss")
            ),
            Self::Unmade { file, error } => write!(f, "{}: {error}; no output file was written", safe(file)),
            Self::Unapplied { file } => write!(
                f,
                "{}: refused, since commands that were passed over may have changed keys; nothing was written. \
                 aikv convert to a .resp, with --on-loss degrade, goes on without them",
                safe(file)
            ),
            Self::Random(error) => write!(f, "the system gives no random numbers: {error}"),
            #[cfg(unix)]
            Self::Signal(error) => write!(f, "a signal cannot be caught: {error}"),
            Self::Usage(text) => f.write_str(text),
        }
    }
}
