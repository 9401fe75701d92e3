//! What the decoder finds, one event a step.

use super::key_meta::KeyMeta;
use super::module::{ModuleAux, ModuleItem};
use super::slots::SlotImport;
use super::stream::StreamPart;
use super::template::{HashTemplate, Names, Template};
use super::value_type::{Unit, ValueType};
use super::version::Version;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::intset::IntsetEntries;
use crate::pack::listpack::ListpackEntries;
use crate::pack::ziplist::ZiplistEntries;
use crate::pack::zipmap::ZipmapEntries;
use crate::pack::{Container, Entries, Packed, Reading};
use crate::wire::{Scalar, number};
use alloc::vec::Vec;

/// One step of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// The header.
    Start(Version),
    /// A field about the snapshot or its server.
    Aux {
        /// Name, such as `redis-ver`.
        key: Scalar<'a>,
        /// Value as text.
        value: Scalar<'a>,
    },
    /// Keys from here on belong to this database.
    SelectDb(u64),
    /// A hint: how many keys the database holds. Never to be trusted for an allocation.
    ResizeDb {
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expires: u64,
    },
    /// A function library.
    Function {
        /// Its whole source, including the `#!lua name=...` line.
        code: Scalar<'a>,
    },
    /// A function as Redis 7.0 RC1 and RC2 wrote it.
    FunctionPreGa {
        /// Library name.
        name: Scalar<'a>,
        /// Engine, such as `lua`.
        engine: Scalar<'a>,
        /// Description, where there is one.
        description: Option<Scalar<'a>>,
        /// Source without the `#!` line.
        code: Scalar<'a>,
    },
    /// Module data outside of keys.
    ModuleAux(ModuleAux<'a>),
    /// Field names that hashes further on refer to (Redis 8.10).
    HashTemplate(HashTemplate<'a>),
    /// A hint: what a slot of a cluster holds (Redis 7.4). Never to be trusted for an allocation.
    SlotInfo {
        /// The slot, below 16384.
        slot: u64,
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expires: u64,
    },
    /// A slot import in progress when the snapshot was made (Valkey 9.0).
    SlotImport(SlotImport<'a>),
    /// A number that Redis Enterprise puts before keys.
    Enterprise {
        /// 107: LRU of the key that follows; 121: its slot.
        opcode: u64,
        /// The number.
        value: u64,
    },
    /// Metadata of the key that follows (Redis 8.6).
    KeyMeta(KeyMeta<'a>),
    /// A key and all that stands before its value.
    Key(Key<'a>),
    /// A key whose value has no elements: servers skip it. Only a lenient decoder goes on behind
    /// one; no value and no key end follow.
    EmptyKey(Key<'a>),
    /// A share of the value of the key before.
    Value(Part<'a>),
    /// The value is whole.
    KeyEnd {
        /// From the first byte of the key head to the end of the value.
        span: Span,
    },
    /// The end of the snapshot.
    End(Checksum),
}

impl Event<'_> {
    /// Walks what is inside of the event, which a decoder leaves to its reader.
    ///
    /// # Errors
    /// The first entry of a packed value that is wrong, to be dressed by the decoder.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Value(Part::Elements { elements, .. }) => elements.check(),
            Self::Value(Part::Stream(StreamPart::Node(node))) => node.entries().try_for_each(|entry| entry.map(drop)),
            _ => Ok(()),
        }
    }
}

/// A byte range, counted from the start of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// First byte behind.
    pub end: u64,
}

impl Span {
    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What is known of the snapshot's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// This version has none (RDB 1 to 4).
    Absent,
    /// The server wrote zero: checksums were off.
    Off,
    /// Reading began inside the snapshot.
    Unchecked,
    /// Stored and computed agree.
    Verified,
    /// They differ; only a lenient decoder goes on then.
    Wrong,
}

/// A key head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key<'a> {
    /// The key.
    pub key: Scalar<'a>,
    /// Type and layout of the value.
    pub value_type: ValueType,
    /// Database number.
    pub db: u64,
    /// Absolute Unix milliseconds; negative ones are long past.
    pub expires_at_ms: Option<i64>,
    /// What the eviction policy knew of the key.
    pub eviction: Eviction,
}

/// What an eviction policy knew of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Nothing was saved.
    None,
    /// LFU counter, 0 to 255.
    Freq(u64),
    /// Seconds since the key was last used.
    Idle(u64),
}

