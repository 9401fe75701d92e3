//! The one place that knows about chunks.
//!
//! A [`Grammar`] reads one step from a [`Cursor`] or finds it short. [`Feed`]
//! runs it on the caller's chunk without a copy; when the chunk ends inside a
//! step, the tail moves to `carry`, which grows to exactly what the step needs.

use super::{crc64, cursor::Cursor};
use crate::error::{Cause, Error, Fault, FaultKind, Form};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bounds on what one item may occupy in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest item held at once, in bytes: an element, a packed value, a key.
    /// Long plain strings come in pieces and are not bounded by it.
    pub max_item_bytes: u64,
}

impl Default for Limits {
    /// 512 MiB, the servers' limit for a live value.
    fn default() -> Self {
        Self { max_item_bytes: 512 << 20 }
    }
}

/// One step of a decoder: what it used of the chunk, and what it found.
#[derive(Debug)]
pub struct Step<'a, E> {
    /// Bytes of the chunk that are used up. The rest comes again first.
    pub consumed: usize,
    /// The bytes of this step, all of them, also where it began in an earlier chunk.
    pub raw: &'a [u8],
    /// The event, or `None`: call again with the rest of the chunk or the next one.
    pub event: Option<E>,
}

/// A format: how one step is read.
pub(crate) trait Grammar {
    /// What a step finds.
    type Event<'e>;
    /// Where in the format the next step stands.
    type State: Clone + PartialEq + core::fmt::Debug;

    /// Reads one step and hands its event to `emit`, with the cursor behind the
    /// step. Writes `state` last, after everything that can fail, so that a
    /// short step can be read again.
    fn advance<'i: 'e, 'e, R>(
        state: &mut Self::State,
        at: &Position,
        cursor: &mut Cursor<'i>,
        scratch: &'e mut Scratch,
        emit: impl FnOnce(Self::Event<'e>, &Cursor<'i>) -> R,
    ) -> Result<R, Fault>;

    /// As [`Grammar::advance`], in one copy for all callers that are not hot.
    #[inline(never)]
    fn advance_once<'i: 'e, 'e>(
        state: &mut Self::State,
        at: &Position,
        cursor: &mut Cursor<'i>,
        scratch: &'e mut Scratch,
    ) -> Result<Self::Event<'e>, Fault> {
        Self::advance(state, at, cursor, scratch, |event, _| event)
    }

    /// Whether the stream may end here.
    fn may_end(state: &Self::State) -> bool;

    /// Whether a step that ran short is done with what it read: the state stands where the cursor does.
    fn is_skipping(_state: &Self::State) -> bool {
        false
    }

    /// Whether a step with this event held its bytes, as the limit on them has it.
    fn is_held(_event: &Self::Event<'_>) -> bool {
        true
    }

    /// Whether a checksum covers what comes next.
    fn is_summed(_state: &Self::State) -> bool {
        true
    }
}

/// Room for what a step has to expand, such as LZF strings, and what outlives steps without
/// being part of the state.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) buffers: [Vec<u8>; 4],
    pub(crate) limits: Limits,
    pub(crate) walked: Walked,
    pub(crate) kept: Kept,
    pub(crate) notes: Notes,
}

/// Byte strings that later steps refer to. A step appends to them last, after everything that can fail.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// By number, for the whole stream.
    pub(crate) numbered: Arc<BTreeMap<u64, Vec<u8>>>,
    /// Memory that those take, at least.
    pub(crate) numbered_bytes: u64,
    /// The one of the value in hand.
    pub(crate) own: Vec<u8>,
}

/// What a lenient reader has passed over.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) is_lenient: bool,
    /// Whether packed blobs are handed out though their frame is broken, which is not noted.
    pub(crate) is_past_frames: bool,
    list: Vec<Error>,
}

impl Notes {
    /// Passes over a fault, if the reader is lenient. A step does so behind everything that can
    /// run short: it is read again from its start then.
    #[cold]
    pub(crate) fn tolerate(&mut self, fault: Fault, dress: impl FnOnce(Fault) -> Error) -> Result<(), Fault> {
        if !self.is_lenient {
            return Err(fault);
        }
        self.list.push(dress(fault));
        Ok(())
    }

