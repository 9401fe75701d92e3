//! `aikv view`: what the small web server answers, and what it refuses.

#![cfg(feature = "cli")]

mod common;

use common::TempDir;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `aikv view`, ended with the test.
struct View {
    child: Child,
    address: String,
    /// `127.0.0.1:PORT`.
    host: String,
}

impl View {
    fn start(page: &Path, file: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aikv"));
        command.arg("view").args(file).arg("--www").arg(page).arg("--no-open");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim_end().to_string();
        let host = address.strip_prefix("http://").unwrap().split('/').next().unwrap().to_string();
        Self { child, address, host }
    }

    fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::parse(&bytes)
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.host))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A folder with a page in `page`, and a file beside it.
fn site() -> TempDir {
    let folder = TempDir::new();
    fs::create_dir_all(folder.join("page/pkg")).unwrap();
    for (name, text) in [
        ("page/index.html", "<!doctype html>"),
        ("page/main.js", "export {};"),
        ("page/style.css", "body{}"),
        ("page/pkg/aikv_bg.wasm", "\0asm"),
        ("dump ä#.rdb", "0123456789"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder
}

#[test]
fn the_page_comes_with_its_types_and_its_policy() {
    let folder = site();
    let view = View::start(&folder.join("page"), None);
    assert_eq!(view.address, format!("http://{}/", view.host));
    assert!(view.host.starts_with("127.0.0.1:"));
    for (path, mime, body) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/index.html?file=x", "text/html; charset=utf-8", "<!doctype html>"),
        ("/main.js", "text/javascript; charset=utf-8", "export {};"),
        ("/style.css", "text/css; charset=utf-8", "body{}"),
        ("/pkg/aikv_bg.wasm", "application/wasm", "\0asm"),
    ] {
        let answer = view.get(path, "");
        assert_eq!(
            (answer.status, answer.header("Content-Type"), &answer.body[..]),
            (200, Some(mime), body.as_bytes()),
            "{path}"
        );
        let policy = answer.header("Content-Security-Policy").unwrap();
        for part in ["default-src 'none'", "connect-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    }
    assert_eq!(view.get("/absent.js", "").status, 404);
    assert_eq!(view.get("/opened-file", "").status, 404, "no file is open");
}

#[test]
fn other_hosts_methods_and_paths_are_refused() {
    let folder = site();
    let view = View::start(&folder.join("page"), Some(&folder.join("dump ä#.rdb")));
    let port = view.host.rsplit(':').next().unwrap();
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1", ""] {
        let answer = view.ask(&format!("GET /opened-file HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, 403, "{host}");
    }
    assert_eq!(view.ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").status, 403, "no host at all");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = view.ask(&format!(
            "{method} /opened-file HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            view.host
        ));
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in
        ["/../dump%20%C3%A4%23.rdb", "/%2e%2e/dump%20%C3%A4%23.rdb", "/pkg/../../dump%20%C3%A4%23.rdb", "/pkg", "//etc/passwd"]
    {
        assert_eq!(view.get(path, "").status, 404, "{path}");
    }
    assert_eq!(fs::read(folder.join("dump ä#.rdb")).unwrap(), b"0123456789");
}

#[test]
fn the_opened_file_is_served_whole_and_in_ranges() {
    let folder = site();
    let file = folder.join("dump ä#.rdb");
    let view = View::start(&folder.join("page"), Some(&file));
    assert_eq!(view.address, format!("http://{}/?file=dump%20%C3%A4%23.rdb", view.host));
    let whole = view.get("/opened-file", "");
    assert_eq!((whole.status, &whole.body[..]), (200, &b"0123456789"[..]));
    assert_eq!(whole.header("Accept-Ranges"), Some("bytes"));
    let head = view.ask(&format!("HEAD /opened-file HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", view.host));
    assert_eq!((head.status, head.header("Content-Length"), head.body.len()), (200, Some("10"), 0));
    assert_eq!(head.header("X-File-Name"), Some("dump%20%C3%A4%23.rdb"));
    for (range, body, told) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = view.get("/opened-file", &format!("Range: {range}\r\n"));
        assert_eq!(
            (answer.status, &answer.body[..], answer.header("Content-Range")),
            (206, body.as_bytes(), Some(told)),
            "{range}"
        );
    }
    let outside = view.get("/opened-file", "Range: bytes=10-\r\n");
    assert_eq!((outside.status, outside.header("Content-Range")), (416, Some("bytes */10")));
    fs::remove_file(&file).unwrap();
    assert_eq!(view.get("/opened-file", "").status, 404);
}

#[test]
fn the_files_of_a_log_are_listed_and_served() {
    let site = site();
    let folder = site.join("appendonlydir");
    fs::create_dir(&folder).unwrap();
    let manifest = folder.join("a.aof.manifest");
    fs::write(&manifest, "file a.aof.1.base.rdb seq 1 type b\nfile \"a b.aof\" seq 1 type i\nfile linked.aof seq 2 type i\n")
        .unwrap();
    for (name, bytes) in
        [("a.aof.1.base.rdb", "0123456789"), ("a b.aof", "abc"), ("other.aof.manifest", ""), ("id_rsa", "secret")]
    {
        fs::write(folder.join(name), bytes).unwrap();
    }
    std::os::unix::fs::symlink("/etc/hostname", folder.join("linked.aof")).unwrap();
    let view = View::start(&site.join("page"), Some(&manifest));
    assert_eq!(view.address, format!("http://{}/?folder=appendonlydir", view.host));
    let list = view.get("/opened-file", "");
    let text =
        r#"{"files":[{"name":"a b.aof","size":3},{"name":"a.aof.1.base.rdb","size":10},{"name":"a.aof.manifest","size":92}]}"#;
    assert_eq!((list.status, list.header("Content-Type")), (200, Some("application/json")));
    assert_eq!(String::from_utf8(list.body).unwrap(), text);
    let part = view.get("/opened-file/a.aof.1.base.rdb", "Range: bytes=2-4\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &b"234"[..]));
    assert_eq!(view.get("/opened-file/a%20b.aof", "").body, b"abc");
    for path in [
        "/opened-file/",
        "/opened-file/linked.aof",
        "/opened-file/other.aof.manifest",
        "/opened-file/id_rsa",
        "/opened-file/../page/index.html",
        "/opened-file/%2e%2e%2fpage%2findex.html",
    ] {
        assert_eq!(view.get(path, "").status, 404, "{path}");
    }
    fs::remove_file(folder.join("a b.aof")).unwrap();
    assert_eq!(view.get("/opened-file/a%20b.aof", "").status, 404);
    // A folder names the log as its manifest does, once it is the only one.
    fs::remove_file(folder.join("other.aof.manifest")).unwrap();
    assert_eq!(View::start(&site.join("page"), Some(&folder)).get("/opened-file/a.aof.1.base.rdb", "").body.len(), 10);
}

#[test]
fn without_a_file_the_sample_of_the_page_is_open() {
    let folder = site();
    fs::write(folder.join("page/sample.rdb"), "sample").unwrap();
    let view = View::start(&folder.join("page"), None);
    assert!(view.address.ends_with("/?file=sample.rdb"), "{}", view.address);
    assert_eq!(view.get("/opened-file", "").body, b"sample");
}

#[test]
fn a_file_that_is_not_there_is_told_at_once() {
    let folder = site();
    let output = Command::new(env!("CARGO_BIN_EXE_aikv"))
        .args(["view", "/nowhere/dump.rdb", "--no-open", "--www"])
        .arg(folder.join("page"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nowhere/dump.rdb: "));
}
