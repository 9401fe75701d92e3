//! Encode throughput: the events of real snapshots, written again.
//!
//! ```text
//! cargo bench --bench encode -- FILE.rdb...
//! ```
//!
//! A pass decodes the file and encodes every event; a pass that only decodes is
//! taken off. Prints megabytes of output per CPU second (median, minimum,
//! maximum of nine pairs of passes), without and with compression.

use aikv::rdb::{Decoder, Encoder, Event};
use cpu_time::ProcessTime;
use std::fs::File;
use std::io::Read;

const BUFFER_BYTES: usize = 256 * 1024;
const PASSES: usize = 9;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench encode -- FILE.rdb...");
        return;
    }
    println!("{:<28} {:<12} {:>12} {:>12} {:>12} {:>14}", "file", "strings", "MB/cpu-s", "min", "max", "output bytes");
    for file in &files {
        for (name, is_compressing) in [("plain", false), ("compressed", true)] {
            let mut bytes = 0;
            let mut rates: Vec<f64> = (0..PASSES)
                .map(|_| {
                    let (without, _) = pass(file, None);
                    let (with, written) = pass(file, Some(is_compressing));
                    bytes = written;
                    written as f64 / 1e6 / (with - without)
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            let short = file.rsplit('/').next().unwrap_or(file);
            let [min, median, max] = [rates[0], rates[PASSES / 2], rates[PASSES - 1]];
            println!("{short:<28} {name:<12} {median:>12.0} {min:>12.0} {max:>12.0} {bytes:>14}");
        }
    }
}

/// Decodes the file once and encodes what it holds, if asked; gives CPU seconds and bytes written.
fn pass(path: &str, is_compressing: Option<bool>) -> (f64, u64) {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut out = Vec::with_capacity(2 * BUFFER_BYTES);
    let mut decoder = Decoder::new();
    let mut encoder: Option<Encoder> = None;
    let start = ProcessTime::now();
    loop {
        let len = file.read(&mut buffer).unwrap_or_else(|error| panic!("{path}: {error}"));
        if len == 0 {
            break;
        }
        let mut input = &buffer[..len];
        loop {
            let step = decoder.step(input).unwrap_or_else(|fault| panic!("{path}: {fault:?}"));
            input = &input[step.consumed..];
            let Some(event) = &step.event else {
                if input.is_empty() {
                    break;
                }
                continue;
            };
            if let (Some(is_compressing), Event::Start(version)) = (is_compressing, event) {
                let new = Encoder::new(*version);
                encoder = Some(if is_compressing { new } else { new.without_compression() });
            }
            match &mut encoder {
                Some(encoder) => encoder.write(event, &mut out).unwrap_or_else(|error| panic!("{path}: {error}")),
                None => drop(std::hint::black_box(event)),
            }
            if out.len() >= BUFFER_BYTES {
                std::hint::black_box(&out);
                out.clear();
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let written = encoder.map_or(0, |encoder| encoder.offset());
    (seconds, written)
}
