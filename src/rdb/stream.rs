//! Streams: nodes of entries, counters, groups, pending entries, consumers.
//!
//! ```text
//! length nodes, nodes x { string master id (16 bytes), string listpack }
//! length entries, id last
//! V2+: id first, id max deleted, length entries added
//! length groups, groups x {
//!   string name, id last, V2+: length entries read (2^64-1 = unknown)
//!   length pending, pending x { 16 bytes id, i64 LE delivered at ms, length deliveries }
//!   length consumers, consumers x {
//!     string name, i64 LE seen at ms, V3+: i64 LE active at ms (-1 = never)
//!     length pending, pending x 16 bytes id }
//!   V5: length handed back, handed back x 16 bytes id }
//! V4+: length duration in s, length most ids, length producers, producers x {
//!   string name, length ids, ids x { string iid, id } }
//!   length ids added, length ids refused as duplicates
//! ```
//! where `id` is two lengths (ms, sequence) and raw ids are two `u64 BE`.
//!
//! A node's listpack begins with the master entry: live count, deleted count,
//! field count, fields, 0. Then entries: flags (1 deleted, 2 fields of the
//! master), ms delta, sequence delta, fields and values, listpack count.
//! Source: Redis 8.0, 8.6 and trunk (RDB 14) `rdb.c` `rdbSaveObject()`, `rdbLoadObject()`, `t_stream.c`
//! `streamValidateListpackIntegrity()`.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::pack::listpack::{self, EntriesAgain, ListpackEntries};
use crate::pack::{Entries, Reading};
use crate::wire::Scalar;
use core::fmt;

/// The id of a stream entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Unix milliseconds, as a rule.
    pub ms: u64,
    /// Sequence number within the millisecond.
    pub seq: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A share of a stream, in the order of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StreamPart<'a> {
    /// A node of entries.
    Node(StreamNode<'a>),
    /// What stands behind the nodes.
    Meta(StreamMeta),
    /// Counters since Redis 7.0.
    Counters(StreamCounters),
    /// How many consumer groups follow.
    Groups(u64),
    /// A consumer group; its pending entries follow.
    Group(Group<'a>),
    /// An entry that was delivered but not acknowledged.
    Pending(Pending),
    /// How many consumers of the group follow.
    Consumers(u64),
    /// A consumer; the ids it has not acknowledged follow.
    Consumer(Consumer<'a>),
    /// A pending id of the consumer before.
    Owned(StreamId),
    /// How many pending entries of the group were handed back by their consumer (Redis 8.8).
    Returns(u64),
    /// The id of a pending entry that has no consumer now.
    Returned(StreamId),
    /// How producers' ids are remembered (Redis 8.6).
    Idempotency(Idempotency),
    /// A producer; the ids it gave its entries follow.
    Producer(Producer<'a>),
    /// An id that the producer before gave an entry.
    Produced {
        /// The producer's id.
        iid: Scalar<'a>,
        /// The entry's.
        id: StreamId,
    },
    /// What came of the producers' ids.
    IdempotencyCounters {
        /// Ids ever added.
        added: u64,
        /// Ids that were there already.
        duplicates: u64,
    },
}

/// How producers' ids are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// How long, in seconds, 1 to 86400.
    pub duration_s: u64,
    /// How many for each producer, 1 to 10000.
    pub max_ids: u64,
    /// Producers that follow.
    pub producers: u64,
}

/// A producer of a stream's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer<'a> {
    /// Its name.
    pub name: Scalar<'a>,
    /// Its ids that follow.
    pub ids: u64,
}

/// Length and last id of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMeta {
    /// Live entries as stated; in streams of Redis 5.0 to 6.2 their nodes may hold another number.
    pub length: u64,
    /// Last id given out.
    pub last_id: StreamId,
}

/// Counters since Redis 7.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamCounters {
    /// Id of the first live entry.
    pub first_id: StreamId,
    /// Highest id ever deleted.
    pub max_deleted_id: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// A consumer group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group<'a> {
    /// Its name.
    pub name: Scalar<'a>,
    /// Last id delivered to it.
    pub last_id: StreamId,
    /// Entries ever read, [`Group::UNKNOWN`] where the server does not know or
    /// the generation has no such counter.
    pub entries_read: u64,
    /// Pending entries that follow.
    pub pending: u64,
}

impl Group<'_> {
    /// The value of `entries_read` where it is not known.
    pub const UNKNOWN: u64 = u64::MAX;
}

