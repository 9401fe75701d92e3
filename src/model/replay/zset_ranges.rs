//! Ranges of sorted sets, by rank, by score, or by member: removed, kept under another key, or taken from an end.

use super::args::{Arguments, BAD_COUNT, Done, Halt, NOT_AN_INTEGER, SYNTAX};
use super::expiry::Expiry;
use super::keyspace::Space;
use super::scores;
use super::value::Value;
use super::zsets::{Order, Ranked, Scored, Zset};
use crate::wire::number;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Bound;

const NOT_A_BOUND: Halt = Halt::Answer("not the end of a range");

/// What a range counts.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Member,
}

/// Which members.
enum Range<'a> {
    /// From the first rank to the last one; negative ones count from the end.
    Rank(i64, i64),
    /// From in front of what the first has to in front of what the second has, `None` is the end.
    Score(Option<f64>, Option<f64>),
    Member(Edge<'a>, Edge<'a>),
}

/// An end of a range of members.
#[derive(Clone, Copy)]
enum Edge<'a> {
    BeforeAll,
    BehindAll,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

impl<'a> Edge<'a> {
    fn parse(text: &'a [u8]) -> Result<Self, Halt> {
        match text {
            b"-" => Ok(Self::BeforeAll),
            b"+" => Ok(Self::BehindAll),
            [b'[', member @ ..] => Ok(Self::Included(member)),
            [b'(', member @ ..] => Ok(Self::Excluded(member)),
            _ => Err(NOT_A_BOUND),
        }
    }

    /// Whether a member is not before this beginning.
    fn is_reached(self, member: &[u8]) -> bool {
        match self {
            Self::BeforeAll => true,
            Self::BehindAll => false,
            Self::Included(edge) => member >= edge,
            Self::Excluded(edge) => member > edge,
        }
    }

    /// Whether a member is not behind this end.
    fn is_ahead(self, member: &[u8]) -> bool {
        match self {
            Self::BeforeAll => false,
            Self::BehindAll => true,
            Self::Included(edge) => member <= edge,
            Self::Excluded(edge) => member < edge,
        }
    }
}

/// A score that is the end of a range, and whether it is left out.
fn score_edge(text: &[u8]) -> Result<(f64, bool), Halt> {
    let (text, is_excluded) = text.strip_prefix(b"(").map_or((text, false), |text| (text, true));
    Ok((scores::parse_bound(text).ok_or(NOT_A_BOUND)?, is_excluded))
}

/// The next larger score, if there is one.
fn above(score: f64) -> Option<f64> {
    (score < f64::INFINITY).then(|| score.next_up())
}

/// A place in the order in front of all members with this score.
fn before(score: f64) -> Ranked {
    Ranked::new(score, b"")
}

impl<'a> Range<'a> {
    fn ranks(from: &[u8], to: &[u8]) -> Result<Self, Halt> {
        let int = |text| number::parse_int(text).ok_or(NOT_AN_INTEGER);
        Ok(Self::Rank(int(from)?, int(to)?))
    }

    fn scores(from: &[u8], to: &[u8]) -> Result<Self, Halt> {
        let ((from, excludes_from), (to, excludes_to)) = (score_edge(from)?, score_edge(to)?);
        let from = if excludes_from { above(from) } else { Some(from) };
        let to = if excludes_to { Some(to) } else { above(to) };
        Ok(Self::Score(from, to))
    }

    fn members(from: &'a [u8], to: &'a [u8]) -> Result<Self, Halt> {
        Ok(Self::Member(Edge::parse(from)?, Edge::parse(to)?))
    }

