//! The encoder is the decoder's mirror: on every fixture of a real server,
//! copying each step gives the file back, and encoding each event gives a file
//! that decodes to the same events.

use aikv::rdb::{Decoder, Encoder, Event, Part, Version};
use std::fs;
use std::path::PathBuf;

/// Snapshots of real servers.
fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = Vec::new();
    for server in fs::read_dir(root).expect("tests/data").flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(server.path()).expect("a folder of fixtures").flatten() {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                let bytes = fs::read(&path).expect("a fixture");
                files.push((path, bytes));
            }
        }
    }
    assert!(files.len() > 100, "fixtures are missing");
    files
}

/// Hands every step of `bytes` to `f`.
fn each_step(bytes: &[u8], mut f: impl FnMut(&aikv::wire::Step<'_, Event<'_>>)) {
    let mut decoder = Decoder::new();
    let mut input = bytes;
    loop {
        let step = match decoder.step(input) {
            Ok(step) => step,
            Err(fault) => panic!("{}", decoder.dress(fault)),
        };
        input = &input[step.consumed..];
        if step.event.is_none() && input.is_empty() {
            break;
        }
        f(&step);
    }
    decoder.finish().expect("a whole snapshot");
}

fn version(bytes: &[u8]) -> Version {
    let mut version = None;
    each_step(bytes, |step| {
        if let Some(Event::Start(start)) = step.event {
            version = Some(start);
        }
    });
    version.expect("a header")
}

#[test]
fn copying_every_step_gives_the_file_back() {
    for (path, bytes) in fixtures() {
        let mut encoder = Encoder::new(version(&bytes));
        let mut copy = Vec::new();
        each_step(&bytes, |step| encoder.copy(step, &mut copy).expect("a copied step"));
        encoder.finish().expect("a whole copy");
        assert!(copy == bytes, "{}: the copy differs", path.display());
    }
}

/// What a file says, one line an event. Spans are left out (they are those of
/// the other file), and the pieces of a string are joined: a compressed string
/// comes whole, a plain one in pieces.
fn told(bytes: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    let mut string = Vec::new();
    each_step(bytes, |step| match &step.event {
        Some(Event::KeyEnd { .. }) => told.push("key end".to_string()),
        Some(Event::Value(Part::Bytes { piece, left })) => {
            piece.push_to(&mut string);
            if *left == 0 {
                told.push(format!("string {string:?}"));
                string.clear();
            }
        }
        Some(event) => told.push(format!("{event:?}")),
        None => {}
    });
    told
}

#[test]
fn encoded_events_decode_to_the_same_events() {
    for (path, bytes) in fixtures() {
        let mut encoder = Encoder::new(version(&bytes));
        let mut encoded = Vec::new();
        each_step(&bytes, |step| {
            if let Some(event) = &step.event {
                encoder.write(event, &mut encoded).expect("an encoded event");
            }
        });
        encoder.finish().expect("a whole file");
        let (before, after) = (told(&bytes), told(&encoded));
        assert_eq!(before.len(), after.len(), "{}: number of events", path.display());
        let differs = before.iter().zip(&after).position(|(before, after)| before != after);
        assert_eq!(differs, None, "{}: the first event that differs", path.display());
    }
}

#[test]
fn an_event_out_of_order_is_refused_and_writes_nothing() {
    let mut encoder = Encoder::new(Version::redis(11));
    let mut out = Vec::new();
    let error = encoder.write(&Event::SelectDb(0), &mut out).expect_err("no header yet");
    assert_eq!(error.code(), "out-of-order");
    assert!(out.is_empty());
    encoder.write(&Event::Start(Version::redis(11)), &mut out).expect("the header");
    assert_eq!(encoder.finish().expect_err("no end").code(), "out-of-order");
}

#[test]
fn a_type_newer_than_the_version_is_refused_by_name() {
    let stream = aikv::rdb::ValueType::all().find(|value_type| value_type.name() == "stream-listpacks").expect("the type");
    let key = aikv::rdb::Key {
        key: aikv::wire::Scalar::Bytes(b"events"),
        value_type: stream,
        db: 0,
        expires_at_ms: None,
        eviction: aikv::rdb::Eviction::None,
    };
    let mut encoder = Encoder::new(Version::redis(8));
    let mut out = Vec::new();
    encoder.write(&Event::Start(Version::redis(8)), &mut out).expect("the header");
    let error = encoder.write(&Event::Key(key), &mut out).expect_err("no streams before RDB 9");
    assert_eq!(error.code(), "unrepresentable");
    assert!(error.to_string().contains("stream-listpacks") && error.to_string().contains("events"), "{error}");
}

/// What is refused may come again in a form that can be written.
#[test]
fn a_refused_element_leaves_the_value_where_it_was() {
    use aikv::rdb::{Checksum, Element, Elements, Eviction, Key, Span, ValueType};
    use aikv::wire::Scalar;
    let version = Version::valkey(80);
    let value_type = ValueType::from_name("hash-2").expect("a type");
    let key = Key { key: Scalar::Bytes(b"h"), value_type, db: 0, expires_at_ms: None, eviction: Eviction::None };
    let value = Scalar::Bytes(b"v");
    let write = |is_refused_first: bool| {
        let mut encoder = Encoder::new(version);
        let mut file = Vec::new();
        encoder.write(&Event::Start(version), &mut file).unwrap();
        encoder.write(&Event::Key(key), &mut file).unwrap();
        for (field, left) in [(&b"f"[..], 1), (b"g", 0)] {
            let field = Scalar::Bytes(field);
            let part = |element| Event::Value(Part::Elements { elements: Elements::One(element), left });
            if is_refused_first {
                let expired = part(Element::ExpiringField { field, value, expires_at_ms: -5 });
                assert_eq!(encoder.write(&expired, &mut file).unwrap_err().code(), "unrepresentable");
            }
            encoder.write(&part(Element::Field { field, value }), &mut file).unwrap();
        }
        encoder.write(&Event::KeyEnd { span: Span::default() }, &mut file).unwrap();
        encoder.write(&Event::End(Checksum::Verified), &mut file).unwrap();
        file
    };
    assert_eq!(write(true), write(false));
}
