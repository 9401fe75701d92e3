//! Builds the packed form of a value.

use super::plan::{NodeLimit, Thresholds};
use super::stream::{Stream, StreamEntry};
use super::value::{HashField, ScoredMember, Value};
use crate::pack::Reading;
use crate::pack::intset::IntsetBuilder;
use crate::pack::listpack::ListpackBuilder;
use crate::pack::ziplist::{Integers, ZiplistBuilder};
use crate::pack::zipmap::ZipmapBuilder;
use crate::rdb::{self, BacklenForm, Container, Shape, StreamId, StreamNode, ValueType, Version};
use crate::wire::{Scalar, number};
use alloc::vec::Vec;
use bytes::Bytes;
use core::cmp::Ordering;
use core::ops::Range;

/// Room for packed forms, used again for every value.
pub(super) struct Packer {
    series: Series,
    zipmap: ZipmapBuilder,
    intset: IntsetBuilder,
    integers: Vec<i64>,
    /// Nodes of streams are listpacks in every version.
    entries: ListpackBuilder,
    nodes: Nodes,
}

/// The nodes of a list or stream, or the only blob of a packed value.
#[derive(Default)]
pub(super) struct Nodes {
    /// The blobs, one behind the other.
    blobs: Vec<u8>,
    list: Vec<Node>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A list element by itself: its position.
    Plain(usize),
    /// A blob.
    Packed {
        /// Where it stands among the blobs.
        range: Range<usize>,
        /// In a stream: the id of its first entry.
        first: StreamId,
    },
}

impl Nodes {
    /// Room that is kept from one value to the next.
    const KEEP: usize = 1 << 20;

    fn clear(&mut self) {
        if self.blobs.capacity() > Self::KEEP {
            self.blobs = Vec::new();
        }
        self.blobs.clear();
        self.list.clear();
    }

    pub(super) fn push(&mut self, blob: &[u8], first: StreamId) {
        let start = self.blobs.len();
        self.blobs.extend_from_slice(blob);
        self.list.push(Node::Packed { range: start..self.blobs.len(), first });
    }

    /// The nodes in order.
    pub(super) fn list(&self) -> &[Node] {
        &self.list
    }

    /// The first blob.
    pub(super) fn kept(&self) -> Option<&[u8]> {
        self.list.iter().find_map(|node| match node {
            Node::Packed { range, .. } => Some(self.blob(range)),
            Node::Plain(_) => None,
        })
    }

    /// The entries of a stream that was checked, those that were deleted left out.
    pub(super) fn stream_entries(&self) -> impl Iterator<Item = rdb::StreamEntry<'_>> {
        let nodes = self.list.iter().filter_map(|node| match node {
            Node::Packed { range, first } => {
                Some(StreamNode { master: *first, blob: self.blob(range), reading: Reading::Strict, left: 0 })
            }
            Node::Plain(_) => None,
        });
        nodes.flat_map(|node| node.entries().flatten()).filter(|entry| !entry.is_deleted)
    }

    /// The bytes of a node.
    pub(super) fn blob(&self, range: &Range<usize>) -> &[u8] {
        self.blobs.get(range.clone()).unwrap_or_default()
    }
}

impl Packer {
    pub(super) fn new(version: Version, backlen: BacklenForm) -> Self {
        Self {
            series: Series::new(version, backlen),
            zipmap: ZipmapBuilder::new(),
            intset: IntsetBuilder::new(),
            integers: Vec::new(),
            entries: ListpackBuilder::new(backlen),
            nodes: Nodes::default(),
        }
    }

