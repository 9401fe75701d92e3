//! A zstd frame.
//!
//! ```text
//! 28 b5 2f fd descriptor [window] [dictionary id] [content size]
//! blocks: last (1 bit) type (2 bits) size (21 bits), content
//! [low 32 bits of XXH64 of the content]
//! ```
//!
//! Source: RFC 8878, section 3.1.1.

use super::Turn;
use super::buffer::{Carry, Out};
use crate::error::{Error, ErrorKind, Found};
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::io::Read;

const HAS_CHECKSUM: u8 = 1 << 2;
const RESERVED: u8 = 1 << 3;
const IS_SINGLE_SEGMENT: u8 = 1 << 5;

/// Bytes that a block unpacks to at most, and bytes given out at once.
const BLOCK_BYTES: usize = 128 * 1024;

pub(super) struct Frame {
    part: Part,
    /// Not used twice: to reset it is to make room for a whole window that may not come.
    decoder: FrameDecoder,
    has_checksum: bool,
    content_bytes: Option<u64>,
    given_bytes: u64,
}

#[derive(Clone, Copy)]
enum Part {
    Header,
    Block,
    /// What the window does not need any more.
    Output {
        is_last: bool,
    },
    Checksum,
}

impl Frame {
    pub(super) fn new(max_window_bytes: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(max_window_bytes);
        Self { part: Part::Header, decoder, has_checksum: false, content_bytes: None, given_bytes: 0 }
    }

    pub(super) fn step(&mut self, rest: &mut &[u8], carry: &mut Carry, out: &mut Out) -> Result<Turn, Error> {
        loop {
            self.part = match self.part {
                Part::Header => {
                    if !self.header(rest, carry)? {
                        return Ok(Turn::More);
                    }
                    Part::Block
                }
                Part::Block => match self.block(rest, carry)? {
                    Some(is_last) => Part::Output { is_last },
                    None => return Ok(Turn::More),
                },
                Part::Output { is_last } => {
                    let given = self.decoder.read(out.room(BLOCK_BYTES)).unwrap_or(0);
                    self.given_bytes = self.given_bytes.saturating_add(given as u64);
                    if given > 0 {
                        out.give(given);
                        return Ok(Turn::Output);
                    }
                    if is_last { Part::Checksum } else { Part::Block }
                }
                Part::Checksum => return self.end(rest, carry),
            };
        }
    }

    /// Reads the header; whether it is whole.
    fn header(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Result<bool, Error> {
        if !carry.fill(rest, 5) {
            return Ok(false);
        }
        let descriptor = carry.bytes().get(4).copied().unwrap_or(0);
        let is_single_segment = descriptor & IS_SINGLE_SEGMENT != 0;
        let window = usize::from(!is_single_segment);
        let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or(0);
        let content = match descriptor >> 6 {
            0 => usize::from(is_single_segment),
            shift => 1 << shift,
        };
        if !carry.fill(rest, [5, window, dictionary, content].iter().sum()) {
            return Ok(false);
        }
        let bad = |expected, found| Err(carry.error(ErrorKind::BadEncoding { expected, found }));
        if descriptor & RESERVED != 0 {
            return bad("a zstd frame without the reserved flag", Found::Byte(descriptor));
        }
        match self.decoder.init(carry.bytes()) {
            Ok(()) => {}
            Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                let (expected, found) = ("a zstd window within the limit", Found::Number(requested));
                return Err(carry.error(ErrorKind::LimitExceeded { expected, found }));
            }
            Err(FrameDecoderError::DictNotProvided { dict_id }) => {
                return bad("a zstd frame without a dictionary", Found::Number(u64::from(dict_id)));
            }
            Err(_) => return bad("the header of a zstd frame", Found::Text("other bytes")),
        }
        self.has_checksum = descriptor & HAS_CHECKSUM != 0;
        self.content_bytes = Some(self.decoder.content_size()).filter(|_| content > 0);
        carry.clear();
        Ok(true)
    }

    /// Unpacks a block into the window. Gives whether it is the last one, and nothing where it is not whole.
    fn block(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Result<Option<bool>, Error> {
        if !carry.fill(rest, 3) {
            return Ok(None);
        }
        let header = carry.number(0, 3);
        let (is_last, kind, size) = (header & 1 != 0, header >> 1 & 3, header >> 3);
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= BLOCK_BYTES) else {
            let (expected, found) = ("a zstd block of at most 128 KiB", Found::Number(size));
            return Err(carry.error(ErrorKind::BadLength { expected, found }));
        };
        // One byte, to be repeated.
        let stored = if kind == 1 { 1 } else { size };
        if !carry.fill(rest, stored.saturating_add(3)) {
            return Ok(None);
        }
        match self.decoder.decode_from_to(carry.bytes(), &mut []) {
            Ok((read, 0)) if read == carry.bytes().len() => {}
            _ => {
                let (expected, found) = ("a zstd block", Found::Text("other bytes"));
                return Err(carry.error(ErrorKind::BadEncoding { expected, found }));
            }
        }
        carry.clear();
        Ok(Some(is_last))
    }

    /// Everything was given out: compares length and checksum.
    fn end(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Result<Turn, Error> {
        if let Some(stored) = self.content_bytes.filter(|stored| *stored != self.given_bytes) {
            let (expected, found) = ("the length of the content in the zstd frame's header", Found::Number(stored));
            return Err(carry.error(ErrorKind::BadLength { expected, found }));
        }
        if self.has_checksum {
            if !carry.fill(rest, 4) {
                return Ok(Turn::More);
            }
            carry.check(self.decoder.get_calculated_checksum().unwrap_or(0), carry.number(0, 4))?;
            carry.clear();
        }
        Ok(Turn::End)
    }
}
