//! The decoder: a snapshot or nothing, then commands and annotations.

use super::event::{Command, Event};
use super::mark::{Mark, Marks};
use super::resp;
use super::summary::{Preamble, Summary};
use super::transaction::Transaction;
use crate::error::{Cause, Error, ErrorKind, Fault, FaultKind, Form, Place};
use crate::rdb::{self, RdbGrammar};
use crate::wire::cursor::Cursor;
use crate::wire::feed::{Feed, Grammar, Limits, Position, Scratch, Step, Walked, too_large};
use crate::wire::number;
use alloc::vec::Vec;

static NO_RECORD: Cause = Cause::new(FaultKind::Command, "a command's * or an annotation's #", Form::Byte);
static ZEROS: Cause = Cause::new(FaultKind::Command, "a command's * or an annotation's #, or zeros up to the end", Form::Byte);
static MARK_IN_SPAN: Cause = Cause::new(FaultKind::Value, "no integrity mark among the bytes of another one", Form::Text("one"));
static TOO_MANY: Cause = Cause::new(FaultKind::Length, "a count of arguments within the limit", Form::Number);

/// What the next step is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u64)]
pub(crate) enum Phase {
    /// The first step, which decides.
    Start,
    Snapshot,
    Commands,
}

/// Where in a log the next step stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    phase: Phase,
    snapshot: rdb::State,
    preamble: Option<Preamble>,
    max_arguments: u64,
    db: Option<u64>,
    transaction: Transaction,
    /// Where the last `MULTI` starts, or the integrity mark in whose span it stands.
    multi: u64,
    marks: Marks,
    commands: u64,
    annotations: u64,
}

/// The log grammar.
pub(crate) struct AofGrammar;

impl Grammar for AofGrammar {
    type Event<'e> = Event<'e>;
    type State = State;

    #[inline(always)]
    fn advance<'i: 'e, 'e, R>(
        state: &mut State,
        at: &Position,
        cursor: &mut Cursor<'i>,
        scratch: &'e mut Scratch,
        emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
    ) -> Result<R, Fault> {
        let is_snapshot = match state.phase {
            Phase::Commands => false,
            Phase::Snapshot => true,
            Phase::Start => begins_snapshot(cursor)?,
        };
        if is_snapshot {
            let event = snapshot(state, at, cursor, scratch)?;
            return Ok(emit(Event::Snapshot(event), cursor));
        }
        record(state, at, cursor, scratch, emit)
    }

    fn may_end(state: &State) -> bool {
        match state.phase {
            Phase::Start => true,
            Phase::Snapshot => false,
            Phase::Commands => state.transaction != Transaction::Open && !state.marks.is_open(),
        }
    }

    fn is_summed(state: &State) -> bool {
        state.phase != Phase::Commands
    }
}

/// What the first step is of: a snapshot where one of the two magics stands, else commands.
#[cold]
#[inline(never)]
fn begins_snapshot(cursor: &Cursor<'_>) -> Result<bool, Fault> {
    let bytes = cursor.rest();
    let magics = [&b"REDIS"[..], b"VALKEY"];
    if magics.iter().any(|magic| bytes.starts_with(magic)) {
        return Ok(true);
    }
    if magics.iter().any(|magic| magic.starts_with(bytes)) {
        // One byte more may tell already, and must, however the log is cut.
        return Err(Fault::short(1));
    }
    Ok(false)
}

/// A step of the snapshot; its last one opens the commands.
#[inline(never)]
fn snapshot<'i: 'e, 'e>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &'e mut Scratch,
) -> Result<rdb::Event<'e>, Fault> {
    let before = cursor.left();
    let event = RdbGrammar::advance_once(&mut state.snapshot, at, cursor, scratch)?;
    match event {
        rdb::Event::Start(version) => state.preamble = Some(Preamble { version, checksum: None, bytes: 0 }),
        rdb::Event::End(checksum) => {
            if let Some(preamble) = &mut state.preamble {
                preamble.checksum = Some(checksum);
            }
        }
        _ => {}
    }
    state.phase = Phase::Snapshot;
    if state.snapshot.is_done() {
        state.phase = Phase::Commands;
        if let Some(preamble) = &mut state.preamble {
            preamble.bytes = at.offset.saturating_add(before.wrapping_sub(cursor.left()));
            state.marks.start_at(preamble.bytes);
        }
    }
    Ok(event)
}

