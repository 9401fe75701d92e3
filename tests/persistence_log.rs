//! The log writer and `load_aof` on real files, and what real servers make of them.

#![cfg(feature = "std")]

mod common;

use aikv::persistence::{AofSyncPolicy, AofWriter, load_aof, load_aof_bytes};
use common::{TempDir, failure, format_error, io_kind};
use std::fs;
use std::io;

const POLICIES: [AofSyncPolicy; 3] = [AofSyncPolicy::Always, AofSyncPolicy::EverySecond, AofSyncPolicy::No];

/// A snapshot of one key, as Redis 2.6 and later load it.
const SNAPSHOT: &[u8] = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";

fn args(args: &[&str]) -> Vec<String> {
    args.iter().map(|argument| (*argument).to_owned()).collect()
}

#[test]
fn persistence_log_gives_back_what_was_logged() {
    for policy in POLICIES {
        let folder = TempDir::new();
        let path = folder.join("appendonly.aof");
        let commands = [
            args(&["SELECT", "0"]),
            args(&["SET", "ключ", ""]),
            args(&["SET", "with\r\nlines", "*3\r\n$3\r\n"]),
            args(&["MULTI"]),
            args(&["RPUSH", "l", "a", "b"]),
            args(&["exec"]),
            vec!["x".repeat(200_000); 3],
        ];
        let writer = AofWriter::new(&path, policy).unwrap();
        for command in &commands[..4] {
            writer.log_command(command).unwrap();
        }
        writer.flush().unwrap();
        for command in &commands[4..] {
            writer.log_command(command).unwrap();
        }
        writer.close().unwrap();
        assert_eq!(load_aof(&path).unwrap(), commands, "{policy:?}");

        // A second writer goes on behind the first.
        let writer = AofWriter::new(&path, policy).unwrap();
        writer.log_command_bytes(&[&b"SET"[..], b"\xff\0", b"\x80"]).unwrap();
        drop(writer);
        let all = load_aof_bytes(&path).unwrap();
        assert_eq!(all.len(), commands.len() + 1, "{policy:?}");
        assert_eq!(all.last().unwrap()[..], [&b"SET"[..], b"\xff\0", b"\x80"]);
        assert_eq!(folder.names(), ["appendonly.aof"]);
    }
}

#[test]
fn persistence_log_is_in_the_file_before_always_returns() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    let writer = AofWriter::new(&path, AofSyncPolicy::Always).unwrap();
    assert!(load_aof(&path).unwrap().is_empty(), "an empty log is whole");
    for number in 1..=3 {
        writer.log_command(&args(&["INCR", "n"])).unwrap();
        assert_eq!(load_aof(&path).unwrap().len(), number);
    }
}

#[test]
fn persistence_log_is_written_without_being_asked() {
    for policy in [AofSyncPolicy::EverySecond, AofSyncPolicy::No] {
        let folder = TempDir::new();
        let path = folder.join("appendonly.aof");
        let writer = AofWriter::new(&path, policy).unwrap();
        writer.log_command(&args(&["INCR", "n"])).unwrap();
        // Ends only when the command is there.
        while fs::metadata(&path).unwrap().len() < writer.accepted_offset() {
            std::thread::yield_now();
        }
        assert_eq!(load_aof(&path).unwrap(), [["INCR", "n"]], "{policy:?}");
    }
}

#[test]
fn persistence_log_has_one_writer() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    let writer = AofWriter::new(&path, AofSyncPolicy::No).unwrap();
    let other = writer.clone();
    assert_eq!(failure(AofWriter::new(&path, AofSyncPolicy::No)).code(), "locked");
    writer.log_command(&args(&["PING"])).unwrap();
    writer.close().unwrap();
    assert_eq!(failure(AofWriter::new(&path, AofSyncPolicy::No)).code(), "locked", "another handle is open");
    other.close().unwrap();
    AofWriter::new(&path, AofSyncPolicy::No).unwrap().close().unwrap();
}

#[test]
fn persistence_log_refuses_commands_that_could_not_be_read_again() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    let writer = AofWriter::new(&path, AofSyncPolicy::No).unwrap();
    writer.log_command(&args(&["PING"])).unwrap();
    let refused = |args: &[&str]| {
        let error = format_error(writer.log_command_bytes(args));
        (error.code(), error.offset())
    };
    assert_eq!(refused(&[]), ("bad-command", 14));
    assert_eq!(refused(&["EXEC"]), ("bad-command", 14));
    assert_eq!(refused(&vec!["x"; 1_048_577]), ("limit-exceeded", 14));
    writer.log_command_bytes(&["MULTI"]).unwrap();
    assert_eq!(refused(&["multi"]), ("bad-command", 29));
    assert_eq!(refused(&["DISCARD"]), ("bad-command", 29));
    writer.log_command_bytes(&["EXEC"]).unwrap();
    writer.close().unwrap();
    assert_eq!(load_aof(&path).unwrap(), [["PING"], ["MULTI"], ["EXEC"]]);
}

