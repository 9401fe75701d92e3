//! Real servers load what `filter`, `split`, `merge` and `repair` write, and hold of each key what they hold of it in the
//! original, as `DEBUG DIGEST-VALUE` says.

#![cfg(all(feature = "cli", unix))]

mod common;
mod datasets;
mod rewriting;

use aikv::rdb::Version;
use common::{Client, Reply, TempDir, data};
use datasets::everything::{Target, digest};
use rewriting::{Record, aikv_ends, records};
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Has a server load `file`, which holds some keys of the original, and compares all of them.
fn compare(target: &Target, program: &Path, original: &mut Client, file: &Path) -> usize {
    let bytes = fs::read(file).unwrap();
    let folder = TempDir::new();
    let server = target.start(program, &folder, &bytes);
    target.check(program, &folder.join("dump.rdb"));
    let mut client = server.client();
    let keys: Vec<Record> = records(&bytes);
    let mut dbs: Vec<u64> = keys.iter().map(|record| record.db).collect();
    dbs.sort_unstable();
    dbs.dedup();
    for db in dbs {
        for client in [&mut *original, &mut client] {
            assert_eq!(client.ask(&["SELECT", &db.to_string()]), Reply::Status("OK".into()));
        }
        let here: Vec<_> = keys.iter().filter(|record| record.db == db).collect();
        assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(here.len() as i64), "{}", file.display());
        for record in here {
            let theirs = digest(original, &record.key);
            assert_eq!(digest(&mut client, &record.key), theirs, "{}", record.key.escape_ascii());
        }
    }
    keys.len()
}

fn servers_load_it(name: &'static str, version: Version, fixture: &str) {
    let Some(program) = common::server(name) else { return };
    let target = Target { name, version };
    let original = data().join(name).join(fixture).with_extension("rdb");
    let bytes = fs::read(&original).unwrap();
    let count = records(&bytes).len();
    let (home, out) = (TempDir::new(), TempDir::new());
    let server = target.start(&program, &home, &bytes);
    let mut client = server.client();

    let file = |name: &str| out.join(name);
    let mut sizes: Vec<_> = records(&bytes).iter().map(|record| record.bytes.len()).collect();
    sizes.sort_unstable();
    aikv_ends(&["filter", text(&original), text(&file("filtered")), "--bytes", &format!("~{}", sizes[count / 2])], 0);
    let kept = compare(&target, &program, &mut client, &file("filtered"));
    assert!(kept > 0 && kept < count, "{kept} of {count}");

    aikv_ends(&["split", text(&original), text(&file("parts")), "--by", "2"], 0);
    let parts = ["part-1.rdb", "part-2.rdb"].map(|part| file("parts").join(part));
    let sum: usize = parts.iter().map(|part| compare(&target, &program, &mut client, part)).sum();
    assert_eq!(sum, count);
    aikv_ends(&["merge", text(&parts[0]), text(&parts[1]), text(&file("merged"))], 0);
    assert_eq!(compare(&target, &program, &mut client, &file("merged")), count);

    fs::write(file("cut"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    aikv_ends(&["repair", text(&file("cut")), text(&file("repaired"))], 1);
    let kept = compare(&target, &program, &mut client, &file("repaired"));
    assert!(kept > 0 && kept < count, "{kept} of {count}");
}

#[test]
fn redis_2_8_loads_it() {
    servers_load_it("redis-2.8", Version::redis(6), "hashes");
}

#[test]
fn redis_7_0_loads_it() {
    servers_load_it("redis-7.0", Version::redis(10), "streams");
}

#[test]
fn redis_8_6_loads_it() {
    servers_load_it("redis-8.6", Version::redis(13), "zsets");
}

#[test]
fn valkey_9_1_loads_it() {
    servers_load_it("valkey-9.1", Version::valkey(80), "lists");
}