    /// As [`Notes::tolerate`], but notes only the first fault in the step that starts at `step`: there may be
    /// any number of them.
    #[cold]
    pub(crate) fn tolerate_once(&mut self, fault: Fault, step: u64, dress: impl FnOnce(Fault) -> Error) -> Result<(), Fault> {
        let is_noted = self.of_step(step).is_some();
        if is_noted && self.is_lenient { Ok(()) } else { self.tolerate(fault, dress) }
    }

    /// What was passed over first in the step that starts at `step`, as [`Notes::tolerate_once`] notes it.
    pub(crate) fn of_step(&self, step: u64) -> Option<&Error> {
        self.list.last().filter(|noted| noted.offset() >= step)
    }

    /// Notes again what was noted when a step was read up to where it ran short.
    pub(crate) fn restore(&mut self, noted: Option<Error>, step: u64) {
        if self.of_step(step).is_none() {
            self.list.extend(noted);
        }
    }

    /// Forgets what stands at `step` or behind it: the step that starts there is read again from its start.
    fn forget(&mut self, step: u64) {
        while self.list.pop_if(|noted| noted.offset() >= step).is_some() {}
    }
}

/// How far a step of many items came before it ran short, so that it goes on
/// there and not at its start when more bytes have arrived.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Where the step starts, counted from the stream's start.
    pub(crate) step: u64,
    /// Bytes of the step that were read; 0 where nothing is known.
    pub(crate) bytes: u64,
    /// Items of the step that were not read.
    pub(crate) left: u64,
    /// What was passed over in those that were.
    pub(crate) noted: Option<Error>,
}

impl Scratch {
    fn new(limits: Limits) -> Self {
        Self {
            buffers: [const { Vec::new() }; 4],
            limits,
            walked: Walked::default(),
            kept: Kept::default(),
            notes: Notes::default(),
        }
    }

    /// Gives back what a long string took.
    #[inline(never)]
    fn trim(&mut self) {
        for buffer in &mut self.buffers {
            if buffer.capacity() > KEEP {
                *buffer = Vec::new();
            }
        }
    }
}

/// Where the stream stands, and the checksum up to there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Position {
    /// Bytes committed since the stream's start.
    pub(crate) offset: u64,
    crc: u64,
    /// How many coming bytes `crc` has already seen.
    ahead: u64,
}

/// The checksum runs ahead of the parser in blocks of this size.
const CRC_BLOCK: usize = 16 * 1024;

impl Position {
    /// `limit` bounds the block too, so that every longer step passes by [`Position::catch_up`].
    #[inline(never)]
    fn run_ahead(&mut self, input: &[u8], limit: u64) {
        let len = usize::try_from(limit).unwrap_or(CRC_BLOCK).min(CRC_BLOCK);
        let block = input.get(..len).unwrap_or(input);
        self.crc = crc64::update(self.crc, block);
        self.ahead = block.len() as u64;
    }

    /// Leaves the bytes from here on out of the checksum: a count that no stream reaches.
    #[inline(never)]
    fn stop_summing(&mut self) {
        self.ahead = u64::MAX;
    }

    /// Moves on behind a step, unless it is longer than `limit`.
    #[inline(always)]
    fn commit(&mut self, raw: &[u8], limit: u64) -> Result<(), Fault> {
        let len = raw.len() as u64;
        if len > self.ahead && len > limit {
            return Err(too_large(len));
        }
        self.pass(raw);
        Ok(())
    }

    /// Moves on behind bytes, however many.
    #[inline(always)]
    fn pass(&mut self, raw: &[u8]) {
        let len = raw.len() as u64;
        match self.ahead.checked_sub(len) {
            Some(ahead) => self.ahead = ahead,
            None => self.catch_up(raw),
        }
        self.offset = self.offset.wrapping_add(len);
    }

