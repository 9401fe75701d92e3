//! Integrity marks of logs: what they find, what they leave alone, and that servers skip them.

mod common;
#[path = "common/counting.rs"]
mod counting;

use aikv::aof::{Decoder, Encoder, Event, Mark, Summary, write_command, write_marked};
use aikv::{Error, rdb};
use counting::peak;

const CHUNKS: [usize; 6] = [1, 2, 7, 64, 4096, usize::MAX];

/// Events, what was passed over, and how the log ended.
#[derive(Debug, PartialEq)]
struct Seen {
    events: Vec<String>,
    deviations: Vec<Error>,
    end: Result<Summary, Error>,
    before: Summary,
}

fn read(bytes: &[u8], chunk: usize, mut decoder: Decoder) -> Seen {
    let mut events = Vec::new();
    let mut deviations = Vec::new();
    for mut input in bytes.chunks(chunk.min(bytes.len().max(1))) {
        loop {
            let (consumed, event) = match decoder.step(input) {
                Ok(step) => (step.consumed, step.event.map(|event| format!("{event:?}"))),
                Err(fault) => {
                    let error = decoder.dress(fault);
                    let before = decoder.summary();
                    assert_eq!(decoder.step(input).map(|_| ()).map_err(|again| decoder.dress(again)), Err(error.clone()));
                    assert_eq!(decoder.finish(), Err(error.clone()), "finish says it again");
                    return Seen { events, deviations, end: Err(error), before };
                }
            };
            deviations.extend(decoder.deviations());
            input = &input[consumed..];
            match event {
                Some(event) => events.push(event),
                None if input.is_empty() => break,
                None => {}
            }
        }
    }
    let before = decoder.summary();
    Seen { events, deviations, end: decoder.finish(), before }
}

/// Reads at every chunk size and demands the same answer.
fn read_all(bytes: &[u8]) -> Seen {
    let whole = read(bytes, usize::MAX, Decoder::new());
    for chunk in CHUNKS {
        assert_eq!(read(bytes, chunk, Decoder::new()), whole, "chunks of {chunk}: {}", bytes.escape_ascii());
    }
    whole
}

fn read_leniently(bytes: &[u8]) -> Seen {
    let whole = read(bytes, usize::MAX, Decoder::new().leniently());
    for chunk in CHUNKS {
        assert_eq!(read(bytes, chunk, Decoder::new().leniently()), whole, "chunks of {chunk}: {}", bytes.escape_ascii());
    }
    whole
}

fn command(args: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_command(args, &mut out).unwrap();
    out
}

/// The log of `docs/integrity-marks.md`; both checksums come from a bitwise CRC-64 of another language.
const EXAMPLE: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n\
    #AIKV:v1;gap:23;len:33;crc64:75e40bc67c371f2d;line:fb83d8b2b3c960e3\r\n\
    *3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n";

#[test]
fn the_published_example_is_read_and_written() {
    let seen = read_all(EXAMPLE);
    assert_eq!(
        seen.events,
        [
            r#"Command(["SELECT" "0"])"#,
            &format!("Mark(Mark {{ gap_bytes: 23, len_bytes: 33, crc64: {} }})", 0x75e4_0bc6_7c37_1f2d_u64),
            r#"Command(["SET" "key" "value"])"#
        ]
    );
    let summary = seen.end.unwrap();
    assert_eq!((summary.commands, summary.annotations, summary.valid_up_to), (2, 1, 125));
    assert_eq!((summary.marks, summary.verified_bytes, summary.verified_up_to), (1, 33, 125));
    let mut log = command(&["SELECT", "0"]);
    write_marked(&command(&["SET", "key", "value"]), 23, &mut log);
    assert_eq!(log, EXAMPLE);
    let page = include_str!("../docs/integrity-marks.md");
    let line = std::str::from_utf8(&EXAMPLE[23..90]).unwrap();
    assert!(page.contains(line), "the page shows {line}");
    write_marked(&[], 0, &mut log);
    assert_eq!(log, EXAMPLE, "no records, no mark");
}

/// Writes spans and bytes without a mark one behind the other, and where each span starts and ends.
#[derive(Default)]
struct Writer {
    log: Vec<u8>,
    last_end: usize,
    spans: Vec<(usize, usize)>,
}

