//! The one place that knows about chunks.
//!
//! A [`Grammar`] reads one step from a [`Cursor`] or finds it short. [`Feed`]
//! runs it on the caller's chunk without a copy; when the chunk ends inside a
//! step, the tail moves to `carry`, which grows to exactly what the step needs.

use super::{crc64, cursor::Cursor};
use crate::error::{Cause, Fault, FaultKind, Form};
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

    /// Whether the stream may end here.
    fn may_end(state: &Self::State) -> bool;

    /// Whether a checksum covers what comes next.
    fn is_summed(_state: &Self::State) -> bool {
        true
    }
}

/// Room for what a step has to expand, such as LZF strings.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) buffers: [Vec<u8>; 4],
    pub(crate) limits: Limits,
    pub(crate) walked: Walked,
}

/// How far a step of many items came before it ran short, so that it goes on
/// there and not at its start when more bytes have arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walked {
    /// Where the step starts, counted from the stream's start.
    pub(crate) step: u64,
    /// Bytes of the step that were read; 0 where nothing is known.
    pub(crate) bytes: u64,
    /// Items of the step that were not read.
    pub(crate) left: u64,
}

impl Scratch {
    fn new(limits: Limits) -> Self {
        Self { buffers: [const { Vec::new() }; 4], limits, walked: Walked::default() }
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
    #[inline(never)]
    fn run_ahead(&mut self, input: &[u8]) {
        let block = input.get(..CRC_BLOCK).unwrap_or(input);
        self.crc = crc64::update(self.crc, block);
        self.ahead = block.len() as u64;
    }

    /// Leaves the bytes from here on out of the checksum: a count that no stream reaches.
    #[inline(never)]
    fn stop_summing(&mut self) {
        self.ahead = u64::MAX;
    }

    #[inline(always)]
    fn commit(&mut self, raw: &[u8]) {
        let len = raw.len() as u64;
        self.offset = self.offset.wrapping_add(len);
        match self.ahead.checked_sub(len) {
            Some(ahead) => self.ahead = ahead,
            None => self.catch_up(raw),
        }
    }

    #[cold]
    #[inline(never)]
    fn catch_up(&mut self, raw: &[u8]) {
        let seen = usize::try_from(self.ahead).unwrap_or(usize::MAX);
        self.crc = crc64::update(self.crc, raw.get(seen..).unwrap_or_default());
        self.ahead = 0;
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
    /// A fault was found; it is said again.
    Failed,
}

/// Capacity that `carry` keeps between steps.
const KEEP: usize = 64 * 1024;

/// A grammar, its state and the bytes between chunks.
pub(crate) struct Feed<G: Grammar> {
    mode: Mode,
    at: Position,
    state: G::State,
    scratch: Scratch,
    /// Bytes that a step may have.
    limit: u64,
    carry: Vec<u8>,
    /// Bytes the carried step has at least.
    need: u64,
    /// Where the item that ran short or failed starts, from the step's start.
    item: u64,
    fault: Option<Fault>,
}

static TOO_LARGE: Cause = Cause::new(FaultKind::Limit, "an item within the limit on its bytes", Form::Text("a longer one"));

/// The fault of a step with more bytes than the limit, however it arrives.
#[cold]
pub(crate) fn too_large() -> Fault {
    Fault::new(&TOO_LARGE, 0)
}

impl<G: Grammar> Feed<G> {
    pub(crate) fn new(state: G::State, offset: u64, limits: Limits) -> Self {
        Self {
            mode: Mode::Clean,
            at: Position { offset, crc: 0, ahead: 0 },
            state,
            scratch: Scratch::new(limits),
            limit: limits.max_item_bytes,
            carry: Vec::new(),
            need: 0,
            item: 0,
            fault: None,
        }
    }

    pub(crate) fn state(&self) -> &G::State {
        &self.state
    }

    /// Bytes committed, counted from the stream's start.
    pub(crate) fn offset(&self) -> u64 {
        self.at.offset
    }

    /// Where the last fault's item starts, counted from the stream's start.
    pub(crate) fn fault_offset(&self) -> u64 {
        self.at.offset.saturating_add(self.item)
    }

    /// Reads one step from the front of `input`.
    #[inline(always)]
    pub(crate) fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, G::Event<'a>>, Fault> {
        // One result, built once where the event is: moving it stalls for longer than a step takes.
        let mut result;
        if self.mode != Mode::Clean {
            result = self.step_carried(input);
        } else {
            if self.at.ahead == 0 {
                if G::is_summed(&self.state) {
                    self.at.run_ahead(input);
                } else {
                    self.at.stop_summing();
                }
            }
            #[cfg(debug_assertions)]
            let before = self.state.clone();
            let mut cursor = Cursor::new(input);
            result = G::advance(&mut self.state, &self.at, &mut cursor, &mut self.scratch, |event, behind| {
                let consumed = input.len().wrapping_sub(behind.rest().len());
                Step { consumed, raw: input.get(..consumed).unwrap_or(input), event: Some(event) }
            });
            match &result {
                Ok(step) => self.at.commit(step.raw),
                Err(fault) => {
                    let fault = *fault;
                    #[cfg(debug_assertions)]
                    debug_assert!(fault.kind() != FaultKind::Short || before == self.state, "a short step changed the state");
                    self.item = (input.len() as u64).wrapping_sub(cursor.left());
                    if fault.kind() != FaultKind::Short {
                        self.mode = Mode::Failed;
                        self.fault = Some(fault);
                    } else if input.len() as u64 > self.limit {
                        self.mode = Mode::Failed;
                        self.fault = Some(too_large());
                        result = Err(too_large());
                    } else {
                        if !input.is_empty() {
                            self.need = (input.len() as u64).saturating_add(fault.word());
                            self.carry.extend_from_slice(input);
                            self.mode = Mode::Carrying;
                        }
                        result = Ok(Step { consumed: input.len(), raw: &[], event: None });
                    }
                }
            }
        }
        result
    }

    #[cold]
    #[inline(never)]
    fn step_carried<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, G::Event<'a>>, Fault> {
        match self.mode {
            Mode::Failed => return Err(self.fault.unwrap_or_else(too_large)),
            Mode::Carrying => {}
            Mode::Clean | Mode::Spent => {
                self.carry.clear();
                self.carry.shrink_to(KEEP);
                self.mode = Mode::Clean;
                return self.step(input);
            }
        }
        let held = self.carry.len();
        let missing = self.need.min(self.limit.saturating_add(1)).saturating_sub(held as u64);
        let taken = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        self.carry.extend_from_slice(input.get(..taken).unwrap_or(input));
        if (self.carry.len() as u64) < self.need {
            if self.carry.len() as u64 > self.limit {
                let fault = too_large();
                self.mode = Mode::Failed;
                self.fault = Some(fault);
                return Err(fault);
            }
            return Ok(Step { consumed: taken, raw: &[], event: None });
        }
        #[cfg(debug_assertions)]
        let before = self.state.clone();
        let mut cursor = Cursor::new(&self.carry);
        let carry = self.carry.as_slice();
        let result = G::advance(&mut self.state, &self.at, &mut cursor, &mut self.scratch, |event, behind| {
            // A step that needed fewer bytes than it asked for gives the last ones back.
            let spare = behind.rest().len();
            let raw = carry.get(..carry.len().wrapping_sub(spare)).unwrap_or_default();
            Step { consumed: taken.saturating_sub(spare), raw, event: Some(event) }
        });
        match result {
            Ok(step) => {
                self.at.commit(step.raw);
                self.mode = Mode::Spent;
                Ok(step)
            }
            Err(fault) => {
                #[cfg(debug_assertions)]
                debug_assert!(fault.kind() != FaultKind::Short || before == self.state, "a short step changed the state");
                self.item = (self.carry.len() as u64).wrapping_sub(cursor.left());
                if fault.kind() != FaultKind::Short {
                    self.mode = Mode::Failed;
                    self.fault = Some(fault);
                    return Err(fault);
                }
                self.need = (self.carry.len() as u64).saturating_add(fault.word());
                Ok(Step { consumed: taken, raw: &[], event: None })
            }
        }
    }

    /// Says whether the stream may end here.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        match self.mode {
            Mode::Failed => Err(self.fault.unwrap_or_else(too_large)),
            Mode::Carrying => Err(self.cut(self.need.saturating_sub(self.carry.len() as u64))),
            Mode::Clean | Mode::Spent if G::may_end(&self.state) => Ok(()),
            Mode::Clean | Mode::Spent => {
                self.item = 0;
                Err(self.cut(1))
            }
        }
    }

    fn cut(&mut self, missing: u64) -> Fault {
        let fault = Fault::short(missing);
        self.mode = Mode::Failed;
        self.fault = Some(fault);
        fault
    }
}
