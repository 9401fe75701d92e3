//! A gzip member.
//!
//! ```text
//! 1f 8b 08 flags mtime(4) xfl os [extra: len(2) bytes] [name 00] [comment 00] [crc16 of the header]
//! deflate data
//! crc32(4) length modulo 2^32 (4)
//! ```
//!
//! Source: RFC 1952, section 2.3.

use super::Turn;
use super::buffer::{Carry, Out};
use crate::error::{Error, ErrorKind, Found};
use crate::wire::crc32;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

const HAS_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Bytes given out at once: the window of deflate.
const PIECE_BYTES: usize = 32 * 1024;

pub(super) struct Member {
    part: Part,
    flags: u8,
    /// Of the header, then of the data.
    crc: u32,
    /// Unpacked bytes, modulo 2^32.
    len: u32,
    inflate: InflateState,
}

#[derive(Clone, Copy)]
enum Part {
    Fixed,
    ExtraLen,
    Extra { left: u64 },
    Name,
    Comment,
    HeaderCrc,
    Data,
    DataCrc,
    DataLen,
}

impl Default for Member {
    fn default() -> Self {
        Self { part: Part::Fixed, flags: 0, crc: 0, len: 0, inflate: InflateState::new(DataFormat::Raw) }
    }
}

impl Member {
    pub(super) fn step(&mut self, rest: &mut &[u8], carry: &mut Carry, out: &mut Out) -> Result<Turn, Error> {
        loop {
            self.part = match self.part {
                Part::Fixed => {
                    if !carry.fill(rest, 10) {
                        return Ok(Turn::More);
                    }
                    self.fixed(carry)?;
                    carry.clear();
                    Part::ExtraLen
                }
                Part::ExtraLen if self.flags & HAS_EXTRA == 0 => Part::Name,
                Part::ExtraLen => {
                    if !carry.fill(rest, 2) {
                        return Ok(Turn::More);
                    }
                    let left = carry.number(0, 2);
                    self.crc = crc32::update(self.crc, carry.bytes());
                    carry.clear();
                    Part::Extra { left }
                }
                Part::Extra { left: 0 } => Part::Name,
                Part::Extra { left } => {
                    let before = *rest;
                    let taken = carry.skip(rest, left);
                    self.sum(before, rest);
                    if taken == 0 {
                        return Ok(Turn::More);
                    }
                    Part::Extra { left: left.saturating_sub(taken) }
                }
                Part::Name => {
                    if !self.text(HAS_NAME, rest, carry) {
                        return Ok(Turn::More);
                    }
                    Part::Comment
                }
                Part::Comment => {
                    if !self.text(HAS_COMMENT, rest, carry) {
                        return Ok(Turn::More);
                    }
                    Part::HeaderCrc
                }
                Part::HeaderCrc => {
                    if self.flags & HAS_CRC != 0 {
                        if !carry.fill(rest, 2) {
                            return Ok(Turn::More);
                        }
                        carry.check(self.crc & 0xffff, carry.number(0, 2))?;
                        carry.clear();
                    }
                    self.crc = 0;
                    Part::Data
                }
                Part::Data => match self.data(rest, carry, out)? {
                    Turn::End => Part::DataCrc,
                    turn => return Ok(turn),
                },
                Part::DataCrc => {
                    if !carry.fill(rest, 4) {
                        return Ok(Turn::More);
                    }
                    carry.check(self.crc, carry.number(0, 4))?;
                    carry.clear();
                    Part::DataLen
                }
                Part::DataLen => {
                    if !carry.fill(rest, 4) {
                        return Ok(Turn::More);
                    }
                    let stored = carry.number(0, 4);
                    if stored != u64::from(self.len) {
                        let found = Found::Number(stored);
                        return Err(carry.error(ErrorKind::BadLength { expected: "the length of the unpacked data", found }));
                    }
                    carry.clear();
                    return Ok(Turn::End);
                }
            };
            // The last bytes come before what is wrong with their checksum.
            if !out.ready().is_empty() {
                return Ok(Turn::Output);
            }
        }
    }

    fn fixed(&mut self, carry: &Carry) -> Result<(), Error> {
        let (method, flags) = match carry.bytes() {
            [_, _, method, flags, ..] => (*method, *flags),
            _ => (0, 0),
        };
        let bad = |expected, byte| Err(carry.error(ErrorKind::BadEncoding { expected, found: Found::Byte(byte) }));
        if method != 8 {
            return bad("a gzip member packed by deflate (08)", method);
        }
        if flags & RESERVED != 0 {
            return bad("a gzip member without reserved flags", flags);
        }
        self.flags = flags;
        self.crc = crc32::update(self.crc, carry.bytes());
        Ok(())
    }

    /// Takes the bytes of the header that are no longer in the input into its checksum.
    fn sum(&mut self, before: &[u8], rest: &[u8]) {
        let taken = before.len().saturating_sub(rest.len());
        self.crc = crc32::update(self.crc, before.get(..taken).unwrap_or_default());
    }

    /// Passes over the text of a flag up to and with its zero; whether it is behind it.
    fn text(&mut self, flag: u8, rest: &mut &[u8], carry: &mut Carry) -> bool {
        if self.flags & flag == 0 {
            return true;
        }
        let before = *rest;
        let end = rest.iter().position(|byte| *byte == 0);
        carry.skip(rest, end.map_or(u64::MAX, |end| (end as u64).saturating_add(1)));
        self.sum(before, rest);
        end.is_some()
    }

    fn data(&mut self, rest: &mut &[u8], carry: &mut Carry, out: &mut Out) -> Result<Turn, Error> {
        let room = out.room(PIECE_BYTES);
        let result = inflate(&mut self.inflate, rest, room, MZFlush::None);
        let output = room.get(..result.bytes_written).unwrap_or_default();
        self.crc = crc32::update(self.crc, output);
        #[allow(clippy::cast_possible_truncation)] // a piece
        let len = output.len() as u32;
        self.len = self.len.wrapping_add(len);
        out.give(result.bytes_written);
        carry.skip(rest, result.bytes_consumed as u64);
        match result.status {
            Ok(MZStatus::StreamEnd) => Ok(Turn::End),
            // What was unpacked before a fault comes before it.
            _ if result.bytes_written > 0 => Ok(Turn::Output),
            Ok(_) | Err(MZError::Buf) if rest.is_empty() => Ok(Turn::More),
            _ => {
                let found = Found::Text("other bytes");
                Err(carry.error(ErrorKind::BadEncoding { expected: "deflate data", found }))
            }
        }
    }
}
