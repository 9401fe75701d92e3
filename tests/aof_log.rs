//! Command logs: framing, annotations, preambles, torn tails, hostile bytes.

mod common;
#[path = "common/log.rs"]
mod log;

use aikv::aof::{Decoder, Encoder, Event, write_command};
use aikv::error::{Error, ErrorKind};
use aikv::rdb::{self, Checksum, Version};
use aikv::wire::Limits;
use log::{CHUNKS, command, decode, decode_all};

#[test]
fn a_log_of_every_kind_of_record() {
    let mut log = b"#TS:1700000000\r\n".to_vec();
    log.extend(command(&["SELECT", "3"]));
    log.extend(command(&["SET", "k", "a\r\nb"]));
    log.extend(b"# anything\n");
    log.extend(command(&["multi"]));
    log.extend(b"#TS:1700000001\r\n");
    log.extend(command(&["DEL", ""]));
    log.extend(command(&["Exec"]));
    let seen = decode_all(&log);
    let events: Vec<_> = seen.events.iter().map(|(_, event)| event.as_str()).collect();
    assert_eq!(
        events,
        [
            "Timestamp { unix_s: 1700000000 }",
            r#"Command(["SELECT" "3"])"#,
            r#"Command(["SET" "k" "a\r\nb"])"#,
            "Annotation([32, 97, 110, 121, 116, 104, 105, 110, 103])",
            r#"Command(["multi"])"#,
            "Timestamp { unix_s: 1700000001 }",
            r#"Command(["DEL" ""])"#,
            r#"Command(["Exec"])"#,
        ]
    );
    let summary = seen.end.unwrap();
    assert_eq!((summary.commands, summary.annotations, summary.valid_up_to), (5, 3, log.len() as u64));
    assert_eq!(summary.preamble, None);
}

#[test]
fn an_empty_log_is_whole() {
    assert_eq!(decode_all(b"").end.unwrap().valid_up_to, 0);
}

#[test]
fn timestamps_are_numbers_and_all_else_is_text() {
    let event = |line: &[u8]| decode_all(line).events.pop().unwrap().1;
    assert_eq!(event(b"#TS:0\r\n"), "Timestamp { unix_s: 0 }");
    for line in [&b"#TS:-1\r\n"[..], b"#TS:\r\n", b"#TS:+1\r\n", b"#TS:01\r\n", b"#TS:99999999999999999999\r\n", b"#ts:1\r\n"] {
        assert!(event(line).starts_with("Annotation"), "{}", line.escape_ascii());
    }
}

/// 98: a log cut anywhere stops being whole at its last boundary, and before an open transaction.
#[test]
fn every_prefix_of_a_log_is_torn_at_the_last_boundary() {
    let records: [(&[u8], bool); 8] = [
        (b"#TS:1700000000\r\n", true),
        (&command(&["SELECT", "0"]), true),
        (&command(&["SET", "key", "a value of some length, with \r\n in it"]), true),
        (&command(&["MULTI"]), false),
        (&command(&["DEL", "a", "b"]), false),
        (b"#note\n", false),
        (&command(&["EXEC"]), true),
        (&command(&["RPUSH", "l", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]), true),
    ];
    let log = records.map(|(bytes, _)| bytes).concat();
    let mut boundaries = vec![0];
    let mut end = 0;
    for (bytes, is_boundary) in records {
        end += bytes.len();
        if is_boundary {
            boundaries.push(end);
        }
    }
    for cut in 0..=log.len() {
        let last = *boundaries.iter().rfind(|boundary| **boundary <= cut).unwrap() as u64;
        match decode_all(&log[..cut]).end {
            Ok(summary) => assert_eq!((last, summary.valid_up_to), (cut as u64, cut as u64)),
            Err(error) => {
                assert!(boundaries.binary_search(&cut).is_err(), "cut at {cut}: {error}");
                assert_eq!((error.code(), error.offset()), ("truncated", last), "cut at {cut}");
            }
        }
    }
}

/// A snapshot of one key, as Redis 2.6 and later load it.
const SNAPSHOT: &[u8] = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";

