//! What is read of which server and written for which, value type by value type: makes
//! `docs/support.md` and holds it against what the servers do.
//!
//! ```text
//! AIKV_WRITE=1 cargo test --test support_matrix      # writes docs/support.md anew
//! ```
//!
//! A type counts as *read* where a fixture of the server holds it (`rdb_decode` compares its keys with
//! what the server says of them), as *written* where the server has loaded what was encoded for it in
//! that type, with deep sanitising where it has it, and gives back by `DUMP` what was put in.

#![cfg(unix)]

mod common;
mod support;

use aikv::model::{Dataset, Entry, Value};
use aikv::rdb::{Checksum, Decoder, Encoder, Event, Eviction, Key, Span, ValueType, Version, ZeroChecksum};
use aikv::wire::Scalar;
use common::{Reply, SERVERS, Server, TempDir};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use support::newer;

/// Keys of a type that a server is given.
const SAMPLES: usize = 4;

/// A key of a snapshot: its bytes in the file it came from.
struct Sample {
    name: String,
    /// A whole snapshot that holds it, and its number among the keys of that.
    file: usize,
    number: usize,
    value_type: ValueType,
    entry: Entry,
}

struct File {
    server: Option<&'static str>,
    bytes: Vec<u8>,
    version: Version,
}

/// Fixtures of real servers, then files built byte by byte.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    for server in SERVERS {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(common::data().join(server)).unwrap().map(|file| file.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rdb")) {
            let bytes = fs::read(path).unwrap();
            let version = Version::from_header(&bytes).unwrap();
            files.push(File { server: Some(server), bytes, version });
        }
    }
    for (_, bytes) in newer::files().into_iter().chain(old_files()) {
        let version = Version::from_header(&bytes).unwrap();
        files.push(File { server: None, bytes, version });
    }
    files
}

/// What servers before 2.6 wrote: a zipmap. `rdb_versions` has more of them.
fn old_files() -> Vec<(&'static str, Vec<u8>)> {
    let zipmap = support::hex("02 | 01 66 | 01 00 76 | 01 67 | 03 02 776f77 0000 | FF");
    vec![("zipmap", support::file(2, &[&b"\xfe\x00\x09\x04hash"[..], &support::string(&zipmap)].concat()))]
}

/// Hands every event of a file to `f`, with the number of keys that began before.
fn each_event(bytes: &[u8], mut f: impl FnMut(&Event<'_>, usize)) {
    let mut decoder = Decoder::new();
    let mut input = bytes;
    let mut keys = 0;
    loop {
        let step = decoder.step(input).unwrap_or_else(|fault| panic!("{fault:?}"));
        input = &input[step.consumed..];
        match &step.event {
            Some(event) => {
                f(event, keys);
                keys += usize::from(matches!(event, Event::KeyEnd { .. }));
            }
            None if input.is_empty() => return,
            None => {}
        }
    }
}

/// Whether any server takes this value: not modules' values, and nothing that expires soon.
fn is_plain(entry: &Entry) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let soon = i64::try_from(now).unwrap() + 3_600_000;
    let lasts = |at: Option<i64>| at.is_none_or(|at| at > soon);
    let fields_last = match &entry.value {
        Value::Hash(fields) => fields.iter().all(|field| lasts(field.expires_at_ms)),
        Value::Module(_) => false,
        _ => true,
    };
    entry.metadata.is_empty() && fields_last
}

/// Every key of the files by value type, with what it holds.
fn samples(files: &[File]) -> Vec<Sample> {
    let mut found = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let dataset = Dataset::decode(&file.bytes).unwrap();
        each_event(&file.bytes, |event, number| {
            let Event::Key(key) = event else { return };
            let entry = dataset.databases[&key.db][&key.key.to_vec()[..]].clone();
            let name = format!("{}:{at}:{number}", key.value_type.name());
            found.push(Sample { name, file: at, number, value_type: key.value_type, entry });
        });
    }
    found
}