impl Writer {
    fn marked(mut self, records: &[&[u8]]) -> Self {
        let start = self.log.len();
        write_marked(&records.concat(), (start - self.last_end) as u64, &mut self.log);
        self.last_end = self.log.len();
        self.spans.push((start, self.last_end));
        self
    }

    fn plain(mut self, bytes: &[u8]) -> Self {
        self.log.extend_from_slice(bytes);
        self
    }
}

/// Three spans with bytes between them that a server has appended, and a transaction across two spans.
fn log_of_spans() -> Writer {
    Writer::default()
        .marked(&[&command(&["SELECT", "0"]), b"#TS:12\r\n", &command(&["SET", "k", "v\r\n#x"])])
        .plain(&command(&["DEL", "gone"]))
        .marked(&[&command(&["MULTI"]), &command(&["SET", "a", "1"])])
        .marked(&[&command(&["EXEC"]), b"#note\n", &command(&["SET", "b", "2"])])
}

#[test]
fn spans_and_gaps_are_counted() {
    let Writer { log, spans, .. } = log_of_spans();
    let summary = read_all(&log).end.unwrap();
    assert_eq!((summary.marks, summary.annotations, summary.commands), (3, 5, 7));
    assert_eq!((summary.verified_up_to, summary.valid_up_to), (log.len() as u64, log.len() as u64));
    let appended = Writer { log: log.clone(), ..Writer::default() }.plain(&command(&["DEL", "x"])).log;
    let summary = read_all(&appended).end.unwrap();
    assert_eq!((summary.verified_up_to, summary.valid_up_to), (log.len() as u64, appended.len() as u64));
    assert_eq!(spans.len(), 3);
    let bare = read_all(&command(&["SELECT", "0"])).end.unwrap();
    assert_eq!((bare.marks, bare.verified_bytes, bare.verified_up_to), (0, 0, 0));
}

/// A cut log is whole behind a span or a record without a mark, but not within a transaction or span.
#[test]
fn a_span_is_there_whole_or_not_at_all() {
    let Writer { log, spans, .. } = log_of_spans();
    let gap = (spans[0].1, spans[1].0);
    // The second span ends within the transaction that it opens: cut there, it would be a span without its end.
    for cut in 0..=log.len() {
        let seen = read_all(&log[..cut]);
        let whole = match cut {
            _ if cut == log.len() => cut,
            _ if cut >= gap.1 => gap.1,
            _ if cut >= gap.0 => gap.0,
            _ => 0,
        };
        assert_eq!(seen.before.valid_up_to, whole as u64, "cut at {cut}");
        assert!(read(&log[..whole], usize::MAX, Decoder::new()).end.is_ok(), "what is said to be whole is: {whole}");
        match seen.end {
            Ok(_) => assert_eq!(cut, whole),
            Err(error) => {
                assert_eq!((error.code(), error.offset()), ("truncated", whole as u64), "cut at {cut}");
                assert_ne!(cut, whole);
            }
        }
        let verified = spans.iter().rev().find(|(_, end)| *end <= cut).map_or(0, |(_, end)| *end);
        assert_eq!(seen.before.verified_up_to, verified as u64, "cut at {cut}");
    }
    // Zeros where the rest of a span should be are a torn tail as well.
    let torn = [&log[..spans[2].0 + 80], &[0; 600][..]].concat();
    assert_eq!(read_all(&torn).end.unwrap_err().code(), "bad-command", "zeros within a record are no tail");
    let record = spans[2].1 - command(&["SET", "b", "2"]).len();
    let torn = [&log[..record], &[0; 600][..]].concat();
    let error = read_all(&torn).end.unwrap_err();
    assert_eq!((error.code(), error.offset()), ("truncated", spans[1].0 as u64));
    // 97: what is no tail of a record stands behind a span that was verified, which the summary says.
    let other = [&log[..spans[0].1], &[0xa5; 64][..]].concat();
    let seen = read_all(&other);
    assert_eq!(seen.end.unwrap_err().code(), "bad-command", "97");
    assert_eq!(
        (seen.before.marks, seen.before.valid_up_to, seen.before.verified_up_to),
        (1, spans[0].1 as u64, spans[0].1 as u64)
    );
}

