//! The framing of a record, demanded to the letter.
//!
//! ```text
//! *<argc>\r\n  argc x ( $<len>\r\n <len bytes> \r\n )     a command
//! #<text>\r\n  or  #<text>\n                             an annotation
//! ```
//! Numbers are canonical decimal digits. Servers are laxer: they take signs,
//! blanks and leading zeros, as a lenient reader does, and do not look at the two
//! bytes behind an argument. What they write never differs from the above.
//! Source: Redis 8.0 `aof.c` `loadSingleAppendOnlyFile()`, `catAppendOnlyGenericCommand()`.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::cursor::Cursor;

static NO_DIGITS: Cause = Cause::new(FaultKind::Command, "the digits of a number", Form::Byte);
static LEADING_ZERO: Cause = Cause::new(FaultKind::Command, "a number without leading zeros", Form::Byte);
static NUMBER_END: Cause = Cause::new(FaultKind::Command, "CR LF behind a number", Form::Byte);
static NEGATIVE_COUNT: Cause = Cause::new(FaultKind::Command, "a count of arguments", Form::Text("a negative one"));
static NO_ARGUMENTS: Cause = Cause::new(FaultKind::Command, "a command with arguments", Form::Text("none"));
static NEGATIVE_LEN: Cause = Cause::new(FaultKind::Length, "the length of an argument", Form::Text("a negative one"));
static HUGE: Cause = Cause::new(FaultKind::Length, "a number of at most 18 digits", Form::Text("more digits"));
static NO_ARGUMENT: Cause = Cause::new(FaultKind::Command, "an argument's $", Form::Byte);
static ARGUMENT_END: Cause = Cause::new(FaultKind::Command, "CR LF behind an argument", Form::Byte);

/// Longer numbers than this stand for nothing that a file can hold.
const MAX_DIGITS: usize = 18;

/// Reads `*<argc>\r\n`; the cursor stands at the `*`, and stays there on a fault.
#[inline(always)]
pub(crate) fn count(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    match cursor.rest() {
        [b'*', digit @ b'1'..=b'9', b'\r', b'\n', after @ ..] => {
            *cursor = Cursor::new(after);
            Ok(u64::from(digit & 0x0f))
        }
        rest => {
            let (count, after) = number(rest, &NEGATIVE_COUNT)?;
            if count == 0 {
                return Err(Fault::new(&NO_ARGUMENTS, 0));
            }
            *cursor = Cursor::new(after);
            Ok(count)
        }
    }
}

/// Reads `$<len>\r\n<bytes>\r\n`. On a fault the cursor stands at the `$`, or
/// at the two bytes that are no CR LF; where bytes are missing, at the `$`.
#[inline(always)]
pub(crate) fn argument<'i>(cursor: &mut Cursor<'i>) -> Result<&'i [u8], Fault> {
    let (len, content) = match cursor.rest() {
        [b'$', digit @ b'0'..=b'9', b'\r', b'\n', content @ ..] => (u64::from(digit & 0x0f), content),
        [b'$', tens @ b'1'..=b'9', digit @ b'0'..=b'9', b'\r', b'\n', content @ ..] => {
            (u64::from(tens & 0x0f).wrapping_mul(10).wrapping_add(u64::from(digit & 0x0f)), content)
        }
        rest => long_argument(rest)?,
    };
    if let Ok(split) = usize::try_from(len)
        && let Some((argument, [b'\r', b'\n', after @ ..])) = content.split_at_checked(split)
    {
        *cursor = Cursor::new(after);
        return Ok(argument);
    }
    Err(argument_end(len, content, cursor))
}

#[inline(never)]
fn long_argument(rest: &[u8]) -> Result<(u64, &[u8]), Fault> {
    match rest.first() {
        Some(b'$') => number(rest, &NEGATIVE_LEN),
        Some(other) => Err(Fault::new(&NO_ARGUMENT, u64::from(*other))),
        None => Err(Fault::short(1)),
    }
}