#[test]
fn persistence_log_that_does_not_end_whole_is_not_loaded() {
    let whole = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    let torn: [(&[u8], &str, u64); 8] = [
        (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nva", "truncated", 23),
        (b"*", "truncated", 23),
        (b"#TS:17", "truncated", 23),
        (b"\0\0\0\0\0\0\0\0", "truncated", 23),
        (b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", "truncated", 23),
        (b"*1\r\n$3\r\nPING\r\n", "bad-command", 34),
        (b"*1\r\n$-1\r\n", "bad-length", 27),
        (b"SET k v\r\n", "bad-command", 23),
    ];
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    for (tail, code, offset) in torn {
        let log = [whole, tail].concat();
        fs::write(&path, &log).unwrap();
        let name = tail.escape_ascii();
        let error = format_error(load_aof(&path));
        assert_eq!((error.code(), error.offset()), (code, offset), "{name}");
        assert_eq!(fs::read(&path).unwrap(), log, "{name}: nothing is cut");
    }
    // Every cut of a log of several records, over what the reader takes at once.
    let value = "v".repeat(300_000);
    let writer = AofWriter::new(folder.join("long.aof"), AofSyncPolicy::No).unwrap();
    writer.log_command(&args(&["SET", "k", &value])).unwrap();
    writer.log_command(&args(&["SET", "k", &value])).unwrap();
    writer.close().unwrap();
    let log = fs::read(folder.join("long.aof")).unwrap();
    let half = log.len() / 2;
    for cut in [1, 262_144, half - 1, half + 1, log.len() - 1] {
        fs::write(&path, &log[..cut]).unwrap();
        let error = format_error(load_aof(&path));
        let boundary = if cut < half { 0 } else { half as u64 };
        assert_eq!((error.code(), error.offset()), ("truncated", boundary), "cut at {cut}");
    }
    fs::write(&path, &log[..half]).unwrap();
    assert_eq!(load_aof(&path).unwrap().len(), 1);
}

#[test]
fn persistence_log_with_a_snapshot_begins_with_the_commands_that_make_it() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    fs::write(&path, SNAPSHOT).unwrap();
    let made = [&["SELECT", "0"][..], &["SET", "k", "v"]];
    assert_eq!(load_aof(&path).unwrap(), made);
    // Database 7 instead: commands behind a snapshot begin with database 0 again. The checksum is left out.
    let in_seven = b"REDIS0006\xfe\x07\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0*1\r\n$8\r\nFLUSHALL\r\n";
    fs::write(&path, in_seven).unwrap();
    assert_eq!(load_aof(&path).unwrap(), [&["SELECT", "7"][..], &["SET", "k", "v"], &["SELECT", "0"], &["FLUSHALL"]]);
    fs::write(&path, SNAPSHOT).unwrap();

    // A writer needs not to hold what stands before its commands.
    let writer = AofWriter::new(&path, AofSyncPolicy::Always).unwrap();
    writer.log_command(&args(&["DEL", "k"])).unwrap();
    writer.close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), [SNAPSHOT, b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"].concat());
    fs::write(&path, &SNAPSHOT[..20]).unwrap();
    assert_eq!(format_error(AofWriter::new(&path, AofSyncPolicy::Always)).code(), "truncated");

    let manifest = b"file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
    fs::write(&path, manifest).unwrap();
    let error = format_error(AofWriter::new(&path, AofSyncPolicy::Always));
    assert_eq!((error.code(), error.offset()), ("unrepresentable", 0));
    assert!(error.to_string().contains("manifest"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), manifest);
}

#[test]
fn persistence_log_of_several_files_is_loaded_in_the_order_of_its_manifest() {
    let folder = TempDir::new();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let manifest = folder.join("a.aof.manifest");
    write("a.aof.manifest", b"file a.2 seq 2 type i\nfile a.3 seq 3 type i\nfile base seq 1 type b\n");
    write("base", b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n");
    write("a.2", b"");
    write("a.3", b"#TS:1\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
    for path in [&manifest, folder.path()] {
        assert_eq!(load_aof(path).unwrap(), [&["SELECT", "0"][..], &["SET", "k", "1"], &["DEL", "k"]]);
    }

    // Errors name the file that they are of.
    let refused = |code: &str, offset: u64, file: &str| {
        let error = failure(load_aof(folder.path()));
        assert_eq!((error.code(), error.path()), (code, &*folder.join(file)));
        assert_eq!(error.format().unwrap().offset(), offset);
    };
    write("a.2", b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI");
    refused("truncated", 14, "a.2");
    write("a.2", SNAPSHOT);
    refused("bad-command", 0, "a.2");
    fs::remove_file(folder.join("a.2")).unwrap();
    refused("bad-manifest", 0, "a.aof.manifest");
    write("a.2", b"");
    write("base", SNAPSHOT);
    assert_eq!(load_aof(folder.path()).unwrap()[..2], [&["SELECT", "0"][..], &["SET", "k", "v"]]);
    fs::remove_file(&manifest).unwrap();
    assert_eq!(io_kind(load_aof(folder.path())), io::ErrorKind::IsADirectory);
}

#[test]
fn persistence_log_of_other_bytes_is_for_the_other_function() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    fs::write(&path, b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nDEL\r\n$1\r\n\xff\r\n").unwrap();
    let error = format_error(load_aof(&path));
    assert_eq!((error.code(), error.offset()), ("unrepresentable", 14));
    assert!(error.to_string().contains("load_aof_bytes"), "{error}");
    assert_eq!(load_aof_bytes(&path).unwrap()[1][1][..], b"\xff"[..]);
}

#[test]
fn persistence_log_passes_over_annotations() {
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    fs::write(&path, b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n# note\n").unwrap();
    assert_eq!(load_aof(&path).unwrap(), [["PING"]]);
    AofWriter::new(&path, AofSyncPolicy::No).unwrap().close().unwrap();
}

#[test]
fn persistence_log_needs_a_regular_file() {
    let folder = TempDir::new();
    assert_eq!(io_kind(load_aof(folder.path())), io::ErrorKind::IsADirectory);
    assert_eq!(io_kind(load_aof(folder.join("nothing"))), io::ErrorKind::NotFound);
    assert_eq!(io_kind(AofWriter::new(folder.path(), AofSyncPolicy::No)), io::ErrorKind::IsADirectory);
    assert_eq!(io_kind(AofWriter::new(folder.join("no/folder"), AofSyncPolicy::No)), io::ErrorKind::NotFound);
    let error = failure(load_aof(folder.join("nothing")));
    assert_eq!((error.path(), error.code()), (&*folder.join("nothing"), "io"));
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn persistence_log_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new();
    let path = folder.join("appendonly.aof");
    AofWriter::new(&path, AofSyncPolicy::No).unwrap().close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    AofWriter::new(&path, AofSyncPolicy::No).unwrap().close().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

/// Every server loads a log that the writer wrote.
#[cfg(unix)]
#[test]
fn persistence_log_is_loaded_by_real_servers() {
    use common::{Reply, Server};
    for name in common::SERVERS {
        let Some(program) = common::server(name) else { continue };
        let folder = TempDir::new();
        let writer = AofWriter::new(folder.join("appendonly.aof"), AofSyncPolicy::EverySecond).unwrap();
        writer.log_command(&args(&["SELECT", "0"])).unwrap();
        writer.log_command(&args(&["SET", "key", "value"])).unwrap();
        writer.log_command_bytes(&[&b"SET"[..], b"\xff\r\n", b"\0\x01"]).unwrap();
        writer.log_command(&args(&["MULTI"])).unwrap();
        writer.log_command(&args(&["RPUSH", "list", "a", "b", "c"])).unwrap();
        writer.log_command(&args(&["EXEC"])).unwrap();
        writer.log_command(&args(&["SELECT", "3"])).unwrap();
        writer.log_command(&args(&["SET", "ключ", ""])).unwrap();
        writer.close().unwrap();
        let server = Server::start(&program, folder.path(), &["--appendonly", "yes", "--appendfsync", "no"])
            .unwrap_or_else(|log| panic!("{name}: {log}"));
        let mut client = server.client();
        assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(3), "{name}");
        assert_eq!(client.ask(&["GET", "key"]), Reply::Bytes(b"value".to_vec()), "{name}");
        assert_eq!(client.ask(&[&b"GET"[..], b"\xff\r\n"]), Reply::Bytes(b"\0\x01".to_vec()), "{name}");
        let items = ["a", "b", "c"].map(|item| Reply::Bytes(item.into())).into();
        assert_eq!(client.ask(&["LRANGE", "list", "0", "-1"]), Reply::Array(items), "{name}");
        client.ask(&["SELECT", "3"]);
        assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(1), "{name}");
        assert_eq!(client.ask(&["GET", "ключ"]), Reply::Bytes(Vec::new()), "{name}");
    }
}
