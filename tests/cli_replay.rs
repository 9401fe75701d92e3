//! `aikv keys` and `aikv show` on logs: what the commands make, as the servers that wrote them say.

#![cfg(feature = "cli")]

mod common;
mod support;

use common::data;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::content::canonical;

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

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Logs of servers, of one file and of several, with the keys that the server had in the end.
fn logs() -> Vec<(PathBuf, Value)> {
    let mut logs = Vec::new();
    for server in fs::read_dir(data()).unwrap() {
        for entry in fs::read_dir(server.unwrap().path()).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "aof") || path.ends_with("appendonlydir") {
                let told = serde_json::from_slice(&fs::read(path.with_extension("json")).unwrap()).unwrap();
                logs.push((path, told));
            }
        }
    }
    assert!(logs.len() >= 25, "the fixtures are not there");
    logs
}

fn name(key: &Value) -> String {
    json!([key["db"], key["key"]]).to_string()
}

#[test]
fn keys_are_those_that_the_server_had_in_the_end() {
    for (path, told) in logs() {
        let output = aikv(&["keys", path.to_str().unwrap(), "--json"], b"");
        assert_eq!(output.status.code(), Some(0), "{}: {}", path.display(), text(&output.stderr));
        let mut expected: BTreeMap<_, _> = told["keys"].as_array().unwrap().iter().map(|key| (name(key), key)).collect();
        for line in lines(&output) {
            let key = expected.remove(&name(&line)).unwrap_or_else(|| panic!("{}: {line} is one too many", path.display()));
            assert_eq!((&line["type"], &line["expires_at_ms"]), (&key["type"], &key["expires_at_ms"]), "{}", path.display());
            assert_eq!(line["encoding"], Value::Null, "nobody has encoded it");
        }
        // Servers before 5.0 log scripts, which are not run here, and that is said.
        let has_script = text(&output.stderr).contains("EVAL, which may have changed keys: byte ");
        assert!(expected.keys().all(|name| has_script && name.contains("script")), "{}: {:?}", path.display(), expected.keys());
    }
}

/// In one order. Of a score of zero servers forget the sign where a packed value keeps it as an integer.
fn value(kind: &str, value: &Value) -> Value {
    let mut value = value.clone();
    for score in value.as_array_mut().filter(|_| kind == "zset").into_iter().flatten().map(|member| &mut member[1]) {
        if score.as_f64() == Some(0.0) {
            *score = json!(0);
        }
    }
    canonical(kind, &value)
}

/// Of one log in each form: what `show` prints of each key is what the server answered.
#[test]
fn show_gives_the_value_that_the_commands_make() {
    let is_meant = |path: &Path| {
        ["redis-7.0/appendonlydir", "valkey-9.1/plain.aof", "redis-6.2/preamble.aof"].iter().any(|end| path.ends_with(end))
    };
    for (path, told) in logs().into_iter().filter(|(path, _)| is_meant(path)) {
        for key in told["keys"].as_array().unwrap() {
            // What no command line can say, and streams, whose counters servers before 7.0 do not tell.
            let Some(typed) = key["key"].as_str().filter(|typed| !typed.contains('\0') && key["type"] != "stream") else {
                continue;
            };
            let db = key["db"].to_string();
            let output = aikv(&["show", path.to_str().unwrap(), typed, "--db", &db, "--json"], b"");
            assert_eq!(output.status.code(), Some(0), "{}: {typed}: {}", path.display(), text(&output.stderr));
            let kind = key["type"].as_str().unwrap();
            let shown = lines(&output).remove(0);
            assert_eq!(value(kind, &shown["value"]), value(kind, &key["value"]), "{}: {typed}", path.display());
            assert_eq!(shown["encoding"], Value::Null);
        }
    }
}

fn log(commands: &[&[&str]]) -> Vec<u8> {
    let mut log = Vec::new();
    for command in commands {
        aikv::aof::write_command(*command, &mut log).unwrap();
    }
    log
}

#[test]
fn rules_choose_among_the_keys_of_a_log() {
    let log = log(&[&["SET", "a1", "x"], &["SELECT", "3"], &["RPUSH", "a2", "x", "y"], &["SET", "b", "x"]]);
    let names = |args: &[&str]| -> Vec<String> {
        let output = aikv(&[&["keys", "-"], args].concat(), &log);
        text(&output.stdout).lines().map(|line| line.split_whitespace().last().unwrap().to_string()).collect()
    };
    assert_eq!(names(&[]), ["a1", "a2", "b"]);
    assert_eq!(names(&["-k", "^a"]), ["a1", "a2"]);
    assert_eq!(names(&["-d", "3", "-t", "list"]), ["a2"]);
    let shown = aikv(&["show", "-", "a2"], &log);
    assert_eq!(text(&shown.stdout).lines().next(), Some("\"a2\"  list, db 3, never expires"));
    assert_eq!(aikv(&["show", "-", "gone"], &log).status.code(), Some(1));
}

