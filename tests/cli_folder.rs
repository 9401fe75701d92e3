//! The `aikv` command on multi-part logs: folders that servers wrote, damaged ones, hostile ones.

#![cfg(feature = "cli")]

mod common;

use aikv::persistence::{AofSyncPolicy, AofWriter, load_aof_bytes};
use common::{TempDir, data, failure, format_error};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn aikv<A: AsRef<std::ffi::OsStr>>(command: &str, file: &Path, args: &[A]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aikv")).arg(command).arg(file).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(command: &str, file: &Path, expected_code: i32) -> Value {
    let output = aikv(command, file, &["--json"]);
    assert_eq!(output.status.code(), Some(expected_code), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Folders that servers wrote, with what is known to be in them.
fn fixtures() -> Vec<(PathBuf, Value)> {
    let servers = ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];
    let folders = servers.map(|server| data().join(server).join("appendonlydir"));
    folders
        .map(|folder| (folder.clone(), serde_json::from_slice(&fs::read(folder.with_extension("json")).unwrap()).unwrap()))
        .into()
}

/// The commands of a fixture as `export` gives them: numbers of transactions and times are worked out from what its
/// maker wrote down.
fn expected_commands(told: &Value) -> Vec<Value> {
    let mut expected = Vec::new();
    let (mut transactions, mut is_open, mut time) = (0, false, None);
    for file in told["files"].as_array().unwrap() {
        let times: Vec<(String, u64)> = serde_json::from_value(file["annotations"].clone()).unwrap();
        let offsets = file["offsets"].as_array().unwrap();
        for (at, (command, offset)) in file["commands"].as_array().unwrap().iter().zip(offsets).enumerate() {
            let named = times.iter().rfind(|(_, before)| *before <= at as u64);
            time = named.map(|(line, _)| line.strip_prefix("#TS:").unwrap().parse::<u64>().unwrap()).or(time);
            if command == &json!(["MULTI"]) {
                (transactions, is_open) = (transactions + 1, true);
            }
            let mut line = json!({"command": command, "offset": offset, "file": file["file"]});
            if let Some(time) = time {
                line["timestamp_s"] = json!(time);
            }
            if is_open {
                line["transaction"] = json!(transactions);
            }
            is_open &= command != &json!(["EXEC"]);
            expected.push(line);
        }
    }
    expected
}

#[test]
fn export_gives_the_base_and_then_every_command_of_every_file() {
    for (folder, told) in fixtures() {
        let manifest = folder.join("appendonly.aof.manifest");
        let output = aikv::<&str>("export", &folder, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(output.stdout, aikv::<&str>("export", &manifest, &[]).stdout, "the manifest names the same log");
        let base = folder.join(told["manifest"][0].as_str().unwrap().split(' ').nth(1).unwrap());
        let base_lines = lines(&aikv::<&str>("export", &base, &[]));
        let (snapshot, commands): (Vec<_>, Vec<_>) = lines(&output).into_iter().partition(|line| line.get("command").is_none());
        assert_eq!(snapshot, base_lines, "{}", folder.display());
        assert_eq!(commands, expected_commands(&told), "{}", folder.display());
    }
}

#[test]
fn info_tells_each_file_and_all_of_them_together() {
    for (folder, told) in fixtures() {
        let info = json("info", &folder, 0);
        assert_eq!(info["format"], "aof");
        assert_eq!(info["manifest"]["file"], "appendonly.aof.manifest");
        assert_eq!(info["unlisted"], json!([]));
        let listed: Vec<_> = told["manifest"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let files = info["files"].as_array().unwrap();
        assert_eq!(files.len(), listed.len());
        let mut bytes = 0;
        for (file, line) in files.iter().zip(&listed) {
            let words: Vec<_> = line.split(' ').collect();
            let role = if words[5] == "b" { "base" } else { "incr" };
            assert_eq!(
                (&file["file"], &file["role"], &file["seq"]),
                (&json!(words[1]), &json!(role), &json!(words[3].parse::<u64>().unwrap()))
            );
            assert_eq!(file["bytes"], fs::metadata(folder.join(words[1])).unwrap().len());
            assert_eq!(file["has_snapshot"], role == "base");
            bytes += file["bytes"].as_u64().unwrap();
            let known = told["files"].as_array().unwrap().iter().find(|known| known["file"] == words[1]);
            if let Some(known) = known {
                assert_eq!(file["commands"], known["commands"].as_array().unwrap().len());
                assert_eq!(file["annotations"], known["annotations"].as_array().unwrap().len());
            }
        }
        assert_eq!(info["file_bytes"], bytes);
        let commands = expected_commands(&told);
        assert_eq!(info["commands"], commands.len());
        assert_eq!(info["transactions"], 1);
        assert_eq!(info["first_timestamp_s"], commands[0]["timestamp_s"]);
        assert_eq!(info["last_timestamp_s"], commands.last().unwrap()["timestamp_s"]);
        let printed = aikv::<&str>("info", &folder, &[]);
        for line in listed {
            assert!(text(&printed.stdout).contains(line.split(' ').nth(1).unwrap()), "{}", text(&printed.stdout));
        }
    }
}

#[test]
fn check_finds_nothing_in_what_servers_wrote() {
    for (folder, told) in fixtures() {
        let report = json("check", &folder, 0);
        assert_eq!(report["findings"], json!([]));
        assert_eq!(report["commands"], expected_commands(&told).len());
    }
}

const BASE: &[u8] = b"REDIS0011\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const LISTED: &str =
    "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\nfile a.aof.2.incr.aof seq 2 type i\n";

/// A log of a base and two increments, as this test writes it.
fn log(manifest: &[u8]) -> TempDir {
    let folder = TempDir::new();
    fs::write(folder.join("a.aof.manifest"), manifest).unwrap();
    fs::write(folder.join("a.aof.1.base.rdb"), BASE).unwrap();
    for name in ["a.aof.1.incr.aof", "a.aof.2.incr.aof"] {
        fs::write(folder.join(name), PING).unwrap();
    }
    folder
}

/// What `check` finds, as severity, code, file and offset.
fn findings(folder: &Path, code: i32) -> Vec<Value> {
    let report = json("check", folder, code);
    report["findings"].as_array().unwrap().iter().map(|f| json!([f["severity"], f["code"], f["file"], f["offset"]])).collect()
}

/// That nothing is told of a log as if it were whole.
fn refused(folder: &Path, words: &str) {
    for (command, key) in [("keys", None), ("export", None), ("show", Some("absent"))] {
        let output = aikv(command, folder, key.as_slice());
        assert_eq!(output.status.code(), Some(3), "{command}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(words), "{command}: {}", text(&output.stderr));
    }
    assert_eq!(aikv::<&str>("info", folder, &[]).status.code(), Some(3));
}

#[test]
fn a_log_that_is_whole_is_read_in_the_order_of_roles() {
    let log_of = |manifest: &str| lines(&aikv::<&str>("export", log(manifest.as_bytes()).path(), &[]));
    let expected = log_of(LISTED);
    assert_eq!(expected.len(), 4, "{expected:?}");
    // The base behind its increments; CR LF, tabs, names in capitals, keys that are not known, comments.
    let (base, incrs) = LISTED.split_once('\n').unwrap();
    assert_eq!(log_of(&format!("{incrs}{base}\n")), expected);
    assert_eq!(log_of(&LISTED.replace('\n', "\r\n").replace(' ', "\t").replace("file\t", "FILE\t")), expected);
    assert_eq!(log_of(&LISTED.replace(" type b", " type b later thing")), expected);
    assert_eq!(log_of(&format!("# note\n{LISTED}")), expected);
}

#[test]
fn a_manifest_that_no_server_should_read_is_a_finding_at_its_line() {
    let first = "file a.aof.1.base.rdb seq 1 type b\n";
    let at = first.len();
    let line = |name: &str| format!("{first}file {name} seq 1 type i\n");
    let long = "n".repeat(5000);
    let cases: &[(&str, String, &str, usize)] = &[
        ("empty", String::new(), "bad-manifest", 0),
        ("zeros", "\0\0\0\0".into(), "bad-manifest", 0),
        ("a comment only", "# nothing\n".into(), "bad-manifest", 10),
        ("no line feed at the end", first.trim_end().into(), "bad-manifest", 0),
        ("a torn last line", format!("{first}file a.aof.1.in"), "bad-manifest", at),
        ("an odd number of words", format!("{first}file a.aof.1.incr.aof seq 1 type\n"), "bad-manifest", at),
        ("no type", format!("{first}file a.aof.1.incr.aof seq 1\n"), "bad-manifest", at),
        ("a long line", format!("{first}file a seq 1 type i x {}\n", "x".repeat(1100)), "bad-manifest", at),
        ("up", line("../x"), "unsafe-path", at),
        ("absolute", line("/etc/passwd"), "unsafe-path", at),
        ("dots", line(".."), "unsafe-path", at),
        ("dot", line("."), "unsafe-path", at),
        ("a backslash", line("a\\b"), "unsafe-path", at),
        ("a zero", line("\"a\\x00b\""), "unsafe-path", at),
        ("a line feed", line("\"a\\nb\""), "unsafe-path", at),
        ("a long name", line(&long), "bad-manifest", at),
        ("the manifest", line("a.aof.manifest"), "unsafe-path", at),
        ("the lock", line("a.aof.lock"), "unsafe-path", at),
        ("a file twice", line("a.aof.1.base.rdb"), "bad-manifest", at),
        ("two bases", format!("{first}file a.aof.1.incr.aof seq 2 type b\n"), "bad-manifest", at),
        ("number 0", line("a").replace("seq 1 type i", "seq 0 type i"), "bad-manifest", at),
        ("number -1", line("a").replace("seq 1 type i", "seq -1 type i"), "bad-manifest", at),
        ("number 2^63", line("a").replace("seq 1 type i", "seq 9223372036854775808 type i"), "bad-manifest", at),
        ("a number of letters", line("a").replace("seq 1 type i", "seq abc type i"), "bad-manifest", at),
        ("numbers that fall", LISTED.replace("seq 2", "seq 1"), "bad-manifest", LISTED.find("file a.aof.2").unwrap()),
        ("a type of several letters", line("a").replace("type i", "type incremental"), "bad-manifest", at),
        ("a key twice", format!("{first}file a file b seq 1 type i\n"), "duplicate", at),
        ("an increment that is not there", line("absent"), "bad-manifest", at),
        ("a comment before one that is not there", format!("# note\n{}", line("absent")), "bad-manifest", at + 7),
    ];
    for (name, manifest, code, offset) in cases {
        let folder = log(manifest.as_bytes());
        assert_eq!(findings(folder.path(), 1), [json!(["error", code, "a.aof.manifest", offset])], "{name}");
        refused(folder.path(), &format!("byte {offset}"));
        assert_eq!(format_error(load_aof_bytes(folder.path())).code(), *code, "{name}: loading agrees");
        // By its own name as well.
        assert_eq!(findings(&folder.join("a.aof.manifest"), 1).len(), 1, "{name}");
    }
}

#[test]
fn odd_offsets_are_warned_of() {
    let manifest = LISTED
        .replace("seq 1 type i", "seq 1 type i startoffset x")
        .replace("seq 2 type i", "seq 2 type i startoffset 9 endoffset 3");
    let folder = log(manifest.as_bytes());
    let lines: Vec<_> = manifest.match_indices("file a").map(|(at, _)| at).collect();
    let warning = |offset| json!(["warning", "bad-manifest", "a.aof.manifest", offset]);
    assert_eq!(findings(folder.path(), 1), [warning(lines[1]), warning(lines[2])]);
    assert_eq!(json("info", folder.path(), 0)["manifest"]["warnings"].as_array().unwrap().len(), 2);
}

#[test]
#[cfg(unix)]
fn only_regular_files_of_the_folder_are_opened() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    let name = "a.aof.1.incr.aof";
    let offset = LISTED.find(name).unwrap() - "file ".len();
    type Maker = fn(&Path);
    let makers: [(&str, Maker); 4] = [
        ("a link", |path| symlink("a.aof.2.incr.aof", path).unwrap()),
        ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success())),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ];
    for (what, make) in makers {
        let folder = log(LISTED.as_bytes());
        fs::remove_file(folder.join(name)).unwrap();
        make(&folder.join(name));
        assert_eq!(findings(folder.path(), 1), [json!(["error", "unsafe-path", "a.aof.manifest", offset])], "{what}");
        refused(folder.path(), "the name of a regular file");
    }
    // A link that the user names is meant.
    let (folder, elsewhere) = (log(LISTED.as_bytes()), TempDir::new());
    let link = elsewhere.join("link.manifest");
    symlink(folder.join("a.aof.manifest"), &link).unwrap();
    assert_eq!(lines(&aikv::<&str>("export", &link, &[])).len(), 4);
}

#[test]
fn what_the_manifest_does_not_list_is_reported() {
    let folder = log(LISTED.as_bytes());
    for name in ["a.aof.lock", "a.aof.9.incr.aof", "temp-rewriteaof-77.aof"] {
        fs::write(folder.join(name), "").unwrap();
    }
    let warning = |name: &str| json!(["warning", "unlisted-file", name, 0]);
    assert_eq!(findings(folder.path(), 1), [warning("a.aof.9.incr.aof"), warning("temp-rewriteaof-77.aof")]);
    assert_eq!(json("info", folder.path(), 0)["unlisted"], json!(["a.aof.9.incr.aof", "a.aof.lock", "temp-rewriteaof-77.aof"]));
    // A lock alone is how we leave a folder.
    let folder = log(LISTED.as_bytes());
    fs::write(folder.join("a.aof.lock"), "").unwrap();
    assert_eq!(findings(folder.path(), 0), [] as [Value; 0]);
}

#[test]
fn history_is_told_and_never_read() {
    let folder = log(format!("{LISTED}file victim seq 7 type h\nfile gone seq 8 type h\n").as_bytes());
    fs::write(folder.join("victim"), "no log at all").unwrap();
    assert_eq!(findings(folder.path(), 0), [] as [Value; 0]);
    let files = json("info", folder.path(), 0)["files"].as_array().unwrap()[3..].to_vec();
    let history = |name, seq, bytes: Value| json!({"file": name, "role": "history", "seq": seq, "bytes": bytes});
    let gone = json!({"file": "gone", "role": "history", "seq": 8});
    assert_eq!(files, [history("victim", 7, json!(13)), gone]);
    assert!(folder.join("victim").exists());
}

#[test]
fn an_increment_may_be_empty_and_a_snapshot_may_not() {
    let folder = log(LISTED.as_bytes());
    for name in ["a.aof.1.incr.aof", "a.aof.2.incr.aof"] {
        fs::write(folder.join(name), "").unwrap();
    }
    assert_eq!(findings(folder.path(), 0), [] as [Value; 0]);
    assert_eq!(json("info", folder.path(), 0)["commands"], 0);
    fs::write(folder.join("a.aof.1.base.rdb"), "").unwrap();
    assert_eq!(findings(folder.path(), 1), [json!(["error", "bad-manifest", "a.aof.manifest", 0])]);
    refused(folder.path(), "a snapshot with something in it");

    // One of commands may: a log of no keys begins so.
    let manifest = LISTED.replace("base.rdb", "base.aof");
    let folder = log(manifest.as_bytes());
    fs::write(folder.join("a.aof.1.base.aof"), "").unwrap();
    fs::remove_file(folder.join("a.aof.1.base.rdb")).unwrap();
    assert_eq!(findings(folder.path(), 0), [] as [Value; 0]);
    assert_eq!(load_aof_bytes(folder.path()).unwrap().len(), 2);
}

#[test]
fn damage_is_told_with_its_file() {
    let torn = &PING[..9];
    let cases: &[(&str, &str, &[u8], &str, u64)] = &[
        ("the last file is torn", "a.aof.2.incr.aof", torn, "truncated", 0),
        ("an earlier file is torn", "a.aof.1.incr.aof", torn, "truncated", 0),
        ("the base is torn", "a.aof.1.base.rdb", &BASE[..14], "truncated", 14),
        ("the base is nothing", "a.aof.1.base.rdb", b"\x1f\x8b\x08\0\0\0\0\0\0\0", "bad-magic", 0),
        ("a snapshot in an increment", "a.aof.1.incr.aof", BASE, "bad-command", 0),
        ("a damaged command", "a.aof.1.incr.aof", b"*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\r\n", "bad-command", 12),
        ("a transaction that ends in the next file", "a.aof.1.incr.aof", b"*1\r\n$5\r\nMULTI\r\n", "truncated", 0),
    ];
    for (what, name, bytes, code, offset) in cases {
        let folder = log(LISTED.as_bytes());
        fs::write(folder.join(name), bytes).unwrap();
        let found = findings(folder.path(), 1);
        assert_eq!(found, [json!(["error", code, name, offset])], "{what}");
        refused(folder.path(), &format!("{name}: "));
        let info = aikv::<&str>("info", folder.path(), &["--json"]);
        let info: Value = serde_json::from_slice(&info.stdout).unwrap();
        assert_eq!(info["is_whole"], false, "{what}");
        let whole: Vec<_> =
            info["files"].as_array().unwrap().iter().map(|file| file["is_whole"] == json!(file["file"] != *name)).collect();
        assert_eq!(whole, [true; 3], "{what}");
        if !name.contains("base") {
            // Behind a base that a list of commands can hold, loading agrees.
            fs::write(folder.join("a.aof.1.base.rdb"), PING).unwrap();
            let error = failure(load_aof_bytes(folder.path()));
            let at = error.format().map(aikv::Error::offset);
            assert_eq!((error.code(), at, error.path()), (*code, Some(*offset), &*folder.join(name)), "{what}");
        }
    }
}

#[test]
fn only_the_end_of_the_last_file_is_a_torn_tail() {
    let torn = [PING, b"*1\r\n$5\r\nMULTI\r\n", PING, b"*2\r\n$3\r\nDE"].concat();
    let middle = [PING, b"*1\r\n$4\r\nPI\0\0XX", PING].concat();
    let odd = [PING, b"\xa5\xa5\xa5"].concat();
    let cases: &[(&str, &[u8], bool, &str)] = &[
        ("a.aof.2.incr.aof", &torn, true, "; a torn tail of 39 bytes from byte 14 on, which the next writer cuts off"),
        ("a.aof.1.incr.aof", &torn, false, "; only the last file of a log may be torn"),
        ("a.aof.2.incr.aof", &middle, true, "; no torn tail: commands go on at byte 28"),
        ("a.aof.1.incr.aof", &middle, true, "; no torn tail: commands go on at byte 28"),
        ("a.aof.2.incr.aof", &odd, false, "; no torn tail: a torn write leaves no such bytes"),
    ];
    for (name, bytes, is_repairable, words) in cases {
        let folder = log(LISTED.as_bytes());
        fs::write(folder.join(name), bytes).unwrap();
        let finding = json("check", folder.path(), 1)["findings"][0].clone();
        assert_eq!((&finding["file"], &finding["repairable"]), (&json!(name), &json!(is_repairable)), "{finding}");
        assert!(finding["text"].as_str().unwrap().ends_with(words), "{finding}");
        // The same of a log that is this file alone, which is its own last one.
        let alone = json("check", &folder.join(name), 1)["findings"][0].clone();
        assert_eq!(alone["offset"], finding["offset"]);
        assert_eq!(alone["repairable"], bytes != &odd, "{alone}");
        // What is said is what a writer does.
        let opened = AofWriter::new(folder.join(name), AofSyncPolicy::Always);
        assert_eq!(opened.is_ok(), bytes == &torn, "{name}");
        assert_eq!(fs::metadata(folder.join(name)).unwrap().len() as usize, if bytes == &torn { 14 } else { bytes.len() });
    }
}

#[test]
fn every_file_is_checked_though_one_is_damaged() {
    let folder = log(LISTED.as_bytes());
    fs::write(folder.join("a.aof.1.base.rdb"), &BASE[..14]).unwrap();
    fs::write(folder.join("a.aof.2.incr.aof"), b"*1\r\n$4\r\nPINGXX").unwrap();
    let names: Vec<_> = findings(folder.path(), 1).iter().map(|finding| finding[2].clone()).collect();
    assert_eq!(names, ["a.aof.1.base.rdb", "a.aof.2.incr.aof"]);
}

#[test]
fn a_folder_is_no_log_without_one_manifest() {
    let folder = TempDir::new();
    let told = |words: &str| {
        for command in ["check", "info", "keys", "export"] {
            let output = aikv::<&str>(command, folder.path(), &[]);
            assert_eq!(output.status.code(), Some(3), "{command}");
            assert!(text(&output.stderr).contains(words), "{command}: {}", text(&output.stderr));
        }
    };
    told("without the manifest of a log");
    fs::write(folder.join("temp-a.aof.manifest"), LISTED).unwrap();
    told("without the manifest of a log");
    fs::write(folder.join("a.aof.manifest"), LISTED).unwrap();
    fs::write(folder.join("b.aof.manifest"), LISTED).unwrap();
    told("several manifests");
}

#[test]
fn a_server_may_rewrite_the_log_while_it_is_read() {
    let folder = log(LISTED.as_bytes());
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let outputs = std::thread::scope(|scope| {
        scope.spawn(|| {
            for seq in 2.. {
                if is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let names = [format!("a.aof.{seq}.base.rdb"), format!("a.aof.{}.incr.aof", seq + 1)];
                fs::write(folder.join(&names[0]), BASE).unwrap();
                fs::write(folder.join(&names[1]), PING).unwrap();
                let manifest = format!("file {} seq {seq} type b\nfile {} seq {} type i\n", names[0], names[1], seq + 1);
                fs::write(folder.join("temp-a.aof.manifest"), manifest).unwrap();
                fs::rename(folder.join("temp-a.aof.manifest"), folder.join("a.aof.manifest")).unwrap();
                // What is not listed any more goes at once.
                for old in [
                    format!("a.aof.{}.base.rdb", seq - 1),
                    format!("a.aof.{seq}.incr.aof"),
                    format!("a.aof.{}.incr.aof", seq - 1),
                ] {
                    let _ = fs::remove_file(folder.join(&old));
                }
            }
        });
        // Looked at when the other thread has ended.
        let outputs: Vec<_> = (0..60).map(|_| aikv::<&str>("export", folder.path(), &[])).collect();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        outputs
    });
    for output in outputs {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(lines(&output).len() >= 3);
    }
}

#[test]
#[cfg(unix)]
fn what_a_server_has_answered_is_read_while_it_rewrites_its_log() {
    use common::{Server, server};
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(program) = server(name) else { continue };
        let folder = TempDir::new();
        let options = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
        let server = Server::start(&program, folder.path(), &options).unwrap();
        let mut client = server.client();
        for number in 1..=30 {
            client.ask(&["SET", &format!("key:{number}"), "value"]);
            // Refused while the one before is under way.
            client.ask(&["BGREWRITEAOF"]);
            let output = aikv::<&str>("keys", &folder.join("appendonlydir"), &[]);
            assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
            assert_eq!(text(&output.stdout).lines().count(), number, "{name}: {}", text(&output.stdout));
        }
    }
}
