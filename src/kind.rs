//! Which format a file is, by its first bytes.

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

use crate::rdb::Version;

/// What a file is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A log of commands, without a snapshot in front.
    Aof,
    /// A file that is compressed as a whole.
    Compressed {
        /// How it is unpacked.
        codec: Codec,
    },
    /// A JSON Lines export.
    Jsonl,
    /// The manifest of a multi-part log.
    Manifest,
    /// A snapshot, or a log with a snapshot in front.
    Rdb {
        /// What the header says, if it is whole and well formed; not whether it can be read.
        version: Option<Version>,
    },
    /// Something else.
    Unknown {
        /// What it looks like, such as `zip`.
        looks_like: Option<&'static str>,
    },
}

/// A format that compresses files as a whole, and that is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// gzip members.
    Gzip,
    /// LZ4 frames.
    Lz4,
    /// zstd frames.
    Zstd,
}

impl Codec {
    pub(crate) const ALL: [Self; 3] = [Self::Gzip, Self::Lz4, Self::Zstd];

    /// How a file is compressed whose first bytes are `prefix`. Skippable frames
    /// in front are passed over as far as they stand in it.
    #[must_use]
    pub fn sniff(prefix: &[u8]) -> Option<Self> {
        let mut rest = prefix;
        while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, behind @ ..] = rest {
            let len = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
            rest = behind.get(len..)?;
        }
        Self::ALL.into_iter().find(|codec| rest.starts_with(codec.magic()))
    }

    /// Whether a compressed file may begin like this; the first four bytes tell.
    #[must_use]
    pub fn may_begin(prefix: &[u8]) -> bool {
        let first = prefix.get(..4).unwrap_or(prefix);
        let is_skippable = matches!(first, [0x50..=0x5f, behind @ ..] if b"\x2a\x4d\x18".starts_with(behind));
        is_skippable || Self::ALL.into_iter().any(|codec| first.starts_with(codec.magic()) || codec.magic().starts_with(first))
    }

    /// `gzip`, `lz4` or `zstd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The first bytes of each frame.
    pub(crate) fn magic(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"\x1f\x8b",
            Self::Lz4 => b"\x04\x22\x4d\x18",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }
}

/// First bytes of files that are often taken for a snapshot.
const LOOKS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "zip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"SQLite format 3\0", "sqlite"),
    (b"PAR1", "parquet"),
    (b"%PDF-", "pdf"),
    (b"<", "html"),
];

/// How the lines of a JSON Lines export begin.
const JSONL_STARTS: &[&[u8]] = &[b"{\"snapshot\":", b"{\"db\":", b"{\"aux\":", b"{\"function\":", b"{\"command\":"];

impl FileKind {
    /// As many bytes as are ever looked at.
    pub const PREFIX_BYTES: usize = 4096;

    /// Says what a file is whose first bytes are `prefix`; more of them than
    /// [`FileKind::PREFIX_BYTES`] do no harm.
    #[must_use]
    pub fn sniff(prefix: &[u8]) -> Self {
        let prefix = prefix.get(..Self::PREFIX_BYTES).unwrap_or(prefix);
        let starts = |with: &[u8]| prefix.starts_with(with);
        if Version::has_magic(prefix) {
            return Self::Rdb { version: Version::from_header(prefix) };
        }
        if prefix.is_empty() {
            return Self::Unknown { looks_like: Some("empty") };
        }
        if let Some(codec) = Codec::sniff(prefix) {
            return Self::Compressed { codec };
        }
        if JSONL_STARTS.iter().any(|start| starts(start)) {
            return Self::Jsonl;
        }
        if let Some(kind) = sniff_lines(prefix) {
            return kind;
        }
        let known = LOOKS.iter().find(|(start, _)| starts(start)).map(|(_, name)| *name);
        Self::Unknown { looks_like: known.or_else(|| look(prefix)) }
    }

