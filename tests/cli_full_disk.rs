//! Commands that write files, where there is no more room on the way: nothing new is left, and the old file is as it was.
//!
//! A file that may not grow is what a full disk is.

#![cfg(all(feature = "cli", unix))]

mod common;

use common::{TempDir, data};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the command in a folder, with so many blocks of 512 bytes for a file.
fn aikv_with(blocks: u32, args: &[&str], folder: &Path) -> Output {
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_aikv")]).args(args).current_dir(folder).output().unwrap()
}

fn fixture(name: &str) -> String {
    data().join(name).to_str().unwrap().to_owned()
}

/// Everything in a folder, with what is in each file.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(content(&path));
            found.push((path, Vec::new()));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}

/// `$` in the arguments is a snapshot of some 70 KB.
#[test]
fn a_full_disk_leaves_no_output_and_the_old_file() {
    let (source, log) = (fixture("redis-7.0/strings.rdb"), fixture("redis-8.6/plain.aof"));
    let damaged = {
        let bytes = fs::read(&source).unwrap();
        bytes[..bytes.len() - 9].to_vec()
    };
    for (out, args) in [
        ("out.rdb", "convert $ out.rdb --to redis-8.6"),
        ("out.aof", "convert $ out.aof --to redis-8.6"),
        ("out.resp", "convert $ out.resp --to redis-8.6"),
        ("out.jsonl", "convert $ out.jsonl"),
        ("out.rdb", "convert LOG out.rdb --to redis-8.6"),
        ("out", "convert $ out/ --to redis-8.6"),
        ("out.rdb", "filter $ out.rdb"),
        ("out", "split $ out --by 2"),
        ("out.rdb", "merge $ $ out.rdb --on-conflict last"),
        ("out.rdb", "repair damaged out.rdb"),
        ("out", "export $ --format jsonl -o out"),
        ("out", "export $ --format json -o out"),
        ("out", "export $ --format csv -o out"),
        ("out", "export $ --format resp -o out"),
    ] {
        let words: Vec<&str> = args
            .split(' ')
            .map(|word| match word {
                "$" => source.as_str(),
                "LOG" => log.as_str(),
                word => word,
            })
            .collect();
        let folder = TempDir::new();
        fs::write(folder.join("damaged"), &damaged).unwrap();
        let is_folder = args.contains("out/") || args.starts_with("split");
        if is_folder {
            fs::create_dir(folder.join(out)).unwrap();
        } else {
            fs::write(folder.join(out), "old").unwrap();
        }
        let before = content(folder.path());
        // Nearly nothing, and a part of it.
        for blocks in [0, 4] {
            let done = aikv_with(blocks, &words, folder.path());
            let told = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(3), "{args}: {told}");
            assert!(told.contains("cannot be written: ") && told.contains("out"), "{args}: {told}");
            assert!(content(folder.path()) == before, "{args}: {:?}", folder.names());
        }
        let done = aikv_with(1 << 20, &words, folder.path());
        assert!(matches!(done.status.code(), Some(0 | 1)), "{args}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(content(folder.path()) != before, "{args}");
    }
}

/// The hashes of names that memory has no room for are written too.
#[test]
fn a_disk_without_room_for_the_hashes_of_names_leaves_no_output() {
    let folder = TempDir::new();
    let mut bytes = b"REDIS0011\xfe\x00".to_vec();
    for n in 0..120_000u32 {
        bytes.extend_from_slice(b"\x00\x04");
        bytes.extend_from_slice(&n.to_be_bytes());
        bytes.extend_from_slice(b"\x00");
    }
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    fs::write(folder.join("in.rdb"), &bytes).unwrap();
    // There would be room for the snapshot alone.
    let blocks = u32::try_from(bytes.len() / 512 + 2).unwrap();
    let args = ["convert", "in.rdb", "out.rdb", "--to", "redis-8.6"];
    let done = aikv_with(blocks, &args, folder.path());
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(folder.names(), ["in.rdb"]);
    let done = aikv_with(1 << 20, &args, folder.path());
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(folder.names(), ["in.rdb", "out.rdb"]);
}
