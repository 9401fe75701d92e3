//! From a snapshot of any version to a snapshot of another one, or to commands.

mod records;

use super::seen::{Seed, Seen};
use super::{Filter, Flow, Job};
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use crate::model::{
    Collected, Collector, DecodeLimits, Emitter, EncodeOptions, Entry, EntryLoss, Fit, LogEmitter, Loss, Lost, OnLoss, Outcome,
    ReplayReport, SkippedCommand, SkippedEffect, Writer,
};
use crate::pack::listpack::backlen;
use crate::rdb::{
    Event, Eviction, Key, Kind, Layout, Part, Target, ValueType, Version, known_eviction, known_expiry, known_key, known_type,
};
use alloc::vec::Vec;
use bytes::Bytes;

pub(super) static KEY_TWICE: Cause = Cause::new(FaultKind::Duplicate, "a key once in its database", Form::Number);
static NO_ROOM: Cause = Cause::new(FaultKind::Limit, "room for the hash of a name", Form::Number);
/// As a limit, it ends a lenient pass too.
static HALTED: Cause = Cause::new(FaultKind::Limit, "data that can be written", Form::Number);

/// What data are converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// A snapshot.
    Snapshot,
    /// A snapshot that is the base of a log of several files.
    Base,
    /// Commands that make the data anew.
    Commands,
}

/// How data are converted.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    /// Which servers are to load it.
    pub target: Target,
    /// What is written.
    pub container: Container,
    /// What becomes of what has no form.
    pub on_loss: OnLoss,
    /// Which keys are meant. Aux fields, functions and module data outside of keys are kept.
    pub filter: Filter,
    /// Whether the events come from a lenient reader.
    pub is_lenient: bool,
    /// Two random words for the hashes of names.
    pub seed: Seed,
    /// Memory that the hashes of key names may take.
    pub max_seen_bytes: u64,
    /// Whether hashes that there is no more room for are handed out, for the caller to compare: see
    /// [`Convert::take_names`]. Else one of the keys beyond that stands twice is not noticed, which
    /// [`Converted::is_distinct`] tells.
    pub hands_out_names: bool,
}

impl ConvertOptions {
    /// All keys, refusing every loss; names are hashed in at most 4 MiB, which is room for some 100 000.
    #[must_use]
    pub fn new(target: impl Into<Target>, container: Container, seed: Seed) -> Self {
        Self {
            target: target.into(),
            container,
            on_loss: OnLoss::Fail,
            filter: Filter::default(),
            is_lenient: false,
            seed,
            max_seen_bytes: 4 << 20,
            hands_out_names: false,
        }
    }
}

/// What was converted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The version of the source.
    pub source: Option<Version>,
    /// Keys written.
    pub keys: u64,
    /// Of those, keys whose values have the bytes that they had.
    pub copied_keys: u64,
    /// Keys that the filter left out.
    pub unmatched_keys: u64,
    /// Losses told, each of one kind and key.
    pub losses: u64,
    /// Whether these forbid any output: what was written must be thrown away.
    pub is_refused: bool,
    /// The highest number of a database that keys were written to. Servers have 16 unless told otherwise, and do not start
    /// on data of a database that they do not have.
    pub last_db: Option<u64>,
    /// Whether every key was compared with all before it; else there was no room for the names of some, or they were
    /// handed out.
    pub is_distinct: bool,
    /// Bytes written.
    pub written_bytes: u64,
}

/// What is done with the value in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Its bytes are those of the source.
    Copy,
    /// Its parts are written anew as they come.
    Parts,
    /// It is put together and written anew.
    Collect,
    /// Nothing.
    Skip,
}

/// The value in hand, where it is copied.
#[derive(Clone, Copy)]
struct Copying {
    layout: Layout,
    /// Whether a part of it was.
    is_begun: bool,
    /// Whether another part was put in place of one.
    has_changed: bool,
}