    /// `rdb`, `aof`, `compressed`, `manifest`, `jsonl` or `unknown`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aof => "aof",
            Self::Compressed { .. } => "compressed",
            Self::Jsonl => "jsonl",
            Self::Manifest => "manifest",
            Self::Rdb { .. } => "rdb",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// A log begins with a command; both logs and manifests may have lines with `#` before the first.
fn sniff_lines(prefix: &[u8]) -> Option<FileKind> {
    if prefix.starts_with(b"#TS:") {
        return Some(FileKind::Aof);
    }
    let mut rest = prefix;
    while let [b'#', ..] = rest {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        rest = rest.split_at_checked(end)?.1.get(1..)?;
    }
    match rest {
        [b'*', b'0'..=b'9' | b'-', ..] => Some(FileKind::Aof),
        _ if is_manifest_line(rest) => Some(FileKind::Manifest),
        _ => None,
    }
}

/// Whether the first line begins with a key of a manifest and names a file.
fn is_manifest_line(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_key = |word: &[u8]| [&b"file"[..], b"seq", b"type"].iter().any(|key| word.eq_ignore_ascii_case(key));
    let starts = words.next().is_some_and(is_key);
    starts && words.count() >= 5
}

/// What the content looks like, where no first bytes are known.
fn look(prefix: &[u8]) -> Option<&'static str> {
    let mut visible = prefix.iter().filter(|byte| !byte.is_ascii_whitespace());
    if matches!(visible.next(), Some(b'{' | b'['))
        && matches!(visible.next(), Some(b'"' | b'{' | b'[' | b'}' | b']' | b'0'..=b'9'))
    {
        return Some("json");
    }
    if prefix.get(257..262) == Some(b"ustar") {
        return Some("tar");
    }
    if prefix.iter().all(|byte| *byte == 0) {
        return Some("zeros");
    }
    let is_text = prefix.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace());
    let is_cut = |error: core::str::Utf8Error| error.error_len().is_none();
    (is_text && core::str::from_utf8(prefix).map_or_else(is_cut, |_| true)).then_some("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let rdb = |version| FileKind::Rdb { version };
        for (prefix, expected) in [
            (&b"REDIS0011\xfa"[..], rdb(Some(Version::redis(11)))),
            (b"REDIS9999", rdb(Some(Version::redis(9999)))),
            (b"VALKEY080\xfa", rdb(Some(Version::valkey(80)))),
            (b"REDIS", rdb(None)),
            (b"REDIS00A1", rdb(None)),
            (b"*2\r\n$6\r\nSELECT\r\n", FileKind::Aof),
            (b"#TS:1700000000\r\n*2\r\n", FileKind::Aof),
            (b"# a note\r\n*2\r\n", FileKind::Aof),
            (b"file appendonly.aof.1.base.rdb seq 1 type b\n", FileKind::Manifest),
            (b"# note\nFILE \"a b\" SEQ 1 TYPE i\n", FileKind::Manifest),
            (b"{\"snapshot\":{\"dialect\":\"redis\"", FileKind::Jsonl),
            (b"{\"db\":0,\"key\":\"a\"", FileKind::Jsonl),
            (b"\x1f\x8b\x08", FileKind::Compressed { codec: Codec::Gzip }),
            (b"\x04\x22\x4d\x18\x64", FileKind::Compressed { codec: Codec::Lz4 }),
            (b"\x28\xb5\x2f\xfd\x04", FileKind::Compressed { codec: Codec::Zstd }),
            (b"\x5e\x2a\x4d\x18\x02\0\0\0ab\x28\xb5\x2f\xfd", FileKind::Compressed { codec: Codec::Zstd }),
        ] {
            assert_eq!(FileKind::sniff(prefix), expected, "{}", prefix.escape_ascii());
        }
    }

    #[test]
    fn four_bytes_tell_whether_a_file_may_be_compressed() {
        // Frames that are skipped begin with any of sixteen bytes: `R` and `V` are among them.
        for may in
            [&b""[..], b"\x1f", b"\x1f\x8b\x08\0", b"\x04\x22\x4d\x18\x64", b"\x28\xb5", b"R", b"V", b"\x5f\x2a\x4d\x18\x01"]
        {
            assert!(Codec::may_begin(may), "{}", may.escape_ascii());
        }
        for not in [&b"REDIS0011"[..], b"VALK", b"*2\r\n", b"\x1f\x8c", b"\x04\x22\x4d\x19", b"\x50\x2a\x4d\x19", b"PK\x03\x04"] {
            assert!(!Codec::may_begin(not), "{}", not.escape_ascii());
        }
    }

    #[test]
    fn other_files_are_named() {
        let mut tar = [b'x'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (prefix, expected) in [
            (&b""[..], Some("empty")),
            (b"PK\x03\x04\x14", Some("zip")),
            (b"\x50\x2a\x4d\x18\x02\0\0\0a", None),
            (b"{\n  \"a\": 1}", Some("json")),
            (b"[1,2]", Some("json")),
            (b"<!doctype html>", Some("html")),
            (b"SET a b\r\n", Some("text")),
            (b"\0\0\0\0", Some("zeros")),
            (&tar, Some("tar")),
            (b"\x7fELF\x02", None),
        ] {
            assert_eq!(FileKind::sniff(prefix), FileKind::Unknown { looks_like: expected }, "{}", prefix.escape_ascii());
        }
    }
}
