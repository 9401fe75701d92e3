//! Logs of several files beside real servers: they start on folders written here, and what they write is
//! opened, gone on with and rewritten here.

#![cfg(all(feature = "std", unix))]

mod common;

use aikv::Result;
use aikv::aof::BaseFormat;
use aikv::model::{Dataset, HashField, Value};
use aikv::persistence::{AofFolder, AofFolderOptions, AofReport, AofSyncPolicy, AofWriter, Frozen, PersistenceErrorKind, Sink};
use aikv::rdb::{Target, Version};
use common::{Client, Reply, Server, TempDir, failure, io_kind, server};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Those that keep logs of several files.
const SERVERS: [&str; 5] = ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

fn open_with(path: &Path, options: &AofFolderOptions) -> (AofFolder, Dataset, AofReport) {
    AofFolder::open(path, AofSyncPolicy::Always, options, || Ok(Dataset::default())).unwrap()
}

fn open(path: &Path) -> (AofFolder, Dataset, AofReport) {
    open_with(path, &AofFolderOptions::default())
}

/// Numbers from `from` on, added to a list, to a set in a transaction, and to one in another database.
fn write(log: &AofFolder, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let number = number.to_string();
        log.log(0, &["RPUSH", "list", &number]).unwrap();
        log.transaction(0, &[["SADD", "set", &number], ["INCRBY", "sum", &number]]).unwrap();
        log.log(1, &["SET", &number, "x"]).unwrap();
    }
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// What a server has of the numbers below `count`.
fn check(client: &mut Client, count: usize, of: &str) {
    let list = texts(0..count).into_iter().map(|text| Reply::Bytes(text.into())).collect();
    assert_eq!(client.ask(&["LRANGE", "list", "0", "-1"]), Reply::Array(list), "{of}");
    assert_eq!(client.ask(&["SCARD", "set"]), Reply::Int(count as i64), "{of}");
    let sum: usize = (0..count).sum();
    assert_eq!(client.ask(&["GET", "sum"]), Reply::Bytes(sum.to_string().into()), "{of}");
    client.ask(&["SELECT", "1"]);
    assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(count as i64), "{of}");
    client.ask(&["SELECT", "0"]);
}

/// What is in a data set of them.
fn check_data(dataset: &Dataset, count: usize, of: &str) {
    let list = texts(0..count).into_iter().map(Into::into).collect();
    assert_eq!(dataset.databases[&0][&b"list"[..]].value, Value::List(list), "{of}");
    let Value::Set(set) = &dataset.databases[&0][&b"set"[..]].value else { panic!("{of}") };
    assert_eq!(set.len(), count, "{of}");
    let sum: usize = (0..count).sum();
    assert_eq!(dataset.databases[&0][&b"sum"[..]].value, Value::String(sum.to_string().into()), "{of}");
    assert_eq!(dataset.databases[&1].len(), count, "{of}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Starts every server on a copy of a folder and checks what it has.
fn check_servers(folder: &Path, count: usize, of: &str) {
    for name in SERVERS {
        let Some(program) = server(name) else { continue };
        let temporary = TempDir::new();
        copy(folder, &temporary.join("appendonlydir"));
        let of = format!("{name}, {of}");
        let server = Server::start(&program, temporary.path(), &AOF).unwrap_or_else(|log| panic!("{of}: {log}"));
        check(&mut server.client(), count, &of);
    }
}

/// Copies the folder of the log while the data are handed over.
struct Watched<'a> {
    dataset: &'a Dataset,
    folder: &'a Path,
    copy: &'a Path,
}

impl Frozen for Watched<'_> {
    fn emit(&self, sink: &mut Sink<'_>) -> Result<()> {
        self.dataset.emit(sink)?;
        copy(self.folder, self.copy);
        Ok(())
    }
}

