//! What a server takes of memory for a key, estimated while its value is read.
//!
//! Counted is what Redis 7.0 to 8.0 count on 64 bits with jemalloc when they are asked `MEMORY USAGE key SAMPLES 0` of a
//! key they have loaded in the encoding the file has it in: blocks as the allocator gives them, tables with their empty
//! slots. Not counted is what that command leaves out: the expiry's own table, and what the allocator loses between blocks.
//! Guessed are the levels of a sorted set's list, which are random, and the inner nodes of a stream's trees.
//! Source: Redis 7.0, 8.0 `object.c` `objectComputeSize()`, `sds.h`, `dict.h`, jemalloc `sc.c`.

use crate::rdb::{Element, Elements, Key, Layout, Part, Shape, StreamPart, Unit, Version};
use crate::wire::Scalar;

const OBJECT: u64 = 16;
const TABLE: u64 = 56;
const TABLE_ENTRY: u64 = 24;
const POINTER: u64 = 8;
const LEAST_SLOTS: u64 = 4;
/// A short string stands in one block with its object.
const EMBEDDED_AT_MOST: u64 = 44;
const INTEGER_AT_MOST: u64 = 20;
const LIST: u64 = 40;
const LIST_NODE: u64 = 40;
/// An old list has no nodes in the file; servers make them of so many bytes.
const LIST_NODE_BYTES: u64 = 8192;
/// Length of an entry in both directions, for a short text.
const PACKED_ENTRY: u64 = 2;
/// Object of a sorted set, its list, and the list's head of 32 levels.
const SORTED: u64 = 16 + 32 + 640;
/// Times three: a node of one level takes 48 bytes, and 16 for each further one, of which there is a third on average.
const SORTED_NODE_THRICE: u64 = 160;
const DATED_PACKED: u64 = 32;
/// What the expiry of a field takes beside the field.
const FIELD_EXPIRY: u64 = 24;
const STREAM: u64 = 80;
/// A node of a tree, as servers guess it.
const TREE_NODE: u64 = 244;
/// An id in a tree: a node of its last bytes and one behind it.
const TREE_ID: u64 = 16 + 2 * TREE_NODE;
const GROUP: u64 = 40;
const PENDING: u64 = 24;
const CONSUMER: u64 = 32;
/// From this version on, a list of one packed node is kept without a list of nodes (Redis 7.2).
const PACKED_LISTS_SINCE: u64 = 11;

/// Memory of the key that is being read.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    layout: Layout,
    /// Of the key, without its value.
    key: u64,
    /// Of what was seen of the value.
    bytes: u64,
    /// Elements that stand in a table, or nodes.
    count: u64,
    /// Whether the value is an integer, or a node no packed blob.
    is_single: bool,
    /// Nothing is known of a value that was passed over.
    is_seen: bool,
}

impl Memory {
    #[inline]
    pub(super) fn new(key: &Key<'_>) -> Self {
        let layout = key.value_type.layout();
        let key = TABLE_ENTRY.saturating_add(text(key.key.text_len()));
        Self { layout, key, bytes: 0, count: 0, is_single: false, is_seen: false }
    }

    #[inline]
    pub(super) fn part(&mut self, part: &Part<'_>) {
        self.is_seen = true;
        match part {
            Part::Bytes { piece, left } => self.piece(piece, *left),
            Part::Elements { elements: Elements::One(element), .. } => self.element(element),
            Part::Elements { elements: Elements::Packed { packed, .. }, .. } => self.node(packed.blob.len() as u64),
            // The names stand in the file once; what a server shares of them is not known.
            Part::Elements { elements: Elements::Templated { packed, .. }, .. } => self.node(packed.blob.len() as u64),
            Part::Stream(part) => self.stream(part),
            Part::Array(_) | Part::FirstExpiry(_) | Part::Template(_) | Part::Module(_) => {}
        }
    }

    fn piece(&mut self, piece: &Scalar<'_>, left: u64) {
        let len = piece.text_len();
        self.is_single = self.bytes == 0 && left == 0 && len <= INTEGER_AT_MOST && piece.as_int().is_some();
        self.bytes = self.bytes.saturating_add(len);
    }

    #[inline]
    fn element(&mut self, element: &Element<'_>) {
        let bytes = match element {
            Element::Item(item) => return self.item(item.text_len()),
            Element::Member(member) | Element::Scored { member, .. } => text(member.text_len()),
            Element::Field { field, value } => text(field.text_len()).saturating_add(text(value.text_len())),
            Element::ExpiringField { field, value, .. } => {
                text(field.text_len()).saturating_add(text(value.text_len())).saturating_add(FIELD_EXPIRY)
            }
            Element::Slot { .. } => return,
        };
        self.add(TABLE_ENTRY.saturating_add(bytes));
    }

