//! Which form a value takes in a version: the one that its servers would give it.

use super::loss::Lost;
use super::stream::Stream;
use super::value::{Array, HashField, Value};
use crate::rdb::Container::{self, Intset, Listpack, Ziplist, Zipmap};
use crate::rdb::{
    BacklenForm, Dialect, ExpiryForm, Generation, Kind, LAST_FIELD_EXPIRY_MS, Layout, Shape, Target, Unit, ValueType, Version,
    known_length,
};
use crate::wire::number::parse_int;
use core::ops::RangeInclusive;

/// How a snapshot or payload is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The version that is written.
    pub version: Version,
    /// The form of backward lengths in listpacks: no reader but ours takes both.
    pub backlen: BacklenForm,
    /// Up to which size values are packed.
    pub thresholds: Thresholds,
    /// Whether strings are compressed where it saves something, as servers do by default.
    pub is_compressing: bool,
}

impl EncodeOptions {
    /// What a server does by default, or the servers that write a version.
    #[must_use]
    pub fn new(target: impl Into<Target>) -> Self {
        let target = target.into();
        let (version, backlen) = (target.version(), target.backlen());
        Self { version, backlen, thresholds: Thresholds::of(version), is_compressing: true }
    }
}

/// Up to which size values are packed. Every reader takes every size: these decide how large the file
/// is, and whether a server converts a value when it loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Of lists before RDB 7: `list-max-ziplist-entries` and `-value`.
    pub list: PackedLimit,
    /// Of the nodes of lists from RDB 7 on: `list-max-ziplist-size`, `list-max-listpack-size`.
    pub list_node: NodeLimit,
    /// A longer element of a list has a plain node of its own (RDB 10 and later).
    pub plain_node_bytes: u64,
    /// Of sets of integers: `set-max-intset-entries`.
    pub intset_entries: u64,
    /// Of other sets (RDB 11 and later): `set-max-listpack-entries` and `-value`.
    pub set: PackedLimit,
    /// Of sorted sets: `zset-max-ziplist-entries` and `-value`, later `zset-max-listpack-...`.
    pub zset: PackedLimit,
    /// Of hashes: `hash-max-zipmap-entries` and `-value`, later `hash-max-ziplist-...` and `hash-max-listpack-...`.
    pub hash: PackedLimit,
    /// Of the nodes of streams: `stream-node-max-bytes`; 0: no limit of their own.
    pub stream_node_bytes: u64,
    /// Of the nodes of streams: `stream-node-max-entries`; 0: no limit.
    pub stream_node_entries: u64,
}

/// The largest value that is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimit {
    /// Elements; a field and its value are one.
    pub entries: u64,
    /// Bytes of the longest text.
    pub value_bytes: u64,
}

/// The largest node of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeLimit {
    /// Bytes, which the configuration of servers states as -1 (4 KiB) to -5 (64 KiB).
    Bytes(u64),
    /// Elements, in 8 KiB at most.
    Entries(u64),
}

