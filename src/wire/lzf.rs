//! LZF, the compression of long strings.
//!
//! ```text
//! 000LLLLL                      copy L+1 literal bytes
//! LLLooooo oooooooo             copy L+2 bytes from o+1 bytes back (L = 1..6)
//! 111ooooo NNNNNNNN oooooooo    copy N+9 bytes from o+1 bytes back
//! ```
//! Source: Redis 8.0 `lzf_d.c`.

use crate::error::{Cause, Fault, FaultKind, Form};
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
    // A fault in a token of which `read` bytes were read.
    let fault = |cause, rest: &[u8], read: usize| Fault::located(cause, end.wrapping_sub(rest.len()).wrapping_sub(read), 0);
    let mut at = 0usize;
    while let Some((&control, rest)) = packed.split_first() {
        packed = rest;
        let control = usize::from(control);
        if control < 32 {
            let len = control.wrapping_add(1);
            // Thirty-two bytes at once where both sides have them.
            if let (Some(from), Some(to)) = (packed.first_chunk::<32>(), window::<32>(out, at)) {
                *to = *from;
            } else {
                let from = packed.get(..len).ok_or_else(|| fault(&CUT, packed, 1))?;
                let to = out.get_mut(at..at.wrapping_add(len)).ok_or_else(|| too_long(at))?;
                to.copy_from_slice(from);
            }
            packed = packed.get(len..).ok_or_else(|| fault(&CUT, packed, 1))?;
            at = at.wrapping_add(len);
            continue;
        }
        let mut len = control >> 5;
        let is_long = len == 7;
        if is_long {
            let (&more, rest) = packed.split_first().ok_or_else(|| fault(&CUT, packed, 1))?;
            packed = rest;
            len = len.wrapping_add(usize::from(more));
        }
        len = len.wrapping_add(2);
        let read = usize::from(is_long).wrapping_add(1);
        let (&low, rest) = packed.split_first().ok_or_else(|| fault(&CUT, packed, read))?;
        packed = rest;
        let distance = ((control & 0x1f) << 8 | usize::from(low)).wrapping_add(1);
        let from = at.checked_sub(distance).ok_or_else(|| fault(&TOO_FAR, packed, read.wrapping_add(1)))?;
        copy_match(out, from, at, len).ok_or_else(|| too_long(at))?;
        at = at.wrapping_add(len);
    }
    Ok(at)
}

#[cold]
fn too_long(at: usize) -> Fault {
    Fault::new(&WRONG_LEN, at as u64)
}

#[inline(always)]
fn window<const N: usize>(out: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    out.get_mut(at..)?.first_chunk_mut::<N>()
}

#[inline(always)]
fn load<const N: usize>(out: &[u8], at: usize) -> Option<[u8; N]> {
    out.get(at..)?.first_chunk::<N>().copied()
}

/// Copies `len` bytes within `out`. Source and target may overlap: then the
/// bytes between them repeat.
#[inline(always)]
fn copy_match(out: &mut [u8], from: usize, at: usize, len: usize) -> Option<()> {
    let distance = at.wrapping_sub(from);
    if distance >= 8 {
        // Most matches are short: twice eight bytes, then sixteen at a time.
        let first: [u8; 8] = load(out, from)?;
        if let Some(to) = window::<8>(out, at) {
            *to = first;
            if len <= 8 {
                return Some(());
            }
            let second: [u8; 8] = load(out, from.wrapping_add(8))?;
            if let Some(to) = window::<8>(out, at.wrapping_add(8)) {
                *to = second;
                let mut done = 16;
                while done < len {
                    let bytes: [u8; 8] = load(out, from.wrapping_add(done))?;
                    match window::<8>(out, at.wrapping_add(done)) {
                        Some(to) => *to = bytes,
                        None => return copy_exactly(out, from, at, len),
                    }
                    done = done.wrapping_add(8);
                }
                return Some(());
            }
        }
    }
    copy_exactly(out, from, at, len)
}

/// The careful form: short distances, and the last bytes of the buffer.
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

#[cfg(test)]
mod tests {
    use super::*;

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
        for distance in 1..=40usize {
            for len in 3..=264usize {
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
}
