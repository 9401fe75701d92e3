//! Files that are compressed as a whole: gzip, zstd and LZ4 frames, unpacked
//! chunk by chunk.
//!
//! A file is a row of frames (gzip calls them members), each with a header and
//! mostly a checksum of its own:
//!
//! ```text
//! gzip  1f 8b        member, ... and perhaps zeros up to the end
//! zstd  28 b5 2f fd  frame, ...  and skippable frames anywhere: 5x 2a 4d 18, length (u32), bytes
//! LZ4   04 22 4d 18  frame, ...  and skippable frames as well
//! ```
//!
//! Source: RFC 1952 (gzip), RFC 8878 (zstd), LZ4 Frame Format 1.6.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

mod buffer;
mod gzip;
mod lz4;
mod zstd;

use crate::error::{Error, ErrorKind, Found, Place};
use crate::kind::Codec;
use alloc::boxed::Box;
use buffer::{Carry, Out};

/// Gives the bytes of a file as they are, or unpacked where it is compressed as
/// a whole. What is compressed once more inside is refused.
///
/// Beside the window of a zstd frame, which is bounded, it needs at most 16 MiB:
/// room for one LZ4 block, packed and unpacked.
pub struct Unpacker {
    max_window_bytes: u64,
    codec: Option<Codec>,
    state: State,
    carry: Carry,
    out: Out,
    /// The first unpacked bytes.
    head: [u8; 4],
    unpacked: u64,
    failure: Option<Error>,
}

/// What the next byte belongs to.
enum State {
    /// The first bytes of a frame; of the file's first one, if they are any.
    Lead {
        is_first: bool,
    },
    /// A file that is not compressed.
    Plain,
    Gzip(Box<gzip::Member>),
    Lz4(Box<lz4::Frame>),
    Zstd(Box<zstd::Frame>),
    Skippable(Skippable),
    /// Zeros behind a gzip member, as tapes leave them.
    Padding,
}

/// What a step of a frame came to.
enum Turn {
    /// There is output.
    Output,
    /// More input is needed.
    More,
    /// The frame is over.
    End,
}

/// One step of an [`Unpacker`].
#[derive(Clone, Copy, Debug)]
pub struct Unpacked<'a> {
    /// Bytes of the input that were taken.
    pub consumed: usize,
    /// What they unpack to, or bytes before them.
    pub output: &'a [u8],
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

impl Unpacker {
    /// Largest window of a zstd frame unless the caller says otherwise: 128 MiB,
    /// as for `zstd -d`.
    pub const MAX_WINDOW_BYTES: u64 = 128 << 20;

