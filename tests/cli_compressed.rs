//! The `aikv` command on files that gzip, zstd and lz4 made (`tests/data/compressed/make.sh`).

#![cfg(feature = "cli")]

mod common;

use common::{TempDir, data};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const SNAPSHOTS: [(&str, &str); 3] =
    [("nocompress.rdb.gz", "gzip"), ("nocompress.rdb.lz4", "lz4"), ("nocompress.rdb.zst", "zstd")];

fn aikv(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aikv"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has seen enough ends before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn compressed(name: &str) -> Vec<u8> {
    fs::read(data().join("compressed").join(name)).unwrap()
}

#[test]
fn every_command_reads_a_compressed_snapshot_as_the_plain_one() {
    let plain = data().join("redis-7.0/nocompress.rdb");
    let plain = plain.to_str().unwrap();
    for args in [&["keys"][..], &["keys", "--json", "-t", "hash"], &["check"], &["check", "--json"], &["export"]] {
        let with = |file: &str, stdin: &[u8]| {
            let output = aikv(&[&args[..1], &[file], &args[1..]].concat(), stdin);
            assert_eq!((code(&output), text(&output.stderr)), (0, ""), "{args:?} {file}");
            // `check` names the file.
            text(&output.stdout).replace(&format!("{file}: "), "FILE: ").replace("stdin: ", "FILE: ")
        };
        let expected = with(plain, b"");
        assert!(!expected.is_empty());
        for (name, _) in SNAPSHOTS {
            let file = data().join("compressed").join(name);
            assert_eq!(with(file.to_str().unwrap(), b""), expected, "{args:?} {name}");
            assert_eq!(with("-", &compressed(name)), expected, "{args:?} {name} from stdin");
        }
    }
    for (name, _) in SNAPSHOTS {
        let output = aikv(&["show", "-", "hash", "--json"], &compressed(name));
        assert_eq!(text(&output.stdout), text(&aikv(&["show", plain, "hash", "--json"], b"").stdout), "{name}");
    }
}

#[test]
fn a_compressed_log_is_read_as_the_plain_one() {
    let plain = fs::read(data().join("redis-7.0/rewritten.aof")).unwrap();
    let (packed, plain) = (aikv(&["export", "-"], &compressed("rewritten.aof.gz")), aikv(&["export", "-"], &plain));
    assert_eq!((code(&packed), code(&plain)), (0, 0));
    assert!(packed.stdout == plain.stdout && packed.stdout.len() > 1000);
}

#[test]
fn info_says_how_a_file_is_compressed() {
    let plain = data().join("redis-7.0/nocompress.rdb");
    let mut expected = json(&aikv(&["info", plain.to_str().unwrap(), "--json"], b""));
    for (name, codec) in SNAPSHOTS {
        let file = compressed(name);
        let mut info = json(&aikv(&["info", "-", "--json"], &file));
        assert_eq!(info["file_bytes"], file.len());
        assert_eq!((&info["compression"], &info["unpacked_bytes"]), (&codec.into(), &2375.into()));
        // The rest is told of what is inside.
        for facts in [&mut info, &mut expected] {
            let facts = facts.as_object_mut().unwrap();
            facts.retain(|member, _| !["compression", "unpacked_bytes", "file_bytes", "expiry"].contains(&member.as_str()));
        }
        assert_eq!(info, expected);
        let output = aikv(&["info", "-"], &file);
        let line = text(&output.stdout).lines().nth(1).unwrap();
        assert!(line.contains(&format!(", {codec}, unpacked to 2.32 KiB, ")), "{line}");
    }
}