/// A share of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'a> {
    /// A string, or a piece of 64 KiB of a long one.
    Bytes {
        /// The piece.
        piece: Scalar<'a>,
        /// Bytes of the string still to come.
        left: u64,
    },
    /// One element, or a packed blob of many.
    Elements {
        /// The elements of this part.
        elements: Elements<'a>,
        /// Elements of a counted value, or nodes of a list, still to come.
        left: u64,
    },
    /// What stands in front of the slots of an array.
    Array(ArrayHead),
    /// The smallest expiry of a hash's fields, as stated in front of them: Unix milliseconds, 0
    /// where none expires. The fields follow.
    FirstExpiry(i64),
    /// The template of a hash's fields. Their values follow.
    Template(Template<'a>),
    /// A share of a stream.
    Stream(StreamPart<'a>),
    /// A share of a module value.
    Module(ModuleItem<'a>),
}

impl<'a> Part<'a> {
    /// The listpack that the part is, if it is one.
    #[inline]
    pub(crate) fn listpack(&self) -> Option<&'a [u8]> {
        let packed = match self {
            Self::Elements { elements: Elements::Packed { packed, .. } | Elements::Templated { packed, .. }, .. } => packed,
            Self::Template(Template::Packed(packed)) => packed,
            Self::Stream(StreamPart::Node(node)) => return Some(node.blob),
            _ => return None,
        };
        (packed.container == Container::Listpack).then_some(packed.blob)
    }

    /// Whether the part, whose bytes in the snapshot are `raw`, is a blob that was compressed there.
    pub(crate) fn is_compressed(&self, raw: &[u8]) -> bool {
        let blob = match self {
            Self::Elements { elements: Elements::Packed { packed, .. } | Elements::Templated { packed, .. }, .. } => packed.blob,
            Self::Stream(StreamPart::Node(node)) => node.blob,
            _ => return false,
        };
        raw.len() < blob.len()
    }

    /// The part with another listpack in place of its own.
    pub(crate) fn with_listpack<'b>(self, blob: &'b [u8]) -> Part<'b>
    where
        'a: 'b,
    {
        let mut part: Part<'b> = self;
        match &mut part {
            Part::Elements { elements: Elements::Packed { packed, .. } | Elements::Templated { packed, .. }, .. }
            | Part::Template(Template::Packed(packed)) => packed.blob = blob,
            Part::Stream(StreamPart::Node(node)) => node.blob = blob,
            _ => {}
        }
        part
    }
}

/// What stands in front of the slots of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayHead {
    /// Slots that follow.
    pub count: u64,
    /// The index of the last insertion, where there was one.
    pub insert_index: Option<u64>,
}

/// What a slot of an array holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlotValue<'a> {
    /// Text, or an integer.
    Text(Scalar<'a>),
    /// A double; servers show it in its shortest decimal form, `1.0` where it is whole.
    Float(f64),
}

impl SlotValue<'_> {
    /// Calls `f` with the text that servers show.
    pub fn with_text<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Text(text) => text.with_text(f),
            Self::Float(float) => {
                let mut text = Vec::new();
                number::push_array_double(*float, &mut text);
                f(&text)
            }
        }
    }
}

