//! The keys of a snapshot copied to one snapshot or several, byte for byte.

use super::slots::SlotMap;
use super::splice::Splice;
use super::{Filter, Flow, Job};
use crate::aof;
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::rdb::{Event, Key, Version, is_hint_field};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

static TOO_MANY: Cause = Cause::new(FaultKind::Limit, "at most 1024 outputs", Form::Text("more"));
static SHARED_BYTES: Cause =
    Cause::new(FaultKind::Limit, "fields, functions and module data of at most 64 MiB for outputs that come later", Form::Number);
static LOG: Cause = Cause::new(FaultKind::Command, "a snapshot and nothing behind it", Form::Text("a command"));
static REFUSED: Cause = Cause::new(FaultKind::Value, "a record that can be written", Form::Text("another one"));

/// What decides which output a key goes to.
#[derive(Clone, Debug)]
pub enum SplitBy {
    /// Nothing: there is one output.
    Nothing,
    /// Its database.
    Db,
    /// What stands in front of the first separator, which is not empty.
    Prefix(Vec<u8>),
    /// Its slot; every owner of slots has an output, also without keys.
    Slots(SlotMap),
}

/// What an output holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// All keys that are meant.
    All,
    /// Those of a database.
    Db(u64),
    /// Those with a prefix; without one where the separator is missing.
    Prefix(Option<Vec<u8>>),
    /// Those of an owner of slots, with the owner's name.
    Slots(String),
}

/// Copies the keys of a snapshot to one snapshot or several of the same version. Bytes of keys and values stay as
/// they are; fields, functions, hash templates, slot imports and module data go into each output, also into one
/// without keys. Hints (sizes of databases and slots) are left out, since they would not be right: servers do not need
/// them. Checksums are computed anew.
///
/// Memory is that of one step for each output. A rule for sizes takes more: a key is held until its size is known to
/// be right, so at most as much as the rule's larger bound.
pub struct Partition {
    filter: Filter,
    by: SplitBy,
    version: Option<Version>,
    outputs: Vec<(Share, Splice)>,
    numbers: BTreeMap<Share, usize>,
    /// What goes into an output that comes later.
    shared: Vec<u8>,
    /// What stands before the type of the key that follows.
    head: Vec<u8>,
    taking: Taking,
    held: Held,
    keys: u64,
    kept: u64,
}

/// What becomes of the key in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    No,
    /// It goes to this output.
    Yes(usize),
    /// As soon as its size is known to be right.
    Held,
}

/// A key whose size is not known yet.
#[derive(Debug, Default)]
struct Held {
    db: u64,
    key: Vec<u8>,
    /// What was read of it.
    bytes: Vec<u8>,
}

impl Partition {
    const MOST_OUTPUTS: usize = 1024;
    const MOST_SHARED_BYTES: usize = 64 << 20;

    /// A copy of the keys that are meant.
    #[must_use]
    pub fn new(filter: Filter, by: SplitBy) -> Self {
        Self {
            filter,
            by,
            version: None,
            outputs: Vec::new(),
            numbers: BTreeMap::new(),
            shared: Vec::new(),
            head: Vec::new(),
            taking: Taking::No,
            held: Held::default(),
            keys: 0,
            kept: 0,
        }
    }

    /// Keys read.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Keys that were copied.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The outputs, in the order in which they came up, with the bytes written since the last call: whoever takes
    /// bytes empties the vector. An output is whole once the snapshot was read to its end.
    pub fn outputs(&mut self) -> impl ExactSizeIterator<Item = (&Share, &mut Vec<u8>)> {
        self.outputs.iter_mut().map(|(share, splice)| (&*share, splice.out()))
    }

    fn start(&mut self, version: Version) -> Result<(), Fault> {
        self.version = Some(version);
        match &self.by {
            SplitBy::Nothing => self.open(Share::All).map(drop),
            SplitBy::Slots(map) => {
                let names = map.names().to_vec();
                names.into_iter().try_for_each(|name| self.open(Share::Slots(name)).map(drop))
            }
            SplitBy::Db | SplitBy::Prefix(_) => Ok(()),
        }
    }

    /// Begins an output; gives its number.
    fn open(&mut self, share: Share) -> Result<usize, Fault> {
        let number = self.outputs.len();
        if number >= Self::MOST_OUTPUTS {
            return Err(Fault::new(&TOO_MANY, 0));
        }
        let version = self.version.unwrap_or(Version::redis(Version::REDIS_MAX));
        let mut splice = Splice::new(version).map_err(refused)?;
        splice.copy(&self.shared);
        self.outputs.push((share, splice));
        Ok(number)
    }

    /// The number of the output that a key goes to.
    fn output(&mut self, db: u64, key: &[u8]) -> Result<usize, Fault> {
        let share = match &self.by {
            SplitBy::Nothing => return Ok(0),
            SplitBy::Slots(map) => return Ok(map.owner_of(key)),
            SplitBy::Db => Share::Db(db),
            SplitBy::Prefix(separator) => Share::Prefix(prefix(key, separator).map(<[u8]>::to_vec)),
        };
        if let Some(number) = self.numbers.get(&share) {
            return Ok(*number);
        }
        let number = self.open(share.clone())?;
        self.numbers.insert(share, number);
        Ok(number)
    }

