//! Values of modules as JSON, against what the modules themselves say of them.

mod common;

use aikv::error::{Error, Fault};
use aikv::jobs::{Flow, Job, ModuleJson, Reader};
use aikv::rdb::{Event, ModuleId, ModuleItem, Part};
use aikv::wire::{Limits, Scalar};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const MAX: u64 = 1 << 20;

/// An item, kept.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Id(ModuleId),
    Sint(i64),
    Uint(u64),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    End,
}

impl Item {
    fn of(item: &ModuleItem<'_>) -> Self {
        match item {
            ModuleItem::Id(id) => Self::Id(*id),
            ModuleItem::Sint(int) => Self::Sint(*int),
            ModuleItem::Uint(int) => Self::Uint(*int),
            ModuleItem::Float(float) => Self::Float(*float),
            ModuleItem::Double(double) => Self::Double(*double),
            ModuleItem::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            ModuleItem::End => Self::End,
        }
    }

    fn borrow(&self) -> ModuleItem<'_> {
        match self {
            Self::Id(id) => ModuleItem::Id(*id),
            Self::Sint(int) => ModuleItem::Sint(*int),
            Self::Uint(int) => ModuleItem::Uint(*int),
            Self::Float(float) => ModuleItem::Float(*float),
            Self::Double(double) => ModuleItem::Double(*double),
            Self::Bytes(bytes) => ModuleItem::Bytes(Scalar::Bytes(bytes)),
            Self::End => ModuleItem::End,
        }
    }
}

fn id(name: &str, encver: u64) -> Item {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = name.chars().fold(0u64, |bits, c| bits << 6 | alphabet.find(c).unwrap() as u64);
    Item::Id(ModuleId(bits << 10 | encver))
}

fn bytes(text: impl AsRef<[u8]>) -> Item {
    Item::Bytes(text.as_ref().to_vec())
}

/// What is readable of a value, and whether it is a document.
fn read(items: &[Item]) -> Option<(String, bool)> {
    let mut module = ModuleJson::new(MAX);
    for (at, item) in items.iter().enumerate() {
        assert_eq!(module.json(), None, "before item {at} of {items:?}");
        module.push(&item.borrow());
    }
    let text = String::from_utf8(module.json()?.to_vec()).unwrap();
    Some((text, module.document().is_some()))
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[derive(Default)]
struct Values {
    key: String,
    values: BTreeMap<String, Vec<Item>>,
}

impl Job for Values {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Key(key) => self.key = String::from_utf8(key.key.to_vec()).unwrap(),
            Event::Value(Part::Module(item)) => self.values.entry(self.key.clone()).or_default().push(Item::of(item)),
            _ => {}
        }
        Ok(Flow::Continue)
    }
}

/// The module values of a snapshot, by their keys.
fn values(file: &[u8]) -> Result<BTreeMap<String, Vec<Item>>, Error> {
    let mut reader = Reader::new(Limits::default());
    let mut values = Values::default();
    reader.feed(file, &mut values)?;
    reader.finish()?;
    Ok(values.values)
}

/// The items of what `DUMP` gave.
fn dumped(dump: &Value) -> Vec<Item> {
    let dump = match dump.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(dump["$b64"].as_str().unwrap()).unwrap(),
    };
    let body = &dump[1..dump.len() - 10];
    values(&[b"REDIS0011\x07\x01k", body, b"\xff\0\0\0\0\0\0\0\0"].concat()).unwrap().remove("k").unwrap()
}

fn fixture(name: &str) -> (BTreeMap<String, Vec<Item>>, Value) {
    let path = common::data().join(name);
    let told = fs::read_to_string(path.with_extension("json")).unwrap();
    (values(&fs::read(path.with_extension("rdb")).unwrap()).unwrap(), parse(&told))
}

