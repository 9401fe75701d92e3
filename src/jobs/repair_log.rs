//! Finds what of a damaged log is whole, also behind damage.
//!
//! A log has no checksum and is framed by lengths, so the next whole command behind damage is looked for, and believed where
//! decoding leads on from there. What is lost may have been the start of a transaction, or have selected a database: what may be
//! half of a transaction, or of another database, is not kept.

use super::lost_select::LostSelect;
use super::repair_plan::{LogDamage, RepairPlan};
use crate::aof::{Command, CommandSearch, Decoder, Event, LengthSearch, Mark, is_line_end};
use crate::error::{Error, Fault};
use crate::rdb::Span;
use crate::wire::Limits;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const OPEN_TRANSACTION: &str = "a transaction whose end is lost";
const OPEN_SPAN: &str = "an integrity mark covers it and what is lost: it cannot be verified";
const ENDS_TRANSACTION: &str = "a transaction whose start is lost";
const MAY_BE_HALF: &str = "it may be the middle of a transaction whose start and end are lost";
const OTHER_DATABASE: &str = "its database is not known: a SELECT may be lost";
const NEW_MARK: &str = "an integrity mark, made anew: it counts the bytes behind the last one";
const TAKEN_FOR_FIRST: &str = "; what follows is taken for database 0, where a log begins";
const TOO_MUCH: &str = "; too much behind it only looks like commands to be searched";

const WRONG_DIGIT: &str = "; one digit of its length may be wrong";

/// Commands that have to follow one another where something else breaks them off. A value may hold text that looks like a few.
const BELIEVED: u64 = 4;

/// Bytes that may be read again for each byte that was read, and for a short log: a hostile one is full of false starts.
const AGAIN: u64 = 8;
const AGAIN_AT_LEAST: u64 = 1 << 20;

/// Places of damage that are told, each of which takes memory: a hostile log has one every few bytes.
const PLACES: usize = 1 << 16;

/// Reads a damaged log. It asks for bytes again where it has to look twice.
pub(super) struct LogRepair {
    limits: Limits,
    state: State,
    /// Where the log starts, and where the next bytes do.
    start: u64,
    position: u64,
    /// Where the file ends, once that is known.
    file_end: Option<u64>,
    /// The most of it that was read, and how many bytes were read again.
    reached: u64,
    again: u64,
    pieces: Vec<Piece>,
    run: Run,
    unit: Unit,
    lost: Option<Lost>,
    damage: Vec<LogDamage>,
    /// Where the record starts that broke the last run.
    broken: Option<u64>,
    /// Where the last command may end, the nearest last.
    ends: Vec<u64>,
    /// What of a `SELECT` is among what is lost.
    select: LostSelect,
    databases: Databases,
    has_transactions: bool,
}

enum State {
    Read(Box<Decoder>),
    /// Whole commands are looked for.
    Search(CommandSearch),
    /// The last record of what a mark covers, which is changed, is looked through for a `SELECT`, up to there.
    Changed(u64),
    /// The end of the last command is, whose length reaches past that of the file.
    Length(LengthSearch),
    Done,
}

/// What is read without a break.
#[derive(Default)]
struct Run {
    start: u64,
    /// Pieces in front of what was lost before it.
    pieces: usize,
    commands: u64,
    /// Whether it begins where a record does for sure: it need not be believed.
    is_sure: bool,
    is_behind_loss: bool,
    /// Whether it may stand in a value that the end of the file has torn.
    is_claimed: bool,
    /// Whether what comes next is in no transaction that began before the run.
    is_outside: bool,
    /// Whether its database is known.
    has_database: bool,
    /// Whether a `SELECT` in front of it is lost.
    is_elsewhere: bool,
    databases: Databases,
    has_transactions: bool,
}

/// What is kept or dropped as one: a command, a transaction, what a mark covers, an annotation.
#[derive(Default)]
struct Unit {
    is_open: bool,
    commands: u64,
    begins_with_select: bool,
    /// What the last `SELECT` names.
    select: Option<Option<u64>>,
    /// Whether the first word of a transaction is the one that opens it.
    opens: Option<bool>,
    marks: Option<Marks>,
}

