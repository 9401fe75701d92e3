//! JSON Lines read back are the data that were exported, bit for bit; and lines that are none are refused with their place.

mod common;
mod datasets;

use aikv::Error;
use aikv::error::Fault;
use aikv::jobs::{Export, Flow, Import, Imported, Job, Pass};
use aikv::model::{
    Array, ArrayValue, Dataset, Entry, Function, HashField, ScoredMember, Stream, StreamConsumer, StreamEntry, StreamGroup,
    StreamIdempotency, StreamPending, StreamProducer, Value,
};
use aikv::rdb::{Decoder, Event, Eviction, StreamId, Version};
use bytes::Bytes;
use std::path::{Path, PathBuf};

struct Lines {
    export: Export,
    out: Vec<u8>,
}

impl Job for Lines {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.export.push(event, raw, &mut self.out)?;
        Ok(Flow::Continue)
    }
}

/// What `aikv export` writes of a snapshot.
fn export(snapshot: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new();
    let mut job = Lines { export: Export::new(), out: Vec::new() };
    Pass::new().feed(&mut decoder, snapshot, &mut job).unwrap();
    job.out
}

/// What is written again has members and fields in the order in which servers save them.
fn canonical(dataset: &Dataset) -> Dataset {
    let mut dataset = dataset.clone();
    dataset.canonicalize();
    dataset
}

/// Exports a snapshot, reads the lines back and compares.
fn assert_comes_back(name: &str, snapshot: &[u8], dataset: &Dataset) {
    let lines = export(snapshot);
    let back = Dataset::from_json_lines(&lines).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(back == *dataset, "{name}");
    let again = back.to_json_lines().unwrap_or_else(|error| panic!("{name}: {error}"));
    let back = Dataset::from_json_lines(&again).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(canonical(&back) == canonical(dataset), "{name}, written again");
    assert!(back.to_json_lines().unwrap() == again, "{name}: the lines differ");
}

#[test]
fn every_fixture_comes_back_as_it_was() {
    for fixture in datasets::fixtures() {
        assert_comes_back(&fixture.name(), &fixture.bytes, &fixture.dataset());
    }
}

