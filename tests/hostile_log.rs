//! Hostile logs: what is refused with which code and offset, what only replay can judge, and that nothing is
//! reserved by a declared size.

#[path = "common/counting.rs"]
mod counting;
#[path = "common/log.rs"]
mod log;

use aikv::aof::{Decoder, Event};
use aikv::wire::Limits;
use counting::peak;
use log::{command, decode, decode_all};

/// List 4.7 of hostile logs: number, bytes behind a first whole command of 23
/// bytes, code, and where the offset points behind that command.
const HOSTILE: &[(u32, &[u8], &str, u64)] = &[
    (87, b"*0\r\n", "bad-command", 0),
    (87, b"*-1\r\n", "bad-command", 0),
    (87, b"*00\r\n", "bad-command", 0),
    (87, b"*-0\r\n", "bad-command", 0),
    (87, b"*", "truncated", 0),
    (88, b"*2147483647\r\n", "bad-length", 0),
    (88, b"*99999999999\r\n", "bad-length", 0),
    (88, b"*9999999999999999999999\r\n", "bad-length", 0),
    (88, b"*4294967297\r\n$4\r\nPING\r\n", "bad-length", 0),
    (88, b"*18446744073709551617\r\n$4\r\nPING\r\n", "bad-length", 0),
    (89, b"*3abc\r\n$1\r\na\r\n", "bad-command", 0),
    (89, b"*+3\r\n", "bad-command", 0),
    (89, b"*03\r\n", "bad-command", 0),
    (89, b"* 3\r\n", "bad-command", 0),
    (89, b"*\r\n", "bad-command", 0),
    (90, b"*1\r\n$-1\r\n", "bad-length", 4),
    (90, b"*1\r\n$9223372036854775807\r\nx", "bad-length", 4),
    (90, b"*2\r\n$3\r\nGET\r\n$-1\r\n", "bad-length", 13),
    (90, b"*1\r\n$18446744073709551620\r\nPING\r\n", "bad-length", 4),
    (91, b"*1\r\n$4294967296\r\nx", "truncated", 0),
    (91, b"*1\r\n$4294967300\r\nPING\r\n", "truncated", 0),
    (92, b"*1\r\n$04\r\nPING\r\n", "bad-command", 4),
    (92, b"*1\r\n$+4\r\nPING\r\n", "bad-command", 4),
    (93, b"*1\n$4\r\nPING\r\n", "bad-command", 0),
    (93, b"*1\r\n$4\nPING\r\n", "bad-command", 4),
    (93, b"*1\r\n$4\r\nPING\n*1\r\n", "bad-command", 12),
    (94, b"*1\r\n$4\r\nPINGXX", "bad-command", 12),
    (94, b"*1\r\n$4\r\nPING\rX", "bad-command", 12),
    (95, b"*1\r\n$3\r\nPING\r\n", "bad-command", 11),
    (95, b"*1\r\n$5\r\nPING\r\n", "truncated", 0),
    (95, b"*2\r\n$4\r\nPING\r\n", "truncated", 0),
    (95, b"*1\r\n$4\r\nPING\r\n$1\r\nx\r\n", "bad-command", 14),
    (95, b"*1\r\n$5\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "bad-command", 13),
    (95, b"*2\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", "bad-command", 14),
    (96, b"\0", "truncated", 0),
    (96, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "truncated", 0),
    (96, b"\0\0\0*1\r\n$4\r\nPING\r\n", "bad-command", 0),
    (96, b"*1\r\n$4\r\nPING\0\0", "bad-command", 12),
    (97, b"\xa5", "bad-command", 0),
    (97, b"\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5", "bad-command", 0),
    (99, b"*1\r\n$5\r\nMULTI\r\n", "truncated", 0),
    (99, b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", "truncated", 0),
    (99, b"*1\r\n$5\r\nmulti\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n*1\r\n$4\r\nEX", "truncated", 0),
    (99, b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL", "truncated", 14),
    (99, b"*1\r\n$5\r\nMULTI\r\n\0\0\0\0", "truncated", 0),
    (99, b"*1\r\n$5\r\nMULTI\r\n#TS:12\r\n#TS:", "truncated", 0),
    (100, b"*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n", "bad-command", 15),
    (100, b"*1\r\n$4\r\nEXEC\r\n", "bad-command", 0),
    (100, b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nexec\r\n", "bad-command", 29),
    (100, b"*1\r\n$5\r\nMULTI\r\n*1\r\n$7\r\nDISCARD\r\n", "bad-command", 15),
    (101, b"#TS:17", "truncated", 0),
    (101, b"# no line end", "truncated", 0),
    (101, b"#TS:17\r", "truncated", 0),
    (104, b"REDIS0011\xff\0\0\0\0\0\0\0\0", "bad-command", 0),
    (105, b"SET k v\r\n", "bad-command", 0),
    (105, b"PING", "bad-command", 0),
    (105, b"\r\n", "bad-command", 0),
    (105, b"\n", "bad-command", 0),
    (105, b" *1\r\n$4\r\nPING\r\n", "bad-command", 0),
    (105, b"$4\r\nPING\r\n", "bad-command", 0),
];

#[test]
fn hostile_logs_fail_with_kind_and_offset() {
    let first = command(&["SELECT", "0"]);
    assert_eq!(first.len(), 23);
    for (number, bytes, code, offset) in HOSTILE {
        let log = [&first, *bytes].concat();
        let seen = decode_all(&log);
        let error = seen.end.expect_err(&format!("{number}: {}", bytes.escape_ascii()));
        assert_eq!((error.code(), error.offset()), (*code, 23 + offset), "{number}: {} gives {error}", bytes.escape_ascii());
        assert_eq!(error.place().db, Some(0), "{number}");
    }
}

#[test]
fn what_a_server_would_refuse_is_kept_by_the_decoder() {
    let first = command(&["SELECT", "0"]);
    // 101, 102: lines that are skipped; 106 to 108: commands that only replay can judge; 110: a hole in a value.
    let accepted: [(u32, &[u8]); 21] = [
        (101, b"#TS:12\r\n"),
        (101, b"#something else\r\n"),
        (101, b"#line feed only\n"),
        (101, b"#\n"),
        (101, b"*1\r\n$5\r\nMULTI\r\n#TS:12\r\n*1\r\n$4\r\nEXEC\r\n"),
        (102, b"#TS:abc\r\n"),
        (102, b"#TS:12\r\n#TS:11\r\n"),
        (106, b"*1\r\n$7\r\nUNKNOWN\r\n"),
        (106, b"*1\r\n$3\r\nSET\r\n"),
        (106, b"*1\r\n$3\r\nS\0T\r\n"),
        (106, b"*1\r\n$0\r\n\r\n"),
        (107, b"*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n"),
        (107, b"*2\r\n$6\r\nSELECT\r\n$2\r\n-1\r\n"),
        (107, b"*2\r\n$6\r\nSELECT\r\n$3\r\nabc\r\n"),
        (108, b"*1\r\n$8\r\nSHUTDOWN\r\n"),
        (108, b"*2\r\n$5\r\nDEBUG\r\n$8\r\nSEGFAULT\r\n"),
        (108, b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$1\r\n/\r\n"),
        (108, b"*3\r\n$9\r\nREPLICAOF\r\n$2\r\nno\r\n$3\r\none\r\n"),
        (108, b"*3\r\n$4\r\nEVAL\r\n$1\r\nx\r\n$1\r\n0\r\n"),
        (108, b"*1\r\n$8\r\nFLUSHALL\r\n"),
        (110, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\nab\0\0\0\0cd\r\n"),
    ];
    for (number, bytes) in accepted {
        let log = [&first, bytes].concat();
        let summary = decode_all(&log).end.unwrap_or_else(|error| panic!("{number}: {} gives {error}", bytes.escape_ascii()));
        assert_eq!(summary.valid_up_to, log.len() as u64, "{number}");
    }
    let long = [&b"#"[..], &[b'x'; 3000], b"\r\n"].concat();
    assert_eq!(decode_all(&long).end.unwrap().annotations, 1, "101: longer than servers read");
}

/// 89, 92: a lenient reader takes numbers as servers do, tells of each, and refuses the rest as a strict one does.
#[test]
fn numbers_are_taken_as_servers_take_them_if_asked_to() {
    let first = command(&["SELECT", "0"]);
    let read = |bytes: &[u8]| {
        let mut decoder = Decoder::new().leniently();
        let mut input = bytes;
        let mut commands = Vec::new();
        while !input.is_empty() {
            let step = match decoder.step(input) {
                Ok(step) => step,
                Err(fault) => return Err(decoder.dress(fault)),
            };
            input = &input[step.consumed..];
            if let Some(Event::Command(command)) = step.event {
                commands.push(format!("{command:?}"));
            }
        }
        let deviations: Vec<_> = decoder.deviations().iter().map(|error| (error.code(), error.offset())).collect();
        decoder.finish().map(|_| (commands.split_off(1), deviations))
    };
    for (number, bytes, offset) in [
        (89, &b"*+1\r\n$4\r\nPING\r\n"[..], 0),
        (89, b"*01\r\n$4\r\nPING\r\n", 0),
        (89, b"* 1\r\n$4\r\nPING\r\n", 0),
        (92, b"*1\r\n$04\r\nPING\r\n", 4),
        (92, b"*1\r\n$+4\r\nPING\r\n", 4),
    ] {
        let (commands, deviations) = read(&[&first, bytes].concat()).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((&commands[..], &deviations[..]), (&[r#"["PING"]"#.to_owned()][..], &[("bad-command", 23 + offset)][..]));
    }
    let lax = [&b"*+3\r\n"[..], b"*03\r\n", b"* 3\r\n", b"*1\r\n$04\r\nPING\r\n", b"*1\r\n$+4\r\nPING\r\n"];
    for (number, bytes, code, offset) in HOSTILE.iter().filter(|(_, bytes, ..)| !lax.contains(bytes)) {
        if *code != "truncated" {
            let error = read(&[&first, *bytes].concat()).expect_err(&format!("{number}: {}", bytes.escape_ascii()));
            assert_eq!((error.code(), error.offset()), (*code, 23 + offset), "{number}: {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn zeros_at_the_end_are_a_torn_tail() {
    let first = command(&["SELECT", "0"]);
    for zeros in [1, 3, 4096, 100_000] {
        let log = [&first[..], &vec![0; zeros]].concat();
        let error = decode_all(&log).end.unwrap_err();
        assert_eq!((error.code(), error.offset()), ("truncated", 23));
    }
    assert_eq!(decode_all(&[0; 512]).end.unwrap_err().offset(), 0);
}

/// 109: many arguments take no memory of their own, and time in proportion.
#[test]
fn a_million_empty_arguments() {
    let mut log = b"*1000000\r\n".to_vec();
    for _ in 0..1_000_000 {
        log.extend_from_slice(b"$0\r\n\r\n");
    }
    let count = |chunk: usize| {
        let mut decoder = Decoder::new();
        let mut counted = 0;
        for mut input in log.chunks(chunk) {
            while !input.is_empty() {
                let step = decoder.step(input).unwrap();
                input = &input[step.consumed..];
                if let Some(Event::Command(command)) = step.event {
                    assert_eq!(command.argc(), 1_000_000);
                    assert_eq!(command.args().len(), 1_000_000);
                    counted = command.args().filter(|argument| argument.is_empty()).count();
                }
            }
        }
        assert_eq!(counted, 1_000_000);
        decoder.finish().unwrap();
    };
    assert!(peak(|| count(log.len())) < 1024, "nothing is copied out of the caller's chunk");
    let carried = peak(|| count(65_536));
    assert!(carried <= 24 * 1_000_000, "{carried} bytes in chunks");
}

/// 88, 91: neither a count nor a length makes room for what is not there.
#[test]
fn a_declared_size_reserves_nothing() {
    let count = b"*2147483647\r\n$1\r\nx\r\n";
    let taken = peak(|| {
        let mut decoder = Decoder::with_max_arguments(Limits::default(), u64::MAX);
        for byte in count {
            decoder.step(&[*byte]).unwrap();
        }
        assert_eq!(decoder.finish().unwrap_err().code(), "truncated");
    });
    assert!(taken < 16 * 1024, "{taken} bytes");
    for bytes in [&b"*1048576\r\n$0\r\n\r\n"[..], b"*1\r\n$999999999999999999\r\nx", b"*1\r\n$536870912\r\nx", b"#x"] {
        let peak = peak(|| assert_eq!(decode(bytes, usize::MAX).end.unwrap_err().code(), "truncated"));
        assert!(peak < 16 * 1024, "{peak} bytes for {}", bytes.escape_ascii());
    }
}

#[test]
fn the_limit_on_arguments_is_the_callers() {
    let log = command(&["a", "b", "c"]);
    let limits = Limits::default();
    let mut decoder = Decoder::with_max_arguments(limits, 2);
    let fault = decoder.step(&log).map(|_| ()).unwrap_err();
    assert_eq!((decoder.dress(fault).code(), decoder.dress(fault).offset()), ("bad-length", 0));
    assert!(Decoder::with_max_arguments(limits, 3).step(&log).unwrap().event.is_some());
    let too_many = b"*1048577\r\n";
    assert_eq!(decode_all(too_many).end.unwrap_err().code(), "bad-length");
}
