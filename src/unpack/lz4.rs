//! An LZ4 frame.
//!
//! ```text
//! 04 22 4d 18 flags block-maximum [content size (8)] [dictionary id (4)] header checksum (1)
//! blocks: size (31 bits) is-stored (1 bit), data, [XXH32 of the data]
//! 00 00 00 00 [XXH32 of the content]
//! ```
//!
//! A linked block refers to the 64 KiB before it as well.
//!
//! Source: LZ4 Frame Format 1.6; Valkey 9.2 writes it around a snapshot.

use super::Turn;
use super::buffer::{Carry, Out};
use crate::error::{Error, ErrorKind, Found};
use alloc::vec::Vec;
use core::hash::Hasher;
use lz4_flex::block::decompress_into_with_dict;
use twox_hash::XxHash32;

const HAS_DICTIONARY: u8 = 1;
const RESERVED: u8 = 1 << 1;
const HAS_CONTENT_CHECKSUM: u8 = 1 << 2;
const HAS_CONTENT_SIZE: u8 = 1 << 3;
const HAS_BLOCK_CHECKSUMS: u8 = 1 << 4;
const IS_INDEPENDENT: u8 = 1 << 5;

/// How far back a linked block may refer.
const WINDOW_BYTES: usize = 64 * 1024;
/// A byte of a block stands for fewer bytes than this.
const MAX_RATIO: usize = 256;

pub(super) struct Frame {
    part: Part,
    flags: u8,
    max_block_bytes: usize,
    content_bytes: Option<u64>,
    given_bytes: u64,
    /// The last bytes given, for linked blocks.
    window: Vec<u8>,
    /// Of the content.
    hash: XxHash32,
}

#[derive(Clone, Copy)]
enum Part {
    Header,
    Block,
    End,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            part: Part::Header,
            flags: 0,
            max_block_bytes: 0,
            content_bytes: None,
            given_bytes: 0,
            window: Vec::new(),
            hash: XxHash32::with_seed(0),
        }
    }
}

impl Frame {
    pub(super) fn step(&mut self, rest: &mut &[u8], carry: &mut Carry, out: &mut Out) -> Result<Turn, Error> {
        loop {
            self.part = match self.part {
                Part::Header => {
                    if !self.header(rest, carry)? {
                        return Ok(Turn::More);
                    }
                    Part::Block
                }
                Part::Block => match self.block(rest, carry, out)? {
                    Turn::End => Part::End,
                    // A block may be empty.
                    Turn::Output if out.ready().is_empty() => Part::Block,
                    turn => return Ok(turn),
                },
                Part::End => return self.end(rest, carry),
            };
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Reads the header; whether it is whole.
    fn header(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Result<bool, Error> {
        if !carry.fill(rest, 6) {
            return Ok(false);
        }
        let (flags, maximum) = match carry.bytes() {
            [_, _, _, _, flags, maximum, ..] => (*flags, *maximum),
            _ => (0, 0),
        };
        let bad = |expected, found| Err(carry.error(ErrorKind::BadEncoding { expected, found }));
        if flags >> 6 != 1 || flags & RESERVED != 0 {
            return bad("the flags of an LZ4 frame of version 1", Found::Byte(flags));
        }
        if flags & HAS_DICTIONARY != 0 {
            return bad("an LZ4 frame without a dictionary", Found::Byte(flags));
        }
        self.max_block_bytes = match maximum {
            0x40 => 64 << 10,
            0x50 => 256 << 10,
            0x60 => 1 << 20,
            0x70 => 4 << 20,
            _ => return bad("the largest size of LZ4 blocks (40, 50, 60, 70)", Found::Byte(maximum)),
        };
        self.flags = flags;
        let summed: usize = if self.has(HAS_CONTENT_SIZE) { 14 } else { 6 };
        if !carry.fill(rest, summed.saturating_add(1)) {
            return Ok(false);
        }
        let descriptor = carry.bytes().get(4..summed).unwrap_or_default();
        carry.check(XxHash32::oneshot(0, descriptor) >> 8 & 0xff, carry.number(summed, 1))?;
        self.content_bytes = self.has(HAS_CONTENT_SIZE).then(|| carry.number(6, 8));
        carry.clear();
        Ok(true)
    }

    /// Gives out the next block. `Turn::End`: there is none.
    fn block(&mut self, rest: &mut &[u8], carry: &mut Carry, out: &mut Out) -> Result<Turn, Error> {
        const IS_STORED: u64 = 1 << 31;
        if !carry.fill(rest, 4) {
            return Ok(Turn::More);
        }
        let word = carry.number(0, 4);
        if word == 0 {
            carry.clear();
            return Ok(Turn::End);
        }
        let size = word & !IS_STORED;
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= self.max_block_bytes) else {
            let (expected, found) = ("an LZ4 block within its frame's limit", Found::Number(size));
            return Err(carry.error(ErrorKind::BadLength { expected, found }));
        };
        let end = size.saturating_add(4);
        let summed = if self.has(HAS_BLOCK_CHECKSUMS) { 4 } else { 0 };
        if !carry.fill(rest, end.saturating_add(summed)) {
            return Ok(Turn::More);
        }
        let data = carry.bytes().get(4..end).unwrap_or_default();
        if self.has(HAS_BLOCK_CHECKSUMS) {
            carry.check(XxHash32::oneshot(0, data), carry.number(end, 4))?;
        }
        if word & IS_STORED != 0 {
            out.copy(data);
        } else {
            let room = size.saturating_mul(MAX_RATIO).min(self.max_block_bytes);
            let room = out.room(room).get_mut(..room).unwrap_or_default();
            match decompress_into_with_dict(data, room, &self.window) {
                Ok(len) => out.give(len),
                Err(_) => {
                    let (expected, found) = ("an LZ4 block", Found::Text("other bytes"));
                    return Err(carry.error(ErrorKind::BadEncoding { expected, found }));
                }
            }
        }
        carry.clear();
        self.take(out.ready());
        Ok(Turn::Output)
    }

    /// Notes what is given out.
    fn take(&mut self, output: &[u8]) {
        self.given_bytes = self.given_bytes.saturating_add(output.len() as u64);
        if self.has(HAS_CONTENT_CHECKSUM) {
            self.hash.write(output);
        }
        if !self.has(IS_INDEPENDENT) {
            let kept = WINDOW_BYTES.saturating_sub(output.len());
            self.window.drain(..self.window.len().saturating_sub(kept));
            self.window.extend_from_slice(output.get(output.len().saturating_sub(WINDOW_BYTES)..).unwrap_or_default());
        }
    }

    /// Behind the last block: compares length and checksum.
    fn end(&mut self, rest: &mut &[u8], carry: &mut Carry) -> Result<Turn, Error> {
        if let Some(stored) = self.content_bytes.filter(|stored| *stored != self.given_bytes) {
            let (expected, found) = ("the length of the content in the LZ4 frame's header", Found::Number(stored));
            return Err(carry.error(ErrorKind::BadLength { expected, found }));
        }
        if self.has(HAS_CONTENT_CHECKSUM) {
            if !carry.fill(rest, 4) {
                return Ok(Turn::More);
            }
            carry.check(self.hash.finish_32(), carry.number(0, 4))?;
            carry.clear();
        }
        Ok(Turn::End)
    }
}