/// Converts the events of a snapshot, in memory bounded by its largest value that has to be written anew.
///
/// A value whose type the target loads keeps its bytes, but for backward lengths of listpacks that have the form of other servers
/// ([`BacklenForm`](crate::rdb::BacklenForm)); every other one is written in the form that the target's servers give
/// it. Most values become commands, and packed ones another container, part by part. What has no form there is a [`Loss`]. Under
/// [`OnLoss::Fail`] nothing is written behind the first one, so that the output must be thrown away, but all are told.
///
/// A member that stands twice in its value is a fault where the value is packed and written anew: servers load it and show the
/// first, where commands would leave the last. Values that keep their bytes are not looked through, nor those whose elements
/// become commands one by one: servers refuse those, or keep one of the two.
///
/// Facts about the snapshot and its server (`redis-ver`, `ctime`, `used-mem` and so on) are no data: they stay where the target
/// has room for them. The place in a replication stream (`repl-id`, `repl-offset`) goes, since the new file is another one,
/// and so do sizes of databases and slots where a filter makes them wrong.
///
/// After an error of the reader, ask [`Convert::failure`] first.
pub struct Convert {
    options: ConvertOptions,
    fit: Fit,
    writer: Writer,
    out: Vec<u8>,
    collector: Collector,
    keys: Seen,
    /// Hashes that wait for being handed out.
    names: Vec<Vec<u128>>,
    has_handed_out: bool,
    course: Course,
    copying: Copying,
    /// Whether values of the source may be copied, if the target knows their type.
    may_copy: bool,
    /// Whether metadata of the key that follows were read.
    has_metadata: bool,
    /// Numbers of Redis Enterprise in front of the key that follows.
    enterprise: u64,
    /// Bytes of the key in hand.
    key_bytes: u64,
    /// Of the source.
    source_db: Option<u64>,
    /// Of the output.
    db: Option<u64>,
    /// Of the database whose keys follow, until one of them is written.
    sizes: Option<(u64, u64)>,
    slot_sizes: u64,
    scratch: Vec<EntryLoss>,
    losses: Vec<Loss>,
    report: Converted,
    failure: Option<Error>,
}

impl Convert {
    /// A conversion that has read nothing yet.
    ///
    /// # Errors
    /// `UnsupportedVersion` where the version is not one that is known.
    pub fn new(options: ConvertOptions) -> Result<Self, Error> {
        let encode = EncodeOptions::new(options.target);
        let mut out = Vec::new();
        let is_log = options.container == Container::Commands;
        let writer = if is_log {
            Writer::Commands(LogEmitter::new(&encode)?)
        } else {
            let mut emitter = Emitter::new(&encode, &mut out)?;
            if options.container == Container::Base {
                emitter.aux(b"aof-base", b"1", &mut out)?;
            }
            Writer::Snapshot(emitter)
        };
        let report = Converted { written_bytes: out.len() as u64, ..Converted::default() };
        let collector = Collector::new(DecodeLimits::default().max_total_bytes);
        Ok(Self {
            fit: Fit { version: encode.version, is_log, on_loss: options.on_loss },
            writer,
            out,
            collector: if options.is_lenient { collector.leniently() } else { collector },
            keys: Seen::new(options.seed, options.max_seen_bytes),
            names: Vec::new(),
            has_handed_out: false,
            course: Course::Skip,
            copying: Copying { layout: ValueType::STRING.layout(), is_begun: false, has_changed: false },
            may_copy: false,
            has_metadata: false,
            enterprise: 0,
            key_bytes: 0,
            source_db: None,
            db: None,
            sizes: None,
            slot_sizes: 0,
            scratch: Vec::new(),
            losses: Vec::new(),
            report,
            failure: None,
            options,
        })
    }

    /// What is ready to be written out. The caller takes it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// The losses since the last call, in file order.
    pub fn take_losses(&mut self) -> Vec<Loss> {
        core::mem::take(&mut self.losses)
    }

    /// With [`ConvertOptions::hands_out_names`], hashes of names within their databases that there was no more room for: sorted
    /// lists, in each of which none stands twice. A hash that stands in two of them, or in one and in [`Convert::take_last_names`], is that of
    /// a key that stands twice.
    pub fn take_names(&mut self) -> Vec<Vec<u128>> {
        core::mem::take(&mut self.names)
    }

    /// The last list, behind the last key, if there was another one.
    pub fn take_last_names(&mut self) -> Option<Vec<u128>> {
        self.has_handed_out.then(|| self.keys.take())
    }

    /// Whether a value keeps its bytes.
    pub(super) fn copies(&self, key: &Key<'_>, has_metadata: bool) -> bool {
        self.may_copy && !has_metadata && self.options.filter.size.is_open() && known_key(self.fit.version, key).is_ok()
    }

