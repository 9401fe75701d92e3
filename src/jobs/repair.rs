//! Finds what of a damaged file is whole.
//!
//! A record that is broken inside is read once more, leniently and without its value: where its lengths lead to further records,
//! it alone is dropped. Where they do not, records are looked for behind it, and what is between is dropped. What is dropped alone
//! is read a third time, for what of its value is readable.

use super::repair_log::{Databases, LogRepair};
use super::repair_partial::{KeepReadable, Record, Remnant};
use super::repair_plan::{RepairPlan, Snapshot};
use super::resync::{Resync, Search};
use super::{Check, Finding, Flow, Job, Pass, Seed, Severity};
use crate::error::{Error, ErrorKind, Fault};
use crate::rdb::{Decoder, Elements, Event, HashTemplate, ModuleAux, ModuleItem, Part, SlotImport, Span, Templates, Version};
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The version of Redis 4.0, the first that puts a snapshot in front of a log.
const FIRST_PREAMBLE: u64 = 8;

const DOUBTFUL: &str = "it may be a key, and may be the end of what is lost in front of it";
const OPEN_END: &str = "it may be damaged too: what follows it is lost, and its own bytes do not tell that it ends there";

/// Bytes that a search is given at once: it ends within few.
const PIECE_BYTES: usize = 4096;

/// Reads a damaged file and finds what of it is whole. It asks for bytes again where it has to look twice.
///
/// Of a log, commands behind damage are kept too, where decoding leads on from them; no half of a transaction, and none whose
/// database is not known. They may act on a state that lacks what was lost.
///
/// Memory is that of one step, twice that of what is readable of one broken value, 40 bytes for each key to find those that stand twice, and what each range takes.
pub struct Repair {
    limits: Limits,
    keeps: KeepReadable,
    state: State,
    watch: Watch,
    /// Where the next bytes start.
    position: u64,
    plan: RepairPlan,
    /// Why what is not planned at the end is dropped.
    reason: Option<String>,
    /// As [`Resync::REREADS`].
    rereads_left: u32,
}

enum State {
    Snapshot(Box<Decoder>),
    /// Records are looked for behind a broken one; for a start where the lengths of the one that `passed` lead to.
    Search {
        resync: Box<Resync>,
        passed: Option<Span>,
    },
    /// A record that is dropped alone is read for what of it is readable.
    Record {
        remnant: Box<Remnant>,
        record: Box<Record>,
        span: Span,
    },
    /// Behind a snapshot, where a log may begin.
    Behind(Box<Decoder>),
    /// Bytes behind a snapshot that are no log: its own decoder knows whether they belong to it.
    Trailing(Box<Decoder>),
    Log(Box<LogRepair>),
    Done,
}

impl Repair {
    /// A repair of a snapshot, or of a log with one in front. Names are hashed by `seed`.
    #[must_use]
    pub fn of_snapshot(seed: Seed, limits: Limits) -> Self {
        Self::new(seed, limits, State::Snapshot(Box::new(Decoder::with_limits(limits))))
    }

    /// A repair of a log of commands.
    #[must_use]
    pub fn of_log(seed: Seed, limits: Limits) -> Self {
        Self::new(seed, limits, State::Log(Box::new(LogRepair::new(0, Databases::None, limits))))
    }

    fn new(seed: Seed, limits: Limits, state: State) -> Self {
        Self {
            limits,
            keeps: KeepReadable::None,
            state,
            watch: Watch::new(seed),
            position: 0,
            plan: RepairPlan::new(),
            reason: None,
            rereads_left: Resync::REREADS,
        }
    }

    /// Has keys whose values are broken inside, and which would be dropped alone, kept with what of these is readable: lists, sets,
    /// sorted sets and hashes, with the elements in front of the first fault, as far as all of them take no more memory than one item
    /// may. A field or member that stands twice is kept once.
    #[must_use]
    pub fn keeping_readable(mut self, keeps: KeepReadable) -> Self {
        self.keeps = keeps;
        self
    }

