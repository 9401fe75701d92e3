use super::backlen::{BacklenForm, has_form, rewrite};
use super::*;
use crate::pack::MAX_BYTES;
use alloc::vec::Vec;

fn blob(entries: &[u8], count: u16) -> Vec<u8> {
    let mut blob = ((entries.len() + 7) as u32).to_le_bytes().to_vec();
    blob.extend_from_slice(&count.to_le_bytes());
    blob.extend_from_slice(entries);
    blob.push(0xff);
    blob
}

fn decode(blob: &[u8]) -> Result<Vec<Vec<u8>>, (FaultKind, u64)> {
    let mut entries = ListpackEntries::new(blob, Reading::Strict);
    let mut out = Vec::new();
    open(blob, Reading::Strict).map_err(|f| (f.kind(), f.blob_offset().unwrap()))?;
    loop {
        match entries.next() {
            Ok(Some(value)) => out.push(value.to_vec()),
            Ok(None) => return Ok(out),
            Err(fault) => return Err((fault.kind(), fault.blob_offset().unwrap())),
        }
    }
}

/// A list of `a b c 1 2 300 -5000` as Redis 7.0.15 dumps it.
#[test]
fn list_of_a_real_server() {
    let blob = [
        0x1b, 0, 0, 0, 0x07, 0, 0x81, 0x61, 2, 0x81, 0x62, 2, 0x81, 0x63, 2, 1, 1, 2, 1, 0xc1, 0x2c, 2, 0xf1, 0x78, 0xec, 3, 0xff,
    ];
    assert_eq!(decode(&blob).unwrap(), [&b"a"[..], b"b", b"c", b"1", b"2", b"300", b"-5000"]);
}

fn build(entries: &[&[u8]]) -> Vec<u8> {
    let mut builder = ListpackBuilder::new(BacklenForm::Wide);
    for entry in entries {
        assert!(builder.push(Scalar::Bytes(entry)));
    }
    assert_eq!(builder.count(), entries.len() as u64);
    let len = builder.len_bytes();
    let built = builder.finish().to_vec();
    assert_eq!(built.len(), len);
    built
}

/// As Redis 7.0.15 dumps them.
#[test]
fn listpacks_are_built_as_a_real_server_does() {
    let list = [
        0x1b, 0, 0, 0, 0x07, 0, 0x81, 0x61, 2, 0x81, 0x62, 2, 0x81, 0x63, 2, 1, 1, 2, 1, 0xc1, 0x2c, 2, 0xf1, 0x78, 0xec, 3, 0xff,
    ];
    assert_eq!(build(&[b"a", b"b", b"c", b"1", b"2", b"300", b"-5000"]), list);
    let hash = [0x12, 0, 0, 0, 4, 0, 0x81, 0x66, 2, 0x81, 0x76, 2, 0x81, 0x6e, 2, 1, 1, 0xff];
    assert_eq!(build(&[b"f", b"v", b"n", b"1"]), hash);
    let zset = [0x14, 0, 0, 0, 4, 0, 0x81, 0x61, 2, 0x83, 0x31, 0x2e, 0x35, 4, 0x81, 0x62, 2, 2, 1, 0xff];
    assert_eq!(build(&[b"a", b"1.5", b"b", b"2"]), zset);
}

#[test]
fn the_first_entry_is_replaced_by_an_integer_of_any_size() {
    for int in [0i64, 1, 127, 128, 5000, -1, 70_000, i64::MAX] {
        let mut builder = ListpackBuilder::new(BacklenForm::Wide);
        for entry in [&b"300"[..], b"a", b"7"] {
            assert!(builder.push(Scalar::Bytes(entry)));
        }
        builder.set_first(int);
        assert_eq!(builder.finish(), build(&[alloc::string::ToString::to_string(&int).as_bytes(), b"a", b"7"]), "{int}");
    }
}

#[test]
fn text_that_is_no_canonical_integer_stays_text() {
    for text in [&b""[..], b"007", b"-0", b"+1", b" 1", b"1e3", b"9223372036854775808", b"18446744073709551616"] {
        let built = build(&[text]);
        assert_eq!(built[6], 0x80 | text.len() as u8);
        assert_eq!(decode(&built).unwrap(), [text]);
    }
    let mut builder = ListpackBuilder::new(BacklenForm::Wide);
    assert!(builder.push(Scalar::Int(i64::MIN)));
    assert_eq!(builder.finish(), build(&[b"-9223372036854775808"]), "an integer is its text");
}

