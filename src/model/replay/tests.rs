//! Replays of whole logs. What is expected is what Redis 8.6.3 has after it loaded the same log, if nothing else is said.

use super::*;
use crate::aof;
use crate::model::{DecodeLimits, EncodeOptions, Entry, Value};
use crate::rdb::Version;
use crate::wire::crc64;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;

/// The clock of these replays.
const NOW_MS: i64 = 1_000_000;

fn options() -> ReplayOptions {
    ReplayOptions::new(NOW_MS, [1, 2])
}

/// Replays a log of commands that `; ` separates, and blanks their arguments. The first starts at byte 0, each one
/// 100 bytes behind the last.
fn replay_with(options: ReplayOptions, lines: &str) -> Result<(Dataset, ReplayReport)> {
    let commands: Vec<Vec<&[u8]>> = lines.split("; ").map(|line| line.split(' ').map(str::as_bytes).collect()).collect();
    replay_args(options, &commands)
}

fn replay_args(options: ReplayOptions, commands: &[Vec<&[u8]>]) -> Result<(Dataset, ReplayReport)> {
    let mut replay = Replay::new(options);
    for (args, at) in commands.iter().zip(0..) {
        let mut log = Vec::new();
        aof::write_command(args, &mut log).unwrap();
        // A lone EXEC is for the replay to refuse.
        match log.starts_with(b"*1\r\n$4\r\nEXEC") || log.starts_with(b"*1\r\n$7\r\nDISCARD") {
            true => replay.command(aof::Command::new(&log[4..], 1), at * 100)?,
            false => match aof::Decoder::new().step(&log).unwrap().event {
                Some(aof::Event::Command(command)) => replay.command(command, at * 100)?,
                event => panic!("{event:?}"),
            },
        }
    }
    replay.finish()
}

pub(super) fn held(lines: &str) -> Dataset {
    replay_with(options(), lines).unwrap().0
}

fn failed(lines: &str) -> Vec<(&'static str, &'static str, u64)> {
    let (_, report) = replay_with(options(), lines).unwrap();
    report.failed.iter().map(|failed| (failed.name, failed.reason, failed.count)).collect()
}

pub(super) fn entry<'d>(dataset: &'d Dataset, key: &str) -> Option<&'d Entry> {
    dataset.databases.get(&0)?.get(key.as_bytes())
}

