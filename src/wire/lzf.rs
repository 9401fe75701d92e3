//! LZF, the compression of long strings.
//!
//! ```text
//! 000LLLLL                      copy L+1 literal bytes
//! LLLooooo oooooooo             copy L+2 bytes from o+1 bytes back (L = 1..6)
//! 111ooooo NNNNNNNN oooooooo    copy N+9 bytes from o+1 bytes back
//! ```
//! Source: Redis 8.0 `lzf_d.c`.

use crate::error::{Cause, Fault, FaultKind, Form};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The best token turns 3 bytes into 264.
pub(crate) const MAX_RATIO: u64 = 88;

/// Copies run past the end of what they need by less than this.
const SLACK: usize = 64;

/// Size that a buffer keeps between strings.
const KEEP: usize = 32 * 1024;

static CUT: Cause = Cause::inside_item(FaultKind::Encoding, "a whole LZF token", Form::Text("the end of the string"));
static TOO_FAR: Cause =
    Cause::inside_item(FaultKind::Encoding, "an LZF reference into the string", Form::Text("one before its start"));
static NO_MEMORY: Cause = Cause::new(FaultKind::Limit, "memory for an expanded string", Form::Number);
static WRONG_LEN: Cause = Cause::new(FaultKind::Encoding, "an LZF string of the length it states", Form::Number);

/// Expands `packed` to exactly `len` bytes, kept in `buffer`. Faults count their
/// offset from `head` bytes before `packed`, where the item begins.
#[inline(never)]
pub(crate) fn expand<'e>(packed: &[u8], head: u64, len: usize, buffer: &'e mut Vec<u8>) -> Result<&'e [u8], Fault> {
    let room = len.saturating_add(SLACK);
    if room <= KEEP && buffer.len() > KEEP {
        *buffer = Vec::new();
    }
    if buffer.len() < room {
        // No more than is needed: the vector itself would double.
        if buffer.try_reserve_exact(room.saturating_sub(buffer.len())).is_err() {
            return Err(Fault::new(&NO_MEMORY, len as u64));
        }
        buffer.resize(room, 0);
    }
    let out = buffer.get_mut(..room).unwrap_or_default();
    let written = expand_into(packed, head, out)?;
    if written != len {
        return Err(Fault::new(&WRONG_LEN, written as u64));
    }
    Ok(buffer.get(..len).unwrap_or_default())
}

/// Expands into `out`, whose last [`SLACK`] bytes are room for wide copies.
/// Returns the bytes written, which may reach into the slack.
#[inline(always)]
fn expand_into(mut packed: &[u8], head: u64, out: &mut [u8]) -> Result<usize, Fault> {
    let end = usize::try_from(head).unwrap_or(0).wrapping_add(packed.len());
    // A fault in a token of which `rest` was not read.
    let fault = |cause, rest: &[u8]| Fault::located(cause, end.wrapping_sub(rest.len()), 0);
    let mut at = 0usize;
    while let Some((control, rest)) = packed.split_first() {
        let Some((done, room)) = out.split_at_mut_checked(at) else { return Err(too_long(at)) };
        let control = usize::from(*control);
        if control < 32 {
            let len = control.wrapping_add(1);
            let Some((run, behind)) = rest.split_at_checked(len) else { return Err(fault(&CUT, packed)) };
            if !copy::<MAX_RUN>(rest, room) {
                room.get_mut(..len).ok_or_else(|| too_long(at))?.copy_from_slice(run);
            }
            packed = behind;
            at = at.wrapping_add(len);
            continue;
        }
        let (len, low, behind) = match rest {
            [low, behind @ ..] if control < 7 << 5 => ((control >> 5).wrapping_add(2), low, behind),
            [more, low, behind @ ..] => (usize::from(*more).wrapping_add(9), low, behind),
            _ => return Err(fault(&CUT, packed)),
        };
        let distance = ((control & 0x1f) << 8 | usize::from(*low)).wrapping_add(1);
        let Some(from) = at.checked_sub(distance) else { return Err(fault(&TOO_FAR, packed)) };
        let back = done.get(from..).unwrap_or_default();
        // What is copied at once must not reach into what it writes.
        let is_done = match len {
            0..=8 => copy::<8>(back, room),
            9..=16 => copy::<16>(back, room),
            17..=32 => copy::<32>(back, room),
            _ => false,
        };
        if !is_done {
            copy_exactly(out, from, at, len).ok_or_else(|| too_long(at))?;
        }
        packed = behind;
        at = at.wrapping_add(len);
    }
    Ok(at)
}

