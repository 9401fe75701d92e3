//! Writes logs and snapshots, and verifies them, while `cargo xtask faults` breaks what is under them.
//!
//! ```text
//! append DIR N [--policy always|everysec|no] [--threads T] [--transactions]
//!              [--pause-ms MS]     makes N attempts to write, each printed as `ack THREAD NUMBER`
//!              [--watch]           or `err CODE`; a failed one is made again. Watched, it says how
//!                                  old a byte became before it was durable, and how long a call took
//! engine DIR N [--policy P] [--threads T]
//!                                  the same with an engine, which rewrites its log and saves
//!                                  snapshots meanwhile; with one thread after every third write
//! verify-engine DIR ACKED...       opens it, and again behind one more write
//! verify DIR ACKED... [--whole]    opens the log as a writer does, and again behind one more write
//! flush DIR BYTES                  writes without syncing, then flushes three times
//! raw-flush DIR BYTES              the same on a plain file: what the system says
//! snap DIR BYTES                   saves a snapshot with a value of BYTES
//! verify-snap DIR BYTES...         loads it; its value has one of these lengths
//! ```
//!
//! Exit codes: 0 done; 1 a contract is not kept or the call is wrong; 3 an error was told; 9 a
//! write that was acknowledged is not there.

mod engine;

use aikv::persistence::{
    AikvError, AofSyncPolicy, AofWriter, BytesDatabaseData, PersistenceErrorKind, load_aof_bytes, load_rdb_bytes, save_rdb_bytes,
};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

type Result<T, E = Ending> = std::result::Result<T, E>;

/// How a command ends that does not end well.
enum Ending {
    Broken(String),
    Told,
    Lost(String),
}

impl<T: std::fmt::Display> From<T> for Ending {
    fn from(error: T) -> Self {
        Self::Broken(error.to_string())
    }
}

fn main() -> ExitCode {
    #[cfg(unix)]
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default()) {
        eprintln!("{error}");
        return ExitCode::from(1);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending::Broken(error)) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
        Err(Ending::Told) => ExitCode::from(3),
        Err(Ending::Lost(what)) => {
            eprintln!("{what}");
            ExitCode::from(9)
        }
    }
}

fn run() -> Result<()> {
    let mut args = Args::read()?;
    let command = args.next()?;
    let folder = PathBuf::from(args.next()?);
    fs::create_dir_all(&folder)?;
    let log = folder.join("a.aof");
    match command.as_str() {
        "append" => append(&log, args.number()?, &args.options),
        "engine" => engine::run(&folder, args.number()?, &args.options),
        "verify-engine" => engine::verify(&folder, &args.numbers()?),
        "verify" => verify(&log, &args.numbers()?, args.options.is_whole),
        "flush" => flush(&log, args.number()?),
        "raw-flush" => raw_flush(&log, args.number()?),
        "snap" => snap(&folder.join("dump.rdb"), args.number()?),
        "verify-snap" => verify_snap(&folder.join("dump.rdb"), &args.numbers()?),
        other => Err(format!("no command {other}"))?,
    }
}

/// Words and options, in any order.
struct Args {
    words: std::vec::IntoIter<String>,
    options: Options,
}

struct Options {
    policy: AofSyncPolicy,
    threads: u64,
    is_transactional: bool,
    pause: Duration,
    is_watched: bool,
    is_whole: bool,
}

impl Args {
    fn read() -> Result<Self> {
        let mut options = Options {
            policy: AofSyncPolicy::Always,
            threads: 1,
            is_transactional: false,
            pause: Duration::ZERO,
            is_watched: false,
            is_whole: false,
        };
        let mut words = Vec::new();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or("expected a value");
            match arg.as_str() {
                "--policy" => {
                    options.policy = match value()?.as_str() {
                        "always" => AofSyncPolicy::Always,
                        "everysec" => AofSyncPolicy::EverySecond,
                        "no" => AofSyncPolicy::No,
                        other => Err(format!("no policy {other}"))?,
                    };
                }
                "--threads" => options.threads = value()?.parse()?,
                "--transactions" => options.is_transactional = true,
                "--pause-ms" => options.pause = Duration::from_millis(value()?.parse()?),
                "--watch" => options.is_watched = true,
                "--whole" => options.is_whole = true,
                _ => words.push(arg),
            }
        }
        Ok(Self { words: words.into_iter(), options })
    }

    fn next(&mut self) -> Result<String> {
        Ok(self.words.next().ok_or("expected another argument")?)
    }

    fn number(&mut self) -> Result<u64> {
        Ok(self.next()?.parse()?)
    }

    fn numbers(&mut self) -> Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for word in self.words.by_ref() {
            numbers.push(word.parse()?);
        }
        Ok(numbers)
    }
}