impl Thresholds {
    /// The defaults of the servers that write this version.
    ///
    /// Source: Redis 2.4 `redis.h`; Redis 8.6, Valkey 9.1 `config.c`; `quicklist.c` `isLargeElement()`.
    #[must_use]
    pub fn of(version: Version) -> Self {
        const NODE_BYTES: u64 = 8192;
        let zset = PackedLimit { entries: 128, value_bytes: 64 };
        let hash = PackedLimit { entries: 512, value_bytes: 64 };
        // Redis 7.4 lowered it to the limit of a node; so did Valkey 8.0, whose snapshots are RDB 11 like those of Redis 7.2.
        let plain_node_bytes = if version.number() < 12 { (1 << 30) - 1 } else { NODE_BYTES };
        Self {
            list: hash,
            list_node: NodeLimit::Bytes(NODE_BYTES),
            plain_node_bytes,
            intset_entries: 512,
            set: zset,
            zset,
            hash,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// What a version has no form for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) what: &'static str,
    pub(super) target: &'static str,
    /// Position of the element it is about.
    pub(super) element: Option<u64>,
}

impl Refusal {
    /// Something that this version lacks.
    pub(super) fn of_version(lost: Lost) -> Self {
        Self { what: lost.what(), target: "this RDB version", element: None }
    }

    pub(super) const LARGE_ENTRY: Self = Self::of_servers("an entry of 1 GiB");

    /// Something that no server holds.
    pub(super) const fn of_servers(what: &'static str) -> Self {
        Self { what, target: "a snapshot", element: None }
    }

    fn at(self, element: usize) -> Self {
        Self { element: Some(element as u64), ..self }
    }
}

/// The types to write a value as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) value_type: ValueType,
    /// In case the first is a packed form, and the value too large for it.
    pub(super) otherwise: Option<ValueType>,
}

impl From<ValueType> for Plan {
    fn from(value_type: ValueType) -> Self {
        Self { value_type, otherwise: None }
    }
}

/// Chooses the form of a value, or says why there is none.
pub(super) fn plan(value: &Value, version: Version, thresholds: &Thresholds) -> Result<Plan, Refusal> {
    let find = Finder { version, kind: value.kind() };
    match value {
        Value::String(text) => {
            find.fits(text.len())?;
            Ok(ValueType::STRING.into())
        }
        Value::List(items) => {
            let longest = find.texts(items.iter().map(|item| item.len()))?;
            let packed =
                find.nodes().or_else(|| find.packed(Ziplist, Unit::Item).filter(|_| thresholds.list.holds(items.len(), longest)));
            find.either(packed, find.counted(Unit::Item))
        }
        Value::Set(members) => {
            let longest = find.texts(members.iter().map(|member| member.len()))?;
            let is_small = members.len() as u64 <= thresholds.intset_entries;
            let intset = find.packed(Intset, Unit::Member).filter(|_| is_small && members.iter().all(|m| parse_int(m).is_some()));
            let listpack = find.packed(Listpack, Unit::Member).filter(|_| thresholds.set.holds(members.len(), longest));
            find.either(intset.or(listpack), find.counted(Unit::Member))
        }
        Value::Zset(members) => {
            let longest = find.texts(members.iter().map(|scored| scored.member.len()))?;
            if let Some(at) = members.iter().position(|scored| scored.score.is_nan()) {
                return Err(Refusal::of_servers("a score that is no number").at(at));
            }
            let packed = find.entries(Unit::ScoreText).filter(|_| thresholds.zset.holds(members.len(), longest));
            find.either(packed, find.counted(Unit::ScoreBinary).or_else(|| find.counted(Unit::ScoreText)))
        }
        Value::Hash(fields) => hash(find, fields, thresholds),
        Value::Stream(stream) => {
            let (value_type, generation) = find.stream().ok_or_else(|| Refusal::of_version(Lost::Stream))?;
            if let Some((lost, _)) = stream.misfits(generation).first() {
                return Err(Refusal::of_version(*lost));
            }
            sound(stream)?;
            Ok(value_type.into())
        }
        Value::Module(_) => find.only(Shape::Module).map(Plan::from).ok_or_else(|| Refusal::of_version(Lost::ModuleValue)),
        Value::Array(array) => {
            let value_type = find.only(Shape::Array).ok_or_else(|| Refusal::of_version(Lost::Array))?;
            indices(array)?;
            Ok(value_type.into())
        }
    }
}

fn hash(find: Finder, fields: &[HashField], thresholds: &Thresholds) -> Result<Plan, Refusal> {
    let longest = find.texts(fields.iter().map(|field| field.field.len().max(field.value.len())))?;
    let is_small = thresholds.hash.holds(fields.len(), longest);
    let Some(expiring) = fields.iter().position(|field| field.expires_at_ms.is_some()) else {
        let packed = find.entries(Unit::Pair).or_else(|| find.packed(Zipmap, Unit::Pair)).filter(|_| is_small);
        return find.either(packed, find.counted(Unit::Pair));
    };
    let range = field_expiries(find.version).ok_or_else(|| Refusal::of_version(Lost::FieldExpiry).at(expiring))?;
    let is_outside = |field: &HashField| field.expires_at_ms.is_some_and(|at| !range.contains(&at));
    if let Some(at) = fields.iter().position(is_outside) {
        return Err(Refusal::of_version(Lost::FieldExpiryRange).at(at));
    }
    let (packed, counted) = find.expiring();
    find.either(packed.filter(|_| is_small), counted)
}

/// When fields may expire: Unix milliseconds; nothing where they cannot.
pub(super) fn field_expiries(version: Version) -> Option<RangeInclusive<i64>> {
    let (_, counted) = Finder { version, kind: Kind::Hash }.expiring();
    counted.map(|_| match version.dialect() {
        // It has 0 for none.
        Dialect::Redis => 1..=LAST_FIELD_EXPIRY_MS,
        Dialect::Valkey => 0..=i64::MAX,
    })
}

/// Whether a version has any type for values of a kind.
pub(super) fn has_kind(version: Version, kind: Kind) -> bool {
    ValueType::all().any(|found| found.kind() == kind && found.is_in(version))
}

/// Which streams a version has.
pub(super) fn stream_generation(version: Version) -> Option<Generation> {
    Finder { version, kind: Kind::Stream }.stream().map(|(_, generation)| generation)
}

/// The types that packed values take which are written part by part, where the version has such.
#[derive(Clone, Copy)]
pub(super) struct Forms {
    /// Of ziplists: a list whose large elements stand by themselves is cut otherwise.
    pub(super) list: Option<ValueType>,
    /// Members one by one, where sets are not packed unless they are of integers.
    pub(super) set: Option<ValueType>,
    pub(super) zset: Option<ValueType>,
    pub(super) hash: Option<ValueType>,
    /// With nodes as they are.
    pub(super) stream: Option<ValueType>,
}

impl Forms {
    pub(super) fn of(version: Version) -> Self {
        let find = |kind| Finder { version, kind };
        let set = find(Kind::Set);
        Self {
            list: find(Kind::List).only(Shape::Nodes { container: Ziplist, has_plain: false }),
            set: set.counted(Unit::Member).filter(|_| set.packed(Listpack, Unit::Member).is_none()),
            zset: find(Kind::Zset).entries(Unit::ScoreText),
            hash: find(Kind::Hash).entries(Unit::Pair),
            stream: find(Kind::Stream).stream().map(|(value_type, _)| value_type),
        }
    }
}

/// Looks types up by their layout.
#[derive(Clone, Copy)]
struct Finder {
    version: Version,
    kind: Kind,
}

impl Finder {
    fn of(self, shape: Shape, unit: Unit) -> Option<ValueType> {
        ValueType::with_layout(self.version, self.kind, Layout { shape, unit })
    }

