//! Any bytes as a file that may be compressed: no panic, and the same output and end whole and in chunks.
#![no_main]

use aikv::unpack::Unpacker;
use aikv_fuzz::chunks;
use libfuzzer_sys::fuzz_target;
use std::hash::{DefaultHasher, Hasher};

/// Small inputs may unpack to much: no more of it is looked at than this.
const MAX_BYTES: u64 = 8 << 20;

fn unpack<'c>(chunks: impl Iterator<Item = &'c [u8]>) -> (u64, u64, String) {
    let mut unpacker = Unpacker::with_max_window(1 << 20);
    let mut hasher = DefaultHasher::new();
    let mut bytes = 0;
    for mut rest in chunks {
        loop {
            match unpacker.step(rest) {
                Ok(step) => {
                    rest = &rest[step.consumed..];
                    let kept = (step.output.len() as u64).min(MAX_BYTES - bytes);
                    // Byte by byte: where an output ends depends on the chunks.
                    step.output[..kept as usize].iter().for_each(|byte| hasher.write_u8(*byte));
                    bytes += kept;
                    if bytes == MAX_BYTES {
                        return (bytes, hasher.finish(), String::new());
                    }
                    if step.output.is_empty() || (rest.is_empty() && unpacker.is_plain()) {
                        break;
                    }
                }
                Err(error) => return (bytes, hasher.finish(), error.to_string()),
            }
        }
    }
    let end = unpacker.finish().map_or_else(|error| error.to_string(), |()| format!("{:?}", unpacker.codec()));
    (bytes, hasher.finish(), end)
}

fuzz_target!(|bytes: &[u8]| assert_eq!(unpack(std::iter::once(bytes)), unpack(chunks(bytes))));
