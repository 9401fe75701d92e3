//! The manifest of a multi-part log: which files it consists of, in which order.
//!
//! ```text
//! file <name> seq <n> type <b|h|i> [startoffset <n>] [endoffset <n>]\n
//! ```
//! Source: Redis 8.0 `aof.c` `aofLoadManifestFromFile()`, `aofInfoFormat()`, `getAofManifestAsString()`.

use super::names::{check_name, parse_seq};
use super::words;
use crate::error::{Error, ErrorKind, Found, Place, Result};
use crate::wire::number;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Servers read a line, its line feed included, through a buffer of so many bytes.
const MAX_LINE_BYTES: usize = 1024;

/// What a file's number is.
const NUMBER: &str = "a number from 1 to 2^63 - 1";

/// What a file is to its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// What the log starts from: loaded first.
    Base,
    /// Replaced by a newer base. Never loaded; servers remove it and may have done so.
    History,
    /// What was written since the base. The last one is appended to.
    Incr,
}

impl Role {
    /// The letter that stands in a manifest.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::History => 'h',
            Self::Incr => 'i',
        }
    }
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Name of a file in the manifest's folder, without quotes.
    pub name: Vec<u8>,
    /// Its number, from 1. Those of bases and of increments are counted apart.
    pub seq: u64,
    /// What it is to the log.
    pub role: Role,
    /// Where the increment begins in the stream of replication, in bytes: `startoffset` of Redis 8.0 and later.
    pub start_offset: Option<u64>,
    /// Where it ends there: `endoffset`.
    pub end_offset: Option<u64>,
    /// Pairs of key and value that have no meaning here, in order. They are written back.
    pub other: Vec<(Vec<u8>, Vec<u8>)>,
}

impl ManifestFile {
    /// A file without offsets.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>, seq: u64, role: Role) -> Self {
        Self { name: name.into(), seq, role, start_offset: None, end_offset: None, other: Vec::new() }
    }
}

/// The files of a multi-part log, as Redis 7.0 and later and Valkey list them.
///
/// ```
/// use aikv::aof::Manifest;
///
/// let text = b"file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n";
/// let (manifest, deviations) = Manifest::parse(text, b"a.aof.manifest")?;
/// assert_eq!(manifest.base().map(|file| file.seq), Some(1));
/// assert_eq!(manifest.incrs().last().map(|file| &file.name[..]), Some(&b"a.aof.1.incr.aof"[..]));
/// assert!(deviations.is_empty());
/// let mut written = Vec::new();
/// manifest.write(b"a.aof.manifest", &mut written)?;
/// assert_eq!(written, text);
/// # Ok::<(), aikv::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// In any order of roles; increments in the order they are loaded, histories newest first.
    pub files: Vec<ManifestFile>,
}

