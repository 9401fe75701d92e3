//! Fills the corpora: `fuzz/corpus/<target>/`, from the fixtures of real servers and `seeds.txt`.

use aikv::aof::{write_command, write_marked};
use aikv::model::Dataset;
use aikv::rdb::{Decoder, DumpPayload, Event, Version, ZeroChecksum, seal};
use aikv_fuzz::{read, seed};
use std::fs;
use std::path::{Path, PathBuf};

/// Larger files slow every run down and hold nothing that smaller ones lack.
const MAX_SNAPSHOT: usize = 4 << 10;
const MAX_LOG: usize = 16 << 10;
const MAX_VALUE: usize = 1 << 10;

/// The targets that read snapshots.
const SNAPSHOTS: [&str; 6] = ["convert", "export", "rdb_stream", "repair", "roundtrip", "skip"];

/// Commands on values of every kind, for `convert` and `replay`.
const REPLAYS: [&str; 7] = [
    "SELECT 1\nSET s 5 PXAT 1800000000000\nINCRBY s 3\nAPPEND s x\nSETRANGE s 9 y\nGETEX s PERSIST\nMSET s 1 t 2\nRENAME s t",
    "RPUSH l a b c\nLPUSH l x\nLINSERT l BEFORE a y\nLREM l -1 b\nLTRIM l 0 1\nLMOVE l m LEFT RIGHT\nSORT l ALPHA STORE n",
    "SADD e 1 2 3\nSADD f 3 4\nSUNIONSTORE g e f\nSMOVE e f 1\nSREM f 4\nZUNIONSTORE z 2 e g WEIGHTS 2 3 AGGREGATE MAX",
    "ZADD z 1 a 2.5 b inf c\nZADD z GT CH 3 a\nZINCRBY z -inf c\nZREMRANGEBYSCORE z (1 2\nZRANGESTORE y z 0 -1 REV\nZPOPMIN y 1",
    "HSET h f v g 1\nHINCRBY h g 2\nHPEXPIREAT h 1800000000000 FIELDS 1 f\nHDEL h g\nHSETEX h PXAT 1700000000000 FIELDS 1 i j",
    "XADD x 1-1 f v\nXADD x MAXLEN = 2 2-1 f v\nXGROUP CREATE x g 0 ENTRIESREAD 0\nXCLAIM x g c 0 2-1 TIME 5 RETRYCOUNT 1 FORCE \
     JUSTID LASTID 2-1\nXACK x g 1-1\nXDEL x 2-1\nXSETID x 3-1 ENTRIESADDED 9 MAXDELETEDID 2-1\nXCFGSET x IDMP-MAXSIZE 5",
    "SETBIT s 100 1\nBITFIELD s OVERFLOW SAT INCRBY u4 #1 9\nPFADD p a b c\nPFMERGE q p\nMULTI\nCOPY p r\nSWAPDB 0 1\nEXEC\nFLUSHDB",
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus");
    let mut files = Vec::new();
    find(&root.join("../tests/data"), &mut files);
    for file in &files {
        let bytes = fs::read(file).expect("a fixture");
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("rdb") => {
                if bytes.len() <= MAX_SNAPSHOT {
                    add(&corpus, &SNAPSHOTS, &bytes);
                    add_lines(&corpus, &bytes);
                }
                values(&bytes, |version, body| {
                    if body.len() <= MAX_VALUE {
                        add_value(&corpus, version, body);
                    }
                });
            }
            Some("manifest") => add(&corpus, &["manifest"], &bytes),
            Some("aof") if bytes.len() <= MAX_LOG => add(&corpus, &["aof", "convert", "repair", "replay"], &bytes),
            Some("gz" | "lz4" | "zst") => add(&corpus, &["unpack"], &bytes),
            _ => {}
        }
    }
    let list = fs::read_to_string(root.join("seeds.txt")).expect("seeds.txt");
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("what, dialect, version");
        let (what, dialect, number) = (word(), word(), word().parse().expect("a number"));
        let version = if dialect == "redis" { Version::redis(number) } else { Version::valkey(number) };
        let bytes = unhex(&words.collect::<String>());
        match what {
            "value" => add_value(&corpus, version, &bytes),
            _ => add_records(&corpus, version, &bytes),
        }
    }
    add(&corpus, &["aof", "repair"], &marked_log());
    // Compressed strings behind the length they state: 1000 times "a", as Redis 7.0.15 saves it, and a mixture.
    add(&corpus, &["lzf"], b"\xe8\x03\x01aa\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xc3\x00\x01aa");
    add(&corpus, &["lzf"], b"\x0c\x00\x05abcabc\x20\x02\x02xyz");
    for lines in REPLAYS {
        add(&corpus, &["convert", "replay"], lines.as_bytes());
    }
    for target in fs::read_dir(&corpus).expect("the corpora") {
        let path = target.expect("a corpus").path();
        println!("{}: {} files", path.display(), fs::read_dir(&path).expect("a corpus").count());
    }
}