#[test]
#[ignore = "needs AIKV_PUBLIC_DUMPS, a folder of public dumps"]
fn every_public_dump_comes_back_as_it_was() {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rdb") {
                found.push(path);
            }
        }
    }
    let mut dumps = Vec::new();
    visit(&PathBuf::from(std::env::var_os("AIKV_PUBLIC_DUMPS").expect("AIKV_PUBLIC_DUMPS names the folder")), &mut dumps);
    let mut compared = 0;
    for path in &dumps {
        let bytes = std::fs::read(path).unwrap();
        match Dataset::decode(&bytes) {
            Ok(dataset) => {
                assert_comes_back(&path.display().to_string(), &bytes, &dataset);
                compared += 1;
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    println!("{compared} of {} dumps came back", dumps.len());
    assert!(compared > 70);
}

/// Each with the offset that its error has, counted from the start of the second line, and a part of the message.
#[test]
fn lines_that_are_none_are_refused_with_their_place() {
    const FIRST: &str = "{\"snapshot\":{\"dialect\":\"redis\",\"version\":11}}\n";
    let key = |kind: &str, value: &str| format!("{{\"db\":3,\"key\":\"k\",\"type\":\"{kind}\",\"value\":{value}}}");
    let stream = |rest: &str| key("stream", &format!("{{\"last_id\":\"5-0\",\"entries\":[[\"5-0\",[\"f\",\"v\"]]]{rest}}}"));
    let group = |rest: &str| stream(&format!(",\"groups\":[{{\"name\":\"g\",\"last_id\":\"1-0\"{rest}}}]"));
    let one = "\"consumers\":[{\"name\":\"c\",\"seen_at_ms\":1}]";
    for (line, offset, expected, element) in [
        ("{".to_owned(), 1, "a whole JSON object", None),
        ("{\"db\":0,}".into(), 8, "well-formed JSON", None),
        ("{} {}".into(), 3, "well-formed JSON", None),
        ("[]".into(), 0, "an object with key", None),
        ("{}".into(), 0, "an object with key", None),
        ("null".into(), 0, "an object with key", None),
        ("\u{feff}{}".into(), 0, "well-formed JSON", None),
        ("{\"command\":[\"SET\",\"a\",\"b\"],\"offset\":0}".into(), 0, "a command of a log", None),
        ("{\"snapshot\":{\"dialect\":\"keydb\",\"version\":1}}".into(), 0, "the dialect", None),
        ("{\"snapshot\":{\"dialect\":\"redis\",\"version\":-1}}".into(), 0, "the number of a version", None),
        ("{\"aux\":[\"a\"]}".into(), 0, "name and value", None),
        ("{\"key\":\"k\"}".into(), 0, "the member db", None),
        ("{\"key\":\"k\",\"db\":1.0}".into(), 0, "the number of a database", None),
        ("{\"key\":\"k\",\"db\":18446744073709551616}".into(), 0, "the number of a database", None),
        ("{\"key\":\"k\",\"key\":\"k\"}".into(), 0, "a member once", None),
        ("{\"key\":\"k\",\"expires_at\":1}".into(), 0, "a member of another name", None),
        (key("text", "\"\""), 0, "a type: string", None),
        (key("string", "1"), 0, "text, or an object with the member $b64, found 1", None),
        (key("string", "{\"$b64\":\"/w\"}"), 0, "padded base64", None),
        (key("string", "{\"$b64\":\"\",\"x\":1}"), 0, "an object with the member $b64", None),
        (key("string", "\"\\ud800\""), 49, "well-formed JSON", None),
        (key("list", "[]"), 0, "at least one element", None),
        (key("list", "[\"a\",null]"), 0, "found null", Some(1)),
        (key("list", &format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000))), 0, "found an array", Some(0)),
        (key("set", "[\"a\",\"b\",\"a\"]"), 0, "a member once in its set", Some(2)),
        (key("zset", "[[\"a\",\"nan\"]]"), 0, "a number, \"inf\"", Some(0)),
        (key("zset", "[[\"a\",1e400]]"), 50, "well-formed JSON", None),
        (key("zset", "[[\"a\",1,2]]"), 0, "member and score", Some(0)),
        (key("hash", "{}"), 0, "at least one field", None),
        (key("hash", "{\"f\":\"v\",\"$b64:Zg==\":\"w\"}"), 0, "a field once", Some(1)),
        (key("hash", "{\"$b64:?\":\"w\"}"), 0, "padded base64", Some(0)),
        (key("hash", "{\"f\":{\"expires_at_ms\":1}}"), 0, "the member value", Some(0)),
        (key("hash", "{\"f\":{\"value\":\"v\",\"expires_at_ms\":\"1\"}}"), 0, "Unix milliseconds", Some(0)),
        (key("array", "{\"elements\":[[18446744073709551615,\"x\"]]}"), 0, "below 2^64 - 1", Some(0)),
        (key("array", "{\"elements\":[[1,\"x\"],[1,\"y\"]]}"), 0, "an index once", Some(0)),
        (key("array", "{\"elements\":[[1,\"x\",\"double\"]]}"), 0, "\"double\"", Some(0)),
        (key("stream", "{}"), 0, "the member last_id", None),
        (key("stream", "{\"last_id\":\"1\"}"), 0, "an id of two numbers", None),
        (key("stream", "{\"last_id\":\"+1-0\"}"), 0, "an id of two numbers", None),
        (key("stream", "{\"last_id\":\"18446744073709551616-0\"}"), 0, "an id of two numbers", None),
        (key("stream", "{\"last_id\":\"1-0\",\"entries\":[[\"2-0\",[]]]}"), 0, "a last id at or above", None),
        (key("stream", "{\"last_id\":\"9-0\",\"entries\":[[\"2-0\",[]],[\"2-0\",[]]]}"), 0, "ascending ids", Some(1)),
        (stream(",\"entries_added\":-1"), 0, "how many entries were ever added", None),
        (group(",\"pending\":[[\"1-0\",\"c\",1,1]]"), 0, "a consumer of the group", None),
        (group(&format!(",\"pending\":[[\"1-0\",\"c\",1,1],[\"1-0\",null,1,1]],{one}")), 0, "a pending entry once", None),
        (group(&format!(",\"pending\":[[\"1-0\",\"c\",1,1]],{one},\"returned\":[\"1-0\"]")), 0, "an id handed back", None),
        (key("module", "{\"module\":\"short\",\"encver\":0,\"payload\":\"\"}"), 0, "the nine characters", None),
        (key("module", "{\"module\":\"AAAAAAAAA\",\"encver\":0,\"payload\":\"\"}"), 0, "a payload that can be read", None),
        (
            key("module", "{\"module\":\"AAAAAAAAB\",\"encver\":0,\"payload\":{\"$b64\":\"BwAFAmFiAA==\"}}"),
            0,
            "that of another",
            None,
        ),
    ] {
        let lines = format!("{FIRST}{line}\n");
        let error = Dataset::from_json_lines(lines.as_bytes()).expect_err(&line);
        let text = error.to_string();
        assert!(text.starts_with("line 2: ") && text.contains(expected), "{line}: {text}");
        let place = error.place();
        assert_eq!(
            (error.code(), error.offset(), place.element),
            ("bad-json", FIRST.len() as u64 + offset, element),
            "{line}: {text}"
        );
        if line.contains("\"db\":3") {
            let is_read = offset == 0;
            assert_eq!(place.key.map(|key| key.bytes().to_vec()), is_read.then(|| b"k".to_vec()), "{line}: {text}");
            assert_eq!(place.db, is_read.then_some(3), "{line}: {text}");
        }
    }
}