impl Manifest {
    /// Reads a whole manifest, which is a file called `own_name`; and what servers do not care
    /// about, but may not have meant: offsets that are no numbers (kept in
    /// [`ManifestFile::other`]), or that end before they start.
    ///
    /// The base may stand anywhere. Comments are not kept.
    ///
    /// # Errors
    /// `BadManifest`, `UnsafePath` for a name that leads out of the folder or is that of the
    /// manifest or of its lock, `Duplicate` for a key that stands twice in its line; at the
    /// offset of the line. What is refused here and read by servers: names listed twice, types
    /// of more than one letter, numbers with something around their digits, no file at all, and
    /// a comment without a line feed.
    pub fn parse(bytes: &[u8], own_name: &[u8]) -> Result<(Self, Vec<Error>)> {
        let mut rules = Rules::new(own_name);
        let mut deviations = Vec::new();
        let mut files = Vec::new();
        let mut offset = 0u64;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let error = |kind| Error::new(kind, offset, Place::default());
            let text = whole_line(line).map_err(error)?;
            if !text.starts_with(b"#") {
                let file = parse_line(text).map_err(error)?;
                rules.admit(&file).map_err(error)?;
                deviations.extend(odd_offsets(&file).map(error));
                files.push(file);
            }
            offset = offset.saturating_add(line.len() as u64);
        }
        if files.is_empty() {
            return Err(Error::new(bad("at least one file", "none"), offset, Place::default()));
        }
        Ok((Self { files }, deviations))
    }

    /// Appends the manifest to `out` as servers write it: the base, histories, increments.
    /// `own_name` is that of the file it will stand in.
    ///
    /// # Errors
    /// As [`Manifest::parse`], for a manifest that it would not read back; `Unrepresentable` for
    /// a line that is longer than servers read. Offsets count in what would have been written.
    /// Nothing was appended then.
    pub fn write(&self, own_name: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let written = self.write_lines(own_name, out);
        written.map_err(|kind| {
            let offset = out.len().saturating_sub(start) as u64;
            out.truncate(start);
            Error::new(kind, offset, Place::default())
        })
    }

    fn write_lines(&self, own_name: &[u8], out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let mut rules = Rules::new(own_name);
        for file in [Role::Base, Role::History, Role::Incr].into_iter().flat_map(|role| self.of(role)) {
            rules.admit(file)?;
            let mut line = Vec::new();
            write_line(file, &mut line);
            if line.len() > MAX_LINE_BYTES {
                return Err(ErrorKind::Unrepresentable { what: "this file", target: "a line of at most 1024 bytes" });
            }
            out.append(&mut line);
        }
        if rules.names.is_empty() {
            return Err(bad("at least one file", "none"));
        }
        Ok(())
    }

    /// What the log starts from; `None` where it consists of increments only.
    #[must_use]
    pub fn base(&self) -> Option<&ManifestFile> {
        self.of(Role::Base).next()
    }

    /// The increments in the order they are loaded, behind the base.
    pub fn incrs(&self) -> impl Iterator<Item = &ManifestFile> {
        self.of(Role::Incr)
    }

    /// What newer bases have replaced; not part of the log.
    pub fn histories(&self) -> impl Iterator<Item = &ManifestFile> {
        self.of(Role::History)
    }

    /// The files that the log consists of, in the order they are loaded.
    pub fn loaded(&self) -> impl Iterator<Item = &ManifestFile> {
        self.base().into_iter().chain(self.incrs())
    }

    fn of(&self, role: Role) -> impl Iterator<Item = &ManifestFile> {
        self.files.iter().filter(move |file| file.role == role)
    }
}

fn bad(expected: &'static str, found: &'static str) -> ErrorKind {
    ErrorKind::BadManifest { expected, found: Found::Text(found) }
}

/// A line without its end.
fn whole_line(line: &[u8]) -> Result<&[u8], ErrorKind> {
    if line.len() > MAX_LINE_BYTES {
        let found = Found::Number(line.len() as u64);
        return Err(ErrorKind::BadManifest { expected: "a line of at most 1024 bytes", found });
    }
    let text = line.strip_suffix(b"\n").ok_or_else(|| bad("a line feed behind the last line", "the end"))?;
    if text.contains(&0) {
        return Err(ErrorKind::BadManifest { expected: "a line of text", found: Found::Byte(0) });
    }
    Ok(text)
}

/// The keys that mean something, in the order they are written.
const KEYS: [&[u8]; 5] = [b"file", b"seq", b"type", b"startoffset", b"endoffset"];

