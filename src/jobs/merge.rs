//! Several snapshots made one, byte for byte.

use super::convert::KEY_TWICE;
use super::diff::library_name;
use super::fingerprint::Keyed;
use super::seen::Itself;
use super::splice::Splice;
use super::{Flow, Job, LoadsIn, Seed};
use crate::aof;
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::pack::listpack::backlen;
use crate::rdb::{BacklenForm, Event, Key, Layout, ModuleAux, ModuleItem, Part, Version, backlen_of, is_hint_field};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bytes::Bytes;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use siphasher::sip128::{Hasher128, SipHasher13};

static LOG: Cause = Cause::new(FaultKind::Command, "a snapshot and nothing behind it", Form::Text("a command"));
static DIALECT: Cause =
    Cause::new(FaultKind::Version, "a snapshot of the dialect of those before it (convert it first)", Form::Number);
static TEMPLATES: Cause = Cause::new(
    FaultKind::Limit,
    "hash templates in the first snapshot only (convert the others first)",
    Form::Text("some in another one"),
);
static NO_ROOM: Cause = Cause::new(FaultKind::Limit, "room for the hashes of all keys", Form::Number);
static REFUSED: Cause = Cause::new(FaultKind::Value, "a record that can be written", Form::Text("another one"));

/// What becomes of a key that several snapshots have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is merged.
    Fail,
    /// The first snapshot's stands.
    First,
    /// The last snapshot's stands.
    Last,
    /// That which expires last stands, the first one of these; one that never expires does so last of all. Where there
    /// is nothing to go by, as for functions, the last snapshot's stands.
    NewestExpiry,
}

/// Something that several snapshots have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A key.
    Key {
        /// Its database.
        db: u64,
        /// Its name.
        key: Bytes,
        /// The number of the snapshot that has it too, from 0; an earlier one has it already.
        input: usize,
    },
    /// Something outside of keys, not the same in both.
    Shared {
        /// What it is.
        name: SharedName,
        /// As for a key.
        input: usize,
    },
}

/// What stands once in a snapshot, outside of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedName {
    /// A function library, by its name.
    Function(Bytes),
    /// Data of a module type, by its id and time: 1 before the keys, 2 after them.
    ModuleData(u64, u64),
}

/// What of a plan is kept for a name.
#[derive(Clone, Copy, Debug)]
struct Winner {
    input: u32,
    expires_at_ms: i64,
}

/// Reads all snapshots, one behind the other, to see what of each goes into the merged one. Memory is about 70 bytes
/// for each key, within a limit. Values are read only where servers of their version differ in the [`BacklenForm`].
pub struct MergePlan {
    keyed: Keyed,
    on_conflict: OnConflict,
    limit_bytes: u64,
    input: u32,
    version: Option<Version>,
    /// Whether a listpack had the narrow form, as far as values were looked at.
    has_narrow: bool,
    winners: HashMap<u128, Winner, BuildHasherDefault<Itself>>,
    shared: BTreeMap<SharedName, (u32, u128)>,
    module_data: Option<(SharedName, SipHasher13)>,
    conflicts: Vec<Conflict>,
}

impl MergePlan {
    /// A plan that keeps hashes of names by `seed`, in at most `limit_bytes`.
    #[must_use]
    pub fn new(seed: Seed, on_conflict: OnConflict, limit_bytes: u64) -> Self {
        Self {
            keyed: Keyed::new(seed),
            on_conflict,
            limit_bytes,
            input: 0,
            version: None,
            has_narrow: false,
            winners: HashMap::default(),
            shared: BTreeMap::new(),
            module_data: None,
            conflicts: Vec::new(),
        }
    }

    /// Says that a snapshot was read to its end; another one may follow.
    pub fn next_input(&mut self) {
        self.input = self.input.saturating_add(1);
    }

