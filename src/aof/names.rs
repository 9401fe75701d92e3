//! The names of a multi-part log's files.
//!
//! Source: Redis 8.0 `aof.c` `getNewBaseFileNameAndMarkPreAsHistory()`, `getNewIncrAofName()`,
//! `getAofManifestFileName()`, `getTempAofManifestFileName()`, `getTempIncrAofName()`.

use super::manifest::Role;
use crate::error::{ErrorKind, Found};
use crate::wire::number;
use alloc::vec::Vec;

/// Names longer than this exist on no file system.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// What the base of a log is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFormat {
    /// Commands, from the first byte on.
    Aof,
    /// A snapshot.
    Rdb,
}

/// What a file is, going by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A base or an increment of this number; it may be listed as history.
    Part {
        /// [`Role::Base`] or [`Role::Incr`].
        role: Role,
        /// Its number.
        seq: u64,
    },
    /// The manifest.
    Manifest,
    /// The lock of the one who writes.
    Lock,
    /// What servers write a manifest or an increment to before it gets its name.
    Temporary,
}

/// Makes and knows the names of the files of one log, as Redis 7.0 and later and Valkey give
/// them: everything in them but this one name is fixed.
///
/// ```
/// use aikv::aof::{BaseFormat, NameKind, Names, Role};
///
/// let names = Names::new(b"appendonly.aof")?;
/// assert_eq!(names.base(2, BaseFormat::Rdb), b"appendonly.aof.2.base.rdb");
/// assert_eq!(names.kind_of(b"appendonly.aof.3.incr.aof"), Some(NameKind::Part { role: Role::Incr, seq: 3 }));
/// assert_eq!(names.kind_of(b"victim"), None);
/// # Ok::<(), aikv::ErrorKind>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    stem: Vec<u8>,
}

impl Names {
    /// The names of the log that a server's `appendfilename` calls so.
    ///
    /// # Errors
    /// `UnsafePath` where it is no single name of a file, or where a name made from it would be
    /// longer than 255 bytes.
    pub fn new(append_filename: &[u8]) -> Result<Self, ErrorKind> {
        let names = Self { stem: append_filename.to_vec() };
        check_name(append_filename)?;
        check_name(&names.incr(u64::MAX))?;
        Ok(names)
    }

    /// The names of the log whose manifest is called so; `None` for a name that no manifest has.
    #[must_use]
    pub fn of_manifest(file_name: &[u8]) -> Option<Self> {
        Self::new(file_name.strip_suffix(b".manifest")?).ok()
    }

    /// `<name>.manifest`
    #[must_use]
    pub fn manifest(&self) -> Vec<u8> {
        self.with(b"", b".manifest")
    }

    /// `<name>.lock`, which servers know nothing of.
    #[must_use]
    pub fn lock(&self) -> Vec<u8> {
        self.with(b"", b".lock")
    }

    /// `<name>.<seq>.base.rdb` or `<name>.<seq>.base.aof`
    #[must_use]
    pub fn base(&self, seq: u64, format: BaseFormat) -> Vec<u8> {
        self.part(seq, if format == BaseFormat::Rdb { b".base.rdb" } else { b".base.aof" })
    }

    /// `<name>.<seq>.incr.aof`
    #[must_use]
    pub fn incr(&self, seq: u64) -> Vec<u8> {
        self.part(seq, b".incr.aof")
    }

    /// `temp-<name>.manifest`
    #[must_use]
    pub fn temporary_manifest(&self) -> Vec<u8> {
        self.with(b"temp-", b".manifest")
    }

    /// `temp-<name>.incr`
    #[must_use]
    pub fn temporary_incr(&self) -> Vec<u8> {
        self.with(b"temp-", b".incr")
    }

    /// What a file is that is called so; `None` for every name that these functions do not make.
    /// Only what has such a name may be removed, whatever a manifest says.
    #[must_use]
    pub fn kind_of(&self, file_name: &[u8]) -> Option<NameKind> {
        if file_name == self.temporary_manifest() || file_name == self.temporary_incr() {
            return Some(NameKind::Temporary);
        }
        match file_name.strip_prefix(self.stem.as_slice())?.strip_prefix(b".")? {
            b"manifest" => Some(NameKind::Manifest),
            b"lock" => Some(NameKind::Lock),
            numbered => {
                let (role, digits) = [(Role::Base, &b".base.rdb"[..]), (Role::Base, b".base.aof"), (Role::Incr, b".incr.aof")]
                    .iter()
                    .find_map(|(role, suffix)| Some((*role, numbered.strip_suffix(*suffix)?)))?;
                Some(NameKind::Part { role, seq: parse_seq(digits)? })
            }
        }
    }

    fn part(&self, seq: u64, suffix: &[u8]) -> Vec<u8> {
        let mut name = self.with(b"", b".");
        name.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        name.extend_from_slice(suffix);
        name
    }

    fn with(&self, prefix: &[u8], suffix: &[u8]) -> Vec<u8> {
        [prefix, &self.stem, suffix].concat()
    }
}

/// A file's number: 1 to 2^63 - 1, in canonical digits.
pub(super) fn parse_seq(digits: &[u8]) -> Option<u64> {
    number::parse_int(digits).and_then(|seq| u64::try_from(seq).ok()).filter(|seq| *seq > 0)
}

/// Demands one component of a path, which stands in its folder and nowhere else.
pub(super) fn check_name(name: &[u8]) -> Result<(), ErrorKind> {
    let found = match name {
        b"" => Found::Text("nothing"),
        b"." => Found::Text("the folder itself"),
        b".." => Found::Text("the folder above"),
        _ if name.len() > MAX_NAME_BYTES => Found::Number(name.len() as u64),
        _ => match name.iter().find(|byte| matches!(byte, 0..0x20 | b'/' | b'\\' | 0x7f)) {
            Some(byte) => Found::Byte(*byte),
            None if cfg!(windows) && is_special_on_windows(name) => Found::Text("one that Windows gives a meaning"),
            None => return Ok(()),
        },
    };
    Err(ErrorKind::UnsafePath { expected: "the name of a file in this folder, of at most 255 bytes", found })
}

/// Whether Windows reads the name as a device, a drive or a stream of another file, or cuts its end.
fn is_special_on_windows(name: &[u8]) -> bool {
    const DEVICES: [&[u8]; 6] = [b"CON", b"PRN", b"AUX", b"NUL", b"CONIN$", b"CONOUT$"];
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default().trim_ascii_end();
    let is_port =
        matches!(stem, [a, b, c, b'0'..=b'9'] if [b"COM", b"LPT"].iter().any(|port| port.eq_ignore_ascii_case(&[*a, *b, *c])));
    is_port
        || DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem))
        || name.contains(&b':')
        || matches!(name, [.., b'.' | b' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 114: such names are devices, with an extension too.
    #[test]
    fn devices_of_windows_are_known() {
        for name in [&b"CON"[..], b"con", b"nul.1.incr.aof", b"Com1.aof", b"LPT9", b"c:x", b"a.aof:b", b"a.", b"a ", b"aux .x"] {
            assert!(is_special_on_windows(name), "{}", name.escape_ascii());
        }
        for name in [&b"appendonly.aof"[..], b"console", b"COM", b"com10", b".con"] {
            assert!(!is_special_on_windows(name), "{}", name.escape_ascii());
        }
    }
}