    /// Where the bytes that come next have to start, which may have been read before. `None`: the rest is not looked at.
    #[must_use]
    pub fn wanted(&self) -> Option<u64> {
        match &self.state {
            State::Done => None,
            State::Log(log) => log.wanted(),
            _ => Some(self.position),
        }
    }

    /// Reads bytes that start where they are wanted.
    pub fn feed(&mut self, chunk: &[u8]) {
        let start = self.position;
        loop {
            // What is to be read again may stand before this chunk.
            let Some(read) = self.position.checked_sub(start) else { return };
            let rest = chunk.get(usize::try_from(read).unwrap_or(usize::MAX)..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            match core::mem::replace(&mut self.state, State::Done) {
                State::Done => return,
                State::Snapshot(decoder) => self.read_snapshot(decoder, rest),
                State::Search { mut resync, passed } => {
                    let piece = rest.get(..PIECE_BYTES).unwrap_or(rest);
                    self.position = self.position.saturating_add(piece.len() as u64);
                    let search = resync.feed(piece);
                    self.searched(search, resync, passed);
                }
                State::Record { mut remnant, record, span } => {
                    let left = usize::try_from(span.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
                    let piece = rest.get(..left).unwrap_or(rest);
                    self.position = self.position.saturating_add(piece.len() as u64);
                    if remnant.feed(piece) && self.position < span.end {
                        self.state = State::Record { remnant, record, span };
                    } else {
                        self.drop_alone(span, *record, Some(*remnant));
                    }
                }
                State::Behind(decoder) => self.enter_what_is_behind(decoder, rest),
                State::Trailing(mut decoder) => {
                    self.position = self.position.saturating_add(rest.len() as u64);
                    // It takes all of it, and says at its end what it was.
                    if decoder.step(rest).is_ok() {
                        self.state = State::Trailing(decoder);
                    }
                }
                State::Log(mut log) => {
                    log.feed(rest);
                    self.follow(log);
                }
            }
        }
    }

    fn read_snapshot(&mut self, mut decoder: Box<Decoder>, rest: &[u8]) {
        let mut pass = Pass::new();
        let result = pass.feed_snapshot(&mut decoder, rest, &mut self.watch);
        match (result, self.watch.version, &self.watch.skipped_for) {
            (Err(error), Some(version), None) => {
                self.watch.skipped_for = Some(said(&error));
                // What was found in front of the fault belongs to this record.
                let found = self.watch.check.take_findings();
                self.watch.is_twice = stands_twice(&found);
                self.watch.findings.extend(found);
                self.watch.tell(&error);
                self.resume(&decoder.templates(), version, Decoder::leniently);
            }
            (Err(error), ..) => {
                self.drop_open_end();
                self.lose(&error, decoder.templates());
            }
            (Ok(_), Some(version), _) if pass.is_stopped() => {
                let (passed, reason) = self.watch.passed.take().unwrap_or_default();
                self.reason = Some(reason);
                self.position = passed.end;
                let resync = Resync::pointed(version, decoder.templates(), self.limits, passed.end);
                self.state = State::Search { resync: Box::new(resync), passed: Some(passed) };
            }
            (Ok(_), Some(version), _) if decoder.is_done() => self.end_snapshot(decoder, version),
            (Ok(read), ..) => {
                self.position = self.position.saturating_add(read as u64);
                self.state = State::Snapshot(decoder);
            }
        }
    }

    /// Reads on from where records are whole.
    fn resume(&mut self, templates: &Templates, version: Version, how: impl FnOnce(Decoder) -> Decoder) {
        self.position = self.watch.whole;
        self.watch.offset = self.position;
        let decoder = Decoder::resume(version, self.watch.db, self.position, self.limits).with_templates(templates.clone());
        self.state = State::Snapshot(Box::new(how(decoder)));
    }

    /// Nothing tells where the record in hand ends.
    fn lose(&mut self, error: &Error, templates: Templates) {
        // The first error is the one to tell.
        self.reason = Some(match self.watch.skipped_for.take() {
            Some(first) => first,
            None => {
                self.watch.tell(error);
                said(error)
            }
        });
        self.look_behind(self.watch.whole, templates);
    }

    /// Bytes are often lost from within a value on, and zeros are keys without a name: what stands in front of lost bytes is whole
    /// only where its own bytes tell that it ends there.
    fn drop_open_end(&mut self) {
        let Some(open) = self.watch.open_end.take() else { return };
        self.plan.extend_to(open.start, None);
        self.plan.extend_to(open.end, Some(OPEN_END.into()));
        self.watch.keys = self.watch.keys.saturating_sub(1);
    }

    /// Looks for records behind the one that starts there.
    fn look_behind(&mut self, start: u64, templates: Templates) {
        self.plan.extend_to(start, None);
        if let Some(version) = self.watch.version {
            // The first byte leads nowhere, as was seen.
            self.position = start.saturating_add(1);
            let resync = Box::new(Resync::new(version, templates, self.limits, self.position));
            self.state = State::Search { resync, passed: None };
        }
    }

    fn searched(&mut self, search: Search, resync: Box<Resync>, passed: Option<Span>) {
        let Some(version) = self.watch.version else { return };
        match (search, passed) {
            (Search::Open, _) => {
                self.state = State::Search { resync, passed };
                return;
            }
            (Search::Failed, Some(passed)) => {
                self.drop_open_end();
                return self.look_behind(passed.start, resync.templates().clone());
            }
            (Search::Failed, None) => return,
            (Search::Found(_), Some(passed)) => {
                self.watch.go_on(None);
                self.watch.open_end = None;
                let templates = resync.templates().clone();
                let record = Record { version, db: self.watch.db, templates, limits: self.limits };
                if core::mem::take(&mut self.watch.is_twice) {
                    return self.drop_alone(passed, record, None);
                }
                self.position = passed.start;
                let remnant = Box::new(Remnant::new(&record, passed.start));
                self.state = State::Record { remnant, record: Box::new(record), span: passed };
                return;
            }
            (Search::Found(resumed), None) => {
                self.watch.go_on(Some(resumed.start));
                self.plan.extend_to(resumed.doubtful.start, self.reason.take());
                self.plan.extend_to(resumed.start, Some(DOUBTFUL.into()));
                self.watch.whole = resumed.start;
            }
        }
        self.watch.open_end = None;
        self.resume(resync.templates(), version, |decoder| decoder);
    }

    /// Drops a record alone, and goes on behind it. Its key may be kept with what of its value is readable.
    fn drop_alone(&mut self, span: Span, record: Record, remnant: Option<Remnant>) {
        self.plan.extend_to(span.start, None);
        let readable = remnant.and_then(|remnant| remnant.finish(&mut Vec::new()));
        let (version, templates) = (record.version, record.templates.clone());
        let kept = Some(record).filter(|_| readable.is_some() && self.keeps.takes(span));
        self.watch.keys = self.watch.keys.saturating_add(u64::from(kept.is_some()));
        self.plan.drop_record(span.end, self.reason.take(), readable, kept);
        self.watch.whole = span.end;
        self.resume(&templates, version, |decoder| decoder);
    }

    fn end_snapshot(&mut self, decoder: Box<Decoder>, version: Version) {
        let Watch { whole, offset, .. } = self.watch;
        let reason = match self.watch.skipped_for.take() {
            None if self.plan.is_whole() => None,
            None => Some("it is the checksum of other bytes, and is made anew".into()),
            error => error,
        };
        // The opcode stands before the checksum.
        self.plan.extend_to(whole.saturating_add(1), None);
        self.plan.extend_to(offset, reason);
        self.plan.snapshot = Some(Snapshot { version, records_end: whole, end: offset });
        self.position = offset;
        self.state = State::Behind(decoder);
    }

    fn enter_what_is_behind(&mut self, decoder: Box<Decoder>, rest: &[u8]) {
        let may_lead = self.watch.version.is_some_and(|version| version.number() >= FIRST_PREAMBLE);
        self.state = match rest.first() {
            Some(b'*' | b'#') if may_lead => {
                State::Log(Box::new(LogRepair::new(self.position, self.watch.databases, self.limits)))
            }
            _ => State::Trailing(decoder),
        };
    }

    /// The log says which bytes come next.
    fn follow(&mut self, log: Box<LogRepair>) {
        self.position = log.wanted().unwrap_or(u64::MAX);
        self.state = State::Log(log);
    }

    /// Says that no bytes follow those that were fed. Whether some of them are wanted again: behind a record that has no end in
    /// the file, or in front of its last records. Asked until it does not, [`Repair::finish`] knows all there is.
    pub fn looks_again(&mut self) -> bool {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Search { mut resync, passed } => {
                let search = resync.finish();
                self.searched(search, resync, passed);
            }
            State::Log(mut log) => {
                let looks_again = log.looks_again();
                self.follow(log);
                return looks_again;
            }
            State::Snapshot(decoder) if self.rereads_left > 0 => {
                self.rereads_left = self.rereads_left.saturating_sub(1);
                let (templates, ends) = (decoder.templates(), self.position);
                if let Err(error) = decoder.finish() {
                    self.lose(&error, templates);
                }
                // Nothing stands behind its first byte.
                return self.position < ends;
            }
            state => {
                self.state = state;
                return false;
            }
        }
        matches!(self.state, State::Snapshot(_) | State::Search { .. } | State::Record { .. })
    }

    /// What becomes of each byte of the file, of which there are so many.
    #[must_use]
    pub fn finish(mut self, file_bytes: u64) -> RepairPlan {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Snapshot(decoder) => {
                self.plan.extend_to(self.watch.whole, None);
                self.reason = self.watch.skipped_for.take().or_else(|| {
                    let error = decoder.finish().err()?;
                    self.watch.tell(&error);
                    Some(said(&error))
                });
            }
            State::Trailing(decoder) => {
                self.reason = match decoder.finish() {
                    Ok(summary) if summary.trailing.is_none() && self.plan.is_whole() => None,
                    Ok(_) => Some("expected the end of the file behind the snapshot".into()),
                    Err(error) => Some(said(&error)),
                };
                if self.reason.is_none() {
                    self.plan.extend_to(file_bytes, None);
                }
            }
            State::Log(log) => log.finish(&mut self.plan, file_bytes),
            State::Search { .. } | State::Record { .. } | State::Behind(_) | State::Done => {}
        }
        let whole = self.plan.end();
        let reason = self.reason.unwrap_or_else(|| "expected a whole record".into());
        self.plan.extend_to(file_bytes, Some(reason));
        if let (None, Some(version)) = (self.plan.snapshot, self.watch.version) {
            self.plan.snapshot = Some(Snapshot { version, records_end: whole, end: file_bytes });
            self.plan.adds_end = true;
        }
        self.plan.keys = self.watch.keys;
        self.plan.findings = self.watch.findings;
        self.plan.keys_behind = self.watch.keys_behind;
        self.plan
    }
}

