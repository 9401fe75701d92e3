//! Header magic and version numbers.
//!
//! ```text
//! "REDIS"  + 4 digits      Redis, and Valkey up to 8.1
//! "VALKEY" + 3 digits      Valkey from 9.0 (RDB 80)
//! ```
//! Source: Redis 8.0 `rdb.c` `rdbLoadRioWithLoadingCtx()`; Valkey 9.1 `rdb.c` `rdbIsVersionAccepted()`.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use core::fmt;

/// The lineage that a snapshot's magic names. The meaning of some bytes depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u64)]
pub enum Dialect {
    /// Magic `REDIS`.
    Redis,
    /// Magic `VALKEY`.
    Valkey,
}

impl Dialect {
    /// `redis` or `valkey`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    /// What a snapshot begins with.
    #[must_use]
    pub fn magic(self) -> &'static [u8] {
        match self {
            Self::Redis => b"REDIS",
            Self::Valkey => b"VALKEY",
        }
    }
}

/// Dialect and number of an RDB header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    dialect: Dialect,
    number: u64,
}

static MAGIC: Cause = Cause::new(FaultKind::Magic, "the magic REDIS or VALKEY", Form::Text("other bytes"));
static DIGITS: Cause = Cause::new(FaultKind::Magic, "the digits of an RDB version", Form::Byte);
static REDIS_RANGE: Cause = Cause::new(FaultKind::Version, Version::SUPPORTED, Form::Text("redis"));
static VALKEY_RANGE: Cause = Cause::new(FaultKind::Version, Version::SUPPORTED, Form::Text("valkey"));

impl Version {
    /// The oldest version of magic `REDIS`.
    pub const REDIS_MIN: u64 = 1;
    /// The newest version of magic `REDIS` that is read.
    pub const REDIS_MAX: u64 = 15;
    /// The oldest version of magic `VALKEY`.
    pub const VALKEY_MIN: u64 = 80;
    /// The newest version of magic `VALKEY` that is read.
    pub const VALKEY_MAX: u64 = 80;
    /// The last version that Redis and Valkey have in common.
    pub const LAST_COMMON: Self = Self::redis(11);
    /// The versions that are read, in words.
    pub const SUPPORTED: &'static str = "1 to 15 with magic REDIS, 80 with magic VALKEY";

    /// Length of the header in bytes, the same in both dialects.
    pub const HEADER_LEN: usize = 9;

    /// A version of magic `REDIS`.
    #[must_use]
    pub const fn redis(number: u64) -> Self {
        Self { dialect: Dialect::Redis, number }
    }

    /// A version of magic `VALKEY`.
    #[must_use]
    pub const fn valkey(number: u64) -> Self {
        Self { dialect: Dialect::Valkey, number }
    }

    /// The lineage.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        self.dialect
    }

    /// The header's number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }

    /// Whether the decoder reads this version.
    #[must_use]
    pub fn is_supported(self) -> bool {
        match self.dialect {
            Dialect::Redis => (Self::REDIS_MIN..=Self::REDIS_MAX).contains(&self.number),
            Dialect::Valkey => (Self::VALKEY_MIN..=Self::VALKEY_MAX).contains(&self.number),
        }
    }

    /// Whether this version is later than every one that is read.
    #[must_use]
    pub fn is_later(self) -> bool {
        match self.dialect {
            Dialect::Redis => self.number > Self::REDIS_MAX,
            Dialect::Valkey => self.number > Self::VALKEY_MAX,
        }
    }

    /// Every version that is read.
    pub fn all() -> impl Iterator<Item = Self> {
        let redis = (Self::REDIS_MIN..=Self::REDIS_MAX).map(Self::redis);
        redis.chain((Self::VALKEY_MIN..=Self::VALKEY_MAX).map(Self::valkey))
    }

    /// Whether a checksum of 8 bytes must follow the EOF opcode (from RDB 5).
    #[must_use]
    pub(crate) fn has_checksum(self) -> bool {
        self.number >= 5
    }

    /// The header's bytes, `REDIS0011` or `VALKEY080`.
    #[must_use]
    pub fn header(self) -> [u8; Self::HEADER_LEN] {
        let digit = |power: u64| {
            let [digit, ..] = (self.number.checked_div(power).unwrap_or(0) % 10).to_le_bytes();
            digit | b'0'
        };
        let [d3, d2, d1, d0] = [digit(1000), digit(100), digit(10), digit(1)];
        match self.dialect {
            Dialect::Redis => [b'R', b'E', b'D', b'I', b'S', d3, d2, d1, d0],
            Dialect::Valkey => [b'V', b'A', b'L', b'K', b'E', b'Y', d2, d1, d0],
        }
    }

    /// Whether `prefix` begins with either magic.
    pub(crate) fn has_magic(prefix: &[u8]) -> bool {
        prefix.starts_with(b"REDIS") || prefix.starts_with(b"VALKEY")
    }

    /// The version in front of `prefix`, supported or not, if a whole header stands there.
    #[must_use]
    pub fn from_header(prefix: &[u8]) -> Option<Self> {
        let header = prefix.get(..Self::HEADER_LEN)?;
        let (dialect, digits) = match header {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Dialect::Redis, digits),
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (Dialect::Valkey, digits),
            _ => return None,
        };
        let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
        let number = core::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { dialect, number })
    }

    /// Reads a header without judging whether the version is supported.
    ///
    /// A prefix of a header is short by one byte, so that a wrong byte is found
    /// as soon as it is there, however the header is cut.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let bytes = cursor.rest();
        let (dialect, magic): (_, &[u8]) = match bytes.first() {
            Some(b'V') => (Dialect::Valkey, b"VALKEY"),
            _ => (Dialect::Redis, b"REDIS"),
        };
        if !bytes.iter().zip(magic).all(|(found, expected)| found == expected) {
            return Err(Fault::new(&MAGIC, 0));
        }
        let digits = bytes.get(magic.len()..Self::HEADER_LEN.min(bytes.len())).unwrap_or_default();
        if let Some(bad) = digits.iter().find(|digit| !digit.is_ascii_digit()) {
            cursor.take(magic.len() as u64)?;
            return Err(Fault::new(&DIGITS, u64::from(*bad)));
        }
        if bytes.len() < Self::HEADER_LEN {
            cursor.take(bytes.len() as u64)?;
            return Err(Fault::short(1));
        }
        let number =
            digits.iter().fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))));
        cursor.take(Self::HEADER_LEN as u64)?;
        Ok(Self { dialect, number })
    }

    /// The fault of a version that is not read.
    pub(crate) fn unsupported(self) -> Fault {
        let range = if self.dialect == Dialect::Valkey { &VALKEY_RANGE } else { &REDIS_RANGE };
        Fault::new(range, self.number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dialect {
            Dialect::Redis => write!(f, "RDB {}", self.number),
            Dialect::Valkey => write!(f, "VALKEY {}", self.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_and_read() {
        assert_eq!(&Version::redis(1).header(), b"REDIS0001");
        assert_eq!(&Version::redis(11).header(), b"REDIS0011");
        assert_eq!(&Version::valkey(80).header(), b"VALKEY080");
        for version in Version::all() {
            let header = version.header();
            assert_eq!(Version::read(&mut Cursor::new(&header)).unwrap(), version);
        }
        for version in [Version::redis(0), Version::redis(9999), Version::valkey(80)] {
            assert_eq!(Version::from_header(&version.header()), Some(version));
        }
        for other in [&b"REDIS001"[..], b"REDIS00A1", b"REDIX0011", b"VALKEY08x"] {
            assert_eq!(Version::from_header(other), None);
        }
    }
}
