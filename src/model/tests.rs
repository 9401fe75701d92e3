//! Index, selection and sorting, held against plain vectors.

use super::{Column, Index, Row, Selection};
use crate::rdb::{Element, Elements, Event, Eviction, Key, Part, Span, ValueType, Version};
use crate::wire::Scalar;
use std::vec::Vec;

/// What one row is made of, and expected to say.
#[derive(Clone, Debug)]
struct Fact {
    key: Vec<u8>,
    db: u64,
    type_byte: u8,
    elements: u64,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
    span: Span,
}

impl Fact {
    fn new(key: &[u8]) -> Self {
        let span = Span { start: 0, end: 10 };
        Self { key: key.to_vec(), db: 0, type_byte: 0, elements: 0, expires_at_ms: None, eviction: Eviction::None, span }
    }

    fn push_to(&self, index: &mut Index) {
        let value_type = ValueType::from_byte(Version::redis(11), self.type_byte).unwrap();
        let key = Scalar::Bytes(&self.key);
        let head = Key { key, value_type, db: self.db, expires_at_ms: self.expires_at_ms, eviction: self.eviction };
        index.push(&Event::Key(head)).unwrap();
        for left in (0..self.elements).rev() {
            let elements = Elements::One(Element::Item(Scalar::Int(1)));
            index.push(&Event::Value(Part::Elements { elements, left })).unwrap();
        }
        index.push(&Event::KeyEnd { span: self.span }).unwrap();
    }

    fn assert_is(&self, row: Row<'_>) {
        assert_eq!(row.key(), self.key);
        assert_eq!(u64::from(row.db()), self.db);
        assert_eq!(row.value_type().unwrap().byte(), self.type_byte);
        assert_eq!(row.elements().unwrap_or(0), self.elements);
        assert_eq!(row.expires_at_ms(), self.expires_at_ms);
        assert_eq!(row.eviction(), self.eviction);
        assert_eq!((row.offset(), row.bytes()), (self.span.start, self.span.len()));
    }
}

fn index(facts: &[Fact]) -> Index {
    let mut index = Index::new();
    index.push(&Event::Start(Version::redis(11))).unwrap();
    facts.iter().for_each(|fact| fact.push_to(&mut index));
    index
}

