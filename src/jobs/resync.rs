//! Finds where records go on behind bytes that none explains.
//!
//! Bytes inside of a value can look like a record, so what looks like one is not believed, and what is let go is better lost than
//! made up. Records go on where a likely expiry stands in front of a key, or the number of a database with that of its keys: nothing
//! else looks so. They go on, too, behind a packed value that checks out, if another record follows: where the key of that value
//! begins, and what stood in front of it, it does not tell. And several string keys of text, one behind the other, speak for one
//! another, all but the first; not in versions whose hashes with expiring fields look the same inside.

use crate::rdb::{Decoder, Elements, Event, Kind, Part, Span, StreamPart, Templates, ValueType, Version, opcode};
use crate::wire::Limits;
use alloc::vec::Vec;

/// Where records go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// From the first byte of what looks like a record and may be the end of a lost one; empty where there is no such thing.
    pub(crate) doubtful: Span,
    /// First byte of the first record that is sure.
    pub(crate) start: u64,
}

/// What the bytes so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    Found(Resumed),
    /// Further bytes may tell.
    Open,
    Failed,
}

/// Looks for records in the bytes that are fed to it.
pub(crate) struct Resync {
    version: Version,
    templates: Templates,
    limits: Limits,
    held: Vec<u8>,
    /// Where the bytes that are held start in the file.
    offset: u64,
    /// The first of those held where a run was not looked for yet.
    at: usize,
    /// Bytes to be held before that is done.
    needed: usize,
    /// What may still be done, in proportion to the bytes fed: whoever made the file has no say in how long a search takes.
    effort: u64,
    /// Whether something points at the first byte: records go on there, or nothing is found.
    is_pointed: bool,
    has_lookalikes: bool,
}

enum Run {
    /// Its records from so many bytes on are sure.
    Sound(usize),
    Unsound,
    /// It may go on behind the bytes that are there.
    Short,
}

/// A run has to end within so many bytes.
const WINDOW_BYTES: usize = 16 << 20;
/// Bytes that tell whether a record can begin so.
const HEAD_BYTES: usize = 3;
/// String keys that have to speak for one another.
const ENOUGH: u64 = 5;
/// Records in a row that lengths lead to are enough, whatever they are; others are no run if none of them speaks for itself.
const RECORDS: usize = 16;
/// Expiries of 2009 to 2200, in Unix milliseconds.
const LIKELY_EXPIRIES: core::ops::Range<i64> = 1_230_000_000_000..7_260_000_000_000;
const EFFORT_PER_BYTE: u64 = 256;
const EFFORT_OF_STEP: u64 = 32;
/// Bytes of a string, of which few are looked at, that cost what one of another part does.
const STRING_BYTES_EACH: u64 = 16;
const FIRST_EFFORT: u64 = 1 << 20;
/// Bytes that are done with, before they are moved out of the way.
const KEPT_BEHIND: usize = 1 << 16;

impl Resync {
    /// How often the rest of a file may be read again for a record that claims all of it: a hostile file is full of those.
    pub(crate) const REREADS: u32 = 32;

    /// A search in the bytes of a snapshot of `version` that start `offset` bytes into it.
    pub(crate) fn new(version: Version, templates: Templates, limits: Limits, offset: u64) -> Self {
        Self {
            version,
            templates,
            limits,
            held: Vec::new(),
            offset,
            at: 0,
            needed: 1,
            effort: FIRST_EFFORT,
            is_pointed: false,
            has_lookalikes: has_lookalikes(version),
        }
    }

    /// A search for records that go on with the first byte, where the lengths of a broken record lead.
    pub(crate) fn pointed(version: Version, templates: Templates, limits: Limits, offset: u64) -> Self {
        Self { is_pointed: true, ..Self::new(version, templates, limits, offset) }
    }