#[cold]
fn too_long(at: usize) -> Fault {
    Fault::new(&WRONG_LEN, at as u64)
}

/// Copies `N` bytes at once, if there are as many on both sides. What was too
/// much is written over by the next token.
#[inline(always)]
fn copy<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    match (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
        (Some(from), Some(to)) => {
            *to = *from;
            true
        }
        _ => false,
    }
}

#[inline(always)]
fn window<const N: usize>(out: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    out.get_mut(at..)?.first_chunk_mut::<N>()
}

#[inline(always)]
fn load<const N: usize>(out: &[u8], at: usize) -> Option<[u8; N]> {
    out.get(at..)?.first_chunk::<N>().copied()
}

/// The careful form: what repeats itself, long references and the last bytes of the buffer.
#[inline(never)]
fn copy_exactly(out: &mut [u8], from: usize, at: usize, len: usize) -> Option<()> {
    let distance = at.wrapping_sub(from);
    let end = at.checked_add(len)?;
    if end > out.len() {
        return None;
    }
    // Every copy doubles what repeats.
    let mut done = 0;
    while done < len {
        let run = distance.wrapping_add(done).min(len.wrapping_sub(done));
        out.copy_within(from..from.wrapping_add(run), at.wrapping_add(done));
        done = done.wrapping_add(run);
    }
    Some(())
}

/// The farthest a reference goes back.
const WINDOW: usize = 8192;

/// The longest reference.
const MAX_MATCH: usize = 264;

/// The longest run of literals.
const MAX_RUN: usize = 32;

/// Bits of a hash: one slot for each byte of the window.
const BITS: u32 = 13;
const SLOTS: usize = 1 << BITS;

/// The first position: more than a window behind the zeros of a new table.
const FIRST: u64 = WINDOW as u64 + 1;

/// Compresses strings. What comes out depends on the string alone.
pub(crate) struct Compressor {
    /// By hash, the four bytes seen last (upper half) and their position (lower half).
    table: Box<[u64; SLOTS]>,
    /// Position of the next string's first byte. Positions go on from string to
    /// string, more than a window apart, so that nothing has to be cleared between them.
    base: u64,
}

impl Compressor {
    pub(crate) fn new() -> Self {
        Self { table: Box::new([0; SLOTS]), base: FIRST }
    }

    /// Appends `input` compressed to at most `limit` bytes; else appends nothing and says false.
    pub(crate) fn compress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let span = (input.len() as u64).saturating_add(FIRST);
        if span > u64::from(u32::MAX).saturating_sub(self.base) {
            self.table.fill(0);
            self.base = FIRST;
            if span > u64::from(u32::MAX).saturating_sub(FIRST) {
                return false;
            }
        }
        let start = out.len();
        let most = input.len().saturating_add(input.len().div_ceil(MAX_RUN));
        let limit = limit.min(most);
        out.resize(start.saturating_add(limit).saturating_add(SLACK), 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let written = compress_into(input, self.base, &mut self.table, room).filter(|written| *written <= limit);
        out.truncate(start.saturating_add(written.unwrap_or(0)));
        self.base = self.base.saturating_add(span);
        written.is_some()
    }
}