/// Units that follow one another and have the same fate.
struct Piece {
    end: u64,
    fate: Fate,
    commands: u64,
    select: Option<Option<u64>>,
    marks: Option<Marks>,
}

#[derive(PartialEq)]
enum Fate {
    Kept {
        /// Only if the log has no other database.
        in_one_database: bool,
        /// Only if the log has no transactions.
        outside: bool,
    },
    Dropped(String),
}

/// The first mark of some, and the end of what the last one covers.
#[derive(Clone, Copy)]
struct Marks {
    first: Mark,
    line: Span,
    end: u64,
}

/// What broke a run.
#[derive(Clone)]
struct Lost {
    error: Error,
    /// What else there is to say.
    more: &'static str,
    /// What of the run is lost with it.
    open: Option<(u64, &'static str)>,
    /// Whether the file ends there.
    is_torn: bool,
}

/// The databases that commands are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Databases {
    #[default]
    None,
    One(u64),
    Several,
}

impl Databases {
    pub(super) fn add(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::None, other) => other,
            (same, other) if same == other || other == Self::None => same,
            _ => Self::Several,
        };
    }
}

enum Word {
    Multi,
    /// `EXEC` or `DISCARD`.
    End,
    Select,
    Other,
    Mark(Mark),
    Annotation,
}

impl Word {
    fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Command(command) => Self::of_command(*command),
            Event::Mark(mark) => Self::Mark(*mark),
            Event::Annotation(_) | Event::Timestamp { .. } | Event::Snapshot(_) => Self::Annotation,
        }
    }

    fn of_command(command: Command<'_>) -> Self {
        let is = |name: &[u8]| command.name().eq_ignore_ascii_case(name);
        match command.argc() {
            1 if is(b"MULTI") => Self::Multi,
            1 if is(b"EXEC") || is(b"DISCARD") => Self::End,
            2 if is(b"SELECT") => Self::Select,
            _ => Self::Other,
        }
    }
}

impl LogRepair {
    /// A repair of the log that starts there, behind a snapshot of these databases.
    pub(super) fn new(start: u64, databases: Databases, limits: Limits) -> Self {
        // A command holds a key and a value, and each may be an item of its own.
        let limits = Limits { max_item_bytes: limits.max_item_bytes.saturating_mul(2) };
        Self {
            limits,
            state: State::Read(Box::new(Decoder::with_limits(limits).starting_at(start))),
            start,
            position: start,
            file_end: None,
            reached: start,
            again: 0,
            pieces: Vec::new(),
            run: Run { start, is_sure: true, is_outside: true, has_database: true, ..Run::default() },
            unit: Unit::default(),
            lost: None,
            damage: Vec::new(),
            broken: None,
            ends: Vec::new(),
            select: LostSelect::default(),
            databases,
            has_transactions: false,
        }
    }

    /// Where the bytes that come next have to start. `None`: the rest is not looked at.
    pub(super) fn wanted(&self) -> Option<u64> {
        (!matches!(self.state, State::Done)).then_some(self.position)
    }