    /// What several snapshots have, in the order in which it came up; nothing unless that is to fail.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    fn start(&mut self, version: Version) -> Result<(), Fault> {
        match self.version {
            Some(before) if before.dialect() != version.dialect() => return Err(Fault::new(&DIALECT, version.number())),
            Some(before) if before.number() >= version.number() => {}
            _ => self.version = Some(version),
        }
        Ok(())
    }

    /// Whether values may say which form of backward lengths the merged snapshot has.
    fn looks_at_values(&self) -> bool {
        !self.has_narrow && self.version.is_some_and(|version| backlen_of(version).is_none())
    }

    /// The form that the servers of the version have. Where some have the other one, the narrow form is that of the newest
    /// servers, so that one of these has written the snapshot that has it.
    fn backlen(&self) -> BacklenForm {
        let undecided = if self.has_narrow { BacklenForm::Narrow } else { BacklenForm::Wide };
        self.version.and_then(backlen_of).unwrap_or(undecided)
    }

    fn key(&mut self, key: &Key<'_>) -> Result<(), Fault> {
        /// Of one key, in a table that is half full after it grew.
        const BYTES_EACH: u64 = 72;
        let hash = key.key.with_text(|name| self.keyed.key(key.db, name));
        let this = Winner { input: self.input, expires_at_ms: key.expires_at_ms.unwrap_or(i64::MAX) };
        if let Some(winner) = self.winners.get_mut(&hash) {
            match self.on_conflict {
                // No server has a key twice. A reader that passes this over keeps the first.
                _ if winner.input == this.input => return Err(Fault::new(&KEY_TWICE, 0)),
                OnConflict::Fail => {
                    let (db, key, input) = (key.db, key.key.to_vec().into(), number(this.input));
                    self.conflicts.push(Conflict::Key { db, key, input });
                }
                OnConflict::First => {}
                OnConflict::Last => *winner = this,
                OnConflict::NewestExpiry if this.expires_at_ms > winner.expires_at_ms => *winner = this,
                OnConflict::NewestExpiry => {}
            }
            return Ok(());
        }
        let bytes = (self.winners.len() as u64).saturating_mul(BYTES_EACH);
        if bytes > self.limit_bytes || self.winners.try_reserve(1).is_err() {
            return Err(Fault::new(&NO_ROOM, bytes));
        }
        self.winners.insert(hash, this);
        Ok(())
    }

    fn shared(&mut self, name: SharedName, hash: u128) {
        match self.shared.get_mut(&name) {
            None => drop(self.shared.insert(name, (self.input, hash))),
            Some((_, known)) if *known == hash => {}
            Some(known) => match self.on_conflict {
                OnConflict::Fail => self.conflicts.push(Conflict::Shared { name, input: number(self.input) }),
                OnConflict::First => {}
                OnConflict::Last | OnConflict::NewestExpiry => *known = (self.input, hash),
            },
        }
    }

    fn module_data(&mut self, aux: &ModuleAux<'_>, raw: &[u8]) {
        if let ModuleAux::Open { id, when } = aux {
            self.module_data = Some((SharedName::ModuleData(id.0, *when), self.keyed.hasher()));
        }
        if let Some((_, hasher)) = &mut self.module_data {
            hasher.write(raw);
        }
        if matches!(aux, ModuleAux::Item(ModuleItem::End))
            && let Some((name, hasher)) = self.module_data.take()
        {
            self.shared(name, hasher.finish128().as_u128());
        }
    }
}

fn number(input: u32) -> usize {
    usize::try_from(input).unwrap_or(usize::MAX)
}

/// The name of a function library.
fn library(event: &Event<'_>) -> Option<SharedName> {
    match event {
        Event::Function { code } => Some(SharedName::Function(library_name(&code.to_vec().into()))),
        Event::FunctionPreGa { name, .. } => Some(SharedName::Function(name.to_vec().into())),
        _ => None,
    }
}

impl Job for MergePlan {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Key(key) => {
                self.key(key)?;
                if !(self.looks_at_values() && LoadsIn::looks_at(key)) {
                    return Ok(Flow::SkipValue);
                }
            }
            Event::Value(part) if self.looks_at_values() => {
                self.has_narrow |= part.listpack().is_some_and(|blob| backlen::has_form(blob, BacklenForm::Narrow));
            }
            Event::Value(_) => return Ok(Flow::SkipValue),
            Event::Start(version) => self.start(*version)?,
            Event::HashTemplate(_) if self.input > 0 => return Err(Fault::new(&TEMPLATES, 0)),
            Event::ModuleAux(aux) => self.module_data(aux, raw),
            event => {
                if let Some(name) = library(event) {
                    let hash = self.keyed.key(0, raw);
                    self.shared(name, hash);
                }
            }
        }
        Ok(Flow::Continue)
    }

    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Err(Fault::new(&LOG, 0))
    }
}

/// Reads all snapshots again and writes the merged one: fields of the first one, functions and module data of all, then
/// the keys in the order of the snapshots. Bytes of keys and values stay as they are; hints are left out. The version
/// is the highest there was, whose servers read older ones. Listpacks have the [`BacklenForm`] of these servers: only those
/// with the other one are written anew. Where servers of the version differ, it is that of the newest if any snapshot has it.
pub struct Merge {
    plan: MergePlan,
    splice: Option<Splice>,
    input: u32,
    /// What stands before the type of the key that follows.
    head: Vec<u8>,
    /// The key in hand, if it stands: the layout of its value, and whether a part of that was written.
    taken: Option<(Layout, bool)>,
    backlen: BacklenForm,
    /// Whether the module data in hand do.
    takes_module_data: bool,
}