    /// The members in it; where some are left out, counted along the order or against it.
    fn of(&self, order: &Order, is_reversed: bool, limit: Limit) -> Vec<Scored> {
        match self {
            Self::Rank(from, to) => {
                let (from, to) = if is_reversed { (mirrored(*to), mirrored(*from)) } else { (*from, *to) };
                let Some((first, count)) = ranks(from, to, order.len()) else { return Vec::new() };
                let behind = order.len().saturating_sub(first.saturating_add(count));
                // From the end that is nearer.
                if first <= behind {
                    limit.of(order.iter().skip(first).take(count))
                } else {
                    limit.of(order.iter().rev().skip(behind).take(count))
                }
            }
            Self::Score(None, _) => Vec::new(),
            Self::Score(Some(from), to) if to.is_some_and(|to| *from >= to) => Vec::new(),
            Self::Score(Some(from), to) => {
                let to = to.map_or(Bound::Unbounded, |to| Bound::Excluded(before(to)));
                let found = order.range((Bound::Included(before(*from)), to));
                if is_reversed { limit.of(found.rev()) } else { limit.of(found) }
            }
            Self::Member(from, to) => {
                let (Some(first), Some(last)) = (order.first(), order.last()) else { return Vec::new() };
                if !from.is_reached(last.member()) || !to.is_ahead(first.member()) {
                    return Vec::new();
                }
                // Members are in their own order among equal scores only; servers search as if all were.
                let is_sorted = first.0.score == last.0.score;
                let begin = match from {
                    Edge::Included(edge) | Edge::Excluded(edge) if is_sorted => Bound::Included(Ranked::new(first.0.score, edge)),
                    _ => Bound::Unbounded,
                };
                let found = order.range((begin, Bound::Unbounded));
                let (is_reached, is_ahead) =
                    (|ranked: &&Ranked| from.is_reached(ranked.member()), |ranked: &&Ranked| to.is_ahead(ranked.member()));
                if is_reversed {
                    limit.of(found.rev().skip_while(|ranked| !is_ahead(ranked)).take_while(is_reached))
                } else {
                    limit.of(found.skip_while(|ranked| !is_reached(ranked)).take_while(is_ahead))
                }
            }
        }
    }
}

/// The rank counted from the other end.
fn mirrored(rank: i64) -> i64 {
    !rank
}

/// The first of some ranks, and how many there are.
fn ranks(from: i64, to: i64, len: usize) -> Option<(usize, usize)> {
    let len = i64::try_from(len).ok()?;
    let place = |rank: i64| if rank < 0 { rank.saturating_add(len).max(-1) } else { rank };
    let (from, to) = (place(from).max(0), place(to).min(len.saturating_sub(1)));
    let count = to.saturating_sub(from).saturating_add(1);
    (from <= to).then_some((usize::try_from(from).ok()?, usize::try_from(count).ok()?))
}

/// How many are passed over, and how many taken of the rest. Negative numbers: all of them.
#[derive(Clone, Copy)]
struct Limit {
    offset: i64,
    count: i64,
}

impl Limit {
    const NONE: Self = Self { offset: 0, count: -1 };

    fn of<'o>(self, found: impl Iterator<Item = &'o Ranked>) -> Vec<Scored> {
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        found.skip(number(self.offset)).take(number(self.count)).map(|ranked| ranked.0.clone()).collect()
    }
}

