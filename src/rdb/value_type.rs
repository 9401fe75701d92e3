//! The value type byte: one table for both directions.
//!
//! Source: Redis 8.0, 8.6 and trunk (RDB 14, 15), Valkey 9.1: `rdb.h`, `rdb.c` `rdbSaveObjectType()`.

use super::version::{Dialect, Version};
use crate::pack::Container;
use core::fmt;

/// The type of a value as a server names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u64)]
pub enum Kind {
    /// Bytes.
    String,
    /// Ordered elements.
    List,
    /// Distinct members.
    Set,
    /// Members with a score.
    Zset,
    /// Fields with a value.
    Hash,
    /// Entries with an id, and consumer groups.
    Stream,
    /// A value only its module understands.
    Module,
    /// Values at indices, with gaps.
    Array,
}

impl Kind {
    /// Every kind, in the order of the servers' type numbers.
    pub const ALL: [Self; 8] =
        [Self::String, Self::List, Self::Set, Self::Zset, Self::Hash, Self::Stream, Self::Module, Self::Array];

    /// The name used in every output: `string list set zset hash stream module array`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::Array => "array",
        }
    }

    /// The kind of this name; the usual other spellings are known too.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "string" | "str" => Self::String,
            "list" => Self::List,
            "set" => Self::Set,
            "zset" | "sortedset" | "sorted-set" => Self::Zset,
            "hash" => Self::Hash,
            "stream" => Self::Stream,
            "module" => Self::Module,
            "array" => Self::Array,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the bytes of a value are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A count, whether an insert index follows, then that many slots.
    Array,
    /// A count, then that many units.
    Counted,
    /// The smallest expiry of the fields, then as [`Shape::Counted`].
    CountedBehindExpiry,
    /// Typed opcodes up to an end opcode.
    Module,
    /// A count, then that many packed blobs; with `has_plain` each behind a
    /// byte that says whether it is packed or one plain element.
    Nodes {
        /// The blobs' container.
        container: Container,
        /// Whether a node kind stands before each node.
        has_plain: bool,
    },
    /// One packed blob.
    Packed(Container),
    /// The smallest expiry of the fields, then one packed blob.
    PackedBehindExpiry(Container),
    /// One string.
    Single,
    /// Nodes, counters, groups and consumers.
    Stream(Generation),
    /// Values of fields whose names a template has.
    Template {
        /// Whether the template stands in front of the value, and not at the head of the file.
        is_own: bool,
        /// Whether the values are a listpack.
        is_packed: bool,
    },
}

/// What one logical element of a value consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A list element.
    Item,
    /// A set member.
    Member,
    /// A field and its value.
    Pair,
    /// A field, its value and perhaps its expiry, each a string or number of its own.
    PairExpiry(ExpiryForm),
    /// A member and its score as 8 bytes, little-endian.
    ScoreBinary,
    /// A member and its score as text.
    ScoreText,
    /// A field, its value and its expiry, each an entry of a packed blob; 0 for none.
    /// Fields that expire come first, the earliest of them first.
    Triplet,
}

/// How the expiry of a hash field stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryForm {
    /// A length before the field: Unix milliseconds, 0 for none (Redis 7.4 release candidates).
    Absolute,
    /// A length before the field: milliseconds behind the smallest expiry, plus 1; 0 for none (Redis 7.4).
    Relative,
    /// `i64 LE` behind the value: Unix milliseconds, -1 for none (Valkey 9.0).
    Trailing,
}

/// Which fields a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Redis 5.0: entries, groups, pending entries.
    V1,
    /// Redis 7.0: first and deleted ids, entries added and read.
    V2,
    /// Redis 7.2: when a consumer was last active.
    V3,
    /// Redis 8.6: producers and the ids they gave their entries.
    V4,
    /// Redis 8.8: pending entries that were handed back.
    V5,
}

/// Shape and unit: what a value's bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How the bytes are cut.
    pub shape: Shape,
    /// What one element consists of; strings and modules are one item.
    pub unit: Unit,
}

struct Row {
    /// Whose type it is; `None`: of both.
    dialect: Option<Dialect>,
    /// The first version whose servers write it.
    since: u64,
    /// The oldest header under which the byte has this meaning.
    oldest_header: u64,
    byte: u8,
    name: &'static str,
    kind: Kind,
    layout: Layout,
}