/// Holds what is readable of a value against what its module says.
fn compare(name: &str, items: &[Item], told: &Value) {
    let (text, is_document) = read(items).unwrap_or_else(|| panic!("{name} is not readable: {items:?}"));
    let facts = parse(&text);
    let info = &told["info"];
    let all = |pairs: &[(&str, &str)]| {
        for (fact, from) in pairs {
            assert_eq!(number(&facts[*fact]), number(&info[*from]), "{name}: {fact}");
        }
    };
    assert_eq!(is_document, told["module"] == "ReJSON-RL", "{name}");
    match (told["module"].as_str().unwrap(), told["encver"].as_u64().unwrap()) {
        // The module writes what it has read: the same text.
        ("ReJSON-RL", 3) => assert_eq!(text, told["document"].as_str().unwrap(), "{name}"),
        ("ReJSON-RL", _) => assert_eq!(facts, parse(told["document"].as_str().unwrap()), "{name}"),
        ("MBbloom--", 4) => {
            let filters = facts["filters"].as_array().unwrap();
            let sum = |member: &str| filters.iter().map(|filter| filter[member].as_u64().unwrap()).sum::<u64>();
            assert_eq!(info["Number of filters"], filters.len(), "{name}");
            assert_eq!(info["Capacity"], sum("capacity"), "{name}");
            assert_eq!(info["Number of items inserted"], facts["items"], "{name}");
            assert_eq!(info["Number of items inserted"], sum("items"), "{name}");
            assert_eq!(info["Expansion rate"].is_null(), facts["is_nonscaling"] == true, "{name}");
            if facts["is_nonscaling"] == false {
                assert_eq!(info["Expansion rate"], facts["expansion"], "{name}");
            }
            let lines = filters.iter().map(|filter| {
                let of = |member: &str| &filter[member];
                let (bytes, bits, hashes, capacity, items) = (of("bytes"), of("bits"), of("hashes"), of("capacity"), of("items"));
                let rate = of("error_rate");
                format!("bytes:{bytes} bits:{bits} hashes:{hashes} hashwidth:64 capacity:{capacity} size:{items} ratio:{rate}")
            });
            let lines: Vec<_> = std::iter::once(format!("size:{}", facts["items"])).chain(lines).collect();
            assert_eq!(json!(lines), told["debug"], "{name}");
        }
        ("MBbloomCF", 4) => {
            assert_eq!(info["Number of filters"], facts["filters"].as_array().unwrap().len(), "{name}");
            all(&[
                ("buckets", "Number of buckets"),
                ("items", "Number of items inserted"),
                ("deleted", "Number of items deleted"),
                ("bucket_size", "Bucket size"),
                ("expansion", "Expansion rate"),
                ("max_iterations", "Max iterations"),
            ]);
        }
        ("CMSk-TYPE", 0) => all(&[("width", "width"), ("depth", "depth"), ("count", "count")]),
        ("TopK-TYPE", 0) => {
            all(&[("k", "k"), ("width", "width"), ("depth", "depth"), ("decay", "decay")]);
            assert_eq!(sorted(&facts["items"]), sorted(&told["list"]), "{name}");
        }
        ("TDIS-TYPE", 0) => {
            all(&[
                ("compression", "Compression"),
                ("capacity", "Capacity"),
                ("merged_nodes", "Merged nodes"),
                ("unmerged_nodes", "Unmerged nodes"),
                ("merged_weight", "Merged weight"),
                ("unmerged_weight", "Unmerged weight"),
                ("compressions", "Total compressions"),
            ]);
            let weights = facts["weights"].as_array().unwrap();
            assert_eq!(
                weights.iter().map(|weight| weight.as_f64().unwrap()).sum::<f64>(),
                number(&info["Observations"]).unwrap()
            );
            assert_eq!(facts["means"].as_array().unwrap().len(), weights.len(), "{name}");
            if told.get("min").is_some() {
                assert_eq!(
                    (number(&facts["min"]), number(&facts["max"])),
                    (number(&told["min"]), number(&told["max"])),
                    "{name}"
                );
            }
        }
        ("TSDB-TYPE", encver) => {
            all(&[
                ("samples", "totalSamples"),
                ("last_timestamp_ms", "lastTimestamp"),
                ("retention_ms", "retentionTime"),
                ("chunk_bytes", "chunkSize"),
            ]);
            let encoding = if facts["is_uncompressed"] == true { "uncompressed" } else { "compressed" };
            assert_eq!(info["chunkType"], encoding, "{name}");
            assert_eq!(info["duplicatePolicy"], facts["duplicate_policy"], "{name}");
            assert_eq!(pairs(&info["labels"]), pairs(&facts["labels"]), "{name}");
            // `DUMP` leaves out how series belong together.
            if told["is_dump"] != true {
                assert_eq!(info["sourceKey"], facts["source_key"], "{name}");
                assert_eq!(info["rules"].as_array().map_or(0, Vec::len), facts["rules"].as_u64().unwrap() as usize, "{name}");
            }
            if encver == 8 {
                all(&[("ignore_max_time_diff_ms", "ignoreMaxTimeDiff"), ("ignore_max_value_diff", "ignoreMaxValDiff")]);
            }
        }
        ("vectorset", 0) => {
            all(&[("dimensions", "vector-dim"), ("elements", "size"), ("m", "hnsw-m")]);
            assert_eq!(facts["quantization"], info["quant-type"], "{name}");
            let before = facts.get("projection_input_dimensions").unwrap_or(&Value::Null);
            assert_eq!(before.as_u64().unwrap_or(0), info["projection-input-dim"].as_u64().unwrap(), "{name}");
            assert_eq!(vectors(&facts["items"]), vectors(&told["elements"]), "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// Numbers are told as text where they may have a fraction.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn sorted(list: &Value) -> Vec<String> {
    let mut list: Vec<_> = list.as_array().unwrap().iter().map(Value::to_string).collect();
    list.sort();
    list
}

/// `[[a, b], ...]` however the teller wrote it.
fn pairs(list: &Value) -> Vec<String> {
    let pair = |pair: &Value| match pair {
        Value::Object(one) => one.iter().map(|(name, value)| json!([name, value]).to_string()).collect(),
        pair => pair.to_string(),
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

/// Name, attributes and the bits of the vector of each element.
fn vectors(list: &Value) -> Vec<(String, String, Vec<u32>)> {
    let bits = |number: &Value| (number.as_f64().unwrap() as f32).to_bits();
    let mut list: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let attributes = one.get("attributes").unwrap_or(&Value::Null).to_string();
            (one["element"].to_string(), attributes, one["vector"].as_array().unwrap().iter().map(bits).collect())
        })
        .collect();
    list.sort();
    list
}

/// Written by RedisJSON 2.8.3, RedisBloom 2.8.2, RedisTimeSeries 1.12.2, and the vector sets of Redis 8.0.2.
#[test]
fn values_read_as_their_modules_say() {
    let (mut values, told) = fixture("modules/modules");
    for key in told["keys"].as_array().unwrap() {
        let name = key["key"].as_str().unwrap();
        compare(name, &values.remove(name).unwrap(), key);
        let mut key = key.clone();
        key["is_dump"] = true.into();
        compare(name, &dumped(&key["dump"]), &key);
    }
    assert!(values.is_empty());
    for key in told["vectors"].as_array().unwrap() {
        compare(key["key"].as_str().unwrap(), &dumped(&key["dump"]), key);
    }
}

/// Put together by the sources of older modules; the newer ones have loaded them and said what they are.
#[test]
fn layouts_of_older_modules_read_as_newer_ones_read_them() {
    let (_, told) = fixture("modules/modules");
    for (at, one) in told["restored"].as_array().unwrap().iter().enumerate() {
        compare(&format!("restored {at}"), &dumped(&one["dump"]), one);
    }
}

/// What `VEMB` and `VGETATTR` of Redis 8.0.2 and 8.6.3 say; 8.6 has more parameters at each element.
#[test]
fn vector_sets_of_every_version_are_read() {
    let expected = [
        ("exact", json!([{"element": "only", "vector": [1, 2]}])),
        (
            "vectors",
            json!([
                {"element": "a", "vector": [0.9921259880065918, 0.4960629940032959, -2.25]},
                {"element": "b", "attributes": "{\"year\":1999}", "vector": [0.09921260178089142, 0.20078741014003754, 0.30000001192092896]},
            ]),
        ),
    ];
    for server in ["redis-8.0", "redis-8.6"] {
        let told = parse(&fs::read_to_string(common::data().join(server).join("vectors.json")).unwrap());
        for (name, elements) in &expected {
            let key = told["keys"].as_array().unwrap().iter().find(|key| key["key"] == *name).unwrap();
            let (text, _) = read(&dumped(&key["value"]["dump"])).unwrap();
            assert_eq!(vectors(&parse(&text)["items"]), vectors(elements), "{server}: {name}");
        }
    }
}

/// Put together by the source of valkey-bloom 1.0.0: no value of it was at hand.
#[test]
fn valkeys_bloom_filters_are_told_from_those_before_the_first_release() {
    let head = [id("bloomfltr", 1), Item::Uint(2), Item::Uint(2), Item::Double(0.01), Item::Double(0.5), Item::Uint(1)];
    let filters = [bytes([1; 20]), Item::Uint(100), bytes([2; 30]), Item::Uint(200), Item::Uint(7), Item::End];
    let (text, is_document) = read(&[&head[..], &filters].concat()).unwrap();
    assert!(!is_document);
    assert_eq!(
        text,
        concat!(
            r#"{"expansion":2,"error_rate":0.01,"tightening_ratio":0.5,"is_seed_random":true,"#,
            r#""filters":[{"bytes":20,"capacity":100},{"bytes":30,"capacity":200}],"items_in_last":7}"#
        )
    );
    // Without the ratio; with bits and hash functions of each filter.
    let no_ratio = [&head[..4], &head[5..], &filters].concat();
    let bits = [bytes([1; 20]), Item::Uint(160), Item::Uint(7), Item::Uint(100), Item::Uint(7), Item::End];
    let early = [&[id("bloomfltr", 1), Item::Uint(1)], &head[2..4], &bits].concat();
    for items in [no_ratio, early] {
        assert_eq!(read(&items), None, "{items:?}");
    }
}

#[test]
fn documents_that_are_stored_as_text_stay_as_they_are() {
    let text = " { \"a\" : [ 1.0,\n1e2 ] , \"a\":2}\t";
    assert_eq!(read(&[id("ReJSON-RL", 3), bytes(text), Item::End]), Some((text.into(), true)));
    let with_index = [id("ReJSON-RL", 2), bytes(text), Item::Uint(1), bytes("i"), bytes("p"), Item::End];
    assert_eq!(read(&with_index), Some((text.into(), true)));
}

#[test]
fn what_is_no_document_stays_items() {
    let text = |encver, items: &[Item]| read(&[&[id("ReJSON-RL", encver)], items, &[Item::End]].concat());
    for items in [
        vec![],
        vec![bytes("{")],
        vec![bytes("\"\u{1}\"")],
        vec![bytes(b"\"\xff\"")],
        vec![bytes("")],
        vec![bytes("1"), bytes("2")],
        vec![bytes("1"), Item::Uint(0)],
        vec![Item::Uint(1)],
        vec![Item::Double(1.0)],
    ] {
        assert_eq!(text(3, &items), None, "{items:?}");
    }
    for items in [
        vec![bytes("1")],
        vec![bytes("1"), Item::Uint(1)],
        vec![bytes("1"), Item::Uint(1), bytes("i")],
        vec![bytes("1"), Item::Uint(0), bytes("i"), bytes("p")],
        vec![bytes("1"), Item::Uint(1), bytes("i"), bytes("p"), bytes("x")],
        vec![bytes("1"), Item::Sint(0)],
    ] {
        assert_eq!(text(2, &items), None, "{items:?}");
    }
    let (null, array, object, pair) = (Item::Uint(1), Item::Uint(0x40), Item::Uint(0x20), Item::Uint(0x80));
    for items in [
        vec![],
        vec![null.clone(), null.clone()],
        vec![Item::Uint(0)],
        vec![Item::Uint(3)],
        vec![pair.clone(), bytes("a"), null.clone()],
        vec![Item::Uint(2), Item::Uint(1)],
        vec![Item::Uint(2), bytes(b"\xff")],
        vec![Item::Uint(4), Item::Float(1.0)],
        vec![Item::Uint(4), Item::Double(f64::NAN)],
        vec![Item::Uint(4), Item::Double(f64::INFINITY)],
        vec![Item::Uint(8), Item::Sint(1)],
        vec![Item::Uint(0x10), bytes("2")],
        vec![Item::Uint(0x10), bytes("")],
        vec![Item::Uint(0x10), bytes("11")],
        vec![array.clone()],
        vec![array.clone(), Item::Uint(1)],
        vec![array.clone(), Item::Uint(u64::MAX), null.clone()],
        vec![array.clone(), Item::Uint(0), null.clone()],
        vec![object.clone(), Item::Uint(1), null.clone()],
        vec![object.clone(), Item::Uint(1), pair.clone(), bytes(b"\xff"), null.clone()],
        vec![object.clone(), Item::Uint(1), pair.clone(), bytes("a")],
        vec![object.clone(), Item::Uint(2), pair, bytes("a"), null.clone()],
        vec![bytes("{}")],
    ] {
        assert_eq!(text(0, &items), None, "{items:?}");
    }
    // No module writes these versions.
    for encver in [1, 4, 1023] {
        assert_eq!(text(encver, &[bytes("{}")]), None);
        assert_eq!(text(encver, std::slice::from_ref(&null)), None);
    }
}

#[test]
fn nodes_nest_up_to_a_limit() {
    let nested = |depth: usize| {
        let mut items = vec![id("ReJSON-RL", 0)];
        items.extend([Item::Uint(0x40), Item::Uint(1)].into_iter().cycle().take(2 * depth));
        items.extend([Item::Uint(1), Item::End]);
        read(&items)
    };
    assert_eq!(nested(128), Some((format!("{}null{}", "[".repeat(128), "]".repeat(128)), true)));
    assert_eq!(nested(129), None);
    assert_eq!(nested(100_000), None);
}

#[test]
fn text_beyond_the_limit_is_given_up() {
    let long = |len: usize| bytes(format!("\"{}\"", "a".repeat(len - 2)));
    assert!(read(&[id("ReJSON-RL", 3), long(MAX as usize), Item::End]).is_some());
    assert_eq!(read(&[id("ReJSON-RL", 3), long(MAX as usize + 1), Item::End]), None);
    // Many small ones.
    let array = |count: u64| {
        let mut items = vec![id("ReJSON-RL", 0), Item::Uint(0x40), Item::Uint(count)];
        items.extend((0..count).map(|_| Item::Uint(1)));
        items.push(Item::End);
        read(&items)
    };
    assert!(array(MAX / 5 - 1).is_some());
    assert_eq!(array(MAX / 5 + 1), None);
    // Text of others.
    let labels = |len: usize| {
        let head = [bytes("k"), Item::Uint(0), Item::Uint(0), Item::Uint(0), Item::Uint(0), Item::Double(0.0), Item::Uint(0)];
        let labels = [Item::Uint(0), Item::Uint(0), Item::Uint(1), bytes("l"), bytes("a".repeat(len)), Item::Uint(0), Item::End];
        read(&[&[id("TSDB-TYPE", 7)], &head[..], &labels].concat())
    };
    assert!(labels(MAX as usize / 2).is_some());
    assert_eq!(labels(MAX as usize + 1), None);
    // What is only counted may be long, and the next value is read again.
    let filter = [id("bloomfltr", 1), Item::Uint(1), Item::Uint(2), Item::Double(0.1), Item::Double(0.5), Item::Uint(0)];
    let filter = [&filter[..], &[bytes(vec![0; MAX as usize + 1]), Item::Uint(9), Item::Uint(1), Item::End]].concat();
    assert!(read(&filter).is_some());
    let mut module = ModuleJson::new(64);
    for _ in 0..2 {
        let sketch = [id("CMSk-TYPE", 0), Item::Uint(7), Item::Uint(3), Item::Uint(1), bytes([0; 84]), Item::End];
        sketch.iter().for_each(|item| module.push(&item.borrow()));
        assert_eq!(module.json().unwrap(), br#"{"width":7,"depth":3,"count":1,"bytes":84}"#);
        let document = [id("ReJSON-RL", 3), bytes(format!("[{}1]", "1,".repeat(40))), Item::End];
        document.iter().for_each(|item| module.push(&item.borrow()));
        assert_eq!(module.json(), None);
    }
}

/// A bit of a vector takes three bytes of text: no small item may become a very long one.
#[test]
fn vectors_have_at_most_65536_dimensions() {
    let set = |dimensions: u64| {
        let head = [id("vectorset", 0), Item::Uint(dimensions), Item::Uint(1), Item::Uint(16 << 8 | 2), Item::Uint(0)];
        let element =
            [bytes("e"), Item::Bytes(vec![0; dimensions.div_ceil(64) as usize * 8]), Item::Uint(1), Item::Uint(0), Item::End];
        read(&[head, element].concat())
    };
    assert_eq!(set(0), None);
    assert!(set(65_536).is_some());
    assert_eq!(set(65_537), None);
}

/// Every value of the fixtures with an item that is missing, twice there, or of another kind.
#[test]
fn no_change_of_items_gives_what_is_no_json() {
    let (mut values, told) = fixture("modules/modules");
    for key in told["vectors"].as_array().unwrap() {
        values.insert(key["key"].as_str().unwrap().into(), dumped(&key["dump"]));
    }
    let others = [
        Item::Sint(1),
        Item::Uint(u64::MAX),
        Item::Uint(0),
        Item::Float(1.0),
        Item::Double(f64::NAN),
        bytes(""),
        bytes("0"),
        Item::End,
    ];
    let check = |key: &str, items: &[Item]| {
        if let Some((text, is_document)) = read(items) {
            let value: Value = parse(&text);
            assert!(is_document || value.is_object(), "{key}");
        }
    };
    for (key, items) in &values {
        for at in 1..items.len() {
            let (before, behind) = items.split_at(at);
            check(key, &[before, &behind[1..]].concat());
            if behind[0] != Item::End {
                check(key, &[before, &behind[..1], behind].concat());
            }
            for other in &others {
                // Nothing follows the end.
                let behind = if *other == Item::End { &[] } else { &behind[1..] };
                check(key, &[before, std::slice::from_ref(other), behind].concat());
            }
            assert_eq!(read(before), None, "{key}: {at} items");
        }
    }
}

/// All short sequences of items, for every layout.
#[test]
fn any_sequence_of_items_is_taken() {
    const LONGEST: usize = 4;
    let pieces = [
        Item::Uint(0),
        Item::Uint(1),
        Item::Uint(2),
        Item::Uint(0x20),
        Item::Uint(0x40),
        Item::Uint(0x80),
        Item::Uint(u64::MAX),
        Item::Sint(-1),
        Item::Float(f32::NAN),
        Item::Double(f64::NEG_INFINITY),
        Item::Double(0.5),
        bytes(""),
        bytes("0"),
        bytes("\0"),
    ];
    let layouts = [
        ("ReJSON-RL", 0),
        ("ReJSON-RL", 2),
        ("ReJSON-RL", 3),
        ("vectorset", 0),
        ("MBbloom--", 4),
        ("MBbloomCF", 4),
        ("CMSk-TYPE", 0),
        ("TopK-TYPE", 0),
        ("TDIS-TYPE", 0),
        ("TSDB-TYPE", 7),
        ("TSDB-TYPE", 8),
        ("bloomfltr", 1),
    ];
    for (name, encver) in layouts {
        let mut module = ModuleJson::new(MAX);
        let mut sequences = vec![vec![id(name, encver)]];
        for _ in 0..=LONGEST {
            for sequence in &sequences {
                sequence.iter().chain([&Item::End]).for_each(|item| module.push(&item.borrow()));
                if let Some(json) = module.json() {
                    parse(std::str::from_utf8(json).unwrap());
                }
            }
            sequences = sequences
                .iter()
                .flat_map(|sequence| pieces.iter().map(move |piece| [sequence.as_slice(), std::slice::from_ref(piece)].concat()))
                .collect();
        }
    }
}

/// Every text of up to five of these pieces is a document exactly if another parser takes it.
#[test]
fn short_texts_are_judged_as_by_another_parser() {
    const PIECES: [&str; 12] = ["{", "}", "[", "]", ":", ",", "\"a\"", "\"\\", "0", "-1", "e1", " "];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        texts = texts.iter().flat_map(|text| PIECES.iter().map(move |piece| format!("{text}{piece}"))).collect();
        for text in &texts {
            let is_read = read(&[id("ReJSON-RL", 3), bytes(text), Item::End]).is_some();
            let other = serde_json::from_str::<Value>(text);
            // No number is too large for a text.
            let is_json = other.is_ok() || other.is_err_and(|error| error.to_string().starts_with("number out of range"));
            assert_eq!(is_read, is_json, "{text}");
        }
    }
}
