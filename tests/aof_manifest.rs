//! The manifest of a multi-part log, and the names of its files.

mod common;

use aikv::aof::{BaseFormat, Manifest, ManifestFile, NameKind, Names, Role};
use aikv::{Error, ErrorKind};

const OWN: &[u8] = b"a.aof.manifest";

fn parse(text: impl AsRef<[u8]>) -> Result<(Manifest, Vec<Error>), Error> {
    Manifest::parse(text.as_ref(), OWN)
}

fn write(manifest: &Manifest) -> Result<Vec<u8>, Error> {
    let mut out = b"before".to_vec();
    let written = manifest.write(OWN, &mut out);
    assert!(out.starts_with(b"before"));
    let lines = out.split_off(6);
    assert!(written.is_ok() || lines.is_empty(), "what was refused left nothing");
    written.map(|()| lines)
}

/// A line that is whole. What stands behind it in a table has its offset.
const FIRST: &str = "file a.aof.1.base.rdb seq 1 type b\n";

/// List 4.8 of hostile manifests: number, the lines behind [`FIRST`], and the code at their first one.
const HOSTILE: &[(u32, &str, &str)] = &[
    (112, "file b seq 1 type i", "bad-manifest"),
    (112, "file b seq 1 ty", "bad-manifest"),
    (112, "# a comment", "bad-manifest"),
    (113, "file b seq 1 type i startoffset\n", "bad-manifest"),
    (113, "file b seq 1\n", "bad-manifest"),
    (113, "seq 1 type i more x\n", "bad-manifest"),
    (113, "file b type i more x\n", "bad-manifest"),
    (113, "\n", "bad-manifest"),
    (113, " \t\r\n", "bad-manifest"),
    (113, " # no comment\n", "bad-manifest"),
    (113, "file \"b seq 1 type i\n", "bad-manifest"),
    (113, "file \"b\"c seq 1 type i\n", "bad-manifest"),
    (113, "file 'b seq 1 type i\n", "bad-manifest"),
    (113, "\0\0\0\n", "bad-manifest"),
    (113, "file b\0 seq 1 type i\n", "bad-manifest"),
    (114, "file ../x seq 1 type i\n", "unsafe-path"),
    (114, "file /etc/passwd seq 1 type i\n", "unsafe-path"),
    (114, "file .. seq 1 type i\n", "unsafe-path"),
    (114, "file . seq 1 type i\n", "unsafe-path"),
    (114, "file a\\b seq 1 type i\n", "unsafe-path"),
    (114, "file \"a\\x00b\" seq 1 type i\n", "unsafe-path"),
    (114, "file \"name\\x00/../x\" seq 1 type i\n", "unsafe-path"),
    (114, "file \"a\\nb\" seq 1 type i\n", "unsafe-path"),
    (114, "file \"a\\x2fb\" seq 1 type i\n", "unsafe-path"),
    (114, "file \"\" seq 1 type i\n", "unsafe-path"),
    (114, "file a\x1bb seq 1 type i\n", "unsafe-path"),
    (114, "file a\x7fb seq 1 type i\n", "unsafe-path"),
    (115, "file a.aof.manifest seq 1 type i\n", "unsafe-path"),
    (115, "file \"a.aof.m\\x61nifest\" seq 1 type h\n", "unsafe-path"),
    (115, "file a.aof.lock seq 1 type i\n", "unsafe-path"),
    (118, "file a.aof.1.base.rdb seq 2 type i\n", "bad-manifest"),
    (118, "file a.aof.1.base.rdb seq 1 type h\n", "bad-manifest"),
    (118, "file b seq 2 type b\n", "bad-manifest"),
    (118, "file b seq 0 type i\n", "bad-manifest"),
    (118, "file b seq -1 type i\n", "bad-manifest"),
    (118, "file b seq 9223372036854775808 type i\n", "bad-manifest"),
    (118, "file b seq abc type i\n", "bad-manifest"),
    (118, "file b seq 1x type i\n", "bad-manifest"),
    (118, "file b seq \"\" type i\n", "bad-manifest"),
    (119, "file b seq 1 type incremental\n", "bad-manifest"),
    (119, "file b seq 1 type I\n", "bad-manifest"),
    (119, "file b seq 1 type x\n", "bad-manifest"),
    (119, "file b seq 1 type \"\"\n", "bad-manifest"),
    (120, "file a file b seq 1 type i\n", "duplicate"),
    (120, "file b SEQ 1 seq 2 type i\n", "duplicate"),
    (120, "file b seq 1 type i endoffset 1 endoffset 1\n", "duplicate"),
];

