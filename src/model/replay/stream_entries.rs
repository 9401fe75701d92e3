//! Commands on the entries of a stream: `XADD`, `XDEL`, `XDELEX`, `XTRIM`, `XSETID`.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt, NO_KEY, SYNTAX};
use super::keyspace::Space;
use super::stream_producers::Producer;
use super::streams::{Group, Stream};
use super::text::Text;
use crate::rdb::StreamId;
use alloc::vec::Vec;

const NOT_AN_ID: Halt = Halt::Answer("not the id of a stream entry");
const NOT_ABOVE: Halt = Halt::Answer("an id that is not above the last one");
const NEGATIVE: Halt = Halt::Answer("not a positive number");

/// An id that says both of its numbers, or the first one, with 0 for the second.
///
/// Source: Redis 7.0 `t_stream.c` `streamGenericParseIDOrReply()`.
pub(super) fn parse_id(text: &[u8]) -> Result<StreamId, Halt> {
    let (ms, seq) = match text.iter().position(|byte| *byte == b'-') {
        None => (text, &b"0"[..]),
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at.saturating_add(1)..).unwrap_or_default()),
    };
    Ok(StreamId { ms: parse_part(ms)?, seq: parse_part(seq)? })
}

fn parse_part(text: &[u8]) -> Result<u64, Halt> {
    let digits = text.first().is_some_and(u8::is_ascii_digit).then(|| core::str::from_utf8(text).ok()).flatten();
    digits.and_then(|digits| digits.parse().ok()).ok_or(NOT_AN_ID)
}

/// All ids that are left, checked before one is used.
pub(super) fn parse_ids(args: &Arguments<'_>) -> Done {
    args.at_least(1)?;
    let mut checked = args.clone();
    while let Some(id) = checked.next() {
        parse_id(id)?;
    }
    Ok(())
}

/// `IDS numids id [id ..]`
pub(super) fn parse_counted_ids(args: &mut Arguments<'_>) -> Done {
    if !args.word("IDS") {
        return Err(SYNTAX);
    }
    let count = args.count()?;
    if count != args.left() {
        return Err(Halt::Answer("another number of ids"));
    }
    parse_ids(args)
}

/// What becomes of the pending entries of an entry that is deleted.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum References {
    /// They stay.
    #[default]
    Keep,
    /// They go with it.
    Delete,
    /// It is deleted only if all groups have read and acknowledged it.
    Acknowledged,
}

impl References {
    pub(super) fn parse(args: &mut Arguments<'_>) -> Option<Self> {
        match () {
            () if args.word("KEEPREF") => Some(Self::Keep),
            () if args.word("DELREF") => Some(Self::Delete),
            () if args.word("ACKED") => Some(Self::Acknowledged),
            () => None,
        }
    }

    /// Whether an entry must stay.
    fn hold(self, stream: &Stream, id: StreamId) -> bool {
        let holds = |group: &Group| group.last_id < id || group.pending.contains_key(&id);
        self == Self::Acknowledged && stream.groups.items().iter().any(holds)
    }

    /// Deletes an entry that need not stay; says whether it was deleted.
    pub(super) fn delete(self, stream: &mut Stream, id: StreamId, memory: &mut Store) -> bool {
        if self.hold(stream, id) {
            return false;
        }
        if self == Self::Delete {
            for group in stream.groups.items_mut() {
                group.acknowledge(id, memory);
            }
        }
        stream.remove(id, memory)
    }
}

/// Which entries go when a stream is trimmed.
#[derive(Clone, Copy)]
enum Trim {
    /// The first ones, until so many are left.
    MaxLen(usize),
    /// Those below an id.
    MinId(StreamId),
}

impl Trim {
    /// `MAXLEN | MINID [= | ~] threshold [LIMIT count]`
    ///
    /// Servers log `~` as `=` with what came of it, and leave the limit where it was. A `~` that stands in a log
    /// nevertheless takes away as much as `=`.
    fn parse(args: &mut Arguments<'_>) -> Result<Option<Self>, Halt> {
        let is_length = args.word("MAXLEN");
        if !is_length && !args.word("MINID") {
            return Ok(None);
        }
        let _ = args.left() > 1 && (args.word("~") || args.word("="));
        let trim = if is_length {
            Self::MaxLen(usize::try_from(args.int()?).map_err(|_| NEGATIVE)?)
        } else {
            Self::MinId(parse_id(args.text()?)?)
        };
        Ok(Some(trim))
    }