    /// Looks at further bytes. Once the search has ended, it looks at no more of them.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Search {
        if self.effort == 0 || self.held.try_reserve(chunk.len()).is_err() {
            return self.give_up();
        }
        self.held.extend_from_slice(chunk);
        self.effort = self.effort.saturating_add((chunk.len() as u64).saturating_mul(EFFORT_PER_BYTE));
        if self.held.len() < self.needed { Search::Open } else { self.search(false) }
    }

    /// Says that no bytes follow.
    pub(crate) fn finish(&mut self) -> Search {
        match self.search(true) {
            Search::Open => self.give_up(),
            ended => ended,
        }
    }

    /// The bytes from this place in the file on, of those that were fed.
    #[cfg(feature = "wasm")]
    pub(crate) fn into_bytes_from(mut self, start: u64) -> Vec<u8> {
        let done = usize::try_from(start.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        self.held.drain(..done.min(self.held.len()));
        self.held
    }

    /// The templates that records may refer to.
    pub(crate) fn templates(&self) -> &Templates {
        &self.templates
    }

    fn search(&mut self, is_end: bool) -> Search {
        while let Some(bytes) = self.held.get(self.at..).filter(|bytes| !bytes.is_empty()) {
            let len = bytes.len();
            let (run, effort) = match self.is_pointed || may_begin(self.version, bytes) {
                _ if len < HEAD_BYTES && !is_end => (Run::Short, 1),
                false => (Run::Unsound, 1),
                true => self.run(bytes, is_end),
            };
            self.effort = self.effort.saturating_sub(effort);
            match run {
                Run::Sound(sure) => {
                    let start = self.offset.saturating_add(self.at as u64);
                    let sure = start.saturating_add(sure as u64);
                    return Search::Found(Resumed { doubtful: Span { start, end: sure }, start: sure });
                }
                Run::Short if !is_end && len < WINDOW_BYTES => {
                    // So that a run is not read again with each byte.
                    self.needed = self.at.saturating_add(len.saturating_mul(2).clamp(64, WINDOW_BYTES));
                    break;
                }
                // A value of that many bytes where lengths lead to a name: chance does not do that.
                Run::Short if !is_end && self.is_pointed => {
                    let start = self.offset;
                    return Search::Found(Resumed { doubtful: Span { start, end: start }, start });
                }
                Run::Short | Run::Unsound => self.at = self.at.saturating_add(1),
            }
            if self.effort == 0 || self.is_pointed {
                return self.give_up();
            }
        }
        if self.at > KEPT_BEHIND {
            self.held.drain(..self.at);
            self.offset = self.offset.saturating_add(self.at as u64);
            self.needed = self.needed.saturating_sub(self.at);
            self.at = 0;
        }
        Search::Open
    }

    fn give_up(&mut self) -> Search {
        self.effort = 0;
        self.held = Vec::new();
        self.at = 0;
        Search::Failed
    }

    /// What the bytes are if a record begins with the first of them, and what it took to know that.
    fn run(&self, bytes: &[u8], is_end: bool) -> (Run, u64) {
        let mut decoder = Decoder::resume(self.version, 0, 0, self.limits).with_templates(self.templates.clone());
        let mut evidence = Evidence { is_pointed: self.is_pointed, has_lookalikes: self.has_lookalikes, ..Evidence::default() };
        let mut rest = bytes;
        let mut effort = 0_u64;
        // Where the key in hand begins, and whether its value is to be passed over.
        let mut key = (0, false);
        let run = loop {
            effort = effort.saturating_add(EFFORT_OF_STEP);
            let at = bytes.len().saturating_sub(rest.len());
            let Ok(step) = decoder.step(rest) else {
                // Another broken value: its turn comes, too.
                if !self.is_pointed || !evidence.is_in_value || key.1 {
                    break Run::Unsound;
                }
                rest = bytes.get(key.0..).unwrap_or_default();
                decoder = Decoder::resume(self.version, 0, key.0 as u64, self.limits).with_templates(self.templates.clone());
                evidence.names.pop();
                key.1 = true;
                continue;
            };
            let is_key = matches!(step.event, Some(Event::Key(_)));
            let consumed = step.consumed;
            let is_string = matches!(step.event, None | Some(Event::Key(_) | Event::Value(Part::Bytes { .. })));
            let share = if is_string { STRING_BYTES_EACH } else { 1 };
            effort = effort.saturating_add((consumed as u64).checked_div(share).unwrap_or(0));
            match step.event {
                Some(Event::End(_)) => {
                    rest = rest.get(consumed..).unwrap_or_default();
                    break match rest.first() {
                        _ if !evidence.may_end() => Run::Unsound,
                        None if !is_end => Run::Short,
                        // A log may follow.
                        None | Some(b'*' | b'#') => Run::Sound(evidence.sure),
                        Some(_) => Run::Unsound,
                    };
                }
                Some(Event::KeyEnd { span }) => {
                    evidence.is_in_value = false;
                    if !core::mem::take(&mut key.1) {
                        evidence.end_record(span, bytes);
                    }
                }
                Some(event) if !evidence.take(&event, at) => break Run::Unsound,
                Some(_) => {}
                None if consumed == 0 || consumed == rest.len() => {
                    // The file may end within a record, behind others.
                    let is_enough = is_end && self.is_pointed && evidence.score > 0;
                    break if is_enough { Run::Sound(evidence.sure) } else { Run::Short };
                }
                None => {}
            }
            if evidence.score >= ENOUGH {
                break Run::Sound(evidence.sure);
            }
            match (is_key, key.1) {
                (true, true) => decoder.skip_value(),
                (true, false) => key.0 = at,
                _ => {}
            }
            rest = rest.get(consumed..).unwrap_or_default();
        };
        (run, effort)
    }
}

