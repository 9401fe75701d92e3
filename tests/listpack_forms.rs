//! Listpacks whose entries have sizes for which servers write backward lengths of two forms: what is written has that of its
//! target, and real servers take it.

mod common;
mod converting;

use aikv::jobs::{Container, Convert, ConvertOptions, Job, LoadsIn, Merge, MergePlan, OnConflict, Reader, Survey};
use aikv::model::{
    Dataset, EncodeOptions, Entry, HashField, NodeLimit, OnLoss, PackedLimit, ScoredMember, Stream, StreamEntry, StreamGroup,
    Thresholds, Value,
};
use aikv::rdb::{BacklenForm, Dialect, Server as Named, StreamId, Target, Version};
use aikv::wire::Limits;
use bytes::Bytes;
use converting::convert;

/// Texts whose entries take 2^14 - 1 and 2^21 - 1 bytes.
const LENGTHS: [usize; 2] = [16_378, 2_097_146];

fn text(len: usize) -> Bytes {
    vec![b'x'; len].into()
}

/// A value of every kind that has listpacks.
fn everything(has_dates: bool) -> Dataset {
    let [short, long] = LENGTHS.map(text);
    let field = |field: &Bytes, expires_at_ms| HashField { field: field.clone(), value: long.clone(), expires_at_ms };
    let scored = |member: &Bytes, score| ScoredMember { member: member.clone(), score };
    let entry = |ms, field: &Bytes| StreamEntry { id: StreamId { ms, seq: 0 }, fields: vec![(field.clone(), short.clone())] };
    let mut stream = Stream { entries: vec![entry(1, &short), entry(2, &short), entry(3, &short)], ..Stream::default() };
    (stream.last_id, stream.entries_added) = (StreamId { ms: 3, seq: 0 }, 3);
    let mut values = vec![
        ("hash", Value::Hash(vec![field(&short, None), field(&"f".into(), None)])),
        ("list", Value::List(vec!["a".into(), short.clone(), short.clone(), "b".into()])),
        ("set", Value::Set(vec!["a".into(), short.clone(), "b".into()])),
        ("stream", Value::Stream(Box::new(stream))),
        ("zset", Value::Zset(vec![scored(&short, 1.5), scored(&"b".into(), 2.0)])),
    ];
    if has_dates {
        values.push(("dated", Value::Hash(vec![field(&short, Some(4_000_000_000_000)), field(&"f".into(), None)])));
    }
    let entries = values.into_iter().map(|(key, value)| (key.into(), Entry::from(value)));
    Dataset { databases: [(0, entries.collect())].into(), ..Dataset::default() }
}

/// All of it in listpacks, two nodes for the list and three for the stream.
fn packed(version: Version, backlen: BacklenForm) -> EncodeOptions {
    let limit = PackedLimit { entries: 512, value_bytes: u64::MAX };
    let thresholds = Thresholds {
        list_node: NodeLimit::Bytes(20_000),
        plain_node_bytes: u64::MAX,
        set: limit,
        zset: limit,
        hash: limit,
        stream_node_entries: 1,
        ..Thresholds::of(version)
    };
    EncodeOptions { backlen, thresholds, ..EncodeOptions::new(version) }
}

fn loads_in(snapshot: &[u8]) -> [Option<(&'static str, &'static str)>; 2] {
    struct Look(LoadsIn);
    impl Job for Look {
        fn push(&mut self, event: &aikv::rdb::Event<'_>, _: &[u8]) -> Result<aikv::jobs::Flow, aikv::error::Fault> {
            self.0.push(event);
            Ok(aikv::jobs::Flow::Continue)
        }
    }
    let mut reader = Reader::new(Limits::default());
    let mut look = Look(LoadsIn::new());
    reader.feed(snapshot, &mut look).unwrap();
    reader.finish().unwrap();
    let names = |range: Option<(Named, Named)>| range.map(|(oldest, newest)| (oldest.name(), newest.name()));
    [Dialect::Redis, Dialect::Valkey].map(|lineage| names(look.0.range(lineage)))
}