    fn only(self, shape: Shape) -> Option<ValueType> {
        self.of(shape, Unit::Item)
    }

    fn counted(self, unit: Unit) -> Option<ValueType> {
        self.of(Shape::Counted, unit)
    }

    fn packed(self, container: Container, unit: Unit) -> Option<ValueType> {
        self.of(Shape::Packed(container), unit)
    }

    /// As a listpack, or as a ziplist before there were any.
    fn entries(self, unit: Unit) -> Option<ValueType> {
        self.packed(Listpack, unit).or_else(|| self.packed(Ziplist, unit))
    }

    /// Of hashes with fields that expire: packed, and not.
    fn expiring(self) -> (Option<ValueType>, Option<ValueType>) {
        match self.version.dialect() {
            Dialect::Redis => (
                self.of(Shape::PackedBehindExpiry(Listpack), Unit::Triplet),
                self.of(Shape::CountedBehindExpiry, Unit::PairExpiry(ExpiryForm::Relative)),
            ),
            Dialect::Valkey => (None, self.of(Shape::Counted, Unit::PairExpiry(ExpiryForm::Trailing))),
        }
    }

    fn nodes(self) -> Option<ValueType> {
        let nodes = |container, has_plain| self.only(Shape::Nodes { container, has_plain });
        nodes(Listpack, true).or_else(|| nodes(Ziplist, false))
    }

    /// The latest generation.
    fn stream(self) -> Option<(ValueType, Generation)> {
        let of = |generation| Some((self.only(Shape::Stream(generation))?, generation));
        [Generation::V5, Generation::V4, Generation::V3, Generation::V2, Generation::V1].into_iter().find_map(of)
    }

    /// The longest of the lengths of a value's texts. There must be some.
    fn texts(self, lens: impl Iterator<Item = usize>) -> Result<u64, Refusal> {
        let longest = lens.max().ok_or_else(|| Refusal::of_servers("a value without elements"))?;
        self.fits(longest)?;
        Ok(longest as u64)
    }

    fn fits(self, len: usize) -> Result<(), Refusal> {
        known_length(self.version, len as u64).map_err(|_| Refusal::of_version(Lost::Length))
    }

    /// The first, if there is one, and the second in case that it is too small.
    fn either(self, packed: Option<ValueType>, counted: Option<ValueType>) -> Result<Plan, Refusal> {
        match packed.or(counted) {
            Some(value_type) => Ok(Plan { value_type, otherwise: packed.and(counted) }),
            // Every version has these kinds.
            None => Err(Refusal::of_servers(self.kind.name())),
        }
    }
}

impl PackedLimit {
    pub(super) fn holds(self, elements: usize, longest: u64) -> bool {
        elements as u64 <= self.entries && longest <= self.value_bytes
    }
}

/// What servers, or readers as strict as ours, would find wrong with a stream.
fn sound(stream: &Stream) -> Result<(), Refusal> {
    let refuse = |what| Err(Refusal::of_servers(what));
    if !stream.entries.is_sorted_by(|a, b| a.id < b.id) {
        return refuse("stream entries whose ids do not ascend");
    }
    if stream.entries.last().is_some_and(|last| last.id > stream.last_id) {
        return refuse("a stream entry above the last id");
    }
    if stream.entries_added < stream.entries.len() as u64 || i64::try_from(stream.entries_added).is_err() {
        return refuse("fewer entries ever added to a stream than it has");
    }
    // Servers save groups that have read more entries than were added (XGROUP SETID with ENTRIESREAD), and load them.
    if stream.groups.iter().any(|group| group.entries_read.is_some_and(|read| i64::try_from(read).is_err())) {
        return refuse("a group that has read more than 2^63 - 1 entries");
    }
    if let Some(idempotency) = &stream.idempotency
        && !((1..=86_400).contains(&idempotency.duration_s) && (1..=10_000).contains(&idempotency.max_ids))
    {
        return refuse("producers' ids kept for this time or in this number");
    }
    Ok(())
}

fn indices(array: &Array) -> Result<(), Refusal> {
    if array.slots.is_empty() {
        return Err(Refusal::of_servers("a value without elements"));
    }
    if array.insert_index == Some(u64::MAX) {
        return Err(Refusal::of_servers("index 2^64 - 1"));
    }
    match array.slots.iter().position(|(index, _)| *index == u64::MAX) {
        Some(at) => Err(Refusal::of_servers("index 2^64 - 1").at(at)),
        None => Ok(()),
    }
}