/// Every change of one byte is refused, but for one in the last mark's name: that makes an unknown
/// annotation of it, and the records behind it are as they were.
#[test]
fn every_change_of_a_byte_is_found() {
    let log = Writer::default()
        .marked(&[&command(&["SELECT", "0"]), &command(&["SET", "k", "v"])])
        .marked(&[&command(&["DEL", "x"])])
        .marked(&[b"#TS:1\r\n", &command(&["SET", "b", ""])]);
    let last = log.spans[2].0;
    let mut accepted = std::collections::BTreeSet::new();
    for position in 0..log.log.len() {
        for byte in 0..=u8::MAX {
            let mut changed = log.log.clone();
            changed[position] = byte;
            if changed != log.log
                && let Ok(summary) = read(&changed, usize::MAX, Decoder::new()).end
            {
                assert_eq!((summary.marks, summary.verified_up_to), (2, last as u64));
                accepted.insert(position - last);
            }
        }
    }
    assert_eq!(accepted.into_iter().collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>(), "the bytes of `AIKV:v1;`");
}

/// Every byte that is missing, or there twice.
#[test]
fn a_lost_or_repeated_byte_is_found() {
    let Writer { log, spans, .. } =
        Writer::default().marked(&[&command(&["SELECT", "0"]), &command(&["SET", "k", "v"])]).marked(&[&command(&["DEL", "x"])]);
    for position in 0..log.len() {
        let without = [&log[..position], &log[position + 1..]].concat();
        let twice = [&log[..=position], &log[position..]].concat();
        for changed in [without, twice] {
            if let Ok(summary) = read(&changed, usize::MAX, Decoder::new()).end {
                assert!((0..=8).contains(&(position - spans[1].0)), "{position}: in the last mark's `#AIKV:v1;`");
                assert_eq!(summary.marks, 1);
            }
        }
    }
}

/// 110: a page of zeros in a value is a well-formed command, and only a mark tells.
#[test]
fn a_hole_in_a_value_is_found() {
    let value = "v".repeat(12 * 1024);
    let first = command(&["SELECT", "0"]);
    let records = [command(&["SET", "k", &value]), command(&["DEL", "x"])].concat();
    for (is_marked, code) in [(false, None), (true, Some(("bad-value", 23)))] {
        let mut log = first.clone();
        if is_marked {
            write_marked(&records, 23, &mut log);
        } else {
            log.extend_from_slice(&records);
        }
        let start = log.len() - records.len() + 4096;
        log[start..start + 4096].fill(0);
        let error = read_all(&log).end.err();
        assert_eq!(error.as_ref().map(|error| (error.code(), error.offset())), code, "110");
    }
}

/// 103: a mark that is not what was written, or not what follows.
#[test]
fn marks_that_contradict_the_log_are_refused() {
    let first = command(&["SELECT", "0"]);
    let set = command(&["SET", "key", "value"]);
    let mark = |gap: &str, len: &str, crc: &str| {
        // The line's own checksum is made good, so that only what it says is wrong.
        let head = format!("AIKV:v1;gap:{gap};len:{len};crc64:{crc}");
        format!("#{head};line:{:016x}\r\n", crc64(head.as_bytes())).into_bytes()
    };
    let sum = format!("{:016x}", crc64(&set));
    let upper = sum.to_uppercase();
    assert_eq!([&first[..], &mark("23", "33", &sum), &set].concat(), EXAMPLE);
    let marked = |records: &[u8], gap| {
        let mut out = Vec::new();
        write_marked(records, gap, &mut out);
        out
    };
    for (what, mark, code) in [
        ("another sum", mark("23", "33", "0000000000000000"), "bad-value"),
        ("another gap", mark("22", "33", &sum), "bad-value"),
        ("a gap beyond 63 bits", mark("9223372036854775808", "33", &sum), "bad-value"),
        ("a length of 2^63", mark("23", "9223372036854775808", &sum), "bad-length"),
        ("a length of many digits", mark("23", "99999999999999999999999999", &sum), "bad-length"),
        ("no length", mark("23", "0", &sum), "bad-length"),
        ("a negative length", mark("23", "-1", &sum), "bad-value"),
        ("a signed length", mark("23", "+33", &sum), "bad-value"),
        ("a length with a leading zero", mark("23", "033", &sum), "bad-length"),
        ("a length that ends within a record", mark("23", "32", &sum), "bad-value"),
        ("a sum in upper case", mark("23", "33", &upper), "bad-value"),
        ("a short sum", mark("23", "33", &sum[1..]), "bad-value"),
        (
            "a changed sum of the line",
            mark("23", "33", &sum).iter().map(|byte| if *byte == b'f' { b'e' } else { *byte }).collect(),
            "bad-value",
        ),
        ("nothing but the name", b"#AIKV:v1;\r\n".to_vec(), "bad-value"),
        ("no carriage return", mark("23", "33", &sum).iter().copied().filter(|byte| *byte != b'\r').collect(), "bad-value"),
        ("two marks for a span", marked(&marked(&set, 0), 23), "bad-value"),
    ] {
        let error = read_all(&[&first[..], &mark, &set].concat()).end.expect_err(what);
        let inner = if what.starts_with("two") { 70 } else { 0 };
        assert_eq!((error.code(), error.offset()), (code, 23 + inner), "103: {what}: {error}");
        assert_eq!(error.place().db, Some(0));
        let whole = read_leniently(&[&first[..], &mark, &set].concat());
        if what != "two marks for a span" {
            assert_eq!(whole.deviations, [error], "103: {what}");
            assert_eq!(whole.end.unwrap().marks, u64::from(what == "another gap"), "103: {what}");
        }
    }
    for unknown in ["#AIKV:v2;gap:0;len:33\r\n", "#AIKV:v10;\r\n", "#aikv:v1;gap:0\r\n", "#AIKV\r\n"] {
        let summary = read_all(&[&first[..], unknown.as_bytes(), &set].concat()).end.unwrap();
        assert_eq!((summary.marks, summary.annotations), (0, 1), "{unknown}");
    }
}

