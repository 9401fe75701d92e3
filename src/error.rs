//! What went wrong, at which byte, in which key.
//!
//! [`Fault`] is the cheap error of the inner layers: two words, `Copy`, no
//! position. A decoder's `dress` turns it into an [`Error`], which knows the
//! byte of the stream, the database, the key and the element.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

mod place;

pub use place::{Escaped, KeyPreview, Place, is_disguising};

use alloc::boxed::Box;
use core::fmt;

/// `Result` with [`Error`] as its default error.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// A format error with its place in the stream.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    offset: u64,
    place: Place,
}

impl Error {
    /// Memory that an error in a list takes.
    pub(crate) const BYTES: usize = size_of::<Self>() + size_of::<Inner>();

    /// Builds an error at `offset`, counted in bytes from the start of the stream.
    #[must_use]
    pub fn new(kind: ErrorKind, offset: u64, place: Place) -> Self {
        Self(Box::new(Inner { kind, offset, place }))
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The first byte of the faulty item, counted from the start of the stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// The database, key and element being read or written.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The stable kebab-case word of the kind, see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}", self.0.kind, self.0.offset)?;
        write!(f, "{}", self.0.place)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.0.kind).field("offset", &self.0.offset).field("place", &self.0.place).finish()
    }
}

impl core::error::Error for Error {}