fn merged(files: &[&[u8]]) -> Vec<u8> {
    fn read(file: &[u8], job: &mut impl Job) {
        let mut reader = Reader::new(Limits::default());
        reader.feed(file, job).unwrap();
        reader.finish().unwrap();
    }
    let mut plan = MergePlan::new([1, 2], OnConflict::Fail, 1 << 20);
    for file in files {
        read(file, &mut plan);
        plan.next_input();
    }
    assert_eq!(plan.conflicts(), []);
    let mut merge = Merge::new(plan).unwrap();
    for file in files {
        read(file, &mut merge);
        merge.next_input();
    }
    merge.finish().unwrap();
    std::mem::take(merge.out().unwrap())
}

/// The same data in database 1.
fn elsewhere(mut data: Dataset) -> Dataset {
    data.databases = data.databases.into_values().map(|database| (1, database)).collect();
    data
}

/// Values of both forms are a file that no server takes.
#[test]
fn merged_values_have_the_form_of_the_servers_that_write_the_version() {
    use BacklenForm::{Narrow, Wide};
    let (redis, valkey) = (Version::redis, Version::valkey(80));
    for (first, second, form) in [
        (Some((redis(14), Narrow)), (redis(12), Wide), Narrow),
        (Some((redis(15), Narrow)), (redis(14), Narrow), Narrow),
        (Some((redis(12), Wide)), (redis(13), Wide), Wide),
        (Some((redis(13), Wide)), (redis(12), Narrow), Wide),
        // The first one has no value of either form, but its version has.
        (None, (redis(12), Wide), Narrow),
        (Some((valkey, Wide)), (valkey, Narrow), Narrow),
        (Some((valkey, Wide)), (valkey, Wide), Wide),
        (Some((valkey, Narrow)), (valkey, Narrow), Narrow),
    ] {
        let (data, more) = (everything(false), elsewhere(everything(false)));
        let empty = Dataset::default().encode(&EncodeOptions::new(redis(14))).unwrap();
        let encoded = |data: &Dataset, version, form| data.encode(&packed(version, form)).unwrap();
        let [one, right_one] = first
            .map_or([empty.clone(), empty], |(version, given)| [encoded(&data, version, given), encoded(&data, version, form)]);
        let [other, right_other] = [second.1, form].map(|form| encoded(&more, second.0, form));
        for (inputs, right) in [([&one, &other], [&right_one, &right_other]), ([&other, &one], [&right_other, &right_one])] {
            let file = merged(&inputs.map(Vec::as_slice));
            assert!(file == merged(&right.map(Vec::as_slice)), "{first:?} {second:?}: what is right stays");
            let held = Dataset::decode(&file).unwrap().databases;
            assert!(first.is_none() || held[&0] == data.databases[&0], "{first:?} {second:?}");
            assert!(held[&1] == more.databases[&1], "{first:?} {second:?}");
            let [of_redis, of_valkey] = loads_in(&file);
            assert!(of_redis.is_some() || of_valkey.is_some(), "{first:?} {second:?}: no server takes it");
        }
    }
}

#[test]
fn a_value_that_is_copied_gets_the_form_of_the_target() {
    use BacklenForm::{Narrow, Wide};
    for (source, to, form) in [
        (Version::redis(12), "redis-8.0", Wide),
        (Version::redis(14), "redis-8.8", Narrow),
        (Version::valkey(80), "valkey-9.0", Wide),
        (Version::valkey(80), "rdb-80", Wide),
        (Version::valkey(80), "valkey-9.1", Narrow),
    ] {
        let target = Target::from_name(to).unwrap();
        let data = everything(source.dialect() == Dialect::Redis);
        for is_compressing in [true, false] {
            let [right, wrong] =
                [form, form.other()].map(|form| data.encode(&EncodeOptions { is_compressing, ..packed(source, form) }).unwrap());
            assert!(right != wrong);
            let keys = data.databases[&0].len() as u64;
            let kept = convert(&right, target, Container::Snapshot, OnLoss::Fail);
            assert!(kept.bytes.unwrap() == right && kept.report.copied_keys == keys, "{to}: what is right stays");
            let changed = convert(&wrong, target, Container::Snapshot, OnLoss::Fail);
            assert_eq!(changed.report.copied_keys, 0, "{to}");
            let changed = changed.bytes.unwrap();
            // What is written in place of a blob is compressed, as servers do.
            if is_compressing {
                assert!(changed == right, "{to}: {} and not {} bytes", changed.len(), right.len());
            }
            assert!(Dataset::decode(&changed).unwrap().databases == data.databases, "{to}");
        }
    }
}

