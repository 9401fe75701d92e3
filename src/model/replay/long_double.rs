//! Floats of 80 bits, in which servers on x86-64 add: 64 bits of mantissa.
//!
//! Servers log what comes out, as `SET` and `HSET`, so these commands stand in logs of others only.
//! Source: Redis 8.6 `util.c` `string2ld()`, `ld2string()` with `LD_STR_HUMAN`.

use super::args::Halt;
use super::scores::NOT_A_FLOAT;
use alloc::vec::Vec;

const NOT_FINITE: Halt = Halt::Answer("a sum that is not finite");
const TOO_LONG: Halt = Halt::Form("a float of at most 400 digits");
/// Digits and decimal exponent that are read.
const MOST: usize = 400;
/// Of the digits behind the point 17 are shown at most.
const SCALE: u128 = 10u128.pow(17);

/// The sum of two floats as text.
pub(super) fn sum(a: &[u8], b: &[u8]) -> Result<Vec<u8>, Halt> {
    Ok(LongDouble::parse(a)?.plus(LongDouble::parse(b)?).text())
}

/// `bits` times two to `exponent`; the top bit is set, or none is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LongDouble {
    is_negative: bool,
    bits: u64,
    exponent: i64,
}

impl LongDouble {
    /// Source: `string2ld()`, which leaves the reading to C's `strtold()`.
    fn parse(text: &[u8]) -> Result<Self, Halt> {
        let (is_negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
            return Err(NOT_FINITE);
        }
        if text.len() > MOST {
            return Err(TOO_LONG);
        }
        let (base, digits, mark, point_power) = match digits {
            [b'0', b'x' | b'X', digits @ ..] => (16, digits, b'p', 4),
            digits => (10, digits, b'e', 1),
        };
        let end = digits.iter().position(|byte| byte.eq_ignore_ascii_case(&mark));
        let (digits, power) = match end.and_then(|end| digits.split_at_checked(end)) {
            Some((digits, power)) => (digits, power_of(power.get(1..).unwrap_or_default())?),
            None => (digits, 0),
        };
        let (mut number, mut below, mut has_point, mut has_digit) = (Big::default(), 0i64, false, false);
        for byte in digits {
            if *byte == b'.' && !has_point {
                has_point = true;
                continue;
            }
            number.scale(base, char::from(*byte).to_digit(base).ok_or(NOT_A_FLOAT)?);
            has_digit = true;
            below = below.saturating_add(if has_point { point_power } else { 0 });
        }
        if !has_digit {
            return Err(NOT_A_FLOAT);
        }
        if number.bits() == 0 {
            return Ok(Self { is_negative, bits: 0, exponent: 0 });
        }
        let power = power.saturating_sub(below);
        let mut divisor = Big::default();
        divisor.scale(1, 1);
        let mut exponent = power;
        if base == 10 {
            exponent = 0;
            let scaled = if power < 0 { &mut divisor } else { &mut number };
            for _ in 0..power.unsigned_abs() {
                scaled.scale(10, 0);
            }
        }
        let (bits, added, is_inexact) = number.over(divisor);
        Ok(Self::rounded(is_negative, bits, exponent.saturating_add(added), is_inexact))
    }

    /// The float next to `bits` times two to `exponent`, a little more if `is_inexact`; the even one of two.
    fn rounded(is_negative: bool, bits: u128, exponent: i64, is_inexact: bool) -> Self {
        let surplus = 64u32.saturating_sub(bits.leading_zeros());
        let kept = bits >> surplus;
        let rest = bits & (1u128 << surplus).wrapping_sub(1);
        let half = (1u128 << surplus) >> 1;
        let is_up = surplus > 0 && (rest > half || rest == half && (is_inexact || kept & 1 == 1));
        let kept = kept.wrapping_add(u128::from(is_up));
        let exponent = exponent.saturating_add(i64::from(surplus));
        match u64::try_from(kept) {
            Ok(0) => Self { is_negative, bits: 0, exponent: 0 },
            Ok(bits) => {
                let zeros = bits.leading_zeros();
                Self { is_negative, bits: bits << zeros, exponent: exponent.saturating_sub(i64::from(zeros)) }
            }
            // All ones became a power of two.
            Err(_) => Self { is_negative, bits: 1 << 63, exponent: exponent.saturating_add(1) },
        }
    }

    fn plus(self, other: Self) -> Self {
        /// Bits that a mantissa is given behind its last.
        const GUARD: u32 = 62;
        if self.bits == 0 || other.bits == 0 {
            let is_negative = self.is_negative && other.is_negative;
            return match (self.bits, other.bits) {
                (0, 0) => Self { is_negative, ..self },
                (0, _) => other,
                _ => self,
            };
        }
        let (large, small) =
            if (self.exponent, self.bits) < (other.exponent, other.bits) { (other, self) } else { (self, other) };
        let distance = u32::try_from(large.exponent.saturating_sub(small.exponent)).unwrap_or(u32::MAX).min(127);
        let (wide, narrow) = (u128::from(large.bits) << GUARD, u128::from(small.bits) << GUARD);
        let shifted = narrow >> distance;
        let is_inexact = shifted << distance != narrow;
        let bits = if large.is_negative == small.is_negative {
            wide.wrapping_add(shifted)
        } else {
            wide.wrapping_sub(shifted).wrapping_sub(u128::from(is_inexact))
        };
        let is_negative = large.is_negative && bits != 0;
        Self::rounded(is_negative, bits, large.exponent.saturating_sub(i64::from(GUARD)), is_inexact)
    }