    /// Whether a listpack of a value that keeps its bytes is rewritten all the same.
    pub(super) fn rewrites(&self, listpack: &[u8]) -> bool {
        backlen::has_form(listpack, self.options.target.backlen().other())
    }

    /// Whether anything of a key may be lost, going by its head. Lengths are not asked.
    pub(super) fn may_lose(&self, key: &Key<'_>, has_metadata: bool) -> bool {
        let version = self.fit.version;
        let has_plain_head = !has_metadata
            && known_expiry(version, key.expires_at_ms).is_ok()
            && known_eviction(version, key.eviction).is_ok()
            && !(self.fit.is_log && key.eviction != Eviction::None);
        let is_plain = match key.value_type.kind() {
            Kind::String | Kind::List | Kind::Set | Kind::Zset => true,
            // Every version has hashes whose fields do not expire.
            Kind::Hash => known_type(Version::redis(10), key.value_type).is_ok(),
            Kind::Stream | Kind::Module | Kind::Array => self.copies(key, has_metadata),
        };
        !(has_plain_head && (is_plain || self.copies(key, has_metadata)))
    }

    /// Tells what of an entry is lost, and writes nothing.
    pub(super) fn assess(&mut self, db: u64, key: &Bytes, mut entry: Entry, enterprise: u64) {
        if enterprise > 0 {
            self.lose(Lost::Enterprise, enterprise, Outcome::Stripped, Some((db, key.clone())), None);
        }
        self.fit(db, key, &mut entry);
    }

    fn is_refused(&self) -> bool {
        self.options.on_loss == OnLoss::Fail && self.report.losses > 0
    }

    /// Tells as losses which commands of a log may have changed data and are not among what is converted. It comes before the data.
    pub fn passed_over(&mut self, replay: &ReplayReport) {
        for SkippedCommand { name, effect, count, .. } in &replay.skipped {
            if *effect == SkippedEffect::MayChangeData {
                self.lose(Lost::Commands, *count, Outcome::ItemLeftOut, None, Some(Bytes::from_static(name.as_bytes())));
            }
        }
    }

