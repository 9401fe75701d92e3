//! Any bytes as a compressed string, against an expansion one byte at a time.
//! The first two bytes are the length that the string states.
//!
//! And any bytes as a string to compress: they come back.
#![no_main]

use aikv::rdb::{Decoder, DumpEncoder, DumpPayload, Event, Eviction, Key, Part, Span, ValueType, Version, ZeroChecksum};
use aikv::wire::Scalar;
use libfuzzer_sys::fuzz_target;

/// By the description of the format alone.
fn slow(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut input = packed.iter().map(|byte| usize::from(*byte));
    while let Some(control) = input.next() {
        if control < 32 {
            for _ in 0..=control {
                out.push(input.next()? as u8);
            }
        } else {
            let mut len = control >> 5;
            if len == 7 {
                len += input.next()?;
            }
            let distance = ((control & 31) << 8) + input.next()? + 1;
            let from = out.len().checked_sub(distance)?;
            for at in from..from + len + 2 {
                out.push(out[at]);
            }
        }
    }
    Some(out)
}

fn fast(packed: &[u8], len: u32) -> Option<Vec<u8>> {
    let mut file = b"REDIS0011\x00\x01k\xc3\x80".to_vec();
    file.extend_from_slice(&(packed.len() as u32).to_be_bytes());
    file.push(0x80);
    file.extend_from_slice(&len.to_be_bytes());
    file.extend_from_slice(packed);
    let mut decoder = Decoder::new();
    let mut input = &file[..];
    loop {
        let step = decoder.step(input).ok()?;
        input = &input[step.consumed..];
        match step.event? {
            Event::Value(Part::Bytes { piece, .. }) => return Some(piece.to_vec()),
            _ => {}
        }
    }
}

/// Compresses a string as its payload and reads it back.
fn compress(text: &[u8]) {
    let mut encoder = DumpEncoder::new(Version::redis(10));
    let mut payload = Vec::new();
    let key =
        Key { key: Scalar::Bytes(b""), value_type: ValueType::STRING, db: 0, expires_at_ms: None, eviction: Eviction::None };
    for event in [
        Event::Key(key),
        Event::Value(Part::Bytes { piece: Scalar::Bytes(text), left: 0 }),
        Event::KeyEnd { span: Span::default() },
    ] {
        encoder.write(&event, &mut payload).expect("every version has strings");
    }
    encoder.finish(&mut payload).expect("the value is whole");
    assert!(payload.len() <= text.len() + 16, "{} bytes took {}", text.len(), payload.len());
    let payload = DumpPayload::parse(&payload, ZeroChecksum::Compared).expect("it was sealed");
    let mut again = Vec::new();
    let read = payload.each(|event, _| {
        if let Event::Value(Part::Bytes { piece, .. }) = event {
            piece.push_to(&mut again);
        }
        Ok(())
    });
    read.expect("what was written is read");
    assert_eq!(again, text);
    if let [_, 0xc3, stored @ ..] = payload.body() {
        let (_, stored) = length(stored);
        let (len, stored) = length(stored);
        assert_eq!((len, slow(stored).as_deref()), (text.len(), Some(text)), "expanded one byte at a time");
    }
}

/// A length in front of `bytes`.
fn length(bytes: &[u8]) -> (usize, &[u8]) {
    match bytes {
        [lead @ ..=0x3f, rest @ ..] => (usize::from(*lead), rest),
        [lead @ ..=0x7f, low, rest @ ..] => (usize::from(lead & 0x3f) << 8 | usize::from(*low), rest),
        [0x80, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest),
        other => panic!("no length: {other:02x?}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    compress(bytes);
    // Text that repeats itself is what compresses.
    compress(&bytes.repeat(3));
    let Some((len, packed)) = bytes.split_first_chunk() else { return };
    let expected = slow(packed).filter(|out| !out.is_empty());
    // The length that is right is tried too, or nearly every input would only be too long or too short.
    let stated = u32::from(u16::from_le_bytes(*len));
    let right = expected.as_ref().map_or(stated, |out| out.len() as u32);
    for len in [stated, right] {
        let expected = expected.as_ref().filter(|out| out.len() as u32 == len);
        assert_eq!(fast(packed, len).as_ref(), expected, "{packed:02x?} to {len} bytes");
    }
});
