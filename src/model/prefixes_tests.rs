//! Levels held against names that are split and counted one by one.

use super::prefixes::MOST_AT_ONCE;
use super::{Index, PrefixLevel, PrefixOrder, Separators};
use crate::rdb::{Event, Eviction, Key, Kind, Span, ValueType, Version};
use crate::wire::Scalar;
use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

type Fact = (Vec<u8>, u8, u64);
/// Keys and bytes.
type Count = (u32, u64);

fn index(facts: &[Fact]) -> Index {
    let mut index = Index::new();
    index.push(&Event::Start(Version::redis(11))).unwrap();
    let mut start = 9;
    for (key, type_byte, bytes) in facts {
        let value_type = ValueType::from_byte(Version::redis(11), *type_byte).unwrap();
        let head = Key { key: Scalar::Bytes(key), value_type, db: 0, expires_at_ms: None, eviction: Eviction::None };
        index.push(&Event::Key(head)).unwrap();
        index.push(&Event::KeyEnd { span: Span { start, end: start + bytes } }).unwrap();
        start += bytes;
    }
    index
}

fn level(index: &Index, prefix: &[u8], separators: &[&str], by: PrefixOrder, most: usize) -> PrefixLevel {
    let separators = Separators::new(separators.iter().map(|one| one.as_bytes().to_vec()).collect());
    PrefixLevel::new(index, prefix.to_vec(), separators, by, most, [3, 5])
}

fn counted(mut level: PrefixLevel, index: &Index) -> PrefixLevel {
    while !level.advance(index, 100, |_| true).unwrap() {}
    level
}

/// Names of the branches, their keys and bytes.
fn shown(level: &PrefixLevel, index: &Index) -> Vec<(String, u32, u64)> {
    let name = |branch| String::from_utf8_lossy(level.piece(index, branch)).into_owned();
    level.branches().iter().map(|branch| (name(branch), branch.tally.keys, branch.tally.bytes())).collect()
}

fn leaves(level: &PrefixLevel, index: &Index) -> Vec<String> {
    let name = |id: &u32| String::from_utf8_lossy(index.row(*id).unwrap().key()).into_owned();
    level.leaves().iter().map(name).collect()
}

/// Names of few letters and separators, so that many of them meet.
fn many(count: usize) -> Vec<Fact> {
    let mut state = 11u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let fact = |_| {
        let len = next(8);
        let key = (0..len).map(|_| b"abcd::./\xff\x00"[next(10) as usize]).collect();
        (key, [0, 1, 2, 3, 4][next(5) as usize], 3 + next(50))
    };
    (0..count).map(fact).collect()
}

/// The same by splitting every name, for separators of one byte.
fn by_hand(facts: &[Fact], prefix: &[u8], separators: &[u8]) -> (BTreeMap<Vec<u8>, Count>, Count) {
    let (mut branches, mut in_leaves) = (BTreeMap::<_, Count>::new(), (0, 0));
    for (key, _, bytes) in facts {
        if key.len() < prefix.len() || key[..prefix.len()] != *prefix {
            continue;
        }
        let mut piece = Vec::new();
        let mut ends = false;
        for byte in &key[prefix.len()..] {
            piece.push(*byte);
            ends = separators.contains(byte);
            if ends {
                break;
            }
        }
        let count = if ends { branches.entry(piece).or_default() } else { &mut in_leaves };
        *count = (count.0 + 1, count.1 + bytes);
    }
    (branches, in_leaves)
}

