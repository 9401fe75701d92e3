//! What becomes of each byte of a damaged file, and the file that is made of it.

use super::explain::Readable;
use super::repair_partial::{Record, Remnant};
use super::{Finding, Json};
use crate::error::{Error, ErrorKind, Found, Place};
use crate::rdb::{Checksum, Encoder, Event, Span, Version};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A byte range of a file, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairRange {
    /// Where it stands.
    pub span: Span,
    /// Why it is dropped; `None` where it is kept.
    pub reason: Option<String>,
    /// What can be read of the broken value of a key that is dropped alone, if anything.
    pub readable: Option<Readable>,
    /// Of a key that the new file has with what is readable: written anew in place of these bytes.
    pub(super) record: Option<Record>,
}

impl RepairRange {
    /// Whether the new file has the key of these bytes in their place, with what of its value is readable.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        self.record.is_some()
    }
}

/// What is wrong at a place in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDamage {
    /// What it is.
    pub error: Error,
    /// Whether the end of the log is lost with it, as a write that was broken off leaves it.
    pub is_torn: bool,
    /// Where commands go on behind it, if they do.
    pub goes_on_at: Option<u64>,
}

impl LogDamage {
    /// What is to be told of it; only the last file of a log may be torn.
    #[must_use]
    pub fn finding(&self, is_last: bool) -> Finding {
        let is_torn = self.is_torn && is_last;
        let mut finding = Finding::from_error(&self.error, is_torn || self.goes_on_at.is_some());
        match self.goes_on_at {
            Some(next) => finding.text.push_str(&format!("; commands go on at byte {next}")),
            None if is_torn => finding.text.push_str("; a torn tail"),
            None => {}
        }
        finding
    }
}

/// What becomes of each byte of a file: the ranges follow one another from its first byte to its last, and none is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairPlan {
    /// The ranges.
    pub ranges: Vec<RepairRange>,
    /// Keys of a snapshot that are kept, in part too.
    pub keys: u64,
    /// Of those, keys that are kept with what of their values is readable.
    pub partial_keys: u64,
    /// Keys and other records that are dropped alone, whole.
    pub dropped_records: u64,
    /// Commands of a log that are kept.
    pub commands: u64,
    /// Whether the end of the snapshot cannot be read, so that one is added.
    pub adds_end: bool,
    /// Whole keys behind the first record that cannot be read.
    pub keys_behind: u64,
    /// What is wrong with a snapshot, in its order, but for a checksum that does not match.
    pub findings: Vec<Finding>,
    /// Each damage to a log, in its order.
    pub log_damage: Vec<LogDamage>,
    pub(super) snapshot: Option<Snapshot>,
    /// What the new file has in front of a range that is kept: where that starts, and the bytes.
    pub(super) inserted: Vec<(u64, Vec<u8>)>,
}

/// The snapshot of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) version: Version,
    /// Where its records end, the end's opcode excluded.
    pub(super) records_end: u64,
    /// Where the log behind it may begin.
    pub(super) end: u64,
}

impl RepairPlan {
    /// A plan of no bytes.
    pub(super) fn new() -> Self {
        Self {
            ranges: Vec::new(),
            keys: 0,
            partial_keys: 0,
            dropped_records: 0,
            commands: 0,
            adds_end: false,
            snapshot: None,
            keys_behind: 0,
            findings: Vec::new(),
            log_damage: Vec::new(),
            inserted: Vec::new(),
        }
    }

