//! The value type byte: one table for both directions.
//!
//! Source: Redis 8.0 and Valkey 9.1 `rdb.h`, `rdb.c` `rdbSaveObjectType()`.

use super::version::Dialect;
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
}

impl Kind {
    /// Every kind, in the order of the servers' type numbers.
    pub const ALL: [Self; 7] = [Self::String, Self::List, Self::Set, Self::Zset, Self::Hash, Self::Stream, Self::Module];

    /// The name used in every output: `string list set zset hash stream module`.
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
    /// A count, then that many units.
    Counted,
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
    /// One string.
    Single,
    /// Nodes, counters, groups and consumers.
    Stream(Generation),
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
    /// A member and its score as 8 bytes, little-endian.
    ScoreBinary,
    /// A member and its score as text.
    ScoreText,
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
    dialect: Option<Dialect>,
    since: u64,
    byte: u8,
    name: &'static str,
    kind: Kind,
    layout: Layout,
}

/// A value type: a row of the table of types.
#[derive(Clone, Copy)]
pub struct ValueType(&'static Row);

const fn row(since: u64, byte: u8, name: &'static str, kind: Kind, shape: Shape, unit: Unit) -> Row {
    Row { dialect: None, since, byte, name, kind, layout: Layout { shape, unit } }
}

const ZIPLISTS: Shape = Shape::Nodes { container: Container::Ziplist, has_plain: false };
const LISTPACKS: Shape = Shape::Nodes { container: Container::Listpack, has_plain: true };

static TABLE: [Row; 20] = [
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
    row(10, 16, "hash-listpack", Kind::Hash, Shape::Packed(Container::Listpack), Unit::Pair),
    row(10, 17, "zset-listpack", Kind::Zset, Shape::Packed(Container::Listpack), Unit::ScoreText),
    row(10, 18, "list-quicklist-2", Kind::List, LISTPACKS, Unit::Item),
    row(10, 19, "stream-listpacks-2", Kind::Stream, Shape::Stream(Generation::V2), Unit::Item),
    row(11, 20, "set-listpack", Kind::Set, Shape::Packed(Container::Listpack), Unit::Member),
    row(11, 21, "stream-listpacks-3", Kind::Stream, Shape::Stream(Generation::V3), Unit::Item),
];

/// Rows by byte, so that the decoder looks a type up with one load.
static BY_BYTE: [Option<ValueType>; 256] = by_byte();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated by the compiler
const fn by_byte() -> [Option<ValueType>; 256] {
    let mut rows = [None; 256];
    let mut i = 0;
    while i < TABLE.len() {
        rows[TABLE[i].byte as usize] = Some(ValueType(&TABLE[i]));
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

    /// The type of this byte in a snapshot of `dialect`.
    ///
    /// A type that is known is read under an older header too, as servers do.
    #[inline(always)]
    #[must_use]
    pub fn from_byte(dialect: Dialect, byte: u8) -> Option<Self> {
        let found = (*BY_BYTE.get(usize::from(byte))?)?;
        match found.0.dialect {
            Some(only) if only != dialect => None,
            _ => Some(found),
        }
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
    fn bytes_and_names_are_distinct() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[..i] {
                assert_ne!(a.byte, b.byte);
                assert_ne!(a.name, b.name);
            }
            assert_eq!(ValueType::from_byte(Dialect::Redis, a.byte).unwrap().byte(), a.byte);
        }
        for unassigned in [6, 8, 22, 99, 200] {
            assert_eq!(ValueType::from_byte(Dialect::Redis, unassigned), None);
        }
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }
}
