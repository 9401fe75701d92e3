//! `aikv split` and `aikv merge`: what was cut and put together again is what it was.

#![cfg(feature = "cli")]

mod common;
mod rewriting;

use aikv::jobs::key_slot;
use aikv::model::{Dataset, EncodeOptions, Entry, Value};
use aikv::rdb::Version;
use bytes::Bytes;
use common::{TempDir, data};
use rewriting::{aikv_ends, records};
use std::fs;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    data().join(name).with_extension("rdb")
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

const FIXTURES: [&str; 9] = [
    "redis-2.8/databases",
    "redis-3.2/zsets",
    "redis-6.2/streams",
    "redis-7.0/functions",
    "redis-7.0/module",
    "redis-8.0/expiry",
    "redis-8.6/metadata",
    "valkey-9.1/databases",
    "valkey-9.1/cluster",
];

#[test]
fn split_and_merged_it_is_the_original() {
    let folder = TempDir::new();
    let (parts, merged) = (folder.join("parts"), folder.join("merged"));
    let rules: [&[&str]; 5] = [
        &["--by", "db"],
        &["--by", "3"],
        &["--by", "prefix"],
        &["--by", "prefix", "--separator", "-"],
        &["--by", "slot", "--slots", "0-5460 5461-10922 10923-16383"],
    ];
    for name in FIXTURES {
        let original = fixture(name);
        let file = fs::read(&original).unwrap();
        let mut expected = records(&file);
        expected.sort();
        for rule in rules {
            aikv_ends(&[&["split", text(&original), text(&parts)], rule].concat(), 0);
            let outputs = files(&parts);
            let mut found = Vec::new();
            for output in &outputs {
                let part = fs::read(output).unwrap();
                assert_eq!(part[..9], file[..9], "{name} {rule:?}");
                found.extend(records(&part));
                aikv_ends(&["check", text(output)], 0);
                let [ours, theirs] = [&part, &file].map(|bytes| Dataset::decode(bytes).unwrap());
                assert_eq!((ours.aux, ours.functions, ours.module_data), (theirs.aux, theirs.functions, theirs.module_data));
            }
            found.sort();
            assert!(found == expected, "{name} {rule:?}: each key is in one file, byte for byte");
            let args: Vec<_> = outputs.iter().map(|output| text(output)).chain([text(&merged)]).collect();
            aikv_ends(&[&["merge"], &args[..]].concat(), 0);
            aikv_ends(&["check", text(&merged)], 0);
            aikv_ends(&["diff", text(&original), text(&merged)], 0);
            let [ours, theirs] = [&fs::read(&merged).unwrap(), &file].map(|bytes| Dataset::decode(bytes).unwrap());
            assert!(ours == theirs, "{name} {rule:?}");
            fs::remove_dir_all(&parts).unwrap();
        }
    }
}

/// A snapshot of strings, each with the name of its file as its value.
fn strings(path: &Path, version: Version, keys: &[(u64, &[u8], Option<i64>)]) {
    let mut data = Dataset::default();
    for (db, key, expires_at_ms) in keys {
        let value = path.file_name().unwrap().as_encoded_bytes().to_vec();
        let mut entry = Entry::from(Value::String(value.into()));
        entry.expires_at_ms = *expires_at_ms;
        data.databases.entry(*db).or_default().insert(Bytes::copy_from_slice(key), entry);
    }
    fs::write(path, data.encode(&EncodeOptions::new(version)).unwrap()).unwrap();
}

