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

use super::encode_value::misplaced;
use super::value_type::Generation;
use crate::error::{Cause, ErrorKind, Fault, FaultKind, Form};
use crate::pack::listpack::{self, EntriesAgain, ListpackEntries};
use crate::pack::{Entries, Reading};
use crate::wire::cursor::Cursor;
use crate::wire::feed::Limits;
use crate::wire::scalar::{self, Strings};
use crate::wire::{Scalar, length};
use alloc::vec::Vec;
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

static KEY_LEN: Cause = Cause::new(FaultKind::Value, "a stream node key of 16 bytes", Form::Number);
static KEY_ORDER: Cause =
    Cause::new(FaultKind::Value, "stream node keys in ascending order", Form::Text("one not above the one before"));
static LENGTH: Cause = Cause::new(FaultKind::Value, "as many entries as the stream's nodes hold", Form::Number);
static ADDED: Cause = Cause::new(FaultKind::Value, "entries added to be at least the length", Form::Number);
static READ: Cause = Cause::new(FaultKind::Value, "entries read to be at most those added", Form::Number);
static LAST_ID: Cause = Cause::new(FaultKind::Value, "a last id at or above every node's first", Form::Text("one below"));

static DURATION: Cause = Cause::new(FaultKind::Value, "a duration of 1 to 86400 seconds", Form::Number);
static MAX_IDS: Cause = Cause::new(FaultKind::Value, "1 to 10000 ids of each producer", Form::Number);

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
    fn open(master: StreamId, blob: &'a [u8], left: u64) -> Result<(Self, u64), Fault> {
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
    fn open_leniently(master: StreamId, blob: &'a [u8], left: u64) -> Result<(Self, u64, Option<Fault>), Fault> {
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

/// What comes next in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(u64)]
enum Next {
    #[default]
    Nodes,
    Node,
    Meta,
    Counters,
    Groups,
    Group,
    Pending,
    Consumers,
    Consumer,
    Owned,
    Returns,
    Returned,
    Idempotency,
    Producer,
    Produced,
    IdempotencyCounters,
    End,
}

/// Where in a stream the next step stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamState {
    next: Next,
    /// Nodes, pending entries or ids still to come.
    left: u64,
    groups_left: u64,
    /// Consumers of the group, or producers.
    owners_left: u64,
    live: u64,
    last_master: Option<StreamId>,
    entries_added: Option<u64>,
}

/// What a reader passes over.
pub(crate) struct Tolerance {
    pub(crate) is_lenient: bool,
    /// Faults, with what the cursor had left at the item of each.
    pub(crate) faults: Vec<(Fault, u64)>,
}

impl Tolerance {
    /// Passes over a fault in the item at which the cursor stands, if the reader is lenient.
    fn tolerate(&mut self, fault: Fault, cursor: &Cursor<'_>) -> Result<(), Fault> {
        if !self.is_lenient {
            return Err(fault);
        }
        self.faults.push((fault, cursor.left()));
        Ok(())
    }
}

/// What a step of a stream found.
pub(crate) struct StreamStep<'e> {
    pub(crate) part: StreamPart<'e>,
    /// The state behind the step; `None` when the stream is whole.
    pub(crate) state: Option<StreamState>,
}

/// Where a node's blob stood: the decoder needs it to place faults.
pub(crate) struct BlobSeen {
    /// What the cursor had left before the string that holds the blob.
    pub(crate) left: u64,
    pub(crate) len: usize,
    pub(crate) is_plain: bool,
}

