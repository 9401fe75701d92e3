//! Files that are compressed as a whole, made by gzip, zstd and lz4 (`tests/data/compressed/make.sh`).

#![cfg(feature = "unpack")]

mod common;

use aikv::kind::Codec;
use aikv::unpack::Unpacker;
use aikv::{Error, ErrorKind};
use common::data;
use std::fs;

const SQUARES: [&str; 9] = [
    "fields.gz",
    "frames.lz4",
    "frames.zst",
    "linked.lz4",
    "members.gz",
    "squares.gz",
    "squares.lz4",
    "squares.zst",
    "window.zst",
];

fn file(name: &str) -> Vec<u8> {
    fs::read(data().join("compressed").join(name)).unwrap()
}

/// What `make.sh` has compressed.
fn squares() -> Vec<u8> {
    (1..=60_000u64).flat_map(|i| format!("{}\n", i * i % 997).into_bytes()).collect()
}

/// Unpacks a file from chunks of one size: all output, and how it ended.
fn unpack_with(mut unpacker: Unpacker, file: &[u8], chunk: usize) -> (Vec<u8>, Result<Option<Codec>, Error>) {
    let mut all = Vec::new();
    for chunk in file.chunks(chunk.max(1)) {
        let mut rest = chunk;
        loop {
            let step = match unpacker.step(rest) {
                Ok(step) => step,
                Err(error) => return (all, Err(error)),
            };
            all.extend_from_slice(step.output);
            rest = &rest[step.consumed..];
            if step.output.is_empty() || (rest.is_empty() && unpacker.is_plain()) {
                assert!(rest.is_empty(), "a step without output takes all its input");
                break;
            }
        }
    }
    assert_eq!(unpacker.unpacked_bytes(), all.len() as u64);
    let end = unpacker.finish().map(|()| unpacker.codec());
    (all, end)
}

fn unpack(file: &[u8], chunk: usize) -> (Vec<u8>, Result<Option<Codec>, Error>) {
    unpack_with(Unpacker::new(), file, chunk)
}

fn failure(file: &[u8]) -> Error {
    unpack(file, file.len()).1.expect_err("the file is damaged")
}

fn codec(name: &str) -> Codec {
    match name.rsplit('.').next() {
        Some("gz") => Codec::Gzip,
        Some("lz4") => Codec::Lz4,
        _ => Codec::Zstd,
    }
}

#[test]
fn files_of_real_tools_unpack_from_chunks_of_any_size() {
    let squares = squares();
    for name in SQUARES {
        let file = file(name);
        for chunk in [1, 2, 3, 7, 64, file.len()] {
            let (all, end) = unpack(&file, chunk);
            assert_eq!(end, Ok(Some(codec(name))), "{name}, chunks of {chunk}");
            assert!(all == squares, "{name}, chunks of {chunk}: {} bytes", all.len());
        }
    }
}