#[test]
fn keys_go_where_they_belong() {
    let folder = TempDir::new();
    let (input, parts) = (folder.join("in"), folder.join("parts"));
    let names: [&[u8]; 8] = [b"user:1", b"user:2", b"a/b:1", b"../:x", b"\x1b[2J\xff:x", b":x", b"none", b"{user:1}:y"];
    let keys: Vec<_> = names.iter().enumerate().map(|(number, name)| (number as u64 % 3, *name, None)).collect();
    strings(&input, Version::redis(11), &keys);

    aikv_ends(&["split", text(&input), text(&parts), "--by", "prefix"], 0);
    let found: Vec<_> = files(&parts).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_string()).collect();
    let expected = [
        "no-prefix.rdb",
        "prefix-%1B%5B2J%FF.rdb",
        "prefix-%7Buser.rdb",
        "prefix-..%2F.rdb",
        "prefix-.rdb",
        "prefix-a%2Fb.rdb",
        "prefix-user.rdb",
    ];
    assert_eq!(found, expected);
    assert_eq!(records(&fs::read(parts.join("prefix-user.rdb")).unwrap()).len(), 2);
    fs::remove_dir_all(&parts).unwrap();

    // An empty folder may be there.
    fs::create_dir(&parts).unwrap();
    aikv_ends(&["split", text(&input), text(&parts), "--by", "db"], 0);
    for (db, path) in files(&parts).iter().enumerate() {
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("db-{db}.rdb"));
        assert!(records(&fs::read(path).unwrap()).iter().all(|record| record.db == db as u64));
    }
    fs::remove_dir_all(&parts).unwrap();

    let nodes = folder.join("nodes");
    fs::write(
        &nodes,
        "aa 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-99 8000-16383\nbb 127.0.0.1:2@3 master - 0 0 2 connected 100-7999\n\
         cc 127.0.0.1:3@4 slave aa 0 0 1 connected\n",
    )
    .unwrap();
    aikv_ends(&["split", text(&input), text(&parts), "--by", "slot", "--slots-from", text(&nodes)], 0);
    let outputs = files(&parts);
    assert_eq!(
        outputs.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect::<Vec<_>>(),
        ["slots-aa", "slots-bb"]
    );
    for (path, is_second) in outputs.iter().zip([false, true]) {
        for record in records(&fs::read(path).unwrap()) {
            assert_eq!((100..8000).contains(&key_slot(&record.key)), is_second);
        }
    }
    fs::remove_dir_all(&parts).unwrap();

    aikv_ends(&["split", text(&input), text(&parts), "--by", "db", "--glob", "user:*"], 0);
    assert_eq!(files(&parts).len(), 2);
}

#[test]
fn all_files_of_a_split_appear_or_none() {
    let folder = TempDir::new();
    let (input, parts, full) = (folder.join("in"), folder.join("parts"), folder.join("full"));
    let file = fs::read(fixture("redis-7.0/hashes")).unwrap();
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "mine").unwrap();
    for cut in [9, file.len() / 2, file.len() - 1] {
        fs::write(&input, &file[..cut]).unwrap();
        aikv_ends(&["split", text(&input), text(&parts), "--by", "7"], 3);
        assert_eq!(folder.names(), ["full", "in"], "{cut}");
    }
    fs::write(&input, &file).unwrap();
    let told = aikv_ends(&["split", text(&input), text(&full), "--by", "2"], 3);
    assert!(told.contains("not empty"), "{told}");
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
    for (args, code) in [
        (&["--by", "slot"][..], 2),
        (&["--by", "0"], 2),
        (&["--by", "slot", "--slots", "0-5"], 2),
        (&["--by", "slot", "--slots", "0-16383 7"], 2),
        (&["--by", "slot", "--slots-from", "/none/such"], 3),
        (&["--by", "db", "--slots", "0-16383"], 2),
        (&["--by", "prefix", "--separator", ""], 2),
    ] {
        aikv_ends(&[&["split", text(&input), text(&parts)], args].concat(), code);
        assert_eq!(folder.names(), ["full", "in"], "{args:?}");
    }
    aikv_ends(&["split", text(&data().join("redis-7.0/plain.aof")), text(&parts), "--by", "db"], 3);
    assert_eq!(folder.names(), ["full", "in"]);
}

/// Which file each key of db 0 has its value from.
fn origin(merged: &Path) -> Vec<(String, String)> {
    let dataset = Dataset::decode(&fs::read(merged).unwrap()).unwrap();
    let of = |(key, entry): (&Bytes, &Entry)| {
        let Value::String(value) = &entry.value else { panic!("{entry:?}") };
        (String::from_utf8_lossy(key).into_owned(), String::from_utf8_lossy(value).into_owned())
    };
    dataset.databases[&0].iter().map(of).collect()
}