/// Integrity marks, which no server writes: one behind bytes without, and one with a transaction.
fn marked_log() -> Vec<u8> {
    let records = |commands: &[&[&str]]| {
        let mut records = Vec::new();
        commands.iter().for_each(|args| write_command(*args, &mut records).expect("a command"));
        records
    };
    let mut log = records(&[&["SELECT", "0"]]);
    write_marked(&records(&[&["SET", "k", "v"], &["DEL", "x"]]), 23, &mut log);
    write_marked(&records(&[&["MULTI"], &["SET", "k", "v"], &["EXEC"]]), 0, &mut log);
    log
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of fixtures") {
        let path = entry.expect("a fixture").path();
        if path.is_dir() { find(&path, found) } else { found.push(path) }
    }
}

/// Files are named after their content, so that the same one stands there once.
fn add(corpus: &Path, targets: &[&str], bytes: &[u8]) {
    for target in targets {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).expect("a corpus");
        fs::write(folder.join(format!("{:016x}", seed(bytes))), bytes).expect("a seed");
    }
}

/// A value, as a payload and as the only key of a snapshot.
fn add_value(corpus: &Path, version: Version, body: &[u8]) {
    let mut payload = body.to_vec();
    seal(&mut payload, version);
    add(corpus, &["dump_payload"], &payload);
    let payload = DumpPayload::parse(&payload, ZeroChecksum::Compared).expect("it was sealed");
    let mut records = Vec::new();
    let read = payload.each(|event, raw| {
        records.extend_from_slice(raw);
        if let Event::Key(_) = event {
            records.extend_from_slice(b"\x01k");
        }
        Ok(())
    });
    read.unwrap_or_else(|error| panic!("{error}: {body:02x?}"));
    add_records(corpus, version, &records);
}

/// A snapshot without a checksum: a changed byte then leaves the rest as good as it was.
fn add_records(corpus: &Path, version: Version, records: &[u8]) {
    let end: &[u8] = if version.number() < 5 { b"\xff" } else { b"\xff\0\0\0\0\0\0\0\0" };
    let bytes = [&version.header()[..], records, end].concat();
    if let Err(error) = read(&bytes, Decoder::new(), |_| Ok(())) {
        panic!("{error}: {bytes:02x?}");
    }
    add(corpus, &SNAPSHOTS, &bytes);
    add_lines(corpus, &bytes);
}

/// A snapshot as JSON Lines, where no name stands in it twice.
fn add_lines(corpus: &Path, bytes: &[u8]) {
    if let Ok(lines) = Dataset::decode(bytes).and_then(|dataset| dataset.to_json_lines()) {
        add(corpus, &["convert", "export"], &lines);
    }
}

/// Type and value of every key.
fn values(bytes: &[u8], mut f: impl FnMut(Version, &[u8])) {
    let (mut version, mut body) = (None, Vec::new());
    let read = read(bytes, Decoder::new(), |step| {
        match &step.event {
            Some(Event::Start(found)) => version = Some(*found),
            Some(Event::Key(key)) => body = vec![key.value_type.byte()],
            Some(Event::Value(_)) => body.extend_from_slice(step.raw),
            Some(Event::KeyEnd { .. }) => f(version.expect("the header came first"), &body),
            _ => {}
        }
        Ok(())
    });
    read.expect("a sound fixture");
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("two digits");
    digits.as_bytes().chunks(2).map(byte).collect()
}