impl Merge {
    /// The second reading, of the same snapshots in the same order.
    ///
    /// # Errors
    /// None but what an encoder of a version that is known gives.
    pub fn new(plan: MergePlan) -> Result<Self, Error> {
        let splice = plan.version.map(Splice::new).transpose()?;
        let backlen = plan.backlen();
        Ok(Self { plan, splice, input: 0, head: Vec::new(), taken: None, backlen, takes_module_data: false })
    }

    /// Says that a snapshot was read to its end; another one may follow.
    pub fn next_input(&mut self) {
        self.input = self.input.saturating_add(1);
    }

    /// Writes the end, behind the last snapshot.
    ///
    /// # Errors
    /// `OutOfOrder` where a snapshot was not read to its end.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.splice.as_mut().map_or(Ok(()), Splice::finish)
    }

    /// What is written and was not taken yet: whoever takes it empties the vector.
    pub fn out(&mut self) -> Option<&mut Vec<u8>> {
        self.splice.as_mut().map(Splice::out)
    }

    fn key(&mut self, key: &Key<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        let hash = key.key.with_text(|name| self.plan.keyed.key(key.db, name));
        self.taken = match self.plan.winners.get_mut(&hash) {
            Some(winner) if winner.input == self.input => {
                // A second one in the same snapshot does not stand.
                winner.input = u32::MAX;
                Some((key.value_type.layout(), false))
            }
            _ => None,
        };
        let head = core::mem::take(&mut self.head);
        if self.taken.is_none() {
            return Ok(Flow::SkipValue);
        }
        if let Some(splice) = &mut self.splice {
            splice.select_db(key.db).map_err(|_| Fault::new(&REFUSED, 0))?;
            splice.copy(&head);
            splice.copy(raw);
        }
        Ok(Flow::Continue)
    }

    /// Copies a part of the value in hand, if its key stands.
    #[inline]
    fn part(&mut self, part: &Part<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        let Some((layout, is_begun)) = &mut self.taken else { return Ok(Flow::SkipValue) };
        let is_first = !core::mem::replace(is_begun, true);
        match &mut self.splice {
            Some(splice) if part.listpack().is_some_and(|blob| backlen::has_form(blob, self.backlen.other())) => {
                splice.copy_part(*layout, part, self.backlen, is_first).map_err(|_| Fault::new(&REFUSED, 0))?;
            }
            _ => self.copy(raw),
        }
        Ok(Flow::Continue)
    }

    fn copy(&mut self, raw: &[u8]) {
        if let Some(splice) = &mut self.splice {
            splice.copy(raw);
        }
    }

    /// Whether it is this snapshot's that stands.
    fn takes(&self, name: &SharedName) -> bool {
        self.plan.shared.get(name).is_some_and(|(input, _)| *input == self.input)
    }

    fn module_data(&mut self, aux: &ModuleAux<'_>, raw: &[u8]) {
        if let ModuleAux::Open { id, when } = aux {
            self.takes_module_data = self.takes(&SharedName::ModuleData(id.0, *when));
        }
        if self.takes_module_data {
            self.copy(raw);
        }
    }
}

impl Job for Merge {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Value(part) => return self.part(part, raw),
            Event::Key(key) => return self.key(key, raw),
            Event::KeyMeta(_) | Event::Enterprise { .. } => self.head.extend_from_slice(raw),
            Event::EmptyKey(_) => self.head.clear(),
            Event::Aux { key, .. } if self.input > 0 || is_hint_field(*key) => {}
            Event::Aux { .. } | Event::HashTemplate(_) | Event::SlotImport(_) => self.copy(raw),
            Event::Function { .. } | Event::FunctionPreGa { .. } => {
                if library(event).is_some_and(|name| self.takes(&name)) {
                    self.copy(raw);
                }
            }
            Event::ModuleAux(aux) => self.module_data(aux, raw),
            Event::Start(_)
            | Event::SelectDb(_)
            | Event::ResizeDb { .. }
            | Event::SlotInfo { .. }
            | Event::KeyEnd { .. }
            | Event::End(_) => {}
        }
        Ok(Flow::Continue)
    }

    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Err(Fault::new(&LOG, 0))
    }
}