    /// An element of a list: a node of its own, or one to be packed.
    fn item(&mut self, len: u64) {
        if matches!(self.layout.shape, Shape::Nodes { .. }) {
            self.is_single = true;
            self.add(LIST_NODE.saturating_add(block(len)));
        } else {
            self.bytes = self.bytes.saturating_add(len).saturating_add(PACKED_ENTRY);
        }
    }

    fn node(&mut self, len: u64) {
        let list = if matches!(self.layout.shape, Shape::Nodes { .. }) { LIST_NODE } else { 0 };
        self.add(block(len).saturating_add(list));
    }

    fn stream(&mut self, part: &StreamPart<'_>) {
        let bytes = match part {
            StreamPart::Node(node) => return self.add(TREE_ID.saturating_add(block(node.blob.len() as u64))),
            StreamPart::Group(_) => GROUP.saturating_add(TREE_NODE),
            StreamPart::Pending(_) => PENDING.saturating_add(TREE_ID),
            StreamPart::Consumer(consumer) => CONSUMER.saturating_add(TREE_NODE).saturating_add(consumer.name.text_len()),
            StreamPart::Owned(_) => TREE_ID,
            _ => return,
        };
        self.bytes = self.bytes.saturating_add(bytes);
    }

    #[inline]
    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.count = self.count.saturating_add(1);
    }

    /// Bytes in all, in a server of the file's `version`. `None` for what only a module knows, for arrays,
    /// for hashes by a template that are not packed, and for a value that was passed over.
    pub(super) fn total(&self, version: Version) -> Option<u64> {
        let Self { layout, key, bytes, count, is_single, is_seen } = *self;
        let value = match layout.shape {
            _ if !is_seen => return None,
            Shape::Single if is_single => 0,
            // The object is in the block.
            Shape::Single if bytes <= EMBEDDED_AT_MOST => {
                block(bytes.saturating_add(OBJECT).saturating_add(4)).saturating_sub(OBJECT)
            }
            Shape::Single => text(bytes),
            Shape::Packed(_) | Shape::Template { is_packed: true, .. } if layout.unit != Unit::Triplet => bytes,
            Shape::Packed(_) | Shape::PackedBehindExpiry(_) => bytes.saturating_add(DATED_PACKED),
            Shape::Nodes { .. } if count == 1 && !is_single && version.number() >= PACKED_LISTS_SINCE => {
                bytes.saturating_sub(LIST_NODE)
            }
            Shape::Nodes { .. } => bytes.saturating_add(LIST),
            Shape::Counted | Shape::CountedBehindExpiry => match layout.unit {
                Unit::Item => {
                    bytes.saturating_add(LIST).saturating_add(LIST_NODE.saturating_mul(bytes.div_ceil(LIST_NODE_BYTES)))
                }
                Unit::ScoreBinary | Unit::ScoreText => table(count)
                    .saturating_add(SORTED)
                    .saturating_add(bytes)
                    .saturating_add(count.saturating_mul(SORTED_NODE_THRICE) / 3),
                _ => table(count).saturating_add(bytes),
            },
            // What several ids have in common are two nodes more.
            Shape::Stream(_) if count == 1 => bytes.saturating_add(STREAM),
            Shape::Stream(_) => bytes.saturating_add(STREAM).saturating_add(TREE_NODE).saturating_add(TREE_NODE),
            Shape::Array | Shape::Module | Shape::Template { .. } => return None,
        };
        Some(key.saturating_add(OBJECT).saturating_add(value))
    }
}

/// A table of so many entries, without these: twice as large whenever it is full.
fn table(entries: u64) -> u64 {
    let slots = entries.max(LEAST_SLOTS).checked_next_power_of_two().unwrap_or(u64::MAX);
    TABLE.saturating_add(slots.saturating_mul(POINTER))
}

/// A text with its header and the zero behind it.
#[inline]
fn text(len: u64) -> u64 {
    let header = match len {
        0..=31 => 1,
        32..=255 => 3,
        256..=65_535 => 5,
        _ => 9,
    };
    block(len.saturating_add(header).saturating_add(1))
}

/// The block that jemalloc gives: sizes are 16 apart up to 128, then four to each doubling.
#[inline]
fn block(bytes: u64) -> u64 {
    let step = match bytes {
        0..=8 => 8,
        9..=128 => 16,
        _ => 1 << bytes.saturating_sub(1).ilog2().saturating_sub(2),
    };
    bytes.max(1).checked_next_multiple_of(step).unwrap_or(u64::MAX)
}
