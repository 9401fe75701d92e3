//! Streams byte by byte: what a real server dumped, and what must be refused where.

mod support;

use aikv::rdb::{Event, Group, Part, StreamId, StreamPart};
use aikv::wire::Limits;
use support::{VALUE_AT, cut_value, hex, length, listpack, long_length, read, string, value};

/// `XADD 1-1 f v`, `1-2 f v2`, `2-0 g h f i`; group `g`, consumer `c` has read one:
/// the value as Redis 7.0.15 dumps it, but for the two times.
fn dumped() -> Vec<u8> {
    let node = "40000000 1800 0301 0001 0101 816602 0001 0201 0001 0001 817602 0401 0201 0001 0101 82763203 0401 \
                0001 0101 DFFF02 0201 816702 816802 816602 816902 0801 FF";
    let rest = "03 0200 0101 0000 03 01 0167 0101 01 01 0000000000000001 0000000000000001 0100000000000000 01 \
                01 0163 0200000000000000 01 0000000000000001 0000000000000001";
    [hex("01 10 0000000000000001 0000000000000001 4040"), hex(node), hex(rest)].concat()
}

/// Everything a stream says, in order, as text.
fn told(value_type: u8, bytes: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    read(&value(value_type, bytes), usize::MAX, Limits::default(), |event, _| {
        let Event::Value(Part::Stream(part)) = event else { return };
        match part {
            StreamPart::Node(node) => {
                told.push(format!("node {} {}", node.master, node.left));
                for entry in node.entries() {
                    let Ok(entry) = entry else { break };
                    let fields: Vec<String> = entry
                        .fields
                        .map(|(f, v)| format!("{}={}", f.to_vec().escape_ascii(), v.to_vec().escape_ascii()))
                        .collect();
                    told.push(format!("{}{} {}", entry.id, if entry.is_deleted { " deleted" } else { "" }, fields.join(" ")));
                }
            }
            part => told.push(format!("{part:?}")),
        }
    })
    .unwrap();
    told
}

#[test]
fn the_stream_of_a_real_server() {
    let told = told(19, &dumped());
    assert_eq!(told[..4], ["node 1-1 0", "1-1 f=v", "1-2 f=v2", "2-0 g=h f=i"]);
    let expected = [
        "Meta(StreamMeta { length: 3, last_id: StreamId { ms: 2, seq: 0 } })",
        "Counters(StreamCounters { first_id: StreamId { ms: 1, seq: 1 }, max_deleted_id: StreamId { ms: 0, seq: 0 }, entries_added: 3 })",
        "Groups(1)",
        "Group(Group { name: Bytes([103]), last_id: StreamId { ms: 1, seq: 1 }, entries_read: 1, pending: 1 })",
        "Pending(Pending { id: StreamId { ms: 1, seq: 1 }, delivered_at_ms: 1, deliveries: 1 })",
        "Consumers(1)",
        "Consumer(Consumer { name: Bytes([99]), seen_at_ms: 2, active_at_ms: 2, pending: 1 })",
        "Owned(StreamId { ms: 1, seq: 1 })",
    ];
    assert_eq!(told[4..], expected);
}

/// A node: its key, and a listpack of `entries` in so many elements.
fn node(ms: u64, seq: u64, count: u16, entries: &[u8]) -> Vec<u8> {
    let key = [ms.to_be_bytes(), seq.to_be_bytes()].concat();
    [string(&key), string(&listpack(count, entries))].concat()
}

/// Master entry of one live entry and the field `f`, then the entry `v`.
const ONE: &str = "0101 0001 0101 816602 0001 | 0201 0001 0001 817602 0401";

/// What follows the nodes of a stream of type 15: length, last id, no groups.
fn tail(length_: u64, ms: u64, seq: u64) -> Vec<u8> {
    [length(length_), length(ms), length(seq), length(0)].concat()
}

/// A stream of type 15 with one node of these entries.
fn one_node(count: u16, entries: &str, live: u64) -> Vec<u8> {
    [vec![1], node(5, 1, count, &hex(entries)), tail(live, 900, 0)].concat()
}

/// First byte of the listpack of the first node: behind node count, node key and a length of one byte.
const BLOB_AT: u64 = VALUE_AT + 1 + 17 + 1;