impl StreamState {
    /// Reads one step. `seen` is told of a node's blob before it is checked.
    pub(crate) fn advance<'i: 'e, 'e>(
        &self,
        generation: Generation,
        cursor: &mut Cursor<'i>,
        buffers: &'e mut [Vec<u8>; 4],
        limits: Limits,
        tolerance: &mut Tolerance,
        seen: impl FnOnce(BlobSeen, &Cursor<'i>),
    ) -> Result<StreamStep<'e>, Fault> {
        let [first, second, ..] = buffers;
        let mut state = self.clone();
        let part = match self.next {
            Next::Nodes => {
                state.left = length::read(cursor)?;
                if state.left == 0 {
                    state.meta(generation, cursor, tolerance)?
                } else {
                    state.node(cursor, first, second, limits, seen, tolerance)?
                }
            }
            Next::Node => state.node(cursor, first, second, limits, seen, tolerance)?,
            Next::Meta => state.meta(generation, cursor, tolerance)?,
            Next::Counters if generation == Generation::V1 => state.groups(cursor)?,
            Next::Counters => state.counters(cursor, tolerance)?,
            Next::Groups => state.groups(cursor)?,
            Next::Group => state.group(generation, cursor, first, limits, tolerance)?,
            Next::Pending => state.pending(cursor)?,
            Next::Consumers => state.consumers(cursor)?,
            Next::Consumer => state.consumer(generation, cursor, first, limits)?,
            Next::Owned => {
                let id = read_raw_id(cursor)?;
                state.left = state.left.wrapping_sub(1);
                StreamPart::Owned(id)
            }
            Next::Returns => {
                state.left = length::read(cursor)?;
                state.next = Next::Returned;
                StreamPart::Returns(state.left)
            }
            Next::Returned => {
                let id = read_raw_id(cursor)?;
                state.left = state.left.wrapping_sub(1);
                StreamPart::Returned(id)
            }
            Next::Idempotency => state.idempotency(cursor, tolerance)?,
            Next::Producer => {
                let name = scalar::read(cursor, first, limits)?;
                state.left = length::read(cursor)?;
                state.owners_left = state.owners_left.wrapping_sub(1);
                state.next = Next::Produced;
                StreamPart::Producer(Producer { name, ids: state.left })
            }
            Next::Produced => {
                let iid = scalar::read(cursor, first, limits)?;
                let id = read_id(cursor)?;
                state.left = state.left.wrapping_sub(1);
                StreamPart::Produced { iid, id }
            }
            Next::IdempotencyCounters | Next::End => {
                state.next = Next::End;
                StreamPart::IdempotencyCounters { added: length::read(cursor)?, duplicates: length::read(cursor)? }
            }
        };
        let state = state.settle(generation).then_some(state);
        Ok(StreamStep { part, state })
    }

    /// Moves on past lists that are used up; says whether anything follows.
    fn settle(&mut self, generation: Generation) -> bool {
        loop {
            self.next = match self.next {
                Next::Node if self.left == 0 => Next::Meta,
                Next::Pending if self.left == 0 => Next::Consumers,
                Next::Owned if self.left == 0 => Next::Consumer,
                Next::Consumer if self.owners_left == 0 && generation >= Generation::V5 => Next::Returns,
                Next::Consumer if self.owners_left == 0 => Next::Group,
                Next::Returned if self.left == 0 => Next::Group,
                Next::Group if self.groups_left == 0 && generation >= Generation::V4 => Next::Idempotency,
                Next::Group if self.groups_left == 0 => Next::End,
                Next::Produced if self.left == 0 => Next::Producer,
                Next::Producer if self.owners_left == 0 => Next::IdempotencyCounters,
                Next::End => return false,
                _ => return true,
            };
        }
    }

    fn node<'i: 'e, 'e>(
        &mut self,
        cursor: &mut Cursor<'i>,
        key_buffer: &mut Vec<u8>,
        buffer: &'e mut Vec<u8>,
        limits: Limits,
        seen: impl FnOnce(BlobSeen, &Cursor<'i>),
        tolerance: &mut Tolerance,
    ) -> Result<StreamPart<'e>, Fault> {
        let mut ahead = *cursor;
        let key = scalar::read_bytes(&mut ahead, key_buffer, limits)?;
        let Ok(key) = <[u8; 16]>::try_from(key.bytes) else {
            return Err(Fault::new(&KEY_LEN, key.bytes.len() as u64));
        };
        let master = raw_id(key);
        if self.last_master.is_some_and(|last| last >= master) {
            tolerance.tolerate(Fault::new(&KEY_ORDER, 0), cursor)?;
        }
        *cursor = ahead;
        let left = cursor.left();
        let blob = scalar::read_bytes(cursor, buffer, limits)?;
        seen(BlobSeen { left, len: blob.bytes.len(), is_plain: blob.is_plain }, cursor);
        let left = self.left.wrapping_sub(1);
        let (node, live) = match tolerance.is_lenient {
            false => StreamNode::open(master, blob.bytes, left)?,
            true => {
                let (node, live, fault) = StreamNode::open_leniently(master, blob.bytes, left)?;
                fault.map_or(Ok(()), |fault| tolerance.tolerate(fault, cursor))?;
                (node, live)
            }
        };
        self.left = left;
        self.live = self.live.saturating_add(live);
        self.last_master = Some(master);
        self.next = Next::Node;
        Ok(StreamPart::Node(node))
    }

    fn meta<'e>(
        &mut self,
        generation: Generation,
        cursor: &mut Cursor<'_>,
        tolerance: &mut Tolerance,
    ) -> Result<StreamPart<'e>, Fault> {
        let mut ahead = *cursor;
        let length = length::read(&mut ahead)?;
        // Release candidates of Redis 5.0 left deleted entries in the length.
        let may_be_off = generation == Generation::V1 && length != 0 && self.live != 0;
        if length != self.live && !may_be_off {
            tolerance.tolerate(Fault::new(&LENGTH, length), cursor)?;
        }
        *cursor = ahead;
        let last_id = read_id(&mut ahead)?;
        if self.last_master.is_some_and(|master| master > last_id) {
            tolerance.tolerate(Fault::new(&LAST_ID, 0), cursor)?;
        }
        *cursor = ahead;
        self.next = Next::Counters;
        Ok(StreamPart::Meta(StreamMeta { length, last_id }))
    }

    fn counters<'e>(&mut self, cursor: &mut Cursor<'_>, tolerance: &mut Tolerance) -> Result<StreamPart<'e>, Fault> {
        let first_id = read_id(cursor)?;
        let max_deleted_id = read_id(cursor)?;
        let mut ahead = *cursor;
        let entries_added = length::read(&mut ahead)?;
        if entries_added < self.live || i64::try_from(entries_added).is_err() {
            tolerance.tolerate(Fault::new(&ADDED, entries_added), cursor)?;
        }
        *cursor = ahead;
        self.entries_added = Some(entries_added);
        self.next = Next::Groups;
        Ok(StreamPart::Counters(StreamCounters { first_id, max_deleted_id, entries_added }))
    }

    fn groups<'e>(&mut self, cursor: &mut Cursor<'_>) -> Result<StreamPart<'e>, Fault> {
        self.groups_left = length::read(cursor)?;
        self.next = Next::Group;
        Ok(StreamPart::Groups(self.groups_left))
    }

    fn group<'i: 'e, 'e>(
        &mut self,
        generation: Generation,
        cursor: &mut Cursor<'i>,
        buffer: &'e mut Vec<u8>,
        limits: Limits,
        tolerance: &mut Tolerance,
    ) -> Result<StreamPart<'e>, Fault> {
        let name = scalar::read(cursor, buffer, limits)?;
        let last_id = read_id(cursor)?;
        let mut ahead = *cursor;
        let entries_read = if generation == Generation::V1 { Group::UNKNOWN } else { length::read(&mut ahead)? };
        if entries_read != Group::UNKNOWN && self.entries_added.is_some_and(|added| entries_read > added) {
            tolerance.tolerate(Fault::new(&READ, entries_read), cursor)?;
        }
        *cursor = ahead;
        let pending = length::read(cursor)?;
        self.groups_left = self.groups_left.wrapping_sub(1);
        self.left = pending;
        self.next = Next::Pending;
        Ok(StreamPart::Group(Group { name, last_id, entries_read, pending }))
    }

    fn idempotency<'e>(&mut self, cursor: &mut Cursor<'_>, tolerance: &mut Tolerance) -> Result<StreamPart<'e>, Fault> {
        let mut within = |range: core::ops::RangeInclusive<u64>, cause: &'static Cause, cursor: &mut Cursor<'_>| {
            let mut ahead = *cursor;
            let number = length::read(&mut ahead)?;
            if !range.contains(&number) {
                tolerance.tolerate(Fault::new(cause, number), cursor)?;
            }
            *cursor = ahead;
            Ok(number)
        };
        let duration_s = within(1..=86_400, &DURATION, cursor)?;
        let max_ids = within(1..=10_000, &MAX_IDS, cursor)?;
        self.owners_left = length::read(cursor)?;
        self.next = Next::Producer;
        Ok(StreamPart::Idempotency(Idempotency { duration_s, max_ids, producers: self.owners_left }))
    }

    fn pending<'e>(&mut self, cursor: &mut Cursor<'_>) -> Result<StreamPart<'e>, Fault> {
        let id = read_raw_id(cursor)?;
        let delivered_at_ms = i64::from_le_bytes(*cursor.array()?);
        let deliveries = length::read(cursor)?;
        self.left = self.left.wrapping_sub(1);
        Ok(StreamPart::Pending(Pending { id, delivered_at_ms, deliveries }))
    }

    fn consumers<'e>(&mut self, cursor: &mut Cursor<'_>) -> Result<StreamPart<'e>, Fault> {
        self.owners_left = length::read(cursor)?;
        self.next = Next::Consumer;
        Ok(StreamPart::Consumers(self.owners_left))
    }

    fn consumer<'i: 'e, 'e>(
        &mut self,
        generation: Generation,
        cursor: &mut Cursor<'i>,
        buffer: &'e mut Vec<u8>,
        limits: Limits,
    ) -> Result<StreamPart<'e>, Fault> {
        let name = scalar::read(cursor, buffer, limits)?;
        let seen_at_ms = i64::from_le_bytes(*cursor.array()?);
        let active_at_ms = if generation >= Generation::V3 { i64::from_le_bytes(*cursor.array()?) } else { seen_at_ms };
        let pending = length::read(cursor)?;
        self.owners_left = self.owners_left.wrapping_sub(1);
        self.left = pending;
        self.next = Next::Owned;
        Ok(StreamPart::Consumer(Consumer { name, seen_at_ms, active_at_ms, pending }))
    }
}

