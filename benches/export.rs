//! Export throughput: JSON Lines, a table and commands of real snapshots.
//!
//! ```text
//! cargo bench --bench export -- FILE.rdb...
//! ```
//!
//! Prints megabytes of input per CPU second (median, minimum, maximum of five passes) and the bytes of the output.

use aikv::error::Fault;
use aikv::jobs::{Export, ExportCommands, ExportCsv, Flow, Job, Reader};
use aikv::rdb::Event;
use aikv::wire::Limits;
use cpu_time::ProcessTime;
use std::fs::File;
use std::io::Read;

const BUFFER_BYTES: usize = 256 * 1024;
const PASSES: usize = 5;

enum Form {
    Lines(Box<Export>),
    Csv(Box<ExportCsv>),
    Commands(Box<ExportCommands>),
}

struct Writing {
    form: Form,
    out: Vec<u8>,
}

impl Job for Writing {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match &mut self.form {
            Form::Lines(export) => export.push(event, raw, &mut self.out)?,
            Form::Csv(csv) => csv.push(event, raw, &mut self.out)?,
            Form::Commands(commands) => commands.push(event, &mut self.out)?,
        }
        Ok(Flow::Continue)
    }
}

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench export -- FILE.rdb...");
        return;
    }
    println!("{:<28} {:<8} {:>12} {:>12} {:>12} {:>14}", "file", "format", "MB/cpu-s", "min", "max", "output bytes");
    for file in &files {
        for name in ["jsonl", "csv", "resp"] {
            let mut output_bytes = 0;
            let mut rates: Vec<f64> = (0..PASSES)
                .map(|_| {
                    let form = match name {
                        "jsonl" => Form::Lines(Box::default()),
                        "csv" => Form::Csv(Box::default()),
                        _ => Form::Commands(Box::new(ExportCommands::new(None))),
                    };
                    let (seconds, read, written) = pass(file, form);
                    output_bytes = written;
                    read as f64 / 1e6 / seconds
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            let short = file.rsplit('/').next().unwrap_or(file);
            let [min, median, max] = [rates[0], rates[PASSES / 2], rates[PASSES - 1]];
            println!("{short:<28} {name:<8} {median:>12.0} {min:>12.0} {max:>12.0} {output_bytes:>14}");
        }
    }
}

/// Exports the file once; gives CPU seconds, bytes read and bytes written.
fn pass(path: &str, form: Form) -> (f64, u64, u64) {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut job = Writing { form, out: Vec::with_capacity(4 * BUFFER_BYTES) };
    let mut reader = Reader::new(Limits::default());
    let (mut read, mut written) = (0, 0);
    let start = ProcessTime::now();
    loop {
        let len = file.read(&mut buffer).unwrap_or_else(|error| panic!("{path}: {error}"));
        if len == 0 {
            break;
        }
        read += len as u64;
        reader.feed(&buffer[..len], &mut job).unwrap_or_else(|error| panic!("{path}: {error}"));
        written += job.out.len() as u64;
        job.out.clear();
    }
    reader.finish().unwrap_or_else(|error| panic!("{path}: {error}"));
    (start.elapsed().as_secs_f64(), read, written)
}
