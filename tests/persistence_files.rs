//! What becomes of files: rights, links, failures at every step of a save, full
//! disks, and snapshots in the hands of real servers.
//!
//! Some failures need a process of its own: this program again, as another
//! user or under a limit on file sizes, running `persistence_child`.

#![cfg(all(feature = "std", unix))]

mod common;

use aikv::persistence::{AofSyncPolicy, AofWriter, DatabaseData, PersistenceErrorKind, load_aof, load_rdb, save_rdb};
use bytes::Bytes;
use common::{Reply, Server, TempDir, failure, io_kind};
use std::error::Error as _;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn database(keys: u64, value: &[u8]) -> Vec<DatabaseData> {
    vec![(0..keys).map(|key| (format!("key {key}"), (Bytes::copy_from_slice(value), None))).collect()]
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn persistence_files_new_ones_are_private_and_old_ones_keep_their_rights() {
    let folder = TempDir::new();
    let path = folder.join("dump.rdb");
    save_rdb(&path, &database(1, b"v")).unwrap();
    assert_eq!(mode(&path), 0o600);
    for rights in [0o644, 0o440] {
        fs::set_permissions(&path, Permissions::from_mode(rights)).unwrap();
        save_rdb(&path, &database(2, b"v")).unwrap();
        assert_eq!(mode(&path), rights);
    }
    // Only root gives files away, so nobody else has one of another owner to replace.
    if is_root() {
        std::os::unix::fs::chown(&path, Some(65_534), Some(65_533)).unwrap();
        save_rdb(&path, &database(3, b"v")).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), mode(&path)), (65_534, 65_533, 0o440));
    }
    assert_eq!(load_rdb(&path).unwrap()[0].len(), 3);
}

#[test]
fn persistence_files_a_link_stays_and_its_target_is_replaced() {
    let folder = TempDir::new();
    let (real, link) = (folder.join("real"), folder.join("link.rdb"));
    fs::create_dir(&real).unwrap();
    let target = real.join("dump.rdb");
    save_rdb(&target, &database(1, b"old")).unwrap();
    symlink(&target, &link).unwrap();
    save_rdb(&link, &database(2, b"new")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load_rdb(&target).unwrap(), load_rdb(&link).unwrap());
    assert_eq!(load_rdb(&target).unwrap()[0].len(), 2);
    let dangling = folder.join("dangling.rdb");
    symlink(folder.join("nothing"), &dangling).unwrap();
    assert_eq!(io_kind(save_rdb(&dangling, &database(1, b"v"))), io::ErrorKind::NotFound);
}

#[test]
fn persistence_files_only_regular_ones_are_touched() {
    let folder = TempDir::new();
    let inner = folder.join("dump.rdb");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("precious"), b"x").unwrap();
    assert_eq!(io_kind(save_rdb(&inner, &database(1, b"v"))), io::ErrorKind::IsADirectory);
    assert_eq!(io_kind(load_rdb(&inner)), io::ErrorKind::IsADirectory);
    assert!(inner.join("precious").exists());

    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for kind in [
        io_kind(save_rdb(&pipe, &database(1, b"v"))),
        io_kind(load_rdb(&pipe)),
        io_kind(load_aof(&pipe)),
        io_kind(AofWriter::new(&pipe, AofSyncPolicy::No)),
        io_kind(save_rdb("/dev/full", &database(1, b"v"))),
        io_kind(AofWriter::new("/dev/full", AofSyncPolicy::No)),
        io_kind(load_rdb("/dev/zero")),
    ] {
        assert_eq!(kind, io::ErrorKind::InvalidInput);
    }
    assert_eq!(io_kind(save_rdb(folder.join("no/folder.rdb"), &[])), io::ErrorKind::NotFound);
    assert_eq!(io_kind(save_rdb(folder.join("pipe/dump.rdb"), &[])), io::ErrorKind::NotADirectory);
    assert_eq!(io_kind(load_rdb(folder.join("nothing.rdb"))), io::ErrorKind::NotFound);
    assert_eq!(io_kind(save_rdb("", &[])), io::ErrorKind::InvalidInput);
    assert_eq!(folder.names(), ["dump.rdb", "pipe"]);
}

#[test]
fn persistence_files_errors_say_what_and_where() {
    let folder = TempDir::new();
    let path = folder.join("dump\n.rdb");
    fs::write(&path, b"REDIS0011\xfe\x07\x01\x02\xff\x1b").unwrap();
    let error = failure(load_rdb(&path));
    assert_eq!((error.doing(), error.path(), error.code()), ("load the snapshot", &*path, "unrepresentable"));
    let shown = error.to_string();
    let name = folder.join("dump\\n.rdb");
    assert!(shown.starts_with(&format!("cannot load the snapshot \"{}\": ", name.display())), "{shown}");
    assert!(shown.ends_with(": byte 11, key \"\\xff\\x1b\" (list), db 7"), "{shown}");
    assert_eq!(error.source().unwrap().to_string(), error.format().unwrap().to_string());

    let error = failure(save_rdb(folder.join("no/folder.rdb"), &[]));
    assert_eq!(error.doing(), "save the snapshot");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    let outer = aikv::AikvError::Persistence(error);
    assert!(outer.source().unwrap().is::<io::Error>(), "the variant adds no step of its own");
}