/// A command, or what stands instead of one. On a fault the cursor stands at
/// the faulty item: the command, an argument, or the bytes behind an argument.
#[inline(always)]
fn record<'i: 'e, 'e, R>(
    state: &mut State,
    at: &Position,
    cursor: &mut Cursor<'i>,
    scratch: &mut Scratch,
    emit: impl FnOnce(Event<'e>, &Cursor<'i>) -> R,
) -> Result<R, Fault> {
    if cursor.rest().first() != Some(&b'*') {
        let event = annotation(state, at, cursor, scratch)?;
        return Ok(emit(event, cursor));
    }
    let mut ahead = *cursor;
    let argc = resp::count(&mut ahead).or_else(|fault| lax(fault, state.db, at, cursor, &mut ahead, scratch, resp::lax_count))?;
    if argc > state.max_arguments {
        return Err(Fault::new(&TOO_MANY, argc));
    }
    let framed = ahead.rest();
    let mut left = argc;
    if scratch.walked.step == at.offset {
        left = go_on(argc, cursor, &mut ahead, scratch);
    }
    while left > 0 {
        if let Err(fault) = resp::argument(&mut ahead)
            && let Err(fault) = lax(fault, state.db, at, cursor, &mut ahead, scratch, resp::lax_argument)
        {
            return Err(stop(fault, left, at, cursor, ahead, scratch));
        }
        left = left.wrapping_sub(1);
    }
    let bytes = cursor.left().wrapping_sub(ahead.left());
    if bytes > scratch.limits.max_item_bytes {
        return Err(too_large(bytes));
    }
    let framed = framed.get(..framed.len().wrapping_sub(ahead.rest().len())).unwrap_or_default();
    let command = Command::new(framed, argc);
    let marks = if state.marks.is_open() { Some(cover(state, cursor, bytes, scratch)?) } else { None };
    if argc <= 2 {
        follow(state, at, command)?;
    }
    if let Some(marks) = marks {
        state.marks = marks;
    }
    *cursor = ahead;
    state.phase = Phase::Commands;
    state.commands = state.commands.wrapping_add(1);
    Ok(emit(Event::Command(command), cursor))
}

/// Reads again what gave `fault`, with a number as servers take it, if the reader is lenient.
#[allow(clippy::too_many_arguments)] // a step's whole context, in one place
#[cold]
#[inline(never)]
fn lax<'i, T>(
    fault: Fault,
    db: Option<u64>,
    at: &Position,
    start: &Cursor<'i>,
    ahead: &mut Cursor<'i>,
    scratch: &mut Scratch,
    read: fn(&mut Cursor<'i>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut again = *ahead;
    if !scratch.notes.is_lenient || !resp::is_of_number(fault) {
        return Err(fault);
    }
    let read = read(&mut again)?;
    let offset = at.offset.wrapping_add(start.left().wrapping_sub(ahead.left()));
    scratch
        .notes
        .tolerate_once(fault, at.offset, |fault| Error::new(fault.error_kind(0), offset, Place { db, ..Place::default() }))?;
    *ahead = again;
    Ok(read)
}

/// Goes on behind the arguments that were read before the last chunk ended.
#[cold]
#[inline(never)]
fn go_on<'i>(argc: u64, start: &Cursor<'i>, ahead: &mut Cursor<'i>, scratch: &mut Scratch) -> u64 {
    let mut skipped = *start;
    if scratch.walked.bytes == 0 || skipped.take(scratch.walked.bytes).is_err() {
        return argc;
    }
    scratch.notes.restore(scratch.walked.noted.take(), scratch.walked.step);
    *ahead = skipped;
    scratch.walked.left
}

/// Notes how far a command was read that ends with the chunk, or points the
/// cursor at what is wrong with it.
#[cold]
#[inline(never)]
fn stop<'i>(fault: Fault, left: u64, at: &Position, cursor: &mut Cursor<'i>, ahead: Cursor<'i>, scratch: &mut Scratch) -> Fault {
    if fault.kind() == FaultKind::Short {
        let bytes = cursor.left().wrapping_sub(ahead.left());
        scratch.walked = Walked { step: at.offset, bytes, left, noted: scratch.notes.of_step(at.offset).cloned() };
    } else {
        *cursor = ahead;
    }
    fault
}