/// A hash without expiries is written anew for a version whose hashes are packed otherwise, and as a payload.
#[test]
fn a_value_that_is_written_anew_has_the_form_of_the_target() {
    let mut text = text(LENGTHS[0]).to_vec();
    // Two forms of a text would be told by their length alone.
    text[0] = b'y';
    let entry = Entry::from(Value::List(vec![Bytes::from(text.clone()), "z".into()]));
    for (name, backlen) in [
        ("redis-7.0", &b"\x00\xff\xff"[..]),
        ("redis-8.6", b"\x00\xff\xff"),
        ("redis-8.8", b"\x7f\xff"),
        ("valkey-8.1", b"\x00\xff\xff"),
        ("valkey-9.0", b"\x00\xff\xff"),
        ("valkey-9.1", b"\x7f\xff"),
    ] {
        let target = Target::from_name(name).unwrap();
        let thresholds = packed(target.version(), target.backlen()).thresholds;
        let options = EncodeOptions { thresholds, is_compressing: false, ..EncodeOptions::new(target) };
        let end = [&text[..], backlen, b"\x81z\x02\xff"].concat();
        let payload = entry.to_dump(&options).unwrap();
        assert!(payload.windows(end.len()).any(|found| found == end), "{name}: {:?}", &payload[payload.len() - 40..]);
    }
}

#[test]
fn a_file_names_the_servers_that_take_its_form() {
    let told = |version, form| loads_in(&everything(false).encode(&packed(version, form)).unwrap());
    let plain = ["hash", "list"].map(|key| (key.into(), Entry::from(Value::List(vec![text(16_377), text(16_379)]))));
    let plain = Dataset { databases: [(0, plain.into())].into(), ..Dataset::default() };
    let [redis, valkey] = loads_in(&plain.encode(&packed(Version::redis(11), BacklenForm::Wide)).unwrap());
    assert_eq!((redis, valkey), (Some(("redis-7.2", "redis-8.10")), Some(("valkey-7.2", "valkey-9.1"))));
    let wide = [Some(("redis-7.2", "redis-8.6")), Some(("valkey-7.2", "valkey-9.0"))];
    assert_eq!(told(Version::redis(11), BacklenForm::Wide), wide);
    let narrow = [Some(("redis-8.8", "redis-8.10")), Some(("valkey-9.1", "valkey-9.1"))];
    assert_eq!(told(Version::redis(11), BacklenForm::Narrow), narrow);
    assert_eq!(told(Version::valkey(80), BacklenForm::Wide), [None, Some(("valkey-9.0", "valkey-9.0"))]);
    assert_eq!(told(Version::valkey(80), BacklenForm::Narrow), [None, Some(("valkey-9.1", "valkey-9.1"))]);
}

/// Values of which nothing may be lost are skipped by a survey, but for their listpacks.
#[test]
fn a_survey_sees_the_form() {
    let file = everything(false).encode(&packed(Version::valkey(80), BacklenForm::Narrow)).unwrap();
    let mut survey = Survey::new(Container::Snapshot, false, [1, 2]).unwrap();
    let mut reader = Reader::new(Limits::default());
    reader.feed(&file, &mut survey).unwrap();
    reader.finish().unwrap();
    let loaded_by = survey.finish().unwrap().loaded_by;
    assert_eq!(loaded_by.servers().map(Named::name).collect::<Vec<_>>(), ["valkey-9.1"]);
}

