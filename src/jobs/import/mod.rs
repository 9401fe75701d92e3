//! JSON Lines read back: the lines that [`Export`](super::Export) writes, as owned data.
//!
//! A line is read as a whole and understood by itself, whatever the order of its members. Nothing is guessed:
//! a member of a name that exports do not have is refused, so that a misspelt one is not lost.

mod bad;
mod dataset;
mod node;
mod read;
mod stream;
mod value;

use crate::error::{Error, ErrorKind, Found, KeyPreview, Place};
use crate::model::{Collected, Collector, Entry, Function};
use crate::rdb::{Event, Eviction, Kind, Version};
use crate::wire::Scalar;
use alloc::vec::Vec;
use bad::{Bad, Done};
use node::Node;
use read::{bytes, int, members, needed, tuple};

/// Puts the lines of a JSON Lines export together to owned data, one line at a time, in memory bounded by a
/// multiple of the longest line.
///
/// ```
/// use aikv::jobs::{Import, Imported};
/// use aikv::model::{Collected, Value};
///
/// let lines = b"{\"snapshot\":{\"dialect\":\"redis\",\"version\":11}}\n\
///     {\"db\":0,\"key\":\"k\",\"type\":\"set\",\"value\":[\"a\",{\"$b64\":\"/w==\"}]}\n";
/// let mut import = Import::new();
/// let (mut source, mut values) = (None, Vec::new());
/// let mut take = |line| {
///     match line {
///         Imported::Snapshot(version) => source = Some(version.number()),
///         Imported::Item(Collected::Entry { entry, .. }) => values.push(entry.value),
///         Imported::Item(_) => {}
///     }
///     Ok(())
/// };
/// import.feed(lines, &mut take)?;
/// import.finish(&mut take)?;
/// assert_eq!(values, [Value::Set(vec!["a".into(), vec![0xff].into()])]);
/// assert_eq!(source, Some(11));
/// # Ok::<(), aikv::Error>(())
/// ```
#[derive(Debug)]
pub struct Import {
    max_line_bytes: u64,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Lines that were read.
    lines: u64,
    /// Where the line in hand starts.
    offset: u64,
    failure: Option<Error>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The lines were made from a snapshot of this version; as a rule the first line.
    Snapshot(Version),
    /// Data.
    Item(Collected),
}

impl Default for Import {
    fn default() -> Self {
        Self::new()
    }
}

impl Import {
    /// Reads from the first line on. A line may have 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_max_line_bytes(1 << 30)
    }

    /// As [`Import::new`], with another limit on the bytes of a line.
    #[must_use]
    pub fn with_max_line_bytes(max_line_bytes: u64) -> Self {
        Self { max_line_bytes, line: Vec::new(), lines: 0, offset: 0, failure: None }
    }

    /// Bytes of the lines that were read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads `chunk`, and hands what the lines say to `take`, in order. That a key stands twice is for the caller to see.
    ///
    /// # Errors
    /// `BadJson` for a line that is no JSON, or not of the form that exports have, with the number of the line, the byte where it
    /// starts or where it stops being JSON, and the key; `LimitExceeded` for a longer line; what `take` returns. The first one
    /// stays.
    pub fn feed(&mut self, chunk: &[u8], take: &mut impl FnMut(Imported) -> Result<(), Error>) -> Result<(), Error> {
        let mut rest = chunk;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at_checked(at.saturating_add(1)).unwrap_or((rest, &[]));
            rest = behind;
            if self.line.is_empty() {
                self.read(line, take)?;
                continue;
            }
            self.hold(line)?;
            let mut held = core::mem::take(&mut self.line);
            self.read(&held, take)?;
            held.clear();
            held.shrink_to(Self::KEEP);
            self.line = held;
        }
        self.hold(rest)
    }

    /// Says that no bytes follow. The last line needs no line feed.
    ///
    /// # Errors
    /// As [`Import::feed`].
    pub fn finish(&mut self, take: &mut impl FnMut(Imported) -> Result<(), Error>) -> Result<(), Error> {
        let last = core::mem::take(&mut self.line);
        self.read(&last, take)
    }

    /// Capacity kept between lines.
    const KEEP: usize = 1 << 20;

    /// Keeps a share of a line.
    fn hold(&mut self, share: &[u8]) -> Result<(), Error> {
        self.check_len(self.line.len().saturating_add(share.len()))?;
        self.line.extend_from_slice(share);
        Ok(())
    }

    fn check_len(&mut self, len: usize) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if len as u64 <= self.max_line_bytes {
            return Ok(());
        }
        let found = Found::Number(len as u64);
        let kind = ErrorKind::LimitExceeded { expected: "a line within the limit on its bytes", found };
        self.fail(Error::new(kind, self.offset, Place::default()))
    }

    fn fail(&mut self, error: Error) -> Result<(), Error> {
        self.failure = Some(error.clone());
        Err(error)
    }

    fn read(&mut self, line: &[u8], take: &mut impl FnMut(Imported) -> Result<(), Error>) -> Result<(), Error> {
        self.check_len(line.len())?;
        let start = self.offset;
        self.offset = start.saturating_add(line.len() as u64);
        self.lines = self.lines.saturating_add(1);
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(());
        }
        let mut place = Place::default();
        let read = Node::parse(line).and_then(|node| read_line(node, &mut place));
        let taken = match read {
            Ok(Some(line)) => take(line),
            Ok(None) => Ok(()),
            Err(Bad { expected, found, offset, element }) => {
                let kind = ErrorKind::BadJson { line: self.lines, expected, found };
                Err(Error::new(kind, start.saturating_add(offset as u64), Place { element, ..place }))
            }
        };
        taken.or_else(|error| self.fail(error))
    }
}