    fn takes(self, stream: &Stream, id: StreamId) -> bool {
        match self {
            Self::MaxLen(len) => stream.len() > len,
            Self::MinId(least) => id < least,
        }
    }

    fn apply(self, stream: &mut Stream, references: References, memory: &mut Store) -> Done {
        if references != References::Acknowledged {
            while let Some(id) = stream.first_id().filter(|id| self.takes(stream, *id)) {
                references.delete(stream, id, memory);
            }
            return Ok(());
        }
        let bytes = stream.len().saturating_mul(size_of::<StreamId>());
        memory.take(bytes)?;
        let ids: Vec<StreamId> = stream.ids().collect();
        for id in ids {
            if !self.takes(stream, id) {
                break;
            }
            references.delete(stream, id, memory);
        }
        memory.give_back(bytes);
        Ok(())
    }
}

/// The options of `XADD` and `XTRIM`.
#[derive(Default)]
struct Options<'a> {
    makes_none: bool,
    trim: Option<Trim>,
    references: References,
    producer: Option<Producer<'a>>,
}

impl<'a> Options<'a> {
    fn parse(args: &mut Arguments<'a>) -> Result<Self, Halt> {
        let mut options = Self::default();
        loop {
            if args.peek().and_then(<[u8]>::first).is_none_or(|first| !first.is_ascii_alphabetic()) {
                return Ok(options);
            }
            if let Some(trim) = Trim::parse(args)? {
                if options.trim.is_some() {
                    return Err(Halt::Answer("two ways to trim"));
                }
                options.trim = Some(trim);
            } else if args.word("LIMIT") {
                if args.int()? < 0 {
                    return Err(NEGATIVE);
                }
            } else if args.word("NOMKSTREAM") {
                options.makes_none = true;
            } else if let Some(references) = References::parse(args) {
                options.references = references;
            } else if let Some(producer) = Producer::parse(args)? {
                options.producer = Some(producer);
            } else {
                return Ok(options);
            }
        }
    }
}

/// The id that an entry is to have.
#[derive(Clone, Copy)]
enum NewId {
    Given(StreamId),
    /// The next one within these milliseconds.
    Within(u64),
    /// The next one.
    Next,
}

impl NewId {
    fn parse(text: &[u8]) -> Result<Self, Halt> {
        match text {
            b"*" => Ok(Self::Next),
            [ms @ .., b'-', b'*'] => Ok(Self::Within(parse_part(ms)?)),
            text => Ok(Self::Given(parse_id(text)?)),
        }
    }

    /// The id behind the last one.
    fn behind(self, last: StreamId, now_ms: i64) -> Result<StreamId, Halt> {
        let after = |StreamId { ms, seq }| match seq.checked_add(1) {
            Some(seq) => Ok(StreamId { ms, seq }),
            None => ms.checked_add(1).map(|ms| StreamId { ms, seq: 0 }).ok_or(NOT_ABOVE),
        };
        let id = match self {
            Self::Given(id) => id,
            Self::Within(ms) if ms == last.ms && last != StreamId::default() => {
                StreamId { ms, seq: last.seq.checked_add(1).ok_or(NOT_ABOVE)? }
            }
            Self::Within(0) => StreamId { ms: 0, seq: 1 },
            Self::Within(ms) => StreamId { ms, seq: 0 },
            Self::Next => match u64::try_from(now_ms) {
                Ok(ms) if ms > last.ms => StreamId { ms, seq: 0 },
                _ => after(last)?,
            },
        };
        if id > last { Ok(id) } else { Err(NOT_ABOVE) }
    }
}