/// What a commands' target cannot make of commands is a payload, which has its form too.
#[test]
fn payloads_among_commands_have_the_form_of_the_target() {
    let mut stream = Stream::default();
    let fields = vec![("f".into(), text(LENGTHS[0]))];
    stream.entries = vec![StreamEntry { id: StreamId { ms: 1, seq: 0 }, fields }];
    // More entries read than commands can say.
    (stream.last_id, stream.entries_added) = (StreamId { ms: 1, seq: 0 }, 1);
    let group =
        StreamGroup { name: "g".into(), last_id: stream.last_id, entries_read: Some(5), consumers: vec![], unowned: vec![] };
    stream.groups = vec![group];
    let data = Dataset {
        databases: [(0, [("k".into(), Entry::from(Value::Stream(Box::new(stream))))].into())].into(),
        ..Dataset::default()
    };
    let file = data.encode(&EncodeOptions { is_compressing: false, ..EncodeOptions::new(Version::redis(11)) }).unwrap();
    let lens = ["valkey-8.1", "valkey-9.1"].map(|name| {
        let options = ConvertOptions {
            on_loss: OnLoss::Degrade,
            ..ConvertOptions::new(Target::from_name(name).unwrap(), Container::Commands, [1, 2])
        };
        let mut convert = Convert::new(options).unwrap();
        let mut reader = Reader::new(Limits::default());
        reader.feed(&file, &mut convert).unwrap();
        let log = std::mem::take(convert.output());
        assert!(log.windows(7).any(|window| window == b"RESTORE"), "{name}");
        log
    });
    assert!(lens[0] != lens[1]);
}

/// A snapshot that a server saved of such values in listpacks, and the replies that it gives.
#[cfg(unix)]
mod servers {
    use super::*;
    use common::{Client, Reply, Server, TempDir};
    use std::fs;
    use std::path::Path;

    /// Servers, and whether they have listpacks for more than streams.
    const SERVERS: [(&str, bool); 6] = [
        ("redis-5.0", false),
        ("redis-6.2", false),
        ("redis-8.0", true),
        ("redis-8.6", true),
        ("valkey-8.1", true),
        ("valkey-9.1", true),
    ];

    fn start(program: &Path, folder: &TempDir, name: &str, more: &[&str]) -> Result<Server, String> {
        let sanitise: &[&str] = if name == "redis-5.0" { &[] } else { &["--sanitize-dump-payload", "yes"] };
        Server::start(program, folder.path(), &[sanitise, more].concat())
    }