/// Follows the two kinds of commands that change what others mean.
#[inline(never)]
fn follow(state: &mut State, at: &Position, command: Command<'_>) -> Result<(), Fault> {
    if command.argc() == 1 {
        let before = state.transaction;
        state.transaction = before.after(command.name())?;
        if before != Transaction::Open {
            // A log that ends in the transaction is cut there, where no mark may be left without its bytes.
            state.multi = state.marks.whole_up_to().unwrap_or(at.offset);
        }
    } else if command.name().eq_ignore_ascii_case(b"SELECT") {
        let db = command.args().nth(1).and_then(number::parse_int);
        state.db = db.and_then(|db| u64::try_from(db).ok());
    }
    Ok(())
}

/// Up to where a log is whole of which records up to `offset` were read.
fn whole_up_to(state: &State, offset: u64) -> u64 {
    let before = if state.transaction == Transaction::Open { state.multi } else { offset };
    state.marks.whole_up_to().unwrap_or(before)
}

/// What holds of the marks behind a record of `bytes` bytes in a span.
#[cold]
#[inline(never)]
fn cover(state: &State, cursor: &Cursor<'_>, bytes: u64, scratch: &mut Scratch) -> Result<Marks, Fault> {
    let mut marks = state.marks;
    if let Err(fault) = marks.cover(cursor.rest(), bytes) {
        tolerate(fault, state, state.marks.open_at().unwrap_or(0), scratch)?;
    }
    Ok(marks)
}

/// Passes over what is wrong with the mark at `offset`, if the reader is lenient.
fn tolerate(fault: Fault, state: &State, offset: u64, scratch: &mut Scratch) -> Result<(), Fault> {
    let place = Place { db: state.db, ..Place::default() };
    scratch.notes.tolerate(fault, |fault| Error::new(fault.error_kind(0), offset, place))
}

/// What holds behind an annotation that is a mark, or stands in a span, or both; and the mark, unless
/// a lenient reader takes it as any other annotation.
#[cold]
#[inline(never)]
fn marked(
    line: &[u8],
    bytes: u64,
    state: &State,
    at: &Position,
    cursor: &Cursor<'_>,
    scratch: &mut Scratch,
) -> Result<(Marks, Option<Mark>), Fault> {
    if state.marks.is_open() {
        if Mark::is_mark(line) {
            tolerate(Fault::new(&MARK_IN_SPAN, 0), state, at.offset, scratch)?;
        }
        return Ok((cover(state, cursor, bytes, scratch)?, None));
    }
    let mut marks = state.marks;
    let mark = match Mark::parse(line) {
        Ok(mark) => mark,
        Err(fault) => return tolerate(fault, state, at.offset, scratch).map(|()| (marks, None)),
    };
    if let Err(fault) = marks.open(mark, at.offset, bytes, whole_up_to(state, at.offset)) {
        tolerate(fault, state, at.offset, scratch)?;
    }
    Ok((marks, Some(mark)))
}

/// A line that servers skip, or no record at all.
#[inline(never)]
fn annotation<'i>(state: &mut State, at: &Position, cursor: &mut Cursor<'i>, scratch: &mut Scratch) -> Result<Event<'i>, Fault> {
    let rest = cursor.rest();
    let line = match rest.split_first() {
        Some((b'#', line)) => line,
        Some((0, _)) => return Err(Fault::new(&ZEROS, 0)),
        Some((other, _)) => return Err(Fault::new(&NO_RECORD, u64::from(*other))),
        None => return Err(Fault::short(1)),
    };
    let walked = if scratch.walked.step == at.offset { usize::try_from(scratch.walked.bytes).unwrap_or(0) } else { 0 };
    let Some(found) = line.get(walked..).unwrap_or_default().iter().position(|byte| *byte == b'\n') else {
        scratch.walked = Walked { step: at.offset, bytes: line.len() as u64, left: 0, noted: None };
        return Err(Fault::short(1));
    };
    let end = walked.saturating_add(found);
    // The line itself, its `#` and its line feed.
    let len = (end as u64).saturating_add(2);
    if len > scratch.limits.max_item_bytes {
        return Err(too_large(len));
    }
    let text = line.get(..end).unwrap_or_default();
    let mut found = None;
    if state.marks.is_open() || Mark::is_mark(text) {
        (state.marks, found) = marked(text, len, state, at, cursor, scratch)?;
    }
    cursor.take(len)?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    state.phase = Phase::Commands;
    state.annotations = state.annotations.wrapping_add(1);
    let seconds = text.strip_prefix(b"TS:").and_then(number::parse_int);
    let unix_s = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Ok(match (unix_s, found) {
        (Some(unix_s), _) => Event::Timestamp { unix_s },
        (None, Some(mark)) => Event::Mark(mark),
        (None, None) => Event::Annotation(text),
    })
}

