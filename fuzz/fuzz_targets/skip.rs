//! Any bytes as a snapshot whose values are passed over, some from their key on,
//! some behind a few of their parts: the same whole and in chunks, and of a
//! snapshot that can be read, the same keys and spans.
#![no_main]

use aikv::rdb::{Decoder, Event};
use aikv::wire::Limits;
use aikv_fuzz::{Meaning, chunks, seed};
use libfuzzer_sys::fuzz_target;

/// Everything but values, and how it ended.
#[derive(Debug, PartialEq)]
struct Seen {
    heads: Vec<u64>,
    spans: Vec<(u64, u64)>,
    end: Result<String, (String, u64)>,
}

/// Reads on after so many parts of each value as `seed` says; all of it where it is 0.
fn run<'c>(parts: impl Iterator<Item = &'c [u8]>, seed: u64) -> Seen {
    let mut decoder = Decoder::with_limits(Limits { max_item_bytes: 1 << 20 });
    let mut heads = Meaning::default();
    let (mut spans, mut keys, mut read) = (Vec::new(), 0, 0);
    for mut input in parts {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => {
                    let error = decoder.dress(fault);
                    return Seen { heads: heads.events, spans, end: Err((format!("{:?}", error.kind()), error.offset())) };
                }
            };
            input = &input[step.consumed..];
            let Some(event) = step.event else {
                if input.is_empty() {
                    break;
                }
                continue;
            };
            match event {
                Event::Value(_) => read += 1,
                Event::Key(_) => (keys, read) = (keys + 1, 0),
                Event::KeyEnd { span } => spans.push((span.start, span.end)),
                _ => {}
            }
            let is_within = matches!(event, Event::Key(_) | Event::Value(_));
            if !matches!(event, Event::Value(_)) {
                heads.add(&event).expect("only values have elements");
            }
            // 0 to 3 parts, or 7: of most values, that is all of it.
            if seed != 0 && is_within && read == [0, 1, 2, 0, 3, 0, 7, 0][(seed >> (keys % 60)) as usize % 8] {
                decoder.skip_value();
            }
        }
    }
    let end = decoder.finish().map_err(|error| (format!("{:?}", error.kind()), error.offset()));
    Seen { heads: heads.events, spans, end: end.map(|summary| format!("{summary:?}")) }
}

fuzz_target!(|bytes: &[u8]| {
    let seed = seed(bytes) | 1;
    let whole = run(std::iter::once(bytes), seed);
    assert_eq!(whole, run(chunks(bytes), seed), "whole and in chunks");
    let read = run(std::iter::once(bytes), 0);
    // What is passed over is not checked, so more can be passed over than read.
    if read.end.is_ok() {
        assert_eq!(whole, read, "passed over and read");
    }
});