#[test]
fn what_two_snapshots_have_goes_by_the_rule() {
    let folder = TempDir::new();
    let [a, b, c, out] = ["a", "b", "c", "out"].map(|name| folder.join(name));
    strings(&a, Version::redis(9), &[(0, b"all", Some(9_000_000_000_000)), (0, b"ab", None), (0, b"a", None), (1, b"x", None)]);
    strings(&b, Version::redis(11), &[(0, b"all", Some(9_000_000_000_005)), (0, b"ab", Some(5)), (0, b"b", None)]);
    strings(&c, Version::redis(7), &[(0, b"all", Some(9_000_000_000_005)), (0, b"c", None), (2, b"x", None)]);
    let merge =
        |rule: &str, code: i32| aikv_ends(&["merge", text(&a), text(&b), text(&c), text(&out), "--on-conflict", rule], code);

    let told = merge("fail", 4);
    for line in [r#"db 0 "all" is in "#, r#"db 0 "ab" is in "#, "3 conflicts"] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!(told.matches("\"all\"").count(), 2, "{told}");
    assert_eq!(folder.names(), ["a", "b", "c"]);
    let json = aikv_ends(&["merge", text(&a), text(&b), text(&out), "--json"], 4);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first, serde_json::json!({"db": 0, "key": "ab", "file": text(&b)}));

    for (rule, all, ab) in [("first", "a", "a"), ("last", "c", "b"), ("newest-expiry", "b", "a")] {
        merge(rule, 0);
        let expected =
            [("a", "a"), ("ab", ab), ("all", all), ("b", "b"), ("c", "c")].map(|(key, from)| (key.to_string(), from.to_string()));
        assert_eq!(origin(&out), expected, "{rule}");
        aikv_ends(&["check", text(&out)], 0);
        assert_eq!(fs::read(&out).unwrap()[..9], *b"REDIS0011", "the highest version");
    }
}

#[test]
fn damaged_snapshots_and_pipes_are_not_merged() {
    let folder = TempDir::new();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.join(name));
    strings(&a, Version::redis(11), &[(0, b"a", None)]);
    let whole = fs::read(&a).unwrap();
    fs::write(&b, &whole[..whole.len() - 3]).unwrap();
    aikv_ends(&["merge", text(&a), text(&b), text(&out)], 3);
    aikv_ends(&["merge", text(&a), text(&b), text(&out), "--to", "redis-8.0"], 3);
    aikv_ends(&["merge", text(&a), "-", text(&out)], 2);
    aikv_ends(&["merge", text(&a)], 2);
    assert_eq!(folder.names(), ["a", "b"]);
}

/// No server has a key twice, so which of the two is meant is not for a merge to say.
#[test]
fn a_key_that_stands_twice_in_one_input_is_not_dropped_in_silence() {
    let folder = TempDir::new();
    let [twice, other, out] = ["a", "b", "out"].map(|name| folder.join(name));
    fs::write(&twice, b"REDIS0011\xfe\0\0\x01k\x01a\0\x01k\x01b\xff\0\0\0\0\0\0\0\0").unwrap();
    strings(&other, Version::redis(11), &[(0, b"other", None)]);
    let told = aikv_ends(&["merge", text(&twice), text(&other), text(&out)], 3);
    assert!(told.contains("a key once in its database"), "{told}");
    assert_eq!(folder.names(), ["a", "b"]);
    // Leniently the first stands, and the second is told.
    let told = aikv_ends(&["merge", "--lenient", text(&twice), text(&other), text(&out)], 0);
    assert!(told.contains("a key once in its database"), "{told}");
    let merged = Dataset::decode(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(merged.databases[&0][&b"k"[..]].value, Value::String(Bytes::from_static(b"a")));
}

/// The data of each, its names with something in front: real files have the same ones.
fn renamed(name: &str, front: &str) -> Dataset {
    let mut dataset = Dataset::decode(&fs::read(fixture(name)).unwrap()).unwrap();
    let rename = |(key, entry): (Bytes, Entry)| (Bytes::from([front.as_bytes(), &key[..]].concat()), entry);
    for database in dataset.databases.values_mut() {
        *database = std::mem::take(database).into_iter().map(rename).collect();
    }
    dataset.aux.clear();
    dataset
}

#[test]
fn snapshots_of_two_dialects_are_merged_in_a_version_that_both_have_or_that_is_named() {
    let folder = TempDir::new();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.join(name));
    let [redis, valkey] = [renamed("redis-8.0/hashes", "r:"), renamed("valkey-9.1/sets", "v:")];
    fs::write(&a, redis.encode(&EncodeOptions::new(Version::redis(12))).unwrap()).unwrap();
    fs::write(&b, valkey.encode(&EncodeOptions::new(Version::valkey(80))).unwrap()).unwrap();
    let both = || {
        let mut all = redis.databases.clone();
        valkey.databases.iter().for_each(|(db, database)| all.entry(*db).or_default().extend(database.clone()));
        all
    };
    for (to, header) in [
        (&[][..], b"REDIS0011"),
        (&["--to", "valkey-9.1"], b"VALKEY080"),
        (&["--to", "redis-8.6"], b"REDIS0013"),
        (&["--to", "redis-2.8"], b"REDIS0006"),
    ] {
        for inputs in [[&a, &b], [&b, &a]] {
            aikv_ends(&[&["merge", text(inputs[0]), text(inputs[1]), text(&out)], to].concat(), 0);
            let bytes = fs::read(&out).unwrap();
            assert_eq!(&bytes[..9], header, "{to:?}");
            let mut held = Dataset::decode(&bytes).unwrap();
            held.databases.retain(|_, database| !database.is_empty());
            held.canonicalize();
            let mut expected = Dataset { databases: both(), ..Dataset::default() };
            expected.canonicalize();
            assert!(held.databases == expected.databases, "{to:?}");
        }
    }
    // Of one dialect, a target may be named too, and what several have goes by the rule still.
    aikv_ends(&["merge", text(&a), text(&a), text(&out), "--to", "redis-6.2"], 4);
    aikv_ends(&["merge", text(&a), text(&a), text(&out), "--to", "redis-6.2", "--on-conflict", "last"], 0);
    assert_eq!(&fs::read(&out).unwrap()[..9], b"REDIS0009");
    aikv_ends(&["diff", text(&a), text(&out)], 0);
}