/// An error, with the place where it was found.
fn said(error: &Error) -> String {
    error.to_string()
}

/// Whether a record has such findings because its key stands twice, not one of its elements.
fn stands_twice(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.code == "duplicate" && finding.place.element.is_none())
}

/// Looks on while a snapshot is read.
struct Watch {
    check: Check,
    /// Why the record in hand is passed over: only its end is looked for.
    skipped_for: Option<String>,
    /// A record that is broken inside, and why.
    passed: Option<(Span, String)>,
    /// Whether the key of that one stands twice.
    is_twice: bool,
    /// The last record, if it is a key whose bytes do not tell that it ends there.
    open_end: Option<Span>,
    /// Whether the last part of the key in hand told that it ended: it was packed or compressed.
    is_closed: bool,
    version: Option<Version>,
    db: u64,
    databases: Databases,
    /// End of the last event.
    offset: u64,
    /// What is wrong, in the order in which it came up.
    findings: Vec<Finding>,
    /// Up to where records are whole.
    whole: u64,
    /// Names or ranges of the record in hand that follow.
    left: u64,
    keys: u64,
    /// Those of them that stand behind a record that cannot be read.
    keys_behind: u64,
    is_broken: bool,
}

impl Watch {
    fn new(seed: Seed) -> Self {
        Self {
            check: Check::new(seed, Check::LIMIT_BYTES),
            skipped_for: None,
            passed: None,
            is_twice: false,
            open_end: None,
            is_closed: false,
            version: None,
            db: 0,
            databases: Databases::None,
            offset: 0,
            findings: Vec::new(),
            whole: 0,
            left: 0,
            keys: 0,
            keys_behind: 0,
            is_broken: false,
        }
    }

