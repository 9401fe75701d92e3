//! What the decoder finds, one event a step.

use super::module::{ModuleAux, ModuleItem};
use super::stream::StreamPart;
use super::value_type::{Unit, ValueType};
use super::version::Version;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::intset::IntsetEntries;
use crate::pack::listpack::ListpackEntries;
use crate::pack::ziplist::ZiplistEntries;
use crate::pack::zipmap::ZipmapEntries;
use crate::pack::{Container, Entries, Packed};
use crate::wire::{Scalar, number};

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
    /// A key and all that stands before its value.
    Key(Key<'a>),
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
    /// A share of a stream.
    Stream(StreamPart<'a>),
    /// A share of a module value.
    Module(ModuleItem<'a>),
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
}

static HALF_PAIR: Cause = Cause::inside(FaultKind::Packed, "an even number of entries", Form::Text("an odd one"));
static SCORE: Cause = Cause::inside(FaultKind::Packed, "a score", Form::Text("text that is no number"));

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
            Self::Packed { packed: Packed { container, reading, blob }, unit } => match container {
                Container::Listpack => units(ListpackEntries::new(blob, reading), unit, f),
                Container::Ziplist => units(ZiplistEntries::new(blob, reading), unit, f),
                Container::Intset => units(IntsetEntries::new(blob, reading), unit, f),
                Container::Zipmap => units(ZipmapEntries::new(blob, reading), unit, f),
            },
        }
    }

    /// Walks every element and finds nothing, or the first fault.
    ///
    /// # Errors
    /// As [`Elements::each`].
    pub fn check(self) -> Result<(), Fault> {
        self.each(|_| ())
    }

    /// Number of elements: stated by the header, or counted where it does not say.
    ///
    /// # Errors
    /// As [`Elements::each`], where the blob has to be walked.
    pub fn count(self) -> Result<u64, Fault> {
        match self {
            Self::One(_) => Ok(1),
            Self::Packed { packed, unit } => match packed.stated_entries() {
                Some(entries) if matches!(unit, Unit::Item | Unit::Member) => Ok(entries),
                Some(entries) => Ok(entries / 2),
                None => {
                    let mut count = 0u64;
                    self.each(|_| count = count.saturating_add(1))?;
                    Ok(count)
                }
            },
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
        Unit::Pair => {
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