    #[cold]
    #[inline(never)]
    fn catch_up(&mut self, raw: &[u8]) {
        let seen = usize::try_from(self.ahead).unwrap_or(usize::MAX);
        self.crc = crc64::update(self.crc, raw.get(seen..).unwrap_or_default());
        self.ahead = 0;
    }

    /// This position, so many bytes on, as far as its offset goes.
    pub(crate) fn moved(&self, bytes: u64) -> Self {
        Self { offset: self.offset.wrapping_add(bytes), ..self.clone() }
    }

    /// The checksum of the stream up to this position plus the first `len`
    /// bytes of `coming`, which starts at this position.
    pub(crate) fn checksum(&self, coming: &[u8], len: usize) -> u64 {
        let seen = usize::try_from(self.ahead).unwrap_or(usize::MAX).min(coming.len());
        let here = crc64::undo(self.crc, coming.get(..seen).unwrap_or_default());
        crc64::update(here, coming.get(..len).unwrap_or(coming))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u64)]
enum Mode {
    /// Nothing carried: steps are read from the caller's chunk.
    Clean,
    /// `carry` holds the beginning of a step.
    Carrying,
    /// `carry` holds a whole step whose event was handed out.
    Spent,
    /// As `Spent`, and behind the step stand bytes of the next one that came before the chunk in hand.
    Ahead,
    /// A fault was found; it is said again.
    Failed,
}

/// Whether steps can be read, and what stopped them.
struct Standing {
    mode: Mode,
    /// Where the item that ran short or failed starts, from the step's start.
    item: u64,
    fault: Option<Fault>,
}

impl Standing {
    #[cold]
    #[inline(never)]
    fn fail(&mut self, fault: Fault, item: u64) -> Fault {
        *self = Self { mode: Mode::Failed, item, fault: Some(fault) };
        fault
    }

    /// The fault that was found before.
    fn said(&self) -> Fault {
        self.fault.unwrap_or(Fault::short(1))
    }
}

/// Capacity that `carry` and the scratch buffers keep between steps.
const KEEP: usize = 64 * 1024;

/// What a carried step needs.
#[derive(Clone, Copy, Default)]
struct Need {
    /// Bytes it has at least.
    bytes: u64,
    /// How often it was found to have more.
    raised: u64,
}

/// A grammar, its state and the bytes between chunks.
pub(crate) struct Feed<G: Grammar> {
    standing: Standing,
    at: Position,
    state: G::State,
    scratch: Scratch,
    carry: Vec<u8>,
    /// Bytes of `carry` that the step before has used up, where others stand behind them.
    used: usize,
    need: Need,
}

static TOO_LARGE: Cause = Cause::new(FaultKind::Limit, "an item within the limit on its bytes", Form::Number);
static NO_MEMORY: Cause = Cause::new(FaultKind::Limit, "memory for the bytes of an item", Form::Number);

/// The fault of a step of `bytes` bytes, more than the limit, however it arrives.
#[cold]
pub(crate) fn too_large(bytes: u64) -> Fault {
    Fault::new(&TOO_LARGE, bytes)
}

impl<G: Grammar> Feed<G> {
    pub(crate) fn new(state: G::State, offset: u64, limits: Limits) -> Self {
        Self {
            standing: Standing { mode: Mode::Clean, item: 0, fault: None },
            at: Position { offset, crc: 0, ahead: 0 },
            state,
            scratch: Scratch::new(limits),
            carry: Vec::new(),
            used: 0,
            need: Need::default(),
        }
    }