/// A value type: a row of the table of types.
#[derive(Clone, Copy)]
pub struct ValueType(&'static Row);

/// A type that Redis and Valkey have in common. Servers read it whatever the header says.
const fn row(since: u64, byte: u8, name: &'static str, kind: Kind, shape: Shape, unit: Unit) -> Row {
    Row { dialect: None, since, oldest_header: 0, byte, name, kind, layout: Layout { shape, unit } }
}

/// A type of Redis alone. Servers read it under an older header too; we do from the version on
/// in which its number is settled.
const fn redis(since: u64, settled: u64, byte: u8, name: &'static str, kind: Kind, shape: Shape, unit: Unit) -> Row {
    Row { dialect: Some(Dialect::Redis), oldest_header: settled, ..row(since, byte, name, kind, shape, unit) }
}

/// A type of Valkey alone.
const fn valkey(since: u64, byte: u8, name: &'static str, kind: Kind, shape: Shape, unit: Unit) -> Row {
    Row { dialect: Some(Dialect::Valkey), oldest_header: since, ..row(since, byte, name, kind, shape, unit) }
}

const ZIPLISTS: Shape = Shape::Nodes { container: Container::Ziplist, has_plain: false };
const LISTPACKS: Shape = Shape::Nodes { container: Container::Listpack, has_plain: true };
const LISTPACK: Shape = Shape::Packed(Container::Listpack);
const DATED_LISTPACK: Shape = Shape::PackedBehindExpiry(Container::Listpack);

const fn template(is_own: bool, is_packed: bool) -> Shape {
    Shape::Template { is_own, is_packed }
}

static TABLE: [Row; 32] = [
    row(1, 0, "string", Kind::String, Shape::Single, Unit::Item),
    row(1, 1, "list", Kind::List, Shape::Counted, Unit::Item),
    row(1, 2, "set", Kind::Set, Shape::Counted, Unit::Member),
    row(1, 3, "zset", Kind::Zset, Shape::Counted, Unit::ScoreText),
    row(1, 4, "hash", Kind::Hash, Shape::Counted, Unit::Pair),
    row(8, 5, "zset-2", Kind::Zset, Shape::Counted, Unit::ScoreBinary),
    row(8, 7, "module-2", Kind::Module, Shape::Module, Unit::Item),
    row(2, 9, "hash-zipmap", Kind::Hash, Shape::Packed(Container::Zipmap), Unit::Pair),
    row(2, 10, "list-ziplist", Kind::List, Shape::Packed(Container::Ziplist), Unit::Item),
    row(2, 11, "set-intset", Kind::Set, Shape::Packed(Container::Intset), Unit::Member),
    row(2, 12, "zset-ziplist", Kind::Zset, Shape::Packed(Container::Ziplist), Unit::ScoreText),
    row(4, 13, "hash-ziplist", Kind::Hash, Shape::Packed(Container::Ziplist), Unit::Pair),
    row(7, 14, "list-quicklist", Kind::List, ZIPLISTS, Unit::Item),
    row(9, 15, "stream-listpacks", Kind::Stream, Shape::Stream(Generation::V1), Unit::Item),
    row(10, 16, "hash-listpack", Kind::Hash, LISTPACK, Unit::Pair),
    row(10, 17, "zset-listpack", Kind::Zset, LISTPACK, Unit::ScoreText),
    row(10, 18, "list-quicklist-2", Kind::List, LISTPACKS, Unit::Item),
    row(10, 19, "stream-listpacks-2", Kind::Stream, Shape::Stream(Generation::V2), Unit::Item),
    row(11, 20, "set-listpack", Kind::Set, LISTPACK, Unit::Member),
    row(11, 21, "stream-listpacks-3", Kind::Stream, Shape::Stream(Generation::V3), Unit::Item),
    // Under an older header, 22 is either of two types: a Valkey payload may have any version.
    valkey(80, 22, "hash-2", Kind::Hash, Shape::Counted, Unit::PairExpiry(ExpiryForm::Trailing)),
    redis(12, 12, 22, "hash-metadata-pre-ga", Kind::Hash, Shape::Counted, Unit::PairExpiry(ExpiryForm::Absolute)),
    redis(12, 0, 23, "hash-listpack-ex-pre-ga", Kind::Hash, LISTPACK, Unit::Triplet),
    redis(12, 0, 24, "hash-metadata", Kind::Hash, Shape::CountedBehindExpiry, Unit::PairExpiry(ExpiryForm::Relative)),
    redis(12, 0, 25, "hash-listpack-ex", Kind::Hash, DATED_LISTPACK, Unit::Triplet),
    redis(13, 0, 26, "stream-listpacks-4", Kind::Stream, Shape::Stream(Generation::V4), Unit::Item),
    // From here on, numbers meant other types in files of development versions: 27 the array under
    // RDB 13, 28 and 29 the rate limiter under RDB 14.
    redis(14, 14, 27, "stream-listpacks-5", Kind::Stream, Shape::Stream(Generation::V5), Unit::Item),
    redis(14, 14, 28, "array", Kind::Array, Shape::Array, Unit::Item),
    redis(15, 15, 29, "hash-tmpl-lp", Kind::Hash, template(true, true), Unit::Pair),
    redis(15, 15, 30, "hash-tmpl-lp-ref", Kind::Hash, template(false, true), Unit::Pair),
    redis(15, 15, 31, "hash-tmpl-array", Kind::Hash, template(true, false), Unit::Pair),
    redis(15, 15, 32, "hash-tmpl-array-ref", Kind::Hash, template(false, false), Unit::Pair),
];

/// A type byte that is known, but whose value cannot be read.
pub(crate) fn unreadable(version: Version, byte: u8) -> Option<&'static str> {
    Some(match byte {
        6 => "module-pre-ga, whose bytes only its module understands",
        22 if version.number() < 12 => "type 22 under a header older than RDB 12: hash-metadata-pre-ga or hash-2",
        27 if version.number() == 13 => "type 27 under RDB 13, an array of a development version with an unsettled layout",
        28 | 29 if version.number() < 15 => "type 28 or 29 of a development version with an unsettled layout",
        33 if version.number() == 15 => "gcra, which no released server writes",
        _ => return None,
    })
}