/// Bit by bit, as its definition says.
fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 })
    })
}

/// What lies behind a bad span is read on leniently, and its marks count.
#[test]
fn a_lenient_reader_goes_on_behind_a_bad_span() {
    let Writer { mut log, spans, .. } = log_of_spans();
    let value = spans[0].1 - 4;
    log[value] = b'y';
    let seen = read_leniently(&log);
    assert_eq!(seen.deviations.iter().map(|error| (error.code(), error.offset())).collect::<Vec<_>>(), [("bad-value", 0)]);
    assert_eq!(seen.end.unwrap().marks, 2);
    // The name of a mark: the next one tells that bytes without a mark stand where it says none do.
    let Writer { mut log, spans, .. } = log_of_spans();
    log[spans[1].0 + 1] = b'X';
    let seen = read_leniently(&log);
    let told: Vec<_> = seen.deviations.iter().map(|error| (error.code(), error.offset())).collect();
    assert_eq!(told, [("bad-value", spans[2].0 as u64)]);
    assert_eq!(seen.end.unwrap().marks, 2);
}

/// A fault within a span leaves the log whole up to the span's mark.
#[test]
fn what_is_wrong_in_a_span_makes_all_of_it_doubtful() {
    let Writer { log, spans, .. } = log_of_spans();
    let mut broken = log.clone();
    let inside = spans[1].1 - 3;
    broken[inside] = b'!';
    broken[inside + 1] = b'!';
    let seen = read_all(&broken);
    assert_eq!(seen.end.unwrap_err().offset(), inside as u64 + 1, "the two bytes behind an argument");
    assert_eq!((seen.before.valid_up_to, seen.before.verified_up_to), (spans[1].0 as u64, spans[0].1 as u64));
    // EXEC stands in a span that is not whole; the transaction began before it.
    let mut cut = log.clone();
    cut.truncate(log.len() - 1);
    cut.push(b'!');
    let seen = read_all(&cut);
    assert_eq!(seen.before.valid_up_to, spans[1].0 as u64);
}

const SNAPSHOT: &[u8] = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";

#[test]
fn the_first_gap_is_counted_from_where_commands_start() {
    let mut log = SNAPSHOT.to_vec();
    write_marked(&command(&["DEL", "k"]), 0, &mut log);
    let summary = read_all(&log).end.unwrap();
    assert_eq!((summary.marks, summary.verified_up_to), (1, log.len() as u64));
    assert_eq!(read_all(SNAPSHOT).end.unwrap().verified_up_to, SNAPSHOT.len() as u64);
}