/// A snapshot for `version` of these keys, each in its type and under its name.
fn encode(version: Version, files: &[File], samples: &[&Sample]) -> Vec<u8> {
    let mut encoder = Encoder::new(version);
    let mut out = Vec::new();
    encoder.write(&Event::Start(version), &mut out).unwrap();
    encoder.write(&Event::SelectDb(0), &mut out).unwrap();
    let wanted: BTreeSet<usize> = samples.iter().map(|sample| sample.file).collect();
    for file in wanted {
        let of_file: BTreeMap<usize, &Sample> =
            samples.iter().filter(|sample| sample.file == file).map(|sample| (sample.number, *sample)).collect();
        each_event(&files[file].bytes, |event, number| {
            let Some(sample) = of_file.get(&number) else { return };
            match event {
                Event::Key(key) => {
                    let key =
                        Key { key: Scalar::Bytes(sample.name.as_bytes()), expires_at_ms: None, eviction: Eviction::None, ..*key };
                    encoder.write(&Event::Key(key), &mut out).unwrap();
                }
                Event::Value(_) => encoder.write(event, &mut out).unwrap(),
                Event::KeyEnd { .. } => encoder.write(&Event::KeyEnd { span: Span::default() }, &mut out).unwrap(),
                _ => {}
            }
        });
    }
    encoder.write(&Event::End(Checksum::Verified), &mut out).unwrap();
    encoder.finish().unwrap();
    out
}

fn comparable(entry: &Entry) -> Entry {
    let mut entry = Entry::from(entry.value.clone());
    if let Value::Stream(stream) = &mut entry.value {
        // Ids of producers run out while nobody looks.
        stream.idempotency = None;
    }
    entry.canonicalize();
    entry
}

/// Has the server load samples of every type that it knows; gives the types it has given back.
fn written(server: &'static str, files: &[File], all: &[Sample]) -> Option<BTreeSet<&'static str>> {
    let program = common::server(server)?;
    let version = files.iter().find(|file| file.server == Some(server)).unwrap().version;
    let mut chosen: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in all.iter().filter(|sample| sample.value_type.is_in(version) && is_plain(&sample.entry)) {
        let of_type = chosen.entry(sample.value_type.name()).or_default();
        // Keys of several servers, if there are.
        let is_of_new_file = of_type.iter().all(|other| files[other.file].server != files[sample.file].server);
        if of_type.len() < SAMPLES && (is_of_new_file || of_type.len() < 2) {
            of_type.push(sample);
        }
    }
    let samples: Vec<&Sample> = chosen.values().flatten().copied().collect();
    let folder = TempDir::new();
    fs::write(folder.join("dump.rdb"), encode(version, files, &samples)).unwrap();
    let sanitizes = server == "redis-6.2" || version.number() >= 10;
    let options: &[&str] = if sanitizes { &["--sanitize-dump-payload", "yes"] } else { &[] };
    let running = Server::start(&program, folder.path(), options).unwrap_or_else(|log| panic!("{server}: {log}"));
    let mut client = running.client();
    assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(samples.len() as i64), "{server}");
    for sample in &samples {
        let Reply::Bytes(payload) = client.ask(&["DUMP", &sample.name]) else { panic!("{server}: {}", sample.name) };
        let held = Entry::from_dump(&payload, ZeroChecksum::Compared).unwrap();
        assert!(comparable(&held) == comparable(&sample.entry), "{server}: {}: {held:?}", sample.name);
    }
    Some(chosen.into_keys().map(|name| ValueType::from_name(name).unwrap().name()).collect())
}