    /// The nodes that [`Packer::pack`] made last.
    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Makes the nodes of a value of this type; none if it has none. False where one
    /// would become larger than servers have them.
    #[must_use]
    pub(super) fn pack(&mut self, value_type: ValueType, value: &Value, thresholds: &Thresholds) -> bool {
        self.nodes.clear();
        match (value_type.layout().shape, value) {
            (Shape::Packed(Container::Intset), Value::Set(members)) => self.intset(members),
            (Shape::Packed(_), Value::List(items) | Value::Set(items)) => {
                self.series(|series| items.iter().all(|item| series.push(Scalar::Bytes(item))))
            }
            (Shape::Packed(_), Value::Zset(members)) => {
                let mut ordered: Vec<&ScoredMember> = members.iter().collect();
                ordered.sort_by(|a, b| by_score(a, b));
                self.series(|series| {
                    ordered.into_iter().all(|scored| series.push_scored(Scalar::Bytes(&scored.member), scored.score))
                })
            }
            (Shape::Packed(Container::Zipmap), Value::Hash(fields)) => self.zipmap(fields),
            (Shape::Packed(_), Value::Hash(fields)) => self.series(|series| {
                let mut all = fields.iter();
                all.all(|field| series.push(Scalar::Bytes(&field.field)) && series.push(Scalar::Bytes(&field.value)))
            }),
            (Shape::PackedBehindExpiry(_), Value::Hash(fields)) => {
                let mut ordered: Vec<&HashField> = fields.iter().collect();
                // Those that never expire come last.
                ordered.sort_by_key(|field| field.expires_at_ms.unwrap_or(i64::MAX));
                self.series(|series| {
                    ordered.into_iter().all(|HashField { field, value, expires_at_ms }| {
                        let expiry = Scalar::Int(expires_at_ms.unwrap_or(0));
                        series.push(Scalar::Bytes(field)) && series.push(Scalar::Bytes(value)) && series.push(expiry)
                    })
                })
            }
            (Shape::Nodes { has_plain, .. }, Value::List(items)) => self.list(has_plain, items, thresholds),
            (Shape::Stream(_), Value::Stream(stream)) => self.stream(stream, thresholds),
            _ => true,
        }
    }

    /// One blob of what `fill` pushes.
    fn series(&mut self, fill: impl FnOnce(&mut Series) -> bool) -> bool {
        self.series.clear();
        let fits = fill(&mut self.series);
        self.nodes.push(self.series.finish(), StreamId::default());
        fits
    }

    fn intset(&mut self, members: &[Bytes]) -> bool {
        self.integers.clear();
        self.integers.reserve(members.len());
        for int in members.iter().filter_map(|member| number::parse_int(member)) {
            self.integers.push(int);
        }
        self.integers.sort_unstable();
        self.intset.clear();
        let fits = self.integers.iter().all(|member| self.intset.push(*member));
        self.nodes.push(self.intset.finish(), StreamId::default());
        fits
    }

    fn zipmap(&mut self, fields: &[HashField]) -> bool {
        self.zipmap.clear();
        let mut all = fields.iter();
        let fits = all.all(|field| self.zipmap.push(Scalar::Bytes(&field.field), Scalar::Bytes(&field.value)));
        self.nodes.push(self.zipmap.finish(), StreamId::default());
        fits
    }

    /// Begins a value whose entries are pushed one by one.
    pub(super) fn begin(&mut self) {
        self.nodes.clear();
        self.series.clear();
    }

    /// Appends an entry to the only blob. False where that would become too large; nothing was appended then.
    #[must_use]
    #[inline]
    pub(super) fn push(&mut self, scalar: Scalar<'_>) -> bool {
        self.series.push(scalar)
    }

    /// As [`Packer::push`], for a member and its score.
    #[must_use]
    #[inline]
    pub(super) fn push_scored(&mut self, member: Scalar<'_>, score: f64) -> bool {
        self.series.push_scored(member, score)
    }