/// 104: what stands at the head of a log.
#[test]
fn preambles() {
    let code = |bytes: &[u8]| decode_all(bytes).end.map_err(|error| (error.code(), error.offset()));
    assert_eq!(code(b"REDI"), Err(("truncated", 0)));
    assert_eq!(code(b"REDIS"), Err(("truncated", 5)));
    assert_eq!(code(b"VALKEY0"), Err(("truncated", 7)));
    assert_eq!(code(b"REDIS0099"), Err(("unsupported-version", 5)));
    assert_eq!(code(b"VALKEY081"), Err(("unsupported-version", 6)));
    assert_eq!(code(b"REDIS00A1"), Err(("bad-magic", 5)));
    assert_eq!(code(b"REDIS0006"), Err(("truncated", 9)));
    assert_eq!(code(&SNAPSHOT[..SNAPSHOT.len() - 1]), Err(("truncated", 17)));
    assert_eq!(code(b"RPUSH l a\r\n"), Err(("bad-command", 0)));
    assert_eq!(code(b"VALUE\r\n"), Err(("bad-command", 0)));
    assert_eq!(code(&[SNAPSHOT, SNAPSHOT].concat()), Err(("bad-command", SNAPSHOT.len() as u64)));
    let mut flipped = SNAPSHOT.to_vec();
    flipped[15] ^= 1;
    assert_eq!(code(&flipped), Err(("bad-checksum", 17)));

    let preamble =
        aikv::aof::Preamble { version: Version::redis(6), checksum: Some(Checksum::Verified), bytes: SNAPSHOT.len() as u64 };
    let alone = decode_all(SNAPSHOT).end.unwrap();
    assert_eq!((alone.preamble, alone.commands, alone.valid_up_to), (Some(preamble), 0, SNAPSHOT.len() as u64));

    let log = [SNAPSHOT, &command(&["SELECT", "0"]), &command(&["DEL", "k"])].concat();
    let seen = decode_all(&log);
    assert_eq!(seen.events.last().unwrap().1, r#"Command(["DEL" "k"])"#);
    let summary = seen.end.unwrap();
    assert_eq!((summary.preamble, summary.commands, summary.valid_up_to), (Some(preamble), 2, log.len() as u64));
    for cut in SNAPSHOT.len()..log.len() {
        let boundary = if cut < SNAPSHOT.len() + 23 { SNAPSHOT.len() } else { SNAPSHOT.len() + 23 };
        if cut != boundary {
            assert_eq!(code(&log[..cut]), Err(("truncated", boundary as u64)), "cut at {cut}");
        }
    }
}

/// A long snapshot before commands: its checksum covers no byte of them.
#[test]
fn the_checksum_ends_with_the_snapshot() {
    let mut encoder = Encoder::new();
    let mut log = Vec::new();
    let mut snapshot = rdb::Decoder::new();
    let mut input = SNAPSHOT;
    let mut key = None;
    while !input.is_empty() {
        let step = snapshot.step(input).unwrap();
        match step.event {
            Some(rdb::Event::Key(first)) => key = Some((first.value_type, first.db)),
            Some(rdb::Event::End(_)) => {
                let (value_type, db) = key.unwrap();
                for i in 0..10_000i64 {
                    let name = format!("another key {i}");
                    let head = rdb::Key {
                        key: aikv::wire::Scalar::Bytes(name.as_bytes()),
                        value_type,
                        db,
                        expires_at_ms: Some(i),
                        eviction: rdb::Eviction::None,
                    };
                    let piece = aikv::wire::Scalar::Int(i);
                    for event in [
                        rdb::Event::Key(head),
                        rdb::Event::Value(rdb::Part::Bytes { piece, left: 0 }),
                        rdb::Event::KeyEnd { span: rdb::Span::default() },
                    ] {
                        encoder.write(&Event::Snapshot(event), &mut log).unwrap();
                    }
                }
            }
            _ => {}
        }
        let consumed = step.consumed;
        if let Some(event) = step.event {
            encoder.write(&Event::Snapshot(event), &mut log).unwrap();
        }
        input = &input[consumed..];
    }
    let preamble_bytes = log.len() as u64;
    for i in 0..10_000 {
        encoder.command(["SET", "k", &i.to_string()], &mut log).unwrap();
    }
    assert_eq!(encoder.offset(), log.len() as u64);
    encoder.finish().unwrap();
    for chunk in [1, 4096, usize::MAX] {
        let seen = decode(&log, chunk);
        let summary = seen.end.unwrap();
        let preamble = summary.preamble.unwrap();
        assert_eq!((preamble.checksum, preamble.bytes), (Some(Checksum::Verified), preamble_bytes));
        assert_eq!((summary.commands, summary.valid_up_to), (10_000, log.len() as u64));
    }
}

#[test]
fn a_fault_in_the_snapshot_has_its_key() {
    let mut log = SNAPSHOT[..11].to_vec();
    log.extend(b"\x10\x01h\x03abc");
    let mut decoder = Decoder::new();
    let mut input = &log[..];
    let mut fault = None;
    while !input.is_empty() && fault.is_none() {
        match decoder.step(input) {
            Ok(step) => {
                input = &input[step.consumed..];
                if let Some(Event::Snapshot(rdb::Event::Value(rdb::Part::Elements { elements, .. }))) = step.event {
                    fault = elements.check().err();
                }
            }
            Err(found) => fault = Some(found),
        }
    }
    let error = decoder.dress(fault.unwrap());
    assert_eq!(error.code(), "bad-packed");
    assert_eq!(error.place().key.unwrap().bytes(), b"h");
}

#[test]
fn the_place_follows_select() {
    let db_after = |args: &[&str]| {
        let log = [command(&["SELECT", "7"]), command(args), b"!".to_vec()].concat();
        decode_all(&log).end.unwrap_err().place().db
    };
    assert_eq!(db_after(&["PING"]), Some(7));
    assert_eq!(db_after(&["select", "12"]), Some(12));
    for unknown in ["-1", "abc", "", "+3"] {
        assert_eq!(db_after(&["SELECT", unknown]), None, "{unknown}");
    }
    assert_eq!(db_after(&["SELECT", "1", "2"]), Some(7), "a SELECT of three arguments does nothing");
}

#[test]
fn limits_hold_at_every_chunk_size() {
    let limits = Limits { max_item_bytes: 1000 };
    let value = "v".repeat(2000);
    let first = command(&["SET", "k", "v"]);
    let too_long = [
        command(&["SET", "k", &value]),
        command(&[&value[..400], &value[..400], &value[..400]]),
        format!("#{value}\r\n").into_bytes(),
        b"*2\r\n$3\r\nGET\r\n$100000\r\n".iter().copied().chain([b'x'; 2000]).collect(),
    ];
    for bytes in too_long {
        let log = [&first, &bytes[..]].concat();
        for chunk in CHUNKS {
            let mut decoder = Decoder::with_limits(limits);
            let mut result = Ok(());
            'all: for mut input in log.chunks(chunk.min(log.len())) {
                while !input.is_empty() {
                    match decoder.step(input) {
                        Ok(step) => input = &input[step.consumed..],
                        Err(fault) => {
                            result = Err(decoder.dress(fault));
                            break 'all;
                        }
                    }
                }
            }
            let error = result.expect_err("more than the limit");
            assert_eq!((error.code(), error.offset()), ("limit-exceeded", first.len() as u64), "chunks of {chunk}");
        }
    }
}

