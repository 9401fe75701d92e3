//! Integrity marks: annotations with the checksum of the records behind them.
//!
//! ```text
//! #AIKV:v1;gap:<bytes>;len:<bytes>;crc64:<16 hex digits>;line:<16 hex digits>\r\n
//! ```
//! `docs/integrity-marks.md` is the description of this layout. Name and layout are ours and
//! stand here only: no server writes such a line yet.

use crate::error::{Cause, Fault, FaultKind, Form};
use crate::wire::crc64;
use crate::wire::number::{self, hex_digit};
use alloc::vec::Vec;

static LINE: Cause = Cause::new(FaultKind::Value, "an integrity mark as it was written", Form::Text("a changed one"));
static HUGE: Cause =
    Cause::new(FaultKind::Length, "the bytes that an integrity mark covers", Form::Text("none or more than a file has"));
static GAP: Cause = Cause::new(FaultKind::Value, "as many bytes since the last integrity mark as this one says", Form::Number);
static SUM: Cause = Cause::new(FaultKind::Value, "the bytes that the integrity mark was made of", Form::Text("others"));
static OVERRUN: Cause =
    Cause::new(FaultKind::Value, "whole records up to the end of what an integrity mark covers", Form::Text("a longer one"));

/// How the text of a mark of this layout begins; other versions are annotations like any other.
const NAME: &[u8] = b"AIKV:v1;";

/// The line that announces a span of whole records and their checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Bytes without a mark before this one: since the end of the last span or, for the first
    /// mark, since the start of the commands.
    pub gap_bytes: u64,
    /// Bytes of the span behind the mark's line.
    pub len_bytes: u64,
    /// CRC-64/REDIS of the span.
    pub crc64: u64,
}

impl Mark {
    /// Whether this is the text of a mark, to the `#` and the line's end.
    #[inline(always)]
    pub(super) fn is_mark(text: &[u8]) -> bool {
        text.starts_with(NAME)
    }

    /// Reads a mark's text up to its line feed.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Fault> {
        let changed = || Fault::new(&LINE, 0);
        let text = line.strip_suffix(b"\r").ok_or_else(changed)?;
        let mut parts = text.strip_prefix(NAME).ok_or_else(changed)?.split(|byte| *byte == b';');
        let mut part = |key: &[u8]| parts.next().and_then(|part| part.strip_prefix(key)).ok_or_else(changed);
        let (gap, len, crc) = (part(b"gap:")?, part(b"len:")?, part(b"crc64:")?);
        let len_bytes = match number::parse_int(len).map(u64::try_from) {
            Some(Ok(len)) if len > 0 => len,
            _ if len.iter().all(u8::is_ascii_digit) => return Err(Fault::new(&HUGE, 0)),
            _ => return Err(changed()),
        };
        let gap = number::parse_int(gap).and_then(|gap| u64::try_from(gap).ok());
        let mark = gap.zip(parse_sum(crc)).map(|(gap_bytes, crc64)| Self { gap_bytes, len_bytes, crc64 });
        // What was read is what was written, to the letter, if writing it gives this line again.
        mark.filter(|mark| mark.text() == text).ok_or_else(changed)
    }

    /// The line of the same span behind as many bytes without a mark.
    pub(crate) fn line_behind(self, gap_bytes: u64) -> Vec<u8> {
        let mut line = Vec::new();
        Self { gap_bytes, ..self }.write(&mut line);
        line
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(b'#');
        out.extend_from_slice(&self.text());
        out.extend_from_slice(b"\r\n");
    }

    /// The text with the checksum of its own line.
    fn text(self) -> Vec<u8> {
        let mut text = NAME.to_vec();
        for (key, number) in [(&b"gap:"[..], self.gap_bytes), (b";len:", self.len_bytes)] {
            text.extend_from_slice(key);
            text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
        push_sum(b";crc64:", self.crc64, &mut text);
        push_sum(b";line:", crc64::update(0, &text), &mut text);
        text
    }
}

fn push_sum(key: &[u8], sum: u64, text: &mut Vec<u8>) {
    text.extend_from_slice(key);
    for byte in sum.to_be_bytes() {
        text.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(byte)]);
    }
}

fn parse_sum(digits: &[u8]) -> Option<u64> {
    core::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16).and_then(|digits| u64::from_str_radix(digits, 16).ok())
}