/// Numbers that look random and are the same in every run.
fn noise(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

fn many(count: usize) -> Vec<Fact> {
    let mut next = noise(7);
    let mut start = 9;
    let fact = |i: usize| {
        let mut fact = Fact::new(b"");
        let prefix: &[u8] = [&b"user:"[..], b"session:", b"", b"\xff\x00"][next(4) as usize];
        fact.key = prefix.to_vec();
        fact.key.extend((0..next(20)).map(|_| next(3) as u8 + b'a'));
        fact.db = next(3);
        fact.type_byte = [0, 1, 2, 3, 16][next(5) as usize];
        fact.elements = if fact.type_byte == 0 { 0 } else { 1 + next(4) };
        fact.expires_at_ms = (next(2) == 0).then(|| next(1000) as i64 - 500);
        fact.eviction = [Eviction::None, Eviction::Freq(next(256)), Eviction::Idle(next(1 << 40))][i % 3];
        let len = 3 + next(1000);
        fact.span = Span { start, end: start + len };
        start += len;
        fact
    };
    (0..count).map(fact).collect()
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn rows_say_what_was_read_across_segments() {
    let facts = many(20_000);
    let index = index(&facts);
    assert_eq!(index.rows(), 20_000);
    for (id, fact) in facts.iter().enumerate() {
        fact.assert_is(index.row(id as u32).unwrap());
    }
    assert!(index.row(20_000).is_none());
    for first in [0, 1, 8191, 8192, 16_385, 19_999, 20_000] {
        let ids: Vec<u32> = index.scan(first).map(|row| row.id()).collect();
        assert_eq!(ids, (first..20_000).collect::<Vec<_>>());
    }
}

#[test]
fn numbers_beyond_32_bits_are_exact() {
    let mut facts = [Fact::new(b"a"), Fact::new(b"b"), Fact::new(b"c")];
    facts[0].span = Span { start: 1 << 33, end: 1 << 34 };
    facts[1].span = Span { start: 1 << 40, end: (1 << 40) + u64::from(u32::MAX) };
    facts[1].eviction = Eviction::Idle(u64::MAX);
    facts[1].expires_at_ms = Some(i64::MIN);
    facts[2].span = Span { start: 1 << 50, end: (1 << 50) + 7 };
    facts[2].eviction = Eviction::Idle(u64::from(u32::MAX) - 1);
    facts[2].expires_at_ms = Some(i64::MAX);
    facts[2].db = u64::from(u32::MAX);
    let index = index(&facts);
    for (id, fact) in facts.iter().enumerate() {
        fact.assert_is(index.row(id as u32).unwrap());
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn long_and_empty_keys_stand_beside_each_other() {
    let lens = [0, 1, 262_143, 262_144, 0, 262_145, 0, 1_000_000, 3, 0, 200_000, 200_000];
    let facts: Vec<Fact> = lens.iter().enumerate().map(|(i, len)| Fact::new(&std::vec![i as u8; *len])).collect();
    let index = index(&facts);
    for (id, fact) in facts.iter().enumerate() {
        fact.assert_is(index.row(id as u32).unwrap());
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn a_row_takes_at_most_48_bytes_beside_its_key() {
    let mut index = Index::new();
    let rows = 1 << 17;
    let mut fact = Fact::new(b"12345678");
    fact.elements = 0;
    for i in 0..rows {
        fact.span = Span { start: i * 100, end: i * 100 + 50 };
        fact.push_to(&mut index);
    }
    assert!(index.held_bytes() as u64 <= rows * (48 + 8), "{} bytes a row", index.held_bytes() as u64 / rows);
}

#[test]
fn a_row_is_there_once_its_key_has_ended() {
    let mut index = index(&[Fact::new(b"whole")]);
    let value_type = ValueType::from_byte(Version::redis(11), 0).unwrap();
    let key = Scalar::Int(-12);
    let head = Key { key, value_type, db: 0, expires_at_ms: None, eviction: Eviction::None };
    index.push(&Event::Key(head)).unwrap();
    assert_eq!(index.rows(), 1);
    index.push(&Event::KeyEnd { span: Span { start: 10, end: 20 } }).unwrap();
    assert_eq!(index.row(1).unwrap().key(), b"-12");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn a_selection_follows_the_rows_that_come() {
    let facts = many(10_000);
    let mut index = index(&facts[..4000]);
    let keep = |fact: &Fact| fact.db == 1;
    let (mut all, mut some) = (Selection::all(), Selection::filtered());
    all.extend(&index, |_| false).unwrap();
    some.extend(&index, |row| row.db() == 1).unwrap();
    assert_eq!(all.len(), 4000);
    facts[4000..].iter().for_each(|fact| fact.push_to(&mut index));
    all.extend(&index, |_| false).unwrap();
    some.extend(&index, |row| row.db() == 1).unwrap();
    let expected: Vec<u32> = (0..10_000u32).filter(|id| keep(&facts[*id as usize])).collect();
    assert_eq!(ids(&some), expected);
    assert_eq!(ids(&all), (0..10_000).collect::<Vec<_>>());
    assert_eq!(all.bytes(), facts.iter().map(|fact| fact.span.len()).sum::<u64>());
    assert_eq!(some.bytes(), facts.iter().filter(|fact| keep(fact)).map(|fact| fact.span.len()).sum::<u64>());
    for (position, id) in expected.iter().enumerate() {
        assert_eq!(some.find(*id), Some(position as u32));
    }
    assert_eq!(some.find(expected.iter().find(|id| !expected.contains(&(*id + 1))).unwrap() + 1), None);
    assert_eq!(all.find(10_000), None);
}

fn ids(selection: &Selection) -> Vec<u32> {
    (0..selection.len()).map(|position| selection.id(position).unwrap()).collect()
}

/// A stable sort of plain facts is what every column is held against.
fn assert_sorts<K: Ord>(facts: &[Fact], index: &Index, column: Column, by: impl Fn(&Fact) -> K) {
    for descending in [false, true] {
        let mut expected: Vec<u32> = (0..facts.len() as u32).collect();
        expected.sort_by(|a, b| {
            let order = by(&facts[*a as usize]).cmp(&by(&facts[*b as usize]));
            if descending { order.reverse() } else { order }
        });
        let mut selection = Selection::all();
        selection.extend(index, |_| true).unwrap();
        selection.sort(index, column, descending).unwrap();
        assert_eq!(ids(&selection), expected, "{column:?} descending {descending}");
        assert_eq!(selection.find(expected[17]), Some(17));
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn every_column_sorts_and_ties_stay_in_file_order() {
    let facts = many(9000);
    let index = index(&facts);
    let name = |fact: &Fact| ValueType::from_byte(Version::redis(11), fact.type_byte).unwrap();
    assert_sorts(&facts, &index, Column::Bytes, |fact| fact.span.len());
    assert_sorts(&facts, &index, Column::Db, |fact| fact.db);
    assert_sorts(&facts, &index, Column::Elements, |fact| fact.elements);
    assert_sorts(&facts, &index, Column::Encoding, |fact| name(fact).name());
    let eviction = |fact: &Fact| match fact.eviction {
        Eviction::None => 0,
        Eviction::Freq(value) | Eviction::Idle(value) => value,
    };
    assert_sorts(&facts, &index, Column::Eviction, eviction);
    assert_sorts(&facts, &index, Column::Expires, |fact| fact.expires_at_ms.map_or((1, 0), |ms| (0, ms)));
    assert_sorts(&facts, &index, Column::Key, |fact| fact.key.clone());
    assert_sorts(&facts, &index, Column::Offset, |fact| fact.span.start);
    assert_sorts(&facts, &index, Column::Type, |fact| name(fact).kind().name());
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn keys_that_differ_late_or_only_in_length_sort_by_bytes() {
    let mut next = noise(3);
    let mut facts = Vec::new();
    for _ in 0..300 {
        // Zeros and equal runs of many windows, with every length around a window's end.
        let mut key = b"common:".to_vec();
        key.extend(std::iter::repeat_n(0, next(80) as usize));
        key.extend((0..next(3)).map(|_| next(2) as u8));
        facts.push(Fact::new(&key));
    }
    assert_sorts(&facts, &index(&facts), Column::Key, |fact| fact.key.clone());
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn a_sorted_filter_keeps_only_its_rows() {
    let facts = many(5000);
    let index = index(&facts);
    let mut selection = Selection::filtered();
    selection.extend(&index, |row| row.db() == 2).unwrap();
    selection.sort(&index, Column::Bytes, true).unwrap();
    let mut expected: Vec<u32> = (0..5000).filter(|id| facts[*id as usize].db == 2).collect();
    expected.sort_by_key(|id| core::cmp::Reverse(facts[*id as usize].span.len()));
    assert_eq!(ids(&selection), expected);
    let other = (0..5000).find(|id| facts[*id as usize].db != 2).unwrap();
    assert_eq!(selection.find(other), None);
}