/// Removes what a range holds.
fn remove(space: &mut Space, key: &[u8], range: &Range<'_>) -> Done {
    let Some((zset, memory, hashing)) = space.find::<Zset>(key)? else { return Ok(()) };
    for scored in range.of(zset.order(memory)?, false, Limit::NONE) {
        zset.remove(scored.member.as_slice(), hashing, memory);
    }
    space.settle::<Zset>(key);
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`
pub(super) fn zremrangebyrank(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, from, to) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    remove(space, key, &Range::ranks(from, to)?)
}

/// `ZREMRANGEBYSCORE key min max`
pub(super) fn zremrangebyscore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, from, to) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    remove(space, key, &Range::scores(from, to)?)
}

/// `ZREMRANGEBYLEX key min max`
pub(super) fn zremrangebylex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, from, to) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    remove(space, key, &Range::members(from, to)?)
}

/// `ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]`
pub(super) fn zrangestore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (target, source, from, to) = (args.key()?, args.text()?, args.text()?, args.text()?);
    let (mut by, mut is_reversed, mut limit) = (By::Rank, false, None);
    while args.left() > 0 {
        if args.word("BYSCORE") {
            by = By::Score;
        } else if args.word("BYLEX") {
            by = By::Member;
        } else if args.word("REV") {
            is_reversed = true;
        } else if args.word("LIMIT") {
            limit = Some(Limit { offset: args.int()?, count: args.int()? });
        } else {
            return Err(SYNTAX);
        }
    }
    if by == By::Rank && limit.is_some() {
        return Err(Halt::Answer("a limit of ranks"));
    }
    // The larger end comes first then, except for ranks.
    let (least, most) = if is_reversed { (to, from) } else { (from, to) };
    let range = match by {
        By::Rank => Range::ranks(from, to)?,
        By::Score => Range::scores(least, most)?,
        By::Member => Range::members(least, most)?,
    };
    let found = match space.find::<Zset>(source)? {
        None => Vec::new(),
        Some((zset, memory, _)) => range.of(zset.order(memory)?, is_reversed, limit.unwrap_or(Limit::NONE)),
    };
    let mut zset = Zset::default();
    let keys = space.keys();
    for scored in found {
        zset.set(scored.member.as_slice(), scored.score, keys.hashing, keys.memory)?;
    }
    store(space, target, zset)
}

/// Gives a key a sorted set in place of all that it had; one without members is no key.
pub(super) fn store(space: &mut Space, key: &[u8], zset: Zset) -> Done {
    if zset.is_empty() {
        space.remove(key);
        return Ok(());
    }
    space.put(key, Value::Zset(Box::new(zset)), Expiry::NEVER)
}

/// `ZPOPMIN key [count]`
pub(super) fn zpopmin(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    zpop(space, args, false)
}

/// `ZPOPMAX key [count]`
pub(super) fn zpopmax(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    zpop(space, args, true)
}

fn zpop(space: &mut Space, args: &mut Arguments<'_>, is_reversed: bool) -> Done {
    let key = args.key()?;
    let count = if args.left() > 0 { args.int()? } else { 1 };
    args.end()?;
    if count < 0 {
        return Err(BAD_COUNT);
    }
    pop(space, key, count, is_reversed)
}

/// Removes so many members from an end.
fn pop(space: &mut Space, key: &[u8], count: i64, is_reversed: bool) -> Done {
    let Some((zset, memory, hashing)) = space.find::<Zset>(key)? else { return Ok(()) };
    for _ in 0..count {
        if !zset.pop(is_reversed, hashing, memory)? {
            break;
        }
    }
    space.settle::<Zset>(key);
    Ok(())
}

/// `BZPOPMIN key [key ..] timeout`, which does not wait while a log is loaded.
pub(super) fn bzpopmin(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    bzpop(space, args, false)
}

/// `BZPOPMAX key [key ..] timeout`
pub(super) fn bzpopmax(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    bzpop(space, args, true)
}

fn bzpop(space: &mut Space, args: &mut Arguments<'_>, is_reversed: bool) -> Done {
    args.at_least(2)?;
    let keys = args.left().saturating_sub(1);
    args.last_timeout()?;
    pop_first(space, args, keys, 1, is_reversed)
}

/// Pops from the first of some keys that is there.
fn pop_first(space: &mut Space, args: &mut Arguments<'_>, keys: usize, count: i64, is_reversed: bool) -> Done {
    for _ in 0..keys {
        let key = args.key()?;
        if space.find::<Zset>(key)?.is_some() {
            return pop(space, key, count, is_reversed);
        }
    }
    Ok(())
}

/// `ZMPOP numkeys key [key ..] MIN | MAX [COUNT count]`
pub(super) fn zmpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let keys = args.count()?;
    let mut options = args.clone();
    for _ in 0..keys {
        options.text()?;
    }
    let is_reversed = options.word("MAX");
    if !is_reversed && !options.word("MIN") {
        return Err(SYNTAX);
    }
    let count = if options.word("COUNT") { options.int()? } else { 1 };
    options.end()?;
    if count <= 0 {
        return Err(BAD_COUNT);
    }
    pop_first(space, args, keys, count, is_reversed)
}

/// `BZMPOP timeout numkeys key [key ..] MIN | MAX [COUNT count]`
pub(super) fn bzmpop(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    args.timeout()?;
    zmpop(space, args)
}