fn items(lines: &[u8], chunk: usize, limit: u64) -> (Vec<Imported>, Result<(), Error>) {
    let mut import = Import::with_max_line_bytes(limit);
    let mut items = Vec::new();
    let mut take = |item| {
        items.push(item);
        Ok(())
    };
    let fed = lines.chunks(chunk).try_for_each(|chunk| import.feed(chunk, &mut take));
    let end = fed.and_then(|()| import.finish(&mut take));
    (items, end)
}

#[test]
fn lines_are_the_same_in_chunks_of_any_size() {
    let lines = export(&std::fs::read(common::data().join("redis-8.6/streams.rdb")).unwrap());
    let (whole, end) = items(&lines, usize::MAX, 1 << 30);
    end.unwrap();
    assert!(whole.len() > 10);
    for chunk in [1, 7, 1000] {
        assert!(items(&lines, chunk, 1 << 30) == (whole.clone(), Ok(())), "chunks of {chunk}");
    }
    // The last line needs no end, and empty lines are none.
    let spaced = [b"\n \r\n", lines.strip_suffix(b"\n").unwrap()].concat();
    assert!(items(&spaced, 5, 1 << 30) == (whole, Ok(())));
}

#[test]
fn a_line_beyond_the_limit_is_refused_before_it_is_whole() {
    let line = format!("{{\"db\":0,\"key\":\"{}\"", "k".repeat(100));
    for chunk in [1, 64, 1000] {
        let (_, end) = items(&[b"\n", line.as_bytes()].concat(), chunk, 64);
        let error = end.unwrap_err();
        assert_eq!((error.code(), error.offset()), ("limit-exceeded", 1), "chunks of {chunk}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_where_it_stands_again() {
    let line = "{\"db\":0,\"key\":\"k\",\"type\":\"string\",\"value\":\"\"}\n";
    let error = Dataset::from_json_lines(line.repeat(2).as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.offset()), ("duplicate", line.len() as u64));
    let other = line.replace("\"db\":0", "\"db\":1");
    assert_eq!(Dataset::from_json_lines(format!("{line}{other}").as_bytes()).unwrap().databases.len(), 2);
}

/// What no fixture has: names and bytes of every kind, scores and integers at their edges, and the newest parts of streams.
#[test]
fn edges_come_back_as_they_were() {
    let names: Vec<Bytes> = [
        &b""[..],
        b"\xff",
        b"$b64:",
        b"$b64:Zg==",
        b"__proto__",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"a\0b",
        b"\"\\/\x7f\x1b]0;x\x07",
        "\u{2028}\u{202e}</script>".as_bytes(),
        b"=1+1",
        b"-1\r\n*3\r\n",
    ]
    .map(Bytes::from_static)
    .to_vec();
    let scores = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        5e-324,
        0.1,
        9_007_199_254_740_993.0,
        -1.0,
        1e22,
        1e-7,
        123_456.75,
    ];
    let zset = scores.iter().zip(&names).map(|(score, name)| ScoredMember { member: name.clone(), score: *score });
    let fields = |expires: Option<i64>| {
        names.iter().map(|name| HashField { field: name.clone(), value: name.clone(), expires_at_ms: expires }).collect()
    };
    let id = |ms, seq| StreamId { ms, seq };
    let pending = |ms| StreamPending { id: id(ms, 0), delivered_at_ms: -5, deliveries: u64::MAX };
    let consumer =
        |name: &str, pending| StreamConsumer { name: name.to_owned().into(), seen_at_ms: i64::MIN, active_at_ms: -1, pending };
    let stream = Stream {
        entries: vec![
            StreamEntry { id: id(1, 1), fields: names.iter().map(|name| (name.clone(), name.clone())).collect() },
            StreamEntry { id: id(u64::MAX, 0), fields: vec![("f".into(), "1".into()), ("f".into(), "2".into())] },
        ],
        last_id: id(u64::MAX, u64::MAX),
        max_deleted_id: id(u64::MAX, 1),
        entries_added: (1 << 63) - 1,
        groups: vec![
            StreamGroup {
                name: names[1].clone(),
                last_id: id(9, 9),
                entries_read: None,
                consumers: vec![consumer("b", vec![pending(4), pending(7)]), consumer("a", vec![])],
                unowned: vec![pending(8), pending(2)],
            },
            StreamGroup { name: "g".into(), last_id: id(0, 0), entries_read: Some(3), consumers: vec![], unowned: vec![] },
        ],
        idempotency: Some(StreamIdempotency {
            duration_s: 7,
            max_ids: 9,
            producers: vec![StreamProducer {
                name: names[1].clone(),
                ids: vec![(names[2].clone(), id(1, 1)), ("5".into(), id(2, 0))],
            }],
            added: 3,
            duplicates: u64::MAX,
        }),
    };
    let doubles = [1.5, -0.0, f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001), f64::NEG_INFINITY, 1e300, 3.0];
    let mut slots: Vec<_> = doubles.iter().enumerate().map(|(at, double)| (at as u64, ArrayValue::Float(*double))).collect();
    slots.push((u64::MAX - 1, ArrayValue::Text("1.5".into())));
    let mut entries = vec![
        Entry { expires_at_ms: Some(-1), eviction: Eviction::Freq(255), ..Value::String("".into()).into() },
        Entry {
            expires_at_ms: Some(i64::MAX),
            eviction: Eviction::Idle(u64::MAX >> 1),
            ..Value::String(vec![0xff; 100_000].into()).into()
        },
        Value::List(names.clone()).into(),
        Value::Set(names.clone()).into(),
        Value::Zset(zset.collect()).into(),
        Value::Hash(fields(None)).into(),
        Value::Hash(fields(Some(1_700_000_000_000))).into(),
        Value::Stream(Box::new(stream)).into(),
        Value::Stream(Box::default()).into(),
        Value::Array(Array { insert_index: Some(u64::MAX - 1), slots }).into(),
    ];
    for entry in &mut entries {
        entry.canonicalize();
    }
    let mut dataset = Dataset { source: Some(Version::redis(14)), ..Dataset::default() };
    dataset.functions.push(Function { code: "#!lua name=f\nreturn 1".into(), description: Some("\u{e9}".into()) });
    dataset.functions.push(Function { code: "#!lua name=g\nreturn 1".into(), description: None });
    for (at, (entry, name)) in entries.into_iter().zip(&names).enumerate() {
        dataset.databases.entry(at as u64 % 3).or_default().insert(name.clone(), entry);
    }
    let lines = dataset.to_json_lines().unwrap();
    for line in lines.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
        serde_json::from_slice::<serde_json::Value>(line).unwrap();
    }
    let mut back = Dataset::from_json_lines(&lines).unwrap();
    assert_eq!(back.to_json_lines().unwrap(), lines);
    back.canonicalize();
    assert_eq!(back, dataset);
}
