//! Values of which single facts are told: their items in order, by tables.
//!
//! Sources, each with the version whose values were compared:
//! RedisBloom 2.8.2 `src/rebloom.c` `BFRdbSave()`, `CFRdbSave()`, `src/rm_cms.c` `CMSRdbSave()`,
//! `src/rm_topk.c` `TopKRdbSave()`, `src/rm_tdigest.c` `TDigestRdbSave()`;
//! RedisTimeSeries 1.12.2 `src/rdb.c` `series_rdb_load()`, `series_rdb_save()`, `src/rdb.h`, `src/consts.h`;
//! valkey-bloom 1.0.0 `src/wrapper/bloom_callback.rs` `bloom_rdb_save()` (compared with no value).
//! Before its first release that module wrote other items under the same encoding version; these do not fit the table.

use super::super::json::Json;
use super::json;
use crate::rdb::ModuleItem;
use crate::wire::Scalar;
use alloc::vec::Vec;

/// The next item, and the member it becomes. A name that is empty makes none.
#[derive(Debug)]
pub(super) enum Field {
    Uint(&'static str),
    /// A signed integer, which modules save as an unsigned one.
    Sint(&'static str),
    Double(&'static str),
    /// A string as [`Json::bytes`] writes it.
    Text(&'static str),
    /// A string and the zero byte behind it; nothing where it is empty.
    CText,
    /// A string that only the module can read: its length.
    Size(&'static str),
    /// A bit of an unsigned integer.
    Bit(&'static str, u64),
    /// An unsigned integer that stands for a name; 0 is `null`.
    Named(&'static str, &'static [&'static str]),
    /// 0, or another number with a string behind it.
    Optional(&'static str),
    /// How many rows the lists below have.
    Count(&'static str),
    /// An array of objects, arrays or bare values.
    Rows(&'static str, Row, &'static [Field]),
    /// All items up to the end, which only the module can read.
    Rest,
}

/// What each row of a list becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row {
    Object,
    Array,
    Bare,
}

use Field::{Bit, CText, Count, Double, Named, Optional, Rest, Rows, Sint, Size, Text, Uint};

static BLOOM: [Field; 5] = [
    Uint("items"),
    Count(""),
    Bit("is_nonscaling", 8),
    Uint("expansion"),
    Rows(
        "filters",
        Row::Object,
        &[
            Uint("capacity"),
            Double("error_rate"),
            Uint("hashes"),
            Double("bits_per_item"),
            Uint("bits"),
            // The power of two that `bits` is, or 0.
            Uint(""),
            Size("bytes"),
            Uint("items"),
        ],
    ),
];

static CUCKOO: [Field; 8] = [
    Count(""),
    Uint("buckets"),
    Uint("items"),
    Uint("deleted"),
    Uint("bucket_size"),
    Uint("max_iterations"),
    Uint("expansion"),
    Rows("filters", Row::Object, &[Uint("buckets"), Size("bytes")]),
];

static COUNT_MIN: [Field; 4] = [Uint("width"), Uint("depth"), Uint("count"), Size("bytes")];

static TOP_K: [Field; 7] = [
    Count("k"),
    Uint("width"),
    Uint("depth"),
    Double("decay"),
    // Counters and heap are structures of the machine that wrote them.
    Size(""),
    Size(""),
    Rows("items", Row::Bare, &[CText]),
];

static T_DIGEST: [Field; 11] = [
    Double("compression"),
    Double("min"),
    Double("max"),
    Sint("capacity"),
    Count("merged_nodes"),
    Sint("unmerged_nodes"),
    Sint("compressions"),
    Double("merged_weight"),
    Double("unmerged_weight"),
    Rows("means", Row::Bare, &[Double("")]),
    Rows("weights", Row::Bare, &[Double("")]),
];

/// Settings, then labels. Rules hold the state of their aggregation, of a length that only the module knows.
static SERIES: [Field; 13] = [
    Text("key"),
    Uint("retention_ms"),
    Uint("chunk_bytes"),
    Bit("is_uncompressed", 1),
    Uint("last_timestamp_ms"),
    Double("last_value"),
    Uint("samples"),
    Named("duplicate_policy", DUPLICATES),
    Optional("source_key"),
    Count(""),
    LABELS,
    Uint("rules"),
    Rest,
];

static SERIES_IGNORING: [Field; 15] = [
    Text("key"),
    Uint("retention_ms"),
    Uint("chunk_bytes"),
    Bit("is_uncompressed", 1),
    Uint("last_timestamp_ms"),
    Double("last_value"),
    Uint("samples"),
    Named("duplicate_policy", DUPLICATES),
    Optional("source_key"),
    Uint("ignore_max_time_diff_ms"),
    Double("ignore_max_value_diff"),
    Count(""),
    LABELS,
    Uint("rules"),
    Rest,
];

const DUPLICATES: &[&str] = &["block", "last", "first", "min", "max", "sum"];
const LABELS: Field = Rows("labels", Row::Array, &[Text(""), Text("")]);

static VALKEY_BLOOM: [Field; 7] = [
    Count(""),
    Uint("expansion"),
    Double("error_rate"),
    Double("tightening_ratio"),
    Bit("is_seed_random", 1),
    Rows("filters", Row::Object, &[Size("bytes"), Uint("capacity")]),
    // All filters before the last one are full.
    Uint("items_in_last"),
];

/// The items of a module type, where they are known.
pub(super) fn fields(name: &[u8; 9], encver: u64) -> Option<&'static [Field]> {
    Some(match (name, encver) {
        (b"MBbloom--", 4) => &BLOOM,
        (b"MBbloomCF", 4) => &CUCKOO,
        (b"CMSk-TYPE", 0) => &COUNT_MIN,
        (b"TopK-TYPE", 0) => &TOP_K,
        (b"TDIS-TYPE", 0) => &T_DIGEST,
        (b"TSDB-TYPE", 6 | 7) => &SERIES,
        (b"TSDB-TYPE", 8) => &SERIES_IGNORING,
        (b"bloomfltr", 1) => &VALKEY_BLOOM,
        _ => return None,
    })
}

/// Reads items by a table and writes one object.
#[derive(Debug)]
pub(super) struct Facts {
    /// Fields to come; the first may be a list that is open.
    fields: &'static [Field],
    /// Rows of each list.
    count: u64,
    list: Option<List>,
    /// The string of an [`Field::Optional`] comes next.
    is_behind_flag: bool,
}

/// Where in a list the next item stands.
#[derive(Debug)]
struct List {
    /// Rows to come, the one in hand included.
    left: u64,
    /// Cells of the row in hand that are to come; all of them: it is not open yet.
    cells: &'static [Field],
}

impl Facts {
    pub(super) fn open(fields: &'static [Field], out: &mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { fields, count: 0, list: None, is_behind_flag: false }
    }

    pub(super) fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        self.open_lists(out);
        let (field, behind) = self.fields.split_first().map_or((None, self.fields), |(field, behind)| (Some(field), behind));
        match (field, item) {
            (None | Some(Rest), ModuleItem::End) => {
                json(out).close(b'}');
                return Some(());
            }
            (Some(Rest), _) => return Some(()),
            (Some(Rows(_, row, cells)), item) => return self.cell(*row, cells, item, out),
            (Some(Optional(_)), ModuleItem::Uint(flag)) if !self.is_behind_flag && *flag > 0 => {
                self.is_behind_flag = true;
                return Some(());
            }
            (Some(Optional(_)), ModuleItem::Uint(_)) if !self.is_behind_flag => {}
            (Some(Optional(name)), ModuleItem::Bytes(text)) if self.is_behind_flag => {
                self.is_behind_flag = false;
                named(name, out).bytes(*text);
            }
            (Some(Count(name)), ModuleItem::Uint(count)) => {
                self.count = *count;
                value(&Uint(name), item, out)?;
            }
            (Some(field), item) => value(field, item, out)?,
            (None, _) => return None,
        }
        self.fields = behind;
        Some(())
    }

    pub(super) fn skips_text(&self) -> bool {
        let field = match (&self.list, self.fields.first()) {
            (Some(list), _) => list.cells.first(),
            (None, Some(Rows(_, _, cells))) => cells.first(),
            (None, field) => field,
        };
        matches!(field, Some(Size(_) | Rest))
    }

    /// Opens the list that is next, and closes those without rows.
    fn open_lists(&mut self, out: &mut Vec<u8>) {
        while self.list.is_none()
            && let Some((Rows(name, _, cells), behind)) = self.fields.split_first()
        {
            named(name, out).open(b'[');
            if self.count > 0 {
                self.list = Some(List { left: self.count, cells });
                return;
            }
            json(out).close(b']');
            self.fields = behind;
        }
    }

    fn cell(&mut self, row: Row, cells: &'static [Field], item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        let list = self.list.as_mut()?;
        let (opening, closing) = match row {
            Row::Object => (Some(b'{'), Some(b'}')),
            Row::Array => (Some(b'['), Some(b']')),
            Row::Bare => (None, None),
        };
        if let Some(bracket) = opening
            && list.cells.len() == cells.len()
        {
            json(out).open(bracket);
        }
        let (field, behind) = list.cells.split_first()?;
        value(field, item, out)?;
        list.cells = behind;
        if !behind.is_empty() {
            return Some(());
        }
        if let Some(bracket) = closing {
            json(out).close(bracket);
        }
        list.cells = cells;
        list.left = list.left.saturating_sub(1);
        if list.left == 0 {
            json(out).close(b']');
            self.list = None;
            self.fields = self.fields.get(1..).unwrap_or_default();
        }
        Some(())
    }
}

/// Writes a field of one item.
fn value(field: &Field, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (field, item) {
        (Uint(name), ModuleItem::Uint(int)) => {
            if !name.is_empty() {
                named(name, out).int(*int);
            }
        }
        (Sint(name), ModuleItem::Uint(int)) => {
            named(name, out).int(int.cast_signed());
        }
        (Double(name), ModuleItem::Double(number)) if !number.is_nan() => {
            named(name, out).score(*number);
        }
        (Text(name), ModuleItem::Bytes(text)) => {
            named(name, out).bytes(*text);
        }
        (CText, ModuleItem::Bytes(text)) => {
            let text = text.to_vec();
            let (zero, text) = text.split_last()?;
            if *zero != 0 {
                return None;
            }
            if !text.is_empty() {
                json(out).bytes(Scalar::Bytes(text));
            }
        }
        (Size(name), ModuleItem::Bytes(bytes)) => {
            if !name.is_empty() {
                named(name, out).int(bytes.text_len());
            }
        }
        (Bit(name, mask), ModuleItem::Uint(bits)) => {
            named(name, out).bool(bits & mask > 0);
        }
        (Named(name, names), ModuleItem::Uint(index)) => {
            let mut json = named(name, out);
            match index.checked_sub(1) {
                None => json.null(),
                Some(index) => json.quoted(names.get(usize::try_from(index).ok()?)?),
            };
        }
        _ => return None,
    }
    Some(())
}

/// The JSON behind the name of a member; in an array, without one.
fn named<'o>(name: &str, out: &'o mut Vec<u8>) -> Json<'o> {
    let mut json = json(out);
    if !name.is_empty() {
        json.name(name);
    }
    json
}