/// Whether a record can begin so: most bytes are told apart by this alone.
fn may_begin(version: Version, bytes: &[u8]) -> bool {
    match *bytes {
        [opcode::EXPIRE_S | opcode::EXPIRE_MS | opcode::FREQ | opcode::IDLE | opcode::KEY_META, ..] => true,
        // Without the number of its keys, the number of a database is any two bytes.
        [opcode::SELECT_DB, db, behind, ..] if db < 0x40 => behind == opcode::RESIZE_DB,
        // Servers allow a key without a name, but nothing speaks for one.
        [_, 0, ..] | [] => false,
        [byte, ..] => ValueType::from_byte(version, byte).is_some(),
    }
}

/// Whether elements of a value may look like string keys: a number of milliseconds, which is 0 for a field that never expires, the
/// field and its value.
fn has_lookalikes(version: Version) -> bool {
    ValueType::all().any(|known| known.name() == "hash-metadata" && known.is_in(version))
}

/// What speaks for a run.
#[derive(Default)]
struct Evidence {
    /// String keys that speak for one another; `ENOUGH` where something else speaks for the run.
    score: u64,
    is_pointed: bool,
    has_lookalikes: bool,
    /// Where its sure records begin.
    sure: usize,
    /// Where the number of a database stands, and whether that of its keys follows.
    db: Option<(usize, bool)>,
    names: Vec<Vec<u8>>,
    /// Of the record in hand.
    has_likely_expiry: bool,
    /// Whether it is a string whose name is text.
    is_string: bool,
    is_packed: bool,
    is_in_value: bool,
    /// Whether the record before has a packed value.
    is_behind_packed: bool,
}

impl Evidence {
    /// Takes an event that starts `at` bytes into the run; says whether the run may be sound still.
    fn take(&mut self, event: &Event<'_>, at: usize) -> bool {
        match event {
            Event::Key(key) => {
                let name = key.key.to_vec();
                // Of one that lengths lead to, that it stands twice is a matter of its own.
                let is_new = !name.is_empty() && (self.is_pointed || !self.names.contains(&name));
                // Numbers in a row look like strings with other names.
                let is_text = name.iter().all(|byte| (0x20..0x7f).contains(byte));
                self.names.push(name);
                self.has_likely_expiry = key.expires_at_ms.is_some_and(|ms| LIKELY_EXPIRIES.contains(&ms));
                self.is_string = is_text && key.value_type.kind() == Kind::String;
                self.is_packed = false;
                self.is_in_value = true;
                return is_new && (self.is_pointed || self.names.len() <= RECORDS);
            }
            Event::SelectDb(_) => self.db = Some((at, false)),
            // Servers write it from RDB 7 on.
            Event::ResizeDb { .. } => self.db = self.db.map(|(at, _)| (at, true)),
            Event::Value(part) => {
                let is_sound = event.check().is_ok();
                match part {
                    Part::Elements { elements: Elements::One(_), .. } => {}
                    Part::Elements { .. } | Part::Stream(StreamPart::Node(_)) => self.is_packed = is_sound,
                    _ => {}
                }
                // Lengths that lead on say enough of values whose own turn comes.
                return is_sound || self.is_pointed;
            }
            _ => {}
        }
        true
    }

    /// A record ends; `bytes` are those of the run.
    fn end_record(&mut self, span: Span, bytes: &[u8]) {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let behind_db = self.db.take().filter(|(_, is_sized)| *is_sized).map(|(at, _)| at);
        let begins_with_expiry = matches!(bytes.get(place(span.start)), Some(&(opcode::EXPIRE_S | opcode::EXPIRE_MS)));
        let start = behind_db.or_else(|| Some(place(span.start)).filter(|_| self.has_likely_expiry && begins_with_expiry));
        let was_behind_packed = core::mem::replace(&mut self.is_behind_packed, self.is_packed);
        if self.is_pointed {
            let is_row = self.names.len() >= RECORDS;
            let speaks = if start.is_some() || self.is_packed || is_row { ENOUGH } else { u64::from(self.is_string) };
            self.score = self.score.saturating_add(speaks);
        } else if was_behind_packed {
            self.score = ENOUGH;
        } else if let Some(start) = start {
            self.sure = start;
            self.score = ENOUGH;
        } else if self.is_string && self.names.len() > 1 && !self.has_lookalikes {
            self.score = self.score.saturating_add(1);
        } else {
            self.sure = place(span.end);
            self.score = 0;
        }
    }

    /// Whether the run may end with the snapshot.
    fn may_end(&self) -> bool {
        self.is_pointed || self.is_behind_packed || self.score > 0
    }
}
