//! Looks for a whole command in bytes of which it is not known where one starts.
//!
//! Whether the end of a log was torn or its middle damaged shows in what stands behind: a command
//! that is whole was written later, so what stands before it was once whole too.

use super::decode::Decoder;
use alloc::vec::Vec;

/// Beginnings that are followed at once. A torn value would have to hold that many, nested in one another.
const MAX_OPEN: usize = 64;

/// The longest name that a command may have here; servers have none of half of it.
const MAX_NAME: u64 = 64;

/// Fewest bytes of an argument: `$0`, CR LF twice.
const MIN_ARGUMENT: u64 = 6;

/// Goes through bytes once, in chunks of any size, with little memory.
///
/// A command counts as one if it is framed from its `*` to its last CR LF, as [`Decoder`] demands,
/// and its name consists of letters, digits, `.`, `-` and `_`, a letter first.
pub(crate) struct CommandSearch {
    offset: u64,
    end: u64,
    open: Vec<Beginning>,
    found: Option<u64>,
}

/// A place where a command may have begun, and how far it goes.
#[derive(Clone, Copy)]
struct Beginning {
    start: u64,
    arguments_left: u64,
    is_name: bool,
    next: Next,
}

/// What has to come.
#[derive(Clone, Copy)]
enum Next {
    /// Digits behind a `*`, or its CR.
    Count(Option<u64>),
    CountLf(u64),
    Dollar,
    /// Digits behind a `$`, or its CR.
    Len(Option<u64>),
    LenLf(u64),
    /// Bytes of a name.
    Name {
        is_first: bool,
        left: u64,
    },
    /// Anything up to an offset, then CR.
    Content {
        until: u64,
    },
    Lf,
}

enum Went {
    On(Next),
    Astray,
    /// A length of an argument behind which the file has no room for the rest.
    PastEnd(u64),
    Whole,
}

impl CommandSearch {
    /// A search in the bytes from `offset` to `end`, the end of the file. `u64::MAX` stands for an
    /// end that is not known.
    pub(crate) fn new(offset: u64, end: u64) -> Self {
        Self { offset, end, open: Vec::new(), found: None }
    }

    /// Goes through the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !self.is_over() {
            let skipped = self.skip(bytes);
            self.offset = self.offset.saturating_add(skipped as u64);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = bytes.split_first() else { return };
            self.take(*byte);
            self.offset = self.offset.saturating_add(1);
            bytes = rest;
        }
    }

    /// Where the first whole command starts; also where bytes go on forever like the beginnings of commands, so that
    /// it is not worth while to say which of them are.
    pub(crate) fn found(&self) -> Option<u64> {
        self.found
    }

    /// Up to where it went.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing that follows changes the answer.
    pub(crate) fn is_over(&self) -> bool {
        self.found.is_some() && self.open.is_empty()
    }

    /// Bytes at the front that make no difference.
    fn skip(&self, bytes: &[u8]) -> usize {
        let Some(until) = nearest_end(&self.open) else { return 0 };
        let left = usize::try_from(until.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..left).unwrap_or(bytes);
        if self.found.is_some() {
            return bytes.len();
        }
        bytes.iter().position(|byte| *byte == b'*').unwrap_or(bytes.len())
    }

    fn take(&mut self, byte: u8) {
        let (offset, end) = (self.offset, self.end);
        let mut found = self.found;
        self.open.retain_mut(|beginning| match beginning.take(byte, offset, end) {
            Went::On(next) => {
                beginning.next = next;
                true
            }
            Went::Astray | Went::PastEnd(_) => false,
            Went::Whole => {
                found = Some(found.map_or(beginning.start, |found| found.min(beginning.start)));
                false
            }
        });
        if let Some(found) = found {
            // Only one that began before may still be whole, with this one in a value.
            self.open.retain(|beginning| beginning.start < found);
        } else if byte == b'*' {
            if self.open.len() >= MAX_OPEN {
                found = self.open.first().map(|beginning| beginning.start);
                self.open.clear();
            } else {
                self.open.push(Beginning::at(offset));
            }
        }
        self.found = found;
    }
}

