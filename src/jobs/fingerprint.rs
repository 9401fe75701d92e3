//! What a file holds, by keyed hashes: two files have the same keys and values if their hashes
//! agree, whatever the encoding, order, version or compression of either.

use super::changes::forget_times;
use super::{Filter, Flow, Job, Seed};
use crate::aof;
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::model::{Collected, Collector, DumpEmitter, EncodeOptions, Entry, Function, ModuleData, ModuleValue, Value};
use crate::rdb::{Element, Elements, Event, Key, Kind, ModuleId, Part, SlotValue, Version};
use crate::wire::Scalar;
use alloc::vec::Vec;
use core::hash::Hasher;
use siphasher::sip128::{Hasher128, SipHasher13};

static NO_FORM: Cause = Cause::new(FaultKind::Value, "a value that a server can hold", Form::Text("another one"));
static SHARED_BYTES: Cause = Cause::new(FaultKind::Limit, "functions of at most 64 MiB", Form::Number);
static KEYS: Cause = Cause::new(FaultKind::Limit, "memory for the hashes of all keys", Form::Text("none left"));

/// Hashes of a key: of database and name, and of all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) key: u128,
    pub(super) content: u128,
}

/// Hashes what a snapshot holds: 32 bytes of memory for a key, beside the memory of one step, or of one value where that is
/// a stream, a module's, or has metadata. What an eviction policy knew, when consumers of a
/// stream were seen, and the fields about the snapshot do not count.
pub struct Fingerprints {
    filter: Filter,
    keyed: Keyed,
    collector: Collector,
    payloads: DumpEmitter,
    payload: Vec<u8>,
    has_metadata: bool,
    open: Open,
    /// By the first byte of the hash of the key.
    pub(super) buckets: Vec<Vec<Mark>>,
    pub(super) functions: Vec<Function>,
    functions_bytes: usize,
    pub(super) module_data: Vec<(ModuleId, u64, u128)>,
}

/// The key in hand.
struct Open {
    key: u128,
    kind: Kind,
    expires_at_ms: Option<i64>,
    sum: Sum,
}

/// What its elements come to.
enum Sum {
    /// The key is not meant.
    Skipped,
    /// They have an order.
    Ordered(SipHasher13),
    /// They have none: what they hash to is added up, which tells nothing to whoever lacks the seed.
    Unordered(u128),
    /// They are put together first.
    Collected,
}

/// Hashes that whoever makes a file cannot foresee.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyed(SipHasher13);

impl Keyed {
    pub(super) fn new([first, second]: Seed) -> Self {
        Self(SipHasher13::new_with_keys(first, second))
    }

    /// The hash of a key within its database.
    #[inline]
    pub(super) fn key(self, db: u64, key: &[u8]) -> u128 {
        let mut hasher = self.0;
        hasher.write_u64(db);
        hasher.write(key);
        hasher.finish128().as_u128()
    }

    pub(super) fn hasher(self) -> SipHasher13 {
        self.0
    }

    fn text(self, text: &[u8]) -> u128 {
        let mut hasher = self.0;
        hasher.write(text);
        hasher.finish128().as_u128()
    }

    #[inline(always)]
    fn element(self, f: impl FnOnce(&mut SipHasher13)) -> u128 {
        let mut hasher = self.0;
        f(&mut hasher);
        hasher.finish128().as_u128()
    }
}

/// Text with its length in front, so that no two sequences of texts give the same bytes.
#[inline(always)]
fn write_text(text: Scalar<'_>, hasher: &mut SipHasher13) {
    text.with_text(|text| {
        hasher.write_u64(text.len() as u64);
        hasher.write(text);
    });
}

impl Fingerprints {
    /// One of the hashes' bytes.
    const BUCKETS: usize = 256;
    const MOST_FUNCTION_BYTES: usize = 64 << 20;
    /// Of a value that is put together.
    const VALUE_BYTES: u64 = 1 << 30;