/// An id of 0-0 adds nothing, and makes no stream either, but for one case: Redis 5.0 rewrites a stream that never had an entry
/// as `XADD key MAXLEN 0 0-0 x y`.
///
/// `XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] [MAXLEN | MINID ..] id field value [field value ..]`
pub(super) fn xadd(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let options = Options::parse(args)?;
    let new_id = NewId::parse(args.text()?)?;
    args.pairs()?;
    let empties = matches!(options.trim, Some(Trim::MaxLen(0)));
    if matches!(new_id, NewId::Given(id) if id == StreamId::default()) && !empties {
        return Err(NOT_ABOVE);
    }
    if options.makes_none && !space.contains(key) {
        return Ok(());
    }
    let now_ms = space.now_ms;
    let (stream, memory, hashing) = space.make::<Stream>(key)?;
    if let Some(producer) = &options.producer
        && stream.is_repeated(producer, !matches!(new_id, NewId::Next), hashing)
    {
        stream.note_repeated();
        return Ok(());
    }
    let id = new_id.behind(stream.last_id, now_ms)?;
    if let Some(producer) = &options.producer {
        stream.note_produced(producer, id, hashing, memory)?;
    }
    let mut fields = Vec::with_capacity(args.left() / 2);
    while let (Some(field), Some(value)) = (args.next(), args.next()) {
        fields.push((Text::new(field, memory)?, Text::new(value, memory)?));
    }
    stream.push(id, fields, memory)?;
    stream.last_id = id;
    stream.entries_added = stream.entries_added.wrapping_add(1);
    match options.trim {
        Some(trim) => trim.apply(stream, options.references, memory),
        None => Ok(()),
    }
}

/// `XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]`
pub(super) fn xtrim(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let options = Options::parse(args)?;
    args.end()?;
    let trim = options.trim.ok_or(SYNTAX)?;
    match space.find::<Stream>(key)? {
        Some((stream, memory, _)) => trim.apply(stream, options.references, memory),
        None => Ok(()),
    }
}

/// `XDEL key id [id ..]`
pub(super) fn xdel(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    parse_ids(args)?;
    delete_all(space, key, args, References::Keep)
}

/// `XDELEX key [KEEPREF | DELREF | ACKED] IDS numids id [id ..]`
pub(super) fn xdelex(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let references = References::parse(args).unwrap_or_default();
    parse_counted_ids(args)?;
    delete_all(space, key, args, references)
}

fn delete_all(space: &mut Space, key: &[u8], args: &mut Arguments<'_>, references: References) -> Done {
    let Some((stream, memory, _)) = space.find::<Stream>(key)? else { return Ok(()) };
    while let Some(id) = args.next() {
        delete(stream, parse_id(id)?, references, memory);
    }
    Ok(())
}

/// Deletes an entry, and notes that it was.
pub(super) fn delete(stream: &mut Stream, id: StreamId, references: References, memory: &mut Store) {
    if references.delete(stream, id, memory) {
        stream.max_deleted_id = stream.max_deleted_id.max(id);
    }
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID id]`
pub(super) fn xsetid(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, last_id) = (args.key()?, parse_id(args.text()?)?);
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::default());
    while args.left() > 0 {
        if args.word("ENTRIESADDED") {
            entries_added = Some(u64::try_from(args.int()?).map_err(|_| NEGATIVE)?);
        } else if args.word("MAXDELETEDID") {
            max_deleted_id = parse_id(args.text()?)?;
            if last_id < max_deleted_id {
                return Err(NOT_ABOVE);
            }
        } else {
            return Err(SYNTAX);
        }
    }
    let (stream, ..) = space.find::<Stream>(key)?.ok_or(NO_KEY)?;
    if last_id < stream.max_deleted_id || stream.last_entry_id().is_some_and(|last| last_id < last) {
        return Err(NOT_ABOVE);
    }
    if entries_added.is_some_and(|added| added < stream.len() as u64) {
        return Err(Halt::Answer("fewer entries added than there are"));
    }
    stream.last_id = last_id;
    stream.entries_added = entries_added.unwrap_or(stream.entries_added);
    if max_deleted_id != StreamId::default() {
        stream.max_deleted_id = max_deleted_id;
    }
    Ok(())
}
