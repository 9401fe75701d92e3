//! Counters of distinct elements, which are strings of a form of their own.
//!
//! ```text
//! HYLL | u8 encoding: 0 dense, 1 sparse | 3 unused | u64 LE cached count, its top bit set where it is stale | registers
//! dense:  16384 registers of 6 bits, the lowest bits of a byte first
//! sparse: 00xxxxxx x + 1 registers of 0    01xxxxxx xxxxxxxx the same    1vvvvvxx x + 1 registers of v + 1
//! ```
//! Source: Redis 8.6 `hyperloglog.c`; `hll-sparse-max-bytes` is taken to be 3000, its default.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt};
use super::expiry::Expiry;
use super::hll_sparse::{self, Raised};
use super::keyspace::Space;
use super::strings::grow;
use super::text::SlotText;
use super::value::Value;
use alloc::vec::Vec;

/// Registers of a counter.
pub(super) const REGISTERS: usize = 1 << 14;
/// Bits of a hash behind those that choose the register.
const REST_BITS: u32 = 64 - 14;
/// Bytes in front of the registers.
pub(super) const HEADER: usize = 16;
const DENSE_BYTES: usize = HEADER + REGISTERS * 6 / 8;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The cached count.
const CACHED: usize = HEADER - size_of::<u64>();
/// Its last byte.
const STALE: usize = 15;
const NO_COUNTER: Halt = Halt::Answer("a string that is no counter of distinct elements");

/// A counter, and what counts its memory.
struct Counter<'s> {
    bytes: &'s mut Vec<u8>,
    memory: &'s mut Store,
}

/// `PFADD key [element ..]`
pub(super) fn pfadd(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let mut is_stale = !space.contains(key);
    let mut counter = Counter::open(space, key)?;
    while let Some(element) = args.next() {
        let (register, count) = place(element);
        is_stale |= counter.raise(register, count)?;
    }
    if is_stale {
        counter.invalidate();
    }
    Ok(())
}

/// `PFMERGE destination [source ..]`
pub(super) fn pfmerge(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let destination = args.key()?;
    let mut most = [0; REGISTERS];
    let mut is_dense = false;
    merge(space, destination, &mut most, &mut is_dense)?;
    while let Some(key) = args.next() {
        merge(space, key, &mut most, &mut is_dense)?;
    }
    let mut counter = Counter::open(space, destination)?;
    if is_dense {
        counter.make_dense()?;
    }
    for (register, count) in most.iter().enumerate().filter(|(_, count)| **count > 0) {
        counter.raise(register, *count)?;
    }
    counter.invalidate();
    Ok(())
}

/// `PFCOUNT key [key ..]`: of a single key, keeps the count in its value.
pub(super) fn pfcount(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    if args.left() > 0 || !space.contains(key) {
        return Ok(());
    }
    let counter = Counter::open(space, key)?;
    if counter.bytes.get(STALE).is_some_and(|byte| byte & 0x80 != 0) {
        let mut histogram = [0; 64];
        each(counter.bytes, |count| {
            if let Some(bin) = histogram.get_mut(usize::from(count)) {
                *bin = u32::saturating_add(*bin, 1);
            }
        })?;
        let count = estimate(&histogram).to_le_bytes();
        if let Some(cached) = counter.bytes.get_mut(CACHED..HEADER) {
            cached.copy_from_slice(&count);
        }
    }
    Ok(())
}

impl<'s> Counter<'s> {
    /// Bytes by which a sparse counter grows at most when a register is raised.
    const MOST_ADDED: usize = 4;

    /// The counter of a key, which is made if it is not there.
    fn open(space: &'s mut Space, key: &[u8]) -> Result<Self, Halt> {
        if !space.contains(key) {
            let mut empty = [0; HEADER + hll_sparse::ALL_ZERO.len()];
            let form = MAGIC.iter().chain(&[SPARSE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).chain(&hll_sparse::ALL_ZERO);
            for (to, from) in empty.iter_mut().zip(form) {
                *to = *from;
            }
            let value = Value::string(&empty, &mut space.memory)?;
            space.put(key, value, Expiry::NEVER)?;
        }
        let (value, memory, _) = space.keys().or_add(key, || Value::String(SlotText::EMPTY))?;
        if !value.with_string(is_counter)? {
            return Err(NO_COUNTER);
        }
        Ok(Self { bytes: value.buffer(memory)?, memory })
    }

    fn is_sparse(&self) -> bool {
        self.bytes.get(ENCODING) == Some(&SPARSE)
    }

    /// Says that the cached count is that of other registers.
    fn invalidate(&mut self) {
        if let Some(byte) = self.bytes.get_mut(STALE) {
            *byte |= 0x80;
        }
    }

    /// Raises a register to a count; says whether it was lower.
    fn raise(&mut self, register: usize, count: u8) -> Result<bool, Halt> {
        if self.is_sparse() {
            if self.bytes.capacity().saturating_sub(self.bytes.len()) < Self::MOST_ADDED {
                self.memory.grow(self.bytes, self.bytes.len())?;
            }
            match hll_sparse::raise(self.bytes, register, count).ok_or(NO_COUNTER)? {
                Raised::Done(is_raised) => return Ok(is_raised),
                Raised::TooLarge => self.make_dense()?,
            }
        }
        let is_lower = dense_get(self.bytes, register) < count;
        if is_lower {
            dense_set(self.bytes, register, count);
        }
        Ok(is_lower)
    }

    /// Source: `hllSparseToDense()`.
    fn make_dense(&mut self) -> Done {
        if !self.is_sparse() {
            return Ok(());
        }
        let mut registers = [0; REGISTERS];
        let mut next = registers.iter_mut();
        each(self.bytes, |count| {
            if let Some(register) = next.next() {
                *register = count;
            }
        })?;
        self.bytes.truncate(HEADER);
        grow(self.bytes, DENSE_BYTES, self.memory)?;
        if let Some(encoding) = self.bytes.get_mut(ENCODING) {
            *encoding = DENSE;
        }
        for (register, count) in registers.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            dense_set(self.bytes, register, count);
        }
        Ok(())
    }
}