#[test]
fn hostile_manifests_fail_with_kind_and_the_offset_of_the_line() {
    for (number, lines, code) in HOSTILE {
        for text in [format!("{FIRST}{lines}"), format!("{FIRST}# {}\n{lines}", "-".repeat(1000))] {
            let error = parse(&text).expect_err(&format!("{number}: {}", lines.escape_debug()));
            let offset = text.len() - lines.len();
            assert_eq!((error.code(), error.offset()), (*code, offset as u64), "{number}: {}: {error}", lines.escape_debug());
        }
    }
}

/// 111: what lists no file is no manifest; a server would start empty beside a full log.
#[test]
fn a_manifest_lists_a_file() {
    for (text, offset) in [("", 0), ("#\n", 2), ("# file b seq 1 type i\n# nothing\n", 32)] {
        let error = parse(text).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("bad-manifest", offset), "{text}");
    }
    assert_eq!(parse([0; 512]).unwrap_err().code(), "bad-manifest");
    assert_eq!(write(&Manifest::default()).unwrap_err().code(), "bad-manifest");
}

/// 112: a manifest that was cut is refused wherever it does not end behind a file.
#[test]
fn a_cut_manifest_is_refused() {
    let text = format!("{FIRST}file b seq 1 type i\n");
    for cut in 0..text.len() {
        let parsed = parse(&text[..cut]);
        assert_eq!(parsed.is_ok(), cut == FIRST.len(), "cut at {cut}");
    }
}

/// 113: the length of a line counts its line feed.
#[test]
fn lines_have_at_most_1024_bytes() {
    let line = |len: usize| {
        let (start, end) = ("file b seq 1 type i more ", "\n");
        format!("{start}{}{end}", "x".repeat(len - start.len() - end.len()))
    };
    assert!(parse(line(1024)).is_ok());
    let error = parse(format!("{FIRST}{}", line(1025))).unwrap_err();
    assert_eq!((error.code(), error.offset()), ("bad-manifest", FIRST.len() as u64));
    let comment = |len: usize| format!("{FIRST}#{}\n", "x".repeat(len - 2));
    assert!(parse(comment(1024)).is_ok());
    assert!(parse(comment(1025)).is_err());
    let mut file = ManifestFile::new("b", 1, Role::Incr);
    file.other = vec![(b"more".to_vec(), vec![b'x'; 1024])];
    assert_eq!(write(&Manifest { files: vec![file] }).unwrap_err().code(), "unrepresentable");
}

/// 114: the longest name of a file system is one byte shorter than the shortest that is refused.
#[test]
fn names_have_at_most_255_bytes() {
    let text = |len: usize| format!("file {} seq 1 type i\n", "x".repeat(len));
    assert!(parse(text(255)).is_ok());
    for len in [256, 900] {
        assert_eq!(parse(text(len)).unwrap_err().code(), "unsafe-path");
    }
    // A line of more than 1024 bytes is refused before its name is looked at.
    assert_eq!(parse(text(5000)).unwrap_err().offset(), 0);
}

/// 113: the same base and increment, as servers take them.
const ACCEPTED: [&str; 7] = [
    "file b.base seq 1 type b\r\nfile b.incr seq 2 type i\r\n",
    "file\tb.base  seq\t1 type b \t\n\t file b.incr seq 2 type i\n",
    "FILE b.base Seq 1 tYPE b\nfile b.incr SEQ 2 TYPE i\n",
    "type b seq 1 file b.base\ntype i seq 2 file b.incr\n",
    "# a comment\nfile b.base seq 1 type b\n#\nfile b.incr seq 2 type i\n# the end\n",
    "file \"b.base\" seq 1 type b\nfile 'b.incr' seq 2 \"type\" i\n",
    "file \"b\\x2ebase\" seq 1 type b\nfile b\".incr\" seq 2 type i\n",
];

