//! `aikv info` says which servers load a file as it is, and what they need for that.

#![cfg(all(feature = "cli", unix))]

mod common;
mod datasets;
mod rewriting;

use aikv::rdb::Target as Named;
use common::{SERVERS, Server, TempDir, data};
use datasets::everything::Target;
use rewriting::{aikv, aikv_ends};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn fixture(name: &str) -> String {
    data().join(name).to_str().unwrap().to_owned()
}

fn info(file: &str, more: &[&str]) -> Value {
    serde_json::from_slice(&aikv(&[&["info", file, "--json"], more].concat()).stdout).unwrap()
}

fn range(oldest: &str, newest: &str) -> Value {
    json!({ "oldest": oldest, "newest": newest })
}

#[test]
fn a_snapshot_names_its_oldest_and_newest_servers() {
    let (redis, valkey) = (|oldest| range(oldest, "redis-8.10"), || range("valkey-7.2", "valkey-9.1"));
    for (name, loads_in) in [
        ("redis-2.8/strings", json!({ "redis": redis("redis-2.6"), "valkey": valkey() })),
        ("redis-3.2/lists", json!({ "redis": redis("redis-3.2"), "valkey": valkey() })),
        ("redis-6.2/streams", json!({ "redis": redis("redis-5.0"), "valkey": valkey() })),
        ("redis-7.0/zsets", json!({ "redis": redis("redis-7.0"), "valkey": valkey() })),
        // It has a listpack entry of 16383 bytes.
        ("redis-7.0/hashes", json!({ "redis": range("redis-7.0", "redis-8.6"), "valkey": range("valkey-7.2", "valkey-9.0") })),
        ("valkey-8.1/sets", json!({ "redis": redis("redis-7.2"), "valkey": valkey() })),
        ("redis-8.0/field_expiry", json!({ "redis": redis("redis-7.4") })),
        ("redis-8.6/streams", json!({ "redis": redis("redis-8.6") })),
        ("valkey-9.1/field_expiry", json!({ "valkey": range("valkey-9.0", "valkey-9.1") })),
    ] {
        let told = info(&fixture(&format!("{name}.rdb")), &[]);
        assert_eq!(told["loads_in"], loads_in, "{name}");
        assert_eq!(told["needs"], json!({ "modules": [], "function_engines": [] }), "{name}");
    }
    let words = |name: &str| aikv_ends(&["info", &fixture(name)], 0);
    assert!(words("redis-7.0/zsets.rdb").contains("\nloads in redis-7.0 to redis-8.10 and valkey-7.2 to valkey-9.1\n"));
    assert!(words("redis-8.0/functions.rdb").contains("\nloads in redis-7.4 to redis-8.10; needs functions in lua\n"));
}

#[test]
fn what_a_server_must_have_is_named() {
    let needs = |file: &str, more: &[&str]| info(file, more)["needs"].clone();
    let modules = |names: &[&str]| json!({ "modules": names, "function_engines": [] });
    assert_eq!(needs(&fixture("redis-8.0/vectors.rdb"), &[]), modules(&["vectorset"]));
    // The file needs it whichever keys are asked about.
    assert_eq!(needs(&fixture("redis-8.0/vectors.rdb"), &["-k", "^nothing$"]), modules(&["vectorset"]));
    let named = needs(&fixture("modules/modules.rdb"), &[])["modules"].to_string();
    for name in ["ReJSON-RL", "MBbloom--", "TSDB-TYPE"] {
        assert!(named.contains(name), "{named}");
    }
    let functions = json!({ "modules": [], "function_engines": ["lua"] });
    assert_eq!(needs(&fixture("valkey-9.1/functions.rdb"), &[]), functions);

    let folder = TempDir::new();
    let many = folder.join("many.rdb");
    fs::write(&many, b"REDIS0011\xfe\x0f\0\x01a\x01v\xfe\x10\0\x01b\x01v\xff\0\0\0\0\0\0\0\0").unwrap();
    assert_eq!(needs(many.to_str().unwrap(), &[]), json!({ "modules": [], "function_engines": [], "databases": 17 }));
    assert!(aikv_ends(&["info", many.to_str().unwrap()], 0).contains("; needs 17 databases\n"));
}