#[test]
fn the_encoder_writes_only_logs_that_can_be_read() {
    let mut out = Vec::new();
    let refused = |result: Result<(), Error>| result.unwrap_err().code();
    let mut encoder = Encoder::new();
    assert_eq!(refused(encoder.command::<[&str; 0]>([], &mut out)), "bad-command");
    assert_eq!(refused(encoder.command(["EXEC"], &mut out)), "bad-command");
    encoder.command(["MULTI"], &mut out).unwrap();
    assert_eq!(refused(encoder.command(["multi"], &mut out)), "bad-command");
    assert_eq!(refused(encoder.command(["DISCARD"], &mut out)), "bad-command");
    assert_eq!(refused(encoder.write(&Event::Annotation(b"two\nlines"), &mut out)), "unrepresentable");
    assert_eq!(refused(encoder.write(&Event::Annotation(&[b'x'; 1001]), &mut out)), "unrepresentable");
    let start = rdb::Event::Start(Version::redis(11));
    assert_eq!(refused(encoder.write(&Event::Snapshot(start), &mut out)), "out-of-order");
    assert_eq!(out, command(&["MULTI"]), "what was refused left nothing");
    assert_eq!(refused(encoder.finish()), "out-of-order");

    let mut encoder = Encoder::new();
    out.clear();
    encoder.write(&Event::Snapshot(start), &mut out).unwrap();
    assert_eq!(refused(encoder.command(["PING"], &mut out)), "out-of-order");
    assert_eq!(out, b"REDIS0011");
    assert_eq!(refused(encoder.finish()), "out-of-order");

    let many = vec![""; 1_048_577];
    let mut out = Vec::new();
    assert!(matches!(write_command(&many, &mut out), Err(ErrorKind::LimitExceeded { .. })));
    assert!(out.is_empty());
}