#[test]
fn what_servers_accept_is_accepted() {
    let base = ManifestFile::new("b.base", 1, Role::Base);
    let incr = ManifestFile::new("b.incr", 2, Role::Incr);
    for text in ACCEPTED {
        let (manifest, deviations) = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((&manifest.files[..], &deviations[..]), (&[base.clone(), incr.clone()][..], &[][..]), "{text}");
    }
}

/// That servers do take those, and load what we find in them.
#[cfg(unix)]
#[test]
fn servers_load_what_is_accepted() {
    use common::{Reply, Server, TempDir};
    for name in ["redis-7.0", "redis-8.6", "valkey-9.1"] {
        let Some(program) = common::server(name) else { continue };
        // The base behind the increment is still loaded first; offsets and unknown keys do not matter.
        let others = ["file b.incr seq 2 type i x y startoffset 5 endoffset 4\nfile b.base seq 1 type b\n"];
        for text in ACCEPTED.iter().chain(&others) {
            assert!(parse(text).is_ok(), "{text}");
            let folder = TempDir::new();
            let inside = folder.join("appendonlydir");
            std::fs::create_dir(&inside).unwrap();
            std::fs::write(inside.join("a.aof.manifest"), text).unwrap();
            std::fs::write(inside.join("b.base"), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n").unwrap();
            std::fs::write(inside.join("b.incr"), b"*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$1\r\nw\r\n").unwrap();
            let options = ["--appendonly", "yes", "--appendfilename", "a.aof"];
            let server = Server::start(&program, folder.path(), &options).unwrap_or_else(|log| panic!("{name}: {text}: {log}"));
            assert_eq!(server.client().ask(&["GET", "k"]), Reply::Bytes(b"vw".to_vec()), "{name}: {text}");
        }
    }
}

/// 118: the base stands wherever it likes, and is loaded first; only increments ascend.
#[test]
fn order_is_by_role() {
    let text = "file i1 seq 7 type i\nfile h1 seq 9 type h\nfile i2 seq 9 type i\nfile b seq 7 type b\nfile h2 seq 8 type h\n";
    let (manifest, _) = parse(text).unwrap();
    let names = |files: Vec<&ManifestFile>| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>().join(&b' ');
    assert_eq!(names(manifest.files.iter().collect()), b"i1 h1 i2 b h2");
    assert_eq!(names(manifest.loaded().collect()), b"b i1 i2");
    assert_eq!(names(manifest.histories().collect()), b"h1 h2");
    assert_eq!(
        write(&manifest).unwrap(),
        b"file b seq 7 type b\nfile h1 seq 9 type h\nfile h2 seq 8 type h\nfile i1 seq 7 type i\nfile i2 seq 9 type i\n"
    );
    let (alone, _) = parse("file i seq 3 type i\n").unwrap();
    assert_eq!((alone.base(), alone.incrs().count()), (None, 1));
    for second in [2, 7, 6] {
        let text = format!("file i1 seq 7 type i\nfile i2 seq {second} type i\n");
        assert_eq!(parse(&text).unwrap_err().offset(), 21, "{second}");
    }
}

/// 121: offsets that mean nothing are told of, and written back.
#[test]
fn odd_offsets_are_deviations() {
    let offsets = |text: &str| {
        let line = format!("{FIRST}file b seq 1 type i {text}\n");
        let (manifest, deviations) = parse(&line).unwrap();
        assert_eq!(write(&manifest).unwrap(), line.as_bytes());
        for deviation in &deviations {
            assert_eq!((deviation.code(), deviation.offset()), ("bad-manifest", FIRST.len() as u64));
        }
        let file = manifest.incrs().next().unwrap();
        (file.start_offset, file.end_offset, file.other.len(), deviations.len())
    };
    assert_eq!(offsets("startoffset 166 endoffset 177"), (Some(166), Some(177), 0, 0));
    assert_eq!(offsets("startoffset 5 endoffset 5"), (Some(5), Some(5), 0, 0));
    assert_eq!(offsets("startoffset 5 endoffset 4"), (Some(5), Some(4), 0, 1));
    assert_eq!(offsets("startoffset 9223372036854775807"), (Some(u64::MAX >> 1), None, 0, 0));
    assert_eq!(offsets("startoffset abc"), (None, None, 1, 1));
    assert_eq!(offsets("endoffset 5 x y startoffset -1"), (None, Some(5), 2, 1));
    assert_eq!(offsets("startoffset 1x endoffset \"\""), (None, None, 2, 2));
}

#[test]
fn unknown_pairs_are_written_back() {
    let text = "file b seq 1 type i startoffset 3 crc \"a b\" CRC \"\\x00\\xff\"\n";
    let (manifest, deviations) = parse(text).unwrap();
    let other = &manifest.files[0].other;
    assert_eq!(other[..], [(b"crc".to_vec(), b"a b".to_vec()), (b"CRC".to_vec(), b"\0\xff".to_vec())]);
    assert!(deviations.is_empty());
    assert_eq!(write(&manifest).unwrap(), text.as_bytes());
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let file = |name: &str, seq, role| ManifestFile::new(name, seq, role);
    for (files, code) in [
        (vec![file("../x", 1, Role::Base)], "unsafe-path"),
        (vec![file("a.aof.manifest", 1, Role::Base)], "unsafe-path"),
        (vec![file("b", 0, Role::Base)], "bad-manifest"),
        (vec![file("b", 1 << 63, Role::Base)], "bad-manifest"),
        (vec![file("b", 1, Role::Base), file("c", 2, Role::Base)], "bad-manifest"),
        (vec![file("b", 1, Role::Incr), file("b", 2, Role::Incr)], "bad-manifest"),
        (vec![file("b", 2, Role::Incr), file("c", 1, Role::Incr)], "bad-manifest"),
    ] {
        assert_eq!(write(&Manifest { files: files.clone() }).unwrap_err().code(), code, "{files:?}");
    }
}

/// 116: only such names are those of a log's files, whatever a manifest lists.
#[test]
fn a_foreign_name_is_of_no_kind() {
    let names = Names::new(b"a.aof").unwrap();
    let part = |role, seq| Some(NameKind::Part { role, seq });
    for (name, kind) in [
        (names.base(2, BaseFormat::Rdb), part(Role::Base, 2)),
        (names.base(3, BaseFormat::Aof), part(Role::Base, 3)),
        (names.incr(u64::MAX >> 1), part(Role::Incr, u64::MAX >> 1)),
        (names.manifest(), Some(NameKind::Manifest)),
        (names.lock(), Some(NameKind::Lock)),
        (names.temporary_manifest(), Some(NameKind::Temporary)),
        (names.temporary_incr(), Some(NameKind::Temporary)),
    ] {
        assert_eq!(names.kind_of(&name), kind, "{}", name.escape_ascii());
    }
    for name in [
        "victim",
        "a.aof",
        "a.aof.",
        "a.aof.1",
        "a.aof.base.rdb",
        "a.aof..base.rdb",
        "a.aof.0.base.rdb",
        "a.aof.01.base.rdb",
        "a.aof.-1.base.rdb",
        "a.aof.+1.base.rdb",
        "a.aof.1.2.base.rdb",
        "a.aof.9223372036854775808.incr.aof",
        "a.aof.1.incr.rdb",
        "a.aof.1.base.rdb.bak",
        "A.AOF.1.base.rdb",
        "b.aof.1.base.rdb",
        "temp-a.aof.1.base.rdb",
        "../a.aof.1.base.rdb",
    ] {
        assert_eq!(names.kind_of(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn names_follow_from_the_manifests() {
    let names = Names::of_manifest(b"appendonly.aof.manifest").unwrap();
    assert_eq!(names, Names::new(b"appendonly.aof").unwrap());
    for name in [&b"appendonly.aof"[..], b".manifest", b"../x.manifest", b"manifest"] {
        assert_eq!(Names::of_manifest(name), None, "{}", name.escape_ascii());
    }
    for name in [&b""[..], b".", b"..", b"a/b", b"a\\b", b"a\0b", b"a\nb", &[b'x'; 226]] {
        assert!(matches!(Names::new(name), Err(ErrorKind::UnsafePath { .. })), "{}", name.escape_ascii());
    }
    assert!(Names::new(&[b'x'; 225]).is_ok());
}

fn check_written(name: &str, text: &[u8], own: &[u8]) -> Manifest {
    let (manifest, deviations) =
        Manifest::parse(text, own).unwrap_or_else(|error| panic!("{name}: {error}: {}", text.escape_ascii()));
    assert_eq!(deviations, [], "{name}");
    let mut written = Vec::new();
    manifest.write(own, &mut written).unwrap();
    assert_eq!(written, text, "{name}: {}", written.escape_ascii());
    let names = Names::of_manifest(own).unwrap();
    for file in &manifest.files {
        let role = if names.incr(file.seq) == file.name { Role::Incr } else { Role::Base };
        assert_eq!(names.kind_of(&file.name), Some(NameKind::Part { role, seq: file.seq }), "{name}");
    }
    manifest
}

#[test]
fn manifests_of_real_servers_are_written_back_byte_for_byte() {
    let mut checked = 0;
    for server in common::SERVERS {
        let path = common::data().join(server).join("appendonlydir/appendonly.aof.manifest");
        if let Ok(text) = std::fs::read(&path) {
            let manifest = check_written(server, &text, b"appendonly.aof.manifest");
            assert_eq!((manifest.base().map(|file| file.seq), manifest.incrs().count()), (Some(2), 2), "{server}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "only {checked} manifests");
}

/// Servers quote names, and start on a manifest that we wrote.
#[cfg(unix)]
#[test]
fn servers_and_we_quote_names_alike() {
    use common::{Reply, Server, TempDir};
    for name in ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"] {
        let Some(program) = common::server(name) else { continue };
        for stem in ["plain.aof", "with blank.aof", "it's \"quoted\".aof", "gr\u{fc}n.aof"] {
            let folder = TempDir::new();
            let options = ["--appendonly", "yes", "--appendfsync", "always", "--appendfilename", stem];
            let read = || {
                let own = format!("{stem}.manifest").into_bytes();
                let text = std::fs::read(folder.join("appendonlydir").join(format!("{stem}.manifest"))).unwrap();
                (check_written(name, &text, &own), own)
            };
            let server = Server::start(&program, folder.path(), &options).unwrap();
            assert_eq!(server.client().ask(&["SET", "k", "v"]), Reply::Status("OK".into()));
            drop(server);
            let (mut manifest, own) = read();
            let names = Names::of_manifest(&own).unwrap();
            // An increment of ours behind the server's, and a file that is gone.
            let next = names.incr(2);
            std::fs::write(
                folder.join("appendonlydir").join(std::str::from_utf8(&next).unwrap()),
                b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$1\r\nw\r\n",
            )
            .unwrap();
            manifest.files.push(ManifestFile::new(next, 2, Role::Incr));
            manifest.files.push(ManifestFile::new(names.base(9, BaseFormat::Aof), 9, Role::History));
            let mut written = Vec::new();
            manifest.write(&own, &mut written).unwrap();
            std::fs::write(folder.join("appendonlydir").join(format!("{stem}.manifest")), written).unwrap();
            let server = Server::start(&program, folder.path(), &options).unwrap_or_else(|log| panic!("{name} {stem}: {log}"));
            assert_eq!(server.client().ask(&["GET", "k"]), Reply::Bytes(b"vw".to_vec()), "{name} {stem}");
            drop(server);
            read();
        }
    }
}