/// An entry that was delivered but not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id; the entry itself may have been deleted.
    pub id: StreamId,
    /// When it was last delivered, Unix milliseconds.
    pub delivered_at_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Consumer<'a> {
    /// Its name.
    pub name: Scalar<'a>,
    /// When it last tried to read, Unix milliseconds.
    pub seen_at_ms: i64,
    /// When it last read something; -1: never. Equal to `seen_at_ms` before Redis 7.2.
    pub active_at_ms: i64,
    /// Ids of its pending entries that follow.
    pub pending: u64,
}

static NO_MASTER: Cause = Cause::inside(FaultKind::Packed, "a stream node's master entry", Form::Text("another entry"));
static COUNTS: Cause = Cause::inside(FaultKind::Packed, "live and deleted counts that fit the node", Form::Text("other entries"));
static NUMBER: Cause = Cause::inside(FaultKind::Packed, "an integer in a stream node", Form::Text("something else"));
static FLAGS: Cause = Cause::inside(FaultKind::Encoding, "flags of a stream entry", Form::Number);
static ID_RANGE: Cause = Cause::inside(FaultKind::Packed, "an entry id within 64 bits", Form::Text("one beyond"));
static FIELDS: Cause = Cause::inside(FaultKind::Packed, "all fields of a stream entry", Form::Text("the end of the node"));
static ENTRY_SIZE: Cause = Cause::inside(FaultKind::Packed, "the size of the stream entry before", Form::Text("another number"));

/// A node of a stream, its frame and master entry checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamNode<'a> {
    /// Id that the entries' ids are relative to.
    pub master: StreamId,
    /// The listpack.
    pub(crate) blob: &'a [u8],
    pub(crate) reading: Reading,
    /// Nodes still to come.
    pub left: u64,
}

impl<'a> StreamNode<'a> {
    /// Checks the frame and the master entry's counts; gives the node and its live count.
    pub(crate) fn open(master: StreamId, blob: &'a [u8], left: u64) -> Result<(Self, u64), Fault> {
        if listpack::open(blob, Reading::Strict)? {
            return Err(Fault::located(&NO_MASTER, 0, 0));
        }
        let mut entries = ListpackEntries::new(blob, Reading::Strict);
        let live = count(&mut entries)?;
        if live == 0 {
            return Err(Fault::located(&COUNTS, 6, 0));
        }
        Ok((Self { master, blob, reading: Reading::Strict, left }, live))
    }

    /// As [`StreamNode::open`] for a lenient reader: gives also what is wrong with the node. Its
    /// live entries are counted then.
    pub(crate) fn open_leniently(master: StreamId, blob: &'a [u8], left: u64) -> Result<(Self, u64, Option<Fault>), Fault> {
        let fault = match Self::open(master, blob, left) {
            Ok((node, live)) => match node.entries().find_map(Result::err) {
                None => return Ok((node, live, None)),
                Some(fault) => fault,
            },
            Err(fault) => fault,
        };
        if listpack::open(blob, Reading::Lenient)? {
            return Err(Fault::located(&NO_MASTER, 0, 0));
        }
        let node = Self { master, blob, reading: Reading::Lenient, left };
        let live = node.entries().map_while(Result::ok).filter(|entry| !entry.is_deleted).count();
        Ok((node, live as u64, Some(fault)))
    }

    /// The listpack's bytes, expanded if they were compressed.
    #[must_use]
    pub fn blob(&self) -> &'a [u8] {
        self.blob
    }

    /// Iterates the entries, deleted ones too.
    #[must_use]
    pub fn entries(&self) -> NodeEntries<'a> {
        let rest = ListpackEntries::new(self.blob, self.reading);
        NodeEntries { master: self.master, reading: self.reading, head: Head::Unread, rest }
    }
}

/// A stream entry.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Whether it is only a tombstone.
    pub is_deleted: bool,
    /// Its fields and values; every entry of them was checked.
    pub fields: StreamFields<'a>,
}

/// The fields and values of a stream entry, in order.
#[derive(Clone, Copy, Debug)]
pub struct StreamFields<'a> {
    /// Where the names stand, if it is with the master entry.
    master: Option<EntriesAgain<'a>>,
    own: EntriesAgain<'a>,
    left: u64,
}