/// Why an argument does not end as it should. Both bytes of its CR LF are
/// awaited before one is judged, so that the answer does not depend on chunks.
#[cold]
#[inline(never)]
fn argument_end<'i>(len: u64, content: &'i [u8], cursor: &mut Cursor<'i>) -> Fault {
    let wanted = len.saturating_add(2);
    let split = usize::try_from(len).ok().and_then(|len| content.get(len..));
    match split {
        Some(end @ [first, second, ..]) => {
            *cursor = Cursor::new(end);
            Fault::new(&ARGUMENT_END, u64::from(if *first == b'\r' { *second } else { *first }))
        }
        _ => Fault::short(wanted.saturating_sub(content.len() as u64)),
    }
}

/// Whether a fault is of a number's digits, which servers do not look at so closely.
pub(crate) fn is_of_number(fault: Fault) -> bool {
    fault.is(&NO_DIGITS) || fault.is(&LEADING_ZERO)
}

/// As [`count`], for a number as servers read it: behind blanks, with a sign, with leading zeros.
#[cold]
pub(crate) fn lax_count(cursor: &mut Cursor<'_>) -> Result<u64, Fault> {
    match lax_number(cursor.rest(), &NEGATIVE_COUNT)? {
        (0, _) => Err(Fault::new(&NO_ARGUMENTS, 0)),
        (count, after) => {
            *cursor = Cursor::new(after);
            Ok(count)
        }
    }
}

/// As [`argument`], for a length as servers read it.
#[cold]
pub(crate) fn lax_argument<'i>(cursor: &mut Cursor<'i>) -> Result<&'i [u8], Fault> {
    let (len, content) = match cursor.rest() {
        rest @ [b'$', ..] => lax_number(rest, &NEGATIVE_LEN)?,
        rest => long_argument(rest)?,
    };
    match usize::try_from(len).ok().and_then(|len| content.split_at_checked(len)) {
        Some((argument, [b'\r', b'\n', after @ ..])) => {
            *cursor = Cursor::new(after);
            Ok(argument)
        }
        _ => Err(argument_end(len, content, cursor)),
    }
}

/// As [`number`], behind what `strtol()` reads in front of the digits that count.
fn lax_number<'i>(rest: &'i [u8], negative: &'static Cause) -> Result<(u64, &'i [u8]), Fault> {
    /// Servers read no longer line.
    const LINE: usize = 127;
    let run = |text: &[u8], is_in: fn(&u8) -> bool| text.iter().take(LINE).take_while(|byte| is_in(byte)).count();
    let text = rest.get(1..).unwrap_or_default();
    let text = text.get(run(text, |byte| matches!(byte, b' ' | b'\t'))..).unwrap_or_default();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let zeros = run(text, |byte| *byte == b'0');
    match text.get(zeros..) {
        Some(digits @ [b'0'..=b'9', ..]) => digits_to_end(digits, negative),
        _ => digits_to_end(text.get(zeros.saturating_sub(1)..).unwrap_or_default(), negative),
    }
}

/// A lead byte, a number and CR LF; the number and what stands behind.
#[inline(never)]
fn number<'i>(rest: &'i [u8], negative: &'static Cause) -> Result<(u64, &'i [u8]), Fault> {
    digits_to_end(rest.get(1..).unwrap_or_default(), negative)
}