/// What stands in a column for a version without a server: how it was made.
fn built(files: &[File], all: &[Sample]) -> BTreeMap<(&'static str, u64), &'static str> {
    let published: BTreeSet<Vec<u8>> = [newer::published_array(), newer::published_hash_2()].into();
    let mut found = BTreeMap::new();
    for sample in all.iter().filter(|sample| files[sample.file].server.is_none()) {
        let file = &files[sample.file];
        let word = if published.contains(&file.bytes) { "vector" } else { "layout" };
        found.entry((sample.value_type.name(), sample.value_type.since())).or_insert(word);
    }
    found
}

#[test]
fn the_table_of_support_is_what_was_seen() {
    let files = files();
    let all = samples(&files);
    let mut read: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for sample in &all {
        if let Some(server) = files[sample.file].server {
            *read.entry((sample.value_type.name(), server)).or_default() += 1;
        }
    }
    let mut loaded = BTreeMap::new();
    for server in SERVERS {
        // Says so where the server is not there; the table cannot be held against it then.
        let Some(types) = written(server, &files, &all) else { return };
        loaded.insert(server, types);
    }
    let made = table(&files, &read, &loaded, &built(&files, &all));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/support.md");
    if std::env::var_os("AIKV_WRITE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/support.md is not what was seen; AIKV_WRITE=1 cargo test --test support_matrix writes it anew");
}

fn table(
    files: &[File],
    read: &BTreeMap<(&str, &str), usize>,
    loaded: &BTreeMap<&str, BTreeSet<&str>>,
    built: &BTreeMap<(&'static str, u64), &'static str>,
) -> String {
    let mut out = String::from(HEAD);
    out.push_str("| type | name | since |");
    for server in SERVERS {
        let version = files.iter().find(|file| file.server == Some(server)).unwrap().version;
        write!(out, " {server} ({version}) |").unwrap();
    }
    out.push_str(" built by hand |\n| --- | --- | --- |");
    out.push_str(&" --- |".repeat(SERVERS.len() + 1));
    out.push('\n');
    let mut types: Vec<ValueType> = ValueType::all().collect();
    types.sort_by_key(|value_type| (value_type.byte(), value_type.since()));
    for value_type in types {
        let since = match value_type.dialect() {
            None => format!("RDB {}", value_type.since()),
            Some(dialect) => format!("{} {}", dialect.name(), value_type.since()),
        };
        write!(out, "| {} | `{}` | {since} |", value_type.byte(), value_type.name()).unwrap();
        for server in SERVERS {
            let mut cell = Vec::new();
            if read.contains_key(&(value_type.name(), server)) {
                cell.push("R");
            }
            if loaded[server].contains(value_type.name()) {
                cell.push("W");
            }
            write!(out, " {} |", cell.join(" ")).unwrap();
        }
        let by_hand = built.get(&(value_type.name(), value_type.since())).copied().unwrap_or_default();
        writeln!(out, " {by_hand} |").unwrap();
    }
    out.push_str(TAIL);
    out
}

const HEAD: &str = "# What is read and written

Made by `tests/support_matrix.rs`, which fails where this page is not what it sees.

**R**: read from snapshots that this server wrote; every key is what the server says of it. **W**: written in this type for this server's version, loaded by it (with deep
sanitising from Redis 6.2 on), and given back by its `DUMP` as it was put in; up to four keys of each type, of several servers. Servers read all that older ones wrote.
*vector*: read from a file published with its expected content. *layout*: read from files built byte by byte from the published layout, for want of a server that writes it.
What `Dataset` chooses for each server is tried with all content of all fixtures by `tests/dataset_servers.rs`, as a snapshot and by `RESTORE`.

";

const TAIL: &str = "
Module values (7) and key metadata go only into servers that have the module: `tests/dataset_servers.rs` gives vector sets back to the servers they came from. 6 has no framing and 8 was never
assigned: neither can be read. The number of the rate limiter (28, 29, 33) never settled in a release, and 27 under RDB 13 was another type in development versions: these are refused by name.

Versions that no obtainable server writes: 1 to 5, 8, 14 and 15. Files of each are built byte by byte in `tests/rdb_versions.rs` (1 to 8), `tests/rdb_newer.rs` (12 to 15, Valkey 80), and dumps published with
other projects cover 3, 5 and 8 (`tests/public_dumps.rs`). Written for them: every fixture under every version decodes again to the same content, or is refused with what the version
has no form for (`tests/dataset.rs`).
";
