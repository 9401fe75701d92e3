//! What a snapshot holds: counts and bytes by type, encoding, database and
//! expiry, its largest keys, and what it says of itself.

use super::{Filter, Flow, Job, Row, Rows};
use crate::error::Fault;
use crate::rdb::{Checksum, Event, HashTemplate, KeyMeta, Kind, ModuleAux, SlotImport, Span, ValueType, Version};
use crate::wire::Scalar;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// Counts keys, elements and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Keys.
    pub keys: u64,
    /// Elements, fields and live entries; strings and module values have none.
    pub elements: u64,
    /// Bytes in the file, from key head to value end.
    pub bytes: u64,
    /// Keys that expire.
    pub expiring: u64,
}

impl Count {
    fn add_row(&mut self, row: &Row<'_>) {
        self.add(Self {
            keys: 1,
            elements: row.elements.unwrap_or(0),
            bytes: row.span.len(),
            expiring: u64::from(row.expires_at_ms.is_some()),
        });
    }

    fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.elements = self.elements.saturating_add(other.elements);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.expiring = self.expiring.saturating_add(other.expiring);
    }
}

/// The keys of one value type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Encoding {
    /// Which type.
    pub value_type: ValueType,
    /// How many keys.
    pub count: Count,
}

/// A function library, by its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name, empty where the source does not begin with `#!engine name=...`.
    pub name: Vec<u8>,
    /// Its engine, such as `lua`.
    pub engine: Vec<u8>,
    /// Length of the source in bytes.
    pub source_bytes: u64,
}

/// A key and its size.
#[derive(Clone, Debug, PartialEq)]
pub struct LargeKey {
    /// Database number.
    pub db: u64,
    /// The key, or its first [`Analyse::KEY_BYTES`] bytes.
    pub key: Vec<u8>,
    /// Length of the whole key in bytes.
    pub key_bytes: u64,
    /// Type and layout of the value.
    pub value_type: ValueType,
    /// As in [`Row::elements`].
    pub elements: Option<u64>,
    /// From key head to value end.
    pub span: Span,
}

/// Keys by when they expire, seen from a clock. Every key is in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// At or before the clock.
    pub expired: u64,
    /// Within an hour.
    pub hour: u64,
    /// Within a day, not within an hour.
    pub day: u64,
    /// Within 7 days.
    pub week: u64,
    /// Within 30 days.
    pub month: u64,
    /// Later than that.
    pub later: u64,
    /// Never.
    pub never: u64,
}

impl Expiry {
    /// Counts a key. Both times are Unix milliseconds.
    pub fn add(&mut self, expires_at_ms: Option<i64>, now_ms: i64) {
        const HOUR: i64 = 3_600_000;
        const DAY: i64 = 24 * HOUR;
        const WEEK: i64 = 7 * DAY;
        const MONTH: i64 = 30 * DAY;
        let bucket = match expires_at_ms.map(|at| at.saturating_sub(now_ms)) {
            None => &mut self.never,
            Some(..=0) => &mut self.expired,
            Some(..=HOUR) => &mut self.hour,
            Some(..=DAY) => &mut self.day,
            Some(..=WEEK) => &mut self.week,
            Some(..=MONTH) => &mut self.month,
            Some(_) => &mut self.later,
        };
        *bucket = bucket.saturating_add(1);
    }
}

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The header, once it was read.
    pub version: Option<Version>,
    /// What is known of the checksum, once the trailer was read.
    pub checksum: Option<Checksum>,
    /// Aux fields in file order, at most [`Analyse::AUX_FIELDS`] of them.
    pub aux: Vec<(Vec<u8>, Vec<u8>)>,
    /// Aux fields beyond those kept, or too long to be kept.
    pub aux_left_out: u64,
    /// Function libraries in file order, at most [`Analyse::LIBRARIES`] of them.
    pub functions: Vec<Library>,
    /// Function libraries beyond those kept.
    pub functions_left_out: u64,
    /// Module data outside of keys.
    pub module_aux: u64,
    /// Keys with metadata of modules, whatever the filter.
    pub key_metadata: u64,
    /// Templates that hashes refer to.
    pub hash_templates: u64,
    /// Slots of a cluster whose sizes are stated.
    pub slots: u64,
    /// Imports of slots in progress.
    pub slot_imports: u64,
    /// All keys.
    pub total: Count,
    /// By value type, in the order of their first key.
    pub encodings: Vec<Encoding>,
    /// By database number.
    pub databases: BTreeMap<u64, Count>,
    /// By expiry, where [`Analyse::with_clock`] named one.
    pub expiry: Option<Expiry>,
    /// The largest keys by bytes, largest first.
    pub largest: Vec<LargeKey>,
}