/// Compresses into `out`, whose last [`SLACK`] bytes are room for wide copies.
/// Returns the bytes written, which may reach into the slack.
#[inline(always)]
fn compress_into(input: &[u8], base: u64, table: &mut [u64; SLOTS], out: &mut [u8]) -> Option<usize> {
    let mut written = 0usize;
    // Behind the last reference.
    let mut behind = 0usize;
    let mut at = 0usize;
    let mut ahead = input.array_windows::<4>();
    while let Some(bytes) = ahead.next() {
        // Other bytes differ in the upper half, so that one comparison tells both.
        let distance = match usize::try_from(note(table, *bytes, base.wrapping_add(at as u64))) {
            Ok(distance) if distance <= WINDOW => distance,
            _ => {
                at = at.wrapping_add(1);
                continue;
            }
        };
        let len = common(input, at.wrapping_sub(distance), at);
        written = push_literals(input.get(behind..)?, at.wrapping_sub(behind), out, written)?;
        written = push_match(len, distance, out, written)?;
        behind = at.wrapping_add(len);
        // All of its bytes would gain 2 %, and cost a third of the speed.
        for inside in [at.wrapping_add(1), behind.wrapping_sub(1)] {
            if let Some(bytes) = load::<4>(input, inside) {
                note(table, bytes, base.wrapping_add(inside as u64));
            }
        }
        at = behind;
        ahead = input.get(at..)?.array_windows::<4>();
    }
    push_literals(input.get(behind..)?, input.len().wrapping_sub(behind), out, written)
}

/// Notes `bytes` at `position` (32 bits), and says how far back they were seen
/// last: beyond any window if they were not, or other bytes were.
#[inline(always)]
fn note(table: &mut [u64; SLOTS], bytes: [u8; 4], position: u64) -> u64 {
    let word = u32::from_le_bytes(bytes);
    let entry = u64::from(word) << 32 | position;
    let hash = word.wrapping_mul(0x9e37_79b1) >> (u32::BITS.wrapping_sub(BITS));
    match table.get_mut(hash as usize) {
        Some(slot) => entry.wrapping_sub(core::mem::replace(slot, entry)),
        None => u64::MAX,
    }
}

/// How many bytes of `input` from `from` and from `at` on agree, at least four
/// of them, as far as one reference reaches.
#[inline(always)]
fn common(input: &[u8], from: usize, at: usize) -> usize {
    let mut len = 4usize;
    while let (Some(a), Some(b)) = (load::<8>(input, from.wrapping_add(len)), load::<8>(input, at.wrapping_add(len))) {
        let differ = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
        len = len.wrapping_add(differ.trailing_zeros() as usize / 8);
        if differ != 0 || len >= MAX_MATCH {
            return len.min(MAX_MATCH);
        }
    }
    // The last bytes of the string.
    while len < MAX_MATCH
        && let Some(byte) = input.get(at.wrapping_add(len))
        && input.get(from.wrapping_add(len)) == Some(byte)
    {
        len = len.wrapping_add(1);
    }
    len
}

/// Writes the first `left` bytes of `from` as literals.
#[inline(always)]
fn push_literals(mut from: &[u8], mut left: usize, out: &mut [u8], mut written: usize) -> Option<usize> {
    while left > 0 {
        let run = left.min(MAX_RUN);
        let (control, to) = window::<{ 1 + MAX_RUN }>(out, written)?.split_first_mut()?;
        [*control, ..] = run.wrapping_sub(1).to_le_bytes();
        // A whole run at once, of which the next token overwrites what is too much.
        match from.first_chunk::<MAX_RUN>() {
            Some(bytes) => to.copy_from_slice(bytes),
            None => to.get_mut(..run)?.copy_from_slice(from.get(..run)?),
        }
        from = from.get(run..)?;
        left = left.wrapping_sub(run);
        written = written.wrapping_add(run).wrapping_add(1);
    }
    Some(written)
}

