//! All that servers are given to hold: the content of every fixture and values at further edges; and
//! what two of them must agree in.

use super::super::common::{Client, Reply, Server, TempDir};
use super::{Fixture, fixtures};
use aikv::model::{
    Entry, HashField, ModuleItems, ScoredMember, Stream, StreamConsumer, StreamEntry, StreamGroup, StreamIdempotency,
    StreamPending, StreamProducer, Value,
};
use aikv::rdb::{StreamId, Version};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// A server and what its version can do.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
}

impl Target {
    pub(crate) fn is_since(&self, rdb: u64) -> bool {
        self.version.number() >= rdb
    }

    pub(crate) fn options(&self) -> Vec<&'static str> {
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
    pub(crate) fn start(&self, program: &Path, folder: &TempDir, snapshot: &[u8]) -> Server {
        fs::write(folder.join("dump.rdb"), snapshot).unwrap();
        Server::start(program, folder.path(), &self.options()).unwrap_or_else(|log| panic!("{}: {log}", self.name))
    }

    /// Has the server's own checker look at a snapshot.
    pub(crate) fn check(&self, program: &Path, snapshot: &Path) {
        let tools = ["redis-check-rdb", "valkey-check-rdb", "redis-check-dump"];
        let tool = tools.iter().map(|tool| program.with_file_name(tool)).find(|tool| tool.exists()).expect("a checker");
        let output = Command::new(tool).arg(snapshot).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stdout));
    }
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Whether nothing of an entry expires while the test runs, or has before.
pub(crate) fn lasts(entry: &Entry) -> bool {
    let soon = now_ms() + 3_600_000;
    let is_late = |expiry: Option<i64>| expiry.is_none_or(|at| at > soon);
    let fields: &[HashField] = if let Value::Hash(fields) = &entry.value { fields } else { &[] };
    is_late(entry.expires_at_ms) && fields.iter().all(|field| is_late(field.expires_at_ms))
}

/// Whether the server has the module, if it is a module's value or has a module's metadata, and gives it back as it
/// was: a vector set is written anew in the form of the server's own version.
pub(crate) fn is_known(target: &Target, server: &str, entry: &Entry) -> bool {
    match &entry.value {
        _ if !entry.metadata.is_empty() => false,
        Value::Module(module) => module.id.to_string() == "vectorset" && server == target.name,
        _ => true,
    }
}

pub(crate) fn name(fixture: &Fixture, db: u64, key: &[u8]) -> Bytes {
    [format!("{} {db} ", fixture.name()).as_bytes(), key].concat().into()
}

/// Everything that the fixtures hold and values at further edges, in one database.
pub(crate) fn everything(target: &Target) -> BTreeMap<Bytes, Entry> {
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

pub(crate) fn text(len: usize, n: usize) -> Bytes {
    let mut text = format!("{n}-");
    text.extend(std::iter::repeat_n('x', len.saturating_sub(text.len())));
    Bytes::from(text)
}

/// Values that no fixture holds.
pub(crate) fn edges() -> Vec<(String, Value)> {
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
pub(crate) fn stream() -> Stream {
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
pub(crate) fn comparable(entry: &Entry) -> Entry {
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

/// The server's own sum of a value; nothing from servers that have none.
pub(crate) fn digest(client: &mut Client, key: &[u8]) -> Option<Vec<u8>> {
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