#[test]
fn what_a_merge_would_lose_is_refused_or_told() {
    let folder = TempDir::new();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.join(name));
    strings(&a, Version::redis(11), &[(0, b"a", None)]);
    fs::copy(fixture("valkey-9.1/field_expiry"), &b).unwrap();
    let told = aikv_ends(&["merge", text(&a), text(&b), text(&out)], 4);
    assert!(told.contains("the expiry of a field") && told.contains("refused for "), "{told}");
    assert!(told.contains(&format!("aikv: {}: db 0", text(&b))), "{told}");
    assert_eq!(folder.names(), ["a", "b"]);
    let json = aikv_ends(&["merge", text(&a), text(&b), text(&out), "--on-loss", "degrade", "--json"], 0);
    let losses: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!losses.is_empty());
    for loss in &losses {
        assert_eq!((&loss["loss"]["code"], &loss["file"]), (&"field-expiry".into(), &text(&b).into()), "{loss}");
        assert!(loss["loss"]["key"].is_string() && loss["loss"]["outcome"] == "stripped", "{loss}");
    }
    aikv_ends(&["check", text(&out)], 0);
    aikv_ends(&["merge", text(&a), text(&b), text(&out), "--to", "valkey-9.0"], 0);
    assert_eq!(&fs::read(&out).unwrap()[..9], b"VALKEY080");
}

#[test]
fn function_libraries_of_one_name_are_one_or_a_conflict() {
    let folder = TempDir::new();
    let [a, b, out] = ["a", "b", "out"].map(|name| folder.join(name));
    let library = |path: &Path, code: &str| {
        let function = aikv::model::Function { code: Bytes::copy_from_slice(code.as_bytes()), description: None };
        let data = Dataset { functions: vec![function], ..Dataset::default() };
        fs::write(path, data.encode(&EncodeOptions::new(Version::redis(11))).unwrap()).unwrap();
    };
    let codes = || {
        Dataset::decode(&fs::read(&out).unwrap())
            .unwrap()
            .functions
            .iter()
            .map(|function| function.code.clone())
            .collect::<Vec<_>>()
    };
    library(&a, "#!lua name=lib\nx");
    library(&b, "#!lua name=lib\nx");
    aikv_ends(&["merge", text(&a), text(&b), text(&out)], 0);
    assert_eq!(codes(), ["#!lua name=lib\nx"]);
    library(&b, "#!lua name=lib\ny");
    let told = aikv_ends(&["merge", text(&a), text(&b), text(&out)], 4);
    assert!(told.contains("function library \"lib\""), "{told}");
    aikv_ends(&["merge", text(&a), text(&b), text(&out), "--on-conflict", "last"], 0);
    assert_eq!(codes(), ["#!lua name=lib\ny"]);
}

/// Both write aside while they read, so that a signal finds something to be taken away.
#[cfg(unix)]
#[test]
fn a_signal_leaves_no_output() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let file = fs::read(fixture("redis-7.0/hashes")).unwrap();
    for args in [&["filter", "-", "out"][..], &["split", "-", "out", "--by", "3"]] {
        let folder = TempDir::new();
        let mut child = Command::new(env!("CARGO_BIN_EXE_aikv"))
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&file[..file.len() / 2]).unwrap();
        // Signals are caught once it is there, and a little later.
        while folder.names().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        // It may have ended already.
        let _ = stdin.write_all(&file[file.len() / 2..]);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(folder.names().is_empty(), "{args:?}: {:?}", folder.names());
    }
}
