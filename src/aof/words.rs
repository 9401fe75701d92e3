//! Words of a manifest's line, quoted as shells and servers do.
//!
//! Source: Redis 8.0 `sds.c` `sdssplitargs()`, `sdsneedsrepr()`, `sdscatrepr()`.

use crate::wire::number::hex_digit;
use alloc::vec::Vec;

/// Splits a line into its words: bare, in double quotes with escapes, or in single quotes.
/// `None` where a quote is not closed, or where something other than a blank stands behind one.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
        rest = rest.get(blanks..)?;
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = bare(rest, &mut word)?;
        words.push(word);
    }
}

/// Reads a word from its first byte on, and the quotes in it; what stands behind it.
fn bare<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] | [b' ' | b'\t' | b'\n' | b'\r', ..] => return Some(rest),
            [quote @ (b'"' | b'\''), after @ ..] => {
                rest = quoted(after, *quote, word)?;
                return matches!(rest, [] | [b' ' | b'\t'..=b'\r', ..]).then_some(rest);
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// Reads up to the closing quote; what stands behind it.
fn quoted<'l>(mut rest: &'l [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        let byte;
        (byte, rest) = match (quote, rest) {
            (_, []) => return None,
            (_, [end, after @ ..]) if *end == quote => return Some(after),
            (b'"', [b'\\', b'x', high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), after)
            }
            (b'"', [b'\\', escaped, after @ ..]) => (unescape(*escaped), after),
            (b'\'', [b'\\', b'\'', after @ ..]) => (b'\'', after),
            (_, [byte, after @ ..]) => (*byte, after),
        };
        word.push(byte);
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex & 0x0f,
        _ => (hex & 0x0f).wrapping_add(9),
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// Appends a word, in double quotes where it would not be read back without them.
pub(super) fn push(word: &[u8], out: &mut Vec<u8>) {
    if !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\'')) {
        return out.extend_from_slice(word);
    }
    out.push(b'"');
    for byte in word {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend_from_slice(&[b'\\', b'x', hex_digit(byte >> 4), hex_digit(*byte)]),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_servers_split_them() {
        let read = |line: &str| split(line.as_bytes()).map(|words| words.join(&b'|'));
        for (line, words) in [
            ("", Some("")),
            ("  a\tb  ", Some("a|b")),
            (r#""a b" c"#, Some("a b|c")),
            (r#"a"b c" d"#, Some("ab c|d")),
            (r#""\x41\n\"\\\q""#, Some("A\n\"\\q")),
            (r#""\x4""#, Some("x4")),
            (r"'a\'b\n'", Some(r"a'b\n")),
            (r#""""#, Some("")),
            (r#""a"#, None),
            (r#""a"b"#, None),
            ("'a", None),
            (r#""a\"#, None),
        ] {
            assert_eq!(read(line), words.map(|words| words.as_bytes().to_vec()), "{line}");
        }
    }

    #[test]
    fn a_word_that_was_written_is_read_back() {
        for word in [&b"appendonly.aof"[..], b"", b"two words", b"it's", b"\"\\\n\r\t\x07\x08\x00\x7f\xff\xc3\xa9", b"\x0b"] {
            let mut line = Vec::new();
            push(word, &mut line);
            assert_eq!(split(&line), Some(alloc::vec![word.to_vec()]), "{}", line.escape_ascii());
        }
    }
}
