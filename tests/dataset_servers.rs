//! Real servers take what is encoded for them: the content of every fixture, as a snapshot and as
//! `DUMP` payloads, with deep sanitising where the server has it. What they hold then is asked back by `DUMP`,
//! and compared by `DEBUG DIGEST-VALUE` with what they hold of their own snapshots.

#![cfg(unix)]

mod common;
mod datasets;

use aikv::model::{
    Dataset, DumpEmitter, EncodeOptions, Entry, HashField, ModuleItems, ScoredMember, Stream, StreamConsumer, StreamEntry,
    StreamGroup, StreamIdempotency, StreamPending, StreamProducer, Value,
};
use aikv::rdb::{StreamId, Version, ZeroChecksum};
use bytes::Bytes;
use common::{Client, Reply, Server, TempDir};
use datasets::{Fixture, encode_what_fits, fixtures};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// A server and what its version can do.
struct Target {
    name: &'static str,
    version: Version,
}

impl Target {
    fn is_since(&self, rdb: u64) -> bool {
        self.version.number() >= rdb
    }

    fn options(&self) -> Vec<&'static str> {
        let mut options = vec![];
        if self.name == "redis-6.2" || self.is_since(10) {
            options.extend(["--sanitize-dump-payload", "yes"]);
        }
        if self.is_since(10) {
            options.extend(["--enable-debug-command", "yes"]);
        }
        options
    }

    /// Starts the server on a snapshot.
    fn start(&self, program: &Path, folder: &TempDir, snapshot: &[u8]) -> Server {
        fs::write(folder.join("dump.rdb"), snapshot).unwrap();
        Server::start(program, folder.path(), &self.options()).unwrap_or_else(|log| panic!("{}: {log}", self.name))
    }

    /// Has the server's own checker look at a snapshot.
    fn check(&self, program: &Path, snapshot: &Path) {
        let tools = ["redis-check-rdb", "valkey-check-rdb", "redis-check-dump"];
        let tool = tools.iter().map(|tool| program.with_file_name(tool)).find(|tool| tool.exists()).expect("a checker");
        let output = Command::new(tool).arg(snapshot).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stdout));
    }
}

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Whether nothing of an entry expires while the test runs, or has before.
fn lasts(entry: &Entry) -> bool {
    let soon = now_ms() + 3_600_000;
    let is_late = |expiry: Option<i64>| expiry.is_none_or(|at| at > soon);
    let fields: &[HashField] = if let Value::Hash(fields) = &entry.value { fields } else { &[] };
    is_late(entry.expires_at_ms) && fields.iter().all(|field| is_late(field.expires_at_ms))
}

/// Whether the server has the module, if it is a module's value or has a module's metadata, and gives it back as it
/// was: a vector set is written anew in the form of the server's own version.
fn is_known(target: &Target, server: &str, entry: &Entry) -> bool {
    match &entry.value {
        _ if !entry.metadata.is_empty() => false,
        Value::Module(module) => module.id.to_string() == "vectorset" && server == target.name,
        _ => true,
    }
}

fn name(fixture: &Fixture, db: u64, key: &[u8]) -> Bytes {
    [format!("{} {db} ", fixture.name()).as_bytes(), key].concat().into()
}

/// Everything that the fixtures hold and values at further edges, in one database.
fn everything(target: &Target) -> BTreeMap<Bytes, Entry> {
    let mut all = BTreeMap::new();
    for fixture in fixtures() {
        for (db, database) in fixture.dataset().databases {
            for (key, entry) in database {
                if lasts(&entry) && is_known(target, fixture.server, &entry) {
                    all.insert(name(&fixture, db, &key), entry);
                }
            }
        }
    }
    for (name, value) in edges() {
        all.insert(Bytes::from(format!("edge {name}")), value.into());
    }
    all
}

fn text(len: usize, n: usize) -> Bytes {
    let mut text = format!("{n}-");
    text.extend(std::iter::repeat_n('x', len.saturating_sub(text.len())));
    Bytes::from(text)
}