    /// Fingerprints of the keys that are meant. Only those of one seed can be compared.
    ///
    /// # Errors
    /// None: the version that values are written in to be hashed is one that is known.
    pub fn new(seed: Seed, filter: Filter) -> Result<Self, Error> {
        /// It has a form for every value.
        const VERSION: Version = Version::redis(Version::REDIS_MAX);
        let options = EncodeOptions { is_compressing: false, ..EncodeOptions::new(VERSION) };
        Ok(Self {
            filter,
            keyed: Keyed::new(seed),
            collector: Collector::new(Self::VALUE_BYTES),
            payloads: DumpEmitter::new(&options)?,
            payload: Vec::new(),
            has_metadata: false,
            open: Open { key: 0, kind: Kind::String, expires_at_ms: None, sum: Sum::Skipped },
            buckets: (0..Self::BUCKETS).map(|_| Vec::new()).collect(),
            functions: Vec::new(),
            functions_bytes: 0,
            module_data: Vec::new(),
        })
    }

    fn key(&mut self, key: &Key<'_>) -> Result<Flow, Fault> {
        let has_metadata = core::mem::take(&mut self.has_metadata);
        let (kind, expires_at_ms) = (key.value_type.kind(), key.expires_at_ms);
        if !self.filter.matches_head(key) {
            self.open.sum = Sum::Skipped;
            if has_metadata {
                self.collector.push(&Event::EmptyKey(*key))?;
            }
            return Ok(Flow::SkipValue);
        }
        let sum = match kind {
            _ if has_metadata => Sum::Collected,
            Kind::Stream | Kind::Module => Sum::Collected,
            Kind::String | Kind::List => Sum::Ordered(self.keyed.0),
            Kind::Set | Kind::Zset | Kind::Hash | Kind::Array => Sum::Unordered(0),
        };
        if matches!(sum, Sum::Collected) {
            self.collector.push(&Event::Key(*key))?;
        }
        let hash = key.key.with_text(|name| self.keyed.key(key.db, name));
        self.open = Open { key: hash, kind, expires_at_ms, sum };
        Ok(Flow::Continue)
    }

    fn part(&mut self, event: &Event<'_>, part: &Part<'_>) -> Result<Flow, Fault> {
        let keyed = self.keyed;
        match (&mut self.open.sum, part) {
            (Sum::Skipped, _) => return Ok(Flow::SkipValue),
            (Sum::Collected, _) => self.collector.push(event).map(drop)?,
            (Sum::Ordered(hasher), Part::Bytes { piece, .. }) => piece.with_text(|piece| hasher.write(piece)),
            (Sum::Ordered(hasher), Part::Elements { elements, .. }) => elements.each(|element| {
                if let Element::Item(item) = element {
                    write_text(item, hasher);
                }
            })?,
            (Sum::Unordered(sum), Part::Elements { elements, .. }) => add(*elements, keyed, sum)?,
            (Sum::Unordered(sum), Part::Array(head)) => {
                let insert_index = head.insert_index;
                let hash = keyed.element(|hasher| {
                    hasher.write_u8(1);
                    hasher.write_u64(insert_index.unwrap_or(u64::MAX));
                });
                *sum = sum.wrapping_add(hash);
            }
            // The rest says nothing that the elements do not say.
            (Sum::Ordered(_) | Sum::Unordered(_), _) => {}
        }
        Ok(Flow::Continue)
    }