/// The writes of a thread are numbered from 1 on.
fn write(thread: usize, number: u64) -> [String; 3] {
    let filling = "x".repeat(usize::try_from(number % 61).unwrap_or_default());
    ["SET".into(), format!("{thread}:{number}"), format!("{number} of {thread} {filling}")]
}

/// What goes into the log as one: a command, or a transaction of two.
fn log_one(writer: &AofWriter, thread: usize, number: u64, is_transactional: bool) -> Result<(), AikvError> {
    let write = write(thread, number);
    if !is_transactional {
        return writer.log_command(&write);
    }
    writer.log_command(&["MULTI".into()])?;
    writer.log_command(&write)?;
    writer.log_command(&["DEL".into(), write[1].clone() + "-"])?;
    writer.log_command(&["EXEC".into()])
}

/// Says an error: its code, and from which byte on the file is doubtful.
fn tell(error: &AikvError) {
    let AikvError::Persistence(error) = error else { return println!("err {error}") };
    match error.kind() {
        PersistenceErrorKind::Poisoned { doubtful_from, .. } => println!("err {} {doubtful_from}", error.code()),
        _ => println!("err {}", error.code()),
    }
    eprintln!("{error}");
}

fn append(log: &Path, attempts: u64, options: &Options) -> Result<()> {
    let writer = match AofWriter::new(log, options.policy) {
        Ok(writer) => writer,
        Err(error) => {
            tell(&error);
            return Err(Ending::Told);
        }
    };
    let before = counted(log)?;
    let errors = AtomicU64::new(0);
    let slowest_ms = AtomicU64::new(0);
    let run = |thread: usize| {
        let mut number = before.get(thread).copied().unwrap_or_default();
        for _ in 0..attempts {
            let start = Instant::now();
            let result = log_one(&writer, thread, number + 1, options.is_transactional);
            slowest_ms.fetch_max(millis(start.elapsed()), Ordering::Relaxed);
            match result {
                Ok(()) => {
                    number += 1;
                    println!("ack {thread} {number}");
                }
                Err(error) => {
                    errors.fetch_add(1, Ordering::Relaxed);
                    tell(&error);
                }
            }
            thread::sleep(options.pause);
        }
    };
    if options.is_watched {
        let oldest_ms = watch(&writer, || run(0));
        println!("oldest {oldest_ms} slowest {}", slowest_ms.load(Ordering::Relaxed));
    } else if options.threads == 1 {
        // In this thread, where system calls can be counted from the start.
        run(0);
    } else {
        thread::scope(|scope| {
            for thread in 0..options.threads {
                let run = &run;
                scope.spawn(move || run(usize::try_from(thread).unwrap_or_default()));
            }
        });
    }
    if let Err(error) = writer.close() {
        errors.fetch_add(1, Ordering::Relaxed);
        tell(&error);
    }
    if errors.into_inner() == 0 { Ok(()) } else { Err(Ending::Told) }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The greatest age that a byte reached before it was durable, in milliseconds.
fn watch(writer: &AofWriter, run: impl FnOnce()) -> u64 {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut oldest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                oldest = oldest.max(writer.oldest_unsynced_age().unwrap_or_default());
                thread::sleep(Duration::from_millis(5));
            }
            millis(oldest)
        });
        run();
        is_over.store(true, Ordering::Relaxed);
        watcher.join().unwrap_or(u64::MAX)
    })
}

/// How many writes of each thread are there, without a gap and in order.
fn counted(log: &Path) -> Result<Vec<u64>> {
    let mut counts = Vec::new();
    // Commands of the transaction that is open, where one is.
    let mut open: Option<Vec<Vec<Bytes>>> = None;
    for command in load_aof_bytes(log)? {
        match (command[0].as_ref(), &mut open) {
            (b"MULTI", None) => open = Some(Vec::new()),
            (b"EXEC", Some(commands)) => {
                let [set, del] = commands.as_slice() else { Err(format!("a transaction of {} commands", commands.len()))? };
                count(set, &mut counts)?;
                if del[0].as_ref() != b"DEL" || del[1][..] != [&set[1][..], b"-"].concat() {
                    Err(format!("in a transaction: {del:?}"))?;
                }
                open = None;
            }
            (_, Some(commands)) => commands.push(command),
            (_, None) => count(&command, &mut counts)?,
        }
    }
    Ok(counts)
}