/// Values that no fixture holds.
fn edges() -> Vec<(String, Value)> {
    let mut edges = Vec::new();
    let mut add = |name: String, value: Value| edges.push((name, value));
    add("long string".into(), Value::String(Bytes::from("0123456789".repeat(200_000))));
    for len in [63, 64, 253, 254, 4095, 4096, 8184, 8185, 8192, 8193, 16383, 16384, 70_000] {
        let list = [0, 1, 2].map(|n| if n == 1 { text(len, 1) } else { Bytes::from("n") });
        add(format!("list around {len}"), Value::List(list.to_vec()));
    }
    add("list of many".into(), Value::List((0..70_000).map(|n| Bytes::from((n % 13).to_string())).collect()));
    for (name, members) in [
        ("16", vec![i64::from(i16::MIN), -1, 0, i64::from(i16::MAX)]),
        ("32", vec![i64::from(i32::MIN), 0, i64::from(i32::MAX)]),
        ("64", vec![i64::MIN, 0, i64::MAX]),
    ] {
        add(format!("intset of {name}"), Value::Set(members.iter().map(|int| Bytes::from(int.to_string())).collect()));
    }
    for count in [127, 128, 129, 512, 513, 3000] {
        add(format!("set of {count}"), Value::Set((0..count).map(|n| text(64, n)).collect()));
        let score = |n: usize| match n % 7 {
            0 => f64::INFINITY,
            1 => -0.0,
            2 => f64::from_bits(n as u64),
            3 => f64::MAX,
            4 => (n as f64) / 3.0,
            5 => (1u64 << 53) as f64 + 2.0,
            _ => -(n as f64),
        };
        let members = (0..count).map(|n| ScoredMember { member: text(64, n), score: score(n) });
        add(format!("zset of {count}"), Value::Zset(members.collect()));
        let field = |n: usize, expires_at_ms| HashField { field: text(64, n), value: text(64, n), expires_at_ms };
        add(format!("hash of {count}"), Value::Hash((0..count).map(|n| field(n, None)).collect()));
        let expiry = |n: usize| (!n.is_multiple_of(3)).then_some((1 << 47) - n as i64);
        add(format!("expiring hash of {count}"), Value::Hash((0..count).map(|n| field(n, expiry(n))).collect()));
    }
    add("stream".into(), Value::Stream(Box::new(stream())));
    let bare = Stream {
        groups: vec![],
        idempotency: None,
        max_deleted_id: StreamId::default(),
        entries_added: stream().entries.len() as u64,
        ..stream()
    };
    add("stream without counters".into(), Value::Stream(Box::new(bare)));
    add("empty stream".into(), Value::Stream(Box::default()));
    edges
}

/// A stream with all that Redis 8.6 keeps.
fn stream() -> Stream {
    let now = now_ms() as u64;
    let entry = |n: u64| {
        let (ms, seq) = if n.is_multiple_of(3) { (now + n, 0) } else { (now + n, u64::MAX - n) };
        let fields = (0..n % 5 + 1).map(|field| (Bytes::from(format!("f{field}")), text((n * 7 % 90) as usize, n as usize)));
        StreamEntry { id: StreamId { ms, seq }, fields: fields.collect() }
    };
    let entries: Vec<_> = (0..350).map(entry).collect();
    let pending = |at: usize| StreamPending { id: entries[at].id, delivered_at_ms: 1000 + at as i64, deliveries: at as u64 + 1 };
    let consumer = |name: &'static str, active_at_ms, pending| StreamConsumer {
        name: name.into(),
        seen_at_ms: 1_700_000_000_000,
        active_at_ms,
        pending,
    };
    Stream {
        last_id: StreamId { ms: u64::MAX, seq: 7 },
        max_deleted_id: StreamId { ms: 5, seq: 5 },
        entries_added: 400,
        groups: vec![
            StreamGroup {
                name: "group".into(),
                last_id: entries[9].id,
                entries_read: Some(10),
                consumers: vec![
                    consumer("idle", -1, vec![]),
                    consumer("busy", 1_700_000_000_000, (0..150).map(pending).collect()),
                ],
                unowned: vec![],
            },
            StreamGroup { name: "".into(), last_id: StreamId::default(), entries_read: None, consumers: vec![], unowned: vec![] },
        ],
        idempotency: Some(StreamIdempotency {
            duration_s: 86_400,
            max_ids: 50,
            producers: vec![StreamProducer { name: "producer".into(), ids: vec![("first".into(), entries[0].id)] }],
            added: 3,
            duplicates: 1,
        }),
        entries,
    }
}