/// Reads a line, which may be one of no use to another file; `place` says of which key, once that is known.
fn read_line(node: Node<'_>, place: &mut Place) -> Done<Option<Imported>> {
    const EXPECTED: &str = "an object with key, snapshot, aux, function or module_aux";
    let Node::Object(names) = &node else { return Err(Bad::node(EXPECTED, &node)) };
    let has = |name: &str| names.iter().any(|(found, _)| found == name);
    if has("key") {
        return Ok(Some(Imported::Item(key(node, place)?)));
    }
    if has("snapshot") {
        let [snapshot] = members(node, ["snapshot"], "an object of snapshot")?;
        return Ok(Some(Imported::Snapshot(version(needed(snapshot, EXPECTED)?)?)));
    }
    if has("aux") {
        let [aux] = members(node, ["aux"], "an object of aux")?;
        return Ok(self::aux(needed(aux, EXPECTED)?)?.map(Imported::Item));
    }
    if has("function") {
        let [code, description] = members(node, ["function", "description"], "an object of function and description")?;
        let description = description.map(bytes).transpose()?;
        let function = Function { code: bytes(needed(code, EXPECTED)?)?, description };
        return Ok(Some(Imported::Item(Collected::Function(function))));
    }
    if has("module_aux") {
        let [data] = members(node, ["module_aux"], "an object of module_aux")?;
        return Ok(Some(Imported::Item(Collected::ModuleData(value::module_data(needed(data, EXPECTED)?)?))));
    }
    if has("command") {
        return Err(Bad::new("the line of a key", "a command of a log: only an export by key is read back"));
    }
    Err(Bad::new(EXPECTED, "another object"))
}

fn version(node: Node<'_>) -> Done<Version> {
    const DIALECT: &str = "the dialect \"redis\" or \"valkey\"";
    let [dialect, number] = members(node, ["dialect", "version"], "an object of dialect and version")?;
    let number = int(&needed(number, "the member version")?, "the number of a version")?;
    let dialect = needed(dialect, DIALECT)?;
    match &dialect {
        Node::Text(name) if name == "redis" => Ok(Version::redis(number)),
        Node::Text(name) if name == "valkey" => Ok(Version::valkey(number)),
        other => Err(Bad::node(DIALECT, other)),
    }
}

/// A field, unless it is one that readers of snapshots leave out.
fn aux(node: Node<'_>) -> Done<Option<Collected>> {
    let [name, value] = tuple(node, "an array of name and value")?;
    let (name, value) = (bytes(name)?, bytes(value)?);
    let event = Event::Aux { key: Scalar::Bytes(&name), value: Scalar::Bytes(&value) };
    // The limit is that of the line, so there is none here.
    Collector::new(u64::MAX).push(&event).map_err(|_| Bad::new("a field", "another"))
}

fn key(node: Node<'_>, place: &mut Place) -> Done<Collected> {
    const TYPE: &str = "a type: string, list, set, zset, hash, stream, module or array";
    let names = ["db", "key", "type", "encoding", "expires_at_ms", "idle_s", "freq", "key_meta", "value"];
    let [db, key, kind, _, expires_at_ms, idle_s, freq, key_meta, value] =
        members(node, names, "an object of db, key, type, encoding, expires_at_ms, idle_s, freq, key_meta and value")?;
    let key = bytes(needed(key, "the member key")?)?;
    place.key = Some(KeyPreview::new(&key));
    let db = int(&needed(db, "the member db")?, "the number of a database")?;
    place.db = Some(db);
    let kind = needed(kind, TYPE)?;
    let kind = match &kind {
        Node::Text(name) => Kind::from_name(name).ok_or(Bad::new(TYPE, "another text"))?,
        other => return Err(Bad::node(TYPE, other)),
    };
    place.value_type = Some(kind.name());
    let eviction = match (idle_s, freq) {
        (None, None) => Eviction::None,
        (Some(idle), None) => Eviction::Idle(int(&idle, "seconds")?),
        (None, Some(freq)) => Eviction::Freq(int::<u8>(&freq, "a frequency of 0 to 255")?.into()),
        (Some(_), Some(_)) => return Err(Bad::new("either idle_s or freq", "both")),
    };
    let entry = Entry {
        expires_at_ms: expires_at_ms.map(|at| int(&at, "Unix milliseconds")).transpose()?,
        eviction,
        metadata: key_meta.map(value::metadata).transpose()?.unwrap_or_default(),
        value: value::value(kind, needed(value, "the member value")?)?,
    };
    Ok(Collected::Entry { db, key, entry })
}
