//! The `aikv` command on logs.

#![cfg(feature = "cli")]

mod common;

use common::data;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn aikv(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aikv"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Every single-file log whose snapshot, if it has one, is read: path, bytes, what is expected.
fn logs() -> Vec<(String, Vec<u8>, Value)> {
    let mut logs = Vec::new();
    for server in fs::read_dir(data()).unwrap() {
        let server = server.unwrap().path();
        for entry in fs::read_dir(&server).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "aof") {
                let told = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
                logs.push((path.to_str().unwrap().to_string(), fs::read(&path).unwrap(), told));
            }
        }
    }
    assert!(logs.len() >= 18, "the fixtures are not there");
    logs
}

#[test]
fn export_gives_every_command() {
    for (path, _, told) in logs() {
        let output = aikv(&["export", &path], b"");
        assert_eq!(output.status.code(), Some(0), "{path}: {}", text(&output.stderr));
        let lines = text(&output.stdout).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let commands: Vec<_> = lines.filter(|line| line.get("command").is_some()).collect();
        let name = path.rsplit('/').next().unwrap();
        let expected = told["commands"].as_array().unwrap();
        assert_eq!(commands.len(), expected.len(), "{path}");
        for ((line, command), offset) in commands.iter().zip(expected).zip(told["offsets"].as_array().unwrap()) {
            assert_eq!((&line["command"], &line["offset"], &line["file"]), (command, offset, &json!(name)), "{path}");
        }
    }
}

#[test]
fn info_counts_commands_and_check_finds_nothing() {
    for (path, bytes, told) in logs() {
        let info: Value = serde_json::from_slice(&aikv(&["info", &path, "--json"], b"").stdout).unwrap();
        assert_eq!(info["format"], "aof", "{path}");
        assert_eq!(info["commands"], told["commands"].as_array().unwrap().len(), "{path}");
        assert_eq!(info["commands_start"], told["preamble_bytes"], "{path}");
        assert_eq!(info["file_bytes"], bytes.len(), "{path}");
        assert_eq!(aikv(&["check", &path], b"").status.code(), Some(0), "{path}");
    }
}

#[test]
fn commands_behind_a_snapshot_that_says_nothing_of_them_are_not_applied() {
    // Every server since 4.0 writes `aof-preamble` at the head of a log.
    let file = [b"REDIS0011\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0", LOG].concat();
    for args in [&["keys", "-"][..], &["show", "-", "absent"]] {
        let output = aikv(args, &file);
        let note = "aikv: the 2 commands of this log are not applied; only keys of its snapshot are shown\n";
        assert!(text(&output.stderr).starts_with(note), "{}", text(&output.stderr));
    }
}

const LOG: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\xff<\r\n";

#[test]
fn a_time_counts_from_where_it_stands() {
    let output = aikv(&["export", "-"], LOG);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"command":["SELECT","0"],"offset":0}"#,
            r#"{"command":["SET","k",{"$b64":"/zw="}],"offset":39,"timestamp_s":1700000000}"#
        ]
    );
}

#[test]
fn a_torn_tail_is_told_with_its_offset() {
    let whole = LOG.len();
    let snapshot = b"REDIS0011\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    for preamble in [&b""[..], snapshot] {
        let torn = [preamble, LOG, b"*2\r\n$3\r\nDE"].concat();
        let offset = preamble.len() + whole;
        for command in ["info", "keys", "export"] {
            let output = aikv(&[command, "-"], &torn);
            assert_eq!(output.status.code(), Some(3), "{command}");
            assert!(text(&output.stderr).contains(&format!("byte {offset}")), "{command}: {}", text(&output.stderr));
        }
        let output = aikv(&["check", "-", "--json"], &torn);
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["findings"][0]["code"], &report["findings"][0]["offset"]), (&json!("truncated"), &json!(offset)));
        assert_eq!(report["commands"], 2);
    }
}

#[test]
fn check_warns_of_odd_annotations() {
    let long = [b"#", &[b'x'; 1022][..], b"\r\n"].concat();
    let log = [&b"#TS:1700000000\r\n"[..], LOG, b"#TS:1600000000\r\n#TS:abc\r\n", &long].concat();
    let output = aikv(&["check", "-", "--json"], &log);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|f| json!([f["severity"], f["code"], f["offset"]])).collect();
    let start = 16 + LOG.len();
    assert_eq!(
        found,
        [
            json!(["warning", "bad-value", start]),
            json!(["warning", "bad-value", start + 16]),
            json!(["warning", "bad-length", start + 25]),
        ]
    );
}

#[test]
fn a_damaged_command_is_an_error_at_its_place() {
    let log = [LOG, b"*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\r\n"].concat();
    let output = aikv(&["keys", "-"], &log);
    assert_eq!(output.status.code(), Some(3));
    let offset = LOG.len() + 12;
    assert!(text(&output.stderr).contains(&format!("byte {offset}")), "{}", text(&output.stderr));
}

#[test]
fn rules_for_keys_do_not_choose_commands() {
    let output = aikv(&["export", "-", "-k", "nothing"], LOG);
    assert_eq!(text(&output.stdout).lines().count(), 2);
    assert!(text(&output.stderr).contains("the rules are for keys"), "{}", text(&output.stderr));
}

#[test]
fn integrity_marks_are_counted_and_their_bytes_verified() {
    // The example of docs/integrity-marks.md.
    let log = [
        &b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"[..],
        b"#AIKV:v1;gap:23;len:33;crc64:75e40bc67c371f2d;line:fb83d8b2b3c960e3\r\n",
        b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n",
    ]
    .concat();
    let info: Value = serde_json::from_slice(&aikv(&["info", "-", "--json"], &log).stdout).unwrap();
    assert_eq!((&info["marks"], &info["verified_bytes"], &info["commands"]), (&json!(1), &json!(33), &json!(2)));
    assert!(text(&aikv(&["info", "-"], &log).stdout).contains("2 commands, 33 B in 1 mark verified"));
    assert_eq!(aikv(&["check", "-"], &log).status.code(), Some(0));
    let hole: Vec<u8> = log.iter().enumerate().map(|(at, byte)| if at == log.len() - 4 { 0 } else { *byte }).collect();
    let output = aikv(&["check", "-", "--json"], &hole);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["findings"][0]["code"], &report["findings"][0]["offset"]), (&json!("bad-value"), &json!(23)));
    assert_eq!(output.status.code(), Some(1));
}
