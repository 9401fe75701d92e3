//! From events to owned data, one entry at a time.

use super::build_stream::StreamBuilder;
use super::dataset::{AuxField, Entry, Function, KeyMetadata, ModuleData};
use super::distinct::{self, Repeat};
use super::items::ModuleItems;
use super::store::Store;
use super::value::{Array, ArrayValue, HashField, ModuleValue, ScoredMember, Value};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{
    Container, Element, Elements, Event, Key, KeyMeta, Kind, ModuleAux, ModuleId, ModuleItem, Packed, Part, Reading, Shape,
    SlotValue, ValueType, is_hint_field,
};
use crate::wire::Scalar;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) static MEMBER_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a member once in its set", Form::Number);
pub(super) static FIELD_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a field once in its hash", Form::Number);
pub(super) static INDEX_TWICE: Cause = Cause::new(FaultKind::Duplicate, "an index once in its array", Form::Number);

/// What a [`Collector`] has put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// A field about the snapshot or its server.
    Aux(AuxField),
    /// A function library.
    Function(Function),
    /// Module data outside of keys.
    ModuleData(ModuleData),
    /// A key of a database.
    Entry {
        /// The database's number.
        db: u64,
        /// The key.
        key: Bytes,
        /// What belongs to it.
        entry: Entry,
    },
}

/// Puts the events of a snapshot together to owned data, one entry at a time: the memory taken
/// is that of the largest value, if the caller lets go of each and says so ([`Collector::forget`]).
///
/// Hints and marks of one server are left out: sizes of databases and slots, slot imports, numbers
/// of Redis Enterprise. That a key stands twice is for the caller to see.
pub struct Collector {
    store: Store,
    is_lenient: bool,
    faults: Vec<Fault>,
    /// Of the key that follows.
    metadata: Vec<KeyMetadata>,
    module_data: Option<ModuleData>,
    open: Option<Open>,
}

/// The key whose value is being read.
struct Open {
    db: u64,
    key: Bytes,
    entry: Entry,
    value: OpenValue,
}

enum OpenValue {
    /// One that `entry` holds.
    Plain,
    /// A string, as far as it has come.
    String(Vec<u8>),
    Stream(Box<StreamBuilder>),
}

impl Open {
    /// Whether servers have such a key: empty strings and streams, but nothing else without elements.
    fn has_elements(&self) -> bool {
        match &self.entry.value {
            Value::List(list) | Value::Set(list) => !list.is_empty(),
            Value::Zset(list) => !list.is_empty(),
            Value::Hash(list) => !list.is_empty(),
            Value::Array(array) => !array.slots.is_empty(),
            Value::String(_) | Value::Stream(_) | Value::Module(_) => true,
        }
    }
}

impl Collector {
    /// A collector of data of at most `max_total_bytes`: the memory that it occupies, not its size in the snapshot.
    #[must_use]
    pub fn new(max_total_bytes: u64) -> Self {
        Self {
            store: Store::new(max_total_bytes),
            is_lenient: false,
            faults: Vec::new(),
            metadata: Vec::new(),
            module_data: None,
            open: None,
        }
    }

    /// Goes on where a name stands twice in a value, and the first one counts, which is what servers show of a packed value; where a pending entry of a
    /// stream lacks its consumer; and where the rest of a packed blob or of a node cannot be read, which is left
    /// out. [`Collector::faults`] tells of each. A key of which no element is left is left out too.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// What a lenient collector passed over since the last call, to be dressed by the decoder that gave the last event.
    pub fn faults(&mut self) -> Vec<Fault> {
        core::mem::take(&mut self.faults)
    }

    /// Says that everything given so far was dropped: its memory counts no more.
    pub fn forget(&mut self) {
        self.store.clear();
    }