impl<'a> Iterator for StreamFields<'a> {
    type Item = (Scalar<'a>, Scalar<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.master {
            Some(names) => names.next()?,
            None => self.own.next()?,
        };
        Some((field, self.own.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

/// What the master entry says, less the entries that were read.
#[derive(Clone, Copy, Debug)]
struct Master<'a> {
    fields: EntriesAgain<'a>,
    count: u64,
    live: u64,
    deleted: u64,
}

#[derive(Clone, Copy, Debug)]
enum Head<'a> {
    Unread,
    Read(Master<'a>),
    /// The end was reached or a fault was found.
    Done,
}

/// Iterates the entries of a node, checking each.
#[derive(Clone, Copy, Debug)]
pub struct NodeEntries<'a> {
    master: StreamId,
    reading: Reading,
    head: Head<'a>,
    rest: ListpackEntries<'a>,
}

impl<'a> Iterator for NodeEntries<'a> {
    type Item = Result<StreamEntry<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.advance();
        if !matches!(entry, Ok(Some(_))) {
            self.head = Head::Done;
        }
        entry.transpose()
    }
}

impl<'a> NodeEntries<'a> {
    #[inline(always)]
    fn advance(&mut self) -> Result<Option<StreamEntry<'a>>, Fault> {
        if matches!(self.head, Head::Unread) {
            self.head = Head::Read(self.read_master()?);
        }
        let Head::Read(head) = &mut self.head else {
            return Ok(None);
        };
        let Master { fields, count, live, deleted } = *head;
        let mut rest = self.rest;
        let at = rest.at();
        let Some(flags) = rest.next()? else {
            // The listpack's end: every entry that was announced must have come.
            let is_whole = live == 0 && deleted == 0;
            return if is_whole || self.reading == Reading::Lenient { Ok(None) } else { Err(Fault::located(&COUNTS, at, 0)) };
        };
        let flags = match flags.as_int() {
            Some(flags @ 0..=3) => flags,
            Some(other) => return Err(Fault::located(&FLAGS, at, other.unsigned_abs())),
            None => return Err(Fault::located(&NUMBER, at, 0)),
        };
        let is_deleted = flags & 1 != 0;
        let ms = integer(&mut rest)?;
        let seq = integer(&mut rest)?;
        // The sequence may be smaller than the master's once the time has moved on.
        let id = StreamId {
            ms: self.master.ms.checked_add(ms.cast_unsigned()).ok_or_else(|| Fault::located(&ID_RANGE, at, 0))?,
            seq: self.master.seq.wrapping_add(seq.cast_unsigned()),
        };
        let (master, left, strings, size) = if flags & 2 != 0 {
            (Some(fields), count, count, count.saturating_add(3))
        } else {
            let own = self::count(&mut rest)?;
            let strings = own.saturating_mul(2);
            (None, own, strings, strings.saturating_add(4))
        };
        let own = rest.again();
        for _ in 0..strings {
            if rest.next()?.is_none() {
                return Err(Fault::located(&FIELDS, at, 0));
            }
        }
        let stated_at = rest.at();
        let stated = u64::try_from(integer(&mut rest)?);
        if stated != Ok(size) && self.reading == Reading::Strict {
            return Err(Fault::located(&ENTRY_SIZE, stated_at, 0));
        }
        let announced = if is_deleted { &mut head.deleted } else { &mut head.live };
        *announced = match announced.checked_sub(1) {
            Some(remaining) => remaining,
            None if self.reading == Reading::Lenient => 0,
            None => return Err(Fault::located(&COUNTS, at, 0)),
        };
        self.rest = rest;
        Ok(Some(StreamEntry { id, is_deleted, fields: StreamFields { master, own, left } }))
    }

    #[inline(never)]
    fn read_master(&mut self) -> Result<Master<'a>, Fault> {
        let live = count(&mut self.rest)?;
        let deleted = count(&mut self.rest)?;
        let fields_count = count(&mut self.rest)?;
        let fields = self.rest.again();
        for _ in 0..fields_count {
            let at = self.rest.at();
            if self.rest.next()?.is_none() {
                return Err(Fault::located(&FIELDS, at, 0));
            }
        }
        let at = self.rest.at();
        if integer(&mut self.rest)? != 0 {
            return Err(Fault::located(&NO_MASTER, at, 0));
        }
        Ok(Master { fields, count: fields_count, live, deleted })
    }
}

#[inline(always)]
fn integer(entries: &mut ListpackEntries<'_>) -> Result<i64, Fault> {
    let at = entries.at();
    match entries.next()? {
        Some(Scalar::Int(int)) => Ok(int),
        other => other.and_then(|text| text.as_int()).ok_or_else(|| Fault::located(&NUMBER, at, 0)),
    }
}

fn count(entries: &mut ListpackEntries<'_>) -> Result<u64, Fault> {
    let at = entries.at();
    u64::try_from(integer(entries)?).map_err(|_| Fault::located(&COUNTS, at, 0))
}
