//! Streams, part by part, and what their parts must agree on.

use super::stream::{
    Consumer, Group, Idempotency, Pending, Producer, StreamCounters, StreamId, StreamMeta, StreamNode, StreamPart,
};
use super::value_type::Generation;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;
use crate::wire::feed::Limits;
use crate::wire::{length, scalar};
use alloc::vec::Vec;

static KEY_LEN: Cause = Cause::new(FaultKind::Value, "a stream node key of 16 bytes", Form::Number);
static KEY_ORDER: Cause =
    Cause::new(FaultKind::Value, "stream node keys in ascending order", Form::Text("one not above the one before"));
static LENGTH: Cause = Cause::new(FaultKind::Value, "as many entries as the stream's nodes hold", Form::Number);
static ADDED: Cause = Cause::new(FaultKind::Value, "entries added to be at least the length", Form::Number);
static READ: Cause = Cause::new(FaultKind::Value, "a number of entries read below 2^63, or none", Form::Number);
static LAST_ID: Cause = Cause::new(FaultKind::Value, "a last id at or above every node's first", Form::Text("one below"));
static DURATION: Cause = Cause::new(FaultKind::Value, "a duration of 1 to 86400 seconds", Form::Number);
static MAX_IDS: Cause = Cause::new(FaultKind::Value, "1 to 10000 ids of each producer", Form::Number);

/// What comes next in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(u64)]
pub(crate) enum Next {
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
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamState {
    pub(crate) next: Next,
    /// Nodes, pending entries or ids still to come.
    pub(crate) left: u64,
    pub(crate) groups_left: u64,
    /// Consumers of the group, or producers.
    pub(crate) owners_left: u64,
    /// Live entries of the nodes; `None` if nodes were passed over.
    live: Option<u64>,
    last_master: Option<StreamId>,
}

impl Default for StreamState {
    fn default() -> Self {
        let next = Next::default();
        Self { next, left: 0, groups_left: 0, owners_left: 0, live: Some(0), last_master: None }
    }
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

    /// Leaves the nodes to somebody else; gives how many follow.
    pub(crate) fn pass_over_nodes(&mut self, cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
        let nodes = if self.next == Next::Nodes { length::read(cursor)? } else { self.left };
        self.live = None;
        self.next = Next::Meta;
        Ok(nodes)
    }

    /// Moves on past lists that are used up; says whether anything follows.
    pub(crate) fn settle(&mut self, generation: Generation) -> bool {
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
        self.live = self.live.map(|before| before.saturating_add(live));
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
        let may_be_off = |live| generation == Generation::V1 && length != 0 && live != 0;
        if self.live.is_some_and(|live| live != length && !may_be_off(live)) {
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
        if self.live.is_some_and(|live| entries_added < live) || i64::try_from(entries_added).is_err() {
            tolerance.tolerate(Fault::new(&ADDED, entries_added), cursor)?;
        }
        *cursor = ahead;
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
        // It may be more than were added: `XGROUP` takes any number, and servers load what they saved.
        if entries_read != Group::UNKNOWN && i64::try_from(entries_read).is_err() {
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