#[derive(Default)]
struct Cases(Vec<String>);

impl Cases {
    fn expect(&mut self, item: u32, what: &str, file: &[u8], expected: Option<(&str, u64)>) {
        for chunk in [usize::MAX, 1, 5] {
            let result = read(file, chunk, Limits::default(), |_, _| ());
            let found = result.as_ref().err().map(|error| (error.code(), error.offset()));
            if found != expected {
                let message = result.err().map_or("nothing".to_owned(), |error| error.to_string());
                self.0.push(format!("{item}. {what}: expected {expected:?}, found {found:?}: {message}"));
                break;
            }
        }
    }

    fn bad(&mut self, item: u32, what: &str, stream: &[u8], code: &str, offset: u64) {
        self.expect(item, what, &value(15, stream), Some((code, offset)));
    }

    fn good(&mut self, item: u32, what: &str, stream: &[u8]) {
        self.expect(item, what, &value(15, stream), None);
    }

    fn hold(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

const BAD_VALUE: &str = "bad-value";
const BAD_PACKED: &str = "bad-packed";
const BAD_ENCODING: &str = "bad-encoding";

#[test]
fn nodes() {
    let mut cases = Cases::default();
    cases.good(66, "an empty stream", &[&[0][..], &tail(0, 0, 0)].concat());
    cases.good(66, "one entry", &one_node(10, ONE, 1));
    cases.bad(66, "no nodes and a length", &[&[0][..], &tail(3, 9, 9)].concat(), BAD_VALUE, VALUE_AT + 1);
    let stream = one_node(10, ONE, 0);
    let at = VALUE_AT + stream.len() as u64 - tail(0, 900, 0).len() as u64;
    cases.bad(66, "a node and no length", &stream, BAD_VALUE, at);
    cases.good(66, "a length that counts deleted entries, as release candidates of 5.0 wrote it", &one_node(10, ONE, 2));
    for length in [0, 2, 4] {
        let stream = [&dumped()[..84], &[length], &dumped()[85..]].concat();
        cases.expect(66, "another length than entries", &value(19, &stream), Some((BAD_VALUE, VALUE_AT + 84)));
    }
    for len in [0, 15, 17] {
        let stream = [&[1][..], &string(&vec![0; len]), &string(&listpack(10, &hex(ONE))), &tail(1, 9, 0)].concat();
        cases.bad(67, "node key of another length", &stream, BAD_VALUE, VALUE_AT + 1);
    }
    let first = node(5, 1, 10, &hex(ONE));
    for (ms, seq) in [(5, 1), (5, 0), (4, 9)] {
        let stream = [&[2][..], &first, &node(ms, seq, 10, &hex(ONE)), &tail(2, 900, 0)].concat();
        cases.bad(68, "node keys not ascending", &stream, BAD_VALUE, VALUE_AT + 1 + first.len() as u64);
    }
    cases.good(68, "node keys ascending", &[&[2][..], &first, &node(5, 2, 10, &hex(ONE)), &tail(2, 900, 0)].concat());
    cases.bad(69, "empty listpack", &one_node(0, "", 0), BAD_PACKED, BLOB_AT);
    cases.bad(69, "no entry is live", &one_node(4, "0001 0001 0001 0001", 0), BAD_PACKED, BLOB_AT + 6);
    cases.bad(69, "text for a live count", &one_node(10, &ONE.replacen("0101", "817802", 1), 1), BAD_PACKED, BLOB_AT + 6);
    cases.bad(69, "negative live count", &one_node(10, &ONE.replacen("0101", "DFFF02", 1), 1), BAD_PACKED, BLOB_AT + 6);
    cases.bad(
        69,
        "negative field count",
        &one_node(10, &ONE.replacen("0001 0101", "0001 DFFF02", 1), 1),
        BAD_PACKED,
        BLOB_AT + 10,
    );
    let many = ONE.replacen("0001 0101", "0001 F400000080000000 0009", 1);
    cases.bad(69, "2^31 fields", &one_node(10, &many, 1), BAD_PACKED, BLOB_AT + 36);
    cases.bad(69, "no zero behind the fields", &one_node(10, &ONE.replacen("0001 |", "0101 |", 1), 1), BAD_PACKED, BLOB_AT + 15);
    cases.bad(69, "only half a master entry", &one_node(3, "0101 0001 0001", 1), BAD_PACKED, BLOB_AT + 12);
    cases.bad(69, "wrong count of the listpack", &one_node(9, ONE, 1), BAD_PACKED, BLOB_AT + 4);
    cases.hold();
}

#[test]
fn entries() {
    const ENTRY_AT: u64 = BLOB_AT + 17;
    let mut cases = Cases::default();
    let entry = |count: u16, entry: &str| one_node(count, &format!("0101 0001 0101 816602 0001 | {entry}"), 1);
    for flags in ["0401", "0801", "7f01", "DFFF02"] {
        let stream = entry(10, &format!("{flags} 0001 0001 817602 0401"));
        cases.bad(70, &format!("flags {flags}"), &stream, BAD_ENCODING, ENTRY_AT);
    }
    cases.bad(70, "flags that are text", &entry(10, "817802 0001 0001 817602 0401"), BAD_PACKED, ENTRY_AT);
    cases.bad(70, "a value missing", &entry(9, "0201 0001 0001 0401"), BAD_PACKED, ENTRY_AT + 8);
    cases.bad(70, "a value and the size missing", &entry(8, "0201 0001 0001"), BAD_PACKED, ENTRY_AT);
    for size in ["0301", "0501", "0001", "DFFF02", "817802"] {
        let stream = entry(10, &format!("0201 0001 0001 817602 {size}"));
        cases.bad(70, &format!("entry size {size}"), &stream, BAD_PACKED, ENTRY_AT + 9);
    }
    cases.bad(70, "negative field count", &entry(10, "0001 0001 0001 DFFF02 0401"), BAD_PACKED, ENTRY_AT + 6);
    let stream = entry(10, "0001 0001 0001 F4FFFFFFFFFFFFFF7F09 0401");
    cases.bad(70, "2^63 - 1 fields", &stream, BAD_PACKED, ENTRY_AT);
    let live = |live: &str| one_node(10, &ONE.replacen("0101", live, 1), 1);
    cases.bad(71, "more live entries stated", &live("0201"), BAD_PACKED, BLOB_AT + 6 + 22);
    let two = format!("{ONE} 0201 0001 0101 817602 0401");
    cases.bad(71, "fewer live entries stated", &one_node(15, &two, 1), BAD_PACKED, ENTRY_AT + 11);
    let deleted = ONE.replacen("0101 0001", "0101 0101", 1);
    cases.bad(71, "a deleted entry stated that is live", &one_node(10, &deleted, 1), BAD_PACKED, BLOB_AT + 6 + 22);
    let negative = ONE.replacen("0101 0001", "0101 DFFF02", 1);
    cases.bad(71, "negative deleted count", &one_node(10, &negative, 1), BAD_PACKED, BLOB_AT + 8);
    let far = "0201 F4FFFFFFFFFFFFFF7F09 0001 817602 0401";
    let key = [u64::MAX.to_be_bytes(), 0u64.to_be_bytes()].concat();
    let blob = listpack(10, &hex(&format!("0101 0001 0101 816602 0001 | {far}")));
    let stream = [vec![1], string(&key), string(&blob), length(1), long_length(u64::MAX), long_length(9), vec![0]].concat();
    cases.bad(71, "an id beyond 64 bits", &stream, BAD_PACKED, ENTRY_AT);
    cases.bad(72, "last id below a node's", &[vec![1], node(5, 1, 10, &hex(ONE)), tail(1, 5, 0)].concat(), BAD_VALUE, {
        VALUE_AT + 1 + node(5, 1, 10, &hex(ONE)).len() as u64 + 1
    });
    cases.hold();
}

/// A deleted entry stays in its node and is told as such.
#[test]
fn tombstones_are_told() {
    let entries = "0101 0101 0101 816602 0001 | 0301 0001 0001 817602 0401 | 0201 0001 0101 817702 0401";
    let told = told(15, &one_node(15, entries, 1));
    assert_eq!(told[..3], ["node 5-1 0", "5-1 deleted f=v", "5-2 f=w"]);
}

#[test]
fn groups() {
    let mut cases = Cases::default();
    let prefix = dumped();
    // Offsets in the value: 82 bytes of node, then length, three ids, entries added.
    const META: usize = 1 + 17 + 2 + 64;
    const ADDED: usize = META + 1 + 2 + 2 + 2;
    const GROUP: usize = ADDED + 2;
    const READ: usize = GROUP + 4;
    assert_eq!(prefix[META], 3);
    assert_eq!(prefix[GROUP..GROUP + 2], *b"\x01g");
    let with = |at: usize, bytes: &[u8]| [&prefix[..at], bytes, &prefix[at + 1..]].concat();
    for added in [0u64, 2] {
        let stream = with(ADDED, &length(added));
        cases.expect(72, "entries added below the length", &value(19, &stream), Some((BAD_VALUE, VALUE_AT + ADDED as u64)));
    }
    let stream = with(ADDED, &long_length(1 << 63));
    cases.expect(72, "2^63 entries added", &value(19, &stream), Some((BAD_VALUE, VALUE_AT + ADDED as u64)));
    let stream = [&prefix[..GROUP - 1], &long_length(1 << 60)].concat();
    let end = VALUE_AT + stream.len() as u64;
    cases.expect(73, "2^60 groups, none there", &cut_value(19, &stream), Some(("truncated", end)));
    for (what, at) in
        [("pending entries", READ + 1), ("consumers", READ + 1 + 1 + 25), ("owned ids", READ + 1 + 1 + 25 + 1 + 2 + 8)]
    {
        let stream = [&prefix[..at], &long_length(1 << 60)].concat();
        let end = VALUE_AT + stream.len() as u64;
        cases.expect(73, &format!("2^60 {what}, none there"), &cut_value(19, &stream), Some(("truncated", end)));
    }
    cases.expect(80, "entries read unknown", &value(19, &with(READ, &long_length(u64::MAX))), None);
    // Redis 7.0 and 8.0 and Valkey save what `XGROUP CREATE x g 0 ENTRIESREAD 100` says, and load it.
    cases.expect(80, "entries read beyond those added", &value(19, &with(READ, &long_length(100))), None);
    for read in [u64::MAX - 1, 1 << 63] {
        let stream = with(READ, &long_length(read));
        cases.expect(80, "entries read below -1", &value(19, &stream), Some((BAD_VALUE, VALUE_AT + READ as u64)));
    }
    cases.hold();
}

/// Item 79: times and counts of pending entries are passed on as they are.
#[test]
fn pending_entries_keep_their_numbers() {
    let mut bytes = dumped();
    let at = bytes.len() - (1 + 2 + 8 + 1 + 16) - 1 - 8;
    assert_eq!(bytes[at..at + 9], [1, 0, 0, 0, 0, 0, 0, 0, 1]);
    for (ms, deliveries) in [(-1i64, 1u64), (i64::MIN, u64::MAX), (i64::MAX, 0)] {
        let changed = [&bytes[..at], &ms.to_le_bytes(), &long_length(deliveries), &bytes[at + 9..]].concat();
        let mut found = None;
        read(&value(19, &changed), usize::MAX, Limits::default(), |event, _| {
            if let Event::Value(Part::Stream(StreamPart::Pending(pending))) = event {
                found = Some(*pending);
            }
        })
        .unwrap();
        let pending = found.unwrap();
        assert_eq!((pending.delivered_at_ms, pending.deliveries), (ms, deliveries));
        assert_eq!(pending.id, StreamId { ms: 1, seq: 1 });
    }
    // What a generation does not have is said so.
    bytes.drain(1 + 17 + 2 + 64 + 3..1 + 17 + 2 + 64 + 3 + 5);
    bytes.remove(1 + 17 + 2 + 64 + 3 + 1 + 4);
    let mut read_of_group = None;
    read(&value(15, &bytes), usize::MAX, Limits::default(), |event, _| {
        if let Event::Value(Part::Stream(StreamPart::Group(group))) = event {
            read_of_group = Some(group.entries_read);
        }
    })
    .unwrap();
    assert_eq!(read_of_group, Some(Group::UNKNOWN));
}
