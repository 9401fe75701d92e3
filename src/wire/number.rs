//! Numbers as text: canonical integers and the scores of sorted sets.

use alloc::vec::Vec;

/// The `i64` whose canonical decimal text this is: no sign `+`, no leading
/// zeros, no `-0`, no blanks.
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    /// Length of `-9223372036854775808`.
    const LONGEST: usize = 20;
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !is_negative => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= LONGEST => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if is_negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The hexadecimal digit of the lower four bits, in lower case.
pub(crate) fn hex_digit(bits: u8) -> u8 {
    match bits & 0x0f {
        digit @ 0..=9 => b'0'.wrapping_add(digit),
        digit => (b'a' - 10).wrapping_add(digit),
    }
}

/// A score as text: decimal or exponent form, `inf`, `-inf`. No NaN, no
/// hexadecimal, no blanks, nothing that overflows to infinity.
pub(crate) fn parse_score(text: &[u8]) -> Option<f64> {
    /// The servers read a packed score through a buffer of 128 bytes.
    const LONGEST: usize = 127;
    if let Some(score) = parse_plain(text) {
        return Some(score);
    }
    if text.len() > LONGEST {
        return None;
    }
    let text = core::str::from_utf8(text).ok()?;
    let score: f64 = text.parse().ok()?;
    if score.is_finite() {
        return Some(score);
    }
    let name = text.trim_start_matches(['+', '-']);
    let is_infinity = name.eq_ignore_ascii_case("inf") || name.eq_ignore_ascii_case("infinity");
    (score.is_infinite() && is_infinity).then_some(score)
}

/// A plain decimal of few digits, as most scores are. Its digits and the power
/// of ten below them are exact doubles, so one division rounds correctly
/// (Clinger's fast path).
#[inline(always)]
fn parse_plain(text: &[u8]) -> Option<f64> {
    /// So many digits are below 2^53.
    const EXACT_DIGITS: usize = 15;
    const POWERS: [f64; EXACT_DIGITS + 1] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1.0, digits),
        digits => (1.0, digits),
    };
    if digits.len() > EXACT_DIGITS {
        return None;
    }
    let mut mantissa = 0u64;
    let mut below = None;
    for byte in digits {
        match byte.wrapping_sub(b'0') {
            digit @ 0..=9 => {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
                below = below.map(|below: usize| below.wrapping_add(1));
            }
            _ if *byte == b'.' && below.is_none() => below = Some(0),
            _ => return None,
        }
    }
    // At least one digit on both sides of a point.
    let has_digits = digits.first().zip(digits.last()).is_some_and(|(first, last)| *first != b'.' && *last != b'.');
    let power = POWERS.get(below.unwrap_or(0))?;
    has_digits.then_some(sign * (mantissa as f64 / power))
}

/// Room for the text of a score.
pub(crate) struct Buffer {
    integer: itoa::Buffer,
    double: zmij::Buffer,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { integer: itoa::Buffer::new(), double: zmij::Buffer::new() }
    }
}

/// The integer of 64 bits that a score is exactly, if it is one and not negative zero.
pub(crate) fn whole(score: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    let is_negative_zero = score == 0.0 && score.is_sign_negative();
    // A conversion that is exact for every integer in this range.
    #[allow(clippy::cast_possible_truncation)]
    let int = score as i64;
    ((-END..END).contains(&score) && int as f64 == score && !is_negative_zero).then_some(int)
}

/// The integer that a score is, if it is one below 2^53 and not negative zero.
pub(crate) fn score_int(score: f64) -> Option<i64> {
    /// Integers up to here are exact and have at most 16 digits.
    const EXACT: u64 = 1 << 53;
    whole(score).filter(|int| int.unsigned_abs() < EXACT)
}

/// A score as text: integers below 2^53 in plain decimal, `-0`, `inf`, `-inf`, everything else in the
/// shortest form that gives the same double.
pub(crate) fn score_text(score: f64, buffer: &mut Buffer) -> &[u8] {
    if score.is_infinite() {
        return if score > 0.0 { b"inf" } else { b"-inf" };
    }
    match score_int(score) {
        Some(int) => buffer.integer.format(int).as_bytes(),
        None if score == 0.0 => b"-0",
        None => buffer.double.format(score).as_bytes(),
    }
}

/// Appends a double as arrays show it: always with a point or an exponent, so that it stays apart from integers.
///
/// Source: Redis trunk (RDB 14) `sparsearray.c` `arFormatFloat()`; Redis 8.6 `util.c` `d2string()`, `fpconv_dtoa.c` `emit_digits()`.
pub(crate) fn push_array_double(double: f64, out: &mut Vec<u8>) {
    /// Larger integers are shown by their significant digits.
    const EXACT: u64 = 1 << 62;
    if double.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if double.is_sign_negative() {
        out.push(b'-');
    }
    let double = double.abs();
    if double.is_infinite() {
        return out.extend_from_slice(b"inf");
    }
    if let Some(int) = whole(double).filter(|int| int.unsigned_abs() <= EXACT) {
        out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
        return out.extend_from_slice(b".0");
    }
    // The shortest digits that give the same double, and the power of ten of the last of them.
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(double);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let behind = behind.trim_end_matches('0');
    let mut digits: Vec<u8> = before.bytes().chain(behind.bytes()).skip_while(|digit| *digit == b'0').collect();
    let mut power = exponent.parse::<i64>().unwrap_or(0).saturating_sub_unsigned(behind.len() as u64);
    while digits.pop_if(|digit| *digit == b'0').is_some() {
        power = power.saturating_add(1);
    }
    push_digits(&digits, power, out);
}

