//! The estimate of a key's memory, held against what real servers answer to `MEMORY USAGE key SAMPLES 0` once they have
//! loaded the same file.
//!
//! Redis 7.0 and 8.0 with jemalloc are what is estimated: plain values agree to the byte, but for what is random (levels
//! of sorted sets) or depends on more than the file (inner nodes of a stream's trees). Other servers keep keys and values
//! in fewer blocks, and count without an allocator or with another one: their answers lie below the estimate.

#![cfg(unix)]

mod common;

use common::{Client, Reply, Server, TempDir, index, server};
use std::collections::BTreeMap;
use std::path::Path;

fn numbered(count: usize, make: impl Fn(usize) -> Vec<String>) -> Vec<String> {
    (0..count).flat_map(make).collect()
}

/// Commands that make a key of each kind in each encoding, small and large.
fn commands() -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut add = |head: &[&str], rest: Vec<String>| all.push(head.iter().map(ToString::to_string).chain(rest).collect());
    for (name, value) in [("int", "123"), ("large-int", "-9223372036854775808"), ("no-int", "0123"), ("short", "v")] {
        add(&["SET", name, value], vec![]);
    }
    for len in [0, 40, 44, 45, 100, 1000, 100_000, 1_000_000] {
        add(&["SET", &format!("string-{len}"), &"x".repeat(len)], vec![]);
        add(&["SET", &"k".repeat(len.min(1000) + 1), "v", "EX", "10000"], vec![]);
    }
    let pair = |value: usize| move |i: usize| vec![format!("f{i}"), "v".repeat(value)];
    add(&["HSET", "hash-packed"], numbered(100, pair(20)));
    add(&["HSET", "hash-few-long"], numbered(5, pair(100)));
    add(&["HSET", "hash-table"], numbered(1000, pair(30)));
    add(&["SADD", "set-integers"], numbered(300, |i| vec![(i * 1000).to_string()]));
    add(&["SADD", "set-many-integers"], numbered(2000, |i| vec![i.to_string()]));
    add(&["SADD", "set-table"], numbered(1000, |i| vec![format!("member-{i}")]));
    let scored = |i: usize| vec![i.to_string(), format!("member-{i}")];
    add(&["ZADD", "zset-packed"], numbered(50, scored));
    add(&["ZADD", "zset-table"], numbered(5000, scored));
    add(&["RPUSH", "list-one-node"], numbered(20, |i| vec![format!("item-{i}")]));
    add(&["RPUSH", "list-nodes"], numbered(5000, |i| vec![format!("item-{i}")]));
    add(&["RPUSH", "list-large"], numbered(10, |_| vec!["i".repeat(9000)]));
    for entry in 0..350 {
        add(&["XADD", "stream", &format!("{}-0", 1_700_000_000_000u64 + entry * 977), "a", "1", "b", "a value"], vec![]);
    }
    add(&["XADD", "stream-one", "1-1", "field", "value"], vec![]);
    add(&["XGROUP", "CREATE", "stream", "group", "0"], vec![]);
    add(&["XREADGROUP", "GROUP", "group", "consumer", "COUNT", "100", "STREAMS", "stream", ">"], vec![]);
    all
}

/// Makes the data, and gives the server that has loaded the snapshot of it.
fn reloaded(program: &Path, folder: &TempDir, more: &[&[&str]]) -> Server {
    let writer = Server::start(program, folder.path(), &[]).unwrap();
    let mut client = writer.client();
    let more = more.iter().map(|command| command.iter().map(ToString::to_string).collect());
    for command in commands().into_iter().chain(more) {
        let reply = client.ask(&command);
        assert!(!matches!(reply, Reply::Error(_)), "{:?}: {reply:?}", &command[..2]);
    }
    assert_eq!(client.ask(&["SAVE"]), Reply::Status("OK".into()));
    drop(writer);
    Server::start(program, folder.path(), &[]).unwrap()
}

/// Estimates by key, those that are not made apart.
fn estimates(file: &[u8]) -> BTreeMap<Vec<u8>, Option<u64>> {
    index(file).scan(0).map(|row| (row.key().to_vec(), row.memory_bytes())).collect()
}

fn answer(client: &mut Client, key: &[u8]) -> u64 {
    match client.ask(&[&b"MEMORY"[..], b"USAGE", key, b"SAMPLES", b"0"]) {
        Reply::Int(bytes) => bytes as u64,
        other => panic!("{}: {other:?}", key.escape_ascii()),
    }
}

/// Estimate and answer for every key of the data.
fn compared(name: &str, more: &[&[&str]]) -> Vec<(String, u64, u64)> {
    let Some(program) = server(name) else { return Vec::new() };
    let folder = TempDir::new();
    let server = reloaded(&program, &folder, more);
    let mut client = server.client();
    let estimates = estimates(&std::fs::read(folder.join("dump.rdb")).unwrap());
    assert!(estimates.len() > 30);
    estimates
        .into_iter()
        .map(|(key, estimate)| {
            let held = answer(&mut client, &key);
            (key.escape_ascii().to_string(), estimate.unwrap(), held)
        })
        .collect()
}

/// Answers that depend on more than the file may be so far off, in percent.
fn tolerance(key: &str) -> u64 {
    match key {
        // A node has one level more with a chance of a quarter: of 5000, the mean is off by less than 1 %.
        "zset-table" => 1,
        // A table that has just grown still has the smaller one beside it.
        "hash-few-long" => 4,
        // Expiries of fields are in a structure whose size depends on how it grew.
        "fields-table" => 10,
        // Trees have inner nodes by what ids have in common.
        key if key.starts_with("stream") => 10,
        _ => 0,
    }
}

fn assert_close(name: &str, more: &[&[&str]]) {
    for (key, estimate, held) in compared(name, more) {
        let off = estimate.abs_diff(held) * 100;
        // Servers round an average down.
        assert!(off <= tolerance(&key) * held + 100, "{name}: {key}: {estimate} estimated, {held} held");
    }
}

#[test]
fn redis_7_0_takes_what_is_estimated() {
    assert_close("redis-7.0", &[]);
}

#[test]
fn redis_8_0_takes_what_is_estimated() {
    let long = "v".repeat(100);
    assert_close(
        "redis-8.0",
        &[
            &["SADD", "set-packed", "a", "b", "c"],
            &["HSET", "fields-packed", "a", "1", "b", "2", "c", "3"],
            &["HEXPIRE", "fields-packed", "100000", "FIELDS", "2", "a", "b"],
            &["HSET", "fields-table", "a", &long, "b", &long, "c", &long, "d", &long],
            &["HEXPIRE", "fields-table", "100000", "FIELDS", "2", "a", "b"],
        ],
    );
}

/// A stream's trees apart, of which these servers count the blocks there are, and Redis before guesses them.
#[test]
fn servers_that_keep_keys_in_fewer_blocks_take_up_to_30_percent_less() {
    for name in ["redis-8.6", "valkey-8.1", "valkey-9.1"] {
        for (key, estimate, held) in compared(name, &[]) {
            let is_less = estimate.saturating_sub(held) <= 64.max(estimate * 3 / 10);
            assert!(
                key.starts_with("stream") || is_less && held <= estimate * 12 / 10,
                "{name}: {key}: {estimate} estimated, {held} held"
            );
        }
    }
}