    /// What is wrong from the error in a snapshot on that ended a reading in one go, also with the log behind it. Nothing if that error
    /// is not among it; `is_last` as with [`LogDamage::finding`].
    #[must_use]
    pub fn findings_from(&self, code: &str, offset: u64, is_last: bool) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.findings.iter().skip_while(|finding| finding.offset < offset).cloned().collect();
        match findings.first() {
            Some(first) if (first.code, first.offset) == (code, offset) => {
                findings.extend(self.log_damage.iter().map(|damage| damage.finding(is_last)));
                findings
            }
            _ => Vec::new(),
        }
    }

    /// Up to where it says what becomes of the bytes.
    pub(super) fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.span.end)
    }

    /// Plans up to there: what is kept, or dropped for a reason.
    pub(super) fn extend_to(&mut self, end: u64, reason: Option<String>) {
        let span = Span { start: self.end(), end };
        if span.end <= span.start {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if last.reason.is_none() && reason.is_none() => last.span.end = end,
            _ => self.ranges.push(RepairRange { span, reason, readable: None, record: None }),
        }
    }

    /// Drops a record that ends there, of which so much is readable; with what it takes to do so, that is written anew.
    pub(super) fn drop_record(&mut self, end: u64, reason: Option<String>, readable: Option<Readable>, record: Option<Record>) {
        let counted = if record.is_some() { &mut self.partial_keys } else { &mut self.dropped_records };
        *counted = counted.saturating_add(1);
        self.ranges.push(RepairRange { span: Span { start: self.end(), end }, reason, readable, record });
    }

    /// Plans that other bytes stand for those up to there, in front of some that are kept.
    pub(super) fn replace_to(&mut self, end: u64, bytes: Vec<u8>, reason: &str) {
        self.extend_to(end, Some(reason.into()));
        self.inserted.push((end, bytes));
    }

    /// Adds to why the last range is dropped, if it is.
    pub(super) fn say_more(&mut self, more: &str) {
        if let Some(RepairRange { reason: Some(reason), .. }) = self.ranges.last_mut() {
            reason.push_str(more);
        }
    }

    /// Whether nothing is dropped or added: the new file is the old one.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.adds_end && self.ranges.iter().all(|range| range.reason.is_none())
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        self.ranges.iter().filter(|range| range.reason.is_none()).fold(0, |sum, range| sum.saturating_add(range.span.len()))
    }

    /// Whether there is nothing that could be kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept_bytes() == 0
    }

    /// Writes the plan of a file of so many bytes as an object, as [`RepairPlan::write_members`] does.
    pub fn write_json(&self, file_bytes: u64, json: &mut Json<'_>) {
        json.open(b'{');
        self.write_members(file_bytes, json);
        json.close(b'}');
    }

    /// Writes the plan of a file of so many bytes into an object that is open: `ranges` with `start`, `end`, `kept` and `reason`,
    /// `readable` with `elements` and `stated`, and `rewritten`; what [`RepairSum::write_members`] writes; `adds_end`.
    pub fn write_members(&self, file_bytes: u64, json: &mut Json<'_>) {
        json.name("ranges").open(b'[');
        for range in &self.ranges {
            let RepairRange { span, reason, readable, .. } = range;
            json.open(b'{').name("start").int(span.start).name("end").int(span.end).name("kept").bool(reason.is_none());
            if let Some(reason) = reason {
                json.name("reason").text(reason);
            }
            if let Some(readable) = readable {
                json.name("readable").open(b'{').name("elements").int(readable.elements);
                if let Some(stated) = readable.stated {
                    json.name("stated").int(stated);
                }
                json.close(b'}');
            }
            if range.is_rewritten() {
                json.name("rewritten").bool(true);
            }
            json.close(b'}');
        }
        json.close(b']');
        RepairSum::of(self, file_bytes).write_members(json);
        json.name("adds_end").bool(self.adds_end);
    }

    /// The new file, to be made of the old one's bytes.
    #[must_use]
    pub fn mend(&self) -> Mend {
        let encoder = self.snapshot.filter(|_| !self.is_whole()).map(|snapshot| (snapshot, Encoder::new(snapshot.version)));
        let kept = self.ranges.iter().filter(|range| range.reason.is_none() || range.is_rewritten());
        Mend {
            kept: kept.map(|range| (range.span, range.record.clone())).collect(),
            next: 0,
            remnant: None,
            encoder,
            inserted: self.inserted.clone().into(),
        }
    }
}

/// Counts of what becomes of one file, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairSum {
    /// Bytes of the files.
    pub bytes: u64,
    /// As in [`RepairPlan::kept_bytes`].
    pub kept_bytes: u64,
    /// As in [`RepairPlan`].
    pub keys: u64,
    /// As in [`RepairPlan`].
    pub partial_keys: u64,
    /// As in [`RepairPlan`].
    pub dropped_records: u64,
    /// As in [`RepairPlan`].
    pub commands: u64,
}

impl RepairSum {
    /// Counts of one file of so many bytes.
    #[must_use]
    pub fn of(plan: &RepairPlan, file_bytes: u64) -> Self {
        let mut sum = Self::default();
        sum.add(plan, file_bytes);
        sum
    }

    /// Adds a file of so many bytes.
    pub fn add(&mut self, plan: &RepairPlan, file_bytes: u64) {
        self.bytes = self.bytes.saturating_add(file_bytes);
        self.kept_bytes = self.kept_bytes.saturating_add(plan.kept_bytes());
        self.keys = self.keys.saturating_add(plan.keys);
        self.partial_keys = self.partial_keys.saturating_add(plan.partial_keys);
        self.dropped_records = self.dropped_records.saturating_add(plan.dropped_records);
        self.commands = self.commands.saturating_add(plan.commands);
    }