    fn key_end(&mut self, event: &Event<'_>, bytes: u64) -> Result<(), Fault> {
        let inner = match core::mem::replace(&mut self.open.sum, Sum::Skipped) {
            Sum::Skipped => return Ok(()),
            Sum::Ordered(hasher) => hasher.finish128().as_u128(),
            Sum::Unordered(sum) => sum,
            Sum::Collected => {
                let Some(Collected::Entry { mut entry, .. }) = self.collector.push(event)? else { return Ok(()) };
                self.collector.forget();
                entry.canonicalize();
                forget_times(&mut entry);
                self.payloads.write(&entry, &mut self.payload).map_err(|_| Fault::new(&NO_FORM, 0))?;
                self.keyed.text(&self.payload)
            }
        };
        if !self.filter.size.matches(bytes) {
            return Ok(());
        }
        let Open { key, kind, expires_at_ms, .. } = self.open;
        let content = self.keyed.element(|hasher| {
            hasher.write_u8(kind as u8);
            hasher.write_u8(u8::from(expires_at_ms.is_some()));
            hasher.write_i64(expires_at_ms.unwrap_or(0));
            hasher.write_u128(inner);
        });
        let [first, ..] = key.to_le_bytes();
        let Some(bucket) = self.buckets.get_mut(usize::from(first)) else { return Ok(()) };
        bucket.try_reserve(1).map_err(|_| Fault::new(&KEYS, 0))?;
        bucket.push(Mark { key, content });
        Ok(())
    }

    /// What stands outside of keys.
    fn shared(&mut self, collected: Option<Collected>) -> Result<(), Fault> {
        match collected {
            Some(Collected::Function(function)) => {
                self.functions_bytes = self.functions_bytes.saturating_add(function.code.len());
                if self.functions_bytes > Self::MOST_FUNCTION_BYTES {
                    return Err(Fault::new(&SHARED_BYTES, self.functions_bytes as u64));
                }
                self.functions.push(function);
            }
            Some(Collected::ModuleData(ModuleData { id, when, items })) => {
                // The items as a value's are hashed like one.
                let value = Value::Module(ModuleValue { id, items });
                self.payloads.write(&Entry::from(value), &mut self.payload).map_err(|_| Fault::new(&NO_FORM, 0))?;
                self.module_data.push((id, when, self.keyed.text(&self.payload)));
            }
            Some(Collected::Aux(_) | Collected::Entry { .. }) | None => {}
        }
        self.collector.forget();
        Ok(())
    }
}

#[inline(always)]
fn add(elements: Elements<'_>, keyed: Keyed, sum: &mut u128) -> Result<(), Fault> {
    elements.each(|element| {
        let hash = keyed.element(|hasher| match element {
            Element::Item(text) | Element::Member(text) => write_text(text, hasher),
            Element::Scored { member, score } => {
                write_text(member, hasher);
                hasher.write_u64(score.to_bits());
            }
            Element::Field { field, value } => {
                write_text(field, hasher);
                write_text(value, hasher);
            }
            Element::ExpiringField { field, value, expires_at_ms } => {
                write_text(field, hasher);
                write_text(value, hasher);
                hasher.write_i64(expires_at_ms);
            }
            Element::Slot { index, value } => {
                hasher.write_u64(index);
                match value {
                    SlotValue::Text(text) => write_text(text, hasher),
                    SlotValue::Float(float) => hasher.write_u64(float.to_bits()),
                }
            }
        });
        *sum = sum.wrapping_add(hash);
    })
}

impl Job for Fingerprints {
    #[inline]
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Value(part) => return self.part(event, part),
            Event::Key(key) => return self.key(key),
            Event::KeyEnd { span } => self.key_end(event, span.len())?,
            Event::KeyMeta(_) => {
                self.has_metadata = true;
                self.collector.push(event)?;
            }
            Event::EmptyKey(_) => {
                self.has_metadata = false;
                self.collector.push(event)?;
            }
            Event::Function { .. } | Event::FunctionPreGa { .. } | Event::ModuleAux(_) => {
                let collected = self.collector.push(event)?;
                if collected.is_some() {
                    self.shared(collected)?;
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    /// Commands are applied by whoever reads the file: see [`LoadLog`](super::LoadLog).
    fn log(&mut self, _event: &aof::Event<'_>, _offset: u64) -> Result<(), Fault> {
        Ok(())
    }
}