/// One logical element of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element<'a> {
    /// Of a list.
    Item(Scalar<'a>),
    /// Of a set.
    Member(Scalar<'a>),
    /// Of a sorted set.
    Scored {
        /// The member.
        member: Scalar<'a>,
        /// Its score; never NaN.
        score: f64,
    },
    /// Of a hash.
    Field {
        /// The field.
        field: Scalar<'a>,
        /// Its value.
        value: Scalar<'a>,
    },
    /// Of a hash, with an expiry of its own.
    ExpiringField {
        /// The field.
        field: Scalar<'a>,
        /// Its value.
        value: Scalar<'a>,
        /// Absolute Unix milliseconds, 0 to 2^63 - 1.
        expires_at_ms: i64,
    },
    /// Of an array.
    Slot {
        /// Its index, below 2^64 - 1.
        index: u64,
        /// What it holds.
        value: SlotValue<'a>,
    },
}

/// The elements of one part, read in place and checked while they are iterated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Elements<'a> {
    /// One element of a counted value, or a plain node of a list.
    One(Element<'a>),
    /// A packed blob.
    Packed {
        /// The blob.
        packed: Packed<'a>,
        /// What its entries make up.
        unit: Unit,
    },
    /// A packed blob of values, the first of them the number of their template.
    Templated {
        /// Names of the fields.
        names: Names<'a>,
        /// The blob.
        packed: Packed<'a>,
    },
}

static HALF_PAIR: Cause = Cause::inside(FaultKind::Packed, "an even number of entries", Form::Text("an odd one"));
static SCORE: Cause = Cause::inside(FaultKind::Packed, "a score", Form::Text("text that is no number"));
static THIRD: Cause = Cause::inside(FaultKind::Packed, "a field, a value and an expiry", Form::Text("the end of the value"));
static EXPIRY: Cause = Cause::inside(FaultKind::Packed, "a field's expiry of 0 to 2^48 - 1", Form::Text("something else"));
static EXPIRY_ORDER: Cause = Cause::inside(
    FaultKind::Packed,
    "fields in the order of their expiries, those that never expire last",
    Form::Text("one that expires earlier than the one before"),
);
static TEMPLATE_ID: Cause = Cause::inside(FaultKind::Packed, "the number of a template", Form::Text("another entry"));
static VALUES: Cause =
    Cause::inside(FaultKind::Packed, "as many values as the template has fields", Form::Text("another number of them"));

/// The last millisecond at which a field may expire in a snapshot of Redis.
/// Source: Redis 8.0 `ebuckets.h` `EB_EXPIRE_TIME_MAX`.
pub(crate) const LAST_FIELD_EXPIRY_MS: i64 = (1 << 48) - 1;

impl<'a> Elements<'a> {
    /// Calls `f` with every element, in stored order.
    ///
    /// # Errors
    /// The first entry, count or backward length that is wrong, as a [`Fault`] to be
    /// dressed by the decoder; elements before it were handed out.
    #[inline(always)]
    pub fn each(self, f: impl FnMut(Element<'a>)) -> Result<(), Fault> {
        self.try_each(f_ok(f))
    }

    /// Calls `f` with every element until it fails.
    ///
    /// # Errors
    /// As [`Elements::each`], converted, and whatever `f` returns.
    #[inline(always)]
    pub fn try_each<E: From<Fault>>(self, mut f: impl FnMut(Element<'a>) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::One(element) => f(element),
            Self::Packed { packed: Packed { reading, blob, .. }, unit: Unit::Triplet } => {
                triplets(ListpackEntries::new(blob, reading), reading, &mut f)
            }
            Self::Packed { packed: Packed { container, reading, blob }, unit } => match container {
                Container::Listpack => units(ListpackEntries::new(blob, reading), unit, f),
                Container::Ziplist => units(ZiplistEntries::new(blob, reading), unit, f),
                Container::Intset => units(IntsetEntries::new(blob, reading), unit, f),
                Container::Zipmap => units(ZipmapEntries::new(blob, reading), unit, f),
            },
            Self::Templated { names, packed } => templated(names, ListpackEntries::new(packed.blob, packed.reading), &mut f),
        }
    }

    /// The same elements, their blob read as [`Reading::Lenient`] says.
    #[must_use]
    pub fn leniently(self) -> Self {
        match self {
            Self::One(_) => self,
            Self::Packed { packed, unit } => Self::Packed { packed: packed.leniently(), unit },
            Self::Templated { names, packed } => Self::Templated { names, packed: packed.leniently() },
        }
    }

    /// Walks every element and finds nothing, or the first fault.
    ///
    /// # Errors
    /// As [`Elements::each`].
    pub fn check(self) -> Result<(), Fault> {
        self.visit(&mut |_| Ok(()))
    }

    /// As [`Elements::try_each`], for callers that are not worth a copy of every container's loop.
    ///
    /// # Errors
    /// As [`Elements::each`], and whatever `f` returns.
    #[inline(never)]
    pub fn visit(self, f: &mut dyn FnMut(Element<'a>) -> Result<(), Fault>) -> Result<(), Fault> {
        self.try_each(f)
    }

    /// Number of elements: stated by the header, or counted where it does not say.
    ///
    /// # Errors
    /// As [`Elements::each`], where the blob has to be walked.
    pub fn count(self) -> Result<u64, Fault> {
        match self {
            Self::One(_) => Ok(1),
            Self::Packed { packed, unit } => match packed.stated_entries() {
                Some(entries) => Ok(match unit {
                    Unit::Item | Unit::Member => entries,
                    Unit::Triplet => entries / 3,
                    Unit::Pair | Unit::PairExpiry(_) | Unit::ScoreBinary | Unit::ScoreText => entries / 2,
                }),
                None => {
                    let mut count = 0u64;
                    self.visit(&mut |_| {
                        count = count.saturating_add(1);
                        Ok(())
                    })?;
                    Ok(count)
                }
            },
            Self::Templated { names, .. } => Ok(names.count() as u64),
        }
    }
}

#[inline(always)]
fn f_ok<'a>(mut f: impl FnMut(Element<'a>)) -> impl FnMut(Element<'a>) -> Result<(), Fault> {
    move |element| {
        f(element);
        Ok(())
    }
}

/// Makes elements of entries: one, two or a score each.
#[inline(always)]
fn units<'a, T: Entries<'a>, E: From<Fault>>(
    mut entries: T,
    unit: Unit,
    mut f: impl FnMut(Element<'a>) -> Result<(), E>,
) -> Result<(), E> {
    match unit {
        Unit::Item => {
            while let Some(item) = entries.next()? {
                f(Element::Item(item))?;
            }
        }
        Unit::Member => {
            while let Some(member) = entries.next()? {
                f(Element::Member(member))?;
            }
        }
        // The last two are not read here.
        Unit::Pair | Unit::PairExpiry(_) | Unit::Triplet => {
            while let Some(field) = entries.next()? {
                let at = entries.at();
                let value = entries.next()?.ok_or_else(|| Fault::located(&HALF_PAIR, at, 0))?;
                f(Element::Field { field, value })?;
            }
        }
        Unit::ScoreText | Unit::ScoreBinary => {
            while let Some(member) = entries.next()? {
                let at = entries.at();
                let text = entries.next()?.ok_or_else(|| Fault::located(&HALF_PAIR, at, 0))?;
                let score = score(text).ok_or_else(|| Fault::located(&SCORE, at, 0))?;
                f(Element::Scored { member, score })?;
            }
        }
    }
    Ok(())
}

/// Fields with their expiries, as `listpackEx` holds them.
/// Source: Redis 8.0 `t_hash.c` `lpValidateIntegrityAndDups()`, `listpackExAddInternal()`.
#[inline(never)]
fn triplets<'a, E: From<Fault>>(
    mut entries: ListpackEntries<'a>,
    reading: Reading,
    f: &mut dyn FnMut(Element<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut last = 0;
    while let Some(field) = entries.next()? {
        let at = entries.at();
        let value = entries.next()?.ok_or_else(|| Fault::located(&THIRD, at, 0))?;
        let at = entries.at();
        let expiry = entries.next()?.ok_or_else(|| Fault::located(&THIRD, at, 0))?;
        match expiry {
            Scalar::Int(0) => {
                last = LAST_FIELD_EXPIRY_MS.saturating_add(1);
                f(Element::Field { field, value })?;
            }
            Scalar::Int(expires_at_ms @ 1..=LAST_FIELD_EXPIRY_MS) => {
                if expires_at_ms < last && reading == Reading::Strict {
                    return Err(Fault::located(&EXPIRY_ORDER, at, 0).into());
                }
                last = expires_at_ms;
                f(Element::ExpiringField { field, value, expires_at_ms })?;
            }
            _ => return Err(Fault::located(&EXPIRY, at, 0).into()),
        }
    }
    Ok(())
}

/// Values behind the number of their template, which names their fields.
#[inline(never)]
fn templated<'a, E: From<Fault>>(
    names: Names<'a>,
    mut entries: ListpackEntries<'a>,
    f: &mut dyn FnMut(Element<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let at = entries.at();
    match entries.next()? {
        Some(Scalar::Int(0..)) => {}
        _ => return Err(Fault::located(&TEMPLATE_ID, at, 0).into()),
    }
    for field in names {
        let at = entries.at();
        let value = entries.next()?.ok_or_else(|| Fault::located(&VALUES, at, 0))?;
        f(Element::Field { field, value })?;
    }
    let at = entries.at();
    match entries.next()? {
        None => Ok(()),
        Some(_) => Err(Fault::located(&VALUES, at, 0).into()),
    }
}

/// The score that a packed entry stands for.
#[inline(always)]
fn score(text: Scalar<'_>) -> Option<f64> {
    match text {
        Scalar::Int(int) => Some(int as f64),
        Scalar::Bytes(text) => number::parse_score(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Step;

    /// Sizes that were found fast; a wider event stalls the loop that moves it.
    #[test]
    fn sizes_stay_near_those_measured() {
        assert_eq!(size_of::<Scalar>(), 16);
        assert!(size_of::<Element>() <= 48);
        assert!(size_of::<Event>() <= 72, "{}", size_of::<Event>());
        assert!(size_of::<Step<Event>>() <= 96);
        assert!(size_of::<Result<Step<Event>, Fault>>() <= 96);
    }
}
