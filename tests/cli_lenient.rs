//! The `aikv` command on files that are not as they should be, and on what only the newest servers write.

#![cfg(feature = "cli")]

mod common;

use common::data;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

fn aikv(args: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aikv"));
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has seen enough ends before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// Exit code, stdout, stderr.
fn run(args: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let output = aikv(args, stdin);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn clean(args: &[&str], stdin: &[u8]) -> String {
    let (code, out, err) = run(args, stdin);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn values(text: &str) -> Vec<(String, Value)> {
    let lines = lines(text).into_iter();
    lines.filter_map(|line| Some((line.get("key")?.as_str()?.to_string(), line["value"].clone()))).collect()
}

fn file(header: &[u8], body: &[u8]) -> Vec<u8> {
    [header, body, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

fn fixture(name: &str) -> String {
    data().join(name).to_str().unwrap().to_string()
}

/// A version to come; a set without members; a hash with a wrong size beside an entry; a hash with a
/// field twice; a string under a checksum that is wrong.
fn odd() -> Vec<u8> {
    let mut body = b"\x02\x04\x1b[2e\x00".to_vec();
    body.extend_from_slice(b"\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff");
    body.extend_from_slice(b"\x04\x01t\x02\x01f\x011\x01f\x012\x00\x01k\x01v");
    [b"REDIS0099", &body[..], b"\xffchecksum"].concat()
}

#[test]
fn every_command_reads_on_and_tells_what_it_passed_over() {
    let file = odd();
    for command in ["info", "keys", "export"] {
        let (code, _, err) = run(&[command, "-"], &file);
        assert_eq!(code, 3, "{command}");
        assert!(err.contains("found redis version 99: byte 5"), "{command}: {err}");
    }
    for (command, expected) in [("info", 4), ("keys", 4), ("export", 5)] {
        let (code, _, err) = run(&[command, "-", "--lenient"], &file);
        assert_eq!(code, 0, "{command}: {err}");
        assert_eq!(err.lines().count(), expected, "{command}: {err}");
        assert!(err.lines().all(|line| line.starts_with("aikv: stdin: passed over: expected ")), "{command}: {err}");
        assert!(err.contains("byte 15, key \"\\x1b[2e\" (set)"), "{command}: {err}");
    }
    let exported = run(&["export", "-", "--lenient"], &file);
    // The first of two fields stands.
    let expected = [("h", json!({"f": "v"})), ("t", json!({"f": "1"})), ("k", json!("v"))];
    assert_eq!(values(&exported.1), expected.map(|(key, value)| (key.to_string(), value)));
    assert!(exported.2.contains("expected a field once in its hash, found a second one"), "{}", exported.2);
    let (code, shown, err) = run(&["show", "-", "k", "--raw", "--lenient"], &file);
    // Values of other keys are not read.
    assert_eq!((code, shown.as_str(), err.lines().count()), (0, "v", 2), "{err}");
    assert_eq!(run(&["show", "-", "\x1b[2e", "--lenient"], &file).0, 1, "servers skip a key without elements");
    let info: Value = serde_json::from_str(&run(&["info", "-", "--lenient", "--json"], &file).1).unwrap();
    assert_eq!((&info["keys"], &info["deviations"], &info["checksum"]), (&json!(3), &json!(4), &json!("mismatch")));
}

#[test]
fn a_lenient_check_lists_what_it_passed_over() {
    let (code, out, err) = run(&["check", "-", "--json"], &odd());
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    let (code, out, err) = run(&["check", "-", "--lenient", "--json"], &odd());
    assert_eq!((code, err.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&out).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let found: Vec<_> = findings.map(|f| json!([f["code"], f["offset"], f["key"], f["repairable"]])).collect();
    let expected = [
        json!(["unsupported-version", 5, null, true]),
        json!(["bad-value", 15, "\u{1b}[2e", true]),
        json!(["bad-packed", 29, "h", true]),
        json!(["duplicate", 41, "t", true]),
        json!(["bad-checksum", 51, null, true]),
    ];
    assert_eq!(found, expected);
    assert_eq!((&report["errors"], &report["keys"]), (&json!(5), &json!(3)));
}

#[test]
fn a_file_without_deviations_gives_the_same_leniently() {
    for name in ["redis-2.8/hashes.rdb", "redis-7.0/streams.rdb", "valkey-9.1/field_expiry.rdb", "redis-6.2/preamble.aof"] {
        let path = fixture(name);
        for args in [&["export", &path][..], &["keys", &path], &["check", &path]] {
            let strict = run(args, b"");
            assert_eq!(run(&[args, &["--lenient"]].concat(), b""), strict, "{args:?}");
        }
    }
}

#[test]
fn metadata_of_a_key_without_elements_is_not_shown_with_the_next() {
    // A class "ABCD", version 0, without items; an empty set; a string.
    let file = file(b"REDIS0013", b"\xf3\x01\x00\x83\x10\x00\x00\x02\x01e\x00\x00\x01k\x01v");
    for form in [&[][..], &["--json"]] {
        let (code, shown, err) = run(&[&["show", "-", "k", "--lenient"], form].concat(), &file);
        assert_eq!((code, err.lines().count()), (0, 1), "{err}");
        assert!(shown.contains("\"k\"") && !shown.contains("meta"), "{shown}");
    }
}

#[test]
fn many_deviations_are_counted_and_not_all_told() {
    let mut body = Vec::new();
    for _ in 0..150 {
        body.extend_from_slice(b"\x02\x01e\x00");
    }
    let (code, _, err) = run(&["keys", "-", "--lenient"], &file(b"REDIS0011", &body));
    assert_eq!(code, 0);
    assert_eq!(err.lines().count(), 101);
    assert!(err.ends_with("aikv: stdin: 150 in all were passed over\n"), "{err}");
}

#[test]
fn what_has_no_length_ends_a_lenient_reading_too() {
    let (code, _, err) = run(&["export", "-", "--lenient"], &file(b"REDIS0099", b"\x00\x01k\x01v\x63\x01x"));
    assert_eq!(code, 3);
    assert!(err.lines().last().unwrap().contains("expected a value type, found byte 99"), "{err}");
    let (code, _, err) = run(&["keys", "-"], &file(b"REDIS0015", b"\x21\x01x\x05"));
    assert_eq!(code, 3);
    assert!(err.contains("found gcra, which no released server writes"), "{err}");
}

#[test]
fn a_line_that_waits_for_its_size_survives_a_deviation() {
    // A field twice; then the same in a hash that proves too large.
    let mut body = b"\x04\x01h\x03\x01f\x011\x01f\x012\x01g\x013".to_vec();
    body.extend_from_slice(b"\x04\x01i\x03\x01f\x011\x01f\x012\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x013");
    let file = file(b"REDIS0011", &body);
    let (code, out, err) = run(&["export", "-", "--lenient", "--bytes", "~30"], &file);
    assert_eq!(code, 0, "{err}");
    assert_eq!(values(&out), [("h".to_string(), json!({"f": "1", "g": "3"}))]);
    let (code, out, _) = run(&["export", "-", "--lenient", "--bytes", "30~"], &file);
    assert_eq!((code, values(&out).len()), (0, 1));
}

#[test]
fn numbers_of_a_log_are_read_as_servers_read_them() {
    let log = b"*2\r\n$06\r\nSELECT\r\n$+1\r\n0\r\n*1\r\n$4\r\nPING\r\n";
    assert_eq!(run(&["export", "-"], log).0, 3);
    let (code, out, err) = run(&["export", "-", "--lenient"], log);
    assert_eq!((code, err.lines().count()), (0, 1), "{err}");
    assert_eq!(
        lines(&out).iter().map(|line| line["command"].clone()).collect::<Vec<_>>(),
        [json!(["SELECT", "0"]), json!(["PING"])]
    );
    let (code, out, _) = run(&["check", "-", "--lenient"], log);
    assert_eq!(code, 1);
    assert!(out.contains("byte 4") && out.contains("[bad-command]"), "{out}");
}

/// One class of metadata, in front of a key.
const META: &[u8] = b"\xf3\x01\x09\x33\x10\x04\x02\x05\x00";

#[test]
fn metadata_is_of_the_key_that_it_stands_before() {
    let file = file(b"REDIS0013", &[META, b"\x00\x01k\x01v\x00\x01l\x01w"].concat());
    let metas = |args: &[&str]| lines(&clean(args, &file)).iter().filter(|line| line.get("key_meta").is_some()).count();
    assert_eq!(metas(&["export", "-"]), 1);
    assert_eq!(metas(&["export", "-", "-k", "k"]), 1);
    assert_eq!(metas(&["export", "-", "-k", "l"]), 0);
    for key in ["k", "l"] {
        let line = clean(&["show", "-", key, "--json"], &file);
        assert!(clean(&["export", "-"], &file).contains(&line), "{line}");
    }
    assert!(clean(&["show", "-", "k"], &file).contains("\nmetadata of class "));
    assert!(!clean(&["show", "-", "l"], &file).contains("metadata"));
    let info: Value = serde_json::from_str(&clean(&["info", "-", "--json"], &file)).unwrap();
    assert_eq!(info["key_metadata"], 1);
    assert!(clean(&["info", "-"], &file).contains("1 key with metadata of modules\n"));
}

#[test]
fn fields_that_expire_are_shown_with_their_expiry() {
    for server in ["redis-8.0", "redis-8.6", "valkey-9.1"] {
        let path = fixture(&format!("{server}/field_expiry.rdb"));
        let told: Value = serde_json::from_slice(&fs::read(path.replace(".rdb", ".json")).unwrap()).unwrap();
        let key = told["keys"].as_array().unwrap().iter().find(|key| key["key"] == "all").unwrap();
        let text = clean(&["show", &path, "all"], b"");
        let fields = key["value"].as_object().unwrap();
        assert!(!fields.is_empty());
        for (field, value) in fields {
            let line = format!("\"{field}\" = \"{}\"  expires 2100-01-01 00:00:00 UTC\n", value["value"].as_str().unwrap());
            assert!(text.contains(&line), "{server}: {line}: {text}");
        }
    }
}

#[test]
fn arrays_are_shown_with_their_indices() {
    let body = b"\x1c\x01a\x03\x01\x03\x00\x01\xfb\xff\xff\xff\xff\xff\xff\xff\x01\x02\0\0\0\0\0\0\xf8\x3f\x80\x00\x0f\x42\x40\x03\x02zz";
    let file = file(b"REDIS0014", body);
    let text = clean(&["show", "-", "a"], &file);
    let expected = concat!(
        "\"a\"  array (array), db 0, never expires\nlast insertion at index 3\n",
        "         0  \"-5\"\n         1  \"1.5\"\n   1000000  \"zz\"\n(3 elements, "
    );
    assert!(text.starts_with(expected), "{text}");
    let keys = lines(&clean(&["keys", "-", "--json", "-t", "array"], &file));
    assert_eq!((&keys[0]["type"], &keys[0]["elements"]), (&json!("array"), &json!(3)));
    assert_eq!(clean(&["keys", "-", "-t", "hash"], &file), "");
}

#[test]
fn producers_and_entries_that_were_handed_back_are_shown() {
    let id = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut body = b"\x1b\x01s\x00\x00\x09\x00\x00\x00\x00\x00\x09\x01\x01g\x07\x01\x01\x01".to_vec();
    body.extend_from_slice(&[&id[..], &[0; 8], b"\x01\x00\x01", &id].concat());
    body.extend_from_slice(b"\x40\x64\x0a\x01\x01p\x01\x01i\x07\x01\x03\x01");
    let text = clean(&["show", "-", "s"], &file(b"REDIS0014", &body));
    let lines = [
        "  handed back 7-1\n",
        "producers' ids kept for 100 s, 10 of each producer\n",
        "producer \"p\": 1 id\n  \"i\" = 7-1\n",
        "producers' ids: 3 added, 1 refused\n",
    ];
    for line in lines {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(run(&["check", "-"], &file(b"REDIS0014", &body)).0, 0);
}

#[test]
fn info_counts_what_stands_beside_keys() {
    let info = |args: &[&str], stdin: &[u8]| -> Value {
        serde_json::from_str(&clean(&[&["info", "--json"], args].concat(), stdin)).unwrap()
    };
    // One record for each slot that has keys.
    let path = fixture("redis-8.0/cluster.rdb");
    let cluster = info(&[&path], b"");
    let slots = cluster["slots"].as_u64().unwrap();
    assert!(slots > 0 && slots <= cluster["keys"].as_u64().unwrap());
    assert!(clean(&["info", &path], b"").contains(" of a cluster, their sizes stated\n"));
    let templates = file(b"REDIS0015", b"\xf2\x03\x02\x01a\x02bb\x20\x01h\x03\x01x\x01y");
    let told = info(&["-"], &templates);
    assert_eq!((&told["hash_templates"], &told["keys"], &told["elements"]), (&json!(1), &json!(1), &json!(2)));
    let import = [&b"\xf3\x28"[..], &[b'j'; 40], b"\x01\x00\x05"].concat();
    assert_eq!(info(&["-"], &file(b"VALKEY080", &import))["slot_imports"], 1);
}

/// A hash `f a g b f c` and a sorted set `m 1 n 2 m 3`, packed.
const TWICE: [(&[u8], &[u8]); 2] = [
    (
        b"REDIS0009",
        b"\x0d\x01h\x1d\x1d\0\0\0\x19\0\0\0\x06\0\x00\x01f\x03\x01a\x03\x01g\x03\x01b\x03\x01f\x03\x01c\xff\
          \x0c\x01z\x1a\x1a\0\0\0\x17\0\0\0\x06\0\x00\x01m\x03\xf2\x02\x01n\x03\xf3\x02\x01m\x03\xf4\xff",
    ),
    (
        b"REDIS0010", b"\x10\x01h\x19\x19\0\0\0\x06\0\x81f\x02\x81a\x02\x81g\x02\x81b\x02\x81f\x02\x81c\x02\xff\x11\x01z\x16\x16\0\0\0\x06\0\x81m\x02\x01\x01\x81n\x02\x02\x01\x81m\x02\x03\x01\xff"),
];

#[test]
fn of_a_name_that_stands_twice_in_a_packed_value_all_give_the_first_as_servers_do() {
    for (header, body) in TWICE {
        let file = file(header, body);
        let found = |args: &[&str]| run(args, &file).1;
        let json = values(&found(&["export", "-", "--lenient"]));
        assert_eq!(json[0], ("h".to_string(), json!({"f": "a", "g": "b"})));
        let commands = "*6\r\n$5\r\nHMSET\r\n$1\r\nh\r\n$1\r\nf\r\n$1\r\na\r\n$1\r\ng\r\n$1\r\nb\r\n\
                        *6\r\n$4\r\nZADD\r\n$1\r\nz\r\n$1\r\n1\r\n$1\r\nm\r\n$1\r\n2\r\n$1\r\nn\r\n";
        let resp = found(&["export", "-", "--lenient", "--format", "resp"]);
        assert!(resp.ends_with(commands), "{resp:?}");
        let folder = common::TempDir::new();
        let out = folder.join("out.rdb");
        for target in ["redis-2.8", "redis-6.2", "redis-8.0", "valkey-9.1"] {
            run(&["convert", "-", out.to_str().unwrap(), "--lenient", "--to", target], &file);
            let again = clean(&["export", out.to_str().unwrap(), "--format", "resp"], b"");
            assert!(again.ends_with(commands), "{target}: {again:?}");
        }
        #[cfg(unix)]
        servers_show_the_first(&file);
    }
}

/// Of those that load it without a deep check, which is how they load by default.
#[cfg(unix)]
fn servers_show_the_first(file: &[u8]) {
    use common::Reply;
    let mut asked = 0;
    for name in common::SERVERS {
        let Some(program) = common::server(name) else { return };
        let folder = common::TempDir::new();
        fs::write(folder.join("dump.rdb"), file).unwrap();
        let Ok(server) = common::Server::start(&program, folder.path(), &[]) else { continue };
        let mut client = server.client();
        assert_eq!(client.ask(&["HGET", "h", "f"]), Reply::Bytes("a".into()), "{name}");
        assert_eq!(client.ask(&["ZSCORE", "z", "m"]), Reply::Bytes("1".into()), "{name}");
        asked += 1;
    }
    assert!(asked > 1, "{asked}");
}