impl Report {
    /// Counts by type, those without keys left out, most bytes first.
    #[must_use]
    pub fn kinds(&self) -> Vec<(Kind, Count)> {
        let mut kinds = Vec::new();
        for kind in Kind::ALL {
            let mut count = Count::default();
            for encoding in self.encodings.iter().filter(|encoding| encoding.value_type.kind() == kind) {
                count.add(encoding.count);
            }
            if count.keys > 0 {
                kinds.push((kind, count));
            }
        }
        kinds.sort_by_key(|(_, count)| core::cmp::Reverse(count.bytes));
        kinds
    }

    /// The first aux field of this name, in any case.
    #[must_use]
    pub fn aux_value(&self, name: &str) -> Option<&[u8]> {
        let found = self.aux.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    /// The server that wrote the snapshot, such as `Redis 7.0.15`, as it says itself.
    #[must_use]
    pub fn producer(&self) -> Option<String> {
        let (name, version) = match self.aux_value("valkey-ver") {
            Some(version) => ("Valkey ", version),
            None => ("Redis ", self.aux_value("redis-ver")?),
        };
        let mut producer = String::from(name);
        producer.push_str(&String::from_utf8_lossy(version));
        Some(producer)
    }

    /// When the snapshot was written, Unix milliseconds, as it says itself.
    #[must_use]
    pub fn saved_at_ms(&self) -> Option<i64> {
        Scalar::Bytes(self.aux_value("ctime")?).as_int()?.checked_mul(1000)
    }
}

/// Counts what a snapshot holds. Memory does not grow with keys or values.
#[derive(Debug)]
pub struct Analyse {
    rows: Rows,
    now_ms: Option<i64>,
    kept_largest: usize,
    /// Bytes a key needs to be among the largest.
    threshold: u64,
    report: Report,
}

impl Default for Analyse {
    fn default() -> Self {
        Self::new()
    }
}

impl Analyse {
    /// Aux fields kept.
    pub const AUX_FIELDS: usize = 256;
    /// Function libraries kept.
    pub const LIBRARIES: usize = 1024;
    /// Bytes kept of a large key, an aux field or a library's name.
    pub const KEY_BYTES: usize = 1024;

    /// Counts without a clock and without a list of the largest keys.
    #[must_use]
    pub fn new() -> Self {
        Self { rows: Rows::new(), now_ms: None, kept_largest: 0, threshold: 0, report: Report::default() }
    }

    /// Counts keys by expiry too, seen from `now_ms`, Unix milliseconds.
    #[must_use]
    pub fn with_clock(mut self, now_ms: i64) -> Self {
        self.now_ms = Some(now_ms);
        self.report.expiry = Some(Expiry::default());
        self
    }

    /// Counts only these keys.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.rows = Rows::with_filter(filter);
        self
    }

    /// Keeps the `count` largest keys.
    #[must_use]
    pub fn with_largest(mut self, count: usize) -> Self {
        self.kept_largest = count;
        self
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What was found.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Counts a key that somebody else has made a row of.
    #[inline]
    pub fn row(&mut self, row: &Row<'_>) {
        let Self { report, threshold, kept_largest, now_ms, .. } = self;
        count(report, threshold, *kept_largest, *now_ms, row);
    }

    /// Takes what stands outside of keys; for [`Analyse::row`], as [`Job::push`] takes it too.
    pub fn record(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(version) => self.report.version = Some(*version),
            Event::Aux { key, value } => self.aux(*key, *value),
            Event::Function { code } => code.with_text(|code| {
                let (engine, name) = shebang(code);
                self.library(name, engine, code.len() as u64);
            }),
            Event::FunctionPreGa { name, engine, code, .. } => {
                let bytes = code.text_len();
                name.with_text(|name| engine.with_text(|engine| self.library(name, engine, bytes)));
            }
            Event::ModuleAux(ModuleAux::Open { .. }) => {
                self.report.module_aux = self.report.module_aux.saturating_add(1);
            }
            Event::End(checksum) => self.report.checksum = Some(*checksum),
            other => {
                let count = match other {
                    Event::KeyMeta(KeyMeta::Classes(_)) => &mut self.report.key_metadata,
                    Event::HashTemplate(HashTemplate::Open { .. }) => &mut self.report.hash_templates,
                    Event::SlotInfo { .. } => &mut self.report.slots,
                    Event::SlotImport(SlotImport::Open { .. }) => &mut self.report.slot_imports,
                    _ => return,
                };
                *count = count.saturating_add(1);
            }
        }
    }