#[test]
fn a_copy_keeps_marks_and_a_rewritten_log_has_none() {
    let Writer { log, .. } = log_of_spans();
    let (mut copied, mut written) = (Vec::new(), Vec::new());
    let (mut copier, mut writer) = (Encoder::new(), Encoder::new());
    let mut decoder = Decoder::new();
    let mut input = &log[..];
    while !input.is_empty() {
        let step = decoder.step(input).unwrap();
        copier.copy(&step, &mut copied).unwrap();
        writer.write(&step.event.unwrap(), &mut written).unwrap();
        input = &input[step.consumed..];
    }
    assert_eq!(copied, log);
    let seen = read_all(&written);
    assert!(seen.events.iter().all(|event| !event.starts_with("Mark")));
    assert_eq!(seen.end.unwrap().annotations, 2);
    let mut out = Vec::new();
    let mut encoder = Encoder::new();
    encoder.write(&Event::Mark(Mark { gap_bytes: 0, len_bytes: 1, crc64: 0 }), &mut out).unwrap();
    encoder.write(&Event::Snapshot(rdb::Event::Start(rdb::Version::redis(11))), &mut out).unwrap();
    assert_eq!(out, b"REDIS0011");
}

/// A span is not held: it may be longer than what a reader may hold.
#[test]
fn a_long_span_takes_no_memory() {
    let set = command(&["SET", "key", &"v".repeat(100)]);
    let records = set.repeat(20_000);
    let mut log = Vec::new();
    write_marked(&records, 0, &mut log);
    let taken = peak(|| {
        let mut decoder = Decoder::new();
        for mut input in log.chunks(65_536) {
            while !input.is_empty() {
                input = &input[decoder.step(input).unwrap().consumed..];
            }
        }
        assert_eq!(decoder.finish().unwrap().verified_bytes, records.len() as u64);
    });
    assert!(taken < 16 * 1024, "{taken} bytes");
}

/// Servers skip marks: inside of transactions, at the end, in a log that they go on writing to.
#[cfg(unix)]
#[test]
fn servers_load_a_marked_log() {
    use common::{Reply, Server, TempDir};
    for name in ["redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"] {
        let Some(program) = common::server(name) else { continue };
        let folder = TempDir::new();
        let file = folder.join("appendonlydir/appendonly.aof.1.incr.aof");
        std::fs::create_dir(folder.join("appendonlydir")).unwrap();
        std::fs::write(folder.join("appendonlydir/appendonly.aof.manifest"), "file appendonly.aof.1.incr.aof seq 1 type i\n")
            .unwrap();
        let marked = log_of_spans();
        std::fs::write(&file, &marked.log).unwrap();
        let tools = ["redis-check-aof", "valkey-check-aof"];
        let tool = tools.iter().map(|tool| program.with_file_name(tool)).find(|tool| tool.exists()).expect("a checker");
        let output = std::process::Command::new(tool).arg(&file).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        let options = ["--appendonly", "yes", "--appendfsync", "always"];
        let server = Server::start(&program, folder.path(), &options).unwrap_or_else(|log| panic!("{name}: {log}"));
        let mut client = server.client();
        for (key, value) in [("k", "v\r\n#x"), ("a", "1"), ("b", "2")] {
            assert_eq!(client.ask(&["GET", key]), Reply::Bytes(value.into()), "{name}");
        }
        assert_eq!(client.ask(&["DBSIZE"]), Reply::Int(3), "{name}");
        assert_eq!(client.ask(&["SET", "new", "1"]), Reply::Status("OK".into()));
        drop(client);
        drop(server);
        // What the server appended is a gap to the mark that comes behind it.
        let log = std::fs::read(&file).unwrap();
        assert!(log.starts_with(&marked.log) && log.len() > marked.log.len(), "{name}");
        let summary = read_all(&log).end.unwrap();
        assert_eq!((summary.marks, summary.verified_up_to), (3, marked.log.len() as u64), "{name}");
        let mut log = log;
        write_marked(&command(&["DEL", "new"]), log.len() as u64 - summary.verified_up_to, &mut log);
        assert_eq!(read_all(&log).end.unwrap().marks, 4, "{name}");
        std::fs::write(&file, &log).unwrap();
        let server = Server::start(&program, folder.path(), &options).unwrap_or_else(|log| panic!("{name}: {log}"));
        assert_eq!(server.client().ask(&["DBSIZE"]), Reply::Int(3), "{name}");
    }
}