#[test]
fn what_is_not_applied_is_said_and_what_is_unknown_ends_it() {
    let told = log(&[&["SET", "k", "v"], &["PUBLISH", "c", "m"], &["LPUSH", "k", "x"]]);
    let output = aikv(&["keys", "-"], &told);
    assert_eq!(output.status.code(), Some(0));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("passed over 1 command PUBLISH: byte 27"), "{stderr}");
    assert!(stderr.contains("1 command LPUSH had no effect, as on a server"), "{stderr}");

    for (command, code) in [(&["NOSUCH", "k"][..], "NOSUCH"), (&["SELECT", "99"], "SELECT"), (&["SET", "k"], "SET")] {
        let output = aikv(&["keys", "-"], &log(&[&["SET", "k", "v"], command]));
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), ""), "{code}");
        assert!(text(&output.stderr).contains("byte 27"), "{}", text(&output.stderr));
    }
    // Nothing is told of a log that does not end whole.
    let output = aikv(&["keys", "-"], &[&told[..], b"*1\r\n$4\r\nPI"].concat());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(3), ""));
}

/// A log of a server with `databases 20`, which puts keys into databases 17 to 19; who loads it with less refuses it or loses them.
#[cfg(unix)]
#[test]
fn databases_are_as_many_as_those_of_the_server() {
    use common::{Reply, Server, TempDir};
    let commands: [&[&str]; 6] = [
        &["SELECT", "19"],
        &["MSET", "a", "1", "b", "2", "c", "3"],
        &["MOVE", "b", "18"],
        &["COPY", "c", "c", "DB", "16"],
        &["SWAPDB", "16", "17"],
        &["SET", "d", "4"],
    ];
    let mut log = String::new();
    for command in commands {
        log += &format!("*{}\r\n", command.len());
        command.iter().for_each(|word| log += &format!("${}\r\n{word}\r\n", word.len()));
    }
    let expected = [(17, "c"), (18, "b"), (19, "a"), (19, "c"), (19, "d")];
    let folder = TempDir::new();
    let file = folder.join("appendonly.aof");
    fs::write(&file, &log).unwrap();
    if let Some(program) = common::server("redis-6.2") {
        let server = Server::start(&program, folder.path(), &["--appendonly", "yes", "--databases", "20"]).unwrap();
        let mut client = server.client();
        for db in 0..20 {
            client.ask(&["SELECT", &db.to_string()]);
            let keys = expected.iter().filter(|(of, _)| *of == db).count();
            assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(keys as i64), "database {db}");
        }
    }
    let file = file.to_str().unwrap();
    let out = folder.join("out.rdb");
    let out = out.to_str().unwrap();
    let refusing: [&[&str]; 6] = [
        &["keys", file, "--json"],
        &["show", file, "a", "--raw"],
        &["export", file, "--format", "json"],
        &["convert", file, out, "--to", "redis-6.2"],
        &["diff", file, file],
        &["keys", file, "--databases", "19"],
    ];
    for args in refusing {
        let refused = aikv(args, b"");
        assert_eq!(refused.status.code(), Some(3), "{args:?}");
        let told = text(&refused.stderr);
        assert!(told.contains("found 19") && told.contains("option `databases`"), "{args:?}: {told}");
    }
    for args in &refusing[..5] {
        let done = aikv(&[args, &["--databases", "20"][..]].concat(), b"");
        assert_eq!(done.status.code(), Some(0), "{args:?}: {}", text(&done.stderr));
    }
    let keys = |file: &str| {
        let keys = lines(&aikv(&["keys", file, "--json", "--databases", "20"], b"")).into_iter();
        keys.map(|line| (line["db"].as_u64().unwrap(), line["key"].as_str().unwrap().to_string())).collect::<Vec<_>>()
    };
    assert_eq!(keys(file), expected.map(|(db, key)| (db, key.to_string())));
    assert_eq!(keys(out), keys(file));
    // Where it would do nothing, or no server has it.
    for args in
        [&["export", file, "--databases", "20"][..], &["info", file, "--databases", "20"], &["keys", file, "--databases", "0"]]
    {
        assert_eq!(aikv(args, b"").status.code(), Some(2), "{args:?}");
    }
}