    fn aux(&mut self, key: Scalar<'_>, value: Scalar<'_>) {
        let is_short = key.text_len().saturating_add(value.text_len()) <= Self::KEY_BYTES as u64;
        if is_short && self.report.aux.len() < Self::AUX_FIELDS {
            self.report.aux.push((key.to_vec(), value.to_vec()));
        } else {
            self.report.aux_left_out = self.report.aux_left_out.saturating_add(1);
        }
    }

    fn library(&mut self, name: &[u8], engine: &[u8], source_bytes: u64) {
        let cut = |text: &[u8]| text.get(..Self::KEY_BYTES).unwrap_or(text).to_vec();
        if self.report.functions.len() < Self::LIBRARIES {
            self.report.functions.push(Library { name: cut(name), engine: cut(engine), source_bytes });
        } else {
            self.report.functions_left_out = self.report.functions_left_out.saturating_add(1);
        }
    }
}

impl Job for Analyse {
    #[inline]
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Value(_) => {
                self.rows.push(event)?;
            }
            Event::Key(_) => {
                self.rows.push(event)?;
                if !self.rows.wants_value() {
                    return Ok(Flow::SkipValue);
                }
            }
            Event::KeyEnd { .. } => {
                if let Some(row) = self.rows.push(event)? {
                    count(&mut self.report, &mut self.threshold, self.kept_largest, self.now_ms, &row);
                }
            }
            record => self.record(record),
        }
        Ok(Flow::Continue)
    }
}

fn count(report: &mut Report, threshold: &mut u64, kept_largest: usize, now_ms: Option<i64>, row: &Row<'_>) {
    report.count(row, now_ms);
    if row.span.len() > *threshold && kept_largest > 0 {
        *threshold = report.keep(row, kept_largest);
    }
}

impl Report {
    #[inline]
    fn count(&mut self, row: &Row<'_>, now_ms: Option<i64>) {
        self.total.add_row(row);
        self.databases.entry(row.db).or_default().add_row(row);
        match self.encodings.iter_mut().find(|encoding| encoding.value_type == row.value_type) {
            Some(encoding) => encoding.count.add_row(row),
            None => {
                let mut count = Count::default();
                count.add_row(row);
                self.encodings.push(Encoding { value_type: row.value_type, count });
            }
        }
        if let (Some(expiry), Some(now_ms)) = (&mut self.expiry, now_ms) {
            expiry.add(row.expires_at_ms, now_ms);
        }
    }

    /// Puts a key among the largest; gives the bytes a key must exceed from now on.
    #[cold]
    fn keep(&mut self, row: &Row<'_>, kept: usize) -> u64 {
        let at = self.largest.partition_point(|large| large.span.len() >= row.span.len());
        let key = row.key.get(..Analyse::KEY_BYTES).unwrap_or(row.key).to_vec();
        let large = LargeKey {
            db: row.db,
            key,
            key_bytes: row.key.len() as u64,
            value_type: row.value_type,
            elements: row.elements,
            span: row.span,
        };
        self.largest.insert(at, large);
        self.largest.truncate(kept);
        if self.largest.len() < kept { 0 } else { self.largest.last().map_or(0, |large| large.span.len()) }
    }
}

/// Engine and name from `#!engine name=...`, the first line of a library.
pub(super) fn shebang(code: &[u8]) -> (&[u8], &[u8]) {
    let line = code.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else { return (&[], &[]) };
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    let name = words.find_map(|word| word.strip_prefix(b"name=")).unwrap_or_default();
    (engine, name)
}
