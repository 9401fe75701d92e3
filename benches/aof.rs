//! Decode throughput over logs of commands: as events, with every argument visited, and with integrity
//! marks over spans of several sizes, which are verified.
//!
//! ```text
//! cargo bench --bench aof -- FILE.aof...
//! ```
//!
//! Prints megabytes of file per CPU second (median of nine passes; they take turns) over a log in memory, fed
//! in chunks of 256 KiB; marked logs by the bytes they have without marks.

use aikv::aof::{Decoder, Event, write_marked};
use cpu_time::ProcessTime;

const CHUNK_BYTES: usize = 256 * 1024;
const PASSES: usize = 9;
/// Spans end with the record that reaches this many bytes.
const SPANS: [usize; 4] = [1, 1 << 10, 16 << 10, 256 << 10];

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench aof -- FILE.aof...");
        return;
    }
    println!(
        "{:<28} {:>10} {:>10} {:>13} {:>11} {:>12} {:>13}",
        "file", "events", "arguments", "mark/command", "mark/1 KiB", "mark/16 KiB", "mark/256 KiB"
    );
    for file in &files {
        let log = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut rates = [const { Vec::new() }; 2 + SPANS.len()];
        // One marked copy at a time, for the sake of memory.
        for _ in 0..PASSES {
            for (rates, is_visiting) in rates.iter_mut().zip([false, true]) {
                rates.push(pass(&log, log.len(), is_visiting));
            }
        }
        for (rates, span) in rates.iter_mut().skip(2).zip(SPANS) {
            let marked = marked(&log, span);
            rates.extend((0..PASSES).map(|_| pass(&marked, log.len(), false)));
        }
        let [events, arguments, each, small, middle, large] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[PASSES / 2]
        });
        let name = file.rsplit('/').next().unwrap_or(file);
        println!("{name:<28} {events:>10.0} {arguments:>10.0} {each:>13.0} {small:>11.0} {middle:>12.0} {large:>13.0}");
    }
}

/// Decodes the log once; gives megabytes of `bytes` per CPU second.
fn pass(log: &[u8], bytes: usize, is_visiting: bool) -> f64 {
    let mut decoder = Decoder::new();
    let mut sum = 0u64;
    let start = ProcessTime::now();
    for mut input in log.chunks(CHUNK_BYTES) {
        loop {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => panic!("{}", decoder.dress(fault)),
            };
            input = &input[step.consumed..];
            match step.event {
                Some(Event::Command(command)) if is_visiting => {
                    sum = command.args().fold(sum, |sum, argument| sum.wrapping_add(argument.len() as u64));
                }
                Some(Event::Command(command)) => sum = sum.wrapping_add(command.argc()),
                None if input.is_empty() => break,
                _ => {}
            }
        }
    }
    std::hint::black_box(sum);
    decoder.finish().unwrap_or_else(|error| panic!("{error}"));
    bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// The log's records with a mark before every span.
fn marked(log: &[u8], span: usize) -> Vec<u8> {
    let mut decoder = Decoder::new();
    let (mut input, mut records, mut marked) = (log, Vec::new(), Vec::new());
    while !input.is_empty() {
        let step = decoder.step(input).unwrap_or_else(|_| panic!("a log of commands"));
        records.extend_from_slice(step.raw);
        input = &input[step.consumed..];
        if records.len() >= span || input.is_empty() {
            write_marked(&records, 0, &mut marked);
            records.clear();
        }
    }
    marked
}