    /// Reads bytes that start where they are wanted, up to where others are.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match core::mem::replace(&mut self.state, State::Done) {
            State::Read(decoder) => self.read(decoder, bytes),
            State::Search(mut search) => {
                search.feed(bytes);
                let read = usize::try_from(search.offset().saturating_sub(self.position)).unwrap_or(usize::MAX);
                self.select.feed(self.position, bytes.get(..read).unwrap_or(bytes));
                self.position = search.offset();
                match search.found().filter(|_| search.is_over()) {
                    Some(found) => self.go_on_at(found),
                    None => self.state = State::Search(search),
                }
            }
            State::Changed(end) => {
                let left = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
                let bytes = bytes.get(..left).unwrap_or(bytes);
                self.select.feed(self.position, bytes);
                self.position = self.position.saturating_add(bytes.len() as u64);
                if self.position < end {
                    self.state = State::Changed(end);
                } else {
                    self.begin_run(end);
                    self.run.is_sure = true;
                }
            }
            State::Length(mut search) => {
                search.feed(bytes);
                self.position = search.offset();
                if search.is_over() {
                    self.try_ends(search.into_ends());
                } else {
                    self.state = State::Length(search);
                }
            }
            State::Done => {}
        }
    }

    fn read(&mut self, mut decoder: Box<Decoder>, bytes: &[u8]) {
        let mut left = bytes;
        loop {
            match decoder.step(left) {
                Ok(step) => {
                    let word = step.event.as_ref().map(Word::of);
                    let is_over = word.is_none() && step.consumed == left.len();
                    let bytes = step.raw.len() as u64;
                    left = left.get(step.consumed..).unwrap_or_default();
                    match word {
                        Some(word) => self.take(&word, bytes, &decoder),
                        None if is_over => break,
                        None => {}
                    }
                }
                Err(fault) => return self.break_off(&decoder, fault),
            }
        }
        self.position = self.position.saturating_add(bytes.len() as u64);
        self.state = State::Read(decoder);
    }

    /// Takes a record of so many bytes, behind which the decoder stands.
    fn take(&mut self, word: &Word, bytes: u64, decoder: &Decoder) {
        let end = decoder.offset();
        let is_alone = matches!(word, Word::Other) && !self.unit.is_open && decoder.is_whole();
        if is_alone && self.extend_to(end) {
            return;
        }
        let unit = &mut self.unit;
        unit.is_open = true;
        match word {
            Word::Multi => unit.opens = unit.opens.or(Some(true)),
            Word::End => unit.opens = unit.opens.or(Some(false)),
            Word::Select => {
                // Behind a `MULTI` nothing has been done yet.
                unit.begins_with_select |= unit.commands == u64::from(unit.opens == Some(true));
                unit.select = Some(decoder.db());
            }
            Word::Mark(mark) => {
                let line = Span { start: end.saturating_sub(bytes), end };
                let (first, line) = unit.marks.map_or((*mark, line), |marks| (marks.first, marks.line));
                unit.marks = Some(Marks { first, line, end: end.saturating_add(mark.len_bytes) });
            }
            Word::Other | Word::Annotation => {}
        }
        unit.commands = unit.commands.saturating_add(u64::from(!matches!(word, Word::Mark(_) | Word::Annotation)));
        if decoder.is_whole() {
            self.end_unit(end);
        }
    }

    fn end_unit(&mut self, end: u64) {
        let Unit { commands, begins_with_select, select, opens, marks, .. } = core::mem::take(&mut self.unit);
        let run = &mut self.run;
        run.commands = run.commands.saturating_add(commands);
        run.has_transactions |= opens.is_some();
        if !run.is_behind_loss && run.databases == Databases::None && commands > 0 && !begins_with_select {
            run.databases = Databases::One(0);
        }
        if let Some(select) = select {
            run.databases.add(select.map_or(Databases::Several, Databases::One));
        }
        if !run.is_outside && opens == Some(false) {
            return self.end_lost_transaction(end);
        }
        run.is_outside |= opens.is_some();
        match select {
            // A server stays where it is, or where a `SELECT` that was damaged would have led.
            Some(None) if run.is_behind_loss => (run.has_database, run.is_elsewhere) = (false, true),
            // One in the middle may be left out with what stands in front of it.
            Some(Some(_)) => run.has_database |= begins_with_select,
            _ => {}
        }
        if run.is_elsewhere && !run.has_database {
            return self.push(Piece::dropped(end, OTHER_DATABASE.into()));
        }
        let fate = Fate::Kept { in_one_database: !run.has_database, outside: false };
        self.push(Piece { end, fate, commands, select, marks });
    }

    /// All of the run up to there was of a transaction whose start is lost.
    fn end_lost_transaction(&mut self, end: u64) {
        self.run.is_outside = true;
        self.run.has_database = false;
        self.pieces.truncate(self.run.pieces);
        self.push_lost(self.run.start);
        self.push(Piece::dropped(end, ENDS_TRANSACTION.into()));
    }

    /// Where what is told of ends.
    fn end(&self) -> u64 {
        self.pieces.last().map_or(self.start, |last| last.end)
    }

    fn push(&mut self, piece: Piece) {
        if piece.end <= self.end() {
            return;
        }
        match self.last_like(&piece.fate) {
            Some(last) => last.join(&piece),
            None => self.pieces.push(piece),
        }
    }

    /// The last piece, if it is of the run in hand and has this fate.
    fn last_like(&mut self, fate: &Fate) -> Option<&mut Piece> {
        let is_of_run = self.pieces.len() > self.run.pieces;
        self.pieces.last_mut().filter(|last| is_of_run && last.fate == *fate)
    }

    /// Whether one more command, which is a unit, only adds to the last piece.
    fn extend_to(&mut self, end: u64) -> bool {
        let run = &self.run;
        // The first of a log that selects no database is of database 0.
        let is_told = run.is_behind_loss || run.databases != Databases::None;
        let fate = Fate::Kept { in_one_database: !run.has_database, outside: false };
        let Some(last) = self.last_like(&fate).filter(|_| is_told) else { return false };
        last.end = end;
        last.commands = last.commands.saturating_add(1);
        self.run.commands = self.run.commands.saturating_add(1);
        true
    }

    /// What was lost, up to there.
    fn push_lost(&mut self, end: u64) {
        let Some(Lost { error, open, is_torn, .. }) = self.lost.clone() else { return };
        let mut reason = error.to_string();
        if is_torn {
            reason.push_str(WRONG_DIGIT);
        }
        if let Some((open_end, why)) = open {
            self.push(Piece::dropped(open_end.min(end), why.into()));
        }
        self.push(Piece::dropped(end, reason));
    }

    /// A record is broken, in front of which the decoder stands.
    fn break_off(&mut self, decoder: &Decoder, fault: Fault) {
        let error = decoder.dress(fault);
        let record = decoder.offset();
        self.position = error.offset().max(record);
        // A command that was found in a value breaks off at the CR LF behind the value.
        let is_believed = self.run.is_sure && self.run.commands > 0 || self.has_led_on() && !is_line_end(fault);
        if self.run.is_behind_loss && !is_believed {
            return self.reject(record);
        }
        let changed = decoder.end_of_changed(fault);
        let open = open_in_front(decoder).filter(|_| changed.is_none());
        self.lose(Lost { error, more: "", open, is_torn: false });
        self.broken = Some(record);
        match changed {
            Some(end) if self.turn_to(record) => self.state = State::Changed(end),
            Some(_) => {}
            None => self.search_from(record),
        }
    }

    /// Whether so many commands were read that the run may be believed, those of a transaction in hand included.
    fn has_led_on(&self) -> bool {
        self.run.commands.saturating_add(self.unit.commands) >= BELIEVED
    }

    /// The run in hand is believed, and broken off.
    fn lose(&mut self, lost: Lost) {
        let unit = core::mem::take(&mut self.unit);
        if !self.run.is_outside {
            match unit.opens {
                Some(true) => self.run.is_outside = true,
                Some(false) => self.end_lost_transaction(self.end()),
                None => self.pieces.iter_mut().skip(self.run.pieces).for_each(Piece::may_be_half),
            }
        }
        self.note(&unit);
        self.settle();
        self.select = LostSelect::default();
        self.damage.push(LogDamage { error: lost.error.clone(), is_torn: lost.is_torn, goes_on_at: None });
        self.lost = Some(lost);
    }

    /// What of a unit that is not read to its end was seen counts for its run.
    fn note(&mut self, unit: &Unit) {
        self.run.has_transactions |= unit.opens.is_some();
        if let Some(select) = unit.select {
            self.run.databases.add(select.map_or(Databases::Several, Databases::One));
        }
    }

    /// What was seen in the run in hand counts.
    fn settle(&mut self) {
        self.databases.add(self.run.databases);
        self.has_transactions |= self.run.has_transactions;
    }

    /// Tells where reading goes on behind the last damage.
    fn tell_where(&mut self, at: Option<u64>) {
        if let Some(last) = self.damage.last_mut() {
            last.goes_on_at = at;
            last.is_torn = at.is_none() && self.lost.as_ref().is_some_and(|lost| lost.is_torn);
        }
    }

    /// What was found is no command, or is in a value, or may be neither: then its databases and transactions are the log's.
    fn reject(&mut self, record: u64) {
        self.tell_where(None);
        self.pieces.truncate(self.run.pieces);
        let unit = core::mem::take(&mut self.unit);
        self.note(&unit);
        self.settle();
        if self.run.databases != Databases::None {
            self.select.is_seen(self.run.start);
        }
        self.broken = None;
        self.select.jump();
        if self.lost.as_ref().is_some_and(|lost| lost.is_torn) {
            self.try_end();
        } else {
            self.search_from(record.max(self.run.start.saturating_add(1)));
        }
    }

    fn search_from(&mut self, start: u64) {
        if self.turn_to(start) {
            self.state = State::Search(CommandSearch::new(start, self.file_end.unwrap_or(u64::MAX)));
        }
    }

    /// Tries the next place where the last command may end.
    fn try_end(&mut self) {
        if let Some(end) = self.ends.pop() {
            self.go_on_at(end);
        }
    }

    fn go_on_at(&mut self, start: u64) {
        if self.turn_to(start) {
            self.begin_run(start);
        }
    }

    /// Reads next what stands there, unless too much was read again.
    fn turn_to(&mut self, position: u64) -> bool {
        self.reached = self.reached.max(self.position);
        self.again = self.again.saturating_add(self.position.saturating_sub(position));
        self.position = position;
        let is_little = self.damage.len() < PLACES
            && self.again <= self.reached.saturating_sub(self.start).saturating_mul(AGAIN).saturating_add(AGAIN_AT_LEAST);
        if let Some(lost) = self.lost.as_mut().filter(|_| !is_little) {
            lost.more = TOO_MUCH;
        }
        is_little
    }

    /// Reads on behind what was lost.
    fn begin_run(&mut self, start: u64) {
        let is_sure = self.broken == Some(start);
        let is_elsewhere = self.select.is_before(start);
        self.run = Run { start, pieces: self.pieces.len(), is_sure, is_elsewhere, is_behind_loss: true, ..Run::default() };
        self.push_lost(start);
        self.tell_where(Some(start));
        self.position = start;
        self.state = State::Read(Box::new(Decoder::with_limits(self.limits).going_on_at(start)));
    }

    /// Says that no bytes follow those that were fed. Whether some of them are wanted again.
    pub(super) fn looks_again(&mut self) -> bool {
        self.file_end = Some(self.position);
        match core::mem::replace(&mut self.state, State::Done) {
            State::Read(decoder) => self.end_file(*decoder),
            State::Search(search) => {
                if let Some(found) = search.found() {
                    self.go_on_at(found);
                    self.run.is_claimed = !search.is_over();
                }
            }
            State::Length(search) => self.try_ends(search.into_ends()),
            State::Changed(_) | State::Done => {}
        }
        self.wanted().is_some()
    }

    fn end_file(&mut self, decoder: Decoder) {
        let record = decoder.offset();
        let open = open_in_front(&decoder);
        let ended = decoder.finish();
        // The text of a value may hold commands, and may be torn right behind one.
        let is_guess = self.run.is_claimed || self.lost.as_ref().is_some_and(|lost| lost.is_torn);
        let is_in_doubt = self.run.is_behind_loss && !self.run.is_sure && !self.has_led_on();
        let is_rejected = match &ended {
            Ok(_) => is_in_doubt && is_guess,
            Err(_) => is_in_doubt || self.run.is_behind_loss && is_guess,
        };
        if is_rejected {
            return self.reject(record);
        }
        let Err(error) = ended else { return self.settle() };
        self.lose(Lost { error, more: "", open, is_torn: true });
        let end = self.position;
        if record < end && self.turn_to(record) {
            self.state = State::Length(LengthSearch::new(record, end));
        }
    }

    fn try_ends(&mut self, mut ends: Vec<u64>) {
        ends.reverse();
        self.ends = ends;
        self.try_end();
    }

    /// Adds what becomes of each byte of the log, up to the end of the file.
    pub(super) fn finish(mut self, plan: &mut RepairPlan, file_bytes: u64) {
        if matches!(self.state, State::Read(_)) {
            self.looks_again();
        }
        // What the new log has selected, and its bytes behind the last span of a mark.
        let (mut selected, mut unmarked) = (Some(0), 0_u64);
        let is_only = |selected: Option<u64>| match self.databases {
            Databases::None => selected == Some(0),
            Databases::One(database) => selected == Some(database),
            Databases::Several => false,
        };
        for Piece { end, fate, commands, select, marks } in self.pieces {
            let span = Span { start: plan.end(), end };
            let reason = match fate {
                Fate::Dropped(reason) => Some(reason),
                Fate::Kept { in_one_database: true, .. } if !is_only(selected) => Some(OTHER_DATABASE.into()),
                Fate::Kept { outside: true, .. } if self.has_transactions => Some(MAY_BE_HALF.into()),
                Fate::Kept { in_one_database, .. } => {
                    if in_one_database && self.databases == Databases::None {
                        plan.say_more(TAKEN_FOR_FIRST);
                    }
                    plan.commands = plan.commands.saturating_add(commands);
                    selected = select.unwrap_or(selected);
                    None
                }
            };
            let is_kept = reason.is_none();
            if let Some(Marks { first, line, end: marked_end }) = marks.filter(|_| is_kept) {
                let gap = unmarked.saturating_add(line.start.saturating_sub(span.start));
                if gap != first.gap_bytes {
                    plan.extend_to(line.start, None);
                    plan.replace_to(line.end, first.line_behind(gap), NEW_MARK);
                }
                unmarked = end.saturating_sub(marked_end);
            } else if is_kept {
                unmarked = unmarked.saturating_add(span.len());
            }
            plan.extend_to(end, reason);
        }
        plan.log_damage = self.damage;
        if let Some(last) = plan.log_damage.last_mut() {
            last.goes_on_at = last.goes_on_at.filter(|at| *at < file_bytes);
        }
        let Some(Lost { error, more, open, is_torn }) = self.lost.filter(|_| plan.end() < file_bytes) else { return };
        if let Some((end, why)) = open.filter(|_| !is_torn) {
            plan.extend_to(end, Some(why.into()));
        }
        plan.extend_to(file_bytes, Some(format!("{error}{more}")));
    }
}

/// What of the records that were read is lost with the one in front of which the decoder stands, and why.
fn open_in_front(decoder: &Decoder) -> Option<(u64, &'static str)> {
    let why = if decoder.is_in_span() { OPEN_SPAN } else { OPEN_TRANSACTION };
    (!decoder.is_whole()).then_some((decoder.offset(), why))
}

impl Piece {
    fn dropped(end: u64, reason: String) -> Self {
        Self { end, fate: Fate::Dropped(reason), commands: 0, select: None, marks: None }
    }

    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.commands = self.commands.saturating_add(next.commands);
        self.select = next.select.or(self.select);
        self.marks = match (self.marks, next.marks) {
            (Some(marks), Some(more)) => Some(Marks { end: more.end, ..marks }),
            (marks, more) => marks.or(more),
        };
    }

    fn may_be_half(&mut self) {
        if let Fate::Kept { outside, .. } = &mut self.fate {
            *outside = true;
        }
    }
}