/// Up to where all bytes are contents of arguments, if they all are in one.
fn nearest_end(open: &[Beginning]) -> Option<u64> {
    let mut nearest = u64::MAX;
    for beginning in open {
        let Next::Content { until } = beginning.next else { return None };
        nearest = nearest.min(until);
    }
    Some(nearest)
}

impl Beginning {
    /// Behind the `*` at `start`.
    fn at(start: u64) -> Self {
        Self { start, arguments_left: 0, is_name: true, next: Next::Count(None) }
    }

    /// Goes on behind the line with an argument's length.
    fn enter(&self, len: u64, here: u64, end: u64) -> Went {
        let until = here.saturating_add(len);
        let others = self.arguments_left.saturating_sub(1);
        if !has_room(until.saturating_add(2), others, MIN_ARGUMENT, end) {
            return Went::PastEnd(len);
        }
        match self.is_name {
            true if !(1..=MAX_NAME).contains(&len) => Went::Astray,
            true => Went::On(Next::Name { is_first: true, left: len }),
            false => Went::On(Next::Content { until }),
        }
    }

    fn take(&mut self, byte: u8, offset: u64, end: u64) -> Went {
        let here = offset.saturating_add(1);
        match (self.next, byte) {
            (Next::Count(Some(count)), b'\r') => Went::On(Next::CountLf(count)),
            (Next::Count(number), _) => match push_digit(number, byte) {
                Some(count) if count <= Decoder::MAX_ARGUMENTS => Went::On(Next::Count(Some(count))),
                _ => Went::Astray,
            },
            (Next::CountLf(count), b'\n') => {
                self.arguments_left = count;
                if count > 0 && has_room(here, count, MIN_ARGUMENT, end) { Went::On(Next::Dollar) } else { Went::Astray }
            }
            (Next::Dollar, b'$') => Went::On(Next::Len(None)),
            (Next::Len(Some(len)), b'\r') => Went::On(Next::LenLf(len)),
            (Next::Len(number), _) => match push_digit(number, byte) {
                Some(len) => Went::On(Next::Len(Some(len))),
                None => Went::Astray,
            },
            (Next::LenLf(len), b'\n') => self.enter(len, here, end),
            (Next::Name { is_first, left }, _) => {
                let is_of_name = byte.is_ascii_alphabetic() || (!is_first && (byte.is_ascii_digit() || b".-_".contains(&byte)));
                match left.saturating_sub(1) {
                    _ if !is_of_name => Went::Astray,
                    0 => Went::On(Next::Content { until: here }),
                    left => Went::On(Next::Name { is_first: false, left }),
                }
            }
            (Next::Content { until }, _) if offset < until => Went::On(self.next),
            (Next::Content { .. }, b'\r') => Went::On(Next::Lf),
            (Next::Lf, b'\n') => {
                self.is_name = false;
                self.arguments_left = self.arguments_left.saturating_sub(1);
                if self.arguments_left == 0 { Went::Whole } else { Went::On(Next::Dollar) }
            }
            _ => Went::Astray,
        }
    }
}

/// Looks for the end of a command whose length of an argument reaches past the end of the file: a torn write leaves that, and so
/// does one damaged digit in the middle of a log. Where the command ends with another digit, the next one starts.
///
/// Goes through bytes once, in chunks of any size.
pub(crate) struct LengthSearch {
    offset: u64,
    end: u64,
    /// The command itself, then what it would be with one digit changed.
    open: Vec<Beginning>,
    is_changed: bool,
    ends: Vec<u64>,
}

impl LengthSearch {
    /// A search from the start of the command on; the file ends at `end`.
    pub(crate) fn new(start: u64, end: u64) -> Self {
        Self { offset: start, end, open: alloc::vec![Beginning::at(start)], is_changed: false, ends: Vec::new() }
    }

