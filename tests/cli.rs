//! The `aikv` command, run as a program: what it prints, and with which exit code it ends.

#![cfg(feature = "cli")]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{SERVERS, TempDir, data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aikv"))
}

fn aikv(args: &[&str]) -> Output {
    command().args(args).stdin(Stdio::null()).output().unwrap()
}

fn aikv_stdin(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = command().args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has seen enough ends before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn clean(args: &[&str]) -> String {
    let output = aikv(args);
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    stdout(&output).to_string()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fixture(name: &str) -> String {
    data().join(name).to_str().unwrap().to_string()
}

fn expected(path: &str) -> Value {
    let path = PathBuf::from(path).with_extension("json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Every snapshot of every server.
fn snapshots() -> Vec<String> {
    let mut paths = Vec::new();
    for server in SERVERS {
        for entry in fs::read_dir(data().join(server)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                paths.push(path.to_str().unwrap().to_string());
            }
        }
    }
    paths.sort();
    assert!(paths.len() > 140, "the fixtures are not there");
    paths
}

/// `k` = `v` with its checksum, as any server from 2.6 on reads it.
const SMALL: &[u8] = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";

/// An RDB 11 with `body`, its checksum off.
fn rdb(body: &[u8]) -> Vec<u8> {
    [b"REDIS0011", body, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

#[test]
fn exit_codes_say_how_it_ended() {
    let folder = TempDir::new();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name).to_str().unwrap().to_string()
    };
    let small = write("small.rdb", SMALL);
    let cut = write("cut.rdb", &SMALL[..SMALL.len() - 3]);
    let twice = write("twice.rdb", &rdb(b"\x00\x01k\x01v\x00\x01k\x01w"));
    let zip = write("dump.zip", b"PK\x03\x04\x14\0\0\0");
    let empty = write("empty", b"");
    let export = write("dump.jsonl", b"{\"snapshot\":{}}\n");
    let manifest = write("m.manifest", b"file a.aof.1.base.rdb seq 1 type b\n");
    let newer = write("newer.rdb", b"REDIS0016\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
    let valkey = write("valkey.rdb", b"VALKEY081\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--help"], 0, ""),
        (&["--version"], 0, ""),
        (&["info", &small], 0, ""),
        (&["check", &small], 0, ""),
        (&["check", &twice], 1, ""),
        (&["check", &cut], 1, ""),
        (&["show", &small, "absent"], 1, "no key \"absent\""),
        (&["show", &small, "k", "--db", "3"], 1, "no key \"k\" in db 3"),
        (&[], 2, "Usage"),
        (&["translate", &small, "out.rdb"], 2, "unrecognized subcommand"),
        (&["info"], 2, "FILE"),
        (&["export", &small, "--format", "xml"], 2, "jsonl"),
        (&["keys", &small, "-k", "a["], 2, "unclosed character class at byte 1 of the pattern"),
        (&["keys", &small, "--bytes", "10"], 2, "MIN~MAX"),
        (&["keys", &small, "--expiry", "soon"], 2, "FROM~TO"),
        (&["keys", &small, "-t", "arrow"], 2, "string, list, set, zset, hash, stream, module, array"),
        (&["keys", &small, "-t", "array"], 0, ""),
        (&["show", &small, "k", "--raw", "--json"], 2, "cannot be used with"),
        (&["view", &small], 2, "--www DIR"),
        (&["view", &small, "--www", folder.path().to_str().unwrap()], 2, "no index.html"),
        (&["info", "/nowhere/dump.rdb"], 3, "/nowhere/dump.rdb: "),
        (&["info", folder.path().to_str().unwrap()], 3, "expected a file that is there"),
        (&["info", &zip], 3, "It looks like zip: unpack it first"),
        (&["info", &empty], 3, "is empty"),
        (&["keys", &export], 3, "line 1: expected the member version"),
        (&["keys", &manifest], 3, "expected a file that is there, found none of this name: byte 0"),
        (&["check", &newer], 3, "found redis version 16: byte 5"),
        (&["export", &valkey], 3, "found valkey version 81: byte 6"),
        (&["export", &valkey, "--lenient"], 0, "valkey.rdb: passed over: expected RDB version"),
        (&["check", &newer, "--lenient"], 1, ""),
        (&["info", &cut], 3, "found the end: byte 17"),
        (&["keys", &cut], 3, "expected 3 more bytes, found the end"),
        (&["export", &cut], 3, "byte 17"),
    ];
    for (args, expected, words) in cases {
        let output = aikv(args);
        assert_eq!(code(&output), *expected, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn info_counts_what_the_server_counts() {
    for path in snapshots() {
        let told = expected(&path);
        let info: Value = serde_json::from_str(&clean(&["info", &path, "--json"])).unwrap();
        let keys = told["keys"].as_array().unwrap();
        assert_eq!(info["format"], "rdb");
        assert_eq!((&info["dialect"], &info["version"]), (&told["dialect"], &told["rdb_version"]), "{path}");
        assert_eq!(info["keys"], keys.len(), "{path}");
        assert_eq!(info["expiring"], keys.iter().filter(|key| !key["expires_at_ms"].is_null()).count(), "{path}");
        let is_unsummed = told["options"].as_array().unwrap().contains(&json!("no")) && path.contains("nochecksum");
        assert_eq!(info["checksum"], if is_unsummed { "off" } else { "matches" }, "{path}");
        for database in info["databases"].as_array().unwrap() {
            let here = keys.iter().filter(|key| key["db"] == database["db"]).count();
            assert_eq!(database["keys"], here, "{path}");
        }
        for counted in info["types"].as_array().unwrap() {
            let here = keys.iter().filter(|key| key["type"] == counted["type"]).count();
            assert_eq!(counted["keys"], here, "{path}");
        }
        assert_eq!(info["functions"].as_array().unwrap().len(), told["functions"].as_array().unwrap().len(), "{path}");
        for field in told["aux"].as_array().unwrap() {
            assert!(info["aux"].as_array().unwrap().contains(field), "{path}: {field}");
        }
    }
}

#[test]
fn info_is_said_in_words_too() {
    let text = clean(&["info", &fixture("redis-7.0/functions.rdb")]);
    assert!(text.contains("RDB 10 snapshot, written by Redis 7.0.15"), "{text}");
    assert!(text.contains("checksum matches"), "{text}");
    assert!(text.contains("Function libraries"), "{text}");
    assert!(text.contains("redis-ver = 7.0.15"), "{text}");
}

#[test]
fn keys_are_those_of_the_server() {
    for path in snapshots() {
        let told = expected(&path);
        let facts = |key: &Value, elements: Option<u64>| {
            let elements = elements.map_or(Value::Null, Value::from);
            json!([key["db"], key["key"], key["type"], elements, key.get("expires_at_ms")]).to_string()
        };
        let elements = |key: &Value| {
            let value = &key["value"];
            match key["type"].as_str().unwrap() {
                "string" | "module" => None,
                "stream" => Some(value["entries"].as_array().unwrap().len() as u64),
                "hash" => Some(value.as_object().unwrap().len() as u64),
                _ => Some(value.as_array().unwrap().len() as u64),
            }
        };
        let mut expected: Vec<_> = told["keys"].as_array().unwrap().iter().map(|key| facts(key, elements(key))).collect();
        let listed = lines(&clean(&["keys", &path, "--json"]));
        let mut found: Vec<_> = listed.iter().map(|key| facts(key, key["elements"].as_u64())).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{path}");
        let text = clean(&["keys", &path]);
        assert_eq!(text.lines().count(), expected.len(), "{path}");
    }
}

#[test]
fn a_line_of_keys_has_seven_columns() {
    let body =
        b"\xfe\x02\xfc\x00\x68\xe5\xcf\x8b\x01\x00\x00\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff\x00\x05a b\x1bc\x01v";
    let output = aikv_stdin(&["keys", "-"], &rdb(body));
    let columns: Vec<Vec<_>> = stdout(&output).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(columns[0], ["2", "hash", "hash-listpack", "1", "26", "2023-11-14T22:13:20.000Z", "h"]);
    assert_eq!(columns[1], ["2", "string", "string", "-", "9", "-", "a", "b\\x1bc"]);
}

/// Puts what has no order, or several spellings, into one form.
fn canonical(kind: &str, value: &Value) -> Value {
    let mut value = value.clone();
    match (kind, &mut value) {
        ("set", Value::Array(members)) => members.sort_by_key(Value::to_string),
        ("zset", Value::Array(members)) => {
            for member in members.iter_mut() {
                if let Some(score) = member[1].as_f64() {
                    member[1] = json!(score.to_bits());
                }
            }
            members.sort_by_key(Value::to_string);
        }
        ("stream", Value::Object(stream)) => {
            // `XINFO STREAM` counts producers and their ids; the export has them.
            if let Some(kept) = stream.get_mut("idempotency").filter(|kept| kept.get("producers").is_some()) {
                let producers = kept["producers"].as_array().unwrap();
                let ids = producers.iter().map(|producer| producer["ids"].as_array().unwrap().len());
                *kept = json!({
                    "idmp_duration": kept["duration_s"], "idmp_maxsize": kept["max_ids"],
                    "pids_tracked": producers.len(), "iids_tracked": ids.sum::<usize>(),
                    "iids_added": kept["added"], "iids_duplicates": kept["duplicates"],
                });
            }
        }
        _ => {}
    }
    value
}

#[test]
fn export_gives_every_value_as_the_server_does() {
    let mut compared = 0;
    for path in snapshots() {
        let told = expected(&path);
        let exported = lines(&clean(&["export", &path, "--format", "jsonl"]));
        let snapshot = json!({"snapshot": {"dialect": told["dialect"], "version": told["rdb_version"]}});
        assert_eq!(exported[0], snapshot, "{path}");
        let functions: Vec<_> = exported.iter().filter_map(|line| line.get("function")).collect();
        assert_eq!(functions, told["functions"].as_array().unwrap().iter().collect::<Vec<_>>(), "{path}");
        let mut found: BTreeMap<_, _> = exported
            .iter()
            .filter(|line| line.get("key").is_some())
            .map(|line| (json!([line["db"], line["key"]]).to_string(), line))
            .collect();
        for key in told["keys"].as_array().unwrap() {
            let name = json!([key["db"], key["key"]]).to_string();
            let line = found.remove(&name).unwrap_or_else(|| panic!("{path}: {name} is missing"));
            let kind = key["type"].as_str().unwrap();
            assert_eq!(line["type"], kind, "{path}: {name}");
            assert_eq!(line["expires_at_ms"], key["expires_at_ms"], "{path}: {name}");
            assert_eq!(line["freq"], key["freq"], "{path}: {name}");
            assert_eq!(line["key_meta"].is_null(), key["metadata"].is_null(), "{path}: {name}");
            // `DUMP` has it in front, where nothing of it is compressed.
            if key["metadata"].is_array() && key["key"] != "other" {
                let meta = STANDARD.decode(line["key_meta"]["$b64"].as_str().unwrap()).unwrap();
                assert!(dump_body(&key["dump"]).starts_with(&meta), "{path}: {name}");
            }
            match kind {
                "module" => assert_eq!(dump_body(&key["value"]["dump"]), payload(line), "{path}: {name}"),
                // Redis 5.0 does not tell the times of a stream's consumers.
                "stream" if path.contains("redis-5.0") => {
                    assert_eq!(line["value"]["entries"], key["value"]["entries"], "{path}: {name}");
                    assert_eq!(line["value"]["last_id"], key["value"]["last_id"], "{path}: {name}");
                    assert_eq!(owners(&line["value"]), owners(&key["value"]), "{path}: {name}");
                }
                _ => assert_eq!(canonical(kind, &line["value"]), canonical(kind, &key["value"]), "{path}: {name}"),
            }
            compared += 1;
        }
        assert!(found.is_empty(), "{path}: {found:?}");
    }
    assert!(compared > 3500, "{compared}");
}

/// Groups with id, consumer and delivery count of their pending entries.
fn owners(value: &Value) -> Vec<Value> {
    let pending = |group: &Value| -> Vec<Value> {
        group["pending"].as_array().unwrap().iter().map(|entry| json!([entry[0], entry[1], entry[3]])).collect()
    };
    let groups = value["groups"].as_array().unwrap();
    groups.iter().map(|group| json!([group["name"], group["last_id"], pending(group)])).collect()
}

/// What `DUMP` gave, without version and checksum.
fn dump_body(dump: &Value) -> Vec<u8> {
    const FOOTER: usize = 10;
    let bytes = match dump.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(dump["$b64"].as_str().unwrap()).unwrap(),
    };
    bytes[..bytes.len() - FOOTER].to_vec()
}

fn payload(line: &Value) -> Vec<u8> {
    STANDARD.decode(line["value"]["payload"]["$b64"].as_str().unwrap()).unwrap()
}

#[test]
fn show_gives_one_value_exactly() {
    let path = fixture("redis-7.0/strings.rdb");
    let exported = clean(&["export", &path]);
    let mut raw = 0;
    for line in exported.lines().filter(|line| line.contains("\"key\":")) {
        let parsed: Value = serde_json::from_str(line).unwrap();
        let (Some(key), value) = (parsed["key"].as_str(), &parsed["value"]) else { continue };
        assert_eq!(clean(&["show", &path, key, "--json"]).trim_end_matches('\n'), line);
        let bytes = match value.as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => STANDARD.decode(value["$b64"].as_str().unwrap()).unwrap(),
        };
        assert_eq!(aikv(&["show", &path, key, "--raw"]).stdout, bytes, "{key}");
        raw += 1;
    }
    assert!(raw > 20);
    let output = aikv(&["show", &fixture("redis-7.0/hashes.rdb"), "one", "--raw"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("of type hash"), "{}", stderr(&output));
}

#[test]
fn show_is_for_people_too() {
    let body = b"\x01\x01l\x02\x01a\x02\x1b\"\x03\x01z\x01\x01m\x031.5\x04\x01h\x01\x01f\x01v";
    let show = |key: &str| stdout(&aikv_stdin(&["show", "-", key], &rdb(body))).to_string();
    assert!(show("l").contains("         0  \"a\"\n         1  \"\\x1b\\\"\"\n(2 elements, "), "{}", show("l"));
    assert!(show("z").contains("1.5  \"m\"\n"), "{}", show("z"));
    assert!(show("h").starts_with("\"h\"  hash (hash), db 0, never expires\n\"f\" = \"v\"\n"), "{}", show("h"));
    let stream = clean(&["show", &fixture("redis-7.0/streams.rdb"), "readers"]);
    for words in
        ["10-1  \"f\" = \"v\"", "group \"workers\": last id 10-22", "pending 10-3, delivered 100,000 times", "consumer \"dave\""]
    {
        assert!(stream.contains(words), "{words}: {stream}");
    }
}

/// Documents as RedisJSON gives them, in every form; what others store is laid out, or stays items.
#[test]
fn module_values_are_shown_as_what_they_hold() {
    let path = fixture("modules/modules.rdb");
    let exported = lines(&clean(&["export", &path]));
    let mut documents = 0;
    for key in expected(&path)["keys"].as_array().unwrap() {
        let name = key["key"].as_str().unwrap();
        let line = exported.iter().find(|line| line["key"] == *name).unwrap();
        let members: Vec<_> = line["value"].as_object().unwrap().keys().collect();
        assert_eq!(members, ["encver", "module", "payload", "readable"], "{name}");
        let shown = clean(&["show", &path, name]);
        assert!(shown.contains(&format!("module {}, encoding version {}\n", key["module"].as_str().unwrap(), key["encver"])));
        // Between the two lines above and the one below stands nothing but the JSON.
        let laid_out = shown.lines().skip(2).collect::<Vec<_>>();
        let laid_out: Value = serde_json::from_str(&laid_out[..laid_out.len() - 1].concat()).unwrap();
        let raw = aikv(&["show", &path, name, "--raw"]);
        match key["document"].as_str() {
            Some(document) => {
                let value: Value = serde_json::from_str(document).unwrap();
                assert_eq!((&line["value"]["readable"], code(&raw), stdout(&raw)), (&value, 0, document), "{name}");
                assert_eq!(laid_out, value, "{name}");
                documents += 1;
            }
            None => {
                assert_eq!(laid_out, line["value"]["readable"], "{name}");
                assert_eq!((code(&raw), stdout(&raw)), (2, ""), "{name}");
                assert!(stderr(&raw).contains("no JSON document"), "{name}: {}", stderr(&raw));
            }
        }
    }
    assert_eq!(documents, 8);
    // Nothing that a terminal would obey, and nothing that ends a script.
    assert!(clean(&["show", &path, "json:text"]).contains("\\u007f\\u009b"));
    assert!(clean(&["show", &path, "json:text", "--json"]).contains("\\u2028<\\/script>"));
}

#[test]
fn module_values_that_cannot_be_read_are_shown_as_items() {
    // ReJSON-RL 3 with text that is no JSON, and ReJSON-RL 0 with an array that has too many items.
    let id = |encver: u8| [b"\x81\x45\xe2\x52\x38\xdf\x91\x2c", &[encver][..]].concat();
    let text = [b"\x07\x01t", &id(3)[..], b"\x05\x02{\x1b\x00"].concat();
    let nodes = [b"\x07\x01n", &id(0)[..], b"\x02\x40\x40\x02\x01\x02\x01\x04\0\0\0\0\0\0\xf8\x3f\x00"].concat();
    let file = rdb(&[text, nodes].concat());
    let show = |key: &str| stdout(&aikv_stdin(&["show", "-", key], &file)).to_string();
    assert!(show("t").contains("module ReJSON-RL, encoding version 3\nstring  \"{\\x1b\"\n("), "{}", show("t"));
    assert!(show("n").contains("encoding version 0\nuint    64\nuint    1\nuint    1\ndouble  1.5\n("), "{}", show("n"));
    for key in ["t", "n"] {
        let raw = aikv_stdin(&["show", "-", key, "--raw"], &file);
        assert_eq!((code(&raw), stdout(&raw)), (2, ""));
        assert!(!stdout(&aikv_stdin(&["show", "-", key, "--json"], &file)).contains("readable"));
    }
}

#[test]
fn without_a_database_the_first_that_has_the_key_counts() {
    let body = b"\xfe\x00\x00\x01a\x01x\xfe\x05\x00\x01k\x013\xfe\x07\x00\x01k\x014";
    let show = |args: &[&str]| stdout(&aikv_stdin(args, &rdb(body))).to_string();
    assert_eq!(show(&["show", "-", "k", "--raw"]), "3");
    assert_eq!(show(&["show", "-", "k", "--raw", "--db", "7"]), "4");
}

#[test]
fn check_finds_nothing_in_what_servers_wrote() {
    for path in snapshots() {
        let text = clean(&["check", &path]);
        assert!(text.ends_with("no findings\n"), "{text}");
        let json: Value = serde_json::from_str(&clean(&["check", &path, "--json"])).unwrap();
        assert_eq!((&json["errors"], &json["warnings"]), (&json!(0), &json!(0)));
        assert_eq!(json["keys"], expected(&path)["keys"].as_array().unwrap().len());
    }
}

#[test]
fn check_tells_every_finding() {
    // A field with a wrong backward length, a key twice, a member twice, and bytes behind the end.
    let mut body = b"\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff".to_vec();
    body.extend_from_slice(b"\x00\x01k\x01v\x00\x01k\x01w\x02\x01s\x02\x01m\x01m");
    let file = [&rdb(&body)[..], b"behind"].concat();
    let output = aikv_stdin(&["check", "-", "--json"], &file);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!((&report["errors"], &report["warnings"], &report["keys"]), (&json!(3), &json!(1), &json!(4)));
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| json!([f["severity"], f["code"], f["offset"], f["db"], f["key"], f["element"], f["repairable"]]))
        .collect();
    let trailing = file.len() - b"behind".len();
    assert_eq!(
        found,
        [
            json!(["error", "bad-packed", 22, 0, "h", 0, true]),
            json!(["error", "duplicate", 31, 0, "k", null, true]),
            json!(["error", "duplicate", 42, 0, "s", 1, true]),
            json!(["warning", "trailing-data", trailing, null, null, null, true]),
        ]
    );
    let text = aikv_stdin(&["check", "-"], &file);
    assert_eq!(stdout(&text).lines().count(), 5);
    assert!(stdout(&text).ends_with("stdin: 4 keys read, 3 errors, 1 warning\n"), "{}", stdout(&text));
}

#[test]
fn check_says_where_reading_ends() {
    let mut flipped = SMALL.to_vec();
    flipped[15] ^= 1;
    let cases: [(&[u8], &str, u64, bool); 3] = [
        (&SMALL[..15], "truncated", 14, false),
        (&flipped, "bad-checksum", 17, true),
        (b"REDIS0006\xfe\x00\x00\x01k\x01v\xf0", "unknown-opcode", 16, false),
    ];
    for (file, word, offset, is_repairable) in cases {
        let output = aikv_stdin(&["check", "-", "--json"], file);
        assert_eq!(code(&output), 1, "{word}");
        let report: Value = serde_json::from_str(stdout(&output)).unwrap();
        let finding = &report["findings"][0];
        assert_eq!((&finding["code"], &finding["repairable"]), (&json!(word), &json!(is_repairable)));
        assert_eq!(finding["offset"], offset, "{word}");
    }
}

#[test]
fn filters_choose_keys() {
    let mut body = Vec::new();
    body.extend_from_slice(b"\x00\x06user:1\x01v\x00\x06user:2\x01v\x00\x05other\x01v");
    body.extend_from_slice(b"\xfe\x01\xfc\x00\x68\xe5\xcf\x8b\x01\x00\x00\x00\x04past\x01v");
    body.extend_from_slice(b"\x02\x03set\x02\x01a\x01b");
    body.extend_from_slice(&[b"\x00\x05large\x40\xc8", &[b'x'; 200][..]].concat());
    let file = rdb(&body);
    for command in ["keys", "export"] {
        let chosen = |args: &[&str]| {
            let args: Vec<_> = [command, "-"]
                .into_iter()
                .chain(if command == "keys" { Some("--json") } else { None })
                .collect::<Vec<_>>()
                .into_iter()
                .chain(args.iter().copied())
                .collect();
            let output = aikv_stdin(&args, &file);
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            let keys = lines(stdout(&output)).into_iter().filter_map(|line| Some(line.get("key")?.as_str()?.to_string()));
            keys.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chosen(&[]), "user:1 user:2 other past set large");
        assert_eq!(chosen(&["-k", "^user:[2-9]"]), "user:2");
        assert_eq!(chosen(&["--glob", "user:?"]), "user:1 user:2");
        assert_eq!(chosen(&["-K", "[aeiou]"]), "");
        assert_eq!(chosen(&["-K", "s"]), "other large");
        assert_eq!(chosen(&["-d", "1"]), "past set large");
        assert_eq!(chosen(&["-d", "0", "-d", "1", "-t", "set"]), "set");
        assert_eq!(chosen(&["-t", "str", "-t", "set", "-d", "1"]), "past set large");
        assert_eq!(chosen(&["--expiry", "any"]), "past");
        assert_eq!(chosen(&["--expiry", "none", "-d", "1"]), "set large");
        assert_eq!(chosen(&["--expiry", "~-1h"]), "past");
        assert_eq!(chosen(&["--expiry", "2023-11-14~2023-11-15"]), "past");
        assert_eq!(chosen(&["--expiry", "2023-11-15~"]), "");
        assert_eq!(chosen(&["--expiry", "1700000000000~1700000000000"]), "past");
        assert_eq!(chosen(&["--bytes", "100~"]), "large");
        assert_eq!(chosen(&["--bytes", "~10"]), "user:1 user:2 other set");
        assert_eq!(chosen(&["--bytes", "11~0.2KiB"]), "past");
        assert_eq!(chosen(&["--bytes", "~10", "-k", "e"]), "user:1 user:2 other set");
    }
    let info: Value = serde_json::from_str(stdout(&aikv_stdin(&["info", "-", "--json", "--bytes", "~10"], &file))).unwrap();
    assert_eq!((&info["keys"], &info["elements"]), (&json!(4), &json!(2)));
    assert_eq!(code(&aikv_stdin(&["check", "-", "-t", "list"], &rdb(b"\x02\x01s\x02\x01a\x01a"))), 0);
}

#[test]
fn names_that_are_no_text_pass_through_the_command_line() {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let folder = TempDir::new();
        let file = folder.join("f.rdb");
        fs::write(&file, rdb(b"\x00\x02\xff\x00\x01v\x00\x01\xff\x01w")).unwrap();
        let key = std::ffi::OsStr::from_bytes(b"\xff");
        let output = command().arg("show").arg(&file).arg(key).arg("--raw").output().unwrap();
        assert_eq!(output.stdout, b"w");
        let output = command().arg("keys").arg(&file).arg("--glob").arg(std::ffi::OsStr::from_bytes(b"\xff?")).output().unwrap();
        assert!(stdout(&output).ends_with("  \\xff\\x00\n"), "{}", stdout(&output));
    }
}

#[test]
fn an_output_file_appears_whole_or_not_at_all() {
    let folder = TempDir::new();
    let (good, cut) = (folder.join("good.rdb"), folder.join("cut.rdb"));
    fs::write(&good, SMALL).unwrap();
    fs::write(&cut, &SMALL[..SMALL.len() - 3]).unwrap();
    let target = folder.join("out");
    let run = |command: &str, file: &Path| aikv(&[command, file.to_str().unwrap(), "-o", target.to_str().unwrap()]);
    for command in ["keys", "export"] {
        assert_eq!(code(&run(command, &cut)), 3);
        assert!(!target.exists(), "{command}");
    }
    for command in ["info", "keys", "check", "export"] {
        let output = run(command, &good);
        assert_eq!((code(&output), stdout(&output)), (0, ""));
        // Names of files are in both.
        assert_eq!(fs::read_to_string(&target).unwrap().lines().next(), clean(&[command, good.to_str().unwrap()]).lines().next());
    }
    fs::write(&target, "old").unwrap();
    assert_eq!(code(&run("export", &cut)), 3);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(folder.names(), ["cut.rdb", "good.rdb", "out"], "nothing is left beside it");
    let nowhere = aikv(&["keys", good.to_str().unwrap(), "-o", "/nowhere/out"]);
    assert_eq!(code(&nowhere), 3);
    assert!(stderr(&nowhere).contains("/nowhere/out: cannot be written"), "{}", stderr(&nowhere));
}

#[test]
#[cfg(unix)]
fn a_limit_on_the_size_of_files_is_an_error_that_is_told() {
    let folder = TempDir::new();
    let path = fixture("redis-7.0/lists.rdb");
    // A block has 512 bytes. Stdout itself is the file that grows too large.
    let script = "ulimit -f 1; exec \"$0\" export \"$1\" > \"$2\"";
    let output =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_aikv"), &path]).arg(folder.join("out")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stderr(&output).contains("the output cannot be written: File too large"), "{}", stderr(&output));
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    let key = b"\x1b]0;x\x07\r\x08\xc2\x9b2J\x9b\xe2\x80\xae";
    let body = [b"\x00", &[key.len() as u8][..], key, b"\x03\x1b[2", b"\x00", &[key.len() as u8][..], key, b"\x01w"].concat();
    let folder = TempDir::new();
    let file = folder.join("a\x1b[31m\n.rdb");
    fs::write(&file, [&b"REDIS0011"[..], &body, b"\x63"].concat()).unwrap();
    for command in ["info", "keys", "check", "export"] {
        let output = command_on(command, &file);
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8(text.clone()).unwrap();
            // In JSON for a pipe, what is no control character of ASCII stays.
            let is_json = command == "export";
            let obeyed = text.chars().find(|c| c.is_ascii_control() && *c != '\n' || !is_json && aikv::error::is_disguising(*c));
            assert_eq!(obeyed, None, "{command}: {text:?}");
        }
    }
    let broken = command_on("keys", &file);
    assert!(stderr(&broken).contains("a\\x1b[31m\\n.rdb: "), "{}", stderr(&broken));
}

fn command_on(name: &str, file: &Path) -> Output {
    command().arg(name).arg(file).output().unwrap()
}

#[test]
fn keys_go_on_in_the_same_order_at_every_size_of_a_pipe() {
    let path = fixture("redis-7.0/lists.rdb");
    let file = fs::read(&path).unwrap();
    assert_eq!(stdout(&aikv_stdin(&["keys", "-"], &file)), clean(&["keys", &path]));
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/errors.md")).unwrap();
    for (file, start) in [("src/error.rs", "Self::"), ("src/persistence/error.rs", "PersistenceErrorKind::")] {
        let source = fs::read_to_string(root.join(file)).unwrap();
        let codes: Vec<_> = source
            .lines()
            .filter(|line| line.trim_start().starts_with(start))
            .filter_map(|line| line.split_once("=> \"")?.1.split_once('"').map(|(code, _)| code))
            .collect();
        assert!(codes.len() >= 3, "{file}");
        for code in codes {
            assert!(page.contains(&format!("| `{code}` |")), "{code} of {file} is not in docs/errors.md");
        }
    }
}