    /// An unpacker that has read nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_max_window(Self::MAX_WINDOW_BYTES)
    }

    /// As [`Unpacker::new`], but with a limit of its own for the window of a zstd frame.
    #[must_use]
    pub fn with_max_window(max_window_bytes: u64) -> Self {
        Self {
            max_window_bytes,
            codec: None,
            state: State::Lead { is_first: true },
            carry: Carry::default(),
            out: Out::default(),
            head: [0; 4],
            unpacked: 0,
            failure: None,
        }
    }

    /// How the file is compressed, once its first bytes have told.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Whether the first bytes have told that the file is not compressed. Then
    /// every step gives its input.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Bytes given so far.
    #[must_use]
    pub fn unpacked_bytes(&self) -> u64 {
        self.unpacked
    }

    /// Takes the next bytes of the file and gives what they unpack to, at most
    /// 128 KiB or one LZ4 block (4 MiB). After a step with output comes another
    /// one with the rest of the input, even where nothing is left of it. A step
    /// without output has taken all its input.
    ///
    /// # Errors
    /// The first one, which stays; its offset counts in the compressed file.
    /// `BadEncoding`, `BadLength`, `BadChecksum` where the file is damaged,
    /// `LimitExceeded` for a window beyond the limit, `BadMagic` where what is
    /// inside is compressed again.
    pub fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Unpacked<'a>, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.is_plain() {
            self.unpacked = self.unpacked.saturating_add(input.len() as u64);
            return Ok(Unpacked { consumed: input.len(), output: input });
        }
        let mut rest = input;
        self.out.clear();
        if let Err(failure) = self.run(&mut rest).and_then(|()| self.look_inside()) {
            self.failure = Some(failure.clone());
            return Err(failure);
        }
        Ok(Unpacked { consumed: input.len().saturating_sub(rest.len()), output: self.out.ready() })
    }

    /// Goes on until there is output, or no input.
    fn run(&mut self, rest: &mut &[u8]) -> Result<(), Error> {
        loop {
            let Self { carry, out, .. } = self;
            let turn = match &mut self.state {
                State::Lead { is_first } => {
                    let is_first = *is_first;
                    // Byte by byte: what is no frame must not wait for more.
                    let needed = carry.bytes().len().saturating_add(1);
                    if !carry.fill(rest, needed) {
                        return Ok(());
                    }
                    self.lead(is_first)?;
                    continue;
                }
                State::Plain => return Ok(()),
                State::Gzip(member) => member.step(rest, carry, out)?,
                State::Lz4(frame) => frame.step(rest, carry, out)?,
                State::Zstd(frame) => frame.step(rest, carry, out)?,
                State::Skippable(frame) => frame.step(rest, carry),
                State::Padding => {
                    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                    carry.skip(rest, zeros as u64);
                    match rest.first() {
                        None => Turn::More,
                        Some(other) => {
                            let found = Found::Byte(*other);
                            return Err(
                                carry.error(ErrorKind::BadEncoding { expected: "zeros up to the end of the file", found })
                            );
                        }
                    }
                }
            };
            match turn {
                Turn::Output | Turn::More => return Ok(()),
                Turn::End => self.state = State::Lead { is_first: false },
            }
        }
    }

    /// Finds out what begins with the bytes that are carried.
    fn lead(&mut self, is_first: bool) -> Result<(), Error> {
        let bytes = self.carry.bytes();
        let codecs = || Codec::ALL.into_iter().filter(|codec| self.codec.is_none_or(|only| only == *codec));
        if let Some(codec) = codecs().find(|codec| bytes == codec.magic()) {
            self.codec = Some(codec);
            self.state = match codec {
                Codec::Gzip => State::Gzip(Box::default()),
                Codec::Lz4 => State::Lz4(Box::default()),
                Codec::Zstd => State::Zstd(Box::new(zstd::Frame::new(self.max_window_bytes))),
            };
            return Ok(());
        }
        let may_skip = self.codec != Some(Codec::Gzip);
        match bytes {
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] if may_skip => {
                self.state = State::Skippable(Skippable::default());
                return Ok(());
            }
            [0x50..=0x5f] | [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d] if may_skip => return Ok(()),
            _ if codecs().any(|codec| codec.magic().starts_with(bytes)) => return Ok(()),
            _ => {}
        }
        self.state = match bytes {
            _ if is_first => {
                self.out.copy(bytes);
                self.carry.clear();
                State::Plain
            }
            [0] if self.codec == Some(Codec::Gzip) => {
                self.carry.clear();
                State::Padding
            }
            _ => {
                let found = bytes.first().map_or(Found::Text("nothing"), |byte| Found::Byte(*byte));
                return Err(self.carry.error(ErrorKind::BadEncoding { expected: "another frame or the end of the file", found }));
            }
        };
        Ok(())
    }

    /// Counts the output, and refuses to unpack twice.
    fn look_inside(&mut self) -> Result<(), Error> {
        let before = usize::try_from(self.unpacked).unwrap_or(usize::MAX);
        let output = self.out.ready();
        self.unpacked = self.unpacked.saturating_add(output.len() as u64);
        if before >= self.head.len() || output.is_empty() || self.is_plain() {
            return Ok(());
        }
        for (to, from) in self.head.iter_mut().skip(before).zip(output) {
            *to = *from;
        }
        let known = before.saturating_add(output.len()).min(self.head.len());
        let found = match Codec::sniff(self.head.get(..known).unwrap_or_default()) {
            None => return Ok(()),
            Some(Codec::Gzip) => "gzip inside",
            Some(Codec::Lz4) => "lz4 inside",
            Some(Codec::Zstd) => "zstd inside",
        };
        let kind = ErrorKind::BadMagic { expected: "a file that is compressed once", found: Found::Text(found) };
        Err(Error::new(kind, 0, Place::default()))
    }

    /// Says that no bytes follow.
    ///
    /// # Errors
    /// `Truncated` at the end of the file where that is not the end of a frame;
    /// the error that [`Unpacker::step`] has said already.
    pub fn finish(&self) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        match self.state {
            State::Plain | State::Padding => Ok(()),
            State::Lead { .. } if self.carry.bytes().is_empty() => Ok(()),
            _ => Err(self.carry.truncated()),
        }
    }
}

/// A frame that is passed over.
#[derive(Default)]
struct Skippable {
    /// Bytes left of it, once its length is read.
    left: Option<u64>,
}

impl Skippable {
    fn step(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Turn {
        let left = match self.left {
            Some(left) => left,
            None if carry.fill(rest, 8) => {
                let len = carry.number(4, 4);
                carry.clear();
                len
            }
            None => return Turn::More,
        };
        let left = left.saturating_sub(carry.skip(rest, left));
        self.left = Some(left);
        if left == 0 { Turn::End } else { Turn::More }
    }
}
