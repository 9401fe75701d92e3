//! What two files have apart: told by their fingerprints, then shown from the files themselves.

use super::changes::{Change, changes};
use super::fingerprint::{Fingerprints, Keyed, Mark};
use super::seen::Itself;
use super::{Filter, Flow, Job, Seed};
use crate::aof;
use crate::error::{Fault, FaultKind};
use crate::model::{Collected, Collector, Entry, Function};
use crate::rdb::{Event, Key, Kind, ModuleId};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;
use core::cmp::Ordering;
use core::hash::BuildHasherDefault;
use hashbrown::HashMap;

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Presence {
    /// In the first file only.
    Removed,
    /// In the second file only.
    Added,
    /// In both, and not the same.
    Changed,
}

impl Presence {
    /// `removed`, `added` or `changed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Changed => "changed",
        }
    }
}

/// What two files have apart, by the hashes of its keys.
#[derive(Debug)]
pub struct Differences {
    seed: Seed,
    keys: HashMap<u128, Presence, BuildHasherDefault<Itself>>,
    /// Keys that are the same in both.
    pub equal: u64,
    /// Function libraries, by name.
    pub functions: Vec<(Bytes, Presence)>,
    /// Module data outside of keys, by type and time: 1 before the keys, 2 after them.
    pub module_data: Vec<(ModuleId, u64, Presence)>,
}

impl Differences {
    /// Compares two files by their fingerprints, which were taken with this seed.
    #[must_use]
    pub fn between(a: Fingerprints, b: Fingerprints, seed: Seed) -> Self {
        let mut this = Self {
            seed,
            keys: HashMap::default(),
            equal: 0,
            functions: functions(&a.functions, &b.functions),
            module_data: module_data(&a.module_data, &b.module_data),
        };
        for (mut a, mut b) in a.buckets.into_iter().zip(b.buckets) {
            sort(&mut a);
            sort(&mut b);
            let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
            loop {
                let order = match (a.peek(), b.peek()) {
                    (Some(a), Some(b)) => a.key.cmp(&b.key),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => break,
                };
                let first = if order.is_le() { a.next() } else { None };
                let second = if order.is_ge() { b.next() } else { None };
                let (key, presence) = match (first, second) {
                    (Some(a), Some(b)) if a.content == b.content => {
                        this.equal = this.equal.saturating_add(1);
                        continue;
                    }
                    (Some(a), Some(_)) => (a.key, Presence::Changed),
                    (Some(a), None) => (a.key, Presence::Removed),
                    (None, Some(b)) => (b.key, Presence::Added),
                    (None, None) => break,
                };
                this.keys.insert(key, presence);
            }
        }
        this
    }

    /// Whether there is nothing apart.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.functions.is_empty() && self.module_data.is_empty()
    }

    /// Keys that are told apart.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys.len() as u64
    }
}

/// What the keys that are apart hold, as [`Pick`] has found it in both files, in order of database and name.
pub fn details(a: Picks, b: Picks) -> impl Iterator<Item = KeyDifference> {
    let (mut a, mut b) = (a.0.into_iter().peekable(), b.0.into_iter().peekable());
    core::iter::from_fn(move || {
        let order = match (a.peek(), b.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let first = if order.is_le() { a.next() } else { None };
        let second = if order.is_ge() { b.next() } else { None };
        let (first, second) = (first.unzip(), second.unzip());
        let (db, key) = first.0.or(second.0)?;
        KeyDifference::of(db, key, (first.1, second.1))
    })
}

/// The last of a key's marks counts.
fn sort(marks: &mut Vec<Mark>) {
    marks.reverse();
    marks.sort_by_key(|mark| mark.key);
    marks.dedup_by_key(|mark| mark.key);
}

/// Where things with a name are apart, in order of name.
fn apart<N: Ord, T: PartialEq>(a: BTreeMap<N, T>, mut b: BTreeMap<N, T>) -> Vec<(N, Presence)> {
    let mut apart = Vec::new();
    for (name, a) in a {
        match b.remove(&name) {
            Some(b) if a == b => {}
            Some(_) => apart.push((name, Presence::Changed)),
            None => apart.push((name, Presence::Removed)),
        }
    }
    apart.extend(b.into_keys().map(|name| (name, Presence::Added)));
    apart.sort_by(|(a, _), (b, _)| a.cmp(b));
    apart
}

fn functions(a: &[Function], b: &[Function]) -> Vec<(Bytes, Presence)> {
    let by_name = |functions: &[Function]| {
        functions.iter().map(|function| (library_name(&function.code), function.code.clone())).collect::<BTreeMap<_, _>>()
    };
    apart(by_name(a), by_name(b))
}

/// The name in the first line of a library, `#!lua name=...`; the line itself where it has none.
pub(super) fn library_name(code: &Bytes) -> Bytes {
    let line = code.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = line.split(|byte| *byte == b' ').find_map(|word| word.strip_prefix(b"name="));
    code.slice_ref(name.unwrap_or(line))
}

fn module_data(a: &[(ModuleId, u64, u128)], b: &[(ModuleId, u64, u128)]) -> Vec<(ModuleId, u64, Presence)> {
    let by_type = |data: &[(ModuleId, u64, u128)]| {
        let mut all: BTreeMap<(u64, u64), Vec<u128>> = BTreeMap::new();
        for (id, when, hash) in data {
            all.entry((id.0, *when)).or_default().push(*hash);
        }
        all
    };
    apart(by_type(a), by_type(b)).into_iter().map(|((id, when), presence)| (ModuleId(id), when, presence)).collect()
}

/// A key that two files have apart.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyDifference {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: Bytes,
    /// Which file has it.
    pub presence: Presence,
    /// Its type; that in the second file where both have it.
    pub kind: Kind,
    /// When it expires there: absolute Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// What changed, in order; none for a key that only one file has, and `None` where there was no room
    /// to hold both values.
    pub changes: Option<Vec<Change>>,
}