    /// Bytes that are dropped.
    #[must_use]
    pub fn dropped_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.kept_bytes)
    }

    /// Writes the counts into an object that is open: `bytes`, `kept_bytes`, `dropped_bytes`, `keys`, `partial_keys`,
    /// `dropped_records`, `commands`.
    pub fn write_members(&self, json: &mut Json<'_>) {
        json.name("bytes").int(self.bytes).name("kept_bytes").int(self.kept_bytes);
        json.name("dropped_bytes").int(self.dropped_bytes()).name("keys").int(self.keys);
        json.name("partial_keys").int(self.partial_keys);
        json.name("dropped_records").int(self.dropped_records).name("commands").int(self.commands);
    }
}

/// Makes the new file from the bytes that are kept, in their order, and from what is readable of those that are written anew.
pub struct Mend {
    /// What is kept, and what it takes to read a record that is written anew.
    kept: Vec<(Span, Option<Record>)>,
    /// The one that the next bytes may belong to.
    next: usize,
    /// Of the record that is being read.
    remnant: Option<Remnant>,
    /// None where bytes are all copied as they are.
    encoder: Option<(Snapshot, Encoder)>,
    inserted: VecDeque<(u64, Vec<u8>)>,
}

impl Mend {
    /// Appends to `out` what of `chunk`, which stands `offset` bytes into the old file, belongs to the new one. The
    /// chunks come in order and are all of the old file.
    ///
    /// # Errors
    /// `BadValue` where a record that is written anew is not what it was when the plan was made. Else none but what an encoder
    /// gives whose events are out of order.
    pub fn copy(&mut self, offset: u64, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let end = offset.saturating_add(chunk.len() as u64);
        while let Some((kept, record)) = self.kept.get(self.next).filter(|(kept, _)| kept.start < end) {
            let kept = *kept;
            let part = Span { start: kept.start.max(offset), end: kept.end.min(end) };
            if part.start < part.end {
                match record {
                    None => {
                        if let Some((_, bytes)) = self.inserted.pop_front_if(|(at, _)| *at == part.start) {
                            // None stands within a snapshot.
                            self.end_snapshot(out)?;
                            out.extend_from_slice(&bytes);
                        }
                        self.take(part, offset, chunk, out)?;
                    }
                    Some(record) => {
                        let remnant = self.remnant.get_or_insert_with(|| Remnant::new(record, kept.start));
                        remnant.feed(bytes_of(part, offset, chunk));
                        if part.end == kept.end {
                            self.write_anew(kept.start, out)?;
                        }
                    }
                }
            }
            if kept.end > end {
                break;
            }
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    fn take(&mut self, part: Span, offset: u64, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let of = |span| bytes_of(span, offset, chunk);
        let Some((snapshot, encoder)) = &mut self.encoder else {
            out.extend_from_slice(of(part));
            return Ok(());
        };
        let header = Version::HEADER_LEN as u64;
        if part.start == 0 {
            encoder.write(&Event::Start(snapshot.version), out)?;
        }
        let records = Span { start: part.start.max(header), end: part.end.min(snapshot.records_end) };
        if records.start < records.end {
            encoder.splice(of(records), out);
        }
        let log = Span { start: part.start.max(snapshot.end), end: part.end };
        if log.start < log.end {
            self.end_snapshot(out)?;
            out.extend_from_slice(of(log));
        }
        Ok(())
    }

    /// Writes the record that was read, which started `start` bytes into the old file.
    fn write_anew(&mut self, start: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut text = Vec::new();
        let readable = self.remnant.take().and_then(|remnant| remnant.finish(&mut text));
        match (readable, &mut self.encoder) {
            (Some(_), Some((_, encoder))) => encoder.splice(&text, out),
            _ => {
                let kind = ErrorKind::BadValue { expected: "the record that was planned", found: Found::Text("another one") };
                return Err(Error::new(kind, start, Place::default()));
            }
        }
        Ok(())
    }

    fn end_snapshot(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.encoder.take().map_or(Ok(()), |(_, mut encoder)| encoder.write(&Event::End(Checksum::Verified), out))
    }

    /// Appends what stands behind the last record: the end of a snapshot.
    ///
    /// # Errors
    /// As [`Mend::copy`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.end_snapshot(out)
    }
}

/// The bytes of a range of the file, of a chunk that stands `offset` bytes into it.
fn bytes_of(span: Span, offset: u64, chunk: &[u8]) -> &[u8] {
    let index = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
    chunk.get(index(span.start)..index(span.end)).unwrap_or_default()
}
