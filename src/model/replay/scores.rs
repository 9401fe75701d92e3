//! Doubles as arguments have them: what C's `strtod` reads to the end, with the servers' exceptions.

use super::args::Halt;
use crate::wire::number;

pub(super) const NOT_A_FLOAT: Halt = Halt::Answer("not a float");

/// A double: no blanks in front, no NaN, nothing beyond the range of a double.
///
/// Source: Redis 7.0 `object.c` `getDoubleFromObject()`, `util.c` `string2d()`.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<f64> {
    let score = number::parse_score(text).or_else(|| parse_odd(text))?;
    // A nonzero number that is too small for a double is out of range as well.
    let vanished = score == 0.0 && mantissa(text).iter().any(|byte| matches!(byte, b'1'..=b'9'));
    (!vanished).then_some(score)
}

/// The end of a range: as [`parse`], but blanks may stand in front, and what is beyond the range of a double is infinite. Nothing is 0.
///
/// Source: Redis 7.0 `t_zset.c` `zslParseRange()`.
pub(super) fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    let parsed = core::str::from_utf8(text).ok()?.parse::<f64>().ok();
    match parsed {
        None if text.is_empty() => Some(0.0),
        None => parse_odd(text),
        Some(double) => (!double.is_nan()).then_some(double),
    }
}

/// What is no plain decimal: a text of more digits than a packed score has, or a hexadecimal number.
#[cold]
fn parse_odd(text: &[u8]) -> Option<f64> {
    if let Some(score) = parse_hexadecimal(text) {
        return Some(score);
    }
    let double: f64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    double.is_finite().then_some(double)
}

/// Digits and point of a decimal number, in front of the exponent.
fn mantissa(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// `0x1f`, `-0x.8p3`. Digits beyond the first 15 are left out, which C rounds by.
fn parse_hexadecimal(text: &[u8]) -> Option<f64> {
    /// So many hexadecimal digits are below 2^60.
    const DIGITS: usize = 15;
    /// A double has no larger exponent; this many are infinite or nothing either way.
    const MAX_EXPONENT: i64 = 5000;
    let (is_negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let [b'0', b'x' | b'X', rest @ ..] = rest else { return None };
    let (digits, exponent) = match rest.iter().position(|byte| matches!(byte, b'p' | b'P')) {
        None => (rest, 0),
        Some(at) => {
            let exponent = rest.get(at.saturating_add(1)..)?;
            (rest.get(..at)?, core::str::from_utf8(exponent).ok()?.parse::<i64>().ok()?.clamp(-MAX_EXPONENT, MAX_EXPONENT))
        }
    };
    let (mut mantissa, mut shift, mut read, mut has_point) = (0u64, exponent, 0usize, false);
    for byte in digits {
        if *byte == b'.' && !has_point {
            has_point = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16)?;
        read = read.saturating_add(1);
        if mantissa >> (4 * DIGITS - 4) == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            shift = shift.saturating_sub(if has_point { 4 } else { 0 });
        } else {
            shift = shift.saturating_add(if has_point { 0 } else { 4 });
        }
    }
    let mut double = mantissa as f64;
    while double != 0.0 && double.is_finite() && shift != 0 {
        double *= if shift > 0 { 2.0 } else { 0.5 };
        shift = shift.saturating_sub(shift.signum());
    }
    let in_range = double.is_finite() && (double != 0.0 || mantissa == 0);
    (read > 0 && in_range).then_some(if is_negative { -double } else { double })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ZADD` of Redis 7.0.15 takes and refuses.
    #[test]
    fn scores_are_read_as_servers_read_them() {
        for (text, score) in [
            ("1", 1.0),
            ("-0.5", -0.5),
            ("+3", 3.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e-320", 1e-320),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0e-999", 0.0),
            ("0x10", 16.0),
            ("-0x.8p1", -1.0),
            ("0x1p-1074", 5e-324),
            ("9007199254740993", 9007199254740992.0),
        ] {
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(score.to_bits()), "{text}");
        }
        let long = alloc::format!("0.{}", "1".repeat(200));
        assert_eq!(parse(long.as_bytes()), Some(0.111_111_111_111_111_1));
        for text in
            ["", " 1", "1 ", "nan", "-nan", "1e400", "-1e400", "1e-400", "x", "1x", "0x", "0xg", "0x1p", ".", "1e", "e5", "1\0"]
        {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_bound(b""), Some(0.0));
        assert_eq!(parse_bound(b" \t1"), Some(1.0));
        assert_eq!(parse_bound(b"1e400"), Some(f64::INFINITY));
        assert_eq!(parse_bound(b"nan"), None);
        assert_eq!(parse_bound(b"1x"), None);
    }
}