/// Writes the parts of a stream, in the order of [`StreamPart`].
#[derive(Default)]
pub(crate) struct StreamWriter {
    state: StreamState,
    is_whole: bool,
}

impl StreamWriter {
    /// Appends a part.
    pub(crate) fn write(
        &mut self,
        generation: Generation,
        part: &StreamPart<'_>,
        strings: &mut Strings,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorKind> {
        if self.is_whole {
            return Err(misplaced());
        }
        let state = &mut self.state;
        match (state.next, part) {
            (Next::Nodes, StreamPart::Node(node)) => {
                length::write(node.left.checked_add(1).ok_or_else(misplaced)?, out);
                state.left = node.left;
                state.next = Next::Node;
                write_node(node, strings, out);
            }
            (Next::Node, StreamPart::Node(node)) if state.left.checked_sub(1) == Some(node.left) => {
                state.left = node.left;
                write_node(node, strings, out);
            }
            (Next::Nodes | Next::Meta, StreamPart::Meta(meta)) => {
                if state.next == Next::Nodes {
                    length::write(0, out);
                }
                length::write(meta.length, out);
                write_id(meta.last_id, out);
                state.next = if generation == Generation::V1 { Next::Groups } else { Next::Counters };
            }
            (Next::Counters, StreamPart::Counters(counters)) => {
                write_id(counters.first_id, out);
                write_id(counters.max_deleted_id, out);
                length::write(counters.entries_added, out);
                state.next = Next::Groups;
            }
            (Next::Groups, StreamPart::Groups(groups)) => {
                length::write(*groups, out);
                state.groups_left = *groups;
                state.next = Next::Group;
            }
            (Next::Group, StreamPart::Group(group)) => {
                strings.write(group.name, out);
                write_id(group.last_id, out);
                if generation >= Generation::V2 {
                    length::write(group.entries_read, out);
                }
                length::write(group.pending, out);
                state.groups_left = state.groups_left.wrapping_sub(1);
                state.left = group.pending;
                state.next = Next::Pending;
            }
            (Next::Pending, StreamPart::Pending(pending)) => {
                write_raw_id(pending.id, out);
                out.extend_from_slice(&pending.delivered_at_ms.to_le_bytes());
                length::write(pending.deliveries, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::Consumers, StreamPart::Consumers(consumers)) => {
                length::write(*consumers, out);
                state.owners_left = *consumers;
                state.next = Next::Consumer;
            }
            (Next::Consumer, StreamPart::Consumer(consumer)) => {
                strings.write(consumer.name, out);
                out.extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
                if generation >= Generation::V3 {
                    out.extend_from_slice(&consumer.active_at_ms.to_le_bytes());
                }
                length::write(consumer.pending, out);
                state.owners_left = state.owners_left.wrapping_sub(1);
                state.left = consumer.pending;
                state.next = Next::Owned;
            }
            (Next::Owned, StreamPart::Owned(id)) | (Next::Returned, StreamPart::Returned(id)) => {
                write_raw_id(*id, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::Returns, StreamPart::Returns(count)) => {
                length::write(*count, out);
                state.left = *count;
                state.next = Next::Returned;
            }
            (Next::Idempotency, StreamPart::Idempotency(idempotency)) => {
                length::write(idempotency.duration_s, out);
                length::write(idempotency.max_ids, out);
                length::write(idempotency.producers, out);
                state.owners_left = idempotency.producers;
                state.next = Next::Producer;
            }
            (Next::Producer, StreamPart::Producer(producer)) => {
                strings.write(producer.name, out);
                length::write(producer.ids, out);
                state.owners_left = state.owners_left.wrapping_sub(1);
                state.left = producer.ids;
                state.next = Next::Produced;
            }
            (Next::Produced, StreamPart::Produced { iid, id }) => {
                strings.write(*iid, out);
                write_id(*id, out);
                state.left = state.left.wrapping_sub(1);
            }
            (Next::IdempotencyCounters, StreamPart::IdempotencyCounters { added, duplicates }) => {
                length::write(*added, out);
                length::write(*duplicates, out);
                state.next = Next::End;
            }
            _ => return Err(misplaced()),
        }
        self.is_whole = !state.settle(generation);
        Ok(())
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }
}

fn write_node(node: &StreamNode<'_>, strings: &mut Strings, out: &mut Vec<u8>) {
    let mut key = [0; 16];
    let (ms, seq) = key.split_at_mut(8);
    ms.copy_from_slice(&node.master.ms.to_be_bytes());
    seq.copy_from_slice(&node.master.seq.to_be_bytes());
    strings.write(Scalar::Bytes(&key), out);
    strings.write_blob(node.blob, out);
}

fn write_id(id: StreamId, out: &mut Vec<u8>) {
    length::write(id.ms, out);
    length::write(id.seq, out);
}

fn write_raw_id(id: StreamId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.ms.to_be_bytes());
    out.extend_from_slice(&id.seq.to_be_bytes());
}

/// An id as two lengths.
fn read_id(cursor: &mut Cursor<'_>) -> Result<StreamId, Fault> {
    Ok(StreamId { ms: length::read(cursor)?, seq: length::read(cursor)? })
}

/// An id as 16 bytes.
fn read_raw_id(cursor: &mut Cursor<'_>) -> Result<StreamId, Fault> {
    Ok(raw_id(*cursor.array()?))
}

fn raw_id([a, b, c, d, e, f, g, h, seq @ ..]: [u8; 16]) -> StreamId {
    StreamId { ms: u64::from_be_bytes([a, b, c, d, e, f, g, h]), seq: u64::from_be_bytes(seq) }
}
