//! The published functions for files: every example as it stands, what they
//! refuse, what becomes of files when something fails, and what real servers load.

#![cfg(feature = "std")]

mod common;
#[path = "common/counting.rs"]
mod counting;

use aikv::Result;
use aikv::persistence::{BytesDatabaseData, DatabaseData, PersistenceConfig, load_rdb, load_rdb_bytes, save_rdb, save_rdb_bytes};
use base64::Engine;
use bytes::Bytes;
use common::{TempDir, format_error};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

/// The examples of the published page, word for word, in its order.
#[test]
fn persistence_examples_of_the_published_page() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Every other test names its files in full.
    let folder = TempDir::new();
    std::env::set_current_dir(folder.path())?;
    fn saving_to_rdb() -> Result<()> {
        use aikv::persistence::{DatabaseData, save_rdb};
        use bytes::Bytes;
        use std::collections::HashMap;

        // Create database data
        let mut db0 = HashMap::new();
        db0.insert("key1".to_string(), (Bytes::from("value1"), None));
        db0.insert("key2".to_string(), (Bytes::from("value2"), Some(9999999999999)));

        let databases = vec![db0];

        // Save to RDB file
        save_rdb("dump.rdb", &databases)?;
        let _typed: Vec<DatabaseData> = databases;
        Ok(())
    }
    fn loading_from_rdb() -> Result<()> {
        use aikv::persistence::load_rdb;

        // Load from RDB file
        let databases = load_rdb("dump.rdb")?;

        for (db_index, db_data) in databases.iter().enumerate() {
            println!("Database {}: {} keys", db_index, db_data.len());
        }
        assert_eq!(databases.len(), 1);
        assert_eq!(databases[0]["key1"], (Bytes::from("value1"), None));
        assert_eq!(databases[0]["key2"], (Bytes::from("value2"), Some(9999999999999)));
        Ok(())
    }
    fn writing_commands_to_aof() -> Result<()> {
        use aikv::persistence::{AofSyncPolicy, AofWriter};

        // Create AOF writer
        let writer = AofWriter::new("appendonly.aof", AofSyncPolicy::EverySecond)?;

        // Log commands
        writer.log_command(&["SET".to_string(), "key1".to_string(), "value1".to_string()])?;
        writer.log_command(&["SET".to_string(), "key2".to_string(), "value2".to_string()])?;
        writer.log_command(&["DEL".to_string(), "key1".to_string()])?;
        Ok(())
    }
    fn reading_commands_from_aof() -> Result<()> {
        use aikv::persistence::load_aof;

        // Load all commands from AOF
        let commands = load_aof("appendonly.aof")?;

        assert_eq!(commands, [vec!["SET", "key1", "value1"], vec!["SET", "key2", "value2"], vec!["DEL", "key1"]]);
        for command in commands {
            println!("Command: {:?}", command);
        }
        Ok(())
    }
    #[allow(clippy::let_and_return)] // the page ends with the binding
    fn configuration() -> PersistenceConfig {
        use aikv::persistence::{AofSyncPolicy, PersistenceConfig};
        use std::path::PathBuf;

        let config = PersistenceConfig {
            enable_rdb: true,
            rdb_path: PathBuf::from("dump.rdb"),
            rdb_save_interval: 300, // Save every 5 minutes

            enable_aof: true,
            aof_path: PathBuf::from("appendonly.aof"),
            aof_sync_policy: AofSyncPolicy::EverySecond,
        };
        config
    }
    fn error_handling() {
        let databases: Vec<DatabaseData> = Vec::new();
        match save_rdb("dump.rdb", &databases) {
            Ok(()) => println!("Saved successfully"),
            Err(e) => eprintln!("Save failed: {}", e),
        }
    }
    saving_to_rdb()?;
    loading_from_rdb()?;
    writing_commands_to_aof()?;
    reading_commands_from_aof()?;
    assert_eq!(configuration(), PersistenceConfig::default());
    let log = fs::read("appendonly.aof")?;
    let set = b"*3\r\n$3\r\nSET\r\n$4\r\nkey1\r\n$6\r\nvalue1\r\n";
    assert_eq!(log[..set.len()], set[..], "the page shows these bytes");
    assert!(fs::read("dump.rdb")?.starts_with(b"REDIS0001\xfa"), "magic, version, aux fields");
    error_handling();
    assert_eq!(load_rdb("dump.rdb")?, Vec::<DatabaseData>::new());
    std::env::set_current_dir("/")?;
    Ok(())
}