#[test]
fn servers_start_at_every_step_of_a_log_written_here() {
    for (format, writes_marks) in [(BaseFormat::Rdb, false), (BaseFormat::Aof, false), (BaseFormat::Rdb, true)] {
        let temporary = TempDir::new();
        let folder = temporary.join("appendonlydir");
        let options = AofFolderOptions { base_format: format, writes_marks, ..AofFolderOptions::default() };
        let (log, _, report) = open_with(&temporary.join("appendonly.aof"), &options);
        assert!(report.is_new);
        write(&log, 0..5);
        check_servers(&folder, 5, "fresh");
        copy(&folder, &temporary.join("before"));
        fs::write(temporary.join("before/appendonly.aof.2.incr.aof"), "").unwrap();
        fs::write(temporary.join("before/temp-aikv-00112233445566778899aabbccddeeff-appendonly.aof.manifest"), "file append")
            .unwrap();
        check_servers(&temporary.join("before"), 5, "with an increment that the manifest does not know yet");
        log.rotate().unwrap();
        check_servers(&folder, 5, "rotated");
        write(&log, 5..8);
        check_servers(&folder, 8, "rotated and gone on");
        log.close().unwrap();

        let (log, dataset, report) = open_with(&temporary.join("appendonly.aof"), &options);
        assert!(!report.is_new);
        check_data(&dataset, 8, "opened again");
        let rewrite = log.begin_rewrite().unwrap();
        write(&log, 8..10);
        let manifest = fs::read(folder.join("appendonly.aof.manifest")).unwrap();
        let watched = Watched { dataset: &dataset, folder: &folder, copy: &temporary.join("during") };
        let rewritten = rewrite.finish(&watched).unwrap();
        assert_eq!(rewritten.removed.len(), 3, "the base and two increments: {:?}", rewritten.removed);
        assert!(rewritten.history_error.is_none());
        check_servers(&temporary.join("during"), 10, "while the base is written");
        check_servers(&folder, 10, "rewritten");

        // The new base has its name, the manifest does not know it yet.
        let base = if format == BaseFormat::Rdb { "appendonly.aof.2.base.rdb" } else { "appendonly.aof.2.base.aof" };
        fs::copy(folder.join(base), temporary.join("during").join(base)).unwrap();
        check_servers(&temporary.join("during"), 10, "behind the base's rename");
        // The manifest knows it, and nothing was removed yet.
        let text = String::from_utf8(manifest).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let [old, first, second, third] = lines[..] else { panic!("{text}") };
        let history = |line: &str| format!("{} type h\n", line.split(" type").next().unwrap());
        let text = format!("file {base} seq 2 type b\n{}{}{}{third}\n", history(first), history(second), history(old));
        fs::write(temporary.join("during/appendonly.aof.manifest"), text).unwrap();
        check_servers(&temporary.join("during"), 10, "behind the manifest's rename");
        fs::remove_file(temporary.join("during/appendonly.aof.1.incr.aof")).unwrap();
        check_servers(&temporary.join("during"), 10, "while history is removed");

        write(&log, 10..12);
        log.close().unwrap();
        check_servers(&folder, 12, "rewritten and gone on");
        let (_log, dataset, _) = open_with(&temporary.join("appendonly.aof"), &options);
        check_data(&dataset, 12, "opened at last");
        let (_log, dataset, report) = open_with(&temporary.join("during"), &options);
        check_data(&dataset, 10, "history removed");
        assert_eq!(report.removed.len(), 2 + 1, "histories and the temporary base: {:?}", report.removed);
    }
}

