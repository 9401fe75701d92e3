//! Commands on the groups of a stream: `XGROUP`, `XACK`, `XACKDEL`, `XCLAIM`.

use super::args::{Arguments, Done, Halt, SYNTAX, is_word};
use super::keyspace::Space;
use super::stream_entries::{References, delete, parse_counted_ids, parse_id, parse_ids};
use super::streams::{Group, NO_GROUP, Stream};
use super::text::Text;
use crate::rdb::StreamId;

const NOT_A_COUNT: Halt = Halt::Answer("not a number of entries");

/// `XGROUP CREATE | SETID | DESTROY | CREATECONSUMER | DELCONSUMER key group ..`
pub(super) fn xgroup(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    match () {
        () if args.word("CREATE") => create(space, args),
        () if args.word("SETID") => set_id(space, args),
        () if args.word("DESTROY") => destroy(space, args),
        () if args.word("CREATECONSUMER") => create_consumer(space, args),
        () if args.word("DELCONSUMER") => delete_consumer(space, args),
        () => Err(SYNTAX),
    }
}

/// Where a group begins to read.
#[derive(Clone, Copy)]
enum Start {
    /// Behind what is there.
    Last,
    Id(StreamId),
}

impl Start {
    fn parse(text: &[u8]) -> Result<Self, Halt> {
        if text == b"$" { Ok(Self::Last) } else { parse_id(text).map(Self::Id) }
    }

    fn in_stream(self, stream: &Stream) -> StreamId {
        match self {
            Self::Last => stream.last_id,
            Self::Id(id) => id,
        }
    }
}

/// A number of entries that were read; -1: it is not known. Redis 8.6 makes it no larger than the number of those added.
fn entries_read(args: &mut Arguments<'_>) -> Result<Option<u64>, Halt> {
    match args.int()? {
        -1 => Ok(None),
        read => u64::try_from(read).map(Some).map_err(|_| NOT_A_COUNT),
    }
}

/// `XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]`
fn create(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, start) = (args.key()?, args.text()?, args.text()?);
    let (mut makes_stream, mut read) = (false, None);
    while args.left() > 0 {
        if args.word("MKSTREAM") {
            makes_stream = true;
        } else if args.word("ENTRIESREAD") {
            read = entries_read(args)?;
        } else {
            return Err(SYNTAX);
        }
    }
    if space.find::<Stream>(key)?.is_none() && !makes_stream {
        return Err(NO_GROUP);
    }
    let start = Start::parse(start)?;
    let (stream, memory, hashing) = space.make::<Stream>(key)?;
    if stream.groups.find(name, hashing).is_some() {
        return Err(Halt::Answer("a group that is there"));
    }
    let name = Text::new(name, memory)?;
    let read = read.map(|read| read.min(stream.entries_added));
    let group = Group::new(name, start.in_stream(stream), read);
    Ok(stream.groups.add(group, hashing, memory)?)
}

/// `XGROUP SETID key group id | $ [ENTRIESREAD entries-read]`
fn set_id(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, start) = (args.key()?, args.text()?, args.text()?);
    let read = if args.word("ENTRIESREAD") { entries_read(args)? } else { None };
    args.end()?;
    let (stream, _, hashing) = space.find::<Stream>(key)?.ok_or(NO_GROUP)?;
    let last_id = Start::parse(start)?.in_stream(stream);
    let read = read.map(|read| read.min(stream.entries_added));
    let group = stream.groups.get_mut(name, hashing).ok_or(NO_GROUP)?;
    group.last_id = last_id;
    group.entries_read = read;
    Ok(())
}

/// `XGROUP DESTROY key group`
fn destroy(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name) = (args.key()?, args.text()?);
    args.end()?;
    let (stream, memory, hashing) = space.find::<Stream>(key)?.ok_or(NO_GROUP)?;
    if let Some(group) = stream.groups.remove(name, hashing) {
        memory.give_back(group.heap_bytes());
    }
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`
fn create_consumer(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, consumer) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let now_ms = space.now_ms;
    let (group, memory, hashing) = Group::find(space, key, name)?;
    group.consumer(consumer, now_ms, hashing, memory)?;
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer`
fn delete_consumer(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, consumer) = (args.key()?, args.text()?, args.text()?);
    args.end()?;
    let (group, memory, hashing) = Group::find(space, key, name)?;
    group.remove_consumer(consumer, hashing, memory);
    Ok(())
}

