//! The sparse form of a counter's registers: runs of equal ones.
//!
//! Source: Redis 8.6 `hyperloglog.c` `hllSparseSet()`.

use super::hyperloglog::{HEADER, REGISTERS};
use alloc::vec::Vec;

/// All registers are 0.
pub(super) const ALL_ZERO: [u8; 2] = [0x7f, 0xff];

/// The largest count a run has a form for.
const MOST: u8 = 32;
/// Registers that the short form of zeros has room for.
const SHORT_ZEROS: usize = 64;
/// Registers that a run of a count has room for.
const LONGEST: usize = 4;
/// Bytes of a counter that stays sparse, its header included: `hll-sparse-max-bytes`.
const MAX_BYTES: usize = 3000;
/// Runs that are looked at to be joined.
const JOINED: usize = 5;

/// Registers in a row of the same count.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) count: u8,
    pub(super) len: usize,
    /// Bytes that it takes.
    bytes: usize,
}

/// The runs of a counter.
pub(super) struct Runs<'c> {
    rest: &'c [u8],
}

pub(super) enum Raised {
    /// Whether the register was lower.
    Done(bool),
    /// The sparse form has no room or no form for it.
    TooLarge,
}

impl<'c> Runs<'c> {
    pub(super) fn new(counter: &'c [u8]) -> Self {
        Self { rest: counter.get(HEADER..).unwrap_or_default() }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let run = Run::read(self.rest)?;
        self.rest = self.rest.get(run.bytes..).unwrap_or_default();
        Some(run)
    }
}

impl Run {
    fn read(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [first, ..] if first & 0x80 != 0 => {
                let len = usize::from(first & 3).wrapping_add(1);
                Some(Self { count: (first >> 2 & 31).wrapping_add(1), len, bytes: 1 })
            }
            [first, second, ..] if first & 0x40 != 0 => {
                let len = usize::from(first & 0x3f) << 8 | usize::from(second);
                Some(Self { count: 0, len: len.wrapping_add(1), bytes: 2 })
            }
            [first, ..] if first & 0x40 == 0 => Some(Self { count: 0, len: usize::from(first & 0x3f).wrapping_add(1), bytes: 1 }),
            _ => None,
        }
    }

    /// Appends a run of at least one register.
    fn write(count: u8, len: usize, out: &mut Vec<u8>) {
        let [low, high, ..] = len.wrapping_sub(1).to_le_bytes();
        match count.checked_sub(1) {
            Some(count) => out.push(0x80 | count << 2 | low & 3),
            None if len > SHORT_ZEROS => out.extend_from_slice(&[0x40 | high, low]),
            None => out.push(low),
        }
    }
}

/// Raises a register to a count. `None` if the runs are not those of a counter.
pub(super) fn raise(counter: &mut Vec<u8>, register: usize, count: u8) -> Option<Raised> {
    if count > MOST {
        return Some(Raised::TooLarge);
    }
    let (mut at, mut first, mut before) = (HEADER, 0usize, None);
    let run = loop {
        let run = Run::read(counter.get(at..)?)?;
        let behind = first.saturating_add(run.len);
        if register < behind {
            break run;
        }
        before = Some(at);
        at = at.saturating_add(run.bytes);
        first = behind;
        if first > REGISTERS {
            return None;
        }
    };
    if run.count >= count {
        return Some(Raised::Done(false));
    }
    let mut runs = Vec::new();
    let (front, back) =
        (register.saturating_sub(first), first.saturating_add(run.len).saturating_sub(register).saturating_sub(1));
    for (count, len) in [(run.count, front), (count, 1), (run.count, back)] {
        if len > 0 {
            Run::write(count, len, &mut runs);
        }
    }
    let len = counter.len().saturating_add(runs.len()).saturating_sub(run.bytes);
    if len > counter.len() && len > MAX_BYTES {
        return Some(Raised::TooLarge);
    }
    counter.splice(at..at.saturating_add(run.bytes), runs);
    join(counter, before.unwrap_or(HEADER));
    Some(Raised::Done(true))
}

/// Joins runs of the same count, from a place on.
fn join(counter: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED {
        let Some(run) = counter.get(at..).and_then(Run::read) else { return };
        let next = counter.get(at.saturating_add(run.bytes)..).and_then(Run::read);
        let joined = next.map_or(0, |next| run.len.saturating_add(next.len));
        if run.count > 0 && next.is_some_and(|next| next.count == run.count) && joined <= LONGEST {
            counter.remove(at);
            let mut byte = Vec::new();
            Run::write(run.count, joined, &mut byte);
            counter.splice(at..at.saturating_add(1), byte);
        } else {
            at = at.saturating_add(run.bytes);
        }
    }
}