#[test]
#[cfg_attr(miri, ignore = "thousands of rows")]
fn every_level_counts_what_splitting_the_names_gives() {
    let facts = many(600);
    let index = index(&facts);
    for (prefix, separators) in
        [("", ":"), ("a:", ":"), ("", ":./"), ("a", "."), ("b:c:", ":"), ("::", ":"), ("nothing", ":"), ("", "\0")]
    {
        let separate: Vec<&str> = separators.split("").filter(|one| !one.is_empty()).collect();
        let (branches, in_leaves) = by_hand(&facts, prefix.as_bytes(), separators.as_bytes());
        // However few prefixes are counted at once, every one is counted.
        for at_once in [2, 7, MOST_AT_ONCE] {
            let mut level = level(&index, prefix.as_bytes(), &separate, PrefixOrder::Bytes, usize::MAX);
            level.most_at_once = at_once;
            let level = counted(level, &index);
            let piece = |branch| level.piece(&index, branch).to_vec();
            let found: BTreeMap<_, _> =
                level.branches().iter().map(|branch| (piece(branch), (branch.tally.keys, branch.tally.bytes()))).collect();
            assert_eq!(found, branches, "{prefix} {separators} {at_once}");
            assert!(level.branches().is_sorted_by_key(|branch| std::cmp::Reverse(branch.tally.bytes())));
            assert_eq!(level.branch_count(), branches.len() as u64);
            assert_eq!((level.in_leaves().keys, level.in_leaves().bytes()), in_leaves);
            let all = branches.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            assert_eq!((level.in_branches().keys, level.in_branches().bytes()), all);
            assert_eq!(level.leaves().len(), in_leaves.0 as usize);
        }
    }
}

#[test]
fn the_first_are_named_and_all_are_counted() {
    let key = |name: &str, bytes| (name.as_bytes().to_vec(), 0, bytes);
    let index = index(&[key("a:1", 90), key("b:1", 10), key("b:2", 20), key("c:1", 50), key("x", 7), key("y", 9), key("z", 8)]);
    let first = |by, most| counted(level(&index, b"", &[":"], by, most), &index);
    let named = |by| shown(&first(by, 2), &index).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    assert_eq!(named(PrefixOrder::Bytes), ["a:", "c:"]);
    assert_eq!(named(PrefixOrder::Keys), ["b:", "a:"]);
    let level = first(PrefixOrder::Bytes, 2);
    assert_eq!((level.branch_count(), level.in_branches().keys, level.in_branches().bytes()), (3, 4, 170));
    assert_eq!((level.in_leaves().keys, level.in_leaves().bytes()), (3, 24));
    assert_eq!(leaves(&level, &index), ["y", "z"]);
    assert!(first(PrefixOrder::Bytes, 0).branches().is_empty());
}

#[test]
fn the_longest_of_several_separators_parts_a_name() {
    let key = |name: &str| (name.as_bytes().to_vec(), 0, 1);
    let index = index(&[key("a::b:c"), key("a:b"), key("a→b"), key("a-b"), key(":"), key("")]);
    let names = |separators: &[&str]| {
        let level = counted(level(&index, b"", separators, PrefixOrder::Keys, 9), &index);
        let mut names: Vec<_> = shown(&level, &index).into_iter().map(|(name, ..)| name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&[":", "::"]), [":", "a:", "a::"]);
    assert_eq!(names(&["→", "::"]), ["a::", "a→"]);
    assert_eq!(names(&["", "-"]), ["a-"]);
    assert!(names(&[]).is_empty());
}

#[test]
fn the_kind_with_the_most_bytes_stands_for_a_prefix() {
    let index = index(&[
        (b"a:1".to_vec(), 0, 30),
        (b"a:2".to_vec(), 1, 20),
        (b"a:3".to_vec(), 1, 20),
        (b"b:1".to_vec(), 2, 5),
        (b"b:2".to_vec(), 1, 5),
    ]);
    let level = counted(level(&index, b"", &[":"], PrefixOrder::Keys, 9), &index);
    let kinds: Vec<Kind> = level.branches().iter().map(|branch| branch.tally.kind()).collect();
    assert_eq!(kinds, [Kind::List, Kind::List]);
}

#[test]
fn keys_that_a_filter_drops_are_not_counted() {
    let index = index(&[(b"a:1".to_vec(), 0, 30), (b"a:2".to_vec(), 1, 20), (b"b:1".to_vec(), 1, 9), (b"c".to_vec(), 0, 9)]);
    let mut level = level(&index, b"", &[":"], PrefixOrder::Bytes, 9);
    let mut steps = 0;
    while !level.advance(&index, 1, |row| row.type_byte() == 1).unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3);
    assert_eq!(shown(&level, &index), vec![("a:".into(), 1, 20), ("b:".into(), 1, 9)]);
    assert_eq!(level.in_leaves().keys, 0);
}