/// `XACK key group id [id ..]`
pub(super) fn xack(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name) = (args.key()?, args.text()?);
    args.at_least(1)?;
    let (group, memory, _) = Group::find(space, key, name)?;
    parse_ids(args)?;
    while let Some(id) = args.next() {
        group.acknowledge(parse_id(id)?, memory);
    }
    Ok(())
}

/// `XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ..]`
pub(super) fn xackdel(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name) = (args.key()?, args.text()?);
    let references = References::parse(args).unwrap_or_default();
    parse_counted_ids(args)?;
    let (stream, memory, hashing) = space.find::<Stream>(key)?.ok_or(NO_GROUP)?;
    let at = stream.groups.find(name, hashing).ok_or(NO_GROUP)?;
    while let Some(id) = args.next() {
        let id = parse_id(id)?;
        if stream.groups.at_mut(at).is_some_and(|group| group.acknowledge(id, memory)) {
            delete(stream, id, references, memory);
        }
    }
    Ok(())
}

/// What `XCLAIM` does with each entry.
struct Claim {
    min_idle_ms: i64,
    delivered_at_ms: i64,
    deliveries: Option<u64>,
    /// Makes entries pending that are not.
    forces: bool,
    /// Does not count as a delivery.
    counts: bool,
}

/// `XCLAIM key group consumer min-idle-time id [id ..] [IDLE ms] [TIME ms] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]`
pub(super) fn xclaim(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, consumer) = (args.key()?, args.text()?, args.text()?);
    args.at_least(2)?;
    let now_ms = space.now_ms;
    let (stream, memory, hashing) = space.find::<Stream>(key)?.ok_or(NO_GROUP)?;
    let at = stream.groups.find(name, hashing).ok_or(NO_GROUP)?;
    let min_idle_ms = args.int()?.max(0);
    let mut ids = args.clone();
    while args.peek().is_some_and(|id| parse_id(id).is_ok()) {
        args.next();
    }
    let ids_left = args.left();
    let mut claim = Claim { min_idle_ms, delivered_at_ms: now_ms, deliveries: None, forces: false, counts: true };
    let mut last_id = StreamId::default();
    while let Some(word) = args.next() {
        match () {
            () if is_word(word, "FORCE") => claim.forces = true,
            () if is_word(word, "JUSTID") => claim.counts = false,
            () if is_word(word, "IDLE") => claim.delivered_at_ms = now_ms.saturating_sub(args.int()?),
            () if is_word(word, "TIME") => claim.delivered_at_ms = args.int()?,
            () if is_word(word, "RETRYCOUNT") => {
                claim.deliveries = Some(u64::try_from(args.int()?).map_err(|_| NOT_A_COUNT)?);
            }
            () if is_word(word, "LASTID") => last_id = parse_id(args.text()?)?,
            () => return Err(SYNTAX),
        }
    }
    // No entry was delivered in the future.
    if !(0..=now_ms).contains(&claim.delivered_at_ms) {
        claim.delivered_at_ms = now_ms;
    }
    let Some(group) = stream.groups.at_mut(at) else { return Err(NO_GROUP) };
    group.last_id = group.last_id.max(last_id);
    let place = group.consumer(consumer, now_ms, hashing, memory)?;
    while ids.left() > ids_left {
        let id = parse_id(ids.text()?)?;
        let is_there = stream.contains(id);
        let Some(group) = stream.groups.at_mut(at) else { return Err(NO_GROUP) };
        if !is_there {
            // Redis 7.0: what was deleted is pending no more.
            group.acknowledge(id, memory);
            continue;
        }
        let before = group.pending.get(&id).copied();
        let deliveries = match before {
            None if !claim.forces => continue,
            // One that is new was delivered once, before this.
            None => claim.deliveries.unwrap_or(u64::from(claim.counts).saturating_add(1)),
            Some(pending) => {
                let idle_ms = now_ms.saturating_sub(pending.delivered_at_ms);
                if claim.min_idle_ms > 0 && pending.owner.is_some() && idle_ms < claim.min_idle_ms {
                    continue;
                }
                claim.deliveries.unwrap_or(pending.deliveries.wrapping_add(u64::from(claim.counts)))
            }
        };
        let owner = group.note_active(place, now_ms);
        group.set_pending(id, owner, claim.delivered_at_ms, deliveries, memory)?;
    }
    Ok(())
}
