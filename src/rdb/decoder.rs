//! The decoder as callers have it: the grammar over a feed, and what stands behind the trailer.

use super::decode::{Phase, RdbGrammar, State};
use super::event::{Checksum, Event, Span};
use super::record::CHECKSUM;
use super::template::Templates;
use super::version::Version;
use crate::error::{Error, Fault};
use crate::wire::feed::{Feed, Limits, Step};
use alloc::vec::Vec;

/// What a whole snapshot was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The header.
    pub version: Version,
    /// What is known of the checksum.
    pub checksum: Checksum,
    /// Bytes behind the trailer, if there are any.
    pub trailing: Option<Span>,
}

/// Reads a snapshot from chunks of any size, one event a step.
///
/// ```
/// use aikv::rdb::{Decoder, Event};
///
/// // k = v, as any server from 2.6 on reads it.
/// let file = b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22";
/// let mut decoder = Decoder::new();
/// let mut input = &file[..];
/// let mut keys = 0;
/// while !input.is_empty() {
///     let step = decoder.step(input).map_err(|fault| fault).unwrap();
///     input = &input[step.consumed..];
///     if let Some(Event::Key(key)) = step.event {
///         assert_eq!(key.key.to_vec(), b"k");
///         keys += 1;
///     }
/// }
/// decoder.finish()?;
/// assert_eq!(keys, 1);
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Decoder {
    feed: Feed<RdbGrammar>,
    tail: Tail,
}

/// What stands behind the trailer.
#[derive(Default)]
struct Tail {
    /// The first eight bytes: the checksum that some writers put behind RDB 1 to 4.
    first: [u8; 8],
    len: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for a snapshot from its first byte on.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// As [`Decoder::new`], with bounds on what one item may occupy.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { feed: Feed::new(State::new(), 0, limits), tail: Tail::default() }
    }

    /// A decoder that starts between keys, `offset` bytes into a snapshot of
    /// `version`, in database `db`. The start of a [`Event::KeyEnd`] span is such
    /// a place. No checksum is verified.
    #[must_use]
    pub fn resume(version: Version, db: u64, offset: u64, limits: Limits) -> Self {
        let state = State { phase: Phase::Body, version, db: Some(db), is_whole: false, ..State::new() };
        Self { feed: Feed::new(state, offset, limits), tail: Tail::default() }
    }

    /// A decoder of what `DUMP` gave, without the ten bytes of version and checksum at its end:
    /// an [`Event::Key`] with an empty name, the value, an [`Event::KeyEnd`].
    pub(crate) fn payload(version: Version, limits: Limits) -> Self {
        let state = State { phase: Phase::Payload, version, is_payload: true, is_whole: false, ..State::new() };
        Self { feed: Feed::new(state, 0, limits), tail: Tail::default() }
    }

    /// Goes on where the framing is whole: reads later versions as the last one known, skips keys
    /// without elements, passes over what some server tolerates. [`Decoder::deviations`] tells of each.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.feed.scratch_mut().notes.is_lenient = true;
        self
    }

    /// Hands out packed blobs whose frame is broken as if it were whole, for the entries in front of the fault.
    /// [`Packed::open`](crate::pack::Packed::open) tells whether it is.
    #[must_use]
    pub(crate) fn past_frames(mut self) -> Self {
        self.feed.scratch_mut().notes.is_past_frames = true;
        self
    }

    /// Whether this decoder is lenient.
    #[must_use]
    pub fn is_lenient(&self) -> bool {
        self.feed.scratch().notes.is_lenient
    }

    /// What a lenient decoder passed over since the last call.
    pub fn deviations(&mut self) -> Vec<Error> {
        self.feed.take_notes()
    }

    /// The hash templates read so far.
    #[must_use]
    pub fn templates(&self) -> Templates {
        Templates(self.feed.scratch().kept.numbered.clone())
    }

    /// Lets hashes refer to these templates, for a decoder that does not read the head of the file.
    #[must_use]
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.feed.scratch_mut().kept.numbered = templates.0;
        self
    }

    /// Reads at most one event from the front of `input`. Bytes that are not
    /// consumed come again first, unchanged. The event lives until the next call.
    ///
    /// # Errors
    /// The first fault; the decoder stays failed and says it again. See [`Decoder::dress`].
    #[inline(always)]
    pub fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a, Event<'a>>, Fault> {
        if self.feed.state().is_done() { Ok(self.tail.take(input)) } else { self.feed.step(input) }
    }

    /// Passes over what is left of the value whose key, or one of whose parts, came last: its key's
    /// end comes next. Only the lengths in it are read, and nothing else is checked. Steps without an
    /// event go by where a chunk ends within it; its bytes are no step's [`Step::raw`] as a whole.
    /// Without a value in hand nothing happens.
    pub fn skip_value(&mut self) {
        self.feed.state_mut().skip_value();
    }

    /// Adds offset, database, key and element to a fault of [`Decoder::step`] or
    /// of the elements of its last event.
    #[must_use]
    pub fn dress(&self, fault: Fault) -> Error {
        self.feed.state().dress(fault, self.feed.fault_offset())
    }

    /// Bytes read, counted from the start of the snapshot.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.feed.offset()
    }

    /// The header; `None` before it was read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        let state = self.feed.state();
        Some(state.version).filter(|_| state.phase != Phase::Header)
    }

    /// Whether the trailer was read: what comes then is not part of the snapshot.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.feed.state().is_done()
    }

    /// Says that no bytes follow.
    ///
    /// # Errors
    /// `Truncated` where the snapshot is not whole; `BadChecksum` where the eight
    /// bytes behind RDB 1 to 4 are not its checksum; a fault that [`Decoder::step`]
    /// has said already.
    pub fn finish(mut self) -> Result<Summary, Error> {
        if let Err(fault) = self.feed.finish() {
            return Err(self.dress(fault));
        }
        let state = self.feed.state();
        let end = self.feed.offset();
        let mut checksum = state.checksum;
        let mut trailing = Span { start: end, end: end.saturating_add(self.tail.len) };
        if checksum == Checksum::Absent && self.tail.len == 8 {
            checksum = match u64::from_le_bytes(self.tail.first) {
                0 => Checksum::Off,
                stored if stored == state.computed => Checksum::Verified,
                stored => return Err(state.dress(Fault::new(&CHECKSUM, stored), end)),
            };
            trailing.start = trailing.end;
        }
        let trailing = Some(trailing).filter(|span| !span.is_empty());
        Ok(Summary { version: state.version, checksum, trailing })
    }
}

impl Tail {
    #[cold]
    #[inline(never)]
    fn take<'a>(&mut self, input: &'a [u8]) -> Step<'a, Event<'a>> {
        let held = usize::try_from(self.len).unwrap_or(usize::MAX);
        for (to, from) in self.first.iter_mut().skip(held).zip(input) {
            *to = *from;
        }
        self.len = self.len.saturating_add(input.len() as u64);
        Step { consumed: input.len(), raw: input, event: None }
    }
}
