//! Conversions of every fixture to every version: what comes out is what went in, but for exactly what the report says.

mod common;
mod converting;
#[path = "common/counting.rs"]
mod counting;
mod datasets;

use aikv::jobs::{Container, Convert, ConvertOptions, ExpiryRule, Filter, LoadLog, Pattern, Reader};
use aikv::model::{
    Array, ArrayValue, AuxField, Dataset, Emitter, EncodeOptions, Entry, HashField, Loss, Lost, OnLoss, Outcome, ReplayOptions,
    Stream, StreamConsumer, StreamEntry, StreamGroup, StreamIdempotency, StreamPending, Value,
};
use aikv::rdb::{Eviction, Kind, StreamId, Version};
use aikv::wire::Limits;
use bytes::Bytes;
use converting::{convert, convert_in, forget_counters, forget_times, options, without};
use datasets::{content, fixtures};

const POLICIES: [OnLoss; 2] = [OnLoss::Drop, OnLoss::Degrade];

/// Without fields about the snapshot, which are looked at by themselves.
fn data(mut dataset: Dataset) -> Dataset {
    dataset.aux.clear();
    content(dataset)
}

#[test]
fn snapshots_differ_from_their_source_by_what_is_reported() {
    for fixture in fixtures() {
        // Every version that brought something, and the first.
        let source = fixture.dataset();
        for version in [1, 2, 6, 7, 8, 9, 10, 11, 12, 13].map(Version::redis).into_iter().chain([Version::valkey(80)]) {
            let place = format!("{} to {version}", fixture.name());
            let mut lists = Vec::new();
            for on_loss in POLICIES {
                let converted = convert(&fixture.bytes, version, Container::Snapshot, on_loss);
                let bytes = converted.bytes.unwrap();
                assert_eq!(Version::from_header(&bytes), Some(version));
                let held = Dataset::decode(&bytes).unwrap_or_else(|error| panic!("{place}: {error}"));
                let expected = without(source.clone(), &converted.losses, version);
                assert!(data(held) == data(expected), "{place} {on_loss:?}: {:?}", converted.losses);
                assert_eq!(converted.report.written_bytes, bytes.len() as u64, "{place}");
                lists.push(converted.losses);
            }
            let refused = convert(&fixture.bytes, version, Container::Snapshot, OnLoss::Fail);
            assert_eq!(refused.bytes.is_some(), lists.iter().all(Vec::is_empty), "{place}");
            assert_eq!(refused.losses, lists[1], "{place}: refusing lists what degrading loses");
            let same = |loss: &Loss| (loss.lost, loss.key.clone(), loss.name.clone(), loss.count);
            let [drop, degrade] = [&lists[0], &lists[1]].map(|list| list.iter().map(same).collect::<Vec<_>>());
            assert_eq!(drop, degrade, "{place}: policies differ in what becomes of it, not in what it is");
        }
    }
}

#[test]
fn commands_make_their_source_but_for_what_is_reported() {
    for fixture in fixtures() {
        let source = fixture.dataset();
        for version in [6, 7, 9, 10, 11, 12, 13].map(Version::redis).into_iter().chain([Version::valkey(80)]) {
            let place = format!("{} to commands of {version}", fixture.name());
            let converted = convert(&fixture.bytes, version, Container::Commands, OnLoss::Degrade);
            let mut load = LoadLog::new(ReplayOptions { databases: u64::MAX, ..ReplayOptions::new(1 << 50, [3, 4]) });
            let mut reader = Reader::new(Limits::default());
            let fed = reader.feed(&converted.bytes.unwrap(), &mut load);
            assert!(fed.is_ok(), "{place}: {:?}", load.failure());
            load.end_file();
            let (mut held, report) = load.finish().unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(report.failed.is_empty(), "{place}: {:?}", report.failed);
            let mut expected = without(source.clone(), &converted.losses, version);
            forget_times(&mut held, &converted.losses);
            forget_times(&mut expected, &converted.losses);
            if version.number() < 10 {
                forget_counters(&mut held);
                forget_counters(&mut expected);
            }
            let (held, expected) = (data(held), data(expected));
            for (db, database) in &expected.databases {
                for (key, entry) in database {
                    assert_eq!(held.databases[db].get(key), Some(entry), "{place}: {key:?}");
                }
            }
            assert!(held == expected, "{place}: {:?}", converted.losses);
        }
    }
}