#[inline(always)]
fn push_match(len: usize, distance: usize, out: &mut [u8], written: usize) -> Option<usize> {
    let [low, high, ..] = distance.wrapping_sub(1).to_le_bytes();
    let to = window::<3>(out, written)?;
    if len <= 8 {
        let [short, ..] = len.wrapping_sub(2).to_le_bytes();
        *to = [short << 5 | high, low, 0];
        return Some(written.wrapping_add(2));
    }
    let [long, ..] = len.wrapping_sub(9).to_le_bytes();
    *to = [7 << 5 | high, long, low];
    Some(written.wrapping_add(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Of the lengths below, an interpreter takes these.
    const STRIDE: usize = if cfg!(miri) { 67 } else { 1 };

    fn decode(packed: &[u8], len: usize) -> Result<Vec<u8>, FaultKind> {
        expand(packed, 0, len, &mut Vec::new()).map(<[u8]>::to_vec).map_err(Fault::kind)
    }

    /// An independent expansion, one byte at a time.
    fn slow(packed: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut input = packed.iter().map(|byte| usize::from(*byte));
        while let Some(control) = input.next() {
            if control < 32 {
                for _ in 0..=control {
                    out.push(input.next()? as u8);
                }
            } else {
                let mut len = control >> 5;
                if len == 7 {
                    len += input.next()?;
                }
                let distance = ((control & 31) << 8) + input.next()? + 1;
                let from = out.len().checked_sub(distance)?;
                for i in from..from + len + 2 {
                    out.push(out[i]);
                }
            }
        }
        Some(out)
    }

    #[test]
    fn overlapping_references_repeat_at_every_distance_and_length() {
        for distance in (1..=40usize).step_by(STRIDE) {
            for len in (3..=264usize).step_by(STRIDE) {
                let mut packed = Vec::new();
                for byte in 0..distance {
                    packed.extend_from_slice(&[0, byte as u8]);
                }
                if len <= 8 {
                    packed.push(((len - 2) << 5) as u8);
                } else {
                    packed.extend_from_slice(&[0xe0, (len - 9) as u8]);
                }
                packed.push((distance - 1) as u8);
                let expected = slow(&packed).unwrap();
                assert_eq!(decode(&packed, expected.len()).unwrap(), expected, "distance {distance} length {len}");
            }
        }
    }

    #[test]
    fn faults_of_the_token_stream() {
        assert_eq!(decode(&[0x20, 0x00], 3), Err(FaultKind::Encoding), "reference before the start");
        assert_eq!(decode(&[0x05, b'a'], 6), Err(FaultKind::Encoding), "literal run past the input");
        assert_eq!(decode(&[0x00, b'a', 0xe0], 300), Err(FaultKind::Encoding), "token without its length");
        assert_eq!(decode(&[0x00, b'a', 0x20], 4), Err(FaultKind::Encoding), "token without its offset");
        assert_eq!(decode(&[0x00, b'a', 0xe0, 0xff, 0x00], 20), Err(FaultKind::Encoding), "longer than stated");
        assert_eq!(decode(&[0x00, b'a'], 2), Err(FaultKind::Encoding), "shorter than stated");
        assert_eq!(decode(&[0x01, b'a', b'b'], 1), Err(FaultKind::Encoding), "literals longer than stated");
    }
    /// Numbers that look random and are the same in every run.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % bound
        }

        fn bytes(&mut self, len: usize) -> Vec<u8> {
            (0..len).map(|_| self.below(256) as u8).collect()
        }

        /// Text of few words.
        fn text(&mut self, len: usize) -> Vec<u8> {
            let words = ["alpha ", "bravo ", "cargo ", "{\"id\":", "\"name\",", "0", "17", "\n"];
            let mut text = Vec::new();
            while text.len() < len {
                text.extend_from_slice(words[self.below(words.len())].as_bytes());
            }
            text.truncate(len);
            text
        }
    }

    /// Compresses with room for everything, and checks both expansions of it.
    fn pack(compressor: &mut Compressor, input: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        assert!(compressor.compress(input, usize::MAX, &mut packed), "{} bytes", input.len());
        assert_eq!(slow(&packed).as_deref(), Some(input), "{} bytes", input.len());
        assert_eq!(decode(&packed, input.len()).as_deref(), Ok(input), "{} bytes", input.len());
        packed
    }

    /// The references of a token stream: distance and length.
    fn references(packed: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(&control) = packed.get(at) {
            let high = usize::from(control & 31) << 8;
            match control >> 5 {
                0 => at += 2 + usize::from(control),
                7 => {
                    found.push((high + usize::from(packed[at + 2]) + 1, usize::from(packed[at + 1]) + 9));
                    at += 3;
                }
                short => {
                    found.push((high + usize::from(packed[at + 1]) + 1, usize::from(short) + 2));
                    at += 2;
                }
            }
        }
        found
    }

    #[test]
    fn short_strings_come_back_at_every_length() {
        let (mut compressor, mut draw) = (Compressor::new(), Draw(1));
        for len in (0..=70).step_by(STRIDE) {
            pack(&mut compressor, &vec![b'a'; len]);
            pack(&mut compressor, &(0..len).map(|i| b"ab"[i % 2]).collect::<Vec<_>>());
            pack(&mut compressor, &draw.text(len));
            assert_eq!(pack(&mut compressor, &draw.bytes(len)).len(), len + len.div_ceil(32), "nothing to refer to");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "strings of up to 100000 bytes")]
    fn runs_become_references_of_the_greatest_length() {
        let mut compressor = Compressor::new();
        for len in (250usize..=300).chain(500..=560).chain([1000, 8191, 8192, 8193, 100_000]) {
            let packed = pack(&mut compressor, &vec![b'a'; len]);
            assert!(packed.len() <= 3 * len.div_ceil(264) + 6, "{len} bytes became {}", packed.len());
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "windows of 8 KiB")]
    fn a_reference_reaches_back_one_window_and_no_farther() {
        let mut compressor = Compressor::new();
        for distance in [WINDOW - 1, WINDOW, WINDOW + 1] {
            let mut input = b"once upon a time".to_vec();
            input.resize(distance, 0);
            input.extend_from_slice(b"once upon a time");
            let packed = pack(&mut compressor, &input);
            assert_eq!(references(&packed).contains(&(distance, 16)), distance <= WINDOW, "distance {distance}");
        }
    }

    #[test]
    fn a_reference_is_as_long_as_what_repeats() {
        let (mut compressor, mut draw) = (Compressor::new(), Draw(2));
        let once = draw.bytes(300);
        for len in (4..=300).step_by(STRIDE) {
            let mut input = once.clone();
            input.extend_from_slice(&once[..len]);
            let at_the_end = pack(&mut compressor, &input);
            assert_eq!(references(&at_the_end)[0], (300, len.min(264)));
            // A byte that differs stops it as the end does.
            input.push(!once.get(len).unwrap_or(&0));
            input.extend_from_slice(b"behind it");
            assert_eq!(references(&pack(&mut compressor, &input))[0], (300, len.min(264)));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "half a MiB")]
    fn what_came_before_leaves_no_trace() {
        let mut draw = Draw(3);
        let mut used = Compressor::new();
        for round in 0..300 {
            let len = draw.below(3000);
            let input = if round % 2 == 0 { draw.text(len) } else { vec![b'a'; len] };
            if round == 150 {
                // The positions run out.
                used.base = u64::from(u32::MAX) - 10;
            }
            assert_eq!(pack(&mut used, &input), pack(&mut Compressor::new(), &input), "round {round}");
        }
        assert!(used.base < 1 << 30, "the positions began again");
    }

    #[test]
    fn the_limit_is_exact_and_what_is_longer_leaves_nothing() {
        let (mut compressor, mut draw) = (Compressor::new(), Draw(4));
        for len in [1, 20, 40, 200, 3000].into_iter().filter(|len| !cfg!(miri) || *len < 1000) {
            for input in [draw.text(len), draw.bytes(len)] {
                let whole = pack(&mut compressor, &input);
                let mut out = b"before".to_vec();
                assert!(!compressor.compress(&input, whole.len() - 1, &mut out));
                assert_eq!(out, b"before");
                assert!(compressor.compress(&input, whole.len(), &mut out));
                assert_eq!(out, [b"before", &whole[..]].concat());
            }
        }
        // The servers' rule: four bytes less, or it is not worth it.
        assert!(!compressor.compress(&draw.bytes(40), 36, &mut Vec::new()));
        assert!(compressor.compress(&[b'a'; 21], 17, &mut Vec::new()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "strings of 16 KiB")]
    fn mixes_of_noise_text_and_repetition_come_back() {
        let (mut compressor, mut draw) = (Compressor::new(), Draw(5));
        for _ in 0..200 {
            let mut input = Vec::new();
            for _ in 0..draw.below(12) {
                let len = draw.below(1500);
                match draw.below(4) {
                    0 => input.extend(draw.bytes(len)),
                    1 => input.extend(draw.text(len)),
                    2 => input.resize(input.len() + len, draw.below(3) as u8),
                    _ => {
                        let from = draw.below(input.len() + 1);
                        let to = (from + len).min(input.len());
                        input.extend_from_within(from..to);
                    }
                }
            }
            pack(&mut compressor, &input);
        }
    }
}
