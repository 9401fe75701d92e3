//! A small read-only web server for one page and what is open in it, on 127.0.0.1 only.

use super::page::{Page, PageFile};
use crate::jobs::Json;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use tiny_http::{HTTPVersion, Header, Method, Request, Response, Server, StatusCode};

/// The policy of the page, which a worker obeys only where it comes with its own file.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; trusted-types aikv; \
    require-trusted-types-for 'script'; frame-ancestors 'none'";

/// The path at which the opened file is served; of a log, the list of its files, and each of them below.
const OPENED: &str = "/opened-file";

/// Requests that are answered at the same time: a long read of the file must not hold up the page.
const THREADS: usize = 16;

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A page, what is open in it or nothing, and the socket.
pub(super) struct Site {
    server: Server,
    address: SocketAddr,
    page: Page,
    opened: Option<Opened>,
}

/// What is open in the page.
pub(super) enum Opened {
    File(PathBuf),
    /// Its name, and its bytes.
    Sample(PathBuf, Vec<u8>),
    /// A log of several files: its folder, and the names of files there.
    Log(PathBuf, Vec<String>),
}

impl Opened {
    /// What is in the address of the page: its kind and name.
    fn query(&self) -> String {
        let (kind, path) = match self {
            Self::File(path) | Self::Sample(path, _) => ("file", path),
            Self::Log(folder, _) => ("folder", folder),
        };
        format!("{kind}={}", encoded(path))
    }

    /// What is served there, if anything: `rest` is what stands behind [`OPENED`] in the path.
    fn answer(&self, rest: &str, range: Option<&str>) -> Option<io::Result<Answer>> {
        let name = rest.strip_prefix('/').map(|name| percent_decode_str(name).decode_utf8_lossy());
        match (self, name) {
            (Self::File(path), None) => Some(on_disk(path, range)),
            (Self::Sample(path, bytes), None) => {
                let content = Cursor::new(bytes.clone());
                Some(served(content, bytes.len() as u64, path, range))
            }
            (Self::Log(folder, names), None) => Some(listed(folder, names)),
            (Self::Log(folder, names), Some(name)) if names.iter().any(|known| *known == name) => {
                Some(in_folder(&folder.join(&*name), range))
            }
            _ => None,
        }
    }
}

/// The last part of a path, as it stands in an address.
fn encoded(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    utf8_percent_encode(&name, PLAIN).to_string()
}

/// A file of a log, unless it has become something else, such as a link or a pipe.
fn in_folder(path: &Path, range: Option<&str>) -> io::Result<Answer> {
    if path.symlink_metadata()?.is_file() { on_disk(path, range) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn on_disk(path: &Path, range: Option<&str>) -> io::Result<Answer> {
    let handle = File::open(path)?;
    let len = handle.metadata()?.len();
    served(handle, len, path, range)
}

/// The files of a log, as `{"files":[{"name":...,"size":...},...]}`; one that is gone is left out.
fn listed(folder: &Path, names: &[String]) -> io::Result<Answer> {
    let mut text = Vec::new();
    let mut json = Json::new(&mut text);
    json.open(b'{').name("files").open(b'[');
    for name in names {
        if let Ok(facts) = folder.join(name).metadata() {
            json.open(b'{').name("name").text(name).name("size").int(facts.len()).close(b'}');
        }
    }
    json.close(b']').close(b'}');
    let len = text.len() as u64;
    Ok(body(200, Box::new(Cursor::new(text)), len, "application/json", UNKEPT))
}

impl Site {
    /// Listens on 127.0.0.1; port 0 takes a free one.
    pub(super) fn listen(port: u16, page: Page, opened: Option<Opened>) -> io::Result<Self> {
        let server = Server::http((Ipv4Addr::LOCALHOST, port)).map_err(io::Error::other)?;
        let address = server.server_addr().to_ip().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        Ok(Self { server, address, page, opened })
    }

    /// The address to type into a browser.
    pub(super) fn address(&self) -> String {
        match &self.opened {
            None => format!("http://{}/", self.address),
            Some(opened) => format!("http://{}/?{}", self.address, opened.query()),
        }
    }

    /// Answers until the process ends.
    pub(super) fn serve(&self) {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    // An error here is one of the socket: nothing more can be asked.
                    while let Ok(request) = self.server.recv() {
                        let answer = self.answer(&request);
                        // A browser that went away needs no answer.
                        let _ = respond(request, answer);
                    }
                });
            }
        });
    }

    fn answer(&self, request: &Request) -> Answer {
        let is_own = header(request, "Host").is_some_and(|host| self.is_own_host(host));
        if !is_own {
            return refuse(403, "This server answers for its own address only.");
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return with(refuse(405, "This server only reads."), "Allow", "GET, HEAD");
        }
        let path = request.url().split(['?', '#']).next().unwrap_or_default();
        let opened = self.opened.as_ref().zip(path.strip_prefix(OPENED));
        let of_page = || self.page.file(path).map(|file| file.and_then(|file| page_file(file, request)));
        match opened.and_then(|(opened, rest)| opened.answer(rest, header(request, "Range"))).or_else(of_page) {
            Some(answer) => answer.unwrap_or_else(|error| failed(&error)),
            None => refuse(404, "There is no such page."),
        }
    }

    fn is_own_host(&self, host: &str) -> bool {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        matches!(name, "127.0.0.1" | "localhost") && port.parse() == Ok(self.address.port())
    }
}

