//! Decode throughput over real snapshots: every element visited, or every value skipped; checksum verified.
//!
//! ```text
//! cargo bench --bench decode -- FILE.rdb...
//! ```
//!
//! Prints megabytes of file per CPU second (median, minimum, maximum of nine
//! passes; of those that skip the median) and the peak memory of the process.
//! Files are read through one reused buffer, as the command line does.

use aikv::rdb::{Decoder, Event, Part, StreamPart};
use aikv::wire::Scalar;
use cpu_time::ProcessTime;
use std::fs::File;
use std::io::Read;

const BUFFER_BYTES: usize = 256 * 1024;
const PASSES: usize = 9;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench decode -- FILE.rdb...");
        return;
    }
    println!("{:<28} {:>12} {:>12} {:>12} {:>12}", "file", "MB/cpu-s", "min", "max", "skipping");
    for file in &files {
        let [visited, skipped] = [false, true].map(|is_skipping| {
            let mut rates: Vec<f64> = (0..PASSES).map(|_| pass(file, is_skipping)).collect();
            rates.sort_by(f64::total_cmp);
            rates
        });
        let name = file.rsplit('/').next().unwrap_or(file);
        let [min, median, max] = [0, PASSES / 2, PASSES - 1].map(|i| visited[i]);
        println!("{name:<28} {median:>12.0} {min:>12.0} {max:>12.0} {:>12.0}", skipped[PASSES / 2]);
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM"))
    {
        println!("{peak}");
    }
}

/// Decodes the file once; gives megabytes per CPU second.
fn pass(path: &str, is_skipping: bool) -> f64 {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut sum = Sum::default();
    let mut decoder = Decoder::new();
    let start = ProcessTime::now();
    let mut bytes = 0u64;
    loop {
        let len = file.read(&mut buffer).unwrap_or_else(|error| panic!("{path}: {error}"));
        if len == 0 {
            break;
        }
        bytes += len as u64;
        let mut input = &buffer[..len];
        loop {
            match &decoder.step(input) {
                Ok(step) => {
                    input = &input[step.consumed..];
                    match &step.event {
                        Some(Event::Key(key)) if is_skipping => {
                            sum.scalar(&key.key);
                            decoder.skip_value();
                        }
                        Some(event) => sum.add(event),
                        None if input.is_empty() => break,
                        None => {}
                    }
                }
                Err(fault) => {
                    let fault = *fault;
                    panic!("{path}: {}", decoder.dress(fault));
                }
            }
        }
    }
    decoder.finish().unwrap_or_else(|error| panic!("{path}: {error}"));
    std::hint::black_box(&sum);
    bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
}

/// Touches every element, so that none can be skipped.
#[derive(Default)]
struct Sum {
    elements: u64,
    bytes: u64,
}

impl Sum {
    #[inline(always)]
    fn scalar(&mut self, scalar: &Scalar) {
        self.bytes = match scalar {
            Scalar::Bytes(bytes) => self.bytes.wrapping_add(bytes.len() as u64),
            Scalar::Int(int) => self.bytes ^ *int as u64,
        };
    }

    #[inline(always)]
    fn add(&mut self, event: &Event) {
        use aikv::rdb::{Element, SlotValue};
        match event {
            Event::Key(key) => self.scalar(&key.key),
            Event::Value(Part::Bytes { piece, .. }) => self.scalar(piece),
            Event::Value(Part::Elements { elements, .. }) => {
                let mut inner = Sum::default();
                elements
                    .each(|element| {
                        inner.elements += 1;
                        match element {
                            Element::Item(text) | Element::Member(text) => inner.scalar(&text),
                            Element::Scored { member, score } => {
                                inner.scalar(&member);
                                inner.bytes ^= score.to_bits();
                            }
                            Element::Field { field, value } => {
                                inner.scalar(&field);
                                inner.scalar(&value);
                            }
                            Element::ExpiringField { field, value, expires_at_ms } => {
                                inner.scalar(&field);
                                inner.scalar(&value);
                                inner.bytes ^= expires_at_ms.cast_unsigned();
                            }
                            Element::Slot { index, value } => {
                                match value {
                                    SlotValue::Text(text) => inner.scalar(&text),
                                    SlotValue::Float(float) => inner.bytes ^= float.to_bits(),
                                }
                                inner.bytes ^= index;
                            }
                        }
                    })
                    .expect("a fixture is sound");
                self.elements += inner.elements;
                self.bytes = self.bytes.wrapping_add(inner.bytes);
            }
            Event::Value(Part::Stream(StreamPart::Node(node))) => {
                for entry in node.entries() {
                    let entry = entry.expect("a fixture is sound");
                    self.elements += 1;
                    self.bytes ^= entry.id.ms;
                    for (field, value) in entry.fields {
                        self.scalar(&field);
                        self.scalar(&value);
                    }
                }
            }
            _ => {}
        }
    }
}
