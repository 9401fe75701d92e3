//! Writes large snapshots with the library's own encoder, for `cargo xtask scale`.
//!
//! ```text
//! cargo run --release --example scale_dump -- keys 10000000 FILE     so many keys with short strings
//! cargo run --release --example scale_dump -- bytes 5368709120 FILE  values of every kind, until the file has so many bytes
//! ```
//!
//! The same arguments give the same bytes. Prints the keys written, the bytes of their names, and the bytes of the file.

use aikv::model::{Emitter, EncodeOptions, Entry, HashField, ScoredMember, Value};
use aikv::rdb::Version;
use bytes::Bytes;
use std::fs::File;
use std::io::Write;

const PIECE_BYTES: usize = 4 << 20;
/// 2100-01-01 in Unix milliseconds.
const LATE_MS: i64 = 4_102_444_800_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, count, path] = &args[..] else { return Err("expected: keys|bytes N FILE".into()) };
    let count: u64 = count.parse()?;
    let entry = if what == "keys" { short } else { large };
    let options = EncodeOptions { is_compressing: false, ..EncodeOptions::new(Version::redis(12)) };
    let mut file = File::create(path)?;
    let mut out = Vec::with_capacity(2 * PIECE_BYTES);
    let mut emitter = Emitter::new(&options, &mut out)?;
    emitter.select_db(0, &mut out)?;
    let mut random = Random(1);
    let (mut keys, mut name_bytes) = (0, 0);
    while if what == "keys" { keys < count } else { emitter.offset() < count } {
        let (name, entry) = entry(keys, &mut random);
        emitter.entry(name.as_bytes(), &entry, &mut out)?;
        (keys, name_bytes) = (keys + 1, name_bytes + name.len());
        if out.len() > PIECE_BYTES {
            file.write_all(&out)?;
            out.clear();
        }
    }
    emitter.finish(&mut out)?;
    file.write_all(&out)?;
    println!("{keys} {name_bytes} {}", file.metadata()?.len());
    Ok(())
}

/// A short string; every fourth expires.
fn short(n: u64, random: &mut Random) -> (String, Entry) {
    const AREAS: [&str; 8] = ["user", "session", "cart", "token", "rate", "cache", "lock", "job"];
    let area = AREAS[random.below(8) as usize];
    let value = Value::String(format!("{:08x}", random.next() >> 32).into());
    let expires_at_ms = n.is_multiple_of(4).then(|| LATE_MS + random.below(1 << 36).cast_signed());
    (format!("{area}:{n:08}"), Entry { expires_at_ms, ..value.into() })
}

/// A value of 10 KiB or so.
fn large(n: u64, random: &mut Random) -> (String, Entry) {
    let mut text = |bytes: usize| -> Bytes { random.text(bytes).into() };
    let value = match n % 6 {
        0 | 1 => Value::String(text(12 << 10)),
        2 => Value::List((0..80).map(|_| text(120)).collect()),
        3 => Value::Set(
            (0..200)
                .map(|at| format!("{at}:{n}").into_bytes())
                .map(|mut member| {
                    member.extend_from_slice(&text(40));
                    member.into()
                })
                .collect(),
        ),
        4 => Value::Zset(
            (0..250)
                .map(|at| ScoredMember {
                    member: [format!("{at}:").as_bytes(), &text(32)].concat().into(),
                    score: f64::from(at) / 4.0,
                })
                .collect(),
        ),
        _ => Value::Hash(
            (0..150).map(|at| HashField { field: format!("field:{at}").into(), value: text(60), expires_at_ms: None }).collect(),
        ),
    };
    (format!("{}:{n:08}", ["page", "doc", "feed", "tags", "board", "profile"][(n % 6) as usize]), value.into())
}

/// xorshift64*: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Text that nothing packs much.
    fn text(&mut self, bytes: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes + 8);
        while text.len() < bytes {
            text.extend(self.next().to_le_bytes().map(|byte| b'0' + byte % 64));
        }
        text.truncate(bytes);
        text
    }
}
