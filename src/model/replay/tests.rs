//! Replays of whole logs.

use super::*;
use crate::aof;
use crate::model::Value;
use alloc::vec::Vec;

/// A replay at the clock 1 000 000 ms.
pub(super) fn replay() -> Replay {
    Replay::new(ReplayOptions::new(1_000_000, [1, 2]))
}

/// Applies a command whose arguments are separated by blanks.
pub(super) fn run(replay: &mut Replay, line: &str) -> Result<()> {
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    run_args(replay, &args)
}

pub(super) fn run_args(replay: &mut Replay, args: &[&[u8]]) -> Result<()> {
    let mut log = Vec::new();
    aof::write_command(args, &mut log).unwrap();
    let mut decoder = aof::Decoder::new();
    match decoder.step(&log).unwrap().event {
        Some(aof::Event::Command(command)) => replay.command(command, 7),
        event => panic!("{event:?}"),
    }
}

#[test]
fn what_was_set_last_is_there() {
    let mut replay = replay();
    for line in ["SET a 1", "set b 2", "SET a 3", "SELECT 1", "SET c 4", "DEL c", "SET d 5"] {
        run(&mut replay, line).unwrap();
    }
    let (dataset, report) = replay.finish().unwrap();
    assert_eq!(dataset.databases[&0][&b"a"[..]].value, Value::String("3".into()));
    assert_eq!(dataset.databases[&0].len(), 2);
    assert_eq!(dataset.databases[&1].len(), 1);
    assert_eq!(report.applied, 7);
}