/// The entry as a payload has it, in one order. Ids of producers that have run out are gone; what a module
/// wrote is its own business, as it links the elements of a vector set anew.
fn comparable(entry: &Entry) -> Entry {
    let mut entry = Entry::from(entry.value.clone());
    if let Value::Module(module) = &mut entry.value {
        module.items = ModuleItems::default();
    }
    if let Value::Stream(stream) = &mut entry.value
        && let Some(idempotency) = &mut stream.idempotency
    {
        let oldest = (now_ms() as u64).saturating_sub(idempotency.duration_s * 1000);
        for producer in &mut idempotency.producers {
            producer.ids.retain(|(_, id)| id.ms > oldest);
        }
        idempotency.producers.retain(|producer| !producer.ids.is_empty());
    }
    entry.canonicalize();
    entry
}

/// Asks for the value and expiry of every key.
fn assert_holds(target: &Target, client: &mut Client, expected: &BTreeMap<Bytes, Entry>) {
    assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(expected.len() as i64), "{}", target.name);
    for (key, entry) in expected {
        let place = || format!("{}: {}", target.name, key.escape_ascii());
        let Reply::Bytes(payload) = client.ask(&[&b"DUMP"[..], key]) else { panic!("{}", place()) };
        let held = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap_or_else(|error| panic!("{}: {error}", place()));
        assert!(comparable(&held) == comparable(entry), "{}: {held:?} and not {entry:?}", place());
        let Reply::Int(ttl) = client.ask(&[&b"PTTL"[..], key]) else { panic!("{}", place()) };
        match entry.expires_at_ms {
            None => assert_eq!(ttl, -1, "{}", place()),
            Some(at) => assert!((now_ms() + ttl - at).abs() < 60_000, "{}: {ttl} for {at}", place()),
        }
    }
}

/// The server's own sum of a value; nothing from servers that have none.
fn digest(client: &mut Client, key: &[u8]) -> Option<Vec<u8>> {
    match client.ask(&[&b"DEBUG"[..], b"DIGEST-VALUE", key]) {
        Reply::Array(digests) => match &digests[..] {
            [Reply::Bytes(digest)] => Some(digest.clone()),
            [Reply::Status(digest)] => Some(digest.clone().into_bytes()),
            other => panic!("{other:?}"),
        },
        Reply::Error(_) => None,
        other => panic!("{other:?}"),
    }
}

/// Compares what the server holds of its own snapshots with what it holds of ours. Gives the number of keys.
fn compare_with_originals(target: &Target, program: &Path, client: &mut Client, held: &BTreeMap<Bytes, Entry>) -> u64 {
    let mut compared = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.server == target.name) {
        let dataset = fixture.dataset();
        let has_modules = !dataset.module_data.is_empty()
            || dataset.databases.values().flat_map(BTreeMap::values).any(|entry| !is_known(target, fixture.server, entry));
        if has_modules {
            continue;
        }
        let folder = TempDir::new();
        let server = target.start(program, &folder, &fixture.bytes);
        let mut original = server.client();
        for (db, database) in &dataset.databases {
            assert_eq!(original.ask(&["SELECT", &db.to_string()]), Reply::Status("OK".into()));
            for key in database.keys() {
                let name = name(fixture, *db, key);
                if held.contains_key(&name) {
                    let theirs = digest(&mut original, key);
                    assert_eq!(digest(client, &name), theirs, "{}", name.escape_ascii());
                    compared += u64::from(theirs.is_some());
                }
            }
        }
    }
    compared
}