    type Content = Vec<(&'static str, Vec<String>)>;

    /// Every key with what the server says that it holds; what has no order there, sorted.
    fn content(client: &mut Client) -> Content {
        const ASKED: [(&str, usize, &[&str]); 5] = [
            ("hash", 2, &["HGETALL", "hash"]),
            ("list", 0, &["LRANGE", "list", "0", "-1"]),
            ("set", 1, &["SMEMBERS", "set"]),
            ("stream", 0, &["XRANGE", "stream", "-", "+"]),
            ("zset", 0, &["ZRANGE", "zset", "0", "-1", "WITHSCORES"]),
        ];
        let ask = |(key, width, question): (_, usize, &[&str])| {
            let Reply::Array(found) = client.ask(question) else { panic!("{key}") };
            let mut elements: Vec<String> = found.chunks(width.max(1)).map(|element| format!("{element:?}")).collect();
            if width > 0 {
                elements.sort_unstable();
            }
            (key, elements)
        };
        ASKED.into_iter().map(ask).collect()
    }

    fn saved_by(program: &Path, name: &str, has_listpacks: bool) -> (Vec<u8>, Content, Vec<Vec<u8>>) {
        let folder = TempDir::new();
        let mut options = vec!["--stream-node-max-bytes", "0"];
        if has_listpacks {
            for option in ["--hash-max-listpack-value", "--zset-max-listpack-value", "--set-max-listpack-value"] {
                options.extend([option, "3000000"]);
            }
            options.extend(["--list-max-listpack-size", "-5"]);
        }
        let server = start(program, &folder, name, &options).unwrap();
        let mut client = server.client();
        let [short, long] = LENGTHS.map(text);
        let mut commands: Vec<[&[u8]; 5]> =
            vec![[b"XADD", b"stream", b"1-1", b"f", &short], [b"XADD", b"stream", b"1-2", &short, b"v"]];
        if has_listpacks {
            commands.push([b"RPUSH", b"list", b"a", &short, b"b"]);
            commands.push([b"SADD", b"set", b"a", &short, b"b"]);
        }
        for command in commands {
            assert!(!matches!(client.ask(&command), Reply::Error(_)), "{name}");
        }
        if has_listpacks {
            client.ask(&[&b"HSET"[..], b"hash", &short, &long, b"f", &short]);
            client.ask(&[&b"ZADD"[..], b"zset", b"1", &short, b"2", b"b"]);
            for (key, encoding) in [("hash", "listpack"), ("zset", "listpack"), ("set", "listpack"), ("list", "listpack")] {
                assert_eq!(client.ask(&["OBJECT", "ENCODING", key]), Reply::Bytes(encoding.into()), "{name}: {key}");
            }
        }
        let content = content(&mut client);
        let dumps = content.iter().filter_map(|(key, _)| match client.ask(&["DUMP", key]) {
            Reply::Bytes(payload) => Some(payload),
            _ => None,
        });
        let dumps = dumps.collect();
        assert_eq!(client.ask(&["SAVE"]), Reply::Status("OK".into()), "{}", server.log());
        (fs::read(folder.join("dump.rdb")).unwrap(), content, dumps)
    }

    /// Each refuses the file of the other form, as is said of the file, and takes what is converted for it.
    #[test]
    fn servers_take_what_is_converted_for_them_and_refuse_the_other_form() {
        let (mut refused, mut taken) = (0, 0);
        for (source, has_listpacks) in SERVERS {
            let Some(program) = common::server(source) else { return };
            let (snapshot, expected, dumps) = saved_by(&program, source, has_listpacks);
            let [redis, valkey] = loads_in(&snapshot);
            let order: Vec<&str> = Named::all().map(Named::name).collect();
            let place = |name| order.iter().position(|other| *other == name).unwrap();
            for (name, _) in SERVERS {
                let program = common::server(name).unwrap();
                let said = [redis, valkey].into_iter().flatten();
                let is_said = said.into_iter().any(|(first, last)| (place(first)..=place(last)).contains(&place(name)));
                let folder = TempDir::new();
                fs::write(folder.join("dump.rdb"), &snapshot).unwrap();
                // Redis 5.0 loads any listpack, and fails when it is read.
                if name != "redis-5.0" {
                    let started = start(&program, &folder, name, &[]);
                    assert_eq!(started.is_ok(), is_said, "{source} by {name}");
                    refused += usize::from(started.is_err());
                }
                let target = Target::from_name(name).unwrap();
                let converted = convert(&snapshot, target, Container::Snapshot, OnLoss::Degrade).bytes.unwrap();
                fs::write(folder.join("dump.rdb"), converted).unwrap();
                let server = start(&program, &folder, name, &[]).unwrap_or_else(|log| panic!("{source} to {name}: {log}"));
                let mut client = server.client();
                assert!(content(&mut client) == expected, "{source} to {name}");
                taken += 1;
                for dump in
                    dumps.iter().filter(|_| Named::all().any(|server| server.name() == name && server.version().number() > 9))
                {
                    let entry = Entry::from_dump(dump, aikv::rdb::ZeroChecksum::Compared).unwrap();
                    let payload = entry.to_dump(&EncodeOptions::new(target)).unwrap();
                    let replaced = client.ask(&[&b"RESTORE"[..], b"again", b"0", &payload, b"REPLACE"]);
                    assert_eq!(replaced, Reply::Status("OK".into()), "{source} to {name}");
                }
            }
        }
        assert!(refused > 10 && taken == SERVERS.len() * SERVERS.len(), "{refused} and {taken}");
    }

    #[test]
    fn a_server_takes_what_is_merged_of_its_own_form_and_the_other() {
        let Some(program) = common::server("valkey-9.1") else { return };
        let (narrow, expected, _) = saved_by(&program, "valkey-9.1", true);
        let data = elsewhere(Dataset::decode(&narrow).unwrap());
        let wide = data.encode(&packed(Version::valkey(80), BacklenForm::Wide)).unwrap();
        let folder = TempDir::new();
        fs::write(folder.join("dump.rdb"), &wide).unwrap();
        assert!(start(&program, &folder, "valkey-9.1", &[]).is_err(), "it is another server's");
        for inputs in [[&narrow, &wide], [&wide, &narrow]] {
            fs::write(folder.join("dump.rdb"), merged(&inputs.map(Vec::as_slice))).unwrap();
            let server = start(&program, &folder, "valkey-9.1", &[]).unwrap_or_else(|log| panic!("{log}"));
            let mut client = server.client();
            for db in ["0", "1"] {
                assert_eq!(client.ask(&["SELECT", db]), Reply::Status("OK".into()));
                assert!(content(&mut client) == expected, "database {db}");
            }
        }
    }
}