fn count(command: &[Bytes], counts: &mut Vec<u64>) -> Result<()> {
    let name = command.get(1).map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
    let thread: usize = name.split(':').next().unwrap_or_default().parse()?;
    if counts.len() <= thread {
        counts.resize(thread + 1, 0);
    }
    counts[thread] += 1;
    let expected = write(thread, counts[thread]);
    if command.iter().map(|argument| &argument[..]).eq(expected.iter().map(String::as_bytes)) {
        Ok(())
    } else {
        Err(Ending::Lost(format!("expected {expected:?}, found {command:?}")))
    }
}

fn verify(log: &Path, acked: &[u64], is_whole: bool) -> Result<()> {
    if is_whole {
        counted(log)?;
    }
    AofWriter::new(log, AofSyncPolicy::No)?.close()?;
    let counts = counted(log)?;
    demand(&counts, acked)?;
    let first = counts.first().copied().unwrap_or_default();
    let writer = AofWriter::new(log, AofSyncPolicy::Always)?;
    log_one(&writer, 0, first + 1, false)?;
    writer.close()?;
    AofWriter::new(log, AofSyncPolicy::No)?.close()?;
    let again = counted(log)?;
    say_counts(&counts, &again)
}

/// Demands that of each thread as many writes are there as were acknowledged.
fn demand(counts: &[u64], acked: &[u64]) -> Result<()> {
    for (thread, acked) in acked.iter().enumerate() {
        let count = counts.get(thread).copied().unwrap_or_default();
        if count < *acked {
            return Err(Ending::Lost(format!("thread {thread}: {acked} acknowledged, {count} there")));
        }
    }
    Ok(())
}

/// Demands that one more write of the first thread is all that came, and says what was there before.
fn say_counts(counts: &[u64], again: &[u64]) -> Result<()> {
    let first = counts.first().copied().unwrap_or_default();
    if again.first() != Some(&(first + 1)) || again.get(1..) != Some(counts.get(1..).unwrap_or_default()) {
        return Err(Ending::Lost(format!("one write behind {counts:?} gives {again:?}")));
    }
    let counts: Vec<_> = counts.iter().map(u64::to_string).collect();
    println!("{}", counts.join(" "));
    Ok(())
}

fn flush(log: &Path, bytes: u64) -> Result<()> {
    let writer = AofWriter::new(log, AofSyncPolicy::No)?;
    let filling = "x".repeat(64 * 1024);
    for number in 0..bytes / (64 * 1024) {
        writer.log_command(&["SET".into(), number.to_string(), filling.clone()])?;
    }
    let mut is_told = false;
    for _ in 0..3 {
        match writer.flush() {
            Ok(()) => println!("ok"),
            Err(error) => {
                is_told = true;
                tell(&error);
            }
        }
    }
    if is_told { Err(Ending::Told) } else { Ok(()) }
}

fn raw_flush(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    for _ in 0..bytes / (64 * 1024) {
        file.write_all(&[b'x'; 64 * 1024])?;
    }
    for _ in 0..3 {
        match file.sync_data() {
            Ok(()) => println!("ok"),
            Err(error) => println!("err {error}"),
        }
    }
    Ok(())
}

/// A value that does not become shorter when it is compressed.
fn noise(bytes: u64) -> Bytes {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

fn snap(path: &Path, bytes: u64) -> Result<()> {
    let data = BytesDatabaseData::from([("noise".into(), (noise(bytes), None))]);
    match save_rdb_bytes(path, &[data]) {
        Ok(()) => {
            println!("saved");
            Ok(())
        }
        Err(error) => {
            tell(&error);
            let AikvError::Persistence(error) = error else { return Err(Ending::Told) };
            if let Some(bytes) = error.written_bytes() {
                println!("written {bytes}");
            }
            Err(Ending::Told)
        }
    }
}

fn verify_snap(path: &Path, lengths: &[u64]) -> Result<()> {
    let databases = load_rdb_bytes(path)?;
    let value = databases.first().and_then(|data| data.get(&b"noise"[..]));
    let (value, _) = value.ok_or_else(|| Ending::Lost("no value in the snapshot".into()))?;
    let len = value.len() as u64;
    if !lengths.contains(&len) || *value != noise(len) {
        return Err(Ending::Lost(format!("a value of {len} bytes, expected {lengths:?}")));
    }
    println!("{len}");
    Ok(())
}