    fn key(&mut self, key: &Key<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.keys = self.keys.saturating_add(1);
        self.taking = Taking::No;
        if !self.filter.matches_head(key) {
            self.head.clear();
            return Ok(Flow::SkipValue);
        }
        if self.filter.size.is_open() {
            let mut head = core::mem::take(&mut self.head);
            let done = key.key.with_text(|name| self.copy_key(key.db, name, &head, raw));
            head.clear();
            self.head = head;
            return done.map(|()| Flow::Continue);
        }
        self.taking = Taking::Held;
        self.held = Held { db: key.db, key: key.key.to_vec(), bytes: core::mem::take(&mut self.head) };
        self.hold(raw)
    }

    /// Copies the beginning of a key, in two pieces; the rest goes the same way.
    fn copy_key(&mut self, db: u64, name: &[u8], head: &[u8], raw: &[u8]) -> Result<(), Fault> {
        let output = self.output(db, name)?;
        self.taking = Taking::Yes(output);
        self.kept = self.kept.saturating_add(1);
        let Some((_, splice)) = self.outputs.get_mut(output) else { return Ok(()) };
        splice.select_db(db).map_err(refused)?;
        splice.copy(head);
        splice.copy(raw);
        Ok(())
    }

    fn hold(&mut self, raw: &[u8]) -> Result<Flow, Fault> {
        self.held.bytes.extend_from_slice(raw);
        self.weigh(false)
    }

    /// Lets the key go that is held, or drops it, once its size says so.
    fn weigh(&mut self, is_whole: bool) -> Result<Flow, Fault> {
        let (size, bytes) = (self.filter.size, self.held.bytes.len() as u64);
        if size.max.is_some_and(|max| bytes > max) || is_whole && !size.matches(bytes) {
            self.taking = Taking::No;
            self.held = Held::default();
            return Ok(if is_whole { Flow::Continue } else { Flow::SkipValue });
        }
        if is_whole || size.max.is_none() && size.matches(bytes) {
            let Held { db, key, bytes } = core::mem::take(&mut self.held);
            self.copy_key(db, &key, &bytes, &[])?;
        }
        Ok(Flow::Continue)
    }

    fn value(&mut self, raw: &[u8]) -> Result<Flow, Fault> {
        match self.taking {
            Taking::No => return Ok(Flow::SkipValue),
            Taking::Yes(output) => {
                if let Some((_, splice)) = self.outputs.get_mut(output) {
                    splice.copy(raw);
                }
            }
            Taking::Held => return self.hold(raw),
        }
        Ok(Flow::Continue)
    }

    /// A record that goes into each output.
    fn share(&mut self, raw: &[u8]) -> Result<(), Fault> {
        for (_, splice) in &mut self.outputs {
            splice.copy(raw);
        }
        if matches!(self.by, SplitBy::Db | SplitBy::Prefix(_)) {
            if self.shared.len().saturating_add(raw.len()) > Self::MOST_SHARED_BYTES {
                return Err(Fault::new(&SHARED_BYTES, self.shared.len() as u64));
            }
            self.shared.extend_from_slice(raw);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        // A snapshot without keys is one all the same.
        if self.outputs.is_empty() {
            let share = match &self.by {
                SplitBy::Db => Share::Db(0),
                SplitBy::Prefix(_) => Share::Prefix(None),
                SplitBy::Nothing | SplitBy::Slots(_) => Share::All,
            };
            self.open(share)?;
        }
        self.outputs.iter_mut().try_for_each(|(_, splice)| splice.finish()).map_err(refused)
    }
}

/// What stands in front of the first separator.
fn prefix<'k>(key: &'k [u8], separator: &[u8]) -> Option<&'k [u8]> {
    let at = key.windows(separator.len().max(1)).position(|window| window == separator)?;
    key.get(..at)
}

/// An encoder refuses only what is out of order, which a decoder does not give.
#[cold]
fn refused(_: Error) -> Fault {
    Fault::new(&REFUSED, 0)
}

impl Job for Partition {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Value(_) => return self.value(raw),
            Event::Key(key) => return self.key(key, raw),
            Event::KeyEnd { .. } => {
                let done = if self.taking == Taking::Held { self.weigh(true)? } else { Flow::Continue };
                self.taking = Taking::No;
                return Ok(done);
            }
            Event::KeyMeta(_) | Event::Enterprise { .. } => self.head.extend_from_slice(raw),
            Event::EmptyKey(_) => self.head.clear(),
            Event::Start(version) => self.start(*version)?,
            Event::End(_) => self.end()?,
            Event::SelectDb(_) | Event::ResizeDb { .. } | Event::SlotInfo { .. } => {}
            Event::Aux { key, .. } if is_hint_field(*key) => {}
            Event::Aux { .. }
            | Event::Function { .. }
            | Event::FunctionPreGa { .. }
            | Event::ModuleAux(_)
            | Event::HashTemplate(_)
            | Event::SlotImport(_) => self.share(raw)?,
        }
        Ok(Flow::Continue)
    }

    /// Which keys a command makes cannot be told from the command.
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Err(Fault::new(&LOG, 0))
    }
}
