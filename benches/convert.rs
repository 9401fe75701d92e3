//! Conversion throughput, from a file to bytes that are dropped.
//!
//! ```text
//! cargo bench --bench convert -- FILE.rdb...
//! ```
//!
//! Prints megabytes of input per CPU second (median, minimum, maximum of seven passes), keys whose bytes were copied, and
//! losses.

use aikv::jobs::{Container, Convert, ConvertOptions, Reader};
use aikv::model::OnLoss;
use aikv::rdb::Target;
use aikv::wire::Limits;
use cpu_time::ProcessTime;
use std::fs::File;
use std::io::Read;

const BUFFER_BYTES: usize = 256 * 1024;
const PASSES: usize = 7;

const CASES: [(&str, &str, Container); 5] = [
    ("snapshot", "redis-8.6", Container::Snapshot),
    ("snapshot", "valkey-8.1", Container::Snapshot),
    ("snapshot", "redis-6.2", Container::Snapshot),
    ("commands", "redis-8.6", Container::Commands),
    ("commands", "valkey-8.1", Container::Commands),
];

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench convert -- FILE.rdb...");
        return;
    }
    println!(
        "{:<16} {:<10} {:<12} {:>10} {:>8} {:>8} {:>11} {:>11} {:>9}",
        "file", "to", "for", "MB/cpu-s", "min", "max", "keys", "copied", "losses"
    );
    for file in &files {
        for (name, target, container) in CASES {
            let mut last = (0, 0, 0);
            let mut rates: Vec<f64> = (0..PASSES)
                .map(|_| {
                    let (rate, report) = pass(file, target, container);
                    last = report;
                    rate
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            let short = file.rsplit('/').next().unwrap_or(file);
            let [min, median, max] = [rates[0], rates[PASSES / 2], rates[PASSES - 1]];
            let (keys, copied, losses) = last;
            println!(
                "{short:<16} {name:<10} {target:<12} {median:>10.0} {min:>8.0} {max:>8.0} {keys:>11} {copied:>11} {losses:>9}"
            );
        }
    }
}

/// Converts the file once; gives megabytes of input per CPU second, keys, those copied, and losses.
fn pass(path: &str, target: &str, container: Container) -> (f64, (u64, u64, u64)) {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut buffer = vec![0; BUFFER_BYTES];
    let version = Target::from_name(target).unwrap().version();
    let options = ConvertOptions { on_loss: OnLoss::Degrade, ..ConvertOptions::new(version, container, [1, 2]) };
    let mut convert = Convert::new(options).unwrap();
    let mut reader = Reader::new(Limits::default());
    let mut bytes = 0;
    let start = ProcessTime::now();
    loop {
        let len = file.read(&mut buffer).unwrap_or_else(|error| panic!("{path}: {error}"));
        if len == 0 {
            break;
        }
        bytes += len;
        reader.feed(&buffer[..len], &mut convert).unwrap_or_else(|error| panic!("{path}: {error}"));
        std::hint::black_box(convert.output()).clear();
        drop(convert.take_losses());
    }
    reader.finish().unwrap_or_else(|error| panic!("{path}: {error}"));
    let (rest, _, report) = convert.finish().unwrap();
    std::hint::black_box(rest);
    (bytes as f64 / 1e6 / start.elapsed().as_secs_f64(), (report.keys, report.copied_keys, report.losses))
}
