//! Sorting rows: what is compared is taken out of the columns first.

use super::columns::{Full, Row};
use super::index::Index;
use crate::rdb::{Eviction, ValueType};
use alloc::vec::Vec;

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Bytes in the file.
    Bytes,
    /// Database number.
    Db,
    /// Number of elements; strings and module values come first.
    Elements,
    /// Name of the value type, such as `hash-listpack`.
    Encoding,
    /// What the eviction policy knew: seconds idle, or frequency; 0 where nothing.
    Eviction,
    /// Absolute expiry; keys that never expire come last.
    Expires,
    /// Bytes of the key; a key stands before those it is the beginning of.
    Key,
    /// Memory, estimated; 0 where it is not known.
    Memory,
    /// Place in the file.
    Offset,
    /// Name of the kind, such as `hash`.
    Type,
}

pub(super) fn sort(index: &Index, rows: &mut [u32], column: Column, descending: bool) -> Result<(), Full> {
    match column {
        Column::Bytes => by_number(index, rows, descending, |row| row.bytes()),
        Column::Db => by_number(index, rows, descending, |row| u64::from(row.db())),
        Column::Elements => by_number(index, rows, descending, |row| row.elements_or_zero()),
        Column::Encoding => by_name(index, rows, descending, ValueType::name),
        Column::Eviction => by_number(index, rows, descending, |row| match row.eviction() {
            Eviction::None => 0,
            Eviction::Freq(value) | Eviction::Idle(value) => value,
        }),
        Column::Expires => by_number(index, rows, descending, |row| row.expires_at_ms().map_or(u64::MAX, ordered)),
        Column::Key => by_key(index, rows, descending),
        Column::Memory => by_number(index, rows, descending, |row| row.memory_or_zero()),
        Column::Offset => by_number(index, rows, descending, |row| u64::from(row.id())),
        Column::Type => by_name(index, rows, descending, |value_type| value_type.kind().name()),
    }
}

/// Keeps the order of signed numbers, below the value for *never*.
fn ordered(number: i64) -> u64 {
    (number.cast_unsigned() ^ 1 << 63).min(u64::MAX - 1)
}

/// Rows with what they are compared by; the place in the file settles ties.
fn pairs<K>(rows: &[u32], what: impl Fn(u32) -> K) -> Result<Vec<(K, u32)>, Full> {
    let mut pairs = Vec::new();
    pairs.try_reserve_exact(rows.len())?;
    pairs.extend(rows.iter().map(|id| (what(*id), *id)));
    Ok(pairs)
}

fn put_back<K>(rows: &mut [u32], pairs: &[(K, u32)]) {
    for (row, (_, id)) in rows.iter_mut().zip(pairs) {
        *row = *id;
    }
}

fn by_number(index: &Index, rows: &mut [u32], descending: bool, number: impl Fn(&Row<'_>) -> u64) -> Result<(), Full> {
    let turn = if descending { u64::MAX } else { 0 };
    let mut pairs = pairs(rows, |id| index.row(id).map_or(0, |row| number(&row)) ^ turn)?;
    pairs.sort_unstable();
    put_back(rows, &pairs);
    Ok(())
}

fn by_name(index: &Index, rows: &mut [u32], descending: bool, name: impl Fn(ValueType) -> &'static str) -> Result<(), Full> {
    let mut names: Vec<&str> = ValueType::all().map(&name).collect();
    names.sort_unstable();
    let mut ranks = [0u64; 256];
    for (byte, rank) in (0..=u8::MAX).zip(&mut ranks) {
        // Types that share a name share the rank of its first place.
        let value_type = ValueType::from_byte(index.columns.version, byte);
        *rank = value_type.map_or(0, |value_type| names.partition_point(|other| *other < name(value_type)) as u64);
    }
    by_number(index, rows, descending, |row| ranks.get(usize::from(row.type_byte())).copied().unwrap_or(0))
}

/// Key bytes compared at once; the low byte of the number says how many there were.
const WINDOW: usize = 15;
/// Ties are broken by further windows this often, then by comparing the rest.
const WINDOWS: u32 = 4;
/// Below this many rows a window costs more than it saves.
const FEW: usize = 2;

fn by_key(index: &Index, rows: &mut [u32], descending: bool) -> Result<(), Full> {
    let key = |id: u32| index.row(id).map_or(&[][..], |row| row.key());
    let common = common_prefix(rows.iter().map(|id| key(*id)));
    let mut pairs = pairs(rows, |_| 0u128)?;
    refine(&mut pairs, &key, common, WINDOWS, descending);
    put_back(rows, &pairs);
    Ok(())
}

fn common_prefix<'a>(mut keys: impl Iterator<Item = &'a [u8]>) -> usize {
    let first = keys.next().unwrap_or_default();
    let mut len = first.len();
    for key in keys {
        if key.get(..len) != first.get(..len) {
            len = key.iter().zip(first).take_while(|(a, b)| a == b).count();
        }
    }
    len
}

/// Sorts rows whose keys agree in their first `depth` bytes.
fn refine<'a>(pairs: &mut [(u128, u32)], key: &impl Fn(u32) -> &'a [u8], depth: usize, windows: u32, descending: bool) {
    let rest = |id: u32| key(id).get(depth..).unwrap_or_default();
    if pairs.len() <= FEW || windows == 0 {
        pairs.sort_unstable_by(|(_, a), (_, b)| {
            let order = rest(*a).cmp(rest(*b));
            let order = if descending { order.reverse() } else { order };
            order.then(a.cmp(b))
        });
        return;
    }
    let turn = if descending { u128::MAX } else { 0 };
    for (number, id) in pairs.iter_mut() {
        *number = window(rest(*id)) ^ turn;
    }
    pairs.sort_unstable();
    for group in pairs.chunk_by_mut(|(a, _), (b, _)| a == b) {
        let goes_on = group.first().is_some_and(|(number, _)| (number ^ turn) & 0xff > WINDOW as u128);
        if group.len() > 1 && goes_on {
            refine(group, key, depth.saturating_add(WINDOW), windows.saturating_sub(1), descending);
        }
    }
}

/// The next bytes of a key as a number of the same order: bytes first, then how many of them there are.
#[inline(always)]
fn window(rest: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    match rest.first_chunk::<16>() {
        Some(whole) => bytes = *whole,
        None => {
            for (to, from) in bytes.iter_mut().zip(rest) {
                *to = *from;
            }
        }
    }
    let len = rest.len().min(WINDOW.saturating_add(1)) as u128;
    u128::from_be_bytes(bytes) & !0xff | len
}
