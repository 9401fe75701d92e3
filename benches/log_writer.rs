//! Appending to a log, beside the bare system calls on the same disk.
//!
//! ```text
//! cargo bench --bench log_writer -- [FOLDER]
//! ```
//!
//! The folder (by default that of temporary files) should be on the disk that matters. `No` and `EverySecond`: commands of 100 bytes per
//! second from one thread, beside a loop that writes the same bytes 256 KiB at a time; each round begins with another of the three.
//! `Always`: commands per second of one thread, in turns of a few with a loop of write and fdatasync, and of 64 threads in turns
//! of a tenth of a second with that loop. Figures are the medians of the rounds.

use aikv::persistence::{AofSyncPolicy, AofWriter};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const COMMANDS: usize = 5_000_000;
/// Commands of one turn of `Always`, and turns of a round.
const TURN_COMMANDS: u32 = 5;
const TURNS: u32 = 40;
/// A turn of the many threads, and of the loop beside them; turns of a round.
const MANY_TIME: Duration = Duration::from_millis(100);
const MANY_TURNS: u32 = 10;
const THREADS: usize = 64;
const BLOCK_BYTES: usize = 256 * 1024;

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with("--")).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("aikv-bench-{}.aof", std::process::id()));
    let command = ["SET".to_owned(), "key:01".to_owned(), "v".repeat(68)];
    let bytes = {
        let mut bytes = Vec::new();
        aikv::aof::write_command(&command, &mut bytes).unwrap();
        bytes
    };
    println!("commands of {} bytes in {}", bytes.len(), folder.display());
    let mut rates = [const { Vec::new() }; 7];
    for round in 0..ROUNDS {
        for turn in 0..3 {
            let contestant = (round + turn) % 3;
            rates[contestant].push(fresh(&path, |path| match contestant {
                0 => blocks(path, &bytes),
                1 => buffered(path, AofSyncPolicy::No, &command),
                _ => buffered(path, AofSyncPolicy::EverySecond, &command),
            }));
        }
    }
    for _ in 0..ROUNDS {
        let [bare, one] = in_turns(&path, &bytes, &command);
        rates[3].push(bare);
        rates[4].push(one / bare);
        let [bare, many] = many_in_turns(&path, &bytes, &command);
        rates[5].push(many);
        rates[6].push(many / bare);
    }
    let [blocks, no, every_second, bare, one, many, times] = rates.map(median);
    let million = |rate: f64| format!("{:.2} million/s", rate / 1e6);
    println!("blocks of 256 KiB   {}", million(blocks));
    println!("No                  {}   {:.2} of the blocks", million(no), no / blocks);
    println!("EverySecond         {}   {:.2} of the blocks", million(every_second), every_second / blocks);
    println!("write + fdatasync   {bare:.0}/s");
    println!("Always, 1 thread    {one:.3} of bare");
    println!("Always, {THREADS} threads  {many:.0}/s   {times:.1} times bare");
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Runs on a file that is not there, and is not there afterwards.
fn fresh(path: &Path, run: impl FnOnce(&Path) -> f64) -> f64 {
    let rate = run(path);
    std::fs::remove_file(path).unwrap();
    rate
}

fn blocks(path: &Path, bytes: &[u8]) -> f64 {
    let block = bytes.repeat(BLOCK_BYTES / bytes.len());
    let mut file = File::create(path).unwrap();
    let mut left = COMMANDS * bytes.len();
    let start = Instant::now();
    while left > 0 {
        let len = left.min(block.len());
        file.write_all(&block[..len]).unwrap();
        left -= len;
    }
    let rate = COMMANDS as f64 / start.elapsed().as_secs_f64();
    file.sync_data().unwrap();
    rate
}

fn buffered(path: &Path, policy: AofSyncPolicy, command: &[String]) -> f64 {
    let writer = AofWriter::new(path, policy).unwrap();
    let start = Instant::now();
    for _ in 0..COMMANDS {
        writer.log_command(command).unwrap();
    }
    let rate = COMMANDS as f64 / start.elapsed().as_secs_f64();
    writer.close().unwrap();
    rate
}

/// A loop of write and fdatasync and a writer take turns, each on its own file; commands per second of both.
fn in_turns(path: &Path, bytes: &[u8], command: &[String]) -> [f64; 2] {
    let bare_path = path.with_extension("bare");
    let mut file = File::create(&bare_path).unwrap();
    let writer = AofWriter::new(path, AofSyncPolicy::Always).unwrap();
    let mut times = [Duration::ZERO; 2];
    for _ in 0..TURNS {
        let start = Instant::now();
        for _ in 0..TURN_COMMANDS {
            file.write_all(bytes).unwrap();
            file.sync_data().unwrap();
        }
        times[0] += start.elapsed();
        let start = Instant::now();
        for _ in 0..TURN_COMMANDS {
            writer.log_command(command).unwrap();
        }
        times[1] += start.elapsed();
    }
    writer.close().unwrap();
    std::fs::remove_file(bare_path).unwrap();
    std::fs::remove_file(path).unwrap();
    times.map(|time| f64::from(TURNS * TURN_COMMANDS) / time.as_secs_f64())
}

/// As [`in_turns`], with many threads.
fn many_in_turns(path: &Path, bytes: &[u8], command: &[String]) -> [f64; 2] {
    let bare_path = path.with_extension("bare");
    let mut file = File::create(&bare_path).unwrap();
    let writer = AofWriter::new(path, AofSyncPolicy::Always).unwrap();
    let mut rates = [0.0; 2];
    for _ in 0..MANY_TURNS {
        rates[0] += per_second(|| {
            file.write_all(bytes).unwrap();
            file.sync_data().unwrap();
        });
        rates[1] += std::thread::scope(|scope| {
            let run = || per_second(|| writer.log_command(command).unwrap());
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>()
        });
    }
    writer.close().unwrap();
    std::fs::remove_file(bare_path).unwrap();
    std::fs::remove_file(path).unwrap();
    rates.map(|rate| rate / f64::from(MANY_TURNS))
}

/// How often something can be done in a second, found out in a turn.
fn per_second(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut times = 0u32;
    while start.elapsed() < MANY_TIME {
        run();
        times += 1;
    }
    f64::from(times) / start.elapsed().as_secs_f64()
}
