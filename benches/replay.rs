//! Replay of a log into a data set, beside a server that loads the same log.
//!
//! ```text
//! AIKV_SERVERS=.servers cargo bench --bench replay -- FILE.aof...
//! ```
//!
//! Prints the CPU seconds of each (median, minimum, maximum of five rounds, in turn), megabytes of log per CPU second,
//! and the ratio. A server's are those of its process from its start until it answers. `--only`
//! leaves the server out.

use aikv::aof::{Decoder, Event};
use aikv::model::{Collector, Replay, ReplayOptions};
use cpu_time::ProcessTime;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const BUFFER_BYTES: usize = 256 * 1024;
const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let files: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    if files.is_empty() {
        println!("usage: cargo bench --bench replay -- [--only] FILE.aof...");
        return;
    }
    let servers = PathBuf::from(std::env::var("AIKV_SERVERS").unwrap_or_else(|_| ".servers".to_owned()));
    let server = servers.join("redis-8.6/redis-server");
    for file in files {
        let megabytes = fs::metadata(file).unwrap().len() as f64 / 1e6;
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(replay(file));
            if !args.iter().any(|arg| arg == "--only") {
                theirs.push(load(&server, Path::new(file)));
            }
        }
        println!("{file}: {megabytes:.0} MB");
        let ours = show("replay", &mut ours, megabytes);
        if !theirs.is_empty() {
            let theirs = show("server", &mut theirs, megabytes);
            println!("  ratio   {:.1}", theirs / ours);
        }
    }
}

/// Prints CPU seconds and gives their median.
fn show(name: &str, seconds: &mut [f64], megabytes: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let [min, median, max] = [0, seconds.len() / 2, seconds.len() - 1].map(|at| seconds[at]);
    println!("  {name}  {median:.2} s ({min:.2} to {max:.2}), {:.0} MB/cpu-s", megabytes / median);
    median
}

/// CPU seconds of a replay, the data set built but not dropped.
fn replay(path: &str) -> f64 {
    let mut file = File::open(path).unwrap();
    let mut buffer = vec![0; BUFFER_BYTES];
    let start = ProcessTime::now();
    let mut decoder = Decoder::new();
    let mut collector = Collector::new(u64::MAX);
    let options = ReplayOptions { max_total_bytes: 8 << 30, ..ReplayOptions::new(0, [1, 2]) };
    let mut replay = Replay::new(options);
    loop {
        let len = file.read(&mut buffer).unwrap();
        if len == 0 {
            break;
        }
        let mut input = &buffer[..len];
        loop {
            let offset = decoder.offset();
            match decoder.step(input) {
                Ok(step) => {
                    input = &input[step.consumed..];
                    match &step.event {
                        Some(Event::Command(command)) => {
                            replay.command(*command, offset).unwrap_or_else(|error| panic!("{path}: {error}"));
                        }
                        Some(Event::Snapshot(event)) => {
                            if let Some(collected) = collector.push(event).unwrap_or_else(|fault| panic!("{path}: {fault:?}")) {
                                replay.load(collected).unwrap();
                                collector.forget();
                            }
                        }
                        Some(_) => {}
                        None if input.is_empty() => break,
                        None => {}
                    }
                }
                Err(fault) => panic!("{path}: {}", decoder.dress(fault)),
            }
        }
    }
    let commands = ProcessTime::now();
    let (dataset, report) = replay.finish().unwrap();
    let end = ProcessTime::now();
    let keys: usize = dataset.databases.values().map(|database| database.len()).sum();
    println!(
        "  {} commands, {keys} keys: commands {:.2} s, finish {:.2} s",
        report.applied,
        commands.duration_since(start).as_secs_f64(),
        end.duration_since(commands).as_secs_f64()
    );
    end.duration_since(start).as_secs_f64()
}

/// CPU seconds of a server from its start until it has loaded the log.
fn load(server: &Path, log: &Path) -> f64 {
    let folder = std::env::temp_dir().join(format!("aikv-replay-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let logs = folder.join("appendonlydir");
    fs::create_dir_all(&logs).unwrap();
    std::os::unix::fs::symlink(fs::canonicalize(log).unwrap(), logs.join("appendonly.aof.1.incr.aof")).unwrap();
    fs::write(logs.join("appendonly.aof.manifest"), "file appendonly.aof.1.incr.aof seq 1 type i\n").unwrap();
    let socket = folder.join("s");
    let mut process = Command::new(server)
        .args(["--port", "0", "--save", "", "--appendonly", "yes", "--auto-aof-rewrite-percentage", "0", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(&folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", server.display()));
    while !answers(&socket) {
        assert!(process.try_wait().unwrap().is_none(), "the server did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    // User and system time in ticks of 10 ms, behind the name in brackets.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Whether the server has loaded its data.
fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let mut answer = [0; 5];
    stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"+PONG"
}