    /// The error that ended the conversion.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Writes the end. The last output and losses come with the report.
    ///
    /// # Errors
    /// [`Convert::failure`].
    pub fn finish(mut self) -> Result<(Vec<u8>, Vec<Loss>, Converted), Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.slot_sizes > 0 {
            self.lose(Lost::SlotSizes, self.slot_sizes, Outcome::Stripped, None, None);
        }
        self.report.is_distinct = !self.keys.is_full() && !self.has_handed_out;
        self.report.is_refused = self.is_refused();
        if !self.report.is_refused {
            let before = self.out.len();
            self.writer.finish(&mut self.out)?;
            self.report.written_bytes = self.report.written_bytes.saturating_add(self.out.len().saturating_sub(before) as u64);
        }
        Ok((self.out, self.losses, self.report))
    }

    fn lose(&mut self, lost: Lost, count: u64, outcome: Outcome, key: Option<(u64, Bytes)>, name: Option<Bytes>) {
        self.report.losses = self.report.losses.saturating_add(1);
        self.losses.push(Loss { lost, outcome, count, key, name });
    }

    /// Has the writer append something, unless what is written will be thrown away.
    fn write(&mut self, write: impl FnOnce(&mut Writer, &mut Vec<u8>) -> Result<(), Error>) -> Result<(), Fault> {
        if self.is_refused() {
            return Ok(());
        }
        let before = self.out.len();
        if let Err(error) = write(&mut self.writer, &mut self.out) {
            return self.halt(error);
        }
        self.report.written_bytes = self.report.written_bytes.saturating_add(self.out.len().saturating_sub(before) as u64);
        Ok(())
    }

    fn halt(&mut self, error: Error) -> Result<(), Fault> {
        self.failure = Some(error);
        Err(Fault::new(&HALTED, 0))
    }

    /// Appends a step as it was read.
    #[inline]
    fn copy(&mut self, raw: &[u8]) {
        if self.is_refused() {
            return;
        }
        if let Writer::Snapshot(emitter) = &mut self.writer {
            emitter.encoder().splice(raw, &mut self.out);
            self.report.written_bytes = self.report.written_bytes.saturating_add(raw.len() as u64);
        }
    }

    /// Appends a part of a value as it was read, unless its listpack has a form that the target's servers refuse.
    fn copy_part(&mut self, part: &Part<'_>, raw: &[u8]) -> Result<(), Fault> {
        let Copying { layout, is_begun, has_changed } = self.copying;
        self.copying.is_begun = true;
        if !part.listpack().is_some_and(|blob| self.rewrites(blob)) {
            self.copy(raw);
            return Ok(());
        }
        if !has_changed {
            self.copying.has_changed = true;
            self.report.copied_keys = self.report.copied_keys.saturating_sub(1);
        }
        let form = self.options.target.backlen();
        self.write(|writer, out| match writer {
            Writer::Snapshot(emitter) => emitter.encoder().splice_part(layout, part, form, !is_begun, out),
            // No value is copied there.
            Writer::Commands(_) => Ok(()),
        })
    }

    fn start(&mut self, version: Version) {
        self.report.source = Some(version);
        // What a lenient reader passes over must not get into the output.
        self.may_copy = !self.fit.is_log && !self.options.is_lenient && has_forms_of(version, self.fit.version);
    }

    fn key(&mut self, key: &Key<'_>) -> Result<Flow, Fault> {
        self.course = Course::Skip;
        let has_metadata = core::mem::take(&mut self.has_metadata);
        let enterprise = core::mem::take(&mut self.enterprise);
        let is_meant = self.options.filter.matches_head(key);
        if !is_meant || !self.is_new(key)? {
            if has_metadata {
                // It waits for the next key otherwise.
                self.collector.push(&Event::EmptyKey(*key))?;
            }
            if is_meant {
                return Err(Fault::new(&KEY_TWICE, 0));
            }
            self.report.unmatched_keys = self.report.unmatched_keys.saturating_add(1);
            return Ok(Flow::SkipValue);
        }
        if enterprise > 0 {
            let name = key.key.with_text(Bytes::copy_from_slice);
            self.lose(Lost::Enterprise, enterprise, Outcome::Stripped, Some((key.db, name)), None);
        }
        // A number stands in the middle of a head, whose parts do not come in one step then.
        if enterprise == 0 && self.copies(key, has_metadata) {
            self.course = Course::Copy;
            self.copying = Copying { layout: key.value_type.layout(), is_begun: false, has_changed: false };
            self.begin_key(key.db)?;
            self.report.copied_keys = self.report.copied_keys.saturating_add(1);
        } else if !has_metadata && self.may_stream() && self.writer.begin_key(key) {
            self.course = Course::Parts;
            // Whether anything is left of a stream is known when it was read.
            if key.value_type.kind() != Kind::Stream {
                self.begin_key(key.db)?;
            }
        } else {
            self.course = Course::Collect;
            self.key_bytes = 0;
            self.collector.push(&Event::Key(*key))?;
        }
        Ok(Flow::Continue)
    }

    fn is_new(&mut self, key: &Key<'_>) -> Result<bool, Fault> {
        // Where there is no room for more names, looking for one costs more than the rest of a key.
        if self.keys.is_full() && !self.options.hands_out_names {
            return Ok(true);
        }
        key.key.with_text(|name| {
            let is_new = self.keys.is_new(key.db, name);
            if self.keys.is_full() && self.options.hands_out_names {
                self.names.push(self.keys.take());
                self.has_handed_out = true;
                // There was no room to note it.
                self.keys.is_new(key.db, name);
                if self.keys.is_full() {
                    return Err(Fault::new(&NO_ROOM, 0));
                }
            }
            Ok(is_new)
        })
    }

    /// Whether values may be written before they are whole. What a lenient reader passes over must not get there.
    fn may_stream(&self) -> bool {
        self.options.filter.size.is_open() && !self.options.is_lenient && !self.is_refused()
    }

    /// Takes a part of a value that is written as it comes, or its key's end.
    fn parts(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<(), Fault> {
        if let Event::KeyEnd { .. } = event
            && let Some(mut held) = self.writer.take_held()
        {
            let Key { db, key, .. } = self.writer.open_key();
            let key = key.with_text(Bytes::copy_from_slice);
            if self.fit(db, &key, &mut held.entry) {
                self.begin_key(db)?;
                self.write(|writer, out| writer.held(&key, &held, out))?;
            }
            return Ok(());
        }
        let before = self.out.len();
        let is_made = match event {
            Event::Value(part) => self.writer.part(part, raw, &mut self.out)?,
            _ => match self.writer.end_key(&mut self.out) {
                Ok(()) => true,
                Err(error) => return self.halt(error),
            },
        };
        self.report.written_bytes = self.report.written_bytes.saturating_add(self.out.len().saturating_sub(before) as u64);
        if !is_made {
            self.collector.push(&Event::Key(self.writer.open_key()))?;
            // It is counted again when it is written.
            self.report.keys = self.report.keys.saturating_sub(1);
            self.course = Course::Collect;
            self.collect(event)?;
        }
        Ok(())
    }

    /// Says which database the next key is in, and counts it.
    #[inline]
    fn begin_key(&mut self, db: u64) -> Result<(), Fault> {
        if self.db != Some(db) {
            self.select(db)?;
        }
        self.report.keys = self.report.keys.saturating_add(1);
        Ok(())
    }

    fn select(&mut self, db: u64) -> Result<(), Fault> {
        let sizes = self.sizes.take();
        self.write(|writer, out| {
            writer.select_db(db, out)?;
            match (writer, sizes) {
                (Writer::Snapshot(emitter), Some((keys, expires))) => emitter.resize_db(keys, expires, out),
                _ => Ok(()),
            }
        })?;
        self.db = Some(db);
        self.report.last_db = self.report.last_db.max(Some(db));
        Ok(())
    }

    /// Takes an event of a value that is written anew, or of its key's end.
    fn collect(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        if let Some(collected) = self.collector.push(event)? {
            self.collector.forget();
            self.collected(collected)?;
        }
        match self.collector.faults().first() {
            Some(fault) => Err(*fault),
            None => Ok(()),
        }
    }

    /// Makes an entry fit the target and tells what is lost of it; whether anything is left.
    fn fit(&mut self, db: u64, key: &Bytes, entry: &mut Entry) -> bool {
        let is_kept = self.fit.entry(entry, &mut self.scratch);
        for (lost, count, outcome) in core::mem::take(&mut self.scratch) {
            self.lose(lost, count, outcome, Some((db, key.clone())), None);
        }
        is_kept
    }

    fn collected(&mut self, collected: Collected) -> Result<(), Fault> {
        match collected {
            Collected::Entry { db, key, mut entry } => {
                if !self.options.filter.size.matches(self.key_bytes) {
                    self.report.unmatched_keys = self.report.unmatched_keys.saturating_add(1);
                    return Ok(());
                }
                if self.fit(db, &key, &mut entry) {
                    self.begin_key(db)?;
                    self.write(|writer, out| writer.entry(&key, &entry, out))?;
                }
                Ok(())
            }
            Collected::Function(function) => self.function(function),
            Collected::ModuleData(data) => self.module_data(&data),
            Collected::Aux(field) => self.aux(&field),
        }
    }
}

