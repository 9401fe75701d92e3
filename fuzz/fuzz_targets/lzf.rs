//! Any bytes as a compressed string, against an expansion one byte at a time.
//! The first two bytes are the length that the string states.
#![no_main]

use aikv::rdb::{Decoder, Event, Part};
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

fuzz_target!(|bytes: &[u8]| {
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