#[test]
fn a_value_that_the_target_knows_keeps_its_bytes() {
    for fixture in fixtures() {
        let newest = Version::redis(15);
        if fixture.version.dialect() != newest.dialect() {
            continue;
        }
        let converted = convert(&fixture.bytes, newest, Container::Snapshot, OnLoss::Degrade);
        let is_plain = fixture.case != "metadata";
        // A field's entry of 16383 bytes, behind which these servers write less than those before them.
        let rewritten = u64::from(fixture.name() == "redis-7.0/hashes");
        let kept = converted.report.keys - rewritten;
        assert!(converted.report.copied_keys == kept || !is_plain, "{}", fixture.name());
        // Servers from 7.0 on have no use for the first, and Redis none for sizes in the form of Valkey.
        let is_known = |loss: &Loss| matches!(loss.lost, Lost::Script | Lost::SlotSizes);
        assert!(converted.losses.iter().all(is_known), "{}: {:?}", fixture.name(), converted.losses);
        let bytes = converted.bytes.unwrap();
        let again = convert(&bytes, newest, Container::Snapshot, OnLoss::Fail).bytes.unwrap();
        assert!(again == bytes, "{}", fixture.name());
    }
}

#[test]
fn a_conversion_is_a_function_of_the_bytes() {
    for fixture in
        fixtures().iter().filter(|fixture| ["streams", "field_expiry", "functions", "metadata"].contains(&&*fixture.case))
    {
        for version in [Version::redis(9), Version::redis(11), Version::valkey(80)] {
            for container in [Container::Snapshot, Container::Base, Container::Commands] {
                let options = || options(version, container, OnLoss::Degrade);
                let whole = convert_in(&fixture.bytes, usize::MAX, options()).unwrap();
                let cut = convert_in(&fixture.bytes, 7, options()).unwrap();
                assert!(whole.bytes == cut.bytes && whole.losses == cut.losses, "{}", fixture.name());
            }
        }
    }
}