#[test]
fn folders_of_servers_are_gone_on_with_and_rewritten() {
    for name in SERVERS {
        let Some(program) = server(name) else { continue };
        for preamble in ["yes", "no"] {
            let temporary = TempDir::new();
            let options = [&AOF[..], &["--aof-use-rdb-preamble", preamble]].concat();
            let running = Server::start(&program, temporary.path(), &options).unwrap_or_else(|log| panic!("{name}: {log}"));
            let mut client = running.client();
            for number in 0..6 {
                let number = number.to_string();
                client.ask(&["RPUSH", "list", &number]);
                for command in [&["MULTI"][..], &["SADD", "set", &number], &["INCRBY", "sum", &number], &["EXEC"]] {
                    client.ask(command);
                }
                client.ask(&["SELECT", "1"]);
                client.ask(&["SET", &number, "x"]);
                client.ask(&["SELECT", "0"]);
                if number == "3" {
                    client.ask(&["BGREWRITEAOF"]);
                }
            }
            // It is killed wherever its rewrite is.
            drop(running);

            let of = format!("{name}, preamble {preamble}");
            let (log, dataset, report) = open(&temporary.join("appendonly.aof"));
            assert!(!report.is_new && !report.is_taken_over, "{of}");
            check_data(&dataset, 6, &of);
            write(&log, 6..9);
            let (mut frozen, rewrite) = (dataset, log.begin_rewrite().unwrap());
            write(&log, 9..10);
            // What the log has got since it was opened.
            for number in 6..9 {
                let text = number.to_string();
                let database = frozen.databases.get_mut(&0).unwrap();
                let Value::List(list) = &mut database.get_mut(&b"list"[..]).unwrap().value else { panic!("{of}") };
                list.push(text.clone().into());
                let Value::Set(set) = &mut database.get_mut(&b"set"[..]).unwrap().value else { panic!("{of}") };
                set.push(text.clone().into());
                let sum: usize = (0..=number).sum();
                database.insert("sum".into(), Value::String(sum.to_string().into()).into());
                frozen.databases.get_mut(&1).unwrap().insert(text.into(), Value::String("x".into()).into());
            }
            rewrite.finish(&frozen).unwrap();
            write(&log, 10..12);
            log.close().unwrap();

            let running = Server::start(&program, temporary.path(), &options).unwrap_or_else(|log| panic!("{of}: {log}"));
            let mut client = running.client();
            check(&mut client, 12, &of);
            assert_eq!(client.ask(&["RPUSH", "list", "12"]), Reply::Int(13), "{of}");
            drop(running);
            let (_log, dataset, _) = open(&temporary.join("appendonly.aof"));
            let Value::List(list) = &dataset.databases[&0][&b"list"[..]].value else { panic!("{of}") };
            assert_eq!(list.len(), 13, "{of}");
        }
    }
}

/// Servers that write no snapshots begin with a base of no bytes.
#[test]
fn an_empty_base_of_commands_is_a_base() {
    for name in SERVERS {
        let Some(program) = server(name) else { continue };
        let temporary = TempDir::new();
        let options = [&AOF[..], &["--aof-use-rdb-preamble", "no"]].concat();
        let running = Server::start(&program, temporary.path(), &options).unwrap_or_else(|log| panic!("{name}: {log}"));
        running.client().ask(&["RPUSH", "list", "0"]);
        drop(running);
        assert_eq!(fs::metadata(temporary.join("appendonlydir/appendonly.aof.1.base.aof")).unwrap().len(), 0, "{name}");
        let (_log, dataset, _) = open(&temporary.join("appendonly.aof"));
        assert_eq!(dataset.databases[&0].len(), 1, "{name}");
        let commands = aikv::persistence::load_aof(temporary.join("appendonlydir")).unwrap();
        assert_eq!(commands[1..], [["RPUSH", "list", "0"]], "{name}");
    }
}