    /// Source: `ld2string()`: `%.17Lf` without zeros at its end.
    fn text(self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.is_negative {
            text.push(b'-');
        }
        let Ok(below) = u32::try_from(self.exponent.saturating_neg()) else {
            let mut number = Big::from(u128::from(self.bits));
            number.shift(usize::try_from(self.exponent).unwrap_or(0));
            number.push_decimal(&mut text);
            return text;
        };
        // As a multiple of the last digit that is shown.
        let scaled = u128::from(self.bits).wrapping_mul(SCALE);
        let (shown, rest, half) = match below {
            0 => (scaled, 0, 1),
            1..128 => (scaled >> below, scaled & (1u128 << below).wrapping_sub(1), (1u128 << below) >> 1),
            // Less than half of the last digit.
            _ => (0, 0, 1),
        };
        let shown = shown.wrapping_add(u128::from(rest > half || rest == half && shown & 1 == 1));
        Big::from(shown / SCALE).push_decimal(&mut text);
        let mut fraction = Vec::new();
        // A digit in front keeps the zeros behind it.
        Big::from((shown % SCALE).wrapping_add(SCALE)).push_decimal(&mut fraction);
        let digits = fraction.get(1..).unwrap_or_default();
        let kept = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last.saturating_add(1));
        if kept > 0 {
            text.push(b'.');
            text.extend_from_slice(digits.get(..kept).unwrap_or_default());
        }
        if text == b"-0" { b"0".to_vec() } else { text }
    }
}

/// The power behind `e` or `p`.
fn power_of(text: &[u8]) -> Result<i64, Halt> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_A_FLOAT);
    }
    let power = core::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
    let power = power.and_then(|power| i64::try_from(power).ok()).filter(|power| power.unsigned_abs() <= MOST as u64);
    power.map(|power| if is_negative { power.wrapping_neg() } else { power }).ok_or(TOO_LONG)
}

/// An integer of any size: words from the lowest on, without zeros at the end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Big(Vec<u32>);

impl From<u128> for Big {
    fn from(number: u128) -> Self {
        let mut big = Self((0..4u32).map(|word| low(number >> word.wrapping_mul(32))).collect());
        big.trim();
        big
    }
}

impl Big {
    fn trim(&mut self) {
        while self.0.pop_if(|word| *word == 0).is_some() {}
    }

    fn bits(&self) -> usize {
        let last = self.0.last().map_or(0, |word| 32usize.saturating_sub(word.leading_zeros() as usize));
        self.0.len().saturating_sub(1).saturating_mul(32).saturating_add(last)
    }

    /// Times `factor` plus `digit`.
    fn scale(&mut self, factor: u32, digit: u32) {
        let mut carry = u64::from(digit);
        for word in &mut self.0 {
            carry = u64::from(*word).wrapping_mul(u64::from(factor)).wrapping_add(carry);
            *word = low(u128::from(carry));
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(u128::from(carry)));
        }
    }

    /// Times two to `by`.
    fn shift(&mut self, by: usize) {
        for _ in 0..by % 32 {
            self.scale(2, 0);
        }
        if !self.0.is_empty() {
            self.0.splice(0..0, core::iter::repeat_n(0, by / 32));
        }
    }

    fn is_below(&self, other: &Self) -> bool {
        let lens = self.0.len().cmp(&other.0.len());
        lens.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())).is_lt()
    }

    /// Minus another that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (word, less) in self.0.iter_mut().zip(other.0.iter().copied().chain(core::iter::repeat(0))) {
            let (difference, first) = word.overflowing_sub(less);
            let (difference, second) = difference.overflowing_sub(u32::from(borrow));
            *word = difference;
            borrow = first || second;
        }
        self.trim();
    }

    /// The quotient as bits times two to a power, enough for a mantissa, and whether something is left.
    fn over(mut self, mut divisor: Self) -> (u128, i64, bool) {
        /// Bits of the quotient that are computed.
        const BITS: usize = 68;
        let widen = divisor.bits().saturating_add(BITS).saturating_sub(self.bits());
        self.shift(widen);
        let apart = self.bits().saturating_sub(divisor.bits());
        divisor.shift(apart);
        let mut quotient = 0u128;
        for _ in 0..BITS {
            let fits = !self.is_below(&divisor);
            quotient = quotient << 1 | u128::from(fits);
            if fits {
                self.subtract(&divisor);
            }
            self.scale(2, 0);
        }
        let power = apart.saturating_add(1) as i64;
        (quotient, power.saturating_sub(BITS as i64).saturating_sub(widen as i64), !self.0.is_empty())
    }

    /// Appends the decimal digits.
    fn push_decimal(mut self, out: &mut Vec<u8>) {
        let start = out.len();
        loop {
            let mut rest = 0u64;
            for word in self.0.iter_mut().rev() {
                let part = rest << 32 | u64::from(*word);
                *word = low(u128::from(part / 10));
                rest = part % 10;
            }
            self.trim();
            let [digit, ..] = rest.to_le_bytes();
            out.push(b'0' | digit);
            if self.0.is_empty() {
                break;
            }
        }
        if let Some(digits) = out.get_mut(start..) {
            digits.reverse();
        }
    }
}

/// The lowest word.
fn low(number: u128) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