fn database(keys: &[(&str, &[u8], Option<u64>)]) -> DatabaseData {
    keys.iter().map(|(key, value, expiry)| ((*key).to_owned(), (Bytes::copy_from_slice(value), *expiry))).collect()
}

/// A checksum that owes nothing to the library: one bit at a time.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 })
    })
}

/// A snapshot by hand: header, body, end and, from RDB 5 on, checksum.
fn snapshot(version: u32, body: &[u8]) -> Vec<u8> {
    let mut file = format!("REDIS{version:04}").into_bytes();
    file.extend_from_slice(body);
    file.push(0xff);
    if version >= 5 {
        let crc = crc64(&file);
        file.extend_from_slice(&crc.to_le_bytes());
    }
    file
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn persistence_rdb_gives_back_what_was_saved() {
    let folder = TempDir::new();
    let path = folder.join("dump.rdb");
    let long: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let many: DatabaseData = (0..20_000u64).map(|i| (format!("key {i}"), (Bytes::from(format!("{}", i * i)), Some(i)))).collect();
    let databases = vec![
        database(&[
            ("", b"empty key", None),
            ("empty value", b"", None),
            ("ключ 鍵 \u{202e}", "wert ü".as_bytes(), Some(0)),
            ("binary", &[0, 255, 13, 10], Some(i64::MAX as u64)),
            ("int", b"-2147483649", None),
            ("int-like", b"007", None),
            ("long", &long, Some(1)),
            ("piece", &long[..64 * 1024], None),
            ("piece and a byte", &long[..64 * 1024 + 1], None),
        ]),
        HashMap::new(),
        many,
    ];
    save_rdb(&path, &databases).unwrap();
    assert!(load_rdb(&path).unwrap() == databases);
    let as_bytes: Vec<BytesDatabaseData> = databases
        .iter()
        .map(|database| database.iter().map(|(key, held)| (Bytes::from(key.clone()), held.clone())).collect())
        .collect();
    assert!(load_rdb_bytes(&path).unwrap() == as_bytes);

    let keys = [&b"\xff\xfe"[..], b"", b"plain"];
    let databases: Vec<BytesDatabaseData> =
        vec![keys.iter().map(|key| (Bytes::from_static(key), (Bytes::from_static(b"v"), None))).collect()];
    save_rdb_bytes(&path, &databases).unwrap();
    assert_eq!(load_rdb_bytes(&path).unwrap(), databases);
    assert_eq!(folder.names(), ["dump.rdb"], "nothing else is left in the folder");
}

/// A snapshot is written as it is encoded: it is never in memory as a whole.
#[test]
fn persistence_rdb_is_saved_in_bounded_memory() {
    let folder = TempDir::new();
    let value = Bytes::from(vec![7; 10_000_000]);
    let databases: Vec<DatabaseData> = vec![(0..5).map(|key| (format!("{key}"), (value.clone(), None))).collect()];
    let peak = counting::peak(|| save_rdb(folder.join("dump.rdb"), &databases).unwrap());
    assert!(peak < 1024 * 1024, "{peak} bytes");
    assert!(fs::metadata(folder.join("dump.rdb")).unwrap().len() > 50_000_000);
}

#[test]
fn persistence_rdb_ends_with_a_real_checksum() {
    let folder = TempDir::new();
    let path = folder.join("dump.rdb");
    save_rdb(&path, &[HashMap::new(), database(&[("k", b"v", Some(1_700_000_000_000))])]).unwrap();
    let file = fs::read(&path).unwrap();
    let (covered, stored) = file.split_at(file.len() - 8);
    assert_eq!(covered.last(), Some(&0xff));
    assert_eq!(u64::from_le_bytes(stored.try_into().unwrap()), crc64(covered));
    // The only database with keys, then its key with the opcode for milliseconds.
    let keys = b"\xfe\x01\xfc\x00\x68\xe5\xcf\x8b\x01\x00\x00\x00\x01k\x01v\xff";
    assert!(covered.ends_with(keys), "{}", covered.escape_ascii());
    save_rdb(&path, &[]).unwrap();
    assert_eq!(load_rdb(&path).unwrap(), Vec::<DatabaseData>::new());
}

#[test]
fn persistence_rdb_reads_every_version() {
    let folder = TempDir::new();
    let body = b"\xfe\x03\xfd\x00\x00\x00\x40\x00\x01k\x01v\x00\x01i\xc0\x07";
    let expected = database(&[("k", b"v", Some(0x4000_0000 * 1000)), ("i", b"7", None)]);
    for version in 1..=15 {
        let path = write(&folder, "dump.rdb", &snapshot(version, body));
        let databases = load_rdb(&path).unwrap();
        assert_eq!(databases, [HashMap::new(), HashMap::new(), HashMap::new(), expected.clone()], "RDB {version}");
    }
    let error = format_error(load_rdb(write(&folder, "dump.rdb", &snapshot(16, body))));
    assert_eq!((error.code(), error.offset()), ("unsupported-version", 5));
}

#[test]
fn persistence_rdb_1_to_4_may_have_a_checksum() {
    let folder = TempDir::new();
    let body = b"\xfe\x00\x00\x01k\x01v";
    for version in 1..=4 {
        let bare = snapshot(version, body);
        let end = bare.len() as u64;
        let with = |tail: &[u8]| load_rdb(write(&folder, "dump.rdb", &[&bare, tail].concat()));
        assert_eq!(with(b"").unwrap().len(), 1);
        assert_eq!(with(&crc64(&bare).to_le_bytes()).unwrap().len(), 1);
        assert_eq!(with(&[0; 8]).unwrap().len(), 1, "checksums were off");
        let wrong = format_error(with(b"12345678"));
        assert_eq!((wrong.code(), wrong.offset()), ("bad-checksum", end));
        for tail in [&b"1234567"[..], b"123456789", b"\0", b"*1\r\n$4\r\nPING\r\n"] {
            let error = format_error(with(tail));
            assert_eq!((error.code(), error.offset()), ("bad-value", end), "{}", tail.escape_ascii());
        }
    }
    let whole = snapshot(11, body);
    let log = [&whole[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    let error = format_error(load_rdb(write(&folder, "dump.rdb", &log)));
    assert_eq!((error.code(), error.offset()), ("bad-value", whole.len() as u64), "commands are not dropped unseen");
}

#[test]
fn persistence_rdb_refuses_by_name_what_a_map_cannot_hold() {
    let folder = TempDir::new();
    let load = |body: &[u8]| load_rdb(write(&folder, "dump.rdb", &snapshot(11, body)));
    let hash = format_error(load(b"\xfe\x02\x04\x03cfg\x01\x01a\x01b"));
    assert_eq!((hash.code(), hash.offset()), ("unrepresentable", 11));
    let place = hash.place();
    assert_eq!((place.db, place.value_type, place.key.unwrap().bytes()), (Some(2), Some("hash"), &b"cfg"[..]));
    assert!(hash.to_string().contains("aikv::rdb"), "{hash}");

    // A list, a set, a sorted set, a packed hash, a stream and a module, each with an expiry before it.
    for value_type in [1, 2, 3, 16, 15, 7] {
        let error = format_error(load(&[b"\xfc\x01\0\0\0\0\0\0\0", &[value_type][..], b"\x01k\x01\x01a\x01b"].concat()));
        assert_eq!((error.code(), error.offset()), ("unrepresentable", 9), "type {value_type}");
        assert_eq!(error.place().key.unwrap().bytes(), b"k");
    }
    let not_utf8 = b"\xfe\x00\x00\x02\xff\xfe\x01v";
    let error = format_error(load(not_utf8));
    assert_eq!((error.code(), error.offset()), ("unrepresentable", 11));
    assert!(error.to_string().contains("key \"\\xff\\xfe\""), "{error}");
    assert!(error.to_string().contains("load_rdb_bytes"), "{error}");
    assert_eq!(load_rdb_bytes(folder.join("dump.rdb")).unwrap()[0].len(), 1);

    let function = format_error(load(b"\xf5\x0a#!lua name"));
    assert_eq!((function.code(), function.offset()), ("unrepresentable", 9));
    let module = format_error(load(b"\xf7\x81\x01\x02\x03\x04\x05\x06\x07\x08\x02\x01\x00"));
    assert_eq!((module.code(), module.offset()), ("unrepresentable", 9));
    let past = format_error(load(b"\xfe\x00\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01k\x01v"));
    assert_eq!((past.code(), past.offset()), ("unrepresentable", 11));
}

#[test]
fn persistence_rdb_refuses_hostile_files() {
    let folder = TempDir::new();
    let load = |bytes: &[u8]| format_error(load_rdb(write(&folder, "dump.rdb", bytes)));
    let twice = load(&snapshot(11, b"\xfe\x00\x00\x01k\x01v\x00\x01k\x01w"));
    assert_eq!((twice.code(), twice.offset(), twice.place().db), ("duplicate", 16, Some(0)));
    let apart = snapshot(11, b"\xfe\x00\x00\x01k\x01v\xfe\x01\x00\x01k\x01w");
    assert_eq!(load_rdb(write(&folder, "dump.rdb", &apart)).unwrap().len(), 2, "one key in two databases");

    let far = load(&snapshot(11, b"\xfe\x80\x00\x01\x00\x00\x00\x01k\x01v"));
    assert_eq!((far.code(), far.offset()), ("limit-exceeded", 15));
    assert_eq!(far.place().db, Some(65_536));
    let last = snapshot(11, b"\xfe\x80\x00\x00\xff\xff\x00\x01k\x01v");
    assert_eq!(load_rdb(write(&folder, "dump.rdb", &last)).unwrap().len(), 65_536);
    let empty = snapshot(11, b"\xfe\x80\xff\xff\xff\xff");
    assert_eq!(load_rdb(write(&folder, "dump.rdb", &empty)).unwrap().len(), 0, "a database without keys takes no place");

    let whole = snapshot(11, b"\xfe\x00\x00\x01k\x01v");
    for cut in 0..whole.len() {
        assert_eq!(load(&whole[..cut]).code(), "truncated", "cut at {cut}");
    }
    let mut flipped = whole.clone();
    flipped[15] ^= 1;
    assert_eq!(load(&flipped).code(), "bad-checksum");
    assert_eq!(load(b"*1\r\n$4\r\nPING\r\n").code(), "bad-magic");
    // Bytes are declared that never come.
    assert_eq!(load(b"REDIS0011\xfe\x00\x00\x01k\x80\x7f\xff\xff\xffabc").code(), "truncated");
}

#[test]
fn persistence_rdb_refuses_an_expiry_that_no_snapshot_holds() {
    let folder = TempDir::new();
    let path = folder.join("dump.rdb");
    let database = database(&[("k", b"v", Some(1 << 63))]);
    let error = format_error(save_rdb(&path, &[database]));
    assert_eq!((error.code(), error.place().key.unwrap().bytes()), ("unrepresentable", &b"k"[..]));
    assert_eq!(folder.names(), Vec::<String>::new());
}

/// The bytes that a fixture's JSON stands for.
fn text(value: &serde_json::Value) -> Bytes {
    match value {
        serde_json::Value::String(text) => text.clone().into(),
        other => base64::engine::general_purpose::STANDARD.decode(other["$b64"].as_str().unwrap()).unwrap().into(),
    }
}

#[test]
fn persistence_rdb_loads_what_real_servers_saved() {
    for server in common::SERVERS {
        let folder = common::data().join(server);
        let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.join("strings.json")).unwrap()).unwrap();
        let keys = json["keys"].as_array().unwrap();
        let expected: BytesDatabaseData =
            keys.iter().map(|key| (text(&key["key"]), (text(&key["value"]), key["expires_at_ms"].as_u64()))).collect();
        assert!(expected.len() > 100);
        let databases = load_rdb_bytes(folder.join("strings.rdb")).unwrap();
        assert_eq!(databases.len(), 1, "{server}");
        for (key, held) in &expected {
            assert!(databases[0].get(key) == Some(held), "{server}: {}", key.escape_ascii());
        }
        assert_eq!(databases[0].len(), expected.len(), "{server}");
        let error = format_error(load_rdb_bytes(folder.join("hashes.rdb")));
        assert_eq!(error.code(), "unrepresentable", "{server}");
        assert!(error.place().value_type.unwrap().starts_with("hash"), "{server}");
    }
}