    pub(crate) fn state(&self) -> &G::State {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut G::State {
        &mut self.state
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    pub(crate) fn scratch_mut(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    /// What was passed over in whole steps, or in the one that failed, since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Error> {
        if self.standing.mode == Mode::Carrying {
            self.scratch.notes.forget(self.at.offset);
        }
        core::mem::take(&mut self.scratch.notes.list)
    }

    /// Bytes committed, counted from the stream's start.
    pub(crate) fn offset(&self) -> u64 {
        self.at.offset
    }

    /// Where the last fault's item starts, counted from the stream's start.
    pub(crate) fn fault_offset(&self) -> u64 {
        self.at.offset.saturating_add(self.standing.item)
    }

    /// Reads one step from the front of `input`.
    #[inline(always)]
    pub(crate) fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, G::Event<'a>>, Fault> {
        // One result, built once where the event is: moving it stalls for longer than a step takes.
        let mut result;
        if self.standing.mode != Mode::Clean && !self.is_clean_again() {
            result = self.step_carried(input);
        } else {
            let limit = self.scratch.limits.max_item_bytes;
            if self.at.ahead == 0 {
                if G::is_summed(&self.state) {
                    self.at.run_ahead(input, limit);
                } else {
                    self.at.stop_summing();
                }
                self.scratch.trim();
            }
            #[cfg(debug_assertions)]
            let before = self.state.clone();
            let mut cursor = Cursor::new(input);
            result = G::advance(&mut self.state, &self.at, &mut cursor, &mut self.scratch, |event, behind| {
                let consumed = input.len().wrapping_sub(behind.rest().len());
                Step { consumed, raw: input.get(..consumed).unwrap_or(input), event: Some(event) }
            });
            match &result {
                Ok(step) => {
                    if let Err(fault) = self.at.commit(step.raw, limit) {
                        match &step.event {
                            Some(event) if !G::is_held(event) => self.at.pass(step.raw),
                            _ => result = Err(self.standing.fail(fault, 0)),
                        }
                    }
                }
                Err(fault) => {
                    let fault = *fault;
                    let mut item = (input.len() as u64).wrapping_sub(cursor.left());
                    result = if fault.kind() != FaultKind::Short {
                        Err(self.standing.fail(fault, item))
                    } else {
                        let is_skipping = G::is_skipping(&self.state);
                        #[cfg(debug_assertions)]
                        debug_assert!(is_skipping || before == self.state, "a short step changed the state");
                        let mut again = input;
                        if is_skipping {
                            let passed;
                            (passed, again) = input.split_at(input.len().wrapping_sub(cursor.rest().len()));
                            self.at.pass(passed);
                            item = 0;
                        }
                        self.need = Need { bytes: (again.len() as u64).saturating_add(fault.word()), raised: 0 };
                        match carry(&mut self.carry, again, self.need, limit) {
                            Ok(()) => {
                                self.standing.item = item;
                                if !again.is_empty() {
                                    self.standing.mode = Mode::Carrying;
                                }
                                Ok(Step { consumed: input.len(), raw: &[], event: None })
                            }
                            Err(fault) => Err(self.standing.fail(fault, 0)),
                        }
                    };
                }
            }
        }
        result
    }

    /// Gives up a step that was handed out; whether nothing is carried then.
    #[cold]
    #[inline(never)]
    fn is_clean_again(&mut self) -> bool {
        match self.standing.mode {
            Mode::Carrying | Mode::Failed => return false,
            Mode::Clean | Mode::Spent => self.carry.clear(),
            Mode::Ahead => drop(self.carry.drain(..self.used.min(self.carry.len()))),
        }
        let is_clean = self.carry.is_empty();
        if is_clean {
            self.carry.shrink_to(KEEP);
            self.standing.mode = Mode::Clean;
        } else {
            self.standing.mode = Mode::Carrying;
            self.need = Need { bytes: self.carry.len() as u64, raised: 0 };
        }
        is_clean
    }

    #[cold]
    #[inline(never)]
    fn step_carried<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, G::Event<'a>>, Fault> {
        if self.standing.mode == Mode::Failed {
            return Err(self.standing.said());
        }
        let limit = self.scratch.limits.max_item_bytes;
        let missing = self.need.bytes.min(limit.saturating_add(1)).saturating_sub(self.carry.len() as u64);
        let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        if let Err(fault) = carry(&mut self.carry, input.get(..taken).unwrap_or(input), self.need, limit) {
            return Err(self.standing.fail(fault, 0));
        }
        if (self.carry.len() as u64) < self.need.bytes {
            return Ok(Step { consumed: taken, raw: &[], event: None });
        }
        self.scratch.notes.forget(self.at.offset);
        #[cfg(debug_assertions)]
        let before = self.state.clone();
        let mut cursor = Cursor::new(&self.carry);
        let carry = self.carry.as_slice();
        let result = G::advance_once(&mut self.state, &self.at, &mut cursor, &mut self.scratch).map(|event| {
            // A step that needed fewer bytes than it asked for gives the last ones back, unless
            // the caller has them no more.
            let spare = cursor.rest().len();
            let raw = carry.get(..carry.len().wrapping_sub(spare)).unwrap_or_default();
            Step { consumed: taken.checked_sub(spare).unwrap_or(taken), raw, event: Some(event) }
        });
        match result {
            Ok(step) => match self.at.commit(step.raw, limit) {
                Ok(()) => {
                    self.used = step.raw.len();
                    let spare = carry.len().wrapping_sub(self.used);
                    self.standing.mode = if spare > taken { Mode::Ahead } else { Mode::Spent };
                    Ok(step)
                }
                Err(fault) => Err(self.standing.fail(fault, 0)),
            },
            Err(fault) => {
                let item = (self.carry.len() as u64).wrapping_sub(cursor.left());
                if fault.kind() != FaultKind::Short {
                    return Err(self.standing.fail(fault, item));
                }
                let is_skipping = G::is_skipping(&self.state);
                #[cfg(debug_assertions)]
                debug_assert!(is_skipping || before == self.state, "a short step changed the state");
                self.standing.item = item;
                let passed = carry.len().wrapping_sub(cursor.rest().len());
                if is_skipping && passed > 0 {
                    self.at.pass(carry.get(..passed).unwrap_or_default());
                    self.standing.item = 0;
                    self.standing.mode = if passed < carry.len() { Mode::Ahead } else { Mode::Spent };
                    self.used = passed;
                }
                self.need.bytes = (self.carry.len() as u64).saturating_add(fault.word());
                self.need.raised = self.need.raised.saturating_add(1);
                Ok(Step { consumed: taken, raw: &[], event: None })
            }
        }
    }