/// Runs `persistence_child` in a process of its own and gives what it printed.
fn child(task: &str, folder: &Path, prepare: impl FnOnce(&Path) -> Command) -> String {
    // The build's folder may be closed to others.
    let open = TempDir::new();
    let program = open.join("test");
    // Copied by another process: a file that this one has written can still be open in a child
    // that another thread has just forked, and then it cannot be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let output = prepare(&program)
        .current_dir(open.path())
        .args(["persistence_child", "--exact", "--nocapture"])
        .env("AIKV_TEST_CHILD", task)
        .env("AIKV_TEST_FOLDER", folder)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("1 passed"), "{printed}");
    printed
}

/// A child that is not root, so that rights mean something to it.
fn as_somebody(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// A child that can write files of `blocks` times 512 bytes only: writes behind
/// that come back short or fail, as on a full disk.
fn under_a_limit(blocks: u32) -> impl FnOnce(&Path) -> Command {
    move |program| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(program);
        command
    }
}

/// Does what the parent asks for; alone it does nothing.
#[test]
fn persistence_child() {
    let Ok(task) = std::env::var("AIKV_TEST_CHILD") else { return };
    let folder = PathBuf::from(std::env::var_os("AIKV_TEST_FOLDER").unwrap());
    let path = folder.join("dump.rdb");
    match task.as_str() {
        "locked folder" => assert_eq!(io_kind(save_rdb(&path, &database(1, b"v"))), io::ErrorKind::PermissionDenied),
        "unreadable folder" => {
            // Its names could not be synced, so nothing is begun.
            assert_eq!(io_kind(save_rdb(&path, &database(2, b"new"))), io::ErrorKind::PermissionDenied);
        }
        "full disk, snapshot" => {
            // Nothing that could be compressed.
            let noise = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
            let error = failure(save_rdb(&path, &database(5000, &noise.collect::<Vec<u8>>())));
            let PersistenceErrorKind::Io(source) = error.kind() else { panic!("{error:?}") };
            assert_eq!(source.kind(), io::ErrorKind::FileTooLarge);
            println!("written {}", error.written_bytes().unwrap());
        }
        "full disk, log" => {
            let path = folder.join("appendonly.aof");
            let fill = |writer: &AofWriter| {
                let mut logged = 0;
                loop {
                    match writer.log_command(&["SET".to_owned(), format!("key {logged}"), "v".repeat(100)]) {
                        Ok(()) => logged += 1,
                        Err(error) => break (logged, failure::<()>(Err(error))),
                    }
                }
            };
            let writer = AofWriter::new(&path, AofSyncPolicy::Always).unwrap();
            let (mut logged, error) = fill(&writer);
            assert!(matches!(error.kind(), PersistenceErrorKind::Io(_)), "{error:?}");
            assert!(logged > 0);
            assert_eq!(load_aof(&path).unwrap().len(), logged, "the log ends with the last whole command");
            // A shorter command still fits, and the writer goes on.
            while writer.log_command(&["PING".to_owned()]).is_ok() {
                logged += 1;
            }
            assert_eq!(load_aof(&path).unwrap().len(), logged);
            writer.close().unwrap();
            for policy in [AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
                fs::remove_file(&path).unwrap();
                let writer = AofWriter::new(&path, policy).unwrap();
                let (logged, error) = fill(&writer);
                assert!(matches!(error.kind(), PersistenceErrorKind::Io(_)), "{error:?}");
                let commands = load_aof(&path).unwrap();
                assert!(commands.len() < logged, "{policy:?}: not all that was accepted fits");
                for (number, command) in commands.iter().enumerate() {
                    assert_eq!(command[1], format!("key {number}"), "{policy:?}: the log ends whole");
                }
                assert_eq!(io_kind(writer.log_command(&["PING".to_owned()])), io::ErrorKind::FileTooLarge);
                assert_eq!(
                    io_kind(writer.close()),
                    io::ErrorKind::FileTooLarge,
                    "{policy:?}: what is kept is lost, and that is told"
                );
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn persistence_files_a_locked_folder_stays_as_it_was() {
    let folder = TempDir::new();
    save_rdb(folder.join("dump.rdb"), &database(1, b"old")).unwrap();
    fs::set_permissions(folder.join("dump.rdb"), Permissions::from_mode(0o666)).unwrap();
    let before = fs::read(folder.join("dump.rdb")).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    child("locked folder", folder.path(), as_somebody);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read(folder.join("dump.rdb")).unwrap(), before);
    assert_eq!(folder.names(), ["dump.rdb"]);
}

/// A folder that may be written but not read cannot be synced: what is in it stays as it was.
#[test]
fn persistence_files_a_folder_that_cannot_be_synced_is_left_alone() {
    let folder = TempDir::new();
    save_rdb(folder.join("dump.rdb"), &database(1, b"old")).unwrap();
    if is_root() {
        std::os::unix::fs::chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
        std::os::unix::fs::chown(folder.join("dump.rdb"), Some(65_534), Some(65_534)).unwrap();
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o300)).unwrap();
    child("unreadable folder", folder.path(), as_somebody);
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(load_rdb(folder.join("dump.rdb")).unwrap()[0].len(), 1);
    assert_eq!(folder.names(), ["dump.rdb"]);
}

#[test]
fn persistence_files_a_full_disk_leaves_the_old_snapshot() {
    let folder = TempDir::new();
    let path = folder.join("dump.rdb");
    save_rdb(&path, &database(100, b"old")).unwrap();
    let before = fs::read(&path).unwrap();
    let printed = child("full disk, snapshot", folder.path(), under_a_limit(2000));
    let written: u64 = printed.lines().find_map(|line| line.split_once("written ")).unwrap().1.trim().parse().unwrap();
    assert!([2000 * 512, 2000 * 1024].contains(&written), "the limit, counted in blocks of the shell: {written}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(folder.names(), ["dump.rdb"], "the unfinished file is gone");
}

#[test]
fn persistence_files_a_full_disk_leaves_a_whole_log() {
    let folder = TempDir::new();
    child("full disk, log", folder.path(), under_a_limit(3));
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// When a key expires, as the server says it: exactly, or before 7.0 within a second.
fn assert_expiry(client: &mut common::Client, key: &str, expected: Option<u64>, name: &str) {
    let expected = expected.map_or(-1, |expiry| i64::try_from(expiry).unwrap());
    match client.ask(&["PEXPIRETIME", key]) {
        Reply::Int(found) => assert_eq!(found, expected, "{name}: {key}"),
        Reply::Error(_) => {
            let before = now_ms();
            let Reply::Int(left) = client.ask(&["PTTL", key]) else { panic!("{name}: no PTTL") };
            if expected == -1 {
                assert_eq!(left, -1, "{name}: {key}");
            } else {
                let range = before - 1000..=now_ms();
                assert!(range.contains(&(expected - left)), "{name}: {key} expires in {left} ms, not at {expected}");
            }
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// The file is of RDB 1 with aux fields and a checksum, which Redis 2.8 does not know.
#[test]
fn persistence_files_snapshots_are_loaded_by_real_servers() {
    let long: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let keys: [(usize, &str, &[u8], Option<u64>); 12] = [
        (0, "key1", b"value1", None),
        (0, "key2", b"value2", Some(9_999_999_999_999)),
        (0, "", b"empty key", None),
        (0, "empty value", b"", Some(4_000_000_000_001)),
        (0, "ключ 鍵", "wert ü".as_bytes(), None),
        (0, "binary", b"\0\xff\r\n*3\r\n", None),
        (0, "integer", b"-2147483649", None),
        (0, "small integer", b"12", Some(2_000_000_000_999)),
        (0, "nearly an integer", b"007", None),
        (0, "long", &long, None),
        (3, "key1", b"of database 3", None),
        (15, "last", b"x", Some(4_102_444_800_000)),
    ];
    let mut databases = vec![DatabaseData::new(); 16];
    for (db, key, value, expiry) in keys {
        databases[db].insert(key.to_owned(), (Bytes::copy_from_slice(value), expiry));
    }
    for name in common::SERVERS.iter().filter(|name| **name != "redis-2.8") {
        let Some(program) = common::server(name) else { continue };
        let folder = TempDir::new();
        save_rdb(folder.join("dump.rdb"), &databases).unwrap();
        let server = Server::start(&program, folder.path(), &[]).unwrap_or_else(|log| panic!("{name}: {log}"));
        let mut client = server.client();
        for (db, database) in databases.iter().enumerate() {
            client.ask(&["SELECT", &db.to_string()]);
            assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(i64::try_from(database.len()).unwrap()), "{name}, database {db}");
            for (key, (value, expiry)) in database {
                assert_eq!(client.ask(&["GET", key]), Reply::Bytes(value.to_vec()), "{name}: {key}");
                assert_expiry(&mut client, key, *expiry, name);
            }
        }
    }
}