#[test]
fn damage_to_the_compression_is_told_from_damage_to_what_is_inside() {
    for (name, codec) in SNAPSHOTS {
        let file = compressed(name);
        let cut = file.len() - 5;
        let words = format!("aikv: stdin: in the compressed file ({codec}): expected ");
        for command in ["info", "keys", "export"] {
            let output = aikv(&[command, "-"], &file[..cut]);
            assert_eq!(code(&output), 3);
            let said = text(&output.stderr);
            assert!(said.starts_with(&words) && said.ends_with(&format!("found the end: byte {cut}\n")), "{said}");
        }
        // The last byte belongs to a checksum, of gzip to the length.
        let mut changed = file.clone();
        *changed.last_mut().unwrap() ^= 1;
        let output = aikv(&["export", "-"], &changed);
        assert_eq!(code(&output), 3);
        let place = format!(": byte {}\n", file.len() - 4);
        assert!(text(&output.stderr).starts_with(&words) && text(&output.stderr).ends_with(&place), "{}", text(&output.stderr));
        let whole = aikv(&["export", "-"], &file);
        assert_eq!(output.stdout, whole.stdout, "{name}: what was unpacked is written");
    }
    // What is unpacked may be damaged in any way before the checksum tells why.
    let file = compressed("nocompress.rdb.gz");
    for at in (10..file.len()).step_by(31) {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        let output = aikv(&["keys", "-"], &changed);
        assert_eq!(code(&output), 3);
        assert!(text(&output.stderr).starts_with("aikv: stdin: in the compressed file (gzip): "), "byte {at}: {output:?}");
    }
}

#[test]
fn check_finds_damage_to_the_compression() {
    let file = compressed("nocompress.rdb.zst");
    let mut changed = file.clone();
    *changed.last_mut().unwrap() ^= 1;
    let output = aikv(&["check", "-", "--json"], &changed);
    assert_eq!(code(&output), 1);
    let report = json(&output);
    assert_eq!((&report["errors"], &report["keys"]), (&1.into(), &9.into()));
    let finding = &report["findings"][0];
    assert_eq!((&finding["code"], &finding["compression"]), (&"bad-checksum".into(), &"zstd".into()));
    assert_eq!(finding["offset"], file.len() - 4);
    // What is inside of a file that is cut ends too: where, and in which key.
    let cut = compressed("nocompress.rdb.gz");
    let output = aikv(&["check", "-"], &cut[..500]);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(code(&output), 1);
    assert!(lines[0].starts_with("error: expected ") && lines[0].contains(", key "), "{lines:?}");
    assert!(
        lines[1].starts_with("error: in the compressed file (gzip): expected 1 more bytes, found the end: byte 500 "),
        "{lines:?}"
    );
    assert!(lines[2].contains("2 errors"), "{lines:?}");
}

#[test]
fn other_content_is_refused_by_name() {
    let output = aikv(&["info", "-"], &compressed("squares.gz"));
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("is gzip, and what it holds does not begin like an RDB or AOF file"), "{output:?}");
    let output = aikv(&["info", "-"], b"\x1f\x8b\x08\0\0\0\0\0");
    assert_eq!(
        text(&output.stderr),
        "aikv: stdin: in the compressed file (gzip): expected 2 more bytes, found the end: byte 8\n"
    );
    // One zstd block that holds a gzip file.
    let output = aikv(&["info", "-"], b"\x28\xb5\x2f\xfd\x20\x03\x19\0\0\x1f\x8b\x08");
    let words = "in the compressed file (zstd): expected a file that is compressed once, found gzip inside: byte 0";
    assert!(text(&output.stderr).contains(words), "{output:?}");
}

#[test]
fn a_key_that_is_found_ends_the_reading() {
    let folder = TempDir::new();
    let file = folder.join("cut.gz");
    // Enough of it for the first keys.
    fs::write(&file, &compressed("nocompress.rdb.gz")[..700]).unwrap();
    let keys = aikv(&["keys", file.to_str().unwrap()], b"");
    let first = text(&keys.stdout).lines().next().unwrap().split_whitespace().last().unwrap().to_string();
    assert_eq!(code(&keys), 3);
    assert_eq!(code(&aikv(&["show", file.to_str().unwrap(), &first], b"")), 0);
}
