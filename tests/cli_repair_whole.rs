//! `aikv repair` of compressed files, and of the folders of multi-part logs.

#![cfg(all(feature = "cli", unix))]

mod common;
mod rewriting;

use common::{Reply, Server, TempDir, data};
use rewriting::{aikv_ends, records};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(args: &[&str], code: i32) -> Value {
    serde_json::from_str(&aikv_ends(&[args, &["--json"]].concat(), code)).unwrap()
}

fn number(told: &Value, name: &str) -> u64 {
    told[name].as_u64().unwrap_or_else(|| panic!("{name}: {told}"))
}

#[test]
fn what_is_whole_of_a_compressed_file_is_written_unpacked() {
    let folder = TempDir::new();
    let (input, out) = (folder.join("in"), folder.join("out"));
    for codec in ["gz", "lz4", "zst"] {
        let packed = fs::read(data().join("compressed/nocompress.rdb").with_extension(format!("rdb.{codec}"))).unwrap();
        fs::write(&input, &packed).unwrap();
        let told = json(&["repair", text(&input), text(&out)], 0);
        let whole = fs::read(&out).unwrap();
        let all = records(&whole);
        assert!(all.len() > 3 && number(&told, "keys") == all.len() as u64, "{codec}: {told}");
        assert_eq!(number(&told, "kept_bytes"), whole.len() as u64, "{codec}");
        assert!(told["compression"].is_string() && told.get("compression_error").is_none(), "{codec}: {told}");
        assert_eq!(aikv_ends(&["diff", text(&input), text(&out)], 0).lines().count(), 1, "{codec}");
        assert_eq!(folder.names(), ["in", "out"], "{codec}");

        // The end of the compressed file is gone; what comes in front of it is there.
        fs::write(&input, &packed[..packed.len() - 3]).unwrap();
        let told = json(&["repair", text(&input), text(&out)], 1);
        let error = told["compression_error"].as_str().unwrap();
        assert!(error.contains("in the compressed file") && error.contains("byte "), "{codec}: {error}");
        assert_eq!(number(&told, "kept_bytes") + number(&told, "dropped_bytes"), number(&told, "bytes"), "{codec}");
        let kept = records(&fs::read(&out).unwrap());
        assert!(all.starts_with(&kept) && number(&told, "keys") == kept.len() as u64, "{codec}: {told}");
        aikv_ends(&["check", text(&out)], 0);
        let lines = aikv_ends(&["repair", text(&input), text(&out)], 1);
        assert!(lines.contains("dropped what stands behind these bytes: in the compressed file"), "{codec}: {lines}");
        assert_eq!(folder.names(), ["in", "out"], "{codec}");
    }
}

/// A copy of a server's log in `folder`.
fn copied(server: &str, folder: &TempDir) {
    fs::create_dir(folder.join("log")).unwrap();
    for entry in fs::read_dir(data().join(server).join("appendonlydir")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join("log").join(entry.file_name())).unwrap();
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_sound_log_of_several_files_stays_as_it_is() {
    for server in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let folder = TempDir::new();
        copied(server, &folder);
        let told = json(&["repair", text(&folder.join("log")), text(&folder.join("out"))], 0);
        let (before, after) = (files(&folder.join("log")), files(&folder.join("out")));
        // The manifest may say the same in other words, and history is no part of the log.
        for (name, bytes) in after.iter().filter(|(name, _)| !name.ends_with(".manifest")) {
            let same = before.iter().find(|(other, _)| other == name).unwrap();
            assert!(same.1 == *bytes, "{server}: {name}");
        }
        let listed = told["files"].as_array().unwrap();
        assert_eq!(after.len(), listed.len() + 1, "{server}: {told}");
        assert_eq!(listed[0]["role"], "base");
        let sum: u64 = listed.iter().map(|file| number(file, "kept_bytes")).sum();
        assert_eq!((number(&told, "bytes"), number(&told, "kept_bytes"), number(&told, "dropped_bytes")), (sum, sum, 0));
        aikv_ends(&["check", text(&folder.join("out"))], 0);
        // By its manifest too.
        let manifest = before.iter().find(|(name, _)| name.ends_with(".manifest")).unwrap();
        let manifest = folder.join("log").join(&manifest.0);
        aikv_ends(&["repair", text(&manifest), text(&folder.join("again"))], 0);
        assert!(files(&folder.join("again")) == after, "{server}");
        assert!(files(&folder.join("log")) == before, "{server}");
    }
}