/// Rows by byte, so that the decoder looks a type up with one load.
static REDIS: [Option<ValueType>; 256] = by_byte(Dialect::Valkey);
static VALKEY: [Option<ValueType>; 256] = by_byte(Dialect::Redis);

/// All rows but those of `other` alone.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated by the compiler
const fn by_byte(other: Dialect) -> [Option<ValueType>; 256] {
    let mut rows = [None; 256];
    let mut i = 0;
    while i < TABLE.len() {
        let is_of_other = matches!(
            (TABLE[i].dialect, other),
            (Some(Dialect::Redis), Dialect::Redis) | (Some(Dialect::Valkey), Dialect::Valkey)
        );
        if !is_of_other {
            rows[TABLE[i].byte as usize] = Some(ValueType(&TABLE[i]));
        }
        i += 1;
    }
    rows
}

impl ValueType {
    /// A plain string, the first type of the table.
    pub const STRING: Self = {
        let [string, ..] = &TABLE;
        Self(string)
    };

    /// The type of this byte in a snapshot of `version`.
    ///
    /// A type that is known is read under an older header too, as servers do, unless its number
    /// had another meaning there.
    #[inline(always)]
    #[must_use]
    pub fn from_byte(version: Version, byte: u8) -> Option<Self> {
        let rows = match version.dialect() {
            Dialect::Redis => &REDIS,
            Dialect::Valkey => &VALKEY,
        };
        let found = (*rows.get(usize::from(byte))?)?;
        if found.0.oldest_header <= version.number() { Some(found) } else { None }
    }

    /// The type of this name, such as `hash-listpack`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|value_type| value_type.name() == name)
    }

    /// The type by which servers that write `version` save a value of this kind in this layout.
    #[must_use]
    pub fn with_layout(version: Version, kind: Kind, layout: Layout) -> Option<Self> {
        Self::all().find(|found| found.kind() == kind && found.layout() == layout && found.is_in(version))
    }

    /// Every type that is known.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The byte in the snapshot.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0.byte
    }

    /// The name, such as `hash-listpack`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What a server calls the value.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.0.kind
    }

    /// What the value's bytes look like.
    #[inline(always)]
    #[must_use]
    pub fn layout(self) -> Layout {
        self.0.layout
    }

    /// The first RDB version whose servers write this type.
    #[must_use]
    pub fn since(self) -> u64 {
        self.0.since
    }

    /// Whose type it is; `None` where Redis and Valkey have it in common.
    #[must_use]
    pub fn dialect(self) -> Option<Dialect> {
        self.0.dialect
    }

    /// Whether servers that write `version` know this type.
    #[must_use]
    pub fn is_in(self, version: Version) -> bool {
        self.0.dialect.is_none_or(|only| only == version.dialect()) && self.0.since <= version.number()
    }
}

impl PartialEq for ValueType {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::eq(self.0, other.0)
    }
}

impl Eq for ValueType {}

impl fmt::Debug for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.name, self.0.byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_one_meaning_in_a_version() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[..i] {
                assert_ne!(a.name, b.name);
                assert!(a.byte != b.byte || (a.dialect.is_some() && b.dialect.is_some() && a.dialect != b.dialect));
            }
            let version = if a.dialect == Some(Dialect::Valkey) { Version::valkey(80) } else { Version::redis(15) };
            assert_eq!(ValueType::from_byte(version, a.byte).map(ValueType::name), Some(a.name));
        }
        for unassigned in [6, 8, 33, 99, 200] {
            assert_eq!(ValueType::from_byte(Version::redis(15), unassigned), None);
        }
    }

    #[test]
    fn contested_bytes_are_told_by_dialect_and_version() {
        let name = |version, byte| ValueType::from_byte(version, byte).map(ValueType::name);
        assert_eq!(name(Version::redis(12), 22), Some("hash-metadata-pre-ga"));
        assert_eq!(name(Version::valkey(80), 22), Some("hash-2"));
        assert_eq!(name(Version::redis(11), 22), None);
        assert_eq!(name(Version::redis(11), 25), Some("hash-listpack-ex"));
        assert_eq!(name(Version::valkey(80), 25), None);
        assert_eq!(name(Version::redis(13), 27), None);
        assert_eq!(name(Version::redis(14), 29), None);
        assert!(unreadable(Version::redis(14), 29).is_some());
        assert_eq!(name(Version::redis(15), 29), Some("hash-tmpl-lp"));
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }
}