/// Sends an answer that ends its connection, as HTTP 1.0 does. The library gives every open
/// connection a thread out of a few; those that browsers keep open would leave none for new ones.
fn respond(request: Request, answer: Answer) -> io::Result<()> {
    let is_head = *request.method() == Method::Head;
    let headers = request.headers().to_vec();
    let mut writer = request.into_writer();
    answer.raw_print(&mut writer, HTTPVersion(1, 0), &headers, is_head, None)?;
    writer.flush()
}

type Answer = Response<Box<dyn Read + Send>>;

/// A file of the page, or word that the one the browser has is the same.
fn page_file(file: PageFile, request: &Request) -> io::Result<Answer> {
    let takes_gzip = header(request, "Accept-Encoding").is_some_and(|codings| codings.contains("gzip"));
    let file = if takes_gzip { file } else { file.unpacked()? };
    let tag = file.tag();
    let mime = mime(&file.path);
    let is_gzip = file.is_gzip;
    let answer = if header(request, "If-None-Match").is_some_and(|tags| tags.contains(&tag)) {
        body(304, Box::new(io::empty()), 0, mime, CHECKED)
    } else {
        let len = file.bytes.len() as u64;
        let answer = body(200, Box::new(Cursor::new(file.bytes)), len, mime, CHECKED);
        if is_gzip { with(answer, "Content-Encoding", "gzip") } else { answer }
    };
    Ok(with(with(answer, "ETag", &tag), "Vary", "Accept-Encoding"))
}

/// A file that is open in the page, whole or a range of it.
fn served(mut content: impl Read + Seek + Send + 'static, len: u64, path: &Path, range: Option<&str>) -> io::Result<Answer> {
    let answer = match range.map(|range| parse_range(range, len)) {
        None | Some(Range::Ignored) => body(200, Box::new(content), len, OCTETS, UNKEPT),
        Some(Range::Outside) => {
            let refused = refuse(416, "The file has no such bytes.");
            with(refused, "Content-Range", &format!("bytes */{len}"))
        }
        Some(Range::Span { start, end }) => {
            content.seek(SeekFrom::Start(start))?;
            let part = body(206, Box::new(content.take(end - start)), end - start, OCTETS, UNKEPT);
            with(part, "Content-Range", &format!("bytes {start}-{}/{len}", end - 1))
        }
    };
    let answer = with(answer, "Accept-Ranges", "bytes");
    Ok(with(answer, "X-File-Name", &encoded(path)))
}

/// What a `Range` header asks of a file.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Several ranges, or something else: the whole file is an answer to that.
    Ignored,
    /// Beyond the end.
    Outside,
    /// From `start` to before `end`.
    Span { start: u64, end: u64 },
}

fn parse_range(range: &str, len: u64) -> Range {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Range::Ignored;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (start, end) = match (number(first), number(last)) {
        (Some(start), Some(last)) if last >= start => (start, last.saturating_add(1).min(len)),
        (Some(start), None) if last.trim().is_empty() => (start, len),
        (None, Some(count)) if first.trim().is_empty() => (len.saturating_sub(count), len),
        _ => return Range::Ignored,
    };
    if start < end { Range::Span { start, end } } else { Range::Outside }
}

fn header<'r>(request: &'r Request, name: &'static str) -> Option<&'r str> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}

const OCTETS: &str = "application/octet-stream";

fn mime(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt" | "md" | "ts") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("webmanifest") => "application/manifest+json",
        _ => OCTETS,
    }
}

/// Kept by the browser, and asked for again each time.
const CHECKED: &str = "no-cache";
/// Nothing of a dump stays in the browser's cache.
const UNKEPT: &str = "no-store";

/// An answer with the headers that every answer has.
fn body(status: u16, reader: Box<dyn Read + Send>, len: u64, mime: &str, cache: &str) -> Answer {
    let len = usize::try_from(len).ok();
    let answer = Response::new(StatusCode(status), Vec::new(), reader, len, None).with_chunked_threshold(usize::MAX);
    let fixed = [
        ("Content-Type", mime),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", cache),
    ];
    fixed.into_iter().fold(answer, |answer, (name, value)| with(answer, name, value))
}

fn with(answer: Answer, name: &str, value: &str) -> Answer {
    match Header::from_bytes(name, value) {
        Ok(header) => answer.with_header(header),
        // Names and values are ours, and a file's name is encoded.
        Err(()) => answer,
    }
}

fn refuse(status: u16, text: &'static str) -> Answer {
    body(status, Box::new(text.as_bytes()), text.len() as u64, "text/plain; charset=utf-8", UNKEPT)
}

fn failed(error: &io::Error) -> Answer {
    match error.kind() {
        io::ErrorKind::NotFound => refuse(404, "The file is no longer there."),
        _ => refuse(500, "The file cannot be read."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        let span = |start, end| Range::Span { start, end };
        for (range, expected) in [
            ("bytes=0-9", span(0, 10)),
            ("bytes=5-", span(5, 100)),
            ("bytes=-7", span(93, 100)),
            ("bytes=-700", span(0, 100)),
            ("bytes=90-1000", span(90, 100)),
            ("bytes=99-99", span(99, 100)),
            ("bytes=100-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-4", Range::Ignored),
            ("bytes=0-1,3-4", Range::Ignored),
            ("bytes=0-18446744073709551615", span(0, 100)),
            ("lines=0-1", Range::Ignored),
            ("bytes=a-b", Range::Ignored),
        ] {
            assert_eq!(parse_range(range, 100), expected, "{range}");
        }
        assert_eq!(parse_range("bytes=0-0", 0), Range::Outside);
    }
}