    /// Says whether the stream may end here.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        match self.standing.mode {
            Mode::Failed => Err(self.standing.said()),
            Mode::Carrying | Mode::Ahead => {
                let missing = self.need.bytes.saturating_sub(self.carry.len() as u64).max(1);
                Err(self.standing.fail(Fault::short(missing), self.standing.item))
            }
            Mode::Clean | Mode::Spent if G::may_end(&self.state) => Ok(()),
            Mode::Clean | Mode::Spent => Err(self.standing.fail(Fault::short(1), 0)),
        }
    }
}

/// A step whose need was found to be more this often learns it bit by bit.
const FEW: u64 = 8;

/// Appends `bytes` of a step that has `need` of them at least.
fn carry(carry: &mut Vec<u8>, bytes: &[u8], need: Need, limit: u64) -> Result<(), Fault> {
    let held = carry.len();
    let len = held.saturating_add(bytes.len());
    if len as u64 > limit && len as u64 <= need.bytes {
        return Err(too_large(need.bytes));
    }
    if len > carry.capacity() {
        // Twice what was there, but no more than the step is known to need: that is
        // all there is to a long string. A command learns its need from argument to
        // argument, so there an eighth is added at least.
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let known = usize::try_from(need.bytes).unwrap_or(usize::MAX);
        let spare = if need.raised > FEW { carry.capacity() / 8 } else { 0 };
        let double = carry.capacity().saturating_mul(2).min(known);
        let room = double.max(carry.capacity().saturating_add(spare)).min(most).max(len);
        if carry.try_reserve_exact(room.saturating_sub(held)).is_err() {
            return Err(Fault::new(&NO_MEMORY, room as u64));
        }
    }
    carry.extend_from_slice(bytes);
    Ok(())
}