    /// Goes through the next bytes, the first of which is the command's `*`, or it is none.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !self.is_over() {
            let nearest = nearest_end(&self.open).unwrap_or(self.offset);
            let skipped = usize::try_from(nearest.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(bytes.len());
            self.offset = self.offset.saturating_add(skipped as u64);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((byte, rest)) = bytes.split_first() else { return };
            self.take(*byte);
            self.offset = self.offset.saturating_add(1);
            bytes = rest;
        }
    }

    fn take(&mut self, byte: u8) {
        let (offset, end) = (self.offset, self.end);
        let here = offset.saturating_add(1);
        let mut past_end = None;
        let ends = &mut self.ends;
        self.open.retain_mut(|beginning| {
            if offset == beginning.start {
                return byte == b'*';
            }
            match beginning.take(byte, offset, end) {
                Went::On(next) => {
                    beginning.next = next;
                    return true;
                }
                Went::PastEnd(len) => past_end = Some((*beginning, len)),
                Went::Whole if here < end && ends.last() != Some(&here) => ends.push(here),
                Went::Whole | Went::Astray => {}
            }
            false
        });
        let Some((beginning, len)) = past_end.filter(|_| !self.is_changed) else { return };
        self.is_changed = true;
        for len in others_by_a_digit(len) {
            if let Went::On(next) = beginning.enter(len, here, end) {
                self.open.push(Beginning { next, ..beginning });
            }
        }
    }

    /// Up to where it went.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing that follows changes the answer.
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Where the command may end in front of others, in ascending order.
    pub(crate) fn into_ends(self) -> Vec<u64> {
        self.ends
    }
}

/// The numbers of as many digits that differ in one.
fn others_by_a_digit(number: u64) -> impl Iterator<Item = u64> {
    let places = (0..18_u32).map_while(move |place| {
        let unit = 10_u64.checked_pow(place)?;
        (place == 0 || number >= unit).then_some(unit)
    });
    places.flat_map(move |unit| {
        let digit = number.checked_div(unit).unwrap_or(0).checked_rem(10).unwrap_or(0);
        let rest = number.saturating_sub(digit.saturating_mul(unit));
        let is_first = number.checked_div(unit).unwrap_or(0) < 10 && unit > 1;
        (u64::from(is_first)..10)
            .filter(move |other| *other != digit)
            .map(move |other| rest.saturating_add(other.saturating_mul(unit)))
    })
}

/// A canonical number with one digit more.
fn push_digit(number: Option<u64>, byte: u8) -> Option<u64> {
    let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9).map(u64::from);
    match number {
        Some(0) => None,
        Some(number) => number.checked_mul(10)?.checked_add(digit?),
        None => digit,
    }
}