#[test]
fn of_a_damaged_log_every_file_is_repaired_and_a_server_starts_on_it() {
    let folder = TempDir::new();
    copied("redis-7.0", &folder);
    let path = |name: &str| folder.join("log").join(name);
    let cut = |name: &str, bytes: usize| {
        let content = fs::read(path(name)).unwrap();
        fs::write(path(name), &content[..content.len() - bytes]).unwrap();
        content.len() as u64 - bytes as u64
    };
    // The trailer of the base, and a part of the last command of an increment that another one follows.
    let base = cut("appendonly.aof.2.base.rdb", 9);
    let incr = cut("appendonly.aof.2.incr.aof", 1);
    let (log, out) = (folder.join("log"), folder.join("out"));
    aikv_ends(&["check", text(&log)], 1);
    let told = json(&["repair", text(&log), text(&out)], 1);
    let [first, second, third] = &told["files"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((number(first, "bytes"), &first["adds_end"]), (base, &json!(true)));
    assert_eq!(number(second, "bytes"), incr);
    assert!(number(second, "dropped_bytes") > 0 && number(second, "commands") > 0, "{second}");
    assert_eq!((&third["file"], number(third, "dropped_bytes")), (&json!("appendonly.aof.3.incr.aof"), 0));
    for file in [first, second, third] {
        let ranges = file["ranges"].as_array().unwrap();
        let ends: Vec<_> = ranges.iter().map(|range| (number(range, "start"), number(range, "end"))).collect();
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "{file}");
        assert_eq!((ends[0].0, ends[ends.len() - 1].1), (0, number(file, "bytes")), "{file}");
    }
    aikv_ends(&["check", text(&out)], 0);
    let lines = aikv_ends(&["repair", text(&log), text(&folder.join("again"))], 1);
    assert!(lines.contains("appendonly.aof.2.incr.aof:\nkept    bytes 0 to "), "{lines}");
    if let Some(program) = common::server("redis-7.0") {
        let home = TempDir::new();
        fs::rename(&out, home.join("appendonlydir")).unwrap();
        let server = Server::start(&program, home.path(), &["--appendonly", "yes"]).unwrap_or_else(|log| panic!("{log}"));
        assert!(matches!(server.client().ask(&["DBSIZE"]), Reply::Int(1..)), "{}", server.log());
    }
}

#[test]
fn a_file_of_which_nothing_is_left_is_not_listed() {
    let folder = TempDir::new();
    copied("redis-7.0", &folder);
    let (log, out) = (folder.join("log"), folder.join("out"));
    fs::remove_file(log.join("appendonly.aof.2.incr.aof")).unwrap();
    let told = json(&["repair", text(&log), text(&out)], 1);
    let reasons: Vec<_> = told["files"].as_array().unwrap().iter().map(|file| file["left_out"].is_string()).collect();
    assert_eq!(reasons, [false, true, false], "{told}");
    let names: Vec<_> = files(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["appendonly.aof.2.base.rdb", "appendonly.aof.3.incr.aof", "appendonly.aof.manifest"]);
    aikv_ends(&["check", text(&out)], 0);

    fs::write(log.join("appendonly.aof.2.base.rdb"), "nothing").unwrap();
    let lines = aikv_ends(&["repair", text(&log), text(&folder.join("third"))], 1);
    assert!(lines.contains("appendonly.aof.2.base.rdb: left out: expected "), "{lines}");
    aikv_ends(&["check", text(&folder.join("third"))], 0);

    // A folder that is there is not written over, and what cannot be read at all is told.
    let before = files(&out);
    aikv_ends(&["repair", text(&log), text(&out)], 3);
    assert!(files(&out) == before);
    fs::write(log.join("appendonly.aof.3.incr.aof"), "nothing").unwrap();
    aikv_ends(&["repair", text(&log), text(&folder.join("none"))], 3);
    fs::write(log.join("appendonly.aof.manifest"), "nothing").unwrap();
    aikv_ends(&["repair", text(&log), text(&folder.join("none"))], 3);
    assert_eq!(folder.names(), ["log", "out", "third"]);
}