/// Copies every step, and writes every event anew.
fn rewrite(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut copied, mut written) = (Vec::new(), Vec::new());
    let (mut copier, mut writer) = (Encoder::new(), Encoder::new());
    let mut decoder = Decoder::new();
    let mut input = bytes;
    loop {
        let step = decoder.step(input).unwrap();
        copier.copy(&step, &mut copied).unwrap();
        if let Some(event) = &step.event {
            writer.write(event, &mut written).unwrap();
        } else if input.is_empty() {
            break;
        }
        input = &input[step.consumed..];
    }
    copier.finish().unwrap();
    writer.finish().unwrap();
    (copied, written)
}

#[test]
fn copied_and_rewritten_logs_are_the_same() {
    let log =
        [SNAPSHOT, b"#TS:12\r\n#a note\r\n", &command(&["MULTI"]), &command(&["SET", "", "\r\n"]), &command(&["EXEC"])].concat();
    assert_eq!(rewrite(&log), (log.clone(), log));
    let lax = b"#line feed only\n";
    assert_eq!(rewrite(lax), (lax.to_vec(), b"#line feed only\r\n".to_vec()));
}

/// The bytes that a fixture's JSON stands for.
fn text(value: &serde_json::Value) -> Vec<u8> {
    use base64::Engine;
    match value {
        serde_json::Value::String(text) => text.clone().into_bytes(),
        other => base64::engine::general_purpose::STANDARD.decode(other["$b64"].as_str().unwrap()).unwrap(),
    }
}

/// Compares one log with what its server and the reader of logs beside it say.
fn check_fixture(name: &str, bytes: &[u8], expected: &serde_json::Value) {
    let mut commands = Vec::new();
    let mut offsets = Vec::new();
    let mut annotations = Vec::new();
    let mut decoder = Decoder::new();
    let mut input = bytes;
    while !input.is_empty() {
        let offset = decoder.offset();
        let step = decoder.step(input).unwrap_or_else(|_| panic!("{name}"));
        input = &input[step.consumed..];
        match step.event {
            Some(Event::Command(command)) => {
                commands.push(command.args().map(<[u8]>::to_vec).collect::<Vec<_>>());
                offsets.push(offset);
            }
            Some(Event::Annotation(_) | Event::Mark(_) | Event::Timestamp { .. }) => {
                let line = String::from_utf8(step.raw.trim_ascii_end().to_vec()).unwrap();
                annotations.push((line, commands.len() as u64));
            }
            Some(Event::Snapshot(_)) | None => {}
        }
    }
    let summary = decoder.finish().unwrap();
    assert_eq!(summary.valid_up_to, bytes.len() as u64, "{name}");
    let array = |key: &str| expected[key].as_array().unwrap().clone();
    let expected_commands: Vec<Vec<_>> =
        array("commands").iter().map(|command| command.as_array().unwrap().iter().map(text).collect()).collect();
    assert_eq!(commands.len(), expected_commands.len(), "{name}");
    for (index, (found, expected)) in commands.iter().zip(&expected_commands).enumerate() {
        assert_eq!(found, expected, "{name}: command {index}");
    }
    assert_eq!(offsets, array("offsets").iter().map(|offset| offset.as_u64().unwrap()).collect::<Vec<_>>(), "{name}");
    let expected_annotations: Vec<_> = array("annotations")
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().trim_ascii_end().to_owned(), pair[1].as_u64().unwrap()))
        .collect();
    assert_eq!(annotations, expected_annotations, "{name}");
    if let Some(length) = expected["preamble_bytes"].as_u64() {
        assert_eq!(summary.preamble.map_or(0, |preamble| preamble.bytes), length, "{name}");
    }
    decode_all(bytes);
    let (copied, _) = rewrite(bytes);
    assert!(copied == bytes, "{name}: copying every step gives the same file");
    if summary.preamble.is_none() {
        let (_, written) = rewrite(bytes);
        assert!(written == bytes, "{name}: writing every event gives the same file");
    }
}

#[test]
fn logs_of_real_servers() {
    let mut checked = 0;
    for server in common::SERVERS {
        let folder = common::data().join(server);
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let json = |path: &std::path::Path| -> serde_json::Value {
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
            };
            if path.extension().is_some_and(|extension| extension == "aof") {
                let bytes = std::fs::read(&path).unwrap();
                check_fixture(&path.display().to_string(), &bytes, &json(&path.with_extension("json")));
                checked += 1;
            } else if path.is_dir() {
                for file in json(&path.with_extension("json"))["files"].as_array().unwrap() {
                    let path = path.join(file["file"].as_str().unwrap());
                    check_fixture(&path.display().to_string(), &std::fs::read(&path).unwrap(), file);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} logs in {}", common::data().display());
}