impl Job for Convert {
    #[inline]
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        match (event, self.course) {
            (Event::Value(part), Course::Copy) => {
                event.check()?;
                self.copy_part(part, raw)?;
            }
            (Event::KeyEnd { .. }, Course::Copy | Course::Skip) => {}
            (Event::Value(_), Course::Skip) => return Ok(Flow::SkipValue),
            (Event::Value(_) | Event::KeyEnd { .. }, Course::Parts) => self.parts(event, raw)?,
            (Event::Value(_) | Event::KeyEnd { .. }, Course::Collect) => {
                self.key_bytes = self.key_bytes.saturating_add(raw.len() as u64);
                self.collect(event)?;
            }
            (Event::Key(key), _) => {
                let flow = self.key(key)?;
                match self.course {
                    Course::Copy => self.copy(raw),
                    Course::Collect => self.key_bytes = raw.len() as u64,
                    Course::Parts | Course::Skip => {}
                }
                return Ok(flow);
            }
            _ => self.record(event, raw)?,
        }
        Ok(Flow::Continue)
    }
}

/// Whether values of a type that both versions have look the same in both: packed entries took new forms with RDB 6, lengths
/// with RDB 8.
fn has_forms_of(source: Version, target: Version) -> bool {
    let era = |version: Version| match version.number() {
        0..6 => 0,
        6..8 => 1,
        _ => 2,
    };
    era(source) <= era(target)
}
