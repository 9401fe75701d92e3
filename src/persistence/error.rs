//! What was being done, to which file, and what went wrong.

use crate::error::{Error, Escaped};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `Result` with [`AikvError`] as its default error.
pub type Result<T, E = AikvError> = core::result::Result<T, E>;

/// The error of everything that has to do with files.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AikvError {
    /// A snapshot or log could not be read or written.
    #[error(transparent)]
    Persistence(#[from] PersistenceError),
}

/// A failure with the file it concerns. Its source is the I/O or format error.
#[derive(Clone)]
pub struct PersistenceError(Arc<Inner>);

struct Inner {
    doing: &'static str,
    path: PathBuf,
    kind: PersistenceErrorKind,
    written_bytes: Option<u64>,
}

/// The kinds of [`PersistenceError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum PersistenceErrorKind {
    /// The new file stands in place of the old one, but its folder could not be
    /// synced: after a power cut there may be either.
    CommittedDurabilityUnknown(io::Error),
    /// The content is damaged or cannot be held; the error says where, in bytes
    /// from the start of the file.
    Format(Error),
    /// The operating system refused. The file is as it was before.
    Io(io::Error),
    /// Another writer has the log open. It may be of this process.
    Locked {
        /// Its process, where it has noted that.
        pid: Option<u32>,
    },
    /// The log is damaged in a way that no torn write leaves, so nothing of it is cut off.
    MidFileCorruption {
        /// What is wrong, and at which byte of the file.
        damage: Error,
        /// Up to here it is whole, in bytes from its start.
        offset: u64,
        /// Where the first whole command behind the damage starts, if there is one. It may be part of a damaged value.
        next_good: Option<u64>,
    },
    /// The log could not be synced, or not be cut back after a failed write.
    /// Nothing more is written through this handle.
    Poisoned {
        /// The first failure.
        first: Arc<io::Error>,
        /// Bytes of the file from here on may be lost or wrong.
        doubtful_from: u64,
    },
}

impl PersistenceError {
    pub(super) fn new(doing: &'static str, path: &Path, kind: PersistenceErrorKind) -> Self {
        Self(Arc::new(Inner { doing, path: path.into(), kind, written_bytes: None }))
    }

    /// As [`PersistenceError::new`], after some bytes of a new file were written.
    pub(super) fn with_written(mut self, bytes: u64) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.written_bytes = Some(bytes);
        }
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &PersistenceErrorKind {
        &self.0.kind
    }

    /// The file, as the caller named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What was being done with the file, such as `save the snapshot`.
    #[must_use]
    pub fn doing(&self) -> &'static str {
        self.0.doing
    }

    /// The format error with its offset, database and key, if it is one.
    #[must_use]
    pub fn format(&self) -> Option<&Error> {
        match &self.0.kind {
            PersistenceErrorKind::Format(error) | PersistenceErrorKind::MidFileCorruption { damage: error, .. } => Some(error),
            _ => None,
        }
    }

    /// Bytes of a new snapshot that had been written when it failed.
    #[must_use]
    pub fn written_bytes(&self) -> Option<u64> {
        self.0.written_bytes
    }

    /// A stable kebab-case word: that of the format error, or of the kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.0.kind {
            PersistenceErrorKind::CommittedDurabilityUnknown(_) => "committed-durability-unknown",
            PersistenceErrorKind::Format(error) => error.code(),
            PersistenceErrorKind::Io(_) => "io",
            PersistenceErrorKind::Locked { .. } => "locked",
            PersistenceErrorKind::MidFileCorruption { .. } => "mid-file-corruption",
            PersistenceErrorKind::Poisoned { .. } => "poisoned",
        }
    }
}

impl fmt::Display for PersistenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} \"{}\": ", self.doing(), Escaped(self.path().as_os_str().as_encoded_bytes()))?;
        match &self.0.kind {
            PersistenceErrorKind::CommittedDurabilityUnknown(error) => {
                write!(f, "it is in place, but its folder could not be synced: {error}")?;
            }
            PersistenceErrorKind::Format(error) => write!(f, "{error}")?,
            PersistenceErrorKind::Io(error) => write!(f, "{error}")?,
            PersistenceErrorKind::Locked { pid: Some(pid) } => write!(f, "process {pid} has it open")?,
            PersistenceErrorKind::Locked { pid: None } => f.write_str("another writer has it open")?,
            PersistenceErrorKind::MidFileCorruption { damage, offset, next_good: Some(next) } => {
                write!(f, "it is whole up to byte {offset} only, but goes on at byte {next}: {damage}")?;
            }
            PersistenceErrorKind::MidFileCorruption { damage, offset, next_good: None } => {
                write!(f, "it is whole up to byte {offset} only, and what follows is not torn but damaged: {damage}")?;
            }
            PersistenceErrorKind::Poisoned { first, doubtful_from } => {
                write!(f, "an earlier failure makes it doubtful from byte {doubtful_from} on: {first}")?;
            }
        }
        match self.0.written_bytes {
            Some(bytes) => write!(f, ", after {bytes} bytes"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PersistenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistenceError")
            .field("doing", &self.0.doing)
            .field("path", &self.0.path)
            .field("kind", &self.0.kind)
            .field("written_bytes", &self.0.written_bytes)
            .finish()
    }
}

impl std::error::Error for PersistenceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            PersistenceErrorKind::CommittedDurabilityUnknown(error) | PersistenceErrorKind::Io(error) => Some(error),
            PersistenceErrorKind::Format(error) | PersistenceErrorKind::MidFileCorruption { damage: error, .. } => Some(error),
            PersistenceErrorKind::Locked { .. } => None,
            PersistenceErrorKind::Poisoned { first, .. } => Some(&**first),
        }
    }
}

/// A file and what is being done with it: makes errors of causes.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) doing: &'static str,
    pub(super) path: &'a Path,
}

impl Task<'_> {
    pub(super) fn io(self, error: io::Error) -> PersistenceError {
        PersistenceError::new(self.doing, self.path, PersistenceErrorKind::Io(error))
    }

    pub(super) fn format(self, error: Error) -> PersistenceError {
        PersistenceError::new(self.doing, self.path, PersistenceErrorKind::Format(error))
    }
}