fn snapshot(version: Version, entries: &[(&'static str, Entry)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut emitter = Emitter::new(&EncodeOptions::new(version), &mut out).unwrap();
    emitter.select_db(0, &mut out).unwrap();
    for (key, entry) in entries {
        emitter.entry(key.as_bytes(), entry, &mut out).unwrap();
    }
    emitter.finish(&mut out).unwrap();
    out
}

/// What becomes of one entry: what is told, and what is there.
fn one(entry: &Entry, from: Version, to: Version, on_loss: OnLoss) -> (Vec<(Lost, u64, Outcome)>, Option<Entry>) {
    let converted = convert(&snapshot(from, &[("k", entry.clone())]), to, Container::Snapshot, on_loss);
    let told = converted.losses.iter().map(|loss| {
        assert_eq!(loss.key, Some((0, Bytes::from("k"))));
        (loss.lost, loss.count, loss.outcome)
    });
    let told = told.collect();
    let held = converted.bytes.map(|bytes| Dataset::decode(&bytes).unwrap());
    (told, held.and_then(|mut held| held.databases.remove(&0)).and_then(|mut database| database.remove(&b"k"[..])))
}

fn field(field: &'static str, expires_at_ms: Option<i64>) -> HashField {
    HashField { field: field.into(), value: "v".into(), expires_at_ms }
}

fn hash(fields: &[HashField]) -> Entry {
    Value::Hash(fields.to_vec()).into()
}

#[test]
fn a_field_that_expires_stays_forever_or_goes() {
    let source = hash(&[field("a", Some(1 << 41)), field("b", None)]);
    let (from, to) = (Version::redis(12), Version::redis(11));
    let loss = |outcome| vec![(Lost::FieldExpiry, 1, outcome)];
    assert_eq!(one(&source, from, to, OnLoss::Fail), (loss(Outcome::Stripped), None));
    let kept = hash(&[field("a", None), field("b", None)]);
    assert_eq!(one(&source, from, to, OnLoss::Degrade), (loss(Outcome::Stripped), Some(kept)));
    assert_eq!(one(&source, from, to, OnLoss::Drop), (loss(Outcome::ItemLeftOut), Some(hash(&[field("b", None)]))));
    let only = hash(&[field("a", Some(1 << 41))]);
    assert_eq!(one(&only, from, to, OnLoss::Drop), (loss(Outcome::KeyLeftOut), None));
    // Both lineages have them, in their own forms.
    assert_eq!(one(&source, from, Version::valkey(80), OnLoss::Fail), (vec![], Some(source.clone())));
    assert_eq!(one(&source, Version::valkey(80), from, OnLoss::Fail), (vec![], Some(source)));
}

/// Redis 8.0 `ebuckets.h` `EB_EXPIRE_TIME_MAX`; Valkey has no such bound.
#[test]
fn a_field_expiry_beyond_the_bounds_of_redis_is_lost() {
    let source = hash(&[field("a", Some(1 << 48)), field("b", Some((1 << 48) - 1)), field("c", Some(0))]);
    let (told, held) = one(&source, Version::valkey(80), Version::redis(12), OnLoss::Degrade);
    assert_eq!(told, [(Lost::FieldExpiryRange, 2, Outcome::Stripped)]);
    let mut held = held.unwrap();
    held.canonicalize();
    assert_eq!(held, hash(&[field("a", None), field("b", Some((1 << 48) - 1)), field("c", None)]));
}

#[test]
fn an_array_becomes_a_hash_or_goes() {
    let slots = vec![(0, ArrayValue::Text("x".into())), (7, ArrayValue::Float(1.0)), (u64::MAX - 1, ArrayValue::Float(0.5))];
    let source = Value::Array(Array { insert_index: Some(9), slots }).into();
    let (from, to) = (Version::redis(14), Version::redis(13));
    let field = |field: &'static str, value: &'static str| HashField { value: value.into(), ..self::field(field, None) };
    let kept = hash(&[field("0", "x"), field("7", "1.0"), field("18446744073709551614", "0.5")]);
    assert_eq!(one(&source, from, to, OnLoss::Degrade), (vec![(Lost::Array, 1, Outcome::Changed)], Some(kept)));
    assert_eq!(one(&source, from, to, OnLoss::Drop), (vec![(Lost::Array, 1, Outcome::KeyLeftOut)], None));
    assert_eq!(one(&source, from, Version::redis(15), OnLoss::Fail), (vec![], Some(source)));
}

fn stream() -> Stream {
    let id = |ms| StreamId { ms, seq: 0 };
    let pending = |ms| StreamPending { id: id(ms), delivered_at_ms: 5, deliveries: 2 };
    Stream {
        entries: (1..4).map(|ms| StreamEntry { id: id(ms), fields: vec![("f".into(), "v".into())] }).collect(),
        last_id: id(9),
        max_deleted_id: id(8),
        entries_added: 7,
        groups: vec![StreamGroup {
            name: "g".into(),
            last_id: id(2),
            entries_read: Some(5),
            consumers: vec![StreamConsumer { name: "c".into(), seen_at_ms: 11, active_at_ms: 10, pending: vec![pending(1)] }],
            unowned: vec![pending(2), pending(3)],
        }],
        idempotency: Some(StreamIdempotency { duration_s: 7, ..StreamIdempotency::default() }),
    }
}

#[test]
fn a_stream_loses_what_its_target_does_not_count() {
    let source: Entry = Value::Stream(Box::new(stream())).into();
    let stripped = |lost, count| (lost, count, Outcome::Stripped);
    let unowned = (Lost::UnownedPending, 2, Outcome::ItemLeftOut);
    let mut expected = stream();
    let mut is = |version: u64, told: &[(Lost, u64, Outcome)], change: &dyn Fn(&mut Stream)| {
        change(&mut expected);
        for on_loss in POLICIES {
            let (found, held) = one(&source, Version::redis(14), Version::redis(version), on_loss);
            assert_eq!(found, told, "RDB {version}");
            assert_eq!(held, Some(Value::Stream(Box::new(expected.clone())).into()), "RDB {version}");
        }
    };
    is(14, &[], &|_| {});
    is(13, &[unowned], &|stream| stream.groups[0].unowned.clear());
    let ids = stripped(Lost::ProducerIds, 1);
    is(12, &[ids, unowned], &|stream| stream.idempotency = None);
    is(11, &[ids, unowned], &|_| {});
    let active = stripped(Lost::ConsumerActiveTime, 1);
    is(10, &[active, ids, unowned], &|stream| stream.groups[0].consumers[0].active_at_ms = 11);
    let counted = [stripped(Lost::StreamCounters, 1), stripped(Lost::EntriesRead, 1), active, ids, unowned];
    is(9, &counted, &|stream| {
        (stream.max_deleted_id, stream.entries_added, stream.groups[0].entries_read) = (StreamId::default(), 3, None);
    });
    let gone = vec![(Lost::Stream, 1, Outcome::KeyLeftOut)];
    for on_loss in [OnLoss::Fail, OnLoss::Drop, OnLoss::Degrade] {
        assert_eq!(one(&source, Version::redis(14), Version::redis(8), on_loss), (gone.clone(), None));
    }
}

#[test]
fn what_only_servers_know_of_a_key_goes_alone() {
    let value = || Value::String("v".into());
    for (eviction, lost) in [(Eviction::Idle(300), Lost::Idle), (Eviction::Freq(255), Lost::Freq)] {
        let source = Entry { eviction, ..value().into() };
        for on_loss in POLICIES {
            let (told, held) = one(&source, Version::redis(9), Version::redis(8), on_loss);
            assert_eq!((told, held), (vec![(lost, 1, Outcome::Stripped)], Some(value().into())));
        }
        assert_eq!(one(&source, Version::redis(9), Version::redis(12), OnLoss::Fail), (vec![], Some(source)));
    }
}

/// RDB 1 and 2 have seconds of 32 bits.
#[test]
fn an_expiry_between_seconds_is_rounded_down_or_its_key_goes() {
    let expiring = |expires_at_ms| Entry { expires_at_ms, ..Value::String("v".into()).into() };
    let to = Version::redis(2);
    let is = |at, on_loss, outcome, kept: Option<Entry>| {
        let (told, held) = one(&expiring(Some(at)), Version::redis(6), to, on_loss);
        assert_eq!((told, held), (vec![(Lost::ExpiryMs, 1, outcome)], kept), "{at}");
    };
    is(1_700_000_000_999, OnLoss::Degrade, Outcome::Changed, Some(expiring(Some(1_700_000_000_000))));
    is(-1, OnLoss::Degrade, Outcome::Changed, Some(expiring(Some(-1000))));
    is(i64::MAX, OnLoss::Degrade, Outcome::Changed, Some(expiring(None)));
    is(1_700_000_000_999, OnLoss::Drop, Outcome::KeyLeftOut, None);
    let whole = expiring(Some(1_700_000_000_000));
    assert_eq!(one(&whole, Version::redis(6), to, OnLoss::Fail), (vec![], Some(whole)));
}

fn with_head(version: Version, aux: &[(&str, &str)]) -> Vec<u8> {
    let aux =
        aux.iter().map(|(name, value)| AuxField { name: Bytes::from(name.to_string()), value: Bytes::from(value.to_string()) });
    Dataset { aux: aux.collect(), ..Dataset::default() }.encode(&EncodeOptions::new(version)).unwrap()
}

#[test]
fn facts_about_the_file_are_no_losses_but_what_nobody_knows_is() {
    let source = with_head(
        Version::redis(9),
        &[("redis-ver", "6.2.14"), ("ctime", "5"), ("repl-id", "x"), ("aof-preamble", "1"), ("lua", "return 1"), ("mine", "y")],
    );
    let head = |to: Version, container| {
        let converted = convert(&source, to, container, OnLoss::Drop);
        let told: Vec<_> = converted.losses.into_iter().map(|loss| (loss.lost, loss.name.unwrap())).collect();
        let bytes = converted.bytes.unwrap();
        let held = if container == Container::Commands { Dataset::default() } else { Dataset::decode(&bytes).unwrap() };
        let names: Vec<_> = held.aux.iter().map(|field| String::from_utf8(field.name.to_vec()).unwrap()).collect();
        (told, names)
    };
    let (script, mine) = ((Lost::Script, Bytes::from("lua")), (Lost::HeadField, Bytes::from("mine")));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(head(Version::redis(9), Container::Snapshot), (vec![], names(&["redis-ver", "ctime", "lua", "mine"])));
    assert_eq!(
        head(Version::redis(11), Container::Base),
        (vec![script.clone()], names(&["aof-base", "redis-ver", "ctime", "mine"]))
    );
    assert_eq!(head(Version::redis(6), Container::Snapshot), (vec![script.clone(), mine.clone()], vec![]));
    assert_eq!(head(Version::redis(11), Container::Commands), (vec![script, mine], vec![]));
}

#[test]
fn sizes_of_slots_are_one_loss() {
    for (server, to) in [("valkey-9.1", 13), ("redis-8.6", 11)] {
        let fixture = fixtures().into_iter().find(|fixture| fixture.server == server && fixture.case == "cluster").unwrap();
        let converted = convert(&fixture.bytes, Version::redis(to), Container::Snapshot, OnLoss::Degrade);
        let sizes: Vec<_> = converted.losses.iter().filter(|loss| loss.lost == Lost::SlotSizes).collect();
        assert_eq!(sizes.len(), 1, "{server}");
        assert!(sizes[0].count > 1 && sizes[0].key.is_none(), "{:?}", sizes[0]);
        let same = convert(&fixture.bytes, fixture.version, Container::Snapshot, OnLoss::Fail);
        assert!(same.losses.is_empty(), "{:?}", same.losses);
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_or_told() {
    let entry = |text: &'static str| Value::String(text.into()).into();
    let source = snapshot(Version::redis(11), &[("k", entry("a")), ("l", entry("b")), ("k", entry("c"))]);
    let to = || options(Version::redis(10), Container::Snapshot, OnLoss::Fail);
    let Err(error) = convert_in(&source, 64, to()) else { panic!("it was converted") };
    assert_eq!(error.code(), "duplicate");
    assert_eq!(error.place().key.as_ref().unwrap().bytes(), b"k");
}

/// Redis 8.6 and Valkey 8.1 load such values and show the first; of commands the last one would count.
#[test]
fn a_member_that_stands_twice_in_a_packed_value_is_refused_where_that_is_written_anew() {
    let values = [
        &b"\x10\x01k\x13\x13\0\0\0\x04\0\x81f\x02\x81a\x02\x81f\x02\x81b\x02\xff"[..],
        b"\x11\x01k\x13\x13\0\0\0\x04\0\x81m\x02\x811\x02\x81m\x02\x812\x02\xff",
        b"\x14\x01k\x0d\x0d\0\0\0\x02\0\x81a\x02\x81a\x02\xff",
    ];
    for value in values {
        let source = [b"REDIS0011\xfe\x00", value, b"\xff\0\0\0\0\0\0\0\0"].concat();
        for (version, container) in [(9, Container::Snapshot), (9, Container::Commands), (12, Container::Commands)] {
            let to = options(Version::redis(version), container, OnLoss::Fail);
            let Err(error) = convert_in(&source, 64, to) else { panic!("{value:?} was converted to RDB {version}") };
            assert_eq!(error.code(), "duplicate", "{value:?}");
        }
        assert_eq!(convert(&source, Version::redis(12), Container::Snapshot, OnLoss::Fail).report.copied_keys, 1);
    }
}

/// However far apart, where the caller compares what is handed out.
#[test]
fn every_name_is_compared_or_handed_out() {
    const KEYS: usize = 3000;
    let names: Vec<String> = (0..KEYS).map(|n| n.to_string()).collect();
    let handed_out = |twice: Option<usize>, hands_out_names: bool| {
        let mut source = Vec::new();
        let mut emitter = Emitter::new(&EncodeOptions::new(Version::redis(11)), &mut source).unwrap();
        emitter.select_db(0, &mut source).unwrap();
        for name in names.iter().chain(twice.map(|n| &names[n])) {
            emitter.entry(name.as_bytes(), &Value::String("v".into()).into(), &mut source).unwrap();
        }
        emitter.finish(&mut source).unwrap();
        let options = options(Version::redis(10), Container::Snapshot, OnLoss::Fail);
        let mut convert = Convert::new(ConvertOptions { max_seen_bytes: 1 << 12, hands_out_names, ..options }).unwrap();
        let mut reader = Reader::new(Limits::default());
        reader.feed(&source, &mut convert).unwrap();
        let mut lists = convert.take_names();
        lists.extend(convert.take_last_names());
        assert!(lists.iter().all(|list| list.is_sorted()));
        let mut all = lists.concat();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert!(!convert.finish().unwrap().2.is_distinct);
        (lists.len(), count, count - all.len())
    };
    let (lists, count, twice) = handed_out(None, true);
    assert!(lists > 20 && count == KEYS && twice == 0, "{lists} lists of {count} names, {twice} twice");
    // Also the one that there was no room for, which is the first of the next list.
    for n in [0, 101, 102, 103, 104, 1500] {
        assert_eq!(handed_out(Some(n), true), (lists, KEYS + 1, 1), "{n}");
    }
    assert_eq!(handed_out(Some(KEYS / 2), false), (0, 0, 0));
}

/// Commands may make values that no one server holds: each is handed over in a form that has room for it.
#[test]
fn data_of_both_lineages_become_what_their_target_has() {
    let slots = vec![(3, ArrayValue::Text("x".into()))];
    let entries: [(&str, Entry); 4] = [
        ("a", Value::Array(Array { insert_index: None, slots }).into()),
        ("b", hash(&[field("f", Some(1 << 48)), field("g", None)])),
        ("c", hash(&[field("f", Some(0))])),
        ("d", Value::Stream(Box::new(stream())).into()),
    ];
    let database = |names: &[&str]| {
        let of = |name: &&str| (Bytes::from(name.to_string()), entries.iter().find(|(own, _)| own == name).unwrap().1.clone());
        names.iter().map(of).collect::<std::collections::BTreeMap<_, _>>()
    };
    for source in [None, Some(Version::redis(15)), Some(Version::valkey(80))] {
        let databases = [(0, database(&["a", "b", "c", "d"])), (3, database(&["b"]))].into();
        let dataset = Dataset { source, databases, ..Dataset::default() };
        for version in [Version::redis(15), Version::redis(11), Version::valkey(80)] {
            let place = format!("from {source:?} to {version}");
            let converted = converting::convert_data(dataset.clone(), options(version, Container::Snapshot, OnLoss::Degrade));
            let converted = converted.unwrap_or_else(|error| panic!("{place}: {error}"));
            let expected = without(dataset.clone(), &converted.losses, version);
            let held = Dataset::decode(&converted.bytes.unwrap()).unwrap();
            assert_eq!(data(held).databases, data(expected).databases, "{place}");
            assert_eq!(converted.report.keys, 5, "{place}");
            let lost: Vec<_> = converted.losses.iter().map(|loss| loss.lost).collect();
            assert_eq!(lost.contains(&Lost::Array), version != Version::redis(15), "{place}: {lost:?}");
            let fields = lost.iter().filter(|lost| matches!(lost, Lost::FieldExpiry | Lost::FieldExpiryRange)).count();
            assert_eq!(fields, if version == Version::valkey(80) { 0 } else { 3 }, "{place}: {lost:?}");
        }
    }
}

/// A number of Redis Enterprise between the parts of a key's head: an expiry and a frequency in front of it stay.
#[test]
fn what_stands_in_front_of_a_number_of_redis_enterprise_is_kept() {
    let source = b"REDIS0009\xfe\x00\xfc\0\x10\0\0\0\x02\0\0\xf9\x05\x6b\x07\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    let expected =
        Entry { expires_at_ms: Some(0x200_0000_1000), eviction: Eviction::Freq(5), ..Value::String("v".into()).into() };
    for version in [9, 12, 15].map(Version::redis) {
        for chunk in [1, 64] {
            let converted = convert_in(source, chunk, options(version, Container::Snapshot, OnLoss::Drop)).unwrap();
            let told: Vec<_> = converted.losses.iter().map(|loss| (loss.lost, loss.count, loss.outcome)).collect();
            assert_eq!(told, [(Lost::Enterprise, 1, Outcome::Stripped)], "{version}");
            let held = Dataset::decode(&converted.bytes.unwrap()).unwrap();
            assert_eq!(held.databases[&0][&b"k"[..]], expected, "{version}");
        }
    }
}

/// What commands refuse or take otherwise is restored: a group that has read more entries than were added, which `XGROUP SETID`
/// lets it and `XGROUP CREATE` does not; an expiry of a field at the beginning of time.
#[test]
fn what_commands_do_not_take_is_restored() {
    let mut stream = stream();
    (stream.groups[0].entries_read, stream.idempotency) = (Some(1 << 40), None);
    stream.groups[0].unowned.clear();
    for (entry, from, to) in [
        (Entry::from(Value::Stream(Box::new(stream.clone()))), Version::redis(11), Version::redis(10)),
        (Value::Stream(Box::new(stream)).into(), Version::redis(11), Version::redis(13)),
        (hash(&[field("f", Some(0)), field("g", Some(1 << 41)), field("h", None)]), Version::valkey(80), Version::valkey(80)),
    ] {
        let source = snapshot(from, &[("k", entry)]);
        let converted = convert(&source, to, Container::Commands, OnLoss::Degrade);
        let expected = without(Dataset::decode(&source).unwrap(), &converted.losses, to);
        let mut load = LoadLog::new(ReplayOptions::new(1 << 50, [3, 4]));
        Reader::new(Limits::default()).feed(&converted.bytes.unwrap(), &mut load).unwrap();
        load.end_file();
        assert_eq!(data(load.finish().unwrap().0).databases, data(expected).databases, "{to}");
    }
}

#[test]
fn what_a_filter_leaves_out_is_no_loss() {
    let stream: Entry = Value::Stream(Box::new(stream())).into();
    let text = |text: &'static str| Entry::from(Value::String(text.into()));
    let expiring = Entry { expires_at_ms: Some(7), ..text("b") };
    let source =
        snapshot(Version::redis(14), &[("a", text("a")), ("s", stream), ("b", expiring), ("long", text("0123456789abcdef"))]);
    let keys = |filter| {
        let options = options(Version::redis(6), Container::Snapshot, OnLoss::Fail);
        let converted = convert_in(&source, 64, ConvertOptions { filter, ..options }).unwrap();
        let held = Dataset::decode(&converted.bytes.unwrap()).unwrap();
        assert_eq!(converted.report.keys + converted.report.unmatched_keys, 4);
        held.databases[&0].keys().map(|key| String::from_utf8(key.to_vec()).unwrap()).collect::<Vec<_>>()
    };
    let strings = Filter { kinds: vec![Kind::String], ..Filter::default() };
    assert_eq!(keys(strings.clone()), ["a", "b", "long"]);
    assert_eq!(keys(Filter { keys: vec![Pattern::glob(b"[ab]")], ..Filter::default() }), ["a", "b"]);
    assert_eq!(keys(Filter { expiry: Some(ExpiryRule::Some), ..Filter::default() }), ["b"]);
    let mut small = strings;
    small.size.max = Some(19);
    assert_eq!(keys(small), ["a", "b"]);
}

/// A source that is made while it is read, so that nobody holds it.
#[test]
fn a_conversion_takes_the_memory_of_one_value() {
    let entries: [Entry; 4] = [
        Value::String("v".repeat(500).into()).into(),
        Value::Set((0..100).map(|n| Bytes::from(n.to_string())).collect()).into(),
        hash(&[field("a", Some(1 << 41)), field("b", None)]),
        Value::Stream(Box::new(stream())).into(),
    ];
    for (version, container) in [
        (Version::redis(15), Container::Snapshot),
        (Version::redis(9), Container::Snapshot),
        (Version::redis(12), Container::Commands),
    ] {
        let mut read = 0;
        let taken = counting::peak(|| {
            let options = ConvertOptions { max_seen_bytes: 1 << 16, ..options(version, container, OnLoss::Degrade) };
            let mut convert = Convert::new(options).unwrap();
            let mut reader = Reader::new(Limits::default());
            let mut chunk = Vec::new();
            let mut emitter = Emitter::new(&EncodeOptions::new(Version::redis(14)), &mut chunk).unwrap();
            emitter.select_db(0, &mut chunk).unwrap();
            for n in 0..20_000u32 {
                emitter.entry(&n.to_be_bytes(), &entries[n as usize % entries.len()], &mut chunk).unwrap();
                reader.feed(&chunk, &mut convert).unwrap();
                read += chunk.len();
                chunk.clear();
                convert.output().clear();
                drop(convert.take_losses());
            }
        });
        assert!(read > 2_000_000 && taken < 384 * 1024, "{taken} bytes for {read}, {version}");
    }
}