/// Appends `digits` times ten to `power`.
fn push_digits(digits: &[u8], power: i64, out: &mut Vec<u8>) {
    let count = digits.len() as u64;
    let exponent = power.saturating_add_unsigned(count).saturating_sub(1);
    let zeros = |count: u64| core::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
    if power >= 0 && exponent.unsigned_abs() < count.saturating_add(7) {
        out.extend_from_slice(digits);
        out.extend(zeros(power.unsigned_abs()));
        out.extend_from_slice(b".0");
    } else if power < 0 && (power > -7 || exponent.unsigned_abs() < 4) {
        let below = power.unsigned_abs();
        let (whole, fraction) = digits.split_at(usize::try_from(count.saturating_sub(below)).unwrap_or(0));
        out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
        out.push(b'.');
        out.extend(zeros(below.saturating_sub(count)));
        out.extend_from_slice(fraction);
    } else {
        let (first, rest) = digits.split_at(digits.len().min(1));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    }
}

/// Appends a score as a length byte and text; two lengths stand for the infinities.
pub(crate) fn write_score(score: f64, out: &mut Vec<u8>) {
    if score.is_infinite() {
        return out.push(if score > 0.0 { 254 } else { 255 });
    }
    let mut buffer = Buffer::new();
    let text = score_text(score, &mut buffer);
    let [len, ..] = text.len().to_le_bytes();
    out.push(len);
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ZSCORE` of Redis 8.6.3 shows them, with the point that arrays put behind those that look like integers.
    #[test]
    fn doubles_of_arrays_are_shown_as_servers_do() {
        for (double, text) in [
            (1.5, "1.5"),
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (-2.25, "-2.25"),
            (5e15, "5000000000000000.0"),
            (1_234_567_890_123_456_768.0, "1234567890123456768.0"),
            (12_345_678_901_234_567_000.0, "12345678901234567000.0"),
            (1e21, "1e+21"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (100_000.125, "100000.125"),
            (12_345.123_456_7, "1.23451234567e+4"),
            (0.000_01, "0.00001"),
            (0.000_001, "0.000001"),
            (0.000_001_5, "1.5e-6"),
            (1e-7, "1e-7"),
            (2.5e-8, "2.5e-8"),
            (-0.000_125, "-0.000125"),
            (0.000_123_456_7, "1.234567e-4"),
            (-1e-10, "-1e-10"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut shown = Vec::new();
            push_array_double(double, &mut shown);
            assert_eq!(core::str::from_utf8(&shown), Ok(text));
        }
    }

    #[test]
    fn only_canonical_text_is_an_integer() {
        for (text, value) in
            [("0", 0), ("-1", -1), ("12", 12), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(parse_int(text.as_bytes()), Some(value));
        }
        for text in [
            "",
            "-",
            "00",
            "007",
            "+1",
            "-0",
            " 1",
            "1 ",
            "1e3",
            "9223372036854775808",
            "-9223372036854775809",
            "12345678901234567890",
        ] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn scores_are_numbers_or_infinities() {
        assert_eq!(parse_score(b"1.5"), Some(1.5));
        assert_eq!(parse_score(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_score(b"1e3"), Some(1000.0));
        assert_eq!(parse_score(b"-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
        for text in ["", "nan", "-nan", "1e999", "0x10", "1,5", " 1", "1 "] {
            assert_eq!(parse_score(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_score(&[b'1'; 251]), None);
    }

    #[test]
    fn whole_scores_are_integers_of_64_bits() {
        for (score, int) in [
            (0.0, Some(0)),
            (-1.0, Some(-1)),
            (9_007_199_254_740_992.0, Some(1 << 53)),
            (9_223_372_036_854_774_784.0, Some(9_223_372_036_854_774_784)),
            (-9_223_372_036_854_775_808.0, Some(i64::MIN)),
            (9_223_372_036_854_775_808.0, None),
            (-9_223_372_036_854_777_856.0, None),
            (-0.0, None),
            (0.5, None),
            (f64::INFINITY, None),
            (f64::NAN, None),
        ] {
            assert_eq!(whole(score), int, "{score}");
        }
        assert_eq!(score_int(9_007_199_254_740_991.0), Some((1 << 53) - 1));
        assert_eq!(score_int(-9_007_199_254_740_992.0), None);
    }

    #[test]
    fn plain_decimals_are_the_nearest_double() {
        use alloc::format;
        let rounds = if cfg!(miri) { 100 } else { 200_000u64 };
        for i in 0..rounds {
            let digits = i.wrapping_mul(6_364_136_223_846_793_005) % 100_000_000_000_000;
            for power in [0, 1, 7, 13] {
                let (high, low) = (digits / 10u64.pow(power), digits % 10u64.pow(power));
                let text = if power == 0 { format!("-{high}") } else { format!("{high}.{low:0width$}", width = power as usize) };
                let plain = parse_plain(text.as_bytes());
                if text.len() <= 15 {
                    assert_eq!(plain.map(f64::to_bits), Some(text.parse::<f64>().unwrap().to_bits()), "{text}");
                }
            }
        }
        for text in ["", "-", ".", "1.", ".5", "1.2.3", "1e3", "+1"] {
            assert_eq!(parse_plain(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_plain(b"-0").map(f64::to_bits), Some((-0.0f64).to_bits()));
    }
}
