//! Numbers, times and bytes as text for people.

use crate::error::Escaped;
use jiff::Timestamp;
use std::fmt;
use std::path::Path;
use std::prelude::rust_2024::*;
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock, in Unix milliseconds.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A file's name with nothing in it that a terminal would obey.
pub(super) fn safe(file: &Path) -> String {
    if file.as_os_str() == "-" {
        return "stdin".into();
    }
    Escaped(file.as_os_str().as_encoded_bytes()).to_string()
}

/// `1,284,610`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 key`, `2 keys`, `2 libraries`.
pub(super) fn plural(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !noun.ends_with("ey") => format!("{} {stem}ies", count(number)),
        _ if noun.ends_with('s') => format!("{} {noun}es", count(number)),
        _ => format!("{} {noun}s", count(number)),
    }
}

/// Three digits and a unit: `38 B`, `1.84 KiB`, `214 KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 999.5 would be shown as 1000.
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.decimals$} {}", UNITS[unit])
}

/// `2026-11-28 23:51:00 UTC`, or the number where no calendar reaches it.
pub(super) fn time(unix_ms: i64) -> String {
    match Timestamp::from_millisecond(unix_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{unix_ms} ms"),
    }
}

/// `2026-11-28T23:51:00.000Z`, or the number where no calendar reaches it.
pub(super) struct IsoTime(pub(super) i64);

impl fmt::Display for IsoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Appends bytes as text that is safe on a terminal.
pub(super) fn push_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if bytes.iter().all(is_plain) {
        out.extend_from_slice(bytes);
    } else {
        out.extend_from_slice(Escaped(bytes).to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_284_610, "1,284,610")] {
            assert_eq!(count(number), text);
        }
        for (number, noun, text) in [(1, "key", "1 key"), (2000, "key", "2,000 keys"), (0, "library", "0 libraries")] {
            assert_eq!(plural(number, noun), text);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1884, "1.84 KiB"),
            (219_136, "214 KiB"),
            (10_230, "9.99 KiB"),
            (10_236, "10.0 KiB"),
            (1_023_000, "999 KiB"),
            (1_023_500, "0.98 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_700_000_000_000), "2023-11-14 22:13:20 UTC");
        assert_eq!(IsoTime(1_700_000_000_120).to_string(), "2023-11-14T22:13:20.120Z");
        assert_eq!(IsoTime(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(IsoTime(i64::MIN).to_string(), i64::MIN.to_string());
    }

    #[test]
    fn text_for_a_terminal_has_no_controls() {
        let mut out = Vec::new();
        push_escaped(b"\x1b]0;x\x07\r\x9b\xe2\x80\xae\x7f plain", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\\x1b]0;x\\x07\\r\\x9b\\u{202e}\\x7f plain");
    }
}