#[test]
fn other_files_pass_as_they_are() {
    for file in
        [&b""[..], b"R", b"REDIS0011\xfa\x00", b"P*M", b"PK\x03\x04 and more", b"\x04\x22 and more", b"*1\r\n$4\r\nPING\r\n"]
    {
        for chunk in [1, 2, 5, 100] {
            let (all, end) = unpack(file, chunk);
            // Three bytes of a magic and the end: nothing tells them from a file that is cut.
            let expected = if file == b"R" || file == b"P*M" { None } else { Some(Ok(None)) };
            if let Some(expected) = expected {
                assert_eq!((all.as_slice(), &end), (file, &expected), "{}", file.escape_ascii());
            } else {
                assert_eq!(end.unwrap_err().code(), "truncated");
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_is_truncated_where_it_ends() {
    for name in ["nocompress.rdb.gz", "nocompress.rdb.zst", "nocompress.rdb.lz4", "frames.zst", "frames.lz4", "members.gz"] {
        let file = file(name);
        let step = if name.starts_with("nocompress") { 1 } else { 97 };
        for len in (1..file.len()).step_by(step) {
            let (_, end) = unpack(&file[..len], 1000);
            let error = end.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{name}, {len} bytes: {error}");
            assert_eq!(error.offset(), len as u64, "{name}");
        }
    }
}

#[test]
fn a_file_may_end_behind_any_frame() {
    // The first member, and a skippable frame with the first frame.
    let squares = squares();
    let members = file("members.gz");
    let second = (1..members.len()).find(|at| members[*at..].starts_with(b"\x1f\x8b\x08\0")).unwrap();
    assert_eq!(unpack(&members[..second], 50), (squares[..100_000].to_vec(), Ok(Some(Codec::Gzip))));
    let frames = file("frames.zst");
    let second = (1..frames.len()).find(|at| frames[*at..].starts_with(b"\x53\x2a\x4d\x18")).unwrap();
    assert_eq!(unpack(&frames[..second], 50), (squares[..100_000].to_vec(), Ok(Some(Codec::Zstd))));
    assert_eq!(unpack(&frames[..13], 50), (Vec::new(), Ok(None)), "nothing but a skippable frame");
}

#[test]
fn damage_is_the_same_in_chunks_of_any_size() {
    for name in
        ["nocompress.rdb.gz", "nocompress.rdb.zst", "nocompress.rdb.lz4", "fields.gz", "frames.zst", "linked.lz4", "frames.lz4"]
    {
        let whole = file(name);
        let step = if name.starts_with("nocompress") { 1 } else { 397 };
        let mut found = 0;
        for at in (0..whole.len()).step_by(step) {
            let mut file = whole.clone();
            file[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
            let expected = unpack(&file, file.len());
            for chunk in [1, 7] {
                let (all, end) = unpack(&file, chunk);
                assert_eq!(end, expected.1, "{name}, byte {at}, chunks of {chunk}");
                assert!(all == expected.0, "{name}, byte {at}, chunks of {chunk}");
            }
            found += usize::from(expected.1.is_err());
        }
        assert!(found > whole.len() / step / 3, "{name}: only {found} of the changes were found");
    }
}

#[test]
fn checksums_are_compared() {
    let changed = |name: &str, from_end: usize| {
        let mut file = file(name);
        let at = file.len() - from_end;
        file[at] ^= 1;
        (failure(&file), file.len() as u64)
    };
    let (error, len) = changed("squares.gz", 8);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", len - 8));
    let (error, len) = changed("squares.gz", 4);
    assert_eq!((error.code(), error.offset()), ("bad-length", len - 4));
    let (error, len) = changed("squares.zst", 1);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", len - 4));
    let (error, len) = changed("squares.lz4", 1);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", len - 4));
    let mut file = file("fields.gz");
    file[4] ^= 1;
    let error = failure(&file);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", 36), "of the header: 10 + 8 + 8 + 10 bytes");
    let mut linked = self::file("linked.lz4");
    linked[100] ^= 1;
    let error = failure(&linked);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", 15), "of the first block, behind a header of 15 bytes");
    let mut header = self::file("linked.lz4");
    header[6] ^= 1;
    let error = failure(&header);
    assert_eq!((error.code(), error.offset()), ("bad-checksum", 0), "of the header");
}

#[test]
fn a_wrong_content_size_is_found() {
    // Squares in one segment: its size is of 4 bytes behind magic and descriptor.
    let mut file = file("squares.zst");
    assert_eq!((file[4] & 0x20, file[4] >> 6), (0x20, 2), "a single segment, a size of four bytes");
    file[5] += 1;
    let error = failure(&file);
    assert_eq!(error.code(), "bad-length");
    assert!(error.to_string().contains("expected the length of the content"), "{error}");
}

#[test]
fn a_window_beyond_the_limit_is_refused() {
    let file = file("window.zst");
    let (_, end) = unpack_with(Unpacker::with_max_window(32 << 10), &file, 100);
    assert_eq!(end, Ok(Some(Codec::Zstd)), "the window is of 32 KiB");
    let (_, end) = unpack_with(Unpacker::with_max_window((32 << 10) - 1), &file, 100);
    let error = end.unwrap_err();
    assert_eq!((error.code(), error.offset()), ("limit-exceeded", 0));
    // A window of 2 GiB, as `zstd --long=31` asks for.
    let error = failure(b"\x28\xb5\x2f\xfd\x00\xa8\x01\0\0");
    assert_eq!(error.to_string(), "expected a zstd window within the limit, found 2147483648: byte 0");
}

#[test]
fn frames_that_need_a_dictionary_are_refused() {
    let error = failure(b"\x28\xb5\x2f\xfd\x21\x07\x00\x01\0\0");
    assert_eq!(error.to_string(), "expected a zstd frame without a dictionary, found 7: byte 0");
    let error = failure(b"\x04\x22\x4d\x18\x41\x40\x07\0\0\0\0");
    assert_eq!(error.to_string(), "expected an LZ4 frame without a dictionary, found byte 41: byte 0");
}

#[test]
fn what_is_not_defined_is_refused() {
    for (file, expected) in [
        (&b"\x1f\x8b\x07\0\0\0\0\0\0\0"[..], "expected a gzip member packed by deflate (08), found byte 07: byte 0"),
        (b"\x1f\x8b\x08\x80\0\0\0\0\0\0", "expected a gzip member without reserved flags, found byte 80: byte 0"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff", "expected deflate data, found other bytes: byte 11"),
        (b"\x28\xb5\x2f\xfd\x28\0\x01\0\0", "expected a zstd frame without the reserved flag, found byte 28: byte 0"),
        (b"\x28\xb5\x2f\xfd\x20\0\x07\0\0", "expected a zstd block, found other bytes: byte 6"),
        (b"\x28\xb5\x2f\xfd\x20\0\xff\xff\xff", "expected a zstd block of at most 128 KiB, found 2097151: byte 6"),
        (b"\x04\x22\x4d\x18\x80\x40\0", "expected the flags of an LZ4 frame of version 1, found byte 80: byte 0"),
        (b"\x04\x22\x4d\x18\x40\x30\0", "expected the largest size of LZ4 blocks (40, 50, 60, 70), found byte 30: byte 0"),
    ] {
        assert_eq!(failure(file).to_string(), expected);
    }
}

#[test]
fn only_frames_of_one_kind_follow_each_other() {
    let (gzip, zstd) = (file("nocompress.rdb.gz"), file("nocompress.rdb.zst"));
    let snapshot = fs::read(data().join("redis-7.0/nocompress.rdb")).unwrap();
    let padded = [gzip.as_slice(), &[0; 700]].concat();
    assert_eq!(unpack(&padded, 50), (snapshot.clone(), Ok(Some(Codec::Gzip))), "zeros behind gzip are no member");
    for behind in [&b"garbage"[..], b"\x1f\x8c", &[0, 0, 7], &zstd] {
        let (all, end) = unpack(&[&gzip, behind].concat(), 50);
        assert_eq!(all, snapshot, "all that is whole comes before");
        assert_eq!(end.unwrap_err().code(), "bad-encoding", "{}", behind.escape_ascii());
    }
    for behind in [&b"garbage"[..], &[0], &gzip] {
        let error = unpack(&[&zstd, behind].concat(), 50).1.unwrap_err();
        assert_eq!((error.code(), error.offset()), ("bad-encoding", zstd.len() as u64), "{}", behind.escape_ascii());
    }
}

#[test]
fn nothing_is_unpacked_twice() {
    // A zstd frame of one stored block.
    let wrapped = |inner: &[u8]| {
        let len = u8::try_from(inner.len()).unwrap();
        [b"\x28\xb5\x2f\xfd\x20", &[len, len << 3 | 1, len >> 5, 0][..], inner].concat()
    };
    for chunk in [1, 100] {
        assert_eq!(unpack(&wrapped(b"REDIS0011"), chunk), (b"REDIS0011".to_vec(), Ok(Some(Codec::Zstd))));
        for (inner, found) in [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\x28\xb5\x2f\xfd\x20", "zstd"), (b"\x04\x22\x4d\x18", "lz4")] {
            let error = unpack(&wrapped(inner), chunk).1.unwrap_err();
            assert_eq!(error.code(), "bad-magic");
            assert_eq!(error.to_string(), format!("expected a file that is compressed once, found {found} inside: byte 0"));
        }
    }
}

#[test]
fn a_failure_is_said_again() {
    let mut file = file("squares.zst");
    file[200] ^= 0xff;
    let mut unpacker = Unpacker::new();
    let mut rest = &file[..];
    let error = loop {
        match unpacker.step(rest) {
            Ok(step) => rest = &rest[step.consumed..],
            Err(error) => break error,
        }
    };
    assert_eq!(unpacker.step(b"").unwrap_err(), error);
    assert_eq!(unpacker.finish().unwrap_err(), error);
}