#[test]
fn a_log_of_one_file_is_taken_over_as_servers_do() {
    let Some(old) = server("redis-6.2") else { return };
    for preamble in ["yes", "no"] {
        let temporary = TempDir::new();
        let options = [&AOF[..], &["--aof-use-rdb-preamble", preamble]].concat();
        let running = Server::start(&old, temporary.path(), &options).unwrap();
        let mut client = running.client();
        client.ask(&["RPUSH", "list", "0", "1"]);
        client.ask(&["BGREWRITEAOF"]);
        client.ask(&["SADD", "set", "0", "1"]);
        client.ask(&["SET", "sum", "1"]);
        client.ask(&["SELECT", "1"]);
        client.ask(&["MSET", "0", "x", "1", "x"]);
        drop(running);

        let path = temporary.join("appendonly.aof");
        let single = fs::read(&path).unwrap();
        let (log, dataset, report) = open(&path);
        assert!(report.is_taken_over);
        check_data(&dataset, 2, preamble);
        assert!(!path.exists());
        assert_eq!(fs::read(temporary.join("appendonlydir/appendonly.aof")).unwrap(), single);
        let manifest = fs::read_to_string(temporary.join("appendonlydir/appendonly.aof.manifest")).unwrap();
        assert_eq!(manifest, "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
        write(&log, 2..4);
        log.close().unwrap();
        check_servers(&temporary.join("appendonlydir"), 4, "taken over");

        // As a crash leaves it between the manifest and the move.
        fs::remove_dir_all(temporary.join("appendonlydir")).unwrap();
        fs::create_dir(temporary.join("appendonlydir")).unwrap();
        fs::write(temporary.join("appendonlydir/appendonly.aof.manifest"), "file appendonly.aof seq 1 type b\n").unwrap();
        fs::write(&path, single).unwrap();
        let (log, dataset, report) = open(&path);
        assert!(report.is_taken_over);
        check_data(&dataset, 2, preamble);
        let rewritten = log.begin_rewrite().unwrap().finish(&dataset).unwrap();
        assert_eq!(rewritten.removed, ["appendonly.aof.1.incr.aof", "appendonly.aof"]);
        check_servers(&temporary.join("appendonlydir"), 2, "rewritten");
    }
}

/// reliability: a folder that could not be synced makes Redis 7.0 to 8.0 remove the base that its manifest names.
#[test]
fn the_generation_before_is_taken_where_a_server_removed_the_base() {
    let Some(program) = server("redis-7.0") else { return };
    let temporary = TempDir::new();
    let folder = temporary.join("appendonlydir");
    let path = temporary.join("appendonly.aof");
    let (log, _, _) = open(&path);
    write(&log, 0..4);
    let old = fs::read(folder.join("appendonly.aof.1.base.rdb")).unwrap();
    let first = fs::read(folder.join("appendonly.aof.1.incr.aof")).unwrap();
    log.rotate().unwrap();
    write(&log, 4..6);
    log.close().unwrap();
    // What the server's manifest says then, with an older history that is gone.
    let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.1.incr.aof seq 1 type h\n\
        file appendonly.aof.1.base.rdb seq 1 type h\nfile appendonly.aof.0.base.rdb seq 7 type h\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    fs::write(folder.join("appendonly.aof.manifest"), manifest).unwrap();
    let mut refused = Command::new(program);
    refused.current_dir(temporary.path()).args(["--port", "0", "--unixsocket", "s"]).args(AOF).stdout(Stdio::null());
    assert!(!refused.status().unwrap().success(), "the server starts");
    assert_eq!(fs::read(folder.join("appendonly.aof.1.base.rdb")).unwrap(), old);
    assert_eq!(fs::read(folder.join("appendonly.aof.1.incr.aof")).unwrap(), first);

    let (log, dataset, report) = open(&path);
    assert!(report.is_previous_base);
    check_data(&dataset, 6, "recovered");
    write(&log, 6..7);
    log.close().unwrap();
    check_servers(&folder, 7, "recovered");
}

#[test]
fn a_second_writer_is_told_who_the_first_one_is() {
    let temporary = TempDir::new();
    let path = temporary.join("appendonly.aof");
    let (log, ..) = open(&path);
    let second = || AofFolder::open(&path, AofSyncPolicy::Always, &AofFolderOptions::default(), || Ok(Dataset::default()));
    let error = failure(second());
    let pid = std::process::id();
    assert!(matches!(error.kind(), PersistenceErrorKind::Locked { pid: Some(found) } if *found == pid), "{error}");
    log.close().unwrap();
    assert!(temporary.join("appendonlydir/appendonly.aof.lock").exists());
    second().unwrap();
}

/// RDB 10 is what Redis from 7.0 and Valkey load; fields that expire came with RDB 12 (Redis 7.4).
#[test]
fn a_base_has_the_oldest_version_that_holds_its_data() {
    let field = |expires_at_ms| HashField { field: "f".into(), value: "v".into(), expires_at_ms };
    let data = |expires_at_ms| {
        let mut data = Dataset::default();
        data.databases.entry(0).or_default().insert("hash".into(), Value::Hash(vec![field(expires_at_ms)]).into());
        data
    };
    let soon = 4_000_000_000_000;
    for (expires_at_ms, target, header) in [
        (None, None, &b"REDIS0010"[..]),
        (Some(soon), None, b"REDIS0012"),
        (None, Some(Version::redis(11).into()), b"REDIS0011"),
        (Some(soon), Target::from_name("valkey-9.1"), b"VALKEY080"),
    ] {
        let temporary = TempDir::new();
        let path = temporary.join("appendonly.aof");
        let options = AofFolderOptions { target, ..AofFolderOptions::default() };
        let (log, ..) = AofFolder::open(&path, AofSyncPolicy::Always, &options, || Ok(data(expires_at_ms))).unwrap();
        log.close().unwrap();
        let base = fs::read(temporary.join("appendonlydir/appendonly.aof.1.base.rdb")).unwrap();
        assert!(base.starts_with(header), "{}", base[..9].escape_ascii());
        assert_eq!(open(&path).1.databases, data(expires_at_ms).databases);
        let name = if header[0] == b'V' { "valkey-9.1" } else { "redis-8.0" };
        let Some(program) = server(name) else { continue };
        let server = Server::start(&program, temporary.path(), &AOF).unwrap_or_else(|log| panic!("{name}: {log}"));
        let expiry = server.client().ask(&["HPEXPIRETIME", "hash", "FIELDS", "1", "f"]);
        assert_eq!(expiry, Reply::Array(vec![Reply::Int(expires_at_ms.unwrap_or(-1))]), "{name}");
    }
    let temporary = TempDir::new();
    let options = AofFolderOptions { target: Some(Version::redis(11).into()), ..AofFolderOptions::default() };
    let initial = || Ok(data(Some(soon)));
    let refused = AofFolder::open(temporary.join("a"), AofSyncPolicy::Always, &options, initial);
    assert_eq!(common::format_error(refused).code(), "unrepresentable");
    assert_eq!(temporary.names(), ["appendonlydir"]);
    assert_eq!(fs::read_dir(temporary.join("appendonlydir")).unwrap().count(), 1, "the lock");
}

/// Data that are not whole, since an error was passed over.
struct Careless;

impl Frozen for Careless {
    fn emit(&self, sink: &mut Sink<'_>) -> Result<()> {
        let empty = Value::List(Vec::new()).into();
        assert!(sink.entry(0, b"empty", &empty).is_err());
        assert!(sink.entry(0, b"key", &Value::String("value".into()).into()).is_err(), "it takes nothing more");
        Ok(())
    }
}

#[test]
fn a_base_that_lacks_data_is_not_put_in_place() {
    let temporary = TempDir::new();
    let path = temporary.join("appendonly.aof");
    let (log, ..) = open(&path);
    write(&log, 0..2);
    let rewrite = log.begin_rewrite().unwrap();
    assert_eq!(io_kind(log.begin_rewrite().map(drop)), std::io::ErrorKind::ResourceBusy);
    assert_eq!(io_kind(rewrite.finish(&Careless)), std::io::ErrorKind::Other);
    write(&log, 2..3);
    log.close().unwrap();
    let (_log, dataset, report) = open(&path);
    check_data(&dataset, 3, "gone on");
    assert_eq!(report.parts.len(), 3);
    assert_eq!(report.unlisted, [""; 0]);
}

#[test]
fn a_log_of_one_file_is_not_taken_from_under_its_writer() {
    let temporary = TempDir::new();
    let path = temporary.join("appendonly.aof");
    let writer = AofWriter::new(&path, AofSyncPolicy::Always).unwrap();
    writer.log_command_bytes(&["RPUSH", "list", "0"]).unwrap();
    let again = || AofFolder::open(&path, AofSyncPolicy::Always, &AofFolderOptions::default(), || Ok(Dataset::default()));
    assert!(matches!(failure(again()).kind(), PersistenceErrorKind::Locked { .. }));
    writer.close().unwrap();
    let (_log, dataset, report) = again().unwrap();
    assert!(report.is_taken_over);
    assert_eq!(dataset.databases[&0].len(), 1);
}

/// The move of the log would remove it.
#[test]
fn a_log_of_one_file_does_not_replace_one_in_the_folder() {
    let temporary = TempDir::new();
    let path = temporary.join("appendonly.aof");
    let other = temporary.join("appendonlydir").join("appendonly.aof");
    fs::create_dir(temporary.join("appendonlydir")).unwrap();
    let log = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
    fs::write(&path, log).unwrap();
    fs::write(&other, "other").unwrap();
    let opened = AofFolder::open(&path, AofSyncPolicy::Always, &AofFolderOptions::default(), || Ok(Dataset::default()));
    assert!(matches!(failure(opened).kind(), PersistenceErrorKind::Io(_)));
    assert_eq!((fs::read(&path).unwrap(), fs::read(&other).unwrap()), (log.to_vec(), b"other".to_vec()));
}

#[test]
fn files_of_other_names_are_never_removed() {
    let temporary = TempDir::new();
    let folder = temporary.join("appendonlydir");
    let (log, ..) = open(&temporary.join("appendonly.aof"));
    write(&log, 0..2);
    log.close().unwrap();
    let names = [
        "victim",
        "appendonly.aof.9.base.rdb",
        "temp-aikv-0123",
        "temp-aikv-00112233445566778899aabbccddeeff",
        "temp-aikv-00112233445566778899aabbccddeeff-dump.rdb",
        "temp-aikv-00112233445566778899aabbccddeeff-other.aof.manifest",
        "temp-appendonly.aof.manifest",
        "other.aof.1.incr.aof",
    ];
    let ours = "temp-aikv-00112233445566778899aabbccddeeff-appendonly.aof.manifest";
    for name in names {
        fs::write(folder.join(name), "x").unwrap();
    }
    fs::write(folder.join(ours), "x").unwrap();
    let path = folder.join("appendonly.aof.manifest");
    let manifest = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{manifest}file victim seq 1 type h\nfile other.aof.1.incr.aof seq 1 type h\n")).unwrap();
    let (log, dataset, report) = open(&folder);
    check_data(&dataset, 2, "hostile");
    assert_eq!(report.removed, [ours]);
    let mut sorted = names;
    sorted.sort_unstable();
    assert_eq!(report.unlisted, sorted);
    log.begin_rewrite().unwrap().finish(&dataset).unwrap();
    log.close().unwrap();
    for name in names {
        assert_eq!(fs::read(folder.join(name)).unwrap(), b"x", "{name}");
    }
    // A server would remove what it lists.
    let manifest = fs::read_to_string(&path).unwrap();
    assert!(!manifest.contains("victim"), "{manifest}");
}

#[test]
fn what_is_listed_has_to_be_there_whole() {
    let temporary = TempDir::new();
    let folder = temporary.join("appendonlydir");
    let (log, ..) = open(&temporary.join("appendonly.aof"));
    write(&log, 0..2);
    log.rotate().unwrap();
    write(&log, 2..4);
    log.close().unwrap();
    let first = folder.join("appendonly.aof.1.incr.aof");
    let whole = fs::read(&first).unwrap();
    let again = || AofFolder::open(&folder, AofSyncPolicy::Always, &AofFolderOptions::default(), || Ok(Dataset::default()));

    // Only the last file may have a torn tail.
    fs::write(&first, &whole[..whole.len() - 3]).unwrap();
    let error = failure(again());
    assert_eq!(error.path(), first);
    assert!(matches!(error.kind(), PersistenceErrorKind::Format(_)), "{error}");
    assert_eq!(fs::read(&first).unwrap(), &whole[..whole.len() - 3]);
    // Nor may a transaction reach into the next one.
    let multi = [&whole[..], b"*1\r\n$5\r\nMULTI\r\n"].concat();
    fs::write(&first, &multi).unwrap();
    assert!(matches!(failure(again()).kind(), PersistenceErrorKind::Format(_)));
    fs::remove_file(&first).unwrap();
    assert_eq!(io_kind(again()), std::io::ErrorKind::NotFound);
    // A link is no part of the log.
    fs::write(temporary.join("elsewhere"), &whole).unwrap();
    std::os::unix::fs::symlink(temporary.join("elsewhere"), &first).unwrap();
    assert_eq!(io_kind(again()), std::io::ErrorKind::InvalidInput);
    fs::remove_file(&first).unwrap();
    fs::write(&first, &whole).unwrap();
    check_data(&again().unwrap().1, 4, "whole again");

    // Without its manifest it is no log, but not nothing either.
    fs::remove_file(folder.join("appendonly.aof.manifest")).unwrap();
    assert_eq!(io_kind(again()), std::io::ErrorKind::NotFound);
}

#[test]
fn commands_that_place_others_are_refused() {
    let temporary = TempDir::new();
    let (log, ..) = open(&temporary.join("appendonly.aof"));
    for command in [&["select", "3"][..], &["MULTI"], &["Exec"], &["DISCARD"]] {
        assert_eq!(common::format_error(log.log(0, command)).code(), "bad-command", "{command:?}");
        assert_eq!(common::format_error(log.transaction(0, &[&["SET", "a", "b"][..], command])).code(), "bad-command");
    }
    assert_eq!(common::format_error(log.log(16, &["SET", "a", "b"])).code(), "limit-exceeded");
    write(&log, 0..1);
    log.close().unwrap();
    check_data(&open(&temporary.join("appendonly.aof")).1, 1, "nothing else");
}
