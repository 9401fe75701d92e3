//! Any bytes as a log: no panic, bounded memory, the same events and the same
//! end whether they come whole or in chunks, and never more that is whole than
//! there are bytes.
#![no_main]

use aikv::aof::{Decoder, Event};
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
                Err(fault) => return growing.end(Err(decoder.dress(fault)), len),
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
            match event {
                Event::Snapshot(event) => {
                    if let Err(fault) = walk(&event, &mut growing.hasher) {
                        return growing.end(Err(decoder.dress(fault)), len);
                    }
                }
                Event::Command(command) => {
                    assert_eq!(command.args().count() as u64, command.argc());
                    for argument in command.args() {
                        argument.hash(&mut growing.hasher);
                    }
                }
                event => format!("{event:?}").hash(&mut growing.hasher),
            }
        }
    }
    let summary = decoder.summary();
    assert!(summary.valid_up_to <= len as u64 && summary.verified_up_to <= len as u64);
    let end = decoder.finish();
    if let Ok(summary) = &end {
        assert_eq!(summary.valid_up_to, len as u64, "a whole log is whole to its end");
    }
    growing.end(end.map(|summary| format!("{summary:?}")), len)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = run(std::iter::once(bytes), bytes.len());
    let cut = run(chunks(bytes), bytes.len());
    assert_eq!(whole, cut);
});
