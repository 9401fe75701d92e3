//! What several test files share: temporary folders, real servers and a small
//! client for them, and skips that say why.

#![allow(dead_code)] // no test file uses all of it

#[cfg(feature = "std")]
use aikv::AikvError;
use aikv::model::Index;
#[cfg(feature = "std")]
use aikv::persistence::{PersistenceError, PersistenceErrorKind};
use aikv::rdb::Decoder;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Says that something was not tested. With `CI=true` that is a failure.
pub(crate) fn skip(what: &str, reason: &str) {
    eprintln!("SKIPPED {what}: {reason}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED {what}: {reason}");
}

/// The folder of the fixtures.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The index of a snapshot's keys.
pub(crate) fn index(file: &[u8]) -> Index {
    let (mut decoder, mut index) = (Decoder::new(), Index::new());
    let mut input = file;
    loop {
        let step = decoder.step(input).unwrap();
        input = &input[step.consumed..];
        match &step.event {
            Some(event) => index.push(event).unwrap(),
            None if input.is_empty() => return index,
            None => {}
        }
    }
}

/// A folder that is removed when the test ends. Its path is short enough for a socket in it.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("aikv-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                // Numbers of processes come again: a test that was killed has left its folder there.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made.unwrap();
                    return Self(path);
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names of what is in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The servers that `tests/data/servers.sh` obtains.
pub(crate) const SERVERS: [&str; 9] =
    ["redis-2.8", "redis-3.2", "redis-5.0", "redis-6.2", "redis-7.0", "redis-8.0", "redis-8.6", "valkey-8.1", "valkey-9.1"];

/// The program of a server, or a skip that says where it was looked for.
pub(crate) fn server(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("AIKV_SERVERS").map_or_else(|| root.join(".servers"), PathBuf::from);
    let program = folder.join(name).join("server");
    if program.exists() {
        return Some(program);
    }
    skip(name, &format!("{} is not there; tests/data/servers.sh obtains it", program.display()));
    None
}

/// A server that runs on a unix socket, and ends with the test.
#[cfg(unix)]
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

#[cfg(unix)]
impl Server {
    /// Starts `program` in `folder`, where it finds its `dump.rdb` or `appendonly.aof`,
    /// and waits until it has loaded it. The error is the server's own log.
    pub(crate) fn start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self, String> {
        let socket = folder.join("s");
        let log = folder.join("log");
        let output = fs::File::create(&log).unwrap();
        let child = Command::new(program)
            .current_dir(folder)
            .args(["--port", "0", "--unixsocket", "s", "--save", "", "--dbfilename", "dump.rdb", "--dir", "."])
            .args(options)
            .stdin(Stdio::null())
            .stderr(Stdio::from(output.try_clone().unwrap()))
            .stdout(Stdio::from(output))
            .spawn()
            .unwrap();
        let mut server = Self { child, socket, log };
        let start = Instant::now();
        loop {
            // One that has found a bug in itself may hang instead.
            if server.child.try_wait().unwrap().is_some() || server.log().contains("BUG REPORT START") {
                return Err(server.log());
            }
            if server.socket.exists()
                && let Ok(mut client) = server.connect()
                && client.0.get_ref().set_read_timeout(Some(Duration::from_secs(1))).is_ok()
                && client.try_ask(&["PING"]).is_ok_and(|reply| reply == Reply::Status("PONG".into()))
            {
                return Ok(server);
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not start: {}", server.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.connect().unwrap()
    }

    fn connect(&self) -> std::io::Result<Client> {
        let stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        Ok(Client(BufReader::new(stream)))
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

#[cfg(unix)]
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Array(Vec<Reply>),
    Bytes(Vec<u8>),
    Error(String),
    Int(i64),
    Nil,
    Status(String),
}

/// A connection to a server.
#[cfg(unix)]
pub(crate) struct Client(BufReader<std::os::unix::net::UnixStream>);

#[cfg(unix)]
impl Client {
    /// Lets [`Client::try_ask`] fail when a reply takes longer.
    pub(crate) fn wait_at_most(&self, patience: Duration) {
        self.0.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    /// Sends a command and reads its reply.
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Reply {
        self.try_ask(args).unwrap_or_else(|error| {
            let args: Vec<_> = args.iter().map(|argument| argument.as_ref().escape_ascii().to_string()).collect();
            panic!("{error}: {args:?}")
        })
    }

    /// As [`Client::ask`], for a server that may end on it.
    pub(crate) fn try_ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> std::io::Result<Reply> {
        self.send(args)?;
        self.read()
    }

    /// Sends a command whose reply is read later.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> std::io::Result<()> {
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for argument in args {
            let argument = argument.as_ref();
            request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            request.extend_from_slice(argument);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn read(&mut self) -> std::io::Result<Reply> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8(line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        Ok(match kind {
            "+" => Reply::Status(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Int(rest.parse().unwrap()),
            "$" if rest == "-1" => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Bytes(bytes)
            }
            "*" if rest == "-1" => Reply::Nil,
            "*" => Reply::Array((0..rest.parse::<usize>().unwrap()).map(|_| self.read()).collect::<Result<_, _>>()?),
            other => panic!("a reply of kind {other}"),
        })
    }
}

/// What is inside an error, which is always of the one published variant.
#[cfg(feature = "std")]
fn inner(error: AikvError) -> PersistenceError {
    match error {
        AikvError::Persistence(error) => error,
        other => panic!("{other:?}"),
    }
}

/// How a function for files failed.
#[cfg(feature = "std")]
pub(crate) fn failure<T>(result: aikv::Result<T>) -> PersistenceError {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => inner(error),
    }
}

/// The format error that a function for files failed with.
#[cfg(feature = "std")]
pub(crate) fn format_error<T>(result: aikv::Result<T>) -> aikv::Error {
    let error = failure(result);
    error.format().cloned().unwrap_or_else(|| panic!("{error:?}"))
}

/// The I/O error that a function for files failed with.
#[cfg(feature = "std")]
pub(crate) fn io_kind<T>(result: aikv::Result<T>) -> std::io::ErrorKind {
    match failure(result).kind() {
        PersistenceErrorKind::Io(error) => error.kind(),
        other => panic!("{other:?}"),
    }
}