/// The kinds of [`Error`]. Messages may change; [`ErrorKind::code`] may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A checksum, stored in the stream, does not match its bytes.
    #[error("expected checksum {computed:016x}, found {stored:016x}")]
    BadChecksum {
        /// Checksum of the bytes read: CRC64 of a snapshot, or what a compressed file has.
        computed: u64,
        /// Checksum stored in the stream.
        stored: u64,
    },
    /// A log record is not a well-formed command.
    #[error("expected {expected}, found {found}")]
    BadCommand {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// An encoding byte or form that the format does not define here.
    #[error("expected {expected}, found {found}")]
    BadEncoding {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A length or count outside its legal range.
    #[error("expected {expected}, found {found}")]
    BadLength {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// The stream does not begin like an RDB snapshot.
    #[error("expected {expected}, found {found}")]
    BadMagic {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A line of a JSON Lines export that is no JSON, or not of the form that exports have.
    #[error("line {line}: expected {expected}, found {found}")]
    BadJson {
        /// The line, from 1.
        line: u64,
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A line of a manifest is not well formed, or contradicts the lines before it.
    #[error("expected {expected}, found {found}")]
    BadManifest {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A listpack, ziplist, intset or zipmap contradicts itself, or its entries
    /// are not what its value type demands.
    #[error("expected {expected}, found {found}")]
    BadPacked {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// Well formed, but no server holds such a value.
    #[error("expected {expected}, found {found}")]
    BadValue {
        /// What the format demands here.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A key, member or field that stands twice.
    #[error("expected {expected}, found a second one")]
    Duplicate {
        /// What may stand only once.
        expected: &'static str,
    },
    /// A limit of the caller, see [`Limits`](crate::wire::Limits), is exceeded.
    #[error("expected {expected}, found {found}")]
    LimitExceeded {
        /// The limit.
        expected: &'static str,
        /// What was asked for.
        found: Found,
    },
    /// An event that cannot follow the one before it.
    #[error("expected {expected}, found {found}")]
    OutOfOrder {
        /// What may come here.
        expected: &'static str,
        /// What came.
        found: Found,
    },
    /// The stream ends inside an item.
    #[error("expected {needed} more bytes, found the end")]
    Truncated {
        /// Bytes missing at least.
        needed: u64,
    },
    /// An opcode byte with no meaning in this dialect and version.
    #[error("expected an opcode or value type, found byte {byte}")]
    UnknownOpcode {
        /// The byte.
        byte: u8,
    },
    /// A value type byte with no meaning in this dialect and version.
    #[error("expected a value type, found byte {byte}")]
    UnknownType {
        /// The byte.
        byte: u8,
    },
    /// A value type that is known by name, but has no layout to read it by.
    #[error("expected a value type with a settled layout, found {name}")]
    UnreadableType {
        /// The type byte.
        byte: u8,
        /// The type, and why its values cannot be read.
        name: &'static str,
    },
    /// The target has no form for this.
    #[error("{target} has no form for {what}")]
    Unrepresentable {
        /// What cannot be written.
        what: &'static str,
        /// Version or API that lacks it.
        target: &'static str,
    },
    /// A file name in a manifest that leads, or may lead, out of its folder.
    #[error("expected {expected}, found {found}")]
    UnsafePath {
        /// What the name has to be.
        expected: &'static str,
        /// What stands here.
        found: Found,
    },
    /// A command that replay does not know, or with arguments that it does not take.
    #[error("expected {expected}, found \"{name}\"")]
    UnsupportedCommand {
        /// The beginning of the command's name.
        name: KeyPreview,
        /// What replay takes here.
        expected: &'static str,
    },
    /// A well-formed header of a version that is not read.
    #[error("expected RDB version {supported}, found {dialect} version {version}")]
    UnsupportedVersion {
        /// `redis` or `valkey`, by the magic.
        dialect: &'static str,
        /// The header's number.
        version: u64,
        /// The versions that are read.
        supported: &'static str,
    },
}

impl ErrorKind {
    /// The stable kebab-case word for this kind, see `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadChecksum { .. } => "bad-checksum",
            Self::BadCommand { .. } => "bad-command",
            Self::BadEncoding { .. } => "bad-encoding",
            Self::BadLength { .. } => "bad-length",
            Self::BadMagic { .. } => "bad-magic",
            Self::BadJson { .. } => "bad-json",
            Self::BadManifest { .. } => "bad-manifest",
            Self::BadPacked { .. } => "bad-packed",
            Self::BadValue { .. } => "bad-value",
            Self::Duplicate { .. } => "duplicate",
            Self::LimitExceeded { .. } => "limit-exceeded",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::Truncated { .. } => "truncated",
            Self::UnknownOpcode { .. } => "unknown-opcode",
            Self::UnknownType { .. } => "unknown-type",
            Self::UnreadableType { .. } => "unreadable-type",
            Self::Unrepresentable { .. } => "unrepresentable",
            Self::UnsafePath { .. } => "unsafe-path",
            Self::UnsupportedCommand { .. } => "unsupported-command",
            Self::UnsupportedVersion { .. } => "unsupported-version",
        }
    }
}

/// What stood where something else was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// One byte.
    Byte(u8),
    /// A number.
    Number(u64),
    /// A thing with a name.
    Text(&'static str),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(byte) => write!(f, "byte {byte:02X}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The cheap error of the inner layers: what was expected and what was found.
///
/// It has no position; [`crate::rdb::Decoder::dress`] and
/// [`crate::aof::Decoder::dress`] add it.
#[derive(Clone, Copy)]
pub struct Fault {
    cause: &'static Cause,
    found: u64,
}

/// One way in which bytes can be wrong: a `static` beside the code that checks it.
pub(crate) struct Cause {
    kind: FaultKind,
    expected: &'static str,
    found: Form,
    within: Within,
}

/// What the offset in a fault's word counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// The word holds no offset.
    Nothing,
    /// The start of the packed blob.
    Blob,
    /// The start of the item that was being read.
    Item,
}

impl Cause {
    /// A cause whose faults are raised by [`Fault::new`].
    pub(crate) const fn new(kind: FaultKind, expected: &'static str, found: Form) -> Self {
        Self { kind, expected, found, within: Within::Nothing }
    }

    /// A cause inside a packed blob, whose faults are raised by [`Fault::located`].
    pub(crate) const fn inside(kind: FaultKind, expected: &'static str, found: Form) -> Self {
        Self { kind, expected, found, within: Within::Blob }
    }

    /// A cause inside a compressed string, whose faults are raised by [`Fault::located`].
    pub(crate) const fn inside_item(kind: FaultKind, expected: &'static str, found: Form) -> Self {
        Self { kind, expected, found, within: Within::Item }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// More bytes are needed; never leaves the feed.
    Short,
    /// Named by `rdb::decode`, which knows the version.
    UnreadableType,
    Checksum,
    Command,
    Duplicate,
    Encoding,
    Length,
    Limit,
    Magic,
    Opcode,
    Packed,
    Type,
    Value,
    Version,
}

/// What [`Fault::found`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Byte,
    Number,
    Text(&'static str),
}

impl Fault {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(cause: &'static Cause, found: u64) -> Self {
        Self { cause, found }
    }

    /// A fault `at` bytes into a packed blob or an item. Both stay below 4 GiB
    /// and what is found in them below 2^32, so both fit one word.
    #[cold]
    #[inline(never)]
    pub(crate) fn located(cause: &'static Cause, at: usize, found: u64) -> Self {
        Self { cause, found: (at as u64) << 32 | found.min(u64::from(u32::MAX)) }
    }

    /// `missing` more bytes are needed at least.
    #[cold]
    #[inline(never)]
    pub(crate) fn short(missing: u64) -> Self {
        static SHORT: Cause = Cause::new(FaultKind::Short, "more bytes", Form::Number);
        Self { cause: &SHORT, found: missing }
    }

    pub(crate) fn kind(self) -> FaultKind {
        self.cause.kind
    }

    /// Whether this is a fault of that cause.
    pub(crate) fn is(self, cause: &'static Cause) -> bool {
        core::ptr::eq(self.cause, cause)
    }

    /// Offset of the fault inside its packed blob, if it has one.
    pub(crate) fn blob_offset(self) -> Option<u64> {
        (self.cause.within == Within::Blob).then_some(self.found >> 32)
    }

    /// Offset of the fault inside the item that was being read.
    pub(crate) fn item_offset(self) -> u64 {
        if self.cause.within == Within::Item { self.found >> 32 } else { 0 }
    }

    /// The raw word: a length, a number or a byte.
    pub(crate) fn word(self) -> u64 {
        if self.cause.within == Within::Nothing { self.found } else { self.found & 0xffff_ffff }
    }

    fn what(self) -> Found {
        let word = self.word();
        match self.cause.found {
            Form::Byte => Found::Byte(low_byte(word)),
            Form::Number => Found::Number(word),
            Form::Text(text) => Found::Text(text),
        }
    }

    /// The kind for a caller; `computed` is the checksum of the bytes read.
    pub(crate) fn error_kind(self, computed: u64) -> ErrorKind {
        let expected = self.cause.expected;
        let found = self.what();
        match self.cause.kind {
            FaultKind::Short => ErrorKind::Truncated { needed: self.found },
            FaultKind::Checksum => ErrorKind::BadChecksum { computed, stored: self.found },
            FaultKind::Command => ErrorKind::BadCommand { expected, found },
            FaultKind::Duplicate => ErrorKind::Duplicate { expected },
            FaultKind::Encoding => ErrorKind::BadEncoding { expected, found },
            FaultKind::Length => ErrorKind::BadLength { expected, found },
            FaultKind::Limit => ErrorKind::LimitExceeded { expected, found },
            FaultKind::Magic => ErrorKind::BadMagic { expected, found },
            FaultKind::Opcode => ErrorKind::UnknownOpcode { byte: low_byte(self.found) },
            FaultKind::Packed => ErrorKind::BadPacked { expected, found },
            FaultKind::Type | FaultKind::UnreadableType => ErrorKind::UnknownType { byte: low_byte(self.found) },
            FaultKind::Value => ErrorKind::BadValue { expected, found },
            FaultKind::Version => ErrorKind::UnsupportedVersion {
                dialect: match self.cause.found {
                    Form::Text(dialect) => dialect,
                    _ => "redis",
                },
                version: self.found,
                supported: expected,
            },
        }
    }
}

fn low_byte(word: u64) -> u8 {
    let [byte, ..] = word.to_le_bytes();
    byte
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.error_kind(0))
    }
}

#[cfg(test)]
mod tests;