    /// Appends an element of a list, which is cut where servers cut one whose elements are pushed one by one. `plain` is its
    /// position, where it may stand by itself.
    #[must_use]
    #[inline]
    pub(super) fn push_item(&mut self, item: Scalar<'_>, plain: Option<usize>, thresholds: &Thresholds) -> bool {
        let Self { series, nodes, .. } = self;
        let len = item.text_len();
        let plain = plain.filter(|_| len > thresholds.plain_node_bytes);
        if series.count() > 0 && (plain.is_some() || series.is_full(len, thresholds.list_node)) {
            nodes.push(series.finish(), StreamId::default());
            series.clear();
        }
        if let Some(at) = plain {
            nodes.list.push(Node::Plain(at));
            return true;
        }
        series.push(item)
    }

    /// Keeps a blob as it is.
    pub(super) fn keep(&mut self, blob: &[u8]) {
        self.nodes.push(blob, StreamId::default());
    }

    /// Closes the last node; gives all.
    pub(super) fn end(&mut self) -> &Nodes {
        if self.series.count() > 0 {
            self.nodes.push(self.series.finish(), StreamId::default());
        }
        &self.nodes
    }

    fn list(&mut self, has_plain: bool, items: &[Bytes], thresholds: &Thresholds) -> bool {
        self.begin();
        let mut all = items.iter().enumerate();
        let fits = all.all(|(at, item)| self.push_item(Scalar::Bytes(item), has_plain.then_some(at), thresholds));
        self.end();
        fits
    }

    /// Cuts a stream where servers do that have its entries added one by one.
    ///
    /// Source: Redis 8.0 `t_stream.c` `streamAppendItem()`.
    fn stream(&mut self, stream: &Stream, thresholds: &Thresholds) -> bool {
        let Self { entries: node, nodes, .. } = self;
        let mut master: Option<&StreamEntry> = None;
        let mut live = 0u64;
        let close = |node: &mut ListpackBuilder, nodes: &mut Nodes, first, live: u64| {
            node.set_first(live.cast_signed());
            nodes.push(node.finish(), first);
        };
        for entry in &stream.entries {
            let first = match master {
                Some(first) if !is_node_full(node, live, entry, thresholds) => first,
                full => {
                    if let Some(full) = full {
                        close(node, nodes, full.id, live);
                    }
                    if !open_node(node, entry) {
                        return false;
                    }
                    master = Some(entry);
                    live = 0;
                    entry
                }
            };
            if !push_entry(node, first, entry) {
                return false;
            }
            live = live.saturating_add(1);
        }
        if let Some(first) = master {
            close(node, nodes, first.id, live);
        }
        true
    }
}

/// Whether the node of a stream takes no further entry. Servers count the texts only.
fn is_node_full(node: &ListpackBuilder, live: u64, entry: &StreamEntry, thresholds: &Thresholds) -> bool {
    const MOST: u64 = 1 << 30;
    let texts = entry.fields.iter().map(|(field, value)| (field.len() as u64).saturating_add(value.len() as u64));
    let bytes = texts.fold(node.len_bytes() as u64, u64::saturating_add);
    let most_bytes = if thresholds.stream_node_bytes == 0 { MOST } else { thresholds.stream_node_bytes.min(MOST) };
    let most_entries = if thresholds.stream_node_entries == 0 { u64::MAX } else { thresholds.stream_node_entries };
    bytes >= most_bytes || live >= most_entries
}

/// Begins a node with its master entry: live and deleted entries, number of fields, fields, 0.
fn open_node(node: &mut ListpackBuilder, first: &StreamEntry) -> bool {
    node.clear();
    let count = integer(first.fields.len() as u64);
    let is_begun = node.push(Scalar::Int(0)) && node.push(Scalar::Int(0)) && node.push(count);
    let mut fields = first.fields.iter();
    is_begun && fields.all(|(field, _)| node.push(Scalar::Bytes(field))) && node.push(Scalar::Int(0))
}

