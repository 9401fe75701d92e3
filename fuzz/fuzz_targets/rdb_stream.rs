//! Any bytes as a snapshot: no panic, bounded memory, and the same events and
//! the same error whether they come whole or in chunks, strictly and leniently.
//! What is read strictly is read leniently too, with nothing to pass over.
#![no_main]

use aikv::rdb::Decoder;
use aikv::wire::Limits;
use aikv_fuzz::{Growing, Outcome, chunks, walk};
use libfuzzer_sys::fuzz_target;
use std::hash::Hash;

fn decoder() -> Decoder {
    Decoder::with_limits(Limits { max_item_bytes: 1 << 20 })
}

fn run<'c>(mut decoder: Decoder, parts: impl Iterator<Item = &'c [u8]>, len: usize) -> Outcome {
    let mut growing = Growing::default();
    for mut input in parts {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => {
                    let error = decoder.dress(fault);
                    assert_eq!(
                        decoder.step(input).map(|step| step.consumed).map_err(|again| decoder.dress(again)),
                        Err(error.clone())
                    );
                    return growing.end(Err(error), len);
                }
            };
            input = &input[step.consumed..];
            let has_event = step.event.is_some();
            if let Some(event) = step.event {
                growing.events += 1;
                growing.raw_bytes += step.raw.len() as u64;
                step.raw.hash(&mut growing.hasher);
                if let Err(fault) = walk(&event, &mut growing.hasher) {
                    growing.deviations.extend(decoder.deviations());
                    return growing.end(Err(decoder.dress(fault)), len);
                }
            }
            growing.deviations.extend(decoder.deviations());
            if !has_event && input.is_empty() {
                break;
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
    let strict = run(decoder(), std::iter::once(bytes), bytes.len());
    assert_eq!(strict, run(decoder(), chunks(bytes), bytes.len()), "strictly, whole and in chunks");
    assert_eq!(strict.deviations, []);
    let lenient = run(decoder().leniently(), std::iter::once(bytes), bytes.len());
    assert_eq!(lenient, run(decoder().leniently(), chunks(bytes), bytes.len()), "leniently, whole and in chunks");
    if strict.end.is_ok() {
        assert_eq!(strict, lenient, "strictly and leniently");
    } else if lenient.end.is_ok() {
        assert_ne!(lenient.deviations, [], "what is refused is told");
    }
});
