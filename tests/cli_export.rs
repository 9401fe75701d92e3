//! `aikv export` in every format, and JSON Lines as FILE.

#![cfg(feature = "cli")]

mod common;

use aikv::model::{Dataset, EncodeOptions, HashField, Value};
use aikv::rdb::Version;
use bytes::Bytes;
use common::{TempDir, data};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn aikv(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aikv")).args(args).output().unwrap()
}

/// What it writes where all is well.
fn written(args: &[&str]) -> Vec<u8> {
    let output = aikv(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Names and values that were made to do harm where they are shown.
const HOSTILE: [&[u8]; 22] = [
    b"<img src=x onerror=alert(1)>",
    b"</script><script>",
    b"javascript:alert(1)",
    b"__proto__",
    b"constructor",
    b"hasOwnProperty",
    b"=HYPERLINK(\"http://x\",\"y\")",
    b"+1",
    b"-1+cmd|' /C calc'!A0",
    b"@SUM(A1)",
    b"\tx",
    b"\x1b]0;x\x07",
    b"\x1b]52;c;eA==\x07\x1b[2J",
    b"\x9b2J\x08\x08\rx",
    "\u{202e}\u{200b}x".as_bytes(),
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xff",
    b"9007199254740993",
    b"x\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
    b"a,\"b\"\r\nc",
    b"\0",
];

/// A snapshot with each as a key, a value, a field, a member and an element.
fn hostile(folder: &TempDir) -> (String, Dataset) {
    let names: Vec<Bytes> = HOSTILE.map(Bytes::from_static).to_vec();
    let mut dataset = Dataset { source: Some(Version::redis(11)), ..Dataset::default() };
    let database = dataset.databases.entry(0).or_default();
    for name in &names {
        database.insert(name.clone(), Value::String(name.clone()).into());
    }
    let field = |name: &Bytes| HashField { field: name.clone(), value: name.clone(), expires_at_ms: None };
    database.insert("hash".into(), Value::Hash(names.iter().map(field).collect()).into());
    database.insert("list".into(), Value::List(names.clone()).into());
    database.insert("set".into(), Value::Set(names).into());
    let path = folder.join("hostile.rdb");
    fs::write(&path, dataset.encode(&EncodeOptions::new(Version::redis(11))).unwrap()).unwrap();
    dataset.canonicalize();
    (path.to_str().unwrap().into(), dataset)
}

#[test]
fn hostile_names_come_back_from_json() {
    let folder = TempDir::new();
    let (file, dataset) = hostile(&folder);
    let lines = written(&["export", &file]);
    let mut back = Dataset::from_json_lines(&lines).unwrap();
    back.canonicalize();
    assert_eq!(back, dataset);
    let text = String::from_utf8(lines).unwrap();
    assert!(!text.contains("</") && !text.chars().any(|c| c < ' ' && c != '\n'));
    let document: Vec<serde_json::Value> = serde_json::from_slice(&written(&["export", &file, "--format", "json"])).unwrap();
    let objects: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(document, objects);
    assert_eq!(document[0], json!({"snapshot": {"dialect": "redis", "version": 11}}));
}

/// Reads RFC 4180: quotes doubled within quotes, CRLF between rows.
fn rows(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty());
    rows
}

#[test]
fn hostile_names_are_text_in_a_table() {
    let folder = TempDir::new();
    let (file, _) = hostile(&folder);
    for raw in [false, true] {
        let mut args = vec!["export", &file, "--format", "csv"];
        args.extend(raw.then_some("--raw"));
        let rows = rows(&String::from_utf8(written(&args)).unwrap());
        assert_eq!(rows.len(), 1 + 4 * HOSTILE.len());
        assert!(rows.iter().all(|row| row.len() == 8), "a row of another width");
        for name in HOSTILE {
            let text = match std::str::from_utf8(name) {
                Ok(text) if !raw && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0']) => format!("'{text}"),
                Ok(text) => text.into(),
                Err(_) => continue,
            };
            let is_there = |row: &[&str]| rows.iter().any(|found| found == row);
            assert!(is_there(&["0", &text, "string", "", "", "", &text, ""]), "{text:?}");
            assert!(is_there(&["0", "hash", "hash", "", "", &text, &text, ""]), "{text:?}");
            assert!(is_there(&["0", "set", "set", "", "", "", &text, ""]), "{text:?}");
        }
        let cells: Vec<&String> = rows.iter().flatten().collect();
        assert!(["$b64:/w==", "$b64:wIA=", "$b64:7aCA"].iter().all(|base64| cells.iter().any(|cell| *cell == base64)));
    }
}

#[test]
fn a_name_brings_no_command_into_a_pipe() {
    let folder = TempDir::new();
    let (file, dataset) = hostile(&folder);
    let commands = written(&["export", &file, "--format", "resp"]);
    let path = folder.join("again.aof");
    fs::write(&path, &commands).unwrap();
    let mut back =
        Dataset::from_json_lines(&written(&["export", path.to_str().unwrap(), "--format", "json"]).join_lines()).unwrap();
    back.canonicalize();
    assert_eq!(back.databases, dataset.databases);
}

trait JoinLines {
    fn join_lines(&self) -> Vec<u8>;
}

impl JoinLines for Vec<u8> {
    /// The lines of a document.
    fn join_lines(&self) -> Vec<u8> {
        let objects: Vec<serde_json::Value> = serde_json::from_slice(self).unwrap();
        objects.iter().flat_map(|object| format!("{object}\n").into_bytes()).collect()
    }
}

/// A key of each type, as rows.
#[test]
fn a_table_has_a_row_for_each_element() {
    let folder = TempDir::new();
    let lines = concat!(
        "{\"db\":2,\"key\":\"s\",\"type\":\"string\",\"expires_at_ms\":5,\"value\":\"-15\"}\n",
        "{\"db\":2,\"key\":\"l\",\"type\":\"list\",\"value\":[\"a\",\"\"]}\n",
        "{\"db\":2,\"key\":\"z\",\"type\":\"zset\",\"value\":[[\"-a\",-1.5],[\"b\",\"inf\"]]}\n",
        "{\"db\":2,\"key\":\"h\",\"type\":\"hash\",\"value\":{\"f\":{\"value\":\"v\",\"expires_at_ms\":7}}}\n",
        "{\"db\":2,\"key\":\"x\",\"type\":\"stream\",\"value\":{\"entries\":[[\"1-2\",[\"f\",\"v\",\"g\",\"w\"]]],\"last_id\":\"1-2\"}}\n",
        "{\"db\":2,\"key\":\"e\",\"type\":\"stream\",\"value\":{\"last_id\":\"1-2\"}}\n",
        "{\"db\":2,\"key\":\"a\",\"type\":\"array\",\"value\":{\"elements\":[[7,\"1.5\",\"double\"]]}}\n",
        "{\"db\":2,\"key\":\"m\",\"type\":\"module\",\"value\":{\"module\":\"AAAAAAAAA\",\"encver\":0,\"payload\":{\"$b64\":\"BwAFAmFiAA==\"}}}\n",
    );
    let path = folder.join("keys.jsonl");
    fs::write(&path, lines).unwrap();
    let csv = String::from_utf8(written(&["export", path.to_str().unwrap(), "--format", "csv"])).unwrap();
    let expected = [
        "db,key,type,expires_at_ms,id,field,value,field_expires_at_ms",
        "2,s,string,5,,,-15,",
        "2,l,list,,0,,a,",
        "2,l,list,,1,,\"\",",
        "2,z,zset,,,'-a,-1.5,",
        "2,z,zset,,,b,inf,",
        "2,h,hash,,,f,v,7",
        "2,x,stream,,1-2,f,v,",
        "2,x,stream,,1-2,g,w,",
        "2,e,stream,,,,,",
        "2,a,array,,7,,1.5,",
        "2,m,module,,,,$b64:BwAFAmFiAA==,",
        "",
    ];
    assert_eq!(csv.split("\r\n").collect::<Vec<_>>(), expected);
}

/// Of a log, the keys that its commands make.
#[test]
fn a_log_is_exported_by_key_in_every_format_but_json_lines() {
    let folder = TempDir::new();
    let path = folder.join("log.aof");
    fs::write(&path, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*3\r\n$6\r\nAPPEND\r\n$1\r\na\r\n$1\r\nc\r\n").unwrap();
    let file = path.to_str().unwrap();
    assert_eq!(
        written(&["export", file, "--format", "json"]),
        b"[\n{\"db\":0,\"key\":\"a\",\"type\":\"string\",\"value\":\"bc\"}\n]\n"
    );
    assert!(written(&["export", file, "--format", "csv"]).ends_with(b"0,a,string,,,,bc,\r\n"));
    let commands = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nbc\r\n";
    assert_eq!(written(&["export", file, "--format", "resp"]), commands);
    assert!(written(&["export", file]).starts_with(b"{\"command\":[\"SET\",\"a\",\"b\"],"));
    assert_eq!(written(&["export", file, "--format", "json", "-k", "x"]), b"[]\n");
}

#[test]
fn every_command_reads_json_lines() {
    let folder = TempDir::new();
    let snapshot = data().join("redis-8.6/streams.rdb");
    let snapshot = snapshot.to_str().unwrap();
    let path = folder.join("keys.jsonl");
    let file = path.to_str().unwrap();
    written(&["export", snapshot, "-o", file]);
    let count = fs::read_to_string(&path).unwrap().lines().filter(|line| line.contains("\"key\":")).count() as u64;

    let info: serde_json::Value = serde_json::from_slice(&written(&["info", file, "--json"])).unwrap();
    assert_eq!((&info["format"], &info["version"], &info["keys"]), (&json!("jsonl"), &json!(13), &json!(count)));
    assert_eq!((info.get("checksum"), &info["encodings"]), (None, &json!([])));
    let keys = String::from_utf8(written(&["keys", file, "--json"])).unwrap();
    assert!(keys.lines().count() as u64 == count && !keys.contains("encoding"));
    assert!(written(&["check", file]).ends_with(b"no findings\n"));
    // Shown as it is exported again, and read again it is the same.
    let again = written(&["export", file]);
    let shown = written(&["show", file, "expires", "--json"]);
    assert!(again.windows(shown.len()).any(|window| window == shown));
    let second = folder.join("again.jsonl");
    fs::write(&second, &again).unwrap();
    assert_eq!(written(&["export", second.to_str().unwrap()]), again);
    assert!(again.starts_with(b"{\"snapshot\":{\"dialect\":\"redis\",\"version\":13}}\n"));
    // The commands are those of the server that saved it. Payloads in them have the nodes of the snapshot, or new ones.
    let [from_lines, from_snapshot] = [(file, "lines.aof"), (snapshot, "snapshot.aof")].map(|(file, name)| {
        let commands = written(&["export", file, "--format", "resp"]);
        assert!(commands.windows(12).any(|window| window == b"ENTRIESADDED"));
        let log = folder.join(name);
        fs::write(&log, commands).unwrap();
        log
    });
    // Its exit code is 1 where anything differs.
    written(&["diff", from_lines.to_str().unwrap(), from_snapshot.to_str().unwrap()]);
}

#[test]
fn a_bad_line_is_told_with_its_place_and_leaves_no_file() {
    let folder = TempDir::new();
    let path = folder.join("keys.jsonl");
    fs::write(
        &path,
        "{\"db\":0,\"key\":\"a\",\"type\":\"string\",\"value\":\"\"}\n{\"db\":0,\"key\":\"b\",\"type\":\"set\",\"value\":[1]}\n",
    )
    .unwrap();
    let out = folder.join("out");
    for format in ["jsonl", "json", "csv", "resp"] {
        let output = aikv(&["export", path.to_str().unwrap(), "--format", format, "-o", out.to_str().unwrap()]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("line 2: expected text") && told.contains("byte 46, key \"b\" (set), element 0, db 0"), "{told}");
        assert!(!out.exists());
    }
    let check: serde_json::Value = serde_json::from_slice(&aikv(&["check", path.to_str().unwrap(), "--json"]).stdout).unwrap();
    let finding = &check["findings"][0];
    assert_eq!((&finding["code"], &finding["offset"], &check["keys"]), (&json!("bad-json"), &json!(46), &json!(1)));
}

#[test]
fn what_a_server_has_no_command_for_is_refused_with_4() {
    let folder = TempDir::new();
    let out = folder.join("out");
    let args = |format, out: &str| {
        aikv(&["export", &fixture("redis-8.6/field_expiry.rdb"), "--format", format, "--to", "redis-7.0", "-o", out])
    };
    let output = args("resp", out.to_str().unwrap());
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the expiry of a field") && !out.exists());
    assert_eq!(args("csv", out.to_str().unwrap()).status.code(), Some(2));
    let output = aikv(&["export", &fixture("redis-8.6/lru.rdb"), "--format", "resp"]);
    assert!(output.status.success() && String::from_utf8(output.stderr).unwrap().contains("idle time"));
}

/// What they would have made is not among the commands, so that a server would get other data.
#[test]
fn commands_of_a_log_whose_scripts_are_not_carried_out_are_refused_with_4() {
    let folder = TempDir::new();
    let out = folder.join("out");
    let export = |log: &str, format: &str, more: &[&str]| aikv(&[&["export", &fixture(log), "--format", format], more].concat());
    for more in [&[][..], &["-o", out.to_str().unwrap()], &["--to", "redis-7.0"]] {
        let refused = export("redis-3.2/plain.aof", "resp", more);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(4), "{told}");
        assert!(told.contains("EVAL, which may have changed keys") && told.contains("--on-loss degrade"), "{told}");
        assert!(refused.stdout.is_empty() && !out.exists());
    }
    // For looking at, it is enough to say so; a log without scripts has commands.
    for (log, format) in [("redis-3.2/plain.aof", "json"), ("redis-3.2/plain.aof", "csv"), ("redis-7.0/plain.aof", "resp")] {
        let done = export(log, format, &[]);
        assert!(done.status.success() && !done.stdout.is_empty(), "{log} {format}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

fn fixture(name: &str) -> String {
    Path::new(&data()).join(name).to_str().unwrap().into()
}

/// Every rule works in every format; what is left out leaves nothing behind.
#[test]
fn filters_are_the_same_in_every_format() {
    let file = fixture("redis-8.6/metadata.rdb");
    let all = Dataset::decode(&fs::read(&file).unwrap()).unwrap();
    let some = all.databases[&0].iter().find(|(_, entry)| entry.metadata.is_empty()).map(|(key, _)| key);
    let key = std::str::from_utf8(some.expect("a key without metadata")).unwrap();
    let only = |format| written(&["export", &file, "--format", format, "--glob", key]);
    let entry = all.databases[&0][key.as_bytes()].clone();
    let mut expected = Dataset {
        source: all.source,
        databases: [(0, [(Bytes::from(key.to_owned()), entry)].into())].into(),
        ..Dataset::default()
    };
    let mut lines = Dataset::from_json_lines(&only("jsonl")).unwrap();
    lines.aux.clear();
    lines.module_data.clear();
    expected.canonicalize();
    lines.canonicalize();
    assert_eq!(lines, expected);
    assert_eq!(
        only("resp"),
        Dataset { aux: vec![], ..expected.clone() }.to_log(&EncodeOptions::new(all.source.unwrap())).unwrap()
    );
    // By size: what was held back and taken back is not there, and databases are selected again.
    let file = fixture("redis-7.0/databases.rdb");
    let resp = written(&["export", &file, "--format", "resp", "--bytes", "1B~100KiB"]);
    assert_eq!(resp, written(&["export", &file, "--format", "resp"]));
}