/// Whether a fault is of a CR where a record should start: what was read before stood in an argument, which ends there.
pub(crate) fn is_line_end(fault: Fault) -> bool {
    fault.is(&NO_RECORD) && fault.word() == u64::from(b'\r')
}

/// Reads a log from chunks of any size, one event a step.
///
/// A log may end where a command or annotation ends and no `MULTI` is open.
/// Everything else at its end, zeros included, is a torn tail: [`Decoder::finish`]
/// says `Truncated` and, as its offset, where the log stops being whole.
///
/// Bytes behind an integrity mark are compared with it when the last of them is
/// read, so their events come before it is known that they are as they were written.
/// Where nothing may be done that does not count in the end, a log is read twice, or
/// up to [`Summary::valid_up_to`] of a first reading.
///
/// ```
/// use aikv::aof::{Decoder, Event};
///
/// let log = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDE";
/// let mut decoder = Decoder::new();
/// let mut input = &log[..];
/// let mut names = Vec::new();
/// while !input.is_empty() {
///     let step = decoder.step(input).unwrap();
///     input = &input[step.consumed..];
///     if let Some(Event::Command(command)) = step.event {
///         names.push(command.name().to_vec());
///     }
/// }
/// assert_eq!(names, [b"SELECT".to_vec(), b"SET".to_vec()]);
/// let torn = decoder.finish().unwrap_err();
/// assert_eq!((torn.code(), torn.offset()), ("truncated", 50));
/// ```
pub struct Decoder {
    feed: Feed<AofGrammar>,
    tail: Tail,
}