#[inline(always)]
fn digits_to_end<'i>(digits: &'i [u8], negative: &'static Cause) -> Result<(u64, &'i [u8]), Fault> {
    let mut number = 0u64;
    for (count, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if count == MAX_DIGITS => return Err(Fault::new(&HUGE, 0)),
            b'0'..=b'9' if count > 0 && number == 0 => return Err(Fault::new(&LEADING_ZERO, u64::from(*byte))),
            b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u64::from(byte & 0x0f)),
            b'-' if count == 0 => return Err(Fault::new(negative, 0)),
            other if count == 0 => return Err(Fault::new(&NO_DIGITS, u64::from(*other))),
            b'\r' => {
                return match digits.get(count..) {
                    Some([_, b'\n', after @ ..]) => Ok((number, after)),
                    Some([_, other, ..]) => Err(Fault::new(&NUMBER_END, u64::from(*other))),
                    _ => Err(Fault::short(1)),
                };
            }
            other => return Err(Fault::new(&NUMBER_END, u64::from(*other))),
        }
    }
    Err(Fault::short(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<&[u8], (FaultKind, u64)> {
        let mut cursor = Cursor::new(bytes);
        argument(&mut cursor).map_err(|fault| (fault.kind(), bytes.len() as u64 - cursor.left()))
    }

    #[test]
    fn arguments_of_every_length_form() {
        let longest = if cfg!(miri) { 100 } else { 65_536 };
        for len in [0, 1, 9, 10, 99, 100, 1000, 65_536].into_iter().filter(|len| *len <= longest) {
            let content = alloc::vec![b'x'; len];
            let mut bytes = alloc::format!("${len}\r\n").into_bytes();
            bytes.extend_from_slice(&content);
            bytes.extend_from_slice(b"\r\n");
            assert_eq!(read(&bytes), Ok(&content[..]));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Err((FaultKind::Short, 0)), "length {len} cut {cut}");
            }
        }
    }

    #[test]
    fn only_canonical_digits_are_a_number() {
        for bytes in
            [&b"$+4\r\nabcd\r\n"[..], b"$04\r\nabcd\r\n", b"$ 4\r\nabcd\r\n", b"$4 \r\nabcd\r\n", b"$\r\n", b"$4\nabcd\r\n"]
        {
            assert_eq!(read(bytes), Err((FaultKind::Command, 0)), "{}", bytes.escape_ascii());
        }
        for bytes in [&b"$-1\r\n"[..], b"$9223372036854775807\r\n", b"$1000000000000000000\r\n"] {
            assert_eq!(read(bytes), Err((FaultKind::Length, 0)), "{}", bytes.escape_ascii());
        }
        assert_eq!(read(b"$999999999999999999\r\nx"), Err((FaultKind::Short, 0)));
    }

    #[test]
    fn a_lax_number_is_what_strtol_makes_of_it() {
        let read = |bytes: &[u8]| lax_argument(&mut Cursor::new(bytes)).map(<[u8]>::to_vec).map_err(Fault::kind);
        for bytes in [&b"$+4\r\nabcd\r\n"[..], b"$04\r\nabcd\r\n", b"$ \t+004\r\nabcd\r\n", b"$4\r\nabcd\r\n"] {
            assert_eq!(read(bytes).unwrap(), b"abcd", "{}", bytes.escape_ascii());
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Err(FaultKind::Short), "{}", bytes[..cut].escape_ascii());
            }
        }
        assert_eq!(read(b"$00\r\n\r\n").unwrap(), b"");
        assert_eq!(read(b"$-1\r\n"), Err(FaultKind::Length));
        for bytes in [&b"$4 \r\nabcd\r\n"[..], b"$++4\r\n", b"$4abcd\r\n"] {
            assert_eq!(read(bytes), Err(FaultKind::Command), "{}", bytes.escape_ascii());
        }
        let long = [b"$", &[b'0'; 200][..], b"1\r\nx\r\n"].concat();
        assert_eq!(read(&long), Err(FaultKind::Command), "no server reads so long a line");
        let count = |bytes: &[u8]| lax_count(&mut Cursor::new(bytes)).map_err(Fault::kind);
        assert_eq!((count(b"*+03\r\n"), count(b"*00\r\n")), (Ok(3), Err(FaultKind::Command)));
    }

    #[test]
    fn the_two_bytes_behind_an_argument_are_looked_at() {
        assert_eq!(read(b"$3\r\nSETXX"), Err((FaultKind::Command, 7)));
        assert_eq!(read(b"$3\r\nSET\r\r"), Err((FaultKind::Command, 7)));
        assert_eq!(read(b"$2\r\nSET\r\n"), Err((FaultKind::Command, 6)));
        assert_eq!(read(b"$3\r\nSETX"), Err((FaultKind::Short, 0)));
    }

    #[test]
    fn counts() {
        let read = |bytes: &[u8]| count(&mut Cursor::new(bytes)).map_err(Fault::kind);
        assert_eq!(read(b"*1\r\n"), Ok(1));
        assert_eq!(read(b"*12\r\n"), Ok(12));
        assert_eq!(read(b"*2147483647\r\n"), Ok(2_147_483_647));
        for bytes in [&b"*0\r\n"[..], b"*-1\r\n", b"*3abc\r\n", b"*+3\r\n", b"*03\r\n", b"* 3\r\n", b"*\r\n", b"*3\n"] {
            assert_eq!(read(bytes), Err(FaultKind::Command), "{}", bytes.escape_ascii());
        }
    }
}
