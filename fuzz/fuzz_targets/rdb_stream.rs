//! Any bytes as a snapshot: no panic, bounded memory, and the same events and
//! the same error whether they come whole or in chunks.
#![no_main]

use aikv::rdb::Decoder;
use aikv::wire::Limits;
use aikv_fuzz::{Growing, Outcome, chunks, walk};
use libfuzzer_sys::fuzz_target;
use std::hash::Hash;

fn run<'c>(parts: impl Iterator<Item = &'c [u8]>, len: usize) -> Outcome {
    let mut growing = Growing::default();
    let mut decoder = Decoder::with_limits(Limits { max_item_bytes: 1 << 20 });
    for mut input in parts {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => {
                    let error = decoder.dress(fault);
                    assert_eq!(decoder.step(input).map(|step| step.consumed).map_err(|again| decoder.dress(again)), Err(error.clone()));
                    return growing.end(Err(error), len);
                }
            };
            input = &input[step.consumed..];
            let Some(event) = step.event else {
                if input.is_empty() {
                    break;
                }
                continue;
            };
            growing.events += 1;
            growing.raw_bytes += step.raw.len() as u64;
            step.raw.hash(&mut growing.hasher);
            if let Err(fault) = walk(&event, &mut growing.hasher) {
                return growing.end(Err(decoder.dress(fault)), len);
            }
        }
    }
    let offset = decoder.offset();
    assert!(offset <= len as u64);
    let end = decoder.finish();
    if end.is_ok() {
        assert_eq!(growing.raw_bytes, offset, "the steps are the snapshot");
    }
    growing.end(end.map(|summary| format!("{summary:?}")), len)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = run(std::iter::once(bytes), bytes.len());
    let cut = run(chunks(bytes), bytes.len());
    assert_eq!(whole, cut);
});