impl KeyDifference {
    fn of(db: u64, key: Bytes, sides: (Option<Picked>, Option<Picked>)) -> Option<Self> {
        let (presence, side, changes) = match sides {
            (Some(a), Some(b)) => {
                let found = a.entry.as_ref().zip(b.entry.as_ref()).map(|(a, b)| changes(a, b));
                (Presence::Changed, b, found)
            }
            (Some(a), None) => (Presence::Removed, a, Some(Vec::new())),
            (None, Some(b)) => (Presence::Added, b, Some(Vec::new())),
            (None, None) => return None,
        };
        let Picked { kind, expires_at_ms, .. } = side;
        Some(Self { db, key, presence, kind, expires_at_ms, changes })
    }
}

/// What one file holds of the keys that are apart.
#[derive(Debug, Default)]
pub struct Picks(BTreeMap<(u64, Bytes), Picked>);

#[derive(Debug)]
struct Picked {
    kind: Kind,
    expires_at_ms: Option<i64>,
    /// None where it is not asked for, or there was no room.
    entry: Option<Box<Entry>>,
}

/// Reads a file again and keeps the names of the keys that are apart, and the values of those that are in
/// both files.
pub struct Pick<'d> {
    differences: &'d Differences,
    keyed: Keyed,
    filter: Filter,
    collector: Collector,
    /// Whether there is no room for more values.
    is_full: bool,
    /// The key in hand, where it is apart, and whether its value is wanted.
    open: Option<((u64, Bytes), bool)>,
    picks: Picks,
}

impl<'d> Pick<'d> {
    /// Keeps values of at most `max_total_bytes` in memory.
    #[must_use]
    pub fn new(differences: &'d Differences, filter: Filter, max_total_bytes: u64) -> Self {
        let collector = Collector::new(max_total_bytes);
        let (keyed, picks) = (Keyed::new(differences.seed), Picks::default());
        Self { differences, keyed, filter, collector, is_full: false, open: None, picks }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Picks {
        self.picks
    }

    fn key(&mut self, event: &Event<'_>, key: &Key<'_>) -> Result<Flow, Fault> {
        let presence = key.key.with_text(|name| self.differences.keys.get(&self.keyed.key(key.db, name)).copied());
        let presence = presence.filter(|_| self.filter.matches_head(key));
        let is_wanted = presence == Some(Presence::Changed);
        // Metadata of a key that is not wanted goes with it.
        let forgotten = Event::EmptyKey(*key);
        self.collect(if is_wanted { event } else { &forgotten })?;
        let is_wanted = is_wanted && !self.is_full;
        self.open = presence.map(|_| ((key.db, key.key.to_vec().into()), is_wanted));
        if let Some((name, _)) = &self.open {
            let picked = Picked { kind: key.value_type.kind(), expires_at_ms: key.expires_at_ms, entry: None };
            self.picks.0.insert(name.clone(), picked);
        }
        Ok(if is_wanted { Flow::Continue } else { Flow::SkipValue })
    }

    /// Hands an event to the collector, unless that has no room; gives what it has put together.
    fn collect(&mut self, event: &Event<'_>) -> Result<Option<Collected>, Fault> {
        if self.is_full {
            return Ok(None);
        }
        match self.collector.push(event) {
            Err(fault) if fault.kind() == FaultKind::Limit => {
                self.is_full = true;
                Ok(None)
            }
            other => other,
        }
    }

    fn key_end(&mut self, event: &Event<'_>, bytes: u64) -> Result<(), Fault> {
        let Some((name, is_wanted)) = self.open.take() else { return Ok(()) };
        let collected = if is_wanted { self.collect(event)? } else { None };
        if !self.filter.size.matches(bytes) {
            self.picks.0.remove(&name);
        } else if let (Some(Collected::Entry { entry, .. }), Some(picked)) = (collected, self.picks.0.get_mut(&name)) {
            picked.entry = Some(Box::new(entry));
        }
        Ok(())
    }
}

impl Job for Pick<'_> {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Key(key) => return self.key(event, key),
            Event::Value(_) => {
                self.collect(event)?;
                if self.is_full {
                    return Ok(Flow::SkipValue);
                }
            }
            Event::KeyEnd { span } => self.key_end(event, span.len())?,
            Event::KeyMeta(_) | Event::EmptyKey(_) => self.collect(event).map(drop)?,
            _ => {}
        }
        Ok(Flow::Continue)
    }

    /// As for [`Fingerprints`].
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Ok(())
    }
}