/// Whether `count` things of at least `bytes` fit behind an offset.
fn has_room(offset: u64, count: u64, bytes: u64, end: u64) -> bool {
    end.checked_sub(offset).is_some_and(|room| count.saturating_mul(bytes) <= room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;

    /// What is found in bytes that start at offset 100, however they are cut.
    fn search(bytes: &[u8]) -> Option<u64> {
        let end = 100 + bytes.len() as u64;
        let mut whole = CommandSearch::new(100, end);
        whole.feed(bytes);
        for size in [1, 7] {
            let mut pieces = CommandSearch::new(100, end);
            bytes.chunks(size).for_each(|piece| pieces.feed(piece));
            assert_eq!(pieces.found(), whole.found(), "{}", bytes.escape_ascii());
        }
        whole.found().map(|found| found - 100)
    }

    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

    #[test]
    fn a_whole_command_is_found_wherever_it_starts() {
        assert_eq!(search(PING), Some(0));
        for before in [&b"\0\0\0"[..], b"*", b"**1", b"*3\r\n$3\r\nSET\r\n$100\r\n", b"$5\r\nva", b"*1\r\n$3\r\n", b"*1\r"] {
            assert_eq!(search(&[before, PING].concat()), Some(before.len() as u64), "{}", before.escape_ascii());
            assert_eq!(search(&[before, PING, PING].concat()), Some(before.len() as u64), "{}", before.escape_ascii());
        }
        assert_eq!(search(b"x*3\r\n$8\r\nJSON.SET\r\n$0\r\n\r\n$2\r\n\r\n\r\n"), Some(1));
    }

    #[test]
    fn no_beginning_of_a_command_is_one() {
        let command = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nhello, world\r\n";
        for cut in 0..command.len() {
            assert_eq!(search(&command[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn what_is_framed_otherwise_is_none() {
        for bytes in [
            &b"*0\r\n"[..],
            b"*-1\r\n",
            b"*01\r\n$4\r\nPING\r\n",
            b"*1\n$4\r\nPING\r\n",
            b"*1\r\n$04\r\nPING\r\n",
            b"*1\r\n$4\r\nPINGXX",
            b"*1\r\n$3\r\nPING\r\n",
            b"*1\r\n$0\r\n\r\n",
            b"*1\r\n$4\r\n1ING\r\n",
            b"*1\r\n$4\r\nPI G\r\n",
            b"*1\r\n$18446744073709551617\r\n\r\n",
            b"*9999999\r\n$4\r\nPING\r\n",
            b"+OK\r\n",
        ] {
            assert_eq!(search(bytes), None, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_command_in_a_value_is_not_the_first_one() {
        let value = [PING, b"x"].concat();
        let outer = [format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
        assert_eq!(search(&[b"?", &outer[..]].concat()), Some(1));
        let torn = &outer[..outer.len() - 2];
        let inner = torn.windows(PING.len()).position(|window| window == PING).unwrap() as u64;
        assert_eq!(search(torn), Some(inner), "the outer one is not whole");
    }

    #[test]
    fn other_numbers_have_as_many_digits_and_differ_in_one() {
        let others = |number| {
            let mut others: Vec<_> = others_by_a_digit(number).collect();
            others.sort_unstable();
            others
        };
        assert_eq!(others(0), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(others(10), [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 30, 40, 50, 60, 70, 80, 90]);
        for number in [7, 99, 100, 90_210, 999_999_999_999_999_999] {
            let text = number.to_string();
            let all = others(number);
            assert_eq!(all.len(), text.len() * 9 - usize::from(text.len() > 1), "{number}");
            for other in all {
                let other = other.to_string();
                assert_eq!(other.len(), text.len(), "{number}: {other}");
                assert_eq!(other.bytes().zip(text.bytes()).filter(|(a, b)| a != b).count(), 1, "{number}: {other}");
            }
        }
    }

    #[test]
    fn a_command_ends_where_its_length_with_another_digit_leads() {
        let ends = |command: &[u8]| {
            let end = 100 + command.len() as u64;
            let mut all = Vec::new();
            for size in [1, 7, command.len()] {
                let mut search = LengthSearch::new(100, end);
                command.chunks(size).for_each(|piece| search.feed(piece));
                all.push(search.into_ends());
            }
            assert!(all.iter().all(|ends| *ends == all[0]), "{all:?}");
            all.swap_remove(0).into_iter().map(|end| end - 100).collect::<Vec<_>>()
        };
        // `$12` is damaged, in a value and in a key.
        assert_eq!(ends(&[b"*2\r\n$3\r\nGET\r\n$92\r\nhello, world\r\n", PING].concat()), [32]);
        assert_eq!(ends(&[b"*3\r\n$3\r\nSET\r\n$92\r\nhello, world\r\n$1\r\nv\r\n", PING].concat()), [39]);
        assert_eq!(ends(b"*2\r\n$3\r\nGET\r\n$92\r\nhello, world\r\n"), [0_u64; 0], "nothing is behind it");
        assert_eq!(ends(&[b"*2\r\n$3\r\nGET\r\n$99\r\nhello, world\r\n", PING].concat()), [0_u64; 0], "two digits are");
        assert_eq!(ends(&[b"\0", PING].concat()), [0_u64; 0]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "goes through 200,000 bytes one by one")]
    fn beginnings_without_end_take_little_memory_and_are_not_called_torn() {
        let beginning = b"*2\r\n$4\r\nECHO\r\n$100000\r\n";
        let few = [&beginning.repeat(60)[..], &vec![b'x'; 100_000]].concat();
        assert_eq!(search(&few), None);
        let many = [&beginning.repeat(5000)[..], &vec![b'x'; 100_000]].concat();
        assert_eq!(search(&many), Some(0));
        let mut search = CommandSearch::new(0, u64::MAX);
        for _ in 0..100_000 {
            search.feed(beginning);
            assert!(search.open.len() <= MAX_OPEN);
        }
    }
}