/// Flags, differences of the id, fields and values, and how many entries of the listpack these were.
fn push_entry(node: &mut ListpackBuilder, first: &StreamEntry, entry: &StreamEntry) -> bool {
    /// The fields are those of the master entry.
    const SAME_FIELDS: i64 = 2;
    let has_same = first.fields.iter().map(|(field, _)| field).eq(entry.fields.iter().map(|(field, _)| field));
    let count = entry.fields.len() as u64;
    let mut push = |scalar| node.push(scalar);
    let is_begun = push(Scalar::Int(if has_same { SAME_FIELDS } else { 0 }))
        && push(integer(entry.id.ms.wrapping_sub(first.id.ms)))
        && push(integer(entry.id.seq.wrapping_sub(first.id.seq)))
        && (has_same || push(integer(count)));
    let mut fields = entry.fields.iter();
    let has_fields =
        is_begun && fields.all(|(field, value)| (has_same || push(Scalar::Bytes(field))) && push(Scalar::Bytes(value)));
    let size = if has_same { count.saturating_add(3) } else { count.saturating_mul(2).saturating_add(4) };
    has_fields && push(integer(size))
}

/// A number as the listpacks of streams have it: of 64 bits, whatever its sign.
fn integer(number: u64) -> Scalar<'static> {
    Scalar::Int(number.cast_signed())
}

/// The order of sorted sets: by score, then by member.
pub(super) fn by_score(a: &ScoredMember, b: &ScoredMember) -> Ordering {
    a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal).then_with(|| a.member.cmp(&b.member))
}

/// Builds listpacks, or ziplists for versions that have no listpacks.
enum Series {
    Listpack(ListpackBuilder),
    Ziplist(ZiplistBuilder),
}

impl Series {
    fn new(version: Version, backlen: BacklenForm) -> Self {
        match version.number() {
            ..6 => Self::Ziplist(ZiplistBuilder::new(Integers::Long)),
            6..10 => Self::Ziplist(ZiplistBuilder::new(Integers::All)),
            10.. => Self::Listpack(ListpackBuilder::new(backlen)),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Listpack(builder) => builder.clear(),
            Self::Ziplist(builder) => builder.clear(),
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Listpack(builder) => builder.count(),
            Self::Ziplist(builder) => builder.count(),
        }
    }

    #[inline]
    fn push(&mut self, scalar: Scalar<'_>) -> bool {
        match self {
            Self::Listpack(builder) => builder.push(scalar),
            Self::Ziplist(builder) => builder.push(scalar),
        }
    }

    /// A member and its score: an integer where the score is one, else its text.
    ///
    /// Source: Redis 8.0 `t_zset.c` `zzlInsertAt()`.
    fn push_scored(&mut self, member: Scalar<'_>, score: f64) -> bool {
        let mut buffer = number::Buffer::new();
        let score = match number::whole(score) {
            Some(int) => Scalar::Int(int),
            None => Scalar::Bytes(number::score_text(score, &mut buffer)),
        };
        self.push(member) && self.push(score)
    }

    fn finish(&mut self) -> &[u8] {
        match self {
            Self::Listpack(builder) => builder.finish(),
            Self::Ziplist(builder) => builder.finish(),
        }
    }

    /// Whether a node of a list takes no further element of `len` bytes. Servers estimate what it adds.
    ///
    /// Source: Redis 6.2 `quicklist.c` `_quicklistNodeAllowInsert()`, 8.0 `quicklistNodeExceedsLimit()`.
    fn is_full(&self, len: u64, limit: NodeLimit) -> bool {
        /// The most that a node takes whose limit is one on elements.
        const SAFE_BYTES: u64 = 8192;
        let (bytes, overhead) = match self {
            Self::Listpack(builder) => (builder.len_bytes(), 8),
            Self::Ziplist(builder) => (
                builder.len_bytes(),
                match len {
                    ..64 => 2,
                    64..254 => 3,
                    254..16384 => 7,
                    _ => 10,
                },
            ),
        };
        let bytes = (bytes as u64).saturating_add(len).saturating_add(overhead);
        match limit {
            NodeLimit::Bytes(most) => bytes > most,
            NodeLimit::Entries(most) => bytes > SAFE_BYTES || self.count() >= most,
        }
    }
}