/// The integer limits of the format, on both sides.
#[test]
fn integers_take_the_smallest_form() {
    for (int, size) in [
        (0, 1),
        (127, 1),
        (128, 2),
        (4095, 2),
        (4096, 3),
        (-1, 2),
        (-4096, 2),
        (-4097, 3),
        (32767, 3),
        (32768, 4),
        (-32768, 3),
        (-32769, 4),
        (8_388_607, 4),
        (8_388_608, 5),
        (-8_388_608, 4),
        (-8_388_609, 5),
        (2_147_483_647, 5),
        (2_147_483_648, 9),
        (-2_147_483_648, 5),
        (-2_147_483_649, 9),
        (i64::MAX, 9),
        (i64::MIN, 9),
    ] {
        let mut builder = ListpackBuilder::new(BacklenForm::Wide);
        assert!(builder.push(Scalar::Int(int)));
        let built = builder.finish();
        assert_eq!(built.len(), HEADER + size + 1 + 1, "{int}");
        let mut entries = ListpackEntries::new(built, Reading::Strict);
        assert_eq!(entries.next().unwrap(), Some(Scalar::Int(int)));
        assert_eq!(entries.next().unwrap(), None);
    }
}

/// The string limits of the format, and those of the backward length.
#[test]
fn strings_take_the_smallest_form() {
    for (len, head, back) in [
        (0, 1, 1),
        (63, 1, 1),
        (64, 2, 1),
        (125, 2, 1),
        (126, 2, 2),
        (4095, 2, 2),
        (4096, 5, 2),
        (16_377, 5, 2),
        (16_378, 5, 3),
        (2_097_145, 5, 3),
        (2_097_146, 5, 4),
    ] {
        let text = alloc::vec![b'x'; len];
        let built = build(&[&text, b"1"]);
        assert_eq!(built.len(), HEADER + head + len + back + 2 + 1, "{len} bytes");
        assert_eq!(decode(&built).unwrap(), [&text[..], b"1"]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "65536 entries")]
fn a_count_that_does_not_fit_is_unknown() {
    let mut builder = ListpackBuilder::new(BacklenForm::Wide);
    for count in 1..=65_536u64 {
        assert!(builder.push(Scalar::Bytes(b"")));
        let header = [builder.finish()[4], builder.finish()[5]];
        assert_eq!(u64::from(u16::from_le_bytes(header)), count.min(65_535));
    }
    assert_eq!(decode(builder.finish()).unwrap().len(), 65_536);
}

#[test]
fn a_builder_is_used_again() {
    let mut builder = ListpackBuilder::new(BacklenForm::Wide);
    assert_eq!(builder.finish(), [7, 0, 0, 0, 0, 0, 0xff], "empty");
    assert!(builder.push(Scalar::Bytes(b"gone")));
    builder.finish();
    builder.clear();
    assert!(builder.push(Scalar::Int(5)));
    builder.finish();
    assert!(builder.push(Scalar::Int(6)), "an entry behind a whole listpack");
    assert_eq!(builder.finish(), blob(&[5, 1, 6, 1], 2));
}

#[test]
#[cfg_attr(miri, ignore = "holds a GiB")]
fn no_listpack_grows_past_what_servers_allow() {
    let mut builder = ListpackBuilder::new(BacklenForm::Wide);
    let rest = MAX_BYTES - builder.len_bytes();
    // Five bytes of length before the text, five of backward length behind.
    let text = alloc::vec![0; rest - 5 - 5 + 1];
    assert!(!builder.push(Scalar::Bytes(&text)));
    assert_eq!((builder.count(), builder.len_bytes()), (0, 7), "nothing was appended");
}

#[test]
fn integers_at_their_extremes() {
    let cases: &[(&[u8], i64)] = &[
        (&[0x7f, 1], 127),
        (&[0xcf, 0xff, 2], 4095),
        (&[0xd0, 0x00, 2], -4096),
        (&[0xdf, 0xff, 2], -1),
        (&[0xf1, 0xff, 0x7f, 3], 32767),
        (&[0xf1, 0x00, 0x80, 3], -32768),
        (&[0xf2, 0xff, 0xff, 0x7f, 4], 8_388_607),
        (&[0xf2, 0x00, 0x00, 0x80, 4], -8_388_608),
        (&[0xf3, 0xff, 0xff, 0xff, 0x7f, 5], 2_147_483_647),
        (&[0xf4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 9], i64::MAX),
        (&[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9], i64::MIN),
    ];
    for (bytes, value) in cases {
        let blob = blob(bytes, 1);
        let mut entries = ListpackEntries::new(&blob, Reading::Strict);
        assert_eq!(entries.next().unwrap(), Some(Scalar::Int(*value)));
    }
}

#[test]
fn backward_lengths_change_size_where_the_reference_does() {
    for (size, wide, narrow) in [
        (1, 1, 1),
        (127, 1, 1),
        (128, 2, 2),
        (16_382, 2, 2),
        (16_383, 3, 2),
        (16_384, 3, 3),
        (2_097_150, 3, 3),
        (2_097_151, 4, 3),
        (2_097_152, 4, 4),
        (268_435_454, 4, 4),
        (268_435_455, 5, 4),
        (268_435_456, 5, 5),
    ] {
        assert_eq!(BacklenForm::Wide.write(size, &mut [0; 5]).len(), wide, "size {size}");
        assert_eq!(BacklenForm::Narrow.write(size, &mut [0; 5]).len(), narrow, "size {size}");
    }
    assert_eq!(BacklenForm::Wide.write(128, &mut [0; 5]), [0x01, 0x80]);
    assert_eq!(BacklenForm::Wide.write(16_383, &mut [0; 5]), [0x00, 0xff, 0xff]);
    assert_eq!(BacklenForm::Narrow.write(16_383, &mut [0; 5]), [0x7f, 0xff]);
}

/// As Valkey 9.1.2 and Redis 8.6.3 save a string of 16378 bytes in a hash: each refuses the other's file.
#[test]
fn both_backward_lengths_of_an_entry_of_16383_bytes_are_read() {
    let text = std::vec![b'x'; 16_378];
    let entry = |back: &[u8]| [b"\xf0\xfa\x3f\0\0", &text[..], back, b"\x01\x01"].concat();
    for back in [&b"\x7f\xff"[..], b"\x00\xff\xff"] {
        let blob = blob(&entry(back), 2);
        assert_eq!(decode(&blob).unwrap(), [text.clone(), b"1".to_vec()]);
        let mut again = ListpackEntries::new(&blob, Reading::Strict).again();
        assert_eq!(again.next().map(|text| text.to_vec()), Some(text.clone()));
        assert_eq!((again.next().map(|text| text.to_vec()), again.next()), (Some(b"1".to_vec()), None));
    }
    for wrong in [&b"\x7f\xfe"[..], b"\x00\xff"] {
        assert_eq!(decode(&blob(&entry(wrong), 2)), Err((FaultKind::Packed, 6)), "{wrong:?}");
    }
    assert!(decode(&blob(&entry(b"\x7f\xff\xff"), 2)).is_err(), "two bytes say that it ends there");
}

/// The two of the test above, and two texts around them whose backward length has one form only.
#[test]
fn a_listpack_of_one_form_becomes_that_of_the_other() {
    let text = std::vec![b'x'; 16_379];
    let packed = |form| {
        let mut builder = ListpackBuilder::new(form);
        for text in [&text[1..], &text[..], b"1", &text[2..], &text[1..]] {
            assert!(builder.push(Scalar::Bytes(text)));
        }
        builder.finish().to_vec()
    };
    let (wide, narrow) = (packed(BacklenForm::Wide), packed(BacklenForm::Narrow));
    assert_eq!((wide.len(), &wide[6 + 16_383..][..3]), (narrow.len() + 2, &b"\x00\xff\xff"[..]));
    assert_eq!(narrow[6 + 16_383..][..2], b"\x7f\xff"[..]);
    for (from, form, to) in [(&wide, BacklenForm::Wide, &narrow), (&narrow, BacklenForm::Narrow, &wide)] {
        assert!(has_form(from, form) && !has_form(from, form.other()));
        let mut out = Vec::new();
        rewrite(from, form.other(), &mut out);
        assert_eq!(out, *to);
        rewrite(from, form, &mut out);
        assert_eq!(out, *from);
        // An entry of no known encoding in front of the end.
        let broken = |blob: &[u8]| [&blob[4..blob.len() - 1], b"\xf5rest\xff"].concat();
        rewrite(&[&from[..4], &broken(from)].concat(), form.other(), &mut out);
        assert_eq!(out[4..], broken(to), "what cannot be read stays");
    }
    let other = [&text[..], &text[2..], &text[..100]].map(|text| build(&[text]));
    assert!(other.iter().all(|blob| !has_form(blob, BacklenForm::Wide) && !has_form(blob, BacklenForm::Narrow)));
}

#[test]
fn faults_name_their_byte() {
    assert_eq!(decode(&[7, 0, 0, 0, 0, 0]), Err((FaultKind::Packed, 0)), "shorter than a header");
    assert_eq!(decode(&[8, 0, 0, 0, 0, 0, 0xff]), Err((FaultKind::Packed, 0)), "wrong total");
    assert_eq!(decode(&[8, 0, 0, 0, 1, 0, 1, 1]), Err((FaultKind::Packed, 7)), "no end byte");
    assert_eq!(decode(&blob(&[1, 1, 2, 1], 3)), Err((FaultKind::Packed, 4)), "count too large");
    assert_eq!(decode(&blob(&[1, 1, 2, 1], 1)), Err((FaultKind::Packed, 4)), "count too small");
    assert_eq!(decode(&blob(&[1, 1, 2, 1], 65535)).unwrap().len(), 2);
    assert_eq!(decode(&blob(&[1, 1, 0xf5, 1], 2)), Err((FaultKind::Encoding, 8)), "undefined encoding");
    assert_eq!(decode(&blob(&[1, 2], 1)), Err((FaultKind::Packed, 6)), "wrong backward length");
    assert_eq!(decode(&blob(&[0xff, 1, 1], 1)), Err((FaultKind::Packed, 6)), "end byte before the end");
    assert_eq!(decode(&blob(&[0xf0, 0xf0, 0xff, 0xff, 0xff], 1)), Err((FaultKind::Packed, 6)), "length wraps on 32 bits");
    assert_eq!(decode(&blob(&[0xbf, 1, 1], 1)), Err((FaultKind::Packed, 6)), "string past the end");
}
