//! Logs for tests: read whole and in chunks.

use aikv::aof::{Decoder, Summary, write_command};
use aikv::error::Error;

pub(crate) const CHUNKS: [usize; 7] = [1, 2, 3, 7, 64, 4096, usize::MAX];

/// What a log was found to hold: every event with the offset behind it, and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) events: Vec<(u64, String)>,
    pub(crate) end: Result<Summary, Error>,
}

pub(crate) fn decode(bytes: &[u8], chunk: usize) -> Seen {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for mut input in bytes.chunks(chunk.min(bytes.len().max(1))) {
        loop {
            let (consumed, event) = match decoder.step(input) {
                Ok(step) => (step.consumed, step.event.map(|event| format!("{event:?}"))),
                Err(fault) => {
                    let error = decoder.dress(fault);
                    assert_eq!(decoder.step(input).map(|_| ()).map_err(|again| decoder.dress(again)), Err(error.clone()));
                    assert_eq!(decoder.finish(), Err(error.clone()), "finish says it again");
                    return Seen { events, end: Err(error) };
                }
            };
            input = &input[consumed..];
            match event {
                Some(event) => events.push((decoder.offset(), event)),
                None if input.is_empty() => break,
                None => {}
            }
        }
    }
    let before = decoder.summary();
    let end = decoder.finish();
    match &end {
        Ok(summary) => assert_eq!(*summary, before),
        Err(error) if error.code() == "truncated" && before.valid_up_to > 0 => assert_eq!(error.offset(), before.valid_up_to),
        Err(_) => {}
    }
    Seen { events, end }
}

/// Decodes at every chunk size and demands the same answer.
pub(crate) fn decode_all(bytes: &[u8]) -> Seen {
    let whole = decode(bytes, usize::MAX);
    for chunk in CHUNKS {
        assert_eq!(decode(bytes, chunk), whole, "chunks of {chunk}: {}", bytes[..bytes.len().min(200)].escape_ascii());
    }
    whole
}

pub(crate) fn command(args: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    write_command(args, &mut out).unwrap();
    out
}