    /// Whether a record ends with this event.
    fn is_whole(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::ModuleAux(ModuleAux::Item(ModuleItem::End)) => true,
            Event::HashTemplate(HashTemplate::Open { fields: more, .. })
            | Event::SlotImport(SlotImport::Open { ranges: more, .. }) => {
                self.left = *more;
                *more == 0
            }
            Event::HashTemplate(HashTemplate::Name(_)) | Event::SlotImport(SlotImport::Range { .. }) => {
                self.left = self.left.saturating_sub(1);
                self.left == 0
            }
            // The end is no record.
            Event::ModuleAux(_)
            | Event::KeyMeta(_)
            | Event::Enterprise { .. }
            | Event::Key(_)
            | Event::Value(_)
            | Event::End(_) => false,
            Event::Start(_)
            | Event::Aux { .. }
            | Event::SelectDb(_)
            | Event::ResizeDb { .. }
            | Event::Function { .. }
            | Event::FunctionPreGa { .. }
            | Event::SlotInfo { .. }
            | Event::EmptyKey(_)
            | Event::KeyEnd { .. } => true,
        }
    }

    /// Notes what breaks a record. A checksum says nothing of a place.
    fn tell(&mut self, error: &Error) {
        self.is_broken = true;
        if !matches!(error.kind(), ErrorKind::BadChecksum { .. }) {
            self.findings.push(Finding::from_error(error, false));
        }
    }

    /// Keys go on behind what was found last: behind its own, or at a byte further on.
    fn go_on(&mut self, at: Option<u64>) {
        let Some(finding) = self.findings.last_mut().filter(|finding| !finding.is_repairable) else { return };
        finding.is_repairable = true;
        if let Some(at) = at {
            finding.text.push_str(&format!("; keys are sure again at byte {at}"));
        }
    }

    /// A record is whole: whether it is kept is known.
    fn settle(&mut self, is_key: bool) -> Flow {
        let span = Span { start: self.whole, end: self.offset };
        self.whole = self.offset;
        if let Some(reason) = self.skipped_for.take() {
            self.passed = Some((span, reason));
            return Flow::Stop;
        }
        let findings = self.check.take_findings();
        self.is_twice = stands_twice(&findings);
        let error = findings.iter().find(|finding| finding.severity == Severity::Error).map(Finding::to_string);
        self.findings.extend(findings);
        if let Some(error) = error {
            self.passed = Some((span, error));
            return Flow::Stop;
        }
        self.keys = self.keys.saturating_add(u64::from(is_key));
        self.keys_behind = self.keys_behind.saturating_add(u64::from(is_key && self.is_broken));
        self.open_end = Some(span).filter(|_| is_key && !self.is_closed);
        Flow::Continue
    }
}

impl Job for Watch {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.offset = match event {
            // Values that are passed over come with no bytes.
            Event::KeyEnd { span } => span.end,
            _ => self.offset.saturating_add(raw.len() as u64),
        };
        match event {
            Event::Start(version) => self.version = Some(*version),
            Event::SelectDb(db) => {
                self.db = *db;
                self.databases.add(Databases::One(*db));
            }
            Event::Value(Part::Bytes { piece, .. }) => self.is_closed = (raw.len() as u64) < piece.text_len(),
            Event::Value(part) => {
                self.is_closed = matches!(part, Part::Elements { elements, .. } if !matches!(elements, Elements::One(_)))
            }
            _ => {}
        }
        let is_skipping = self.skipped_for.is_some();
        if !is_skipping {
            self.check.push(event, raw)?;
        }
        if self.is_whole(event) {
            return Ok(self.settle(matches!(event, Event::KeyEnd { .. })));
        }
        Ok(if is_skipping && matches!(event, Event::Key(_)) { Flow::SkipValue } else { Flow::Continue })
    }

    fn note(&mut self, error: Error) -> Result<(), Error> {
        self.check.note(error)
    }
}