/// Has every key restored from a payload, in place of what is there.
fn restore(target: &Target, client: &mut Client, entries: &BTreeMap<Bytes, Entry>) {
    let mut dumps = DumpEmitter::new(&EncodeOptions::new(target.version)).unwrap();
    let mut payload = Vec::new();
    let has_replace = target.is_since(7);
    if !has_replace {
        assert_eq!(client.ask(&["FLUSHALL"]), Reply::Status("OK".into()));
    }
    for (key, entry) in entries {
        dumps.write(entry, &mut payload).unwrap();
        let ttl = entry.expires_at_ms.map_or(0, |at| at - now_ms()).to_string();
        let mut command = vec![&b"RESTORE"[..], key, ttl.as_bytes(), &payload];
        if has_replace {
            command.push(b"REPLACE");
        }
        assert_eq!(client.ask(&command), Reply::Status("OK".into()), "{}: {}", target.name, key.escape_ascii());
    }
}

fn takes_everything(server: &'static str) {
    let Some(program) = common::server(server) else { return };
    let version = fixtures().iter().find(|fixture| fixture.server == server).unwrap().version;
    let target = Target { name: server, version };
    let options = EncodeOptions::new(version);
    let mut dataset = Dataset { databases: [(0, everything(&target))].into(), ..Dataset::default() };
    if target.is_since(10) {
        let functions = fixtures().into_iter().find(|fixture| fixture.name() == "redis-7.0/functions").unwrap();
        dataset.functions = functions.dataset().functions;
        assert!(!dataset.functions.is_empty());
    }
    let (snapshot, refused) = encode_what_fits(&mut dataset, &options);
    let entries = &dataset.databases[&0];
    eprintln!("{server}: {} keys, {} refused, {} bytes", entries.len(), refused.len(), snapshot.len());

    let folder = TempDir::new();
    let running = target.start(&program, &folder, &snapshot);
    target.check(&program, &folder.join("dump.rdb"));
    let mut client = running.client();
    assert_holds(&target, &mut client, entries);
    if target.is_since(10) {
        let listed = format!("{:?}", client.ask(&["FUNCTION", "LIST", "WITHCODE"]));
        for function in &dataset.functions {
            assert!(listed.contains(&format!("{:?}", Reply::Bytes(function.code.to_vec()))), "{listed}");
        }
    }
    let compared = compare_with_originals(&target, &program, &mut client, entries);
    assert!(compared > 150 || !target.is_since(9), "{server}: only {compared} digests");

    let sums = |client: &mut Client| entries.keys().map(|key| digest(client, key)).collect::<Vec<_>>();
    let before = sums(&mut client);
    restore(&target, &mut client, entries);
    assert_holds(&target, &mut client, entries);
    assert_eq!(sums(&mut client), before, "{server}");
}

macro_rules! servers {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                takes_everything($name);
            }
        )*

        #[test]
        fn no_server_is_left_out() {
            assert_eq!([$($name),*], common::SERVERS);
        }
    };
}

servers! {
    redis_2_8_takes_everything: "redis-2.8",
    redis_3_2_takes_everything: "redis-3.2",
    redis_5_0_takes_everything: "redis-5.0",
    redis_6_2_takes_everything: "redis-6.2",
    redis_7_0_takes_everything: "redis-7.0",
    redis_8_0_takes_everything: "redis-8.0",
    redis_8_6_takes_everything: "redis-8.6",
    valkey_8_1_takes_everything: "valkey-8.1",
    valkey_9_1_takes_everything: "valkey-9.1",
}

/// Streams of Redis 5.0 to 6.2 lack counters. What later servers make of them is what a dataset says.
#[test]
fn later_servers_derive_the_counters_of_old_streams_as_we_do() {
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(program) = common::server(name) else { continue };
        let version = fixtures().iter().find(|fixture| fixture.server == name).unwrap().version;
        let target = Target { name, version };
        for fixture in fixtures().iter().filter(|fixture| fixture.version == Version::redis(9) && fixture.case == "streams") {
            let folder = TempDir::new();
            let server = target.start(&program, &folder, &fixture.bytes);
            let entries = fixture.dataset().databases.remove(&0).unwrap();
            assert!(entries.len() > 10);
            assert_holds(&target, &mut server.client(), &entries);
        }
    }
}
