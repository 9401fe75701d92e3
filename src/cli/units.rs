//! Sizes and times as they are typed: `10MiB`, `7d`, `2026-11-28T23:51`.

use crate::jobs::{ExpiryRule, SizeRule};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::prelude::rust_2024::*;

const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
];

const SPANS: &[(&str, i64)] =
    &[("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// `MIN~MAX` in bytes; an end left empty is open.
pub(super) fn size_rule(text: &str) -> Result<SizeRule, String> {
    let (min, max) = text.split_once('~').ok_or("expected MIN~MAX, such as 1MiB~ or ~10KiB")?;
    let end = |text: &str| if text.trim().is_empty() { Ok(None) } else { size(text).map(Some) };
    let rule = SizeRule { min: end(min)?, max: end(max)? };
    match rule {
        SizeRule { min: Some(min), max: Some(max) } if min > max => Err(format!("nothing is from {min} to {max} bytes")),
        rule => Ok(rule),
    }
}

/// A number with up to nine decimals, and a unit.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let bad = || format!("expected a size such as 512, 64KiB or 1.5MB, found {text:?}");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 {
        return Err(bad());
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
    let scale = 10u128.pow(u32::try_from(fraction.len()).map_err(|_| bad())?);
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| bad())? };
    let factor = u128::from(*factor);
    let bytes = whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(part * factor / scale));
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).ok_or_else(|| format!("{text:?} is more than 2^64 bytes"))
}

/// `none`, `any` or `FROM~TO`; an end left empty is open.
pub(super) fn expiry_rule(text: &str, now_ms: i64) -> Result<ExpiryRule, String> {
    match text {
        "none" => return Ok(ExpiryRule::Never),
        "any" => return Ok(ExpiryRule::Some),
        _ => {}
    }
    let (from, to) = text.split_once('~').ok_or("expected none, any or FROM~TO, such as ~7d or 2026-01-01~")?;
    let end = |text: &str| if text.trim().is_empty() { Ok(None) } else { time(text, now_ms).map(Some) };
    match (end(from)?, end(to)?) {
        (Some(from), Some(to)) if from > to => Err(format!("nothing is from {from} to {to} ms")),
        (from, to) => Ok(ExpiryRule::Between(from, to)),
    }
}

/// Unix milliseconds, a span from now, or ISO 8601 in UTC unless it says otherwise.
fn time(text: &str, now_ms: i64) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    if let Some(span) = span(text) {
        return Ok(now_ms.saturating_add(span));
    }
    let zoned = text.parse::<Timestamp>().ok();
    let civil = || text.parse::<DateTime>().ok().and_then(|time| Offset::UTC.to_timestamp(time).ok());
    zoned.or_else(civil).map(Timestamp::as_millisecond).ok_or_else(|| {
        format!("expected Unix milliseconds, a span from now such as 7d or -1h, or an ISO 8601 time, found {text:?}")
    })
}

/// Whole numbers with units, one behind the other: `7d`, `-1h`, `1d12h`.
fn span(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut ms = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let (_, factor) = SPANS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        ms = ms.checked_add(number.parse::<i64>().ok()?.checked_mul(*factor)?)?;
        rest = behind;
    }
    Some(ms * sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_both_kinds() {
        let rule = |min, max| Ok(SizeRule { min, max });
        for (text, expected) in [
            ("1~2", rule(Some(1), Some(2))),
            ("64KiB~", rule(Some(65_536), None)),
            ("~10KB", rule(None, Some(10_000))),
            ("1.5MiB~2gb", rule(Some(1_572_864), Some(2_000_000_000))),
            ("~3 B", rule(None, Some(3))),
            ("~", rule(None, None)),
        ] {
            assert_eq!(size_rule(text), expected, "{text}");
        }
        for text in ["1", "", "1x~", "~-1", "1..2~", ".~", "20GiB~10GiB", "99999999999GiB~", "~1.0000000001KB"] {
            assert!(size_rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_milliseconds_spans_or_dates() {
        const NOW: i64 = 1_700_000_000_000;
        for (text, expected) in [
            ("0", 0),
            ("-5", -5),
            ("1700000000123", 1_700_000_000_123),
            ("7d", NOW + 604_800_000),
            ("-1h", NOW - 3_600_000),
            ("+90s", NOW + 90_000),
            ("1d12h", NOW + 129_600_000),
            ("2w", NOW + 1_209_600_000),
            ("5min", NOW + 300_000),
            ("250ms", NOW + 250),
            ("2023-11-14", 1_699_920_000_000),
            ("2023-11-14T22:13", 1_699_999_980_000),
            ("2023-11-14T22:13:20.123", 1_700_000_000_123),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
            ("2023-11-14 22:13:20", 1_700_000_000_000),
        ] {
            assert_eq!(time(text, NOW), Ok(expected), "{text}");
        }
        for text in ["soon", "7x", "d", "-", "2023-13-01", "1d-2h", "99999999999999999999d"] {
            assert!(time(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expiry_rule_has_two_ends() {
        assert_eq!(expiry_rule("none", 0), Ok(ExpiryRule::Never));
        assert_eq!(expiry_rule("any", 0), Ok(ExpiryRule::Some));
        assert_eq!(expiry_rule("~1h", 0), Ok(ExpiryRule::Between(None, Some(3_600_000))));
        assert_eq!(expiry_rule("-1h~", 0), Ok(ExpiryRule::Between(Some(-3_600_000), None)));
        assert!(expiry_rule("1h", 0).is_err());
        assert!(expiry_rule("2h~1h", 0).is_err());
    }
}