/// The string of a key, or the elements of its list or set; `-` if there is none.
fn shown(dataset: &Dataset, key: &str) -> String {
    let join = |texts: &[Bytes]| texts.iter().map(|text| text.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
    let mut entry = entry(dataset, key).cloned();
    entry.iter_mut().for_each(Entry::canonicalize);
    match entry.map(|entry| entry.value) {
        None => "-".into(),
        Some(Value::String(text)) => text.escape_ascii().to_string(),
        Some(Value::List(items)) => join(&items),
        Some(Value::Set(members)) => join(&members),
        Some(Value::Hash(fields)) => {
            let field = |field: &crate::model::HashField| {
                let expiry = field.expires_at_ms.map_or(String::new(), |at| format!("@{at}"));
                format!("{}={}{expiry}", field.field.escape_ascii(), field.value.escape_ascii())
            };
            fields.iter().map(field).collect::<Vec<_>>().join(" ")
        }
        Some(other) => format!("{other:?}"),
    }
}

/// Compares with what is shown of keys: `key: text; ..`.
#[track_caller]
fn assert_shown(dataset: &Dataset, expected: &str) {
    for (key, text) in expected.split("; ").map(|shown| shown.split_once(": ").unwrap()) {
        assert_eq!(shown(dataset, key), text, "{key}");
    }
}

#[test]
fn strings_are_as_servers_leave_them() {
    let lines = "SET a 10; INCRBY a 5; DECR a; APPEND a 0; SETRANGE b 3 x; SETRANGE a 1 zz; SET c v EX 100 NX; \
         SET c w XX KEEPTTL; SET c x NX; SET n 9223372036854775807; INCR n; SET m 9223372036854775806; INCR m; \
         SET t text; INCR t; DECRBY q -9223372036854775808; GETSET c y; MSET d 1 e 2; MSETNX e 5 f 6; MSETNX g 7 h 8; \
         SET i 1; DELEX i IFEQ 2; SET j 1; DELEX j IFEQ 1; SET l 1 IFEQ 1; SET d 9 IFEQ 1; RPUSH list x; APPEND list y; \
         SET list2 x GET; GETEX t EX abc";
    let dataset = held(lines);
    assert_shown(
        &dataset,
        r"a: 1zz; b: \x00\x00\x00x; c: y; n: 9223372036854775807; m: 9223372036854775807; t: text; q: -; d: 9; e: 2; f: -; g: 7; h: 8; i: 1; j: -; l: -; list: x; list2: x",
    );
    assert_eq!(entry(&dataset, "c").unwrap().expires_at_ms, None, "GETSET clears the expiry");
    assert_eq!(failed(lines).len(), 5);
}

#[test]
fn sums_of_floats_have_the_digits_that_servers_give_them() {
    let dataset = held(
        "INCRBYFLOAT a 0.1; INCRBYFLOAT a 0.2; SET b 3.0e3; INCRBYFLOAT b 1; SET c 10; INCRBYFLOAT c -10; SET d 1e17; \
         INCRBYFLOAT d 1e-17; SET e 0x10; INCRBYFLOAT e 1; INCRBYFLOAT f 1e20; INCRBYFLOAT g 123456789.123456789; \
         INCRBYFLOAT g 0.000000001; SET h abc; INCRBYFLOAT h 1; INCRBYFLOAT i inf; INCRBYFLOAT j -0.00000000000000001; \
         INCRBYFLOAT j -0.000000000000000004; INCRBYFLOAT k 18446744073709551615; INCRBYFLOAT k 0.5; \
         INCRBYFLOAT l 1e-20; INCRBYFLOAT m 5.0; INCRBYFLOAT n 1e300; HINCRBYFLOAT o f 1e-3",
    );
    assert_shown(
        &dataset,
        "a: 0.3; b: 3001; c: 0; d: 100000000000000000; e: 17; f: 100000000000000000000; g: 123456789.12345678999554366; \
         h: abc; i: -; j: -0.00000000000000001; k: 18446744073709551616; l: 0; m: 5; o: f=0.001; \
         n: 1000000000000000000008997324079559193870523944273290747938260082321265646596180935755849152083750497190350372508614274835903592556184672983913096260520748646287327135641843653294084255107606016789726652932370030551382947620994540294772781889620606179267611627097410650567187386105690089424915104006144",
    );
}

#[test]
fn lists_are_as_servers_leave_them() {
    let dataset = held(
        "RPUSH l a b c a b c a; LREM l -2 a; LPUSH l z; LSET l 1 q; LSET l 9 q; LINSERT l BEFORE c w; \
         LINSERT l AFTER nope w; LTRIM l 0 -2; RPOPLPUSH l l; RPOPLPUSH l m; LMOVE m n LEFT RIGHT; LPUSHX o a; \
         RPUSH p 1 2 3 4; LTRIM p 5 9; RPUSH r 1 2 3; LPOP r 5; RPUSH s 1 2 3 4 5; LMPOP 2 none s RIGHT COUNT 2; \
         LREM s 1 2; SET str x; RPOPLPUSH s str; RPUSH t a b c d e; LTRIM t -3 -2; RPUSH u a a b a; LREM u 2 a; \
         BLPOP none u 0; RPUSH v x y; LPOP v 0",
    );
    assert_shown(&dataset, "l: b z q b w; m: -; n: c; o: -; p: -; r: -; s: 1 3; t: c d; u: a; v: x y");
}

#[test]
fn sets_are_as_servers_leave_them() {
    let dataset = held(
        "SADD a 1 2 3; SADD b 2 3 4; SINTERSTORE c a b; SUNIONSTORE d a b; SDIFFSTORE e a b; SINTERSTORE d2 a none; \
         SADD g x; SMOVE g h x; SMOVE a a 1; SMOVE a b nope; SREM a 1 2 3 3; SADD k x; SINTERSTORE k none b; SET s x; \
         SADD s y; SDIFFSTORE s b c",
    );
    assert_shown(&dataset, "c: 2 3; d: 1 2 3 4; e: 1; d2: -; g: -; a: -; k: -; h: x; s: 4");
}

#[test]
fn hashes_are_as_servers_leave_them() {
    let dataset = held(
        "HSET a f 5 g 1; HPEXPIREAT a 9000000 FIELDS 2 f x; HINCRBY a f 1; HSET b f 5; HPEXPIREAT b 9000000 FIELDS 1 f; \
         HSET b f 1; HSET c f 5; HPEXPIREAT c 9000000 GT FIELDS 1 f; HSET d f 5; HPEXPIREAT d 9000000 LT FIELDS 1 f; \
         HSET e f 5; HPEXPIREAT e 1000 FIELDS 1 f; HPEXPIREAT e 9000000 XX FIELDS 1 f; HSET g f 5; HGETDEL g FIELDS 1 f; \
         HSET h f 5; HSETEX h PXAT 9000000 FIELDS 1 f 6; HSETEX h KEEPTTL FIELDS 1 f 7; HSET i f 5; \
         HSETEX i FNX PXAT 9000000 FIELDS 2 f 6 g 8; HSET j f 5; HSETEX j FXX PXAT 9000000 FIELDS 1 f 6; HSET k f 5; \
         HGETEX k PXAT 9000000 FIELDS 1 f; HSET l f 5; HDEL l f; HSETNX m f 1; HSETNX m f 2; HSET n f 1; \
         HEXPIRE n 5 FIELDS 1 f; HPERSIST n FIELDS 1 f",
    );
    assert_shown(
        &dataset,
        "a: f=6@9000000 g=1; b: f=1; c: f=5; d: f=5@9000000; e: f=5@9000000; g: -; h: f=7@9000000; i: f=5; \
         j: f=6@9000000; k: f=5@9000000; l: -; m: f=1; n: f=1",
    );
}

#[test]
fn keys_move_between_names_and_databases() {
    let far = 4_102_444_800_000i64;
    let lines = [
        format!("SET a 1 PXAT {far}"),
        "RENAME a b".into(),
        "SET c 2".into(),
        "RENAME c b".into(),
        "RENAME none x".into(),
        "SET d 1".into(),
        "SET e 2".into(),
        "RENAMENX d e".into(),
        "COPY d f".into(),
        "COPY d e".into(),
        "COPY d g DB 1 REPLACE".into(),
        "MOVE e 1".into(),
        "SELECT 1".into(),
        "SET h x".into(),
        "MOVE h 1".into(),
        "SWAPDB 1 2".into(),
        "SET i 1".into(),
        "SELECT 2".into(),
        "SET j 1".into(),
        "SELECT 0".into(),
        format!("PEXPIREAT d {far} GT"),
        format!("PEXPIREAT d {far} LT"),
        format!("PEXPIREAT d {} GT", far - 1),
        format!("PEXPIREAT d {} NX", far + 1),
        format!("PEXPIREAT f {far}"),
        "PERSIST f".into(),
        "EXPIREAT f 99999999999999999".into(),
        "RENAME d d".into(),
    ];
    let dataset = held(&lines.join("; "));
    let keys = |db| dataset.databases[&db].keys().map(|key| key.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!([keys(0), keys(1), keys(2)], ["b d f", "i", "e g h j"]);
    assert_shown(&dataset, "b: 2");
    let expiries = ["b", "d", "f"].map(|key| entry(&dataset, key).unwrap().expires_at_ms);
    assert_eq!(expiries, [None, Some(far), None]);
}

#[test]
fn nothing_expires_while_a_log_is_loaded() {
    let lines = "SET a 1; PEXPIREAT a 1000; INCR a; SET b 1; PEXPIRE b 500; SET c 1 EX 3; HSET h f 1 g 2; \
         HPEXPIREAT h 5 FIELDS 1 f; HINCRBY h f 1";
    let (dataset, report) = replay_with(options(), lines).unwrap();
    assert_shown(&dataset, "a: 2; h: f=2@5 g=2");
    let expiries = ["a", "b", "c"].map(|key| entry(&dataset, key).unwrap().expires_at_ms);
    assert_eq!(expiries, [Some(1000), Some(NOW_MS + 500), Some(NOW_MS + 3000)]);
    assert_eq!((report.expired_keys, report.expired_fields), (0, 0));

    let dropping = ReplayOptions { drop_expired_at_ms: Some(NOW_MS + 500), ..options() };
    let (dataset, report) = replay_with(dropping, lines).unwrap();
    assert_shown(&dataset, "a: -; b: 1; c: 1; h: g=2");
    assert_eq!((report.expired_keys, report.expired_fields), (1, 1));
}

#[test]
fn bits_are_as_servers_leave_them() {
    let dataset = held(
        "SETBIT a 7 1; SETBIT a 17 0; BITOP NOT b a; SET c abc; SET d ab; BITOP AND e c d; BITOP OR f c d; \
         BITOP XOR g c d; BITOP DIFF h c d; BITOP DIFF1 i d c; BITOP ANDOR j c d; BITOP ONE k c d a; \
         BITOP AND l none none2; BITFIELD m SET u8 0 255 INCRBY u8 0 10; \
         BITFIELD m OVERFLOW SAT INCRBY i5 #2 100 OVERFLOW FAIL INCRBY u4 20 99; BITFIELD n GET u8 100; \
         BITFIELD o SET i64 0 -1; BITFIELD p OVERFLOW FAIL SET u2 100 9; BITFIELD q SET u8 0 -1 SET i8 8 200; \
         BITFIELD r OVERFLOW SAT SET u4 0 -1 SET i4 4 -100",
    );
    assert_shown(
        &dataset,
        r"a: \x01\x00\x00; b: \xfe\xff\xff; e: ab\x00; f: abc; g: \x00\x00c; h: \x00\x00c; i: \x00\x00c; j: ab\x00; k: \x00\x00c; l: -; n: -",
    );
    assert_shown(&dataset, r"m: \t\x1e\x00; o: \xff\xff\xff\xff\xff\xff\xff\xff; q: \xff\xc8; r: \xf8");
    assert_shown(&dataset, &["p: ", &r"\x00".repeat(13)].concat());
}

/// Length, CRC-64 and first bytes as Redis 5.0.14, 8.6.3 and Valkey 9.1.2 have them.
#[test]
fn counters_of_distinct_elements_have_the_bytes_that_servers_give_them() {
    let add =
        |key: &str, prefix: &str, count: u32| (0..count).fold(format!("PFADD {key}"), |line, n| format!("{line} {prefix}{n}"));
    let lines = [
        "PFADD a x y z".into(),
        "PFADD e".into(),
        add("b", "", 100),
        "PFCOUNT b".into(),
        add("c", "", 3000),
        "PFCOUNT c".into(),
        "PFMERGE d a b".into(),
        "PFMERGE f c a".into(),
        "SET g x".into(),
        "PFADD g y".into(),
        add("h", "", 1500),
        "PFCOUNT h".into(),
        add("i", "k", 100_000),
        "PFCOUNT i".into(),
    ];
    let dataset = held(&lines.join("; "));
    for (key, len, crc, head) in [
        ("a", 26, 0xb740_02ca_1f8f_6855, r"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
        ("b", 287, 0x625d_ff7e_eff5_deb9, r"HYLL\x01\x00\x00\x00d\x00\x00\x00\x00\x00\x00\x00"),
        ("c", 12304, 0x471e_359f_dfbc_662e, r"HYLL\x00\x00\x00\x00\xbc\x0b\x00\x00\x00\x00\x00\x00"),
        ("d", 293, 0x8653_d2fb_4847_fe67, r"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
        ("e", 18, 0x9bd9_1be8_6807_a6dd, r"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
        ("f", 12304, 0x9ed8_8075_d00a_0cbf, r"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"),
        ("g", 1, 0xf34b_3745_8bb8_6399, "x"),
        ("h", 2766, 0x7b76_dded_0b93_5da3, r"HYLL\x01\x00\x00\x00\xe8\x05\x00\x00\x00\x00\x00\x00"),
        ("i", 12304, 0xf179_61c1_78e0_296f, r"HYLL\x00\x00\x00\x00x\x87\x01\x00\x00\x00\x00\x00"),
    ] {
        let Some(Entry { value: Value::String(text), .. }) = entry(&dataset, key) else { panic!("{key}") };
        assert_eq!(text[..text.len().min(16)].escape_ascii().to_string(), head, "{key}");
        assert_eq!((text.len(), crc64::update(0, text)), (len, crc), "{key}");
    }
}

#[test]
fn what_sort_stores_is_as_servers_sort_it() {
    let dataset = held(
        "RPUSH l 3 1 2 10; SORT l STORE a; SORT l DESC LIMIT 1 2 STORE b; SORT l ALPHA STORE c; MSET w_1 5 w_2 4 w_3 3; \
         SORT l BY w_* STORE d; SORT l BY nosort GET # GET w_* STORE e; HSET h_1 f x; SORT l GET h_*->f STORE g; \
         ZADD z 1 b 2 a 3 c; SORT z BY nosort DESC STORE i; SORT z ALPHA STORE j; SADD s b a c; \
         SORT s BY nosort STORE k; SORT z STORE n; SET m 1; SORT none STORE m",
    );
    assert_shown(
        &dataset,
        "a: 1 2 3 10; b: 3 2; c: 1 10 2 3; d: 10 3 2 1; e: 3 3 1 5 2 4 10 ; g: x   ; i: c a b; j: a b c; k: a b c; n: -; \
         m: -",
    );
}

#[test]
fn a_transaction_is_applied_at_its_end_or_not_at_all() {
    let (dataset, report) = replay_with(options(), "SET a 1; MULTI; INCR a; INCR a; EXEC; MULTI; SET a 9").unwrap();
    assert_shown(&dataset, "a: 3");
    assert_eq!((report.applied, report.transactions, report.unfinished), (3, 1, 1));
    for lines in ["MULTI; MULTI", "EXEC", "MULTI; DISCARD", "DISCARD"] {
        assert_eq!(replay_with(options(), lines).unwrap_err().code(), "bad-command", "{lines:?}");
    }
    let mut replay = Replay::new(options());
    let log = b"*1\r\n$5\r\nMULTI\r\n";
    replay.command(aof::Command::new(&log[4..], 1), 5).unwrap();
    let error = replay.next_file().unwrap_err();
    assert_eq!((error.code(), error.offset()), ("bad-command", 5));
}

#[test]
fn another_file_begins_in_database_0() {
    let mut replay = Replay::new(options());
    for log in [&b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"[..], b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"] {
        let argc = u64::from(log[1] - b'0');
        replay.command(aof::Command::new(&log[4..], argc), 0).unwrap();
        replay.next_file().unwrap();
    }
    let (dataset, _) = replay.finish().unwrap();
    assert_eq!(dataset.databases.keys().collect::<Vec<_>>(), [&0]);
}

/// Reliability: a server writes what follows into the wrong database.
#[test]
fn a_database_that_is_none_ends_the_replay() {
    for number in ["16", "99", "-1", "abc", "01", ""] {
        let error = replay_with(options(), &format!("SET a 1; SELECT {number}; SET b 1")).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("bad-command", 100), "{number}");
    }
    let many = ReplayOptions { databases: 100, ..options() };
    assert_eq!(replay_with(many, "SELECT 99; SET a 1").unwrap().0.databases.keys().collect::<Vec<_>>(), [&99]);
    assert_eq!(failed("SET a 1; MOVE a 16; SWAPDB 0 x; COPY a b DB -1").len(), 3, "these lead nowhere else");
}

#[test]
fn what_is_no_command_ends_the_replay_with_its_place() {
    for (line, message) in [
        ("NOSUCH a", "expected a command that can be replayed, found \"NOSUCH\": byte 100, db 0"),
        ("SET k", "expected more arguments, found \"SET\": byte 100, key \"k\", db 0"),
        ("SET k v SOON", "expected arguments that the command has, found \"SET\": byte 100, key \"k\", db 0"),
        ("SET k v EX", "expected more arguments, found \"SET\": byte 100, key \"k\", db 0"),
        ("MSET a 1 b", "expected arguments in pairs, found \"MSET\": byte 100, db 0"),
        ("INCR a b", "expected fewer arguments, found \"INCR\": byte 100, key \"a\", db 0"),
        (
            "HPEXPIREAT h 5 FIELDS 2 f",
            "expected as many fields as their count says, found \"HPEXPIREAT\": byte 100, key \"h\", db 0",
        ),
        ("SPOP s", "expected SREM, as which servers log it, found \"SPOP\": byte 100, key \"s\", db 0"),
        ("", "expected a command that can be replayed, found \"\": byte 100, db 0"),
        ("SET\0 k v", "expected a command that can be replayed, found \"SET\\x00\": byte 100, db 0"),
        (
            "ANAMEOFMORETHANTWENTYFOURBYTES k",
            "expected a command that can be replayed, found \"ANAMEOFMORETHANTWENTYFOURBYTES\": byte 100, db 0",
        ),
    ] {
        let error = replay_with(options(), &format!("SADD s a b; {line}; SET x 1")).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), ("unsupported-command", message));
    }
    let error = replay_with(options(), "SET k; NOSUCH a").unwrap_err();
    assert_eq!(error.offset(), 0, "the first error counts, though commands are applied a few at a time");
}

/// Reliability: a server carries them out.
#[test]
fn commands_that_are_not_on_data_are_listed_and_not_carried_out() {
    let lines = "SET a 1; SHUTDOWN NOSAVE; DEBUG SEGFAULT; CONFIG SET dir /; REPLICAOF host 1; EVAL return 0; EVALSHA x 0; \
         FCALL f 0; MODULE LOAD x; SCRIPT FLUSH; ACL SETUSER x; PUBLISH a b; PUBLISH a c; GET a";
    let (dataset, report) = replay_with(options(), lines).unwrap();
    assert_shown(&dataset, "a: 1");
    let found: Vec<_> =
        report.skipped.iter().map(|skipped| (skipped.name, skipped.effect, skipped.count, skipped.first_offset)).collect();
    let (none, may) = (SkippedEffect::None, SkippedEffect::MayChangeData);
    assert_eq!(
        found,
        [
            ("SHUTDOWN", none, 1, 100),
            ("DEBUG", may, 1, 200),
            ("CONFIG", none, 1, 300),
            ("REPLICAOF", none, 1, 400),
            ("EVAL", may, 1, 500),
            ("EVALSHA", may, 1, 600),
            ("FCALL", may, 1, 700),
            ("MODULE", may, 1, 800),
            ("SCRIPT", none, 1, 900),
            ("ACL", none, 1, 1000),
            ("PUBLISH", none, 2, 1100),
            ("GET", none, 1, 1300),
        ]
    );
    assert!(report.may_lack_data());
    assert_eq!(report.applied, 1);
}

#[test]
fn what_a_server_answers_with_an_error_is_counted() {
    let lines = "SET a x; LPUSH a y; LPUSH a z; INCR a; RENAME none b; SET b v PX 0";
    assert_eq!(
        failed(lines),
        [
            ("LPUSH", "a value of another type", 2),
            ("INCR", "not an integer or out of range", 1),
            ("RENAME", "no such key", 1),
            ("SET", "an expire time that is none", 1),
        ]
    );
}

#[test]
fn functions_are_loaded_replaced_and_removed() {
    let code = |name: &str, body: &str| format!("#!lua name={name}\n{body}");
    let (one, other, two) = (code("one", "a"), code("one", "b"), code("two", "c"));
    let load = |code: &'static str| code;
    let commands: Vec<Vec<&[u8]>> = [
        vec!["FUNCTION", "LOAD", &one],
        vec!["FUNCTION", "LOAD", &two],
        vec!["FUNCTION", "LOAD", &other],
        vec!["FUNCTION", "LOAD", "REPLACE", &other],
        vec!["FUNCTION", "DELETE", "none"],
        vec!["FUNCTION", "DELETE", "two"],
        vec!["FUNCTION", load("LIST")],
    ]
    .into_iter()
    .map(|args| args.into_iter().map(str::as_bytes).collect())
    .collect();
    let (dataset, report) = replay_args(options(), &commands).unwrap();
    assert_eq!(dataset.functions.iter().map(|function| &function.code[..]).collect::<Vec<_>>(), [other.as_bytes()]);
    assert_eq!(report.failed.len(), 2);
    let (dataset, _) = replay_args(options(), &[commands[0].clone(), vec![b"FUNCTION", b"FLUSH", b"SYNC"]]).unwrap();
    assert_eq!(dataset.functions, []);
}

/// Payloads of Redis 7.0.15 (two libraries, none) and Valkey 9.1.2 (the two in another order).
#[test]
fn dumped_functions_are_restored_all_or_none() {
    const A: &str = "#!lua name=a\nredis.register_function('fa',function() return 1 end)";
    const B: &str = "#!lua name=b\nredis.register_function('fb',function() return 2 end)";
    let payload = |codes: [&str; 2], end: &[u8]| {
        let mut payload = Vec::new();
        for code in codes {
            payload.extend(b"\xf5\x40B");
            payload.extend(code.as_bytes());
        }
        [&payload[..], end].concat()
    };
    let both = payload([A, B], b"\n\x00b7\xf0\xd7\x8d\x10\x92\xdb");
    let valkey = payload([B, A], b"P\x00x\xab\x15\xd9c\xae\xae\xf3");
    let none = b"\n\x00]\x9b\\@\x0f\x7f\xa2\xda";
    let other = "#!lua name=a\nother";
    let (load, restore) = (|code: &'static str| vec![&b"FUNCTION"[..], b"LOAD", code.as_bytes()], [&b"FUNCTION"[..], b"RESTORE"]);
    let replayed = |first: Option<&'static str>, args: &[&[u8]]| {
        let mut commands: Vec<Vec<&[u8]>> = first.map(load).into_iter().collect();
        commands.push([&restore, args].concat());
        let (dataset, report) = replay_args(options(), &commands).unwrap();
        let codes: Vec<String> =
            dataset.functions.iter().map(|function| String::from_utf8_lossy(&function.code).into_owned()).collect();
        (codes, report.failed.iter().map(|failed| failed.reason).collect::<Vec<_>>())
    };
    let is = |(codes, failed): (Vec<String>, Vec<&'static str>), expected: &[&str]| {
        assert_eq!(
            (codes.as_slice(), failed.as_slice()),
            (&expected.iter().map(|code| code.to_string()).collect::<Vec<_>>()[..], &[][..])
        );
    };
    is(replayed(None, &[&both]), &[A, B]);
    is(replayed(None, &[&valkey, b"append"]), &[B, A]);
    is(replayed(Some(other), &[&both, b"REPLACE"]), &[A, B]);
    is(replayed(Some("#!lua name=c\n"), &[&both, b"FLUSH"]), &[A, B]);
    is(replayed(Some(other), &[none, b"FLUSH"]), &[]);
    is(replayed(Some(other), &[none, b"REPLACE"]), &[other]);
    let mut flipped = both.clone();
    flipped[20] ^= 1;
    // One of them is there already: neither is taken.
    assert_eq!(replayed(Some(other), &[&both]), (vec![other.to_string()], vec!["a library that is there already"]));
    for damaged in [&flipped[..], &both[1..], &none[..9]] {
        assert_eq!(replayed(Some(other), &[damaged]), (vec![other.to_string()], vec!["a payload that is damaged"]));
    }
    let error = replay_args(options(), &[[&restore[..], &[&both, b"bogus"]].concat()]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnsupportedCommand { .. }), "{error}");
}

#[test]
fn payloads_are_restored() {
    let payload =
        Entry::from(Value::List(vec!["a".into(), "b".into()])).to_dump(&EncodeOptions::new(Version::redis(11))).unwrap();
    let mut damaged = payload.clone();
    damaged[1] ^= 1;
    let (dataset, report) = replay_args(
        options(),
        &[
            vec![b"RESTORE", b"a", b"0", &payload],
            vec![b"RESTORE", b"b", b"500", &payload],
            vec![b"RESTORE", b"c", b"500", &payload, b"ABSTTL"],
            vec![b"SET", b"d", b"x"],
            vec![b"RESTORE", b"d", b"0", &payload],
            vec![b"SET", b"e", b"x"],
            vec![b"RESTORE", b"e", b"0", &payload, b"replace", b"IDLETIME", b"7"],
            vec![b"RESTORE", b"f", b"0", &damaged],
            vec![b"RESTORE", b"g", b"-1", &payload],
        ],
    )
    .unwrap();
    assert_shown(&dataset, "a: a b; b: a b; c: a b; d: x; e: a b; f: -; g: -");
    let expiries = ["a", "b", "c"].map(|key| entry(&dataset, key).unwrap().expires_at_ms);
    assert_eq!(expiries, [None, Some(NOW_MS + 500), Some(500)]);
    assert_eq!(report.failed.len(), 3);
}

#[test]
fn memory_is_bounded() {
    let small = ReplayOptions { max_total_bytes: 100_000, ..options() };
    let bytes = "x".repeat(60_000);
    let set = |key: &str| format!("SET {key} {bytes}");
    for lines in [
        vec![set("a"), set("b")],
        vec!["SETRANGE a 536870911 x".into()],
        vec!["SETBIT a 4294967295 1".into()],
        vec!["SETRANGE a 9223372036854775807 x".into()],
        vec!["BITFIELD a SET u8 9223372036854775800 1".into()],
        vec!["MULTI".into(), set("a"), set("b")],
        (0..5_000).map(|n| format!("SET key:{n} v")).collect(),
        (0..5_000).map(|n| format!("RPUSH l {n}")).collect(),
        (0..5_000).map(|n| format!("SADD s {n}")).collect(),
        (0..5_000).map(|n| format!("HSET h {n} v")).collect(),
        (0..5_000).map(|n| format!("APPEND a {}", &bytes[n % 100..100])).collect(),
    ] {
        let error = replay_with(small, &lines.join("; ")).unwrap_err();
        assert_eq!(error.code(), "limit-exceeded", "{}", lines[0]);
    }
}

#[test]
fn memory_that_is_given_up_counts_no_more() {
    let small = ReplayOptions { max_total_bytes: 300_000, ..options() };
    let bytes = "x".repeat(1000);
    let mut lines = Vec::new();
    for n in 0..300 {
        lines.extend([
            format!("SET a {bytes}"),
            format!("RPUSH l {bytes}"),
            format!("SADD s {bytes}{n}"),
            format!("HSET h f{n} {bytes}"),
        ]);
        lines.extend(["COPY a b REPLACE", "RENAME b c", "APPEND a y", "LPOP l", "SORT s ALPHA STORE d"].map(String::from));
        lines.extend([
            format!("SREM s {bytes}{n}"),
            format!("HDEL h f{n}"),
            "SUNIONSTORE u s".into(),
            "LPUSH m 1".into(),
            "LTRIM m 1 0".into(),
        ]);
        lines.extend([format!("PFADD p {n}"), "PFMERGE q p".into(), "DEL p q".into(), format!("ZADD z 1 {n}"), "DEL z".into()]);
        if n % 50 == 0 {
            lines.push("FLUSHALL".into());
        }
    }
    replay_with(small, &lines.join("; ")).unwrap();
}

#[test]
fn a_snapshot_in_front_is_what_commands_work_on() {
    let mut dataset = held("SET a 5; RPUSH l x y; SADD s 1 b; HSET h f v; PEXPIREAT a 77; SELECT 2; SET other 1");
    dataset.databases.get_mut(&2).unwrap().insert("z".into(), Value::String("q".into()).into());
    let file = dataset.encode(&EncodeOptions::new(Version::redis(11))).unwrap();
    let log = [&file[..], b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nLPOP\r\n$1\r\nl\r\n"].concat();
    let mut replay = Replay::new(options());
    let mut collector = crate::model::Collector::new(DecodeLimits::default().max_total_bytes);
    let mut decoder = aof::Decoder::new();
    let mut rest = &log[..];
    while !rest.is_empty() {
        let step = decoder.step(rest).unwrap();
        rest = &rest[step.consumed..];
        match step.event {
            Some(aof::Event::Command(command)) => replay.command(command, 0).unwrap(),
            Some(aof::Event::Snapshot(event)) => {
                if let Some(collected) = collector.push(&event).unwrap() {
                    replay.load(collected).unwrap();
                }
            }
            _ => {}
        }
    }
    let (replayed, _) = replay.finish().unwrap();
    assert_shown(&replayed, "a: 6; l: y; s: 1 b; h: f=v");
    assert_eq!(entry(&replayed, "a").unwrap().expires_at_ms, Some(77));
    assert_eq!(replayed.databases[&2], dataset.databases[&2]);
}
