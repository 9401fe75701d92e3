//! What several sorted sets and sets make together: `ZUNIONSTORE`, `ZINTERSTORE`, `ZDIFFSTORE`.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt, SYNTAX, WRONG_TYPE};
use super::keyspace::{Keys, Space};
use super::named::{Hashing, Named};
use super::scores::{self, NOT_A_FLOAT};
use super::sets::Set;
use super::value::{Slot, Value};
use super::zset_ranges::store;
use super::zsets::{Scored, Zset};
use crate::error::Fault;
use alloc::vec::Vec;

/// How the scores of one member make one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// Source: Redis 7.0 `t_zset.c` `zunionInterAggregate()`.
    fn of(self, first: f64, second: f64) -> f64 {
        match self {
            // Of `inf` and `-inf`.
            Self::Sum => not_nan(first + second),
            Self::Min if second < first => second,
            Self::Max if second > first => second,
            Self::Min | Self::Max => first,
        }
    }
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What members come from.
#[derive(Clone, Copy)]
enum Source<'s> {
    Nothing,
    Set(&'s Set),
    Zset(&'s Zset),
}

impl<'s> Source<'s> {
    fn len(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Set(set) => set.items().len(),
            Self::Zset(zset) => zset.len(),
        }
    }

    /// The score of a member; those of a set have 1.
    fn score(self, member: &[u8], hashing: &Hashing) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Set(set) => set.contains(member, hashing).then_some(1.0),
            Self::Zset(zset) => zset.score(member, hashing),
        }
    }

    fn try_each(self, mut each: impl FnMut(&'s [u8], f64) -> Result<(), Fault>) -> Result<(), Fault> {
        match self {
            Self::Nothing => Ok(()),
            Self::Set(set) => set.items().iter().try_for_each(|member| each(member.as_slice(), 1.0)),
            Self::Zset(zset) => zset.items().iter().try_for_each(|Scored { member, score }| each(member.as_slice(), *score)),
        }
    }
}

/// The keys that a command reads.
struct Names<'a> {
    names: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
}

impl<'a> Names<'a> {
    /// `numkeys key [key ..]`
    fn new(args: &mut Arguments<'a>) -> Result<Self, Halt> {
        let count = args.count()?;
        if count > args.left() {
            return Err(Halt::Answer("fewer keys than their number says"));
        }
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(args.text()?);
        }
        Ok(Self { weights: alloc::vec![1.0; names.len()], names, aggregate: Aggregate::Sum })
    }

    /// `[WEIGHTS weight [weight ..]] [AGGREGATE SUM | MIN | MAX]`
    fn options(mut self, args: &mut Arguments<'a>) -> Result<Self, Halt> {
        while args.left() > 0 {
            if args.word("WEIGHTS") {
                for weight in &mut self.weights {
                    *weight = scores::parse(args.text()?).ok_or(NOT_A_FLOAT)?;
                }
            } else if args.word("AGGREGATE") {
                self.aggregate = match () {
                    () if args.word("SUM") => Aggregate::Sum,
                    () if args.word("MIN") => Aggregate::Min,
                    () if args.word("MAX") => Aggregate::Max,
                    () => return Err(SYNTAX),
                };
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(self)
    }

    /// What is under the names, with its weight.
    fn sources<'s>(&self, keys: &'s Named<Slot>, hashing: &Hashing) -> Result<Vec<(Source<'s>, f64)>, Halt> {
        let source = |(name, weight): (&&[u8], &f64)| {
            let source = match keys.get(name, hashing).map(|slot| &slot.value) {
                None => Source::Nothing,
                Some(Value::Set(set)) => Source::Set(set),
                Some(Value::Zset(zset)) => Source::Zset(zset),
                Some(_) => return Err(WRONG_TYPE),
            };
            Ok((source, *weight))
        };
        self.names.iter().zip(&self.weights).map(source).collect()
    }
}

/// `ZUNIONSTORE dst numkeys key [key ..] [WEIGHTS weight ..] [AGGREGATE SUM | MIN | MAX]`
pub(super) fn zunionstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let target = args.key()?;
    let names = Names::new(args)?.options(args)?;
    let made = make(space, &names, |sources, zset| {
        // Sums depend on the order in which servers go through the keys.
        sources.sort_by_key(|(source, _)| source.len());
        for (source, weight) in sources {
            source.try_each(|member, score| {
                let score = not_nan(score * *weight);
                let score = zset.score(member).map_or(score, |before| names.aggregate.of(before, score));
                zset.set(member, score)
            })?;
        }
        Ok(())
    })?;
    store(space, target, made)
}

/// `ZINTERSTORE dst numkeys key [key ..] [WEIGHTS weight ..] [AGGREGATE SUM | MIN | MAX]`
pub(super) fn zinterstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let target = args.key()?;
    let names = Names::new(args)?.options(args)?;
    let made = make(space, &names, |sources, zset| {
        sources.sort_by_key(|(source, _)| source.len());
        let Some(((first, weight), others)) = sources.split_first() else { return Ok(()) };
        first.try_each(|member, score| {
            let mut made = not_nan(score * weight);
            for (source, weight) in others {
                let Some(score) = source.score(member, zset.hashing) else { return Ok(()) };
                made = names.aggregate.of(made, score * weight);
            }
            zset.set(member, made)
        })
    })?;
    store(space, target, made)
}

/// `ZDIFFSTORE dst numkeys key [key ..]`
pub(super) fn zdiffstore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let target = args.key()?;
    let names = Names::new(args)?;
    args.end()?;
    let made = make(space, &names, |sources, zset| {
        let Some(((first, _), others)) = sources.split_first() else { return Ok(()) };
        first.try_each(|member, score| {
            if others.iter().any(|(source, _)| source.score(member, zset.hashing).is_some()) {
                return Ok(());
            }
            zset.set(member, score)
        })
    })?;
    store(space, target, made)
}

/// A sorted set in the making, and what that needs.
struct Made<'s> {
    zset: Zset,
    hashing: &'s Hashing,
    memory: &'s mut Store,
}

impl Made<'_> {
    fn score(&self, member: &[u8]) -> Option<f64> {
        self.zset.score(member, self.hashing)
    }

    fn set(&mut self, member: &[u8], score: f64) -> Result<(), Fault> {
        self.zset.set(member, score, self.hashing, self.memory)
    }
}

/// Makes a sorted set of what is under the names.
fn make<'s>(
    space: &'s mut Space,
    names: &Names<'_>,
    fill: impl FnOnce(&mut Vec<(Source<'s>, f64)>, &mut Made<'s>) -> Result<(), Fault>,
) -> Result<Zset, Halt> {
    let Keys { keys, memory, hashing } = space.keys();
    let mut made = Made { zset: Zset::default(), hashing, memory };
    fill(&mut names.sources(keys, hashing)?, &mut made)?;
    Ok(made.zset)
}
