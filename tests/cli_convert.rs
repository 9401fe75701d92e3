//! `aikv convert`: files in, files out, exit codes, and what is left when it fails.

#![cfg(all(feature = "cli", unix))]

mod common;

use aikv::aof::Manifest;
use aikv::model::Dataset;
use aikv::rdb::Version;
use common::{Reply, Server, TempDir, data};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn aikv(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = command(args).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aikv"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn fixture(name: &str) -> String {
    text(&data().join(name)).to_owned()
}

#[test]
fn a_snapshot_becomes_one_of_the_target() {
    let folder = TempDir::new();
    let out = folder.join("out.rdb");
    let source = fixture("redis-8.0/hashes.rdb");
    let done = aikv(&["convert", &source, text(&out), "--to", "redis-6.2"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert_eq!(stderr(&done), "");
    let bytes = fs::read(&out).unwrap();
    assert_eq!(Version::from_header(&bytes), Some(Version::redis(9)));
    let databases = Dataset::decode(&fs::read(&source).unwrap()).unwrap().databases;
    assert!(Dataset::decode(&bytes).unwrap().databases == databases);
    // Stdin is read too, and a second time gives the same bytes.
    let again = folder.join("again.rdb");
    let done = aikv(&["convert", "-", text(&again), "--to", "redis-6.2"], &fs::read(&source).unwrap());
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert!(fs::read(&again).unwrap() == bytes);
}

#[test]
fn a_loss_is_refused_and_listed() {
    let folder = TempDir::new();
    let out = folder.join("out.rdb");
    let source = fixture("redis-8.0/field_expiry.rdb");
    for old in [None, Some("old")] {
        if let Some(old) = old {
            fs::write(&out, old).unwrap();
        }
        for input in [&*source, "-"] {
            let stdin = fs::read(&source).unwrap();
            let done = aikv(&["convert", input, text(&out), "--to", "redis-7.2"], &stdin);
            assert_eq!(done.status.code(), Some(4), "{}", stderr(&done));
            assert!(stderr(&done).contains("key \"") && stderr(&done).contains("the expiry of a field"), "{}", stderr(&done));
            assert!(stderr(&done).trim_end().ends_with("--on-loss degrade or drop says what becomes of them"));
            assert!(done.stdout.is_empty());
            assert_eq!(folder.names(), old.map(|_| "out.rdb").into_iter().collect::<Vec<_>>());
        }
    }
    assert_eq!(fs::read(&out).unwrap(), b"old");

    let done = aikv(&["convert", &source, text(&out), "--to", "redis-7.2", "--json"], b"");
    assert_eq!(done.status.code(), Some(4));
    let refused: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&refused["refused"], &refused["written_bytes"]), (&json!(true), &json!(0)));
    let done = aikv(&["convert", &source, text(&out), "--to", "redis-7.2", "--on-loss", "drop", "--json"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let dropped: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(dropped["refused"], false);
    assert_eq!(dropped["source"], json!({ "dialect": "redis", "version": 12 }));
    assert_eq!(dropped["rdb"], json!({ "dialect": "redis", "version": 11 }));
    assert_eq!(dropped["written_bytes"], fs::metadata(&out).unwrap().len());
    let (refused, dropped) = (refused["losses"].as_array().unwrap(), dropped["losses"].as_array().unwrap());
    assert_eq!(refused.len(), dropped.len());
    for (refused, dropped) in refused.iter().zip(dropped) {
        assert_eq!((&refused["code"], &refused["key"]), (&json!("field-expiry"), &dropped["key"]));
        assert_eq!(refused["outcome"], "stripped");
        assert!(["item-left-out", "key-left-out"].contains(&dropped["outcome"].as_str().unwrap()));
    }
}

#[test]
fn usage_says_what_is_expected() {
    let folder = TempDir::new();
    let source = fixture("redis-7.0/strings.rdb");
    let out = |name: &str| text(&folder.join(name)).to_owned();
    for (args, expected) in [
        (vec![out("a.rdb")], "--to"),
        (vec![out("a.txt"), "--to".into(), "redis-7.0".into()], ".jsonl"),
        (vec![out("a.rdb"), "--to".into(), "redis-9".into()], "valkey-9.1"),
        (vec![out("a/"), "--to".into(), "redis-6.2".into()], "one file"),
        (vec![out("a.jsonl"), "--to".into(), "redis-6.2".into()], "JSON Lines"),
    ] {
        let args: Vec<&str> = ["convert", &source].into_iter().chain(args.iter().map(String::as_str)).collect();
        let done = aikv(&args, b"");
        assert_eq!(done.status.code(), Some(2), "{args:?}");
        assert!(stderr(&done).contains(expected), "{}", stderr(&done));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn a_folder_is_what_a_server_starts_on() {
    let temp = TempDir::new();
    let out = format!("{}/", text(&temp.join("appendonlydir")));
    let source = fixture("redis-7.0/strings.rdb");
    let done = aikv(&["convert", &source, &out, "--to", "redis-8.6"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert_eq!(temp.names(), ["appendonlydir"]);
    let names = ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"];
    let folder = temp.join("appendonlydir");
    assert!(names.iter().all(|name| folder.join(name).is_file()) && fs::read_dir(&folder).unwrap().count() == 3);
    let manifest = fs::read(folder.join(names[2])).unwrap();
    assert_eq!(Manifest::parse(&manifest, names[2].as_bytes()).unwrap().0.files.len(), 2);
    // A folder that is there stays as it is.
    let done = aikv(&["convert", &source, &out, "--to", "redis-8.6"], b"");
    assert_eq!(done.status.code(), Some(3), "{}", stderr(&done));
    assert_eq!(temp.names(), ["appendonlydir"]);
    assert_eq!(fs::read(folder.join(names[2])).unwrap(), manifest);
    // And is converted back.
    let back = temp.join("back.rdb");
    let done = aikv(&["convert", &out, text(&back), "--to", "redis-7.0"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let databases = |path: &Path| Dataset::decode(&fs::read(path).unwrap()).unwrap().databases;
    assert!(databases(&back) == databases(Path::new(&source)));
    fs::remove_file(&back).unwrap();

    let Some(program) = common::server("redis-8.6") else { return };
    let server = Server::start(&program, temp.path(), &["--appendonly", "yes"]).unwrap();
    let keys = databases(Path::new(&source))[&0].len();
    assert_eq!(server.client().ask(&["DBSIZE"]), Reply::Int(keys as i64));
}

/// Logs of every server with their data told by that server are in `cli_replay`; here they go on to another.
#[test]
fn a_log_becomes_what_it_makes() {
    let folder = TempDir::new();
    for name in ["redis-7.0/appendonlydir", "redis-6.2/plain.aof", "redis-5.0/preamble.aof", "valkey-8.1/rewritten.aof"] {
        let source = data().join(name);
        if !source.exists() {
            panic!("{name} is not there");
        }
        let mut lines = Vec::new();
        for out in ["1.jsonl", "2.rdb", "3.aof", "4.resp", "5/"] {
            let path = format!("{}/{out}", text(folder.path()));
            let mut args = vec!["convert", text(&source), &path];
            if out != "1.jsonl" {
                args.extend(["--to", "redis-8.6", "--on-loss", "degrade"]);
            }
            let done = aikv(&args, b"");
            assert_eq!(done.status.code(), Some(0), "{name} to {out}: {}", stderr(&done));
            let keys = aikv(&["keys", path.trim_end_matches('/'), "--json"], b"");
            if out != "1.jsonl" {
                let mut keys: Vec<Value> =
                    std::str::from_utf8(&keys.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                keys.sort_by_key(|key| (key["db"].as_u64(), key["key"].to_string()));
                let facts = keys.iter().map(|key| [&key["db"], &key["key"], &key["type"], &key["elements"]].map(Clone::clone));
                lines.push(facts.collect::<Vec<_>>());
            }
        }
        assert!(lines[0].len() > 3, "{name}");
        assert!(lines.iter().all(|other| *other == lines[0]), "{name}");
        let exported = fs::read_to_string(folder.join("1.jsonl")).unwrap();
        assert_eq!(exported.lines().filter(|line| line.starts_with("{\"db\"")).count(), lines[0].len(), "{name}");
        for file in fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
    }
}

#[test]
fn damage_leaves_nothing_behind() {
    let folder = TempDir::new();
    let bytes = fs::read(fixture("redis-7.0/strings.rdb")).unwrap();
    let cut = folder.join("cut");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    for out in ["out.rdb", "out.aof", "out/"] {
        let path = format!("{}/{out}", text(folder.path()));
        let done = aikv(&["convert", text(&cut), &path, "--to", "redis-8.6"], b"");
        assert_eq!(done.status.code(), Some(3), "{}", stderr(&done));
        assert!(stderr(&done).contains("byte"), "{}", stderr(&done));
        assert_eq!(folder.names(), ["cut"]);
    }
    let done = aikv(&["convert", text(&folder.join("none")), text(&folder.join("o.rdb")), "--to", "redis-8.6"], b"");
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(folder.names(), ["cut"]);
}

/// What `--json` prints is one whole object, whatever becomes of the conversion, and it says the same as stderr.
#[test]
fn json_is_whole_where_the_conversion_is_not() {
    let folder = TempDir::new();
    let source = fixture("redis-8.0/field_expiry.rdb");
    let bytes = fs::read(&source).unwrap();
    let (cut, out) = (folder.join("cut"), folder.join("out.rdb"));
    fs::write(&cut, &bytes[..bytes.len() - 12]).unwrap();
    let full = |args: &[&str]| {
        let script = "ulimit -f 1; exec \"$0\" \"$@\"";
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_aikv")]).args(args).output().unwrap()
    };
    let convert = |file: &str, out: &Path| ["convert", file, text(out), "--to", "redis-6.2", "--json"].map(String::from);
    let run = |args: [String; 6]| aikv(&args.each_ref().map(String::as_str), b"");
    let nowhere = folder.join("no/out.rdb");
    let strings = convert(&fixture("redis-7.0/strings.rdb"), &out);
    for (done, has_losses) in [
        (run(convert(text(&cut), &out)), true),
        (run(convert(text(&folder.join("none")), &out)), false),
        (run(convert(&source, &nowhere)), false),
        (full(&strings.each_ref().map(String::as_str)), false),
    ] {
        assert_eq!(done.status.code(), Some(3), "{}", stderr(&done));
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(stderr(&done), format!("aikv: {}\n", report["error"].as_str().unwrap()));
        assert_eq!(!report["losses"].as_array().unwrap().is_empty(), has_losses, "{report}");
        assert_eq!((&report["to"], &report["on_loss"]), (&json!("redis-6.2"), &json!("fail")));
        assert!(report.get("keys").is_none() && report.get("refused").is_none(), "{report}");
        assert_eq!(folder.names(), ["cut"]);
    }
}

/// A snapshot of so many strings, and of the one with a number behind them.
fn many_keys(count: u32, behind: Option<u32>) -> Vec<u8> {
    let mut bytes = b"REDIS0011\xfe\x00".to_vec();
    for n in (0..count).chain(behind) {
        bytes.extend_from_slice(b"\x00\x04");
        bytes.extend_from_slice(&n.to_be_bytes());
        bytes.extend_from_slice(b"\x01v");
    }
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    bytes
}

/// There is room in memory for a hundred thousand names; the others are compared too.
#[test]
fn a_key_that_stands_twice_is_refused_among_any_number() {
    let folder = TempDir::new();
    let out = folder.join("out.rdb");
    for twice in [0, 104_900] {
        let done = aikv(&["convert", "-", text(&out), "--to", "redis-8.0", "--json"], &many_keys(220_000, Some(twice)));
        assert_eq!(done.status.code(), Some(3), "{twice}: {}", stderr(&done));
        assert!(stderr(&done).contains("twice") || stderr(&done).contains("once"), "{twice}: {}", stderr(&done));
        assert!(folder.names().is_empty(), "{twice}: {:?}", folder.names());
    }
    let done = aikv(&["convert", "-", text(&out), "--to", "redis-8.0", "--json"], &many_keys(220_000, None));
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["keys"], &report["is_distinct"]), (&json!(220_000), &json!(true)));
    assert_eq!(folder.names(), ["out.rdb"]);
    // The first one stands.
    let done = aikv(&["convert", "-", text(&out), "--to", "redis-8.0", "--json", "--lenient"], &many_keys(220_000, Some(0)));
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["keys"], 220_000);
    assert!(stderr(&done).contains("passed over"), "{}", stderr(&done));
}

/// Redis has no room for this expiry, and Valkey's log begins without a snapshot that says whose it is.
#[test]
fn a_log_with_field_expiries_beyond_those_of_redis_becomes_a_snapshot() {
    let folder = TempDir::new();
    let (log, out) = (folder.join("in.aof"), folder.join("out.rdb"));
    let mut bytes = Vec::new();
    let at = (1u64 << 48).to_string();
    for args in [&["HSET", "h", "f", "v", "g", "w"][..], &["HPEXPIREAT", "h", &at, "FIELDS", "1", "f"]] {
        aikv::aof::write_command(args, &mut bytes).unwrap();
    }
    fs::write(&log, bytes).unwrap();
    let done = aikv(&["convert", text(&log), text(&out), "--to", "valkey-9.1"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let held = Dataset::decode(&fs::read(&out).unwrap()).unwrap();
    let aikv::model::Value::Hash(fields) = &held.databases[&0][&b"h"[..]].value else { panic!("{held:?}") };
    let mut expiries: Vec<_> = fields.iter().map(|field| (&field.field[..], field.expires_at_ms)).collect();
    expiries.sort_unstable();
    assert_eq!(expiries, [(&b"f"[..], Some(1 << 48)), (b"g", None)]);
    let done = aikv(&["convert", text(&log), text(&out), "--to", "redis-8.0"], b"");
    assert_eq!(done.status.code(), Some(4), "{}", stderr(&done));
    assert!(stderr(&done).contains("this expiry of a field"), "{}", stderr(&done));
}

#[test]
fn an_interrupt_leaves_the_old_file() {
    let folder = TempDir::new();
    let out = folder.join("out.rdb");
    fs::write(&out, "old").unwrap();
    for name in ["out.rdb", "log/"] {
        let path = format!("{}/{name}", text(folder.path()));
        let mut child = command(&["convert", "-", &path, "--to", "redis-8.6"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = fs::read(fixture("redis-7.0/strings.rdb")).unwrap();
        let (front, behind) = bytes.split_at(bytes.len() / 2);
        stdin.write_all(front).unwrap();
        // The staged file says that it has begun.
        while folder.names().len() < 2 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let _ = stdin.write_all(behind);
        drop(stdin);
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
        assert_eq!(folder.names(), ["out.rdb"]);
        assert_eq!(fs::read(&out).unwrap(), b"old");
    }
}

#[test]
fn filters_and_leniency_are_those_of_every_command() {
    let folder = TempDir::new();
    let out = folder.join("out.rdb");
    let source = fixture("redis-8.0/databases.rdb");
    let done = aikv(&["convert", &source, text(&out), "--to", "redis-2.8", "-d", "0", "--json"], b"");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let held = Dataset::decode(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(held.databases.keys().collect::<Vec<_>>(), [&0]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(report["unmatched_keys"].as_u64().unwrap() > 0);

    let mut bytes = fs::read(&source).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let done = aikv(&["convert", "-", text(&out), "--to", "redis-8.0"], &bytes);
    assert_eq!(done.status.code(), Some(3));
    let done = aikv(&["convert", "-", text(&out), "--to", "redis-8.0", "--lenient"], &bytes);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert!(stderr(&done).contains("passed over"), "{}", stderr(&done));
    let sound = Dataset::decode(&fs::read(&source).unwrap()).unwrap();
    assert!(Dataset::decode(&fs::read(&out).unwrap()).unwrap().databases == sound.databases);
}

#[test]
fn databases_beyond_those_of_a_server_are_told() {
    let folder = TempDir::new();
    let commands = folder.join("in.aof");
    let mut file = File::create(&commands).unwrap();
    file.write_all(b"*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").unwrap();
    let out = folder.join("out.rdb");
    let done = aikv(&["convert", text(&commands), text(&out), "--to", "redis-2.6"], b"");
    assert_eq!((done.status.code(), stderr(&done)), (Some(0), ""));
    // As Redis 2.6 writes it: database 15, k = v.
    let mut expected = b"REDIS0006\xfe\x0f\x00\x01k\x01v\xff".to_vec();
    let found = fs::read(&out).unwrap();
    expected.extend_from_slice(&found[expected.len()..]);
    assert_eq!(found, expected);
    let beyond = b"REDIS0006\xfe\x10\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    let done = aikv(&["convert", "-", text(&out), "--to", "redis-2.6"], beyond);
    assert_eq!(done.status.code(), Some(0));
    assert!(stderr(&done).contains("databases 17"), "{}", stderr(&done));
}

/// No server but Redis from 8.0 on has vector sets, and none starts on a value whose module it does not have.
#[test]
fn modules_that_a_server_needs_are_told() {
    let folder = TempDir::new();
    let source = fixture("redis-8.0/vectors.rdb");
    for (out, to) in [("out.rdb", "redis-7.0"), ("out.aof", "valkey-8.1")] {
        let done = aikv(&["convert", &source, text(&folder.join(out)), "--to", to], b"");
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        assert!(stderr(&done).contains("a server needs vectorset to start"), "{}", stderr(&done));
    }
    let done = aikv(&["convert", &source, text(&folder.join("none.rdb")), "--to", "redis-7.0", "-t", "string"], b"");
    assert_eq!(stderr(&done), "");
}

/// Redis 7.0.15, 8.0.2 and 8.6.3 answer `Script attempted to access nonexistent global variable 'server'`; Valkey 8.1 and 9.1 load it.
#[test]
fn libraries_that_only_valkey_runs_are_told() {
    let folder = TempDir::new();
    let convert = |global: &str, to: &str| {
        let code = format!("#!lua name=a\n{global}.register_function('f', function() return 1 end)");
        let lines = format!("{}\n{}\n", json!({"snapshot": {"dialect": "valkey", "version": 80}}), json!({"function": code}));
        let done = aikv(&["convert", "-", text(&folder.join("out.rdb")), "--to", to], lines.as_bytes());
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        stderr(&done).to_owned()
    };
    assert!(convert("server", "redis-7.2").contains("1 function library with the word `server`"));
    assert_eq!(convert("server", "valkey-9.1"), "");
    assert_eq!(convert("redis", "redis-7.2"), "");
}

/// Servers before 7.0 log scripts as such. What they have changed is not in what is converted, so it is refused like every loss.
#[test]
fn what_scripts_of_a_log_may_have_changed_is_a_loss() {
    let folder = TempDir::new();
    let (source, out) = (fixture("redis-3.2/plain.aof"), folder.join("out.rdb"));
    let done = aikv(&["convert", &source, text(&out), "--to", "redis-6.2", "--json"], b"");
    assert_eq!(done.status.code(), Some(4), "{}", stderr(&done));
    assert!(!out.exists());
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let loss = &report["losses"][0];
    assert_eq!((&loss["code"], &loss["name"], &loss["outcome"]), (&json!("commands"), &json!("EVAL"), &json!("item-left-out")));
    assert!(loss["count"].as_u64().unwrap() > 0);
    for policy in ["degrade", "drop"] {
        let done = aikv(&["convert", &source, text(&out), "--to", "redis-6.2", "--on-loss", policy], b"");
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        assert!(stderr(&done).contains("commands that are not carried out"), "{}", stderr(&done));
    }
}