fn parse_line(text: &[u8]) -> Result<ManifestFile, ErrorKind> {
    let words = words::split(text).ok_or_else(|| bad("words in closed quotes", "a quote that is not closed"))?;
    if words.is_empty() {
        return Err(bad("a file or a comment", "an empty line"));
    }
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(bad("pairs of key and value", "a key without a value"));
    }
    let mut values: [Option<&[u8]>; 5] = [None; 5];
    let mut other = Vec::new();
    for [key, value] in pairs {
        let known = KEYS.iter().position(|known| known.eq_ignore_ascii_case(key));
        match known.and_then(|known| values.get_mut(known)) {
            Some(Some(_)) => return Err(ErrorKind::Duplicate { expected: "each key once in its line" }),
            Some(slot) => *slot = Some(value),
            None => other.push((key.clone(), value.clone())),
        }
    }
    let [name, seq, role, start_offset, end_offset] = values;
    let name = name.ok_or_else(|| bad("the key file", "none"))?.to_vec();
    let seq = parse_seq(seq.ok_or_else(|| bad("the key seq", "none"))?).ok_or_else(|| bad(NUMBER, "something else"))?;
    let role = match role.ok_or_else(|| bad("the key type", "none"))? {
        b"b" => Role::Base,
        b"h" => Role::History,
        b"i" => Role::Incr,
        _ => return Err(bad("the type b, h or i", "another one")),
    };
    let mut offset = |key: &[u8], text: Option<&[u8]>| {
        let offset = text.and_then(number::parse_int).and_then(|offset| u64::try_from(offset).ok());
        if let (Some(text), None) = (text, offset) {
            other.push((key.to_vec(), text.to_vec()));
        }
        offset
    };
    let [_, _, _, start, end] = KEYS;
    let (start_offset, end_offset) = (offset(start, start_offset), offset(end, end_offset));
    Ok(ManifestFile { name, seq, role, start_offset, end_offset, other })
}

/// What is odd about a file's offsets.
fn odd_offsets(file: &ManifestFile) -> impl Iterator<Item = ErrorKind> {
    let [_, _, _, offsets @ ..] = KEYS;
    let no_numbers = file.other.iter().filter(move |(key, _)| offsets.contains(&&key[..]));
    let is_reversed = file.start_offset.zip(file.end_offset).is_some_and(|(start, end)| end < start);
    no_numbers
        .map(|_| bad("a number as offset", "something else"))
        .chain(is_reversed.then(|| bad("an offset of the end behind that of the start", "one before it")))
}

fn write_line(file: &ManifestFile, out: &mut Vec<u8>) {
    let number = |number: u64| itoa::Buffer::new().format(number).as_bytes().to_vec();
    let mut letter = [0; 4];
    let letter = file.role.letter().encode_utf8(&mut letter).as_bytes().to_vec();
    let values = [
        Some(file.name.clone()),
        Some(number(file.seq)),
        Some(letter),
        file.start_offset.map(number),
        file.end_offset.map(number),
    ];
    let known = KEYS.iter().zip(&values).filter_map(|(key, value)| Some((*key, &value.as_ref()?[..])));
    for (key, value) in known.chain(file.other.iter().map(|(key, value)| (&key[..], &value[..]))) {
        for word in [key, value] {
            words::push(word, out);
            out.push(b' ');
        }
    }
    out.pop();
    out.push(b'\n');
}

/// What holds from file to file.
struct Rules<'a> {
    own_name: &'a [u8],
    names: BTreeSet<Vec<u8>>,
    has_base: bool,
    last_incr: u64,
}

impl<'a> Rules<'a> {
    fn new(own_name: &'a [u8]) -> Self {
        Self { own_name, names: BTreeSet::new(), has_base: false, last_incr: 0 }
    }

    fn admit(&mut self, file: &ManifestFile) -> Result<(), ErrorKind> {
        check_name(&file.name)?;
        let stem = self.own_name.strip_suffix(b".manifest").unwrap_or(self.own_name);
        if file.name == self.own_name || file.name.strip_prefix(stem) == Some(b".lock") {
            let found = Found::Text("that of the manifest or its lock");
            return Err(ErrorKind::UnsafePath { expected: "the name of a part of the log", found });
        }
        if file.seq == 0 || i64::try_from(file.seq).is_err() {
            return Err(ErrorKind::BadManifest { expected: NUMBER, found: Found::Number(file.seq) });
        }
        if !self.names.insert(file.name.clone()) {
            return Err(bad("each file once", "a second time"));
        }
        match file.role {
            Role::Base if self.has_base => return Err(bad("one base", "a second one")),
            Role::Base => self.has_base = true,
            Role::History => {}
            Role::Incr if file.seq <= self.last_incr => {
                let found = Found::Number(file.seq);
                return Err(ErrorKind::BadManifest { expected: "increments in ascending order", found });
            }
            Role::Incr => self.last_incr = file.seq,
        }
        Ok(())
    }
}
