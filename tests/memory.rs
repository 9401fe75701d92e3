//! How much memory streaming takes: 256 KiB and the step in hand, whatever the
//! file holds and whatever it promises. Counted by the allocator, per thread.

#![allow(unsafe_code)] // an allocator cannot be written without

mod support;

use aikv::rdb::{Decoder, Element, Elements, Event, HashTemplate, ModuleAux, ModuleItem, Part, SlotValue, StreamPart, Template};
use aikv::wire::{Limits, Scalar};
use aikv::{Error, aof};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use support::{fixtures, head, length, long_length, newer, string, unsummed, value};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

/// What a decoder may hold beside the step in hand.
const FIXED: i64 = 256 * KIB;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: i64) {
    LIVE.with(|live| {
        live.set(live.get() + bytes);
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Heap of this thread since `base`: the most since the last call, and now.
struct Heap {
    base: i64,
}

impl Heap {
    fn new() -> Self {
        let base = LIVE.get();
        PEAK.set(base);
        Self { base }
    }

    fn live(&self) -> i64 {
        LIVE.get() - self.base
    }

    fn peak(&self) -> i64 {
        PEAK.replace(LIVE.get()) - self.base
    }
}

/// Bytes that an event shows: at least what was expanded for it.
fn shown(event: &Event<'_>) -> i64 {
    let text = |scalar: &Scalar<'_>| scalar.text_len() as i64;
    match event {
        Event::Aux { key, value } => text(key) + text(value),
        Event::Function { code } => text(code),
        Event::FunctionPreGa { name, engine, description, code } => {
            text(name) + text(engine) + description.as_ref().map_or(0, text) + text(code)
        }
        Event::Key(key) => text(&key.key),
        Event::ModuleAux(ModuleAux::Item(ModuleItem::Bytes(bytes))) | Event::Value(Part::Module(ModuleItem::Bytes(bytes))) => {
            text(bytes)
        }
        Event::Value(Part::Bytes { piece, .. }) => text(piece),
        Event::Value(Part::Elements { elements: Elements::Packed { packed, .. }, .. }) => packed.blob().len() as i64,
        Event::Value(Part::Elements { elements: Elements::One(element), .. }) => match element {
            Element::Item(item) | Element::Member(item) => text(item),
            Element::Scored { member, .. } => text(member),
            Element::Field { field, value } | Element::ExpiringField { field, value, .. } => text(field) + text(value),
            Element::Slot { value: SlotValue::Text(value), .. } => text(value),
            Element::Slot { .. } => 0,
        },
        Event::Value(Part::Elements { elements: Elements::Templated { packed, .. }, .. }) => packed.blob().len() as i64,
        Event::Value(Part::Template(Template::Packed(packed))) => packed.blob().len() as i64,
        Event::Value(Part::Template(Template::Name(name))) | Event::HashTemplate(HashTemplate::Name(name)) => text(name),
        Event::Value(Part::Stream(StreamPart::Node(node))) => node.blob().len() as i64,
        Event::Value(Part::Stream(StreamPart::Group(group))) => text(&group.name),
        Event::Value(Part::Stream(StreamPart::Consumer(consumer))) => text(&consumer.name),
        _ => 0,
    }
}

#[derive(Debug)]
struct Report {
    /// The most that was held beside the steps' own bytes, read and expanded.
    beside_steps: i64,
    /// The most that was held.
    peak: i64,
    /// What is held at the end.
    rest: i64,
    error: Option<Error>,
}

/// Decodes in chunks and watches the heap at every step.
fn watch<'c>(chunks: impl Iterator<Item = &'c [u8]>, limits: Limits) -> Report {
    watch_with(Decoder::with_limits(limits), chunks)
}

fn watch_with<'c>(mut decoder: Decoder, chunks: impl Iterator<Item = &'c [u8]>) -> Report {
    let heap = Heap::new();
    let mut report = Report { beside_steps: 0, peak: 0, rest: 0, error: None };
    let mut begun = 0;
    for mut input in chunks {
        loop {
            let (in_hand, walked) = match decoder.step(input) {
                Ok(step) => {
                    input = &input[step.consumed..];
                    let Some(event) = &step.event else {
                        begun += step.consumed as i64;
                        report.peak = report.peak.max(heap.peak());
                        if input.is_empty() {
                            break;
                        }
                        continue;
                    };
                    (step.raw.len() as i64 + shown(event), support::walk(event))
                }
                Err(fault) => (begun, Err(fault)),
            };
            let peak = heap.peak();
            report.peak = report.peak.max(peak);
            report.beside_steps = report.beside_steps.max(peak - in_hand);
            begun = 0;
            if let Err(fault) = walked {
                report.rest = heap.live();
                report.error = Some(decoder.dress(fault));
                return report;
            }
        }
        // What is carried between chunks belongs to the step in hand.
        report.beside_steps = report.beside_steps.max(heap.live() - begun);
    }
    report.rest = heap.live();
    report.error = decoder.finish().err();
    report
}

fn watch_file(bytes: &[u8], chunk: usize) -> Report {
    watch(bytes.chunks(chunk), Limits::default())
}

#[test]
fn fixtures_take_a_step_and_little_more() {
    for path in fixtures() {
        let bytes = fs::read(&path).unwrap();
        for chunk in [usize::MAX, 4096, 1] {
            let report = watch_file(&bytes, chunk);
            assert!(report.beside_steps <= FIXED, "{} in chunks of {chunk}: {report:?}", path.display());
        }
    }
}

#[test]
fn a_long_plain_string_takes_a_piece() {
    let bytes = unsummed(&[&b"\x00\x01k"[..], &string(&vec![b'x'; 64 << 20])].concat());
    for chunk in [usize::MAX, 1 << 20, 65_536, 4096] {
        let report = watch_file(&bytes, chunk);
        assert_eq!(report.error, None);
        assert!(report.peak <= FIXED, "in chunks of {chunk}: {report:?}");
    }
}

#[test]
fn a_million_elements_take_no_more_than_one() {
    const COUNT: u64 = 1_000_000;
    let elements: Vec<u8> = (0..COUNT).flat_map(|i| string(format!("element {i}").as_bytes())).collect();
    let list = unsummed(&[&b"\x01\x01k"[..], &length(COUNT), &elements].concat());
    let keys: Vec<u8> = (0..COUNT).flat_map(|i| [&[0][..], &string(format!("key {i}").as_bytes()), b"\x01v"].concat()).collect();
    for bytes in [list, unsummed(&keys)] {
        for chunk in [usize::MAX, 4093] {
            let report = watch_file(&bytes, chunk);
            assert_eq!(report.error, None);
            assert!(report.peak <= FIXED, "in chunks of {chunk}: {report:?}");
        }
    }
}

/// A large element is carried once, in room that fits it.
#[test]
fn a_large_element_takes_its_own_size() {
    const LEN: usize = 64 << 20;
    let element = [length(1), string(&vec![b'x'; LEN])].concat();
    let small = b"\x00\x01s\x01v".repeat(20_000);
    let bytes = unsummed(&[&b"\x01\x01k"[..], &element, &small].concat());
    let report = watch_file(&bytes, usize::MAX);
    assert!(report.peak <= FIXED, "whole: {report:?}");
    for chunk in [4096, 65_536, 1 << 20] {
        let report = watch_file(&bytes, chunk);
        assert_eq!(report.error, None);
        assert!(report.peak <= LEN as i64 + FIXED, "in chunks of {chunk}: {report:?}");
        assert!(report.rest <= FIXED, "in chunks of {chunk}: {report:?}");
    }
}

/// Whatever is in it, packed or not, and however large.
#[test]
fn a_value_that_is_passed_over_takes_nothing() {
    let long = string(&vec![b'x'; 16 << 20]);
    let compressed = [&[0xc3][..], &length(16 << 20), &length(64 << 20), &vec![b'x'; 16 << 20]].concat();
    for element in [long, compressed] {
        let keys = [&b"\x00\x01s"[..], &element, b"\x10\x01p", &element, b"\x04\x01h\x01", &element, &element].concat();
        let bytes = unsummed(&keys);
        for chunk in [usize::MAX, 1 << 20, 4096, 100] {
            let heap = Heap::new();
            let mut decoder = Decoder::new();
            let mut keys = 0;
            for mut input in bytes.chunks(chunk) {
                loop {
                    let step = decoder.step(input).unwrap();
                    input = &input[step.consumed..];
                    match step.event {
                        None if input.is_empty() => break,
                        Some(Event::Key(_)) => decoder.skip_value(),
                        Some(Event::KeyEnd { .. }) => keys += 1,
                        _ => {}
                    }
                }
            }
            decoder.finish().unwrap();
            assert_eq!(keys, 3);
            let peak = heap.peak();
            assert!(peak <= FIXED, "{peak} bytes in chunks of {chunk}");
        }
    }
}

/// Item 31 of the hostile list, and promises of every other kind.
#[test]
fn promises_take_no_memory() {
    const THERE: usize = 100_000;
    let filler = vec![b'x'; THERE];
    let promise = |head: &[u8], len: u64| support::cut_value(head[0], &[&head[1..], &long_length(len), &filler].concat());
    for len in [1 << 63, u64::MAX, 1 << 40, 1 << 32] {
        let cases = [
            ("string", promise(&[0], len)),
            ("list element", promise(&[1, 1], len)),
            ("listpack", promise(&[16], len)),
            ("plain node", promise(&[18, 1, 1], len)),
            ("stream node key", promise(&[15, 1], len)),
            ("key", head(11, &[&[0][..], &long_length(len), &filler].concat())),
            ("aux", head(11, &[&[0xfa][..], &long_length(len), &filler].concat())),
            ("function", head(11, &[&[0xf5][..], &long_length(len), &filler].concat())),
        ];
        for (what, bytes) in cases {
            for chunk in [usize::MAX, 4096, 100] {
                let report = watch_file(&bytes, chunk);
                assert_eq!(report.error.as_ref().map(Error::code), Some("truncated"), "{what} of {len} bytes");
                assert!(report.peak <= 2 * THERE as i64 + FIXED, "{what} of {len} bytes in chunks of {chunk}: {report:?}");
            }
        }
        for value_type in [1, 2, 3, 4, 5, 14, 15, 18] {
            let bytes = support::cut_value(value_type, &[&long_length(len)[..], b"\x01a"].concat());
            let report = watch_file(&bytes, 4096);
            assert!(report.peak <= FIXED, "{len} elements of type {value_type}: {report:?}");
        }
        let hint = unsummed(&[&[0xfb][..], &long_length(len), &long_length(len), b"\x00\x01k\x01v"].concat());
        let report = watch_file(&hint, usize::MAX);
        assert_eq!(report.error, None);
        assert!(report.peak <= FIXED, "a hint of {len} keys: {report:?}");
    }
}

/// What came with later versions promises no less.
#[test]
fn newer_promises_take_no_memory() {
    for len in [1 << 63, u64::MAX, 1 << 60, 1 << 40, 1 << 32] {
        let count = long_length(len);
        let stream = |at: usize| newer::stream(5)[..at].to_vec();
        // Behind 64 bytes of a node: length, ids and entries added, then groups, a group, its pending entries.
        const GROUPS: usize = 1 + 17 + 2 + 64 + 8;
        let whole = newer::stream(5).len();
        let cases: [(&str, u64, Vec<u8>); 14] = [
            ("fields, pre-GA", 12, [&b"\x16\x01k"[..], &count, b"\x00\x01f\x01v"].concat()),
            ("fields", 12, [&b"\x18\x01k"[..], &[0; 8], &count, b"\x00\x01f\x01v"].concat()),
            ("a packed hash", 12, [&b"\x19\x01k"[..], &[0; 8], &count, b"abc"].concat()),
            ("slots", 14, [&b"\x1c\x01k"[..], &count, b"\x00\x00\x03\x01v"].concat()),
            ("names of a template", 15, [&b"\xf2\x01"[..], &count, b"\x01a"].concat()),
            ("names in front of values", 15, [&b"\x1f\x01k\x01"[..], &count, b"\x01a"].concat()),
            ("names in front of packed values", 15, [&b"\x1d\x01k\x01"[..], &count, b"\x01a"].concat()),
            ("a text of a slot", 14, [&b"\x1c\x01k\x01\x00\x00\x00"[..], &count, b"abc"].concat()),
            ("a slot's keys", 12, [&b"\xf4\x05"[..], &count, &count, b"\x00\x01k"].concat()),
            ("text of metadata", 13, [&newer::key_meta("KMT1", 1, 1, b"")[..6], b"\x05", &count, b"abc"].concat()),
            ("groups", 14, [&b"\x1b\x01k"[..], &stream(GROUPS), &count, b"\x01g"].concat()),
            ("pending entries", 14, [&b"\x1b\x01k"[..], &stream(GROUPS + 6), &count, &[0; 25]].concat()),
            ("producers", 14, [&b"\x1b\x01k"[..], &stream(whole - 19), &count, b"\x02p1\x01"].concat()),
            ("ids of a producer", 14, [&b"\x1b\x01k"[..], &stream(whole - 15), &count, b"\x01a\x01\x01"].concat()),
        ];
        for (what, version, body) in cases {
            let bytes = support::head(version, &body);
            for chunk in [usize::MAX, 7, 1] {
                for decoder in [Decoder::new(), Decoder::new().leniently()] {
                    let report = watch_with(decoder, bytes.chunks(chunk));
                    let code = report.error.as_ref().map(Error::code);
                    assert_eq!(code, Some("truncated"), "{what}: {len} of them in chunks of {chunk}");
                    assert!(report.peak <= FIXED, "{what}: {len} of them in chunks of {chunk}: {report:?}");
                }
            }
        }
    }
}

/// A template is held once, whatever the chunks; so are the names in front of a value, until the next one.
#[test]
fn templates_take_their_names() {
    const COUNT: usize = 100_000;
    // As long as each other, so that they ascend by their bytes.
    let names: Vec<u8> = (0..COUNT).flat_map(|i| string(format!("field {i:06}").as_bytes())).collect();
    let values = b"\x01v".repeat(COUNT);
    // Doubling leaves room for as much again, and while it moves both are held.
    let bound = 3 * names.len() as i64 + FIXED;
    let template = [&b"\xf2\x07"[..], &length(COUNT as u64), &names].concat();
    let referring = |keys: usize| {
        let keys: Vec<u8> = (0..keys).flat_map(|_| [&b"\x20\x01k\x07"[..], &values].concat()).collect();
        support::file(15, &[&template[..], &keys].concat())
    };
    let own: Vec<u8> = (0..2).flat_map(|_| [&b"\x1f\x01k\x01"[..], &length(COUNT as u64), &names, &values].concat()).collect();
    for bytes in [referring(2), support::file(15, &own)] {
        for chunk in [usize::MAX, 13] {
            let report = watch_file(&bytes, chunk);
            assert_eq!(report.error, None);
            assert!(report.peak <= bound, "in chunks of {chunk}: {report:?}");
        }
    }
    // The limit on an item is one on all that is held of them.
    let limits = Limits { max_item_bytes: 1 << 16 };
    for bytes in [referring(0), support::file(15, &own)] {
        for chunk in [usize::MAX, 13] {
            let report = watch(bytes.chunks(chunk), limits);
            assert_eq!(report.error.as_ref().map(Error::code), Some("limit-exceeded"));
            assert!(report.peak <= FIXED, "in chunks of {chunk}: {report:?}");
        }
    }
}

/// Looking ahead for keys without elements holds the beginning of a value at most.
#[test]
fn a_lenient_decoder_takes_no_more() {
    let packed = support::listpack(20_000, &b"\x81a\x02".repeat(20_000));
    let bytes = unsummed(&[&b"\x10\x01k"[..], &string(&packed), &b"\x01\x01l\x02\x01a\x01b".repeat(50_000)].concat());
    for chunk in [usize::MAX, 4096, 7] {
        let report = watch_with(Decoder::new().leniently(), bytes.chunks(chunk));
        assert_eq!(report.error, None);
        assert!(report.peak <= packed.len() as i64 + FIXED, "in chunks of {chunk}: {report:?}");
    }
}

/// A limit stops a large item before it is held.
#[test]
fn a_limit_is_kept() {
    let limits = Limits { max_item_bytes: 1 << 20 };
    let bytes = unsummed(&[&b"\x01\x01k"[..], &length(1), &string(&vec![b'x'; 64 << 20])].concat());
    for chunk in [usize::MAX, 1 << 20, 4096] {
        let report = watch(bytes.chunks(chunk), limits);
        assert_eq!(report.error.as_ref().map(Error::code), Some("limit-exceeded"));
        assert!(report.peak <= MIB + FIXED, "in chunks of {chunk}: {report:?}");
    }
}

/// The best that LZF can do: a literal, then references of 264 bytes in 3.
fn bomb(references: usize) -> (Vec<u8>, u64) {
    let packed = [&[0, b'a'][..], &[0xe0, 0xff, 0x00].repeat(references)].concat();
    let len = 1 + 264 * references as u64;
    ([&[0xc3][..], &length(packed.len() as u64), &length(len), &packed].concat(), len)
}

#[test]
fn a_bomb_takes_what_it_expands_to() {
    let (bomb, len) = bomb((1 << 20) / 3);
    assert!(len > 87 << 20, "1 MiB expands to {len} bytes");
    let small = b"\x00\x01s\x01v".repeat(20_000);
    let bytes = unsummed(&[&b"\x00\x01k"[..], &bomb, &small].concat());
    for chunk in [usize::MAX, 4096] {
        let report = watch_file(&bytes, chunk);
        assert_eq!(report.error, None);
        assert!(report.peak <= 88 * MIB + 2 * MIB, "in chunks of {chunk}: {report:?}");
        assert!(report.rest <= FIXED, "its room is given back, in chunks of {chunk}: {report:?}");
    }
    // A smaller limit stops it before anything is allocated.
    for chunk in [usize::MAX, 4096] {
        let report = watch(bytes.chunks(chunk), Limits { max_item_bytes: 64 << 20 });
        assert_eq!(report.error.as_ref().map(Error::code), Some("limit-exceeded"));
        assert!(report.peak <= FIXED, "in chunks of {chunk}: {report:?}");
    }
    // A claim beyond what the bytes can hold is no claim to memory either.
    let claim = value(0, &[&[0xc3, 5][..], &length(u64::from(u32::MAX)), b"12345"].concat());
    let report = watch_file(&claim, usize::MAX);
    assert_eq!(report.error.as_ref().map(Error::code), Some("bad-length"));
    assert!(report.peak <= FIXED, "{report:?}");
}

/// Item 109 of the hostile list: arguments of no bytes cost only those of their framing.
#[test]
fn a_log_takes_a_command_and_little_more() {
    const COUNT: usize = 1_000_000;
    let many = [format!("*{COUNT}\r\n").into_bytes(), b"$0\r\n\r\n".repeat(COUNT)].concat();
    let commands = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n".repeat(50_000);
    let preamble = unsummed(&[&b"\x00\x01k"[..], &bomb(10_000).0].concat());
    let mixed = [&preamble[..], &commands].concat();
    for (what, bytes, bound, rest) in [
        ("a million arguments", &many, many.len() as i64 + FIXED, many.len() as i64 + FIXED),
        ("commands", &commands, FIXED, FIXED),
        ("a preamble and commands", &mixed, 3 * MIB + FIXED, FIXED),
    ] {
        for chunk in [usize::MAX, 4093] {
            let heap = Heap::new();
            let mut decoder = aof::Decoder::new();
            for mut input in bytes.chunks(chunk) {
                loop {
                    let step = decoder.step(input).unwrap_or_else(|fault| panic!("{what}: {fault:?}"));
                    input = &input[step.consumed..];
                    if step.event.is_none() && input.is_empty() {
                        break;
                    }
                }
            }
            let (peak, live) = (heap.peak(), heap.live());
            assert!(peak <= bound, "{what} in chunks of {chunk}: {peak} bytes");
            assert!(live <= rest, "{what} in chunks of {chunk}: {live} bytes at the end");
            decoder.finish().unwrap();
        }
    }
}

#[cfg(feature = "unpack")]
mod unpacked {
    use super::{Heap, KIB, MIB};
    use aikv::unpack::Unpacker;

    /// Unpacks a file whose checksums are not there; gives the bytes it came to and the most that was held.
    fn unpack(file: &[u8]) -> (i64, i64) {
        let heap = Heap::new();
        let mut unpacker = Unpacker::new();
        let mut given = 0;
        for mut rest in file.chunks(64 << 10) {
            loop {
                let step = unpacker.step(rest).unwrap();
                rest = &rest[step.consumed..];
                given += step.output.len() as i64;
                if step.output.is_empty() {
                    break;
                }
            }
        }
        (given, heap.peak())
    }

    #[test]
    fn gzip_takes_its_window() {
        // Deflate with fixed codes: "a", then matches of 258 bytes at distance 1, in 13 bits each.
        let mut bits = vec![true, true, false];
        let mut push = |code: u32, len: u32| bits.extend((0..len).rev().map(|at| code >> at & 1 == 1));
        push(0b1001_0001, 8);
        for _ in 0..250_000 {
            push(0b1100_0101, 8);
            push(0, 5);
        }
        push(0, 7);
        let data = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
        let file: Vec<u8> = b"\x1f\x8b\x08\0\0\0\0\0\0\0".iter().copied().chain(data).collect();
        let (given, peak) = unpack(&file);
        assert_eq!(given, 250_000 * 258 + 1);
        assert!(peak < 256 * KIB, "{peak} bytes");
    }

    #[test]
    fn zstd_takes_its_window_when_it_is_filled() {
        // Blocks of 128 KiB of one byte, in 4 bytes each.
        let frame =
            |window: u8, blocks: usize| [b"\x28\xb5\x2f\xfd\x00", &[window][..], &b"\x02\x00\x10a".repeat(blocks)].concat();
        let (given, peak) = unpack(&frame(10 << 3, 1000));
        assert_eq!(given, 1000 * 128 * KIB - MIB, "all but the window");
        assert!(peak < 3 * MIB, "{peak} bytes for a window of 1 MiB");
        let (given, peak) = unpack(&frame(17 << 3, 2));
        assert_eq!(given, 0);
        assert!(peak < 2 * MIB, "{peak} bytes for 256 KiB of a window of 128 MiB");
    }

    #[test]
    fn lz4_takes_a_block_and_its_window() {
        // "a", then a match of nearly 4 MiB at distance 1, then five more.
        let block = [b"\x1fa\x01\x00", &[0xff; 16_400][..], b"\x00\x50aaaaa"].concat();
        let size = (block.len() as u32).to_le_bytes();
        let mut file = b"\x04\x22\x4d\x18\x40\x70\xdf".to_vec();
        for _ in 0..30 {
            file.extend_from_slice(&size);
            file.extend_from_slice(&block);
        }
        let (given, peak) = unpack(&file);
        assert_eq!(given, 30 * (1 + 4 + 15 + 16_400 * 255 + 5));
        assert!(peak < 6 * MIB, "{peak} bytes");
        // The largest block that a frame of seven bytes may announce.
        let (given, peak) = unpack(b"\x04\x22\x4d\x18\x40\x70\xdf\x00\x00\x40\x00");
        assert_eq!(given, 0);
        assert!(peak < 64 * KIB, "{peak} bytes");
    }
}
