//! What a stream knows of its producers, so that an entry that is sent twice is added once (Redis 8.6): `XADD` with
//! `IDMP`, `XCFGSET`, `XIDMPRECORD`. Nothing is forgotten for its age while a log is loaded.

use super::super::store::Store;
use super::super::stream::{StreamIdempotency, StreamProducer};
use super::args::{Arguments, Done, Halt, SYNTAX};
use super::keyspace::Space;
use super::stream_entries::parse_id;
use super::streams::{Stream, idempotency_bytes};
use crate::error::Fault;
use crate::rdb::StreamId;
use alloc::vec::Vec;
use bytes::Bytes;

const NO_SUCH_ENTRY: Halt = Halt::Answer("no such entry");
const OUT_OF_RANGE: Halt = Halt::Answer("a number out of range");

/// Who adds an entry, and the id that the producer gave it.
pub(super) struct Producer<'a> {
    name: &'a [u8],
    /// `None` is one that the server makes of the entry.
    iid: Option<&'a [u8]>,
}

impl<'a> Producer<'a> {
    /// `IDMP pid iid`, `IDMPAUTO pid`
    pub(super) fn parse(args: &mut Arguments<'a>) -> Result<Option<Self>, Halt> {
        let producer = match () {
            () if args.word("IDMP") => Self { name: args.text()?, iid: Some(args.text()?) },
            () if args.word("IDMPAUTO") => Self { name: args.text()?, iid: None },
            () => return Ok(None),
        };
        producer.check().map(Some)
    }

    fn check(self) -> Result<Self, Halt> {
        let is_empty = self.name.is_empty() || self.iid.is_some_and(<[u8]>::is_empty);
        if is_empty { Err(Halt::Answer("an empty id")) } else { Ok(self) }
    }
}

impl Stream {
    /// Whether a producer has sent an entry before. A server logs such a command as it came, without the id that it
    /// writes into those that add an entry: this is how one is told whose id the server would make of the entry.
    pub(super) fn is_repeated(&self, producer: &Producer<'_>, has_id: bool) -> bool {
        let Some(iid) = producer.iid else { return !has_id };
        let known = self.idempotency.iter().flat_map(|idempotency| &idempotency.producers);
        let mut ids = known.filter(|known| known.name == producer.name).flat_map(|known| &known.ids);
        ids.any(|(known, _)| known == iid)
    }

    /// Counts an entry that came again.
    pub(super) fn note_repeated(&mut self) {
        let idempotency = self.idempotency.get_or_insert_default();
        idempotency.duplicates = idempotency.duplicates.wrapping_add(1);
    }

    /// Notes which id a producer gave an entry. One that the server makes of the entry is not kept.
    pub(super) fn note_produced(&mut self, producer: &Producer<'_>, id: StreamId, memory: &mut Store) -> Result<(), Fault> {
        let idempotency = self.idempotency.get_or_insert_default();
        idempotency.added = idempotency.added.wrapping_add(1);
        let Some(iid) = producer.iid else { return Ok(()) };
        let max_ids = usize::try_from(idempotency.max_ids).unwrap_or(usize::MAX);
        let producers = &mut idempotency.producers;
        let at = match producers.iter().position(|known| known.name == producer.name) {
            Some(at) => at,
            None => {
                memory.take(producer.name.len().saturating_add(2 * size_of::<StreamProducer>()))?;
                producers.push(StreamProducer { name: Bytes::copy_from_slice(producer.name), ids: Vec::new() });
                producers.len().saturating_sub(1)
            }
        };
        if let Some(known) = producers.get_mut(at) {
            if known.ids.len() >= max_ids {
                let (iid, _) = known.ids.remove(0);
                memory.give_back(iid.len());
            } else {
                memory.take(2 * size_of::<(Bytes, StreamId)>())?;
            }
            memory.take(iid.len())?;
            known.ids.push((Bytes::copy_from_slice(iid), id));
        }
        Ok(())
    }
}

/// `XIDMPRECORD key pid iid id`
pub(super) fn xidmprecord(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, iid) = (args.key()?, args.text()?, args.text()?);
    let id = parse_id(args.text()?)?;
    args.end()?;
    let producer = Producer { name, iid: Some(iid) }.check()?;
    let (stream, memory, _) = space.find::<Stream>(key)?.ok_or(NO_SUCH_ENTRY)?;
    if !stream.contains(id) {
        return Err(NO_SUCH_ENTRY);
    }
    if stream.is_repeated(&producer, true) {
        return Ok(());
    }
    Ok(stream.note_produced(&producer, id, memory)?)
}

/// `XCFGSET key [IDMP-DURATION seconds] [IDMP-MAXSIZE count]`
pub(super) fn xcfgset(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    const MAX_DURATION_S: u64 = 86_400;
    const MAX_IDS: u64 = 10_000;
    let key = args.key()?;
    args.at_least(2)?;
    let (mut duration_s, mut max_ids) = (None, None);
    while args.left() > 0 {
        let (setting, max) = match () {
            () if args.word("IDMP-DURATION") => (&mut duration_s, MAX_DURATION_S),
            () if args.word("IDMP-MAXSIZE") => (&mut max_ids, MAX_IDS),
            () => return Err(SYNTAX),
        };
        let number = u64::try_from(args.int()?).ok().filter(|number| (1..=max).contains(number));
        *setting = Some(number.ok_or(OUT_OF_RANGE)?);
    }
    let (stream, memory, _) = space.find::<Stream>(key)?.ok_or(NO_SUCH_ENTRY)?;
    let idempotency = stream.idempotency.get_or_insert_default();
    let StreamIdempotency { duration_s: duration_before, max_ids: max_before, .. } = *idempotency;
    idempotency.duration_s = duration_s.unwrap_or(duration_before);
    idempotency.max_ids = max_ids.unwrap_or(max_before);
    // What other settings gave is forgotten.
    if (idempotency.duration_s, idempotency.max_ids) != (duration_before, max_before) {
        memory.give_back(idempotency_bytes(idempotency));
        idempotency.producers.clear();
    }
    Ok(())
}