/// Source: `isHLLObjectOrReply()`.
fn is_counter(text: &[u8]) -> bool {
    match text.get(ENCODING) {
        Some(&DENSE) => text.len() == DENSE_BYTES && text.starts_with(MAGIC),
        Some(&SPARSE) => text.len() >= HEADER && text.starts_with(MAGIC),
        _ => false,
    }
}

/// The two bytes with a register and how far up it is in them.
fn dense_place(register: usize) -> (usize, usize) {
    let bit = register.wrapping_mul(6);
    (HEADER.wrapping_add(bit / 8), bit & 7)
}

fn dense_get(counter: &[u8], register: usize) -> u8 {
    let (at, shift) = dense_place(register);
    let byte = |at: usize| counter.get(at).copied().unwrap_or(0);
    let [low, _] = (u16::from_le_bytes([byte(at), byte(at.wrapping_add(1))]) >> shift).to_le_bytes();
    low & 63
}

fn dense_set(counter: &mut [u8], register: usize, count: u8) {
    let (at, shift) = dense_place(register);
    let byte = |at: usize| counter.get(at).copied().unwrap_or(0);
    let before = u16::from_le_bytes([byte(at), byte(at.wrapping_add(1))]);
    let [low, high] = (before & !(63 << shift) | u16::from(count & 63) << shift).to_le_bytes();
    for (at, byte) in [(at, low), (at.wrapping_add(1), high)] {
        if let Some(there) = counter.get_mut(at) {
            *there = byte;
        }
    }
}

/// Calls `f` with every register.
fn each(counter: &[u8], mut f: impl FnMut(u8)) -> Done {
    if counter.get(ENCODING) == Some(&DENSE) {
        (0..REGISTERS).for_each(|register| f(dense_get(counter, register)));
        return Ok(());
    }
    let runs = || hll_sparse::Runs::new(counter);
    if runs().map(|run| run.len).fold(0usize, usize::saturating_add) != REGISTERS {
        return Err(NO_COUNTER);
    }
    runs().for_each(|run| (0..run.len).for_each(|_| f(run.count)));
    Ok(())
}

/// Raises registers to those of another counter.
fn merge(space: &mut Space, key: &[u8], most: &mut [u8], is_dense: &mut bool) -> Done {
    let Some(slot) = space.string(key)? else { return Ok(()) };
    slot.value.with_string(|counter| {
        if !is_counter(counter) {
            return Err(NO_COUNTER);
        }
        *is_dense |= counter.get(ENCODING) == Some(&DENSE);
        let mut registers = most.iter_mut();
        each(counter, |count| {
            if let Some(most) = registers.next() {
                *most = count.max(*most);
            }
        })
    })?
}

/// The register of an element and the count that it asks for.
///
/// Source: `hllPatLen()`.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let register = usize::try_from(hash & (REGISTERS as u64).wrapping_sub(1)).unwrap_or(0);
    let [zeros, ..] = (hash >> 14 | 1 << REST_BITS).trailing_zeros().to_le_bytes();
    (register, zeros.wrapping_add(1))
}

/// MurmurHash64A.
fn murmur(element: &[u8]) -> u64 {
    const SEED: u64 = 0xadc8_3b19;
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = SEED ^ (element.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = element.as_chunks();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        hash = (hash ^ (word ^ word >> 47).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        hash = (hash ^ tail).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}

/// How many distinct elements the registers stand for, of which so many have each count.
///
/// Source: `hllCount()`, `hllTau()`, `hllSigma()`, since Redis 4.0.
fn estimate(histogram: &[u32; 64]) -> u64 {
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let m = REGISTERS as f64;
    let bin = |count: u32| f64::from(histogram.get(count as usize).copied().unwrap_or(0));
    let mut z = m * tau((m - bin(REST_BITS.wrapping_add(1))) / m);
    for count in (1..=REST_BITS).rev() {
        z += bin(count);
        z *= 0.5;
    }
    z += m * sigma(bin(0) / m);
    let estimate = ALPHA * m * m / z;
    // Rounded half up: below 2^53 the whole part is exact.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = estimate as u64;
    whole.saturating_add(u64::from(estimate - whole as f64 >= 0.5))
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before.to_bits() == z.to_bits() {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = root(x);
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before.to_bits() == z.to_bits() {
            return z / 3.0;
        }
    }
}

/// The square root of a number above 0 and below 1, rounded as the processor's is: from an integer with a bit to spare.
fn root(mut x: f64) -> f64 {
    let mut scale = 1.0;
    while x < 0.25 {
        x *= 4.0;
        scale *= 0.5;
    }
    /// Twice the bits of a double's fraction and two more.
    const SCALE: f64 = (1u128 << 108) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bits = (x * SCALE) as u128;
    let root = bits.isqrt().wrapping_add(1) >> 1;
    scale * root as f64 / (1u64 << 53) as f64
}
