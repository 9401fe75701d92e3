//! What a stream knows of its producers, so that an entry that is sent twice is added once (Redis 8.6): `XADD` with
//! `IDMP`, `XCFGSET`, `XIDMPRECORD`. Nothing is forgotten for its age while a log is loaded.

use super::super::store::Store;
use super::super::stream::{StreamIdempotency, StreamProducer};
use super::args::{Arguments, Done, Halt, SYNTAX};
use super::keyspace::Space;
use super::named::{Hashing, Name, Named};
use super::stream_entries::parse_id;
use super::streams::Stream;
use super::text::Text;
use super::value::named_bytes;
use crate::error::Fault;
use crate::rdb::StreamId;
use alloc::collections::VecDeque;

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

/// The producers of a stream, and for how long and how many of their ids are remembered.
#[derive(Clone, Debug)]
pub(super) struct Producers {
    duration_s: u64,
    max_ids: u64,
    producers: Named<Known>,
    added: u64,
    duplicates: u64,
}

/// A producer and the ids that it gave its entries.
#[derive(Clone, Debug)]
struct Known {
    name: Text,
    /// In the order in which they came.
    ids: VecDeque<(Text, StreamId)>,
    iids: Named<Text>,
}

impl Name for Known {
    fn name(&self) -> &[u8] {
        self.name.as_slice()
    }
}

impl Known {
    /// Memory that counts for an id, in a list that may be half full, beside its text.
    const ID_BYTES: usize = 2 * size_of::<(Text, StreamId)>();

    fn heap_bytes(&self) -> usize {
        // The text of an id is there twice.
        let ids = self.ids.len().saturating_mul(Self::ID_BYTES).saturating_add(named_bytes(&self.iids));
        self.ids.iter().map(|(iid, _)| iid.heap_bytes()).fold(ids.saturating_add(self.name.heap_bytes()), usize::saturating_add)
    }

    fn push(&mut self, iid: &[u8], id: StreamId, hashing: &Hashing, memory: &mut Store) -> Result<(), Fault> {
        memory.take(Self::ID_BYTES)?;
        self.ids.push_back((Text::new(iid, memory)?, id));
        let iid = Text::new(iid, memory)?;
        self.iids.add(iid, hashing, memory)
    }

    fn forget_first(&mut self, hashing: &Hashing, memory: &mut Store) {
        let Some((iid, _)) = self.ids.pop_front() else { return };
        self.iids.remove(iid.as_slice(), hashing);
        memory.give_back(Self::ID_BYTES.saturating_add(iid.heap_bytes().saturating_mul(2)));
    }
}

impl Default for Producers {
    fn default() -> Self {
        let StreamIdempotency { duration_s, max_ids, added, duplicates, .. } = StreamIdempotency::default();
        Self { duration_s, max_ids, producers: Named::default(), added, duplicates }
    }
}

impl Producers {
    pub(super) fn from_model(idempotency: StreamIdempotency, hashing: &Hashing, memory: &mut Store) -> Result<Self, Fault> {
        let StreamIdempotency { duration_s, max_ids, producers, added, duplicates } = idempotency;
        let mut made = Self { duration_s, max_ids, producers: Named::default(), added, duplicates };
        for StreamProducer { name, ids } in producers {
            let mut known = Known { name: Text::new(&name, memory)?, ids: VecDeque::new(), iids: Named::default() };
            for (iid, id) in ids {
                known.push(&iid, id, hashing, memory)?;
            }
            made.producers.add(known, hashing, memory)?;
        }
        Ok(made)
    }

    /// `None`: what a server has that was not told otherwise.
    pub(super) fn into_model(self, blocks: &mut Store) -> Option<StreamIdempotency> {
        let Self { duration_s, max_ids, producers, added, duplicates } = self;
        let to_model = |Known { name, ids, .. }: Known| {
            let ids = ids.into_iter().map(|(iid, id)| (iid.into_bytes(blocks), id)).collect();
            StreamProducer { name: name.into_bytes(blocks), ids }
        };
        let producers = producers.into_items().into_iter().map(to_model).collect();
        let idempotency = StreamIdempotency { duration_s, max_ids, producers, added, duplicates };
        (idempotency != StreamIdempotency::default()).then_some(idempotency)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let known = self.producers.items().iter().map(Known::heap_bytes);
        known.fold(self.producers.heap_bytes(), usize::saturating_add)
    }
}

impl Stream {
    /// Whether a producer has sent an entry before. A server logs such a command as it came, without the id that it
    /// writes into those that add an entry: this is how one is told whose id the server would make of the entry.
    pub(super) fn is_repeated(&self, producer: &Producer<'_>, has_id: bool, hashing: &Hashing) -> bool {
        let Some(iid) = producer.iid else { return !has_id };
        let known = self.producers.as_ref().and_then(|producers| producers.producers.get(producer.name, hashing));
        known.is_some_and(|known| known.iids.find(iid, hashing).is_some())
    }

    /// Counts an entry that came again.
    pub(super) fn note_repeated(&mut self) {
        let producers = self.producers.get_or_insert_default();
        producers.duplicates = producers.duplicates.wrapping_add(1);
    }

    /// Notes which id a producer gave an entry. One that the server makes of the entry is not kept.
    pub(super) fn note_produced(
        &mut self,
        producer: &Producer<'_>,
        id: StreamId,
        hashing: &Hashing,
        memory: &mut Store,
    ) -> Result<(), Fault> {
        let Producers { max_ids, producers, added, .. } = &mut **self.producers.get_or_insert_default();
        *added = added.wrapping_add(1);
        let Some(iid) = producer.iid else { return Ok(()) };
        let at = match producers.find(producer.name, hashing) {
            Some(at) => at,
            None => {
                let name = Text::new(producer.name, memory)?;
                producers.add(Known { name, ids: VecDeque::new(), iids: Named::default() }, hashing, memory)?;
                producers.len().saturating_sub(1)
            }
        };
        match producers.at_mut(at) {
            Some(known) => {
                if known.ids.len() as u64 >= *max_ids {
                    known.forget_first(hashing, memory);
                }
                known.push(iid, id, hashing, memory)
            }
            None => Ok(()),
        }
    }
}

/// `XIDMPRECORD key pid iid id`
pub(super) fn xidmprecord(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, name, iid) = (args.key()?, args.text()?, args.text()?);
    let id = parse_id(args.text()?)?;
    args.end()?;
    let producer = Producer { name, iid: Some(iid) }.check()?;
    let (stream, memory, hashing) = space.find::<Stream>(key)?.ok_or(NO_SUCH_ENTRY)?;
    if !stream.contains(id) {
        return Err(NO_SUCH_ENTRY);
    }
    if stream.is_repeated(&producer, true, hashing) {
        return Ok(());
    }
    Ok(stream.note_produced(&producer, id, hashing, memory)?)
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
    let producers = stream.producers.get_or_insert_default();
    let before = (producers.duration_s, producers.max_ids);
    producers.duration_s = duration_s.unwrap_or(producers.duration_s);
    producers.max_ids = max_ids.unwrap_or(producers.max_ids);
    // What other settings gave is forgotten.
    if (producers.duration_s, producers.max_ids) != before {
        memory.give_back(producers.heap_bytes());
        producers.producers = Named::default();
    }
    Ok(())
}
