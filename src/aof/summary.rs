//! What was read of a log, in numbers.

use crate::rdb::{Checksum, Version};

/// What was read of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The snapshot before the commands, if there is one.
    pub preamble: Option<Preamble>,
    /// Commands, those of transactions and `MULTI` and `EXEC` included.
    pub commands: u64,
    /// Annotations, timestamps and integrity marks included.
    pub annotations: u64,
    /// Where the log stops being whole, in bytes from its start: behind the
    /// last whole command or annotation, but before a `MULTI` without `EXEC`,
    /// and before an integrity mark whose bytes are not all there.
    pub valid_up_to: u64,
    /// Integrity marks whose bytes are there and have the checksum they say.
    pub marks: u64,
    /// The bytes that those marks cover.
    pub verified_bytes: u64,
    /// Behind the bytes of the last such mark, in bytes from the log's start; without one, where
    /// the commands start.
    pub verified_up_to: u64,
}

/// The snapshot at the head of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// Its header.
    pub version: Version,
    /// What is known of its checksum; `None` until its end was read.
    pub checksum: Option<Checksum>,
    /// Its length in bytes; 0 until its end was read.
    pub bytes: u64,
}