/// What stands where a record should, once it is a zero byte: a power cut
/// leaves a file with its new length and zeros for the lost bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tail {
    None,
    /// Only zeros so far.
    Zeros,
    /// Something else behind zeros.
    Broken,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Arguments that a command may have, unless [`Decoder::with_max_arguments`] says otherwise.
    pub const MAX_ARGUMENTS: u64 = 1_048_576;

    /// Bytes that a command may have by default: twice what servers accept as one argument.
    pub const MAX_COMMAND_BYTES: u64 = 1 << 30;

    /// A decoder for a log from its first byte on.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits { max_item_bytes: Self::MAX_COMMAND_BYTES })
    }

    /// As [`Decoder::new`], with bounds on what one command, or one item of the
    /// snapshot, may occupy.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self::with_max_arguments(limits, Self::MAX_ARGUMENTS)
    }

    /// As [`Decoder::with_limits`], with a bound on the arguments of a command as well.
    #[must_use]
    pub fn with_max_arguments(limits: Limits, max_arguments: u64) -> Self {
        let state = State {
            phase: Phase::Start,
            snapshot: rdb::State::new(),
            preamble: None,
            max_arguments,
            db: Some(0),
            transaction: Transaction::Closed,
            multi: 0,
            marks: Marks::default(),
            commands: 0,
            annotations: 0,
        };
        Self { feed: Feed::new(state, 0, limits), tail: Tail::None }
    }

    /// Goes on where the framing is whole: takes numbers as servers do, and reads the snapshot in
    /// front as [`rdb::Decoder::leniently`] says. [`Decoder::deviations`] tells of each.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.feed.scratch_mut().notes.is_lenient = true;
        self
    }

    /// Takes no snapshot in front: an increment of a multi-part log has none.
    #[must_use]
    pub fn without_snapshot(mut self) -> Self {
        self.feed.state_mut().phase = Phase::Commands;
        self
    }

    /// Reads commands that start `offset` bytes into a file.
    pub(crate) fn starting_at(mut self, offset: u64) -> Self {
        let mut state = self.feed.state().clone();
        state.phase = Phase::Commands;
        state.marks.start_at(offset);
        self.feed = Feed::new(state, offset, self.feed.scratch().limits);
        self
    }

    /// As [`Decoder::starting_at`], behind bytes that are lost: in an unknown database, and perhaps in a transaction or
    /// a mark's span, which is as if neither were open.
    pub(crate) fn going_on_at(self, offset: u64) -> Self {
        let mut decoder = self.starting_at(offset);
        let state = decoder.feed.state_mut();
        state.db = None;
        state.transaction = Transaction::Unknown;
        state.marks.go_on_at(offset);
        decoder
    }

    /// Whether neither a transaction nor a mark's span is open.
    pub(crate) fn is_whole(&self) -> bool {
        whole_up_to(self.feed.state(), self.feed.offset()) == self.feed.offset()
    }

    /// Whether a mark's span is open.
    pub(crate) fn is_in_span(&self) -> bool {
        self.feed.state().marks.is_open()
    }

    /// The database that the last `SELECT` names.
    pub(crate) fn db(&self) -> Option<u64> {
        self.feed.state().db
    }

    /// Where the bytes end of which a fault of [`Decoder::step`] says that they are others than their mark was made of,
    /// if it says only that.
    pub(crate) fn end_of_changed(&self, fault: Fault) -> Option<u64> {
        self.feed.state().marks.end_of_changed(fault)
    }

    /// Whether this decoder is lenient.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        self.feed.scratch().notes.is_lenient
    }

    /// What a lenient decoder passed over since the last call; of the numbers of one command, the first.
    pub fn deviations(&mut self) -> Vec<Error> {
        self.feed.take_notes()
    }

    /// Reads at most one event from the front of `input`. Bytes that are not
    /// consumed come again first, unchanged. The event lives until the next call.
    ///
    /// # Errors
    /// The first fault; the decoder stays failed and says it again. See [`Decoder::dress`].
    #[inline(always)]
    pub fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, Event<'a>>, Fault> {
        match self.feed.step(input) {
            Err(fault) if fault.is(&ZEROS) => self.tail.take(fault, input),
            result => result,
        }
    }

    /// Adds offset, database and, within the snapshot, key and element to a fault
    /// of [`Decoder::step`] or of the elements of its last event.
    ///
    /// The offset of a fault in a command is that of the line with the wrong
    /// number, of the two bytes that are no CR LF behind an argument, or of the
    /// command that cannot stand there; that of a fault in the bytes of an integrity
    /// mark is the mark's.
    #[must_use]
    pub fn dress(&self, fault: Fault) -> Error {
        let state = self.feed.state();
        let offset = self.feed.fault_offset();
        if state.phase == Phase::Commands {
            let mark = state.marks.open_at().filter(|_| Marks::is_of_span(fault));
            Error::new(fault.error_kind(0), mark.unwrap_or(offset), self.place())
        } else {
            state.snapshot.dress(fault, offset)
        }
    }

    /// What was read so far; of a log that does not end whole as well.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let state = self.feed.state();
        let valid_up_to = if state.phase == Phase::Commands { whole_up_to(state, self.feed.offset()) } else { 0 };
        Summary {
            preamble: state.preamble,
            commands: state.commands,
            annotations: state.annotations,
            valid_up_to,
            marks: state.marks.verified,
            verified_bytes: state.marks.verified_bytes,
            verified_up_to: state.marks.verified_up_to,
        }
    }

    /// Bytes of whole records read, counted from the start of the log.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.feed.offset()
    }

    /// Says that no bytes follow.
    ///
    /// # Errors
    /// `Truncated` where the log does not end whole, with the offset where it stops
    /// being whole; a fault that [`Decoder::step`] has said already.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let summary = self.summary();
        if self.tail == Tail::Zeros {
            return Err(Error::new(ErrorKind::Truncated { needed: 1 }, summary.valid_up_to, self.place()));
        }
        match self.feed.finish() {
            Ok(()) => Ok(summary),
            Err(fault) if fault.kind() == FaultKind::Short && self.feed.state().phase == Phase::Commands => {
                Err(Error::new(fault.error_kind(0), summary.valid_up_to, self.place()))
            }
            Err(fault) => Err(self.dress(fault)),
        }
    }

    fn place(&self) -> Place {
        Place { db: self.feed.state().db, ..Place::default() }
    }
}

impl Tail {
    /// Goes through zeros; anything else behind them makes `fault` stand.
    #[cold]
    #[inline(never)]
    fn take<'a>(&mut self, fault: Fault, input: &'a [u8]) -> Result<Step<'a, Event<'a>>, Fault> {
        if *self == Self::Broken || input.iter().any(|byte| *byte != 0) {
            *self = Self::Broken;
            return Err(fault);
        }
        *self = Self::Zeros;
        Ok(Step { consumed: input.len(), raw: input, event: None })
    }
}
