//! Sorted sets. Most commands on them need no order: it is made when one first does, and kept then.

use super::super::store::Store;
use super::super::value::ScoredMember;
use super::args::{Arguments, Done, Halt};
use super::keyspace::Space;
use super::named::{Hashing, Name, Named};
use super::scores::{self, NOT_A_FLOAT};
use super::text::Text;
use crate::error::Fault;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cmp::Ordering;

const NOT_A_NUMBER: Halt = Halt::Answer("a resulting score that is not a number");
pub(super) const CONTRADICTION: Halt = Halt::Answer("options that contradict each other");

/// A member with its score.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) member: Text,
    pub(super) score: f64,
}

impl Name for Scored {
    #[inline]
    fn name(&self) -> &[u8] {
        self.member.as_slice()
    }
}

/// A member in its order: by score, then by its bytes. No score is NaN, and `-0` is equal to `0`.
#[derive(Clone, Debug)]
pub(super) struct Ranked(pub(super) Scored);

impl Ranked {
    /// A place in the order to search from.
    pub(super) fn new(score: f64, member: &[u8]) -> Self {
        Self(Scored { member: Text::from_vec(member.to_vec()), score })
    }

    pub(super) fn member(&self) -> &[u8] {
        self.0.name()
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let scores = self.0.score.partial_cmp(&other.0.score).unwrap_or(Ordering::Equal);
        scores.then_with(|| self.0.name().cmp(other.0.name()))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

/// Members in their order.
pub(super) type Order = BTreeSet<Ranked>;

/// The members of a sorted set.
#[derive(Clone, Debug, Default)]
pub(super) struct Zset {
    members: Named<Scored>,
    order: Option<Box<Order>>,
}

impl Zset {
    /// Memory that counts for a place in the order, in a tree whose nodes are half full at least.
    const RANKED_BYTES: usize = 2 * size_of::<Ranked>();

    pub(super) fn from_model(members: Vec<ScoredMember>, hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let mut zset = Self::default();
        for ScoredMember { member, score } in members {
            zset.set(&member, score, hashing, memory)?;
        }
        Ok(zset)
    }

    pub(super) fn into_model(self, blocks: &mut Store) -> Vec<ScoredMember> {
        let into_model = |Scored { member, score }: Scored| ScoredMember { member: member.into_bytes(blocks), score };
        self.members.into_items().into_iter().map(into_model).collect()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let texts = self.members.items().iter().map(|scored| scored.member.heap_bytes()).fold(0, usize::saturating_add);
        let order = self.order.as_ref().map_or(0, |order| order.len().saturating_mul(Self::RANKED_BYTES).saturating_add(texts));
        self.members.heap_bytes().saturating_add(texts).saturating_add(order)
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn members(&self) -> &Named<Scored> {
        &self.members
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in no order.
    pub(super) fn items(&self) -> &[Scored] {
        self.members.items()
    }

    #[inline]
    pub(super) fn score(&self, member: &[u8], hashing: &Hashing) -> Option<f64> {
        self.members.get(member, hashing).map(|scored| scored.score)
    }

    /// Gives a member a score, which is not NaN. One that is equal to what it had leaves that.
    #[inline]
    pub(super) fn set(&mut self, member: &[u8], score: f64, hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        self.change(member, hashing, memory, |_| Ok(Some(score)))
    }

    /// Gives a member the score that comes of what it had, if one does.
    #[inline]
    fn change<E: From<Fault>>(
        &mut self,
        member: &[u8],
        hashing: &Hashing,
        memory: &mut Store,
        score: impl FnOnce(Option<f64>) -> Result<Option<f64>, E>,
    ) -> Result<(), E> {
        let Some(known) = self.members.get_mut(member, hashing) else {
            let Some(score) = score(None)? else { return Ok(()) };
            let member = Text::new(member, memory)?;
            let scored = Scored { member, score };
            if let Some(order) = &mut self.order {
                memory.take(Self::RANKED_BYTES.saturating_add(scored.member.heap_bytes()))?;
                order.insert(Ranked(scored.clone()));
            }
            return Ok(self.members.add(scored, hashing, memory)?);
        };
        let Some(score) = score(Some(known.score))? else { return Ok(()) };
        if known.score == score {
            return Ok(());
        }
        let before = core::mem::replace(&mut known.score, score);
        if let Some(order) = &mut self.order {
            let mut ranked = Ranked(Scored { member: known.member.clone(), score: before });
            order.remove(&ranked);
            ranked.0.score = score;
            order.insert(ranked);
        }
        Ok(())
    }

    /// Removes a member; says whether it was there.
    pub(super) fn remove(&mut self, member: &[u8], hashing: &Hashing, memory: &mut Store) -> bool {
        let Some(scored) = self.members.remove(member, hashing) else { return false };
        let mut bytes = scored.member.heap_bytes();
        if let Some(order) = &mut self.order {
            bytes = bytes.saturating_mul(2).saturating_add(Self::RANKED_BYTES);
            order.remove(&Ranked(scored));
        }
        memory.give_back(bytes);
        true
    }

    /// Removes the first member, or the last one; says whether there was one.
    pub(super) fn pop(&mut self, is_last: bool, hashing: &Hashing, memory: &mut Store) -> Result<bool, Fault> {
        self.order(memory)?;
        let end = self.order.as_mut().and_then(|order| if is_last { order.pop_last() } else { order.pop_first() });
        let Some(ranked) = end else { return Ok(false) };
        self.members.remove(ranked.member(), hashing);
        memory.give_back(ranked.0.member.heap_bytes().saturating_mul(2).saturating_add(Self::RANKED_BYTES));
        Ok(true)
    }

    /// The members in order.
    pub(super) fn order(&mut self, memory: &mut Store) -> Result<&Order, Fault> {
        let order = match self.order.take() {
            Some(order) => order,
            None => {
                let texts = self.members.items().iter().map(|scored| scored.member.heap_bytes());
                let own = self.len().saturating_mul(Self::RANKED_BYTES);
                memory.take(texts.fold(own, usize::saturating_add))?;
                Box::new(self.members.items().iter().cloned().map(Ranked).collect())
            }
        };
        Ok(self.order.insert(order))
    }
}

/// What `ZADD` does with members that are there, and that are not.
#[derive(Clone, Copy, Default)]
pub(super) struct Condition {
    /// Only adds members.
    pub(super) nx: bool,
    /// Only changes scores.
    pub(super) xx: bool,
    /// Only raises scores.
    gt: bool,
    /// Only lowers scores.
    lt: bool,
    /// Adds to the score that is there.
    increments: bool,
}

impl Condition {
    /// The score that a member gets, if it gets another.
    fn score(self, before: Option<f64>, score: f64) -> Result<Option<f64>, Halt> {
        let Some(before) = before else { return Ok((!self.xx).then_some(score)) };
        if self.nx {
            return Ok(None);
        }
        let score = if self.increments { before + score } else { score };
        if score.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        let stays = self.gt && score <= before || self.lt && score >= before;
        Ok((!stays).then_some(score))
    }
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ..]`
pub(super) fn zadd(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let mut condition = Condition::default();
    while args.peek().and_then(<[u8]>::first).is_some_and(u8::is_ascii_alphabetic) {
        if args.word("NX") {
            condition.nx = true;
        } else if args.word("XX") {
            condition.xx = true;
        } else if args.word("GT") {
            condition.gt = true;
        } else if args.word("LT") {
            condition.lt = true;
        } else if args.word("INCR") {
            condition.increments = true;
        } else if !args.word("CH") {
            break;
        }
    }
    args.pairs()?;
    let Condition { nx, xx, gt, lt, increments } = condition;
    let contradicts = nx && (xx || gt || lt) || gt && lt;
    if contradicts || increments && args.left() > 2 {
        return Err(CONTRADICTION);
    }
    put(space, key, args, condition)
}

/// `ZINCRBY key increment member`
pub(super) fn zincrby(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.at_least(2)?;
    if args.left() > 2 {
        return args.end();
    }
    put(space, key, args, Condition { increments: true, ..Condition::default() })
}

/// Puts pairs of score and member into the sorted set of a key. Nothing is done if one of the scores is none.
fn put(space: &mut Space, key: &[u8], args: &mut Arguments<'_>, condition: Condition) -> Done {
    let mut checked = args.clone();
    while let Some(score) = checked.next() {
        scores::parse(score).ok_or(NOT_A_FLOAT)?;
        checked.next();
    }
    put_all(space, key, condition, || {
        let (score, member) = (args.next()?, args.next()?);
        Some((scores::parse(score)?, member))
    })
}

/// Puts members into the sorted set of a key, as long as there are some.
pub(super) fn put_all<'a>(
    space: &mut Space,
    key: &[u8],
    condition: Condition,
    mut next: impl FnMut() -> Option<(f64, &'a [u8])>,
) -> Done {
    if condition.xx && !space.contains(key) {
        return Ok(());
    }
    let (zset, memory, hashing) = space.make::<Zset>(key)?;
    while let Some((score, member)) = next() {
        zset.change(member, hashing, memory, |before| condition.score(before, score))?;
    }
    Ok(())
}

/// `ZREM key member [member ..]`
pub(super) fn zrem(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    args.at_least(1)?;
    let Some((zset, memory, hashing)) = space.find::<Zset>(key)? else { return Ok(()) };
    while let Some(member) = args.next() {
        zset.remove(member, hashing, memory);
    }
    space.settle::<Zset>(key);
    Ok(())
}