    /// Counts memory that the caller takes to keep what it was given.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        self.store.take(bytes)
    }

    /// Passes over a fault, if the collector is lenient.
    pub(super) fn tolerate(&mut self, fault: Fault) -> Result<(), Fault> {
        tolerate(self.is_lenient, &mut self.faults, fault)
    }

    /// Takes the next event of a snapshot.
    ///
    /// # Errors
    /// To be dressed by the decoder that gave the event: a fault of its elements; a member, field, group,
    /// consumer or pending entry that stands twice in its value; a stream that contradicts itself; the limit.
    pub fn push(&mut self, event: &Event<'_>) -> Result<Option<Collected>, Fault> {
        match event {
            Event::Value(part) => self.part(part).map(|()| None),
            Event::Key(key) => self.key(key).map(|()| None),
            Event::KeyEnd { .. } => Ok(self.open.take().filter(|open| open.has_elements()).map(Self::close)),
            Event::EmptyKey(_) => {
                self.metadata = Vec::new();
                Ok(None)
            }
            Event::KeyMeta(meta) => self.key_meta(meta).map(|()| None),
            Event::Aux { key, value } => self.aux(*key, *value),
            Event::Function { code } => {
                self.store.take(size_of::<Function>())?;
                let code = self.store.text(*code)?;
                Ok(Some(Collected::Function(Function { code, description: None })))
            }
            Event::FunctionPreGa { name, engine, description, code } => {
                // As Redis 7.0 has it, where the first line says what stood apart before.
                let mut text = b"#!".to_vec();
                engine.push_to(&mut text);
                text.extend_from_slice(b" name=");
                name.push_to(&mut text);
                text.push(b'\n');
                code.push_to(&mut text);
                self.store.take(size_of::<Function>())?;
                let code = self.store.text(Scalar::Bytes(&text))?;
                let description = description.map(|description| self.store.text(description)).transpose()?;
                Ok(Some(Collected::Function(Function { code, description })))
            }
            Event::ModuleAux(aux) => self.module_aux(aux),
            Event::Start(_)
            | Event::SelectDb(_)
            | Event::ResizeDb { .. }
            | Event::HashTemplate(_)
            | Event::SlotInfo { .. }
            | Event::SlotImport(_)
            | Event::Enterprise { .. }
            | Event::End(_) => Ok(None),
        }
    }

    fn aux(&mut self, name: Scalar<'_>, value: Scalar<'_>) -> Result<Option<Collected>, Fault> {
        if is_hint_field(name) {
            return Ok(None);
        }
        self.store.take(size_of::<AuxField>())?;
        Ok(Some(Collected::Aux(AuxField { name: self.store.text(name)?, value: self.store.text(value)? })))
    }

    fn module_aux(&mut self, aux: &ModuleAux<'_>) -> Result<Option<Collected>, Fault> {
        match aux {
            ModuleAux::Open { id, when } => {
                self.store.take(size_of::<ModuleData>())?;
                self.module_data = Some(ModuleData { id: *id, when: *when, items: ModuleItems::default() });
            }
            ModuleAux::Item(ModuleItem::End) => return Ok(self.module_data.take().map(Collected::ModuleData)),
            ModuleAux::Item(item) => {
                if let Some(data) = &mut self.module_data {
                    push_item(&mut self.store, &mut data.items, item)?;
                }
            }
        }
        Ok(None)
    }

    fn key_meta(&mut self, meta: &KeyMeta<'_>) -> Result<(), Fault> {
        match meta {
            KeyMeta::Classes(_) => self.metadata = Vec::new(),
            KeyMeta::Class(class) => {
                let metadata = KeyMetadata { class: *class, items: ModuleItems::default() };
                self.store.push(&mut self.metadata, metadata)?;
            }
            KeyMeta::Item(item) => {
                if let Some(metadata) = self.metadata.last_mut() {
                    push_item(&mut self.store, &mut metadata.items, item)?;
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &Key<'_>) -> Result<(), Fault> {
        let entry = Entry {
            value: empty(key.value_type),
            expires_at_ms: key.expires_at_ms,
            eviction: key.eviction,
            metadata: core::mem::take(&mut self.metadata),
        };
        let value = match key.value_type.layout().shape {
            Shape::Single => OpenValue::String(Vec::new()),
            Shape::Stream(generation) => OpenValue::Stream(Box::new(StreamBuilder::new(generation))),
            _ => OpenValue::Plain,
        };
        self.open = Some(Open { db: key.db, key: self.store.text(key.key)?, entry, value });
        Ok(())
    }

    fn close(open: Open) -> Collected {
        let Open { db, key, mut entry, value } = open;
        match value {
            OpenValue::Plain => {}
            OpenValue::String(text) => entry.value = Value::String(text.into()),
            OpenValue::Stream(stream) => entry.value = Value::Stream(Box::new(stream.finish())),
        }
        Collected::Entry { db, key, entry }
    }

    /// Ends the key in hand where no more of its value can be read: gives it with what came of that, if an element did.
    /// Strings and streams have no such end.
    ///
    /// # Errors
    /// As [`Collector::push`].
    pub(crate) fn break_off(&mut self) -> Result<Option<Collected>, Fault> {
        let Self { store, open: Some(open), is_lenient, faults, .. } = self else { return Ok(None) };
        settle(&mut open.entry.value, store, &mut |fault| tolerate(*is_lenient, faults, fault))?;
        Ok(self.open.take().filter(Open::has_elements).map(Self::close))
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        let Self { store, open: Some(open), is_lenient, faults, .. } = self else { return Ok(()) };
        let mut tolerate = |fault| tolerate(*is_lenient, faults, fault);
        match (part, &mut open.entry.value, &mut open.value) {
            (Part::Bytes { piece, left }, _, OpenValue::String(text)) => {
                piece.with_text(|piece| store.extend(text, piece))?;
                if *left == 0 {
                    store.settle(text);
                }
                Ok(())
            }
            (Part::Stream(part), _, OpenValue::Stream(stream)) => stream.push(part, store, &mut tolerate),
            (Part::Elements { elements, left }, value, _) => {
                collect(*elements, value, store).or_else(&mut tolerate)?;
                match (elements, value) {
                    _ if *left > 0 => Ok(()),
                    // Its members ascend: that was checked.
                    (Elements::Packed { packed, .. }, Value::Set(list)) if is_ascending(packed) => {
                        store.settle(list);
                        Ok(())
                    }
                    (_, value) => settle(value, store, &mut tolerate),
                }
            }
            (Part::Array(head), Value::Array(array), _) => {
                array.insert_index = head.insert_index;
                Ok(())
            }
            (Part::Module(item), Value::Module(module), _) => match item {
                ModuleItem::Id(id) => {
                    module.id = *id;
                    Ok(())
                }
                item => push_item(store, &mut module.items, item),
            },
            // What stands in front of a hash's fields is said again by the fields.
            (Part::FirstExpiry(_) | Part::Template(_), _, _) => Ok(()),
            _ => Ok(()),
        }
    }
}

fn tolerate(is_lenient: bool, faults: &mut Vec<Fault>, fault: Fault) -> Result<(), Fault> {
    if is_lenient && fault.kind() != FaultKind::Limit {
        faults.push(fault);
        return Ok(());
    }
    Err(fault)
}

/// A value of this type before its first part.
fn empty(value_type: ValueType) -> Value {
    match value_type.kind() {
        // Another takes its place when it is whole.
        Kind::String | Kind::Stream => Value::String(Bytes::new()),
        Kind::List => Value::List(Vec::new()),
        Kind::Set => Value::Set(Vec::new()),
        Kind::Zset => Value::Zset(Vec::new()),
        Kind::Hash => Value::Hash(Vec::new()),
        Kind::Module => Value::Module(ModuleValue { id: ModuleId(0), items: ModuleItems::default() }),
        Kind::Array => Value::Array(Array::default()),
    }
}

fn push_item(store: &mut Store, items: &mut ModuleItems, item: &ModuleItem<'_>) -> Result<(), Fault> {
    /// Opcode and number, or the length of a string.
    const HEAD: usize = 18;
    let before = items.bytes();
    let text = match item {
        ModuleItem::Bytes(text) => usize::try_from(text.text_len()).unwrap_or(usize::MAX),
        _ => 0,
    };
    let most = text.saturating_add(HEAD);
    store.take(most)?;
    items.push(item);
    store.give_back(most.saturating_sub(items.bytes().saturating_sub(before)));
    Ok(())
}

/// Appends elements to the value.
fn collect(elements: Elements<'_>, value: &mut Value, store: &mut Store) -> Result<(), Fault> {
    elements.try_each(|element| match (element, &mut *value) {
        (Element::Item(text), Value::List(list)) | (Element::Member(text), Value::Set(list)) => {
            let text = store.text(text)?;
            store.push(list, text)
        }
        (Element::Scored { member, score }, Value::Zset(list)) => {
            let member = store.text(member)?;
            store.push(list, ScoredMember { member, score })
        }
        (Element::Field { field, value }, Value::Hash(list)) => {
            let field = HashField { field: store.text(field)?, value: store.text(value)?, expires_at_ms: None };
            store.push(list, field)
        }
        (Element::ExpiringField { field, value, expires_at_ms }, Value::Hash(list)) => {
            let expires_at_ms = Some(expires_at_ms);
            let field = HashField { field: store.text(field)?, value: store.text(value)?, expires_at_ms };
            store.push(list, field)
        }
        (Element::Slot { index, value }, Value::Array(array)) => {
            let value = match value {
                SlotValue::Text(text) => ArrayValue::Text(store.text(text)?),
                SlotValue::Float(float) => ArrayValue::Float(float),
            };
            store.push(&mut array.slots, (index, value))
        }
        _ => Ok(()),
    })
}

fn is_ascending(packed: &Packed<'_>) -> bool {
    packed.container() == Container::Intset && packed.reading() == Reading::Strict
}

/// Looks for names that stand twice in a value that is whole.
fn settle(value: &mut Value, store: &mut Store, tolerate: &mut impl FnMut(Fault) -> Result<(), Fault>) -> Result<(), Fault> {
    match value {
        Value::List(list) => {
            store.settle(list);
            Ok(())
        }
        Value::Set(list) => keep_distinct(list, |member| member, &MEMBER_TWICE, store, tolerate),
        Value::Zset(list) => keep_distinct(list, |scored| &scored.member, &MEMBER_TWICE, store, tolerate),
        Value::Hash(list) => keep_distinct(list, |field| &field.field, &FIELD_TWICE, store, tolerate),
        Value::Array(array) => {
            // Indices ascend, as a rule.
            let is_ascending = |pair: &[(u64, ArrayValue)]| matches!(pair, [(a, _), (b, _)] if a < b);
            if !array.slots.windows(2).all(is_ascending) {
                let twice = first_repeat(&array.slots, store)?;
                array.slots.sort_by_key(|(index, _)| *index);
                if let Some(at) = twice {
                    tolerate(Fault::new(&INDEX_TWICE, at as u64))?;
                    // The first of a kind stays.
                    array.slots.dedup_by_key(|(index, _)| *index);
                }
            }
            store.settle(&mut array.slots);
            Ok(())
        }
        Value::String(_) | Value::Stream(_) | Value::Module(_) => Ok(()),
    }
}

/// Where an index stands that stood before.
fn first_repeat(slots: &[(u64, ArrayValue)], store: &mut Store) -> Result<Option<usize>, Fault> {
    let room = slots.len().saturating_mul(size_of::<(u64, usize)>());
    store.take(room)?;
    let mut places: Vec<(u64, usize)> = slots.iter().enumerate().map(|(at, (index, _))| (*index, at)).collect();
    places.sort_unstable();
    let same = places.windows(2).filter_map(|pair| match pair {
        [(before, _), (index, at)] if before == index => Some(*at),
        _ => None,
    });
    let first = same.min();
    store.give_back(room);
    Ok(first)
}

/// Refuses a list in which a name stands twice, or keeps the first of each. Gives back the room it does not need.
pub(super) fn keep_distinct<T>(
    list: &mut Vec<T>,
    name: impl Fn(&T) -> &[u8],
    twice: &'static Cause,
    store: &mut Store,
    tolerate: &mut (impl FnMut(Fault) -> Result<(), Fault> + ?Sized),
) -> Result<(), Fault> {
    let room = list.len().saturating_mul(distinct::BYTES_EACH);
    store.take(room)?;
    let repeats = distinct::repeats(list, |item| name(item));
    store.give_back(room);
    if let Some(Repeat { later, .. }) = repeats.first() {
        tolerate(Fault::new(twice, *later as u64))?;
        let mut at = 0usize;
        list.retain(|_| {
            let is_kept = repeats.binary_search_by_key(&at, |repeat| repeat.later).is_err();
            at = at.saturating_add(1);
            is_kept
        });
    }
    store.settle(list);
    Ok(())
}