/// Appends an integrity mark and then the records that it covers; nothing, if there are none.
///
/// `records` are whole commands and annotations, as [`write_command`](super::write_command)
/// appends them, without marks. `gap_bytes` counts what stands in the log without a mark before
/// this one: since the end of the last span or, for the first mark, since the start of the
/// commands. Of a log that was read it is its length without
/// [`Summary::verified_up_to`](super::Summary::verified_up_to).
///
/// Servers before Redis 7.0 do not load a log with annotations.
///
/// ```
/// use aikv::aof::{Decoder, write_command, write_marked};
///
/// let mut records = Vec::new();
/// write_command(["SET", "key", "value"], &mut records)?;
/// let mut log = Vec::new();
/// write_marked(&records, 0, &mut log);
/// let value = log.len() - 4;
/// log[value] = 0;
/// let mut decoder = Decoder::new();
/// let mark = decoder.step(&log).unwrap().consumed;
/// let fault = decoder.step(&log[mark..]).unwrap_err();
/// assert_eq!((decoder.dress(fault).code(), decoder.dress(fault).offset()), ("bad-value", 0));
/// # Ok::<(), aikv::ErrorKind>(())
/// ```
pub fn write_marked(records: &[u8], gap_bytes: u64, out: &mut Vec<u8>) {
    if records.is_empty() {
        return;
    }
    let mark = Mark { gap_bytes, len_bytes: records.len() as u64, crc64: crc64::update(0, records) };
    mark.write(out);
    out.extend_from_slice(records);
}

/// What is known of the marks up to a record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Marks {
    /// Marks whose span was verified.
    pub(super) verified: u64,
    /// Bytes of their spans.
    pub(super) verified_bytes: u64,
    /// End of the last span that was verified.
    pub(super) verified_up_to: u64,
    /// End of the last span, or where the commands start.
    last_end: u64,
    /// Whether that is lost, so that the next mark's gap says nothing.
    is_behind_loss: bool,
    span: Span,
}

/// The span in hand; none where nothing is left of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Span {
    /// Offset of its mark.
    mark: u64,
    /// Where the log was whole before the mark.
    whole_up_to: u64,
    len: u64,
    left: u64,
    stored: u64,
    /// Checksum of what was read of it, and of `ahead` bytes more.
    crc: u64,
    ahead: u64,
}

impl Marks {
    /// Commands start at `offset`.
    pub(super) fn start_at(&mut self, offset: u64) {
        self.verified_up_to = offset;
        self.last_end = offset;
    }

    /// Commands go on at `offset` behind bytes that are lost.
    pub(super) fn go_on_at(&mut self, offset: u64) {
        self.start_at(offset);
        self.is_behind_loss = true;
    }

    /// The end of the span in hand, if a fault is of its sum alone.
    pub(super) fn end_of_changed(&self, fault: Fault) -> Option<u64> {
        fault.is(&SUM).then_some(self.last_end)
    }

    /// Whether the next record stands in a span.
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.span.left > 0
    }

    /// Where the mark of the span in hand stands.
    pub(super) fn open_at(&self) -> Option<u64> {
        self.is_open().then_some(self.span.mark)
    }

    /// Whether a fault is of the mark of the span in hand, and not of the record it was found behind.
    pub(super) fn is_of_span(fault: Fault) -> bool {
        fault.is(&SUM) || fault.is(&OVERRUN)
    }

    /// Where the log is whole as long as the span in hand is not.
    pub(super) fn whole_up_to(&self) -> Option<u64> {
        self.is_open().then_some(self.span.whole_up_to)
    }

    /// A mark at `offset`, in a line of `line_bytes`, of a log that is whole up to `whole_up_to`.
    /// What is wrong with it, if anything, leaves the span as it says.
    pub(super) fn open(&mut self, mark: Mark, offset: u64, line_bytes: u64, whole_up_to: u64) -> Result<(), Fault> {
        let gap = offset.saturating_sub(self.last_end);
        let len = mark.len_bytes;
        self.span = Span { mark: offset, whole_up_to, len, left: len, stored: mark.crc64, crc: 0, ahead: 0 };
        self.last_end = offset.saturating_add(line_bytes).saturating_add(len);
        let is_gap_known = !core::mem::take(&mut self.is_behind_loss);
        if gap == mark.gap_bytes || !is_gap_known { Ok(()) } else { Err(Fault::new(&GAP, gap)) }
    }

    /// A record of `len` bytes at the front of `input`, in a span. What is wrong with the span,
    /// if anything, ends it unverified.
    #[cold]
    #[inline(never)]
    pub(super) fn cover(&mut self, input: &[u8], len: u64) -> Result<(), Fault> {
        /// Bytes that are summed in one go, where the chunk has them: short runs cost more.
        const BLOCK: u64 = 16 * 1024;
        let span = &mut self.span;
        let Some(left) = span.left.checked_sub(len) else {
            span.left = 0;
            return Err(Fault::new(&OVERRUN, 0));
        };
        if len > span.ahead {
            let end = usize::try_from(len.max(BLOCK).min(span.left)).unwrap_or(usize::MAX).min(input.len());
            let seen = usize::try_from(span.ahead).unwrap_or(usize::MAX);
            span.crc = crc64::update(span.crc, input.get(seen..end).unwrap_or_default());
            span.ahead = end as u64;
        }
        span.ahead = span.ahead.saturating_sub(len);
        span.left = left;
        if left > 0 {
            return Ok(());
        }
        if span.crc != span.stored {
            return Err(Fault::new(&SUM, 0));
        }
        self.verified = self.verified.saturating_add(1);
        self.verified_bytes = self.verified_bytes.saturating_add(span.len);
        self.verified_up_to = self.last_end;
        Ok(())
    }
}