/// A library that uses `server`, in a file of a version that both lineages load: Redis does not start on it, Valkey does.
#[test]
fn libraries_that_only_valkey_runs_are_told() {
    let folder = TempDir::new();
    let file = folder.join("dump.rdb");
    for (global, is_told) in [("server", true), ("redis", false)] {
        let code = format!("#!lua name=a\n{global}.register_function('f', function() return 1 end)");
        let lines = folder.join("lines.jsonl");
        fs::write(&lines, format!("{}\n", json!({ "function": code }))).unwrap();
        aikv_ends(&["convert", lines.to_str().unwrap(), file.to_str().unwrap(), "--to", "redis-7.0"], 0);
        let name = file.to_str().unwrap();
        let told = info(name, &[]);
        assert_eq!(
            told["loads_in"],
            json!({ "redis": range("redis-7.0", "redis-8.10"), "valkey": range("valkey-7.2", "valkey-9.1") })
        );
        assert_eq!(told["needs"]["valkey_libraries"], if is_told { json!(1) } else { Value::Null });
        assert_eq!(
            aikv_ends(&["info", name], 0).contains("1 function library with the word `server`: only Valkey has it"),
            is_told
        );
        for server in ["redis-7.0", "redis-8.6", "valkey-8.1", "valkey-9.1"] {
            let Some(program) = common::server(server) else { continue };
            let started = Server::start(&program, folder.path(), &[]);
            assert_eq!(started.is_ok(), !is_told || server.starts_with("valkey"), "{global} on {server}");
        }
    }
}

#[test]
fn nothing_is_said_of_what_no_server_loads_as_it_is() {
    let folder = TempDir::new();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let bytes = fs::read(fixture("redis-7.0/hashes.rdb")).unwrap();
    let cut = file("cut.rdb", &bytes[..bytes.len() - 1]);
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let flipped = file("flipped.rdb", &flipped);
    let lines = file("lines.jsonl", b"{\"snapshot\":{\"dialect\":\"redis\",\"version\":11}}\n");
    let log = fixture("redis-8.6/plain.aof");
    for (file, more) in [(&cut, &[][..]), (&flipped, &[]), (&flipped, &["--lenient"]), (&lines, &[]), (&log, &[])] {
        let told = info(file, more);
        assert!(told.get("loads_in").is_none() && told.get("needs").is_none(), "{file}: {told}");
        assert!(told["keys"].is_u64(), "{file}: {told}");
    }
    // One that is sound and that nobody loads: a function of the release candidates of Redis 7.0.
    let candidate = b"REDIS0010\xf6\x01f\x03LUA\x00\x01c\xff\0\0\0\0\0\0\0\0";
    let candidate = file("candidate.rdb", candidate);
    assert_eq!(info(&candidate, &[])["loads_in"], json!({}));
    assert!(aikv_ends(&["info", &candidate], 0).contains("\nno server loads it as it is\n"));
}

/// Of our servers, those at the ends of the named range start on the file, and the next one beside them does not.
#[test]
fn the_named_servers_load_it_and_the_next_one_does_not() {
    let order: Vec<&str> = aikv::rdb::Server::all().map(aikv::rdb::Server::name).collect();
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap();
    let (mut loaded, mut refused) = (0, 0);
    for server in SERVERS {
        for case in ["hashes", "sets", "lists", "streams", "functions", "field_expiry"] {
            let file = fixture(&format!("{server}/{case}.rdb"));
            if !Path::new(&file).exists() {
                continue;
            }
            let told = info(&file, &[]);
            for lineage in ["redis", "valkey"] {
                let ours: Vec<&'static str> = SERVERS.into_iter().filter(|name| name.starts_with(lineage)).collect();
                let range = &told["loads_in"][lineage];
                let named = range["oldest"].as_str().zip(range["newest"].as_str());
                let is_named =
                    |name: &&&str| named.is_some_and(|(oldest, newest)| (place(oldest)..=place(newest)).contains(&place(name)));
                let within: Vec<_> = ours.iter().filter(is_named).collect();
                let ends = [within.first(), within.last()].into_iter().flatten().map(|name| (**name, true));
                let first = within.first().map_or(ours.len(), |name| ours.iter().position(|other| other == *name).unwrap());
                let beside = first.checked_sub(1).map(|at| (ours[at], false));
                let last = within.last().map_or(ours.len(), |name| ours.iter().position(|other| other == *name).unwrap() + 1);
                let behind = ours.get(last).map(|name| (*name, false));
                let mut asked: Vec<_> = ends.chain(beside).chain(behind).collect();
                asked.dedup();
                for (name, is_said) in asked {
                    let Some(program) = common::server(name) else { return };
                    let target = Target { name, version: Named::from_name(name).unwrap().version() };
                    let folder = TempDir::new();
                    fs::copy(&file, folder.join("dump.rdb")).unwrap();
                    let started = Server::start(&program, folder.path(), &target.options());
                    assert_eq!(started.is_ok(), is_said, "{file} by {name}: {:?}", started.err());
                    *(if is_said { &mut loaded } else { &mut refused }) += 1;
                }
            }
        }
    }
    assert!(loaded > 60 && refused > 30, "{loaded} and {refused}");
}
