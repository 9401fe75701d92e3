//! Commands on keys and databases, whatever the keys hold.
//!
//! Source: Redis 8.6 `db.c`, `cluster.c` `restoreCommand()`.

use super::super::build::{Collected, Collector};
use super::super::dataset::Entry;
use super::args::{Arguments, Done, Halt, NO_KEY, NOT_AN_INTEGER, SYNTAX, is_word};
use super::keyspace::Space;
use super::text::SlotText;
use super::value::Slot;
use crate::error::{Cause, Error, ErrorKind, Fault, FaultKind, Form, Place};
use crate::rdb::{DumpPayload, Eviction, ZeroChecksum};
use crate::wire::{Limits, number};

static NO_DATABASE: Cause = Cause::new(FaultKind::Command, "the number of a database", Form::Text("another"));
static BEYOND: Cause = Cause::new(
    FaultKind::Command,
    "the number of a database that there is (0 to 15, unless the option `databases` says otherwise)",
    Form::Number,
);
const SAME: Halt = Halt::Answer("source and destination that are the same");

/// `SELECT index`. A server goes on in the database it is in if there is none of that number; replay ends there.
pub(super) fn select(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let given = number::parse_int(args.text()?);
    args.end()?;
    // Everything behind it is meant for a database that is not there.
    let number = given.and_then(|number| space.number(number)).ok_or_else(|| {
        let beyond = given.and_then(|number| u64::try_from(number).ok());
        Halt::Fault(beyond.map_or(Fault::new(&NO_DATABASE, 0), |number| Fault::new(&BEYOND, number)))
    });
    space.select(number?)
}

/// `SWAPDB index index`
pub(super) fn swapdb(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (first, second) = (database(space, args)?, database(space, args)?);
    args.end()?;
    space.swap(first, second)
}

/// The number of a database.
fn database(space: &Space, args: &mut Arguments<'_>) -> Result<u64, Halt> {
    let number = number::parse_int(args.text()?).and_then(|number| space.number(number));
    number.ok_or(Halt::Answer("a database that there is not (the option `databases` says how many there are)"))
}

/// `FLUSHDB [ASYNC | SYNC]`
pub(super) fn flushdb(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    flush_mode(args)?;
    space.flush();
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`
pub(super) fn flushall(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    flush_mode(args)?;
    space.flush_all()
}

/// A word that says how, but not what.
pub(super) fn flush_mode(args: &mut Arguments<'_>) -> Done {
    let _ = args.word("ASYNC") || args.word("SYNC");
    args.end()
}

/// `DEL key [key ..]`, `UNLINK key [key ..]`
pub(super) fn del(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    space.remove(args.key()?);
    while let Some(key) = args.next() {
        space.remove(key);
    }
    Ok(())
}

/// `RENAME key new`
pub(super) fn rename(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    rename_if(space, args, false)
}

/// `RENAMENX key new`
pub(super) fn renamenx(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    rename_if(space, args, true)
}

fn rename_if(space: &mut Space, args: &mut Arguments<'_>, must_be_free: bool) -> Done {
    let (key, new) = (args.key()?, args.text()?);
    args.end()?;
    if !space.contains(key) {
        return Err(NO_KEY);
    }
    if key == new || must_be_free && space.contains(new) {
        return Ok(());
    }
    space.remove(new);
    let Some(slot) = space.take(key) else { return Ok(()) };
    space.memory.give_back(slot.key.heap_bytes());
    let new = SlotText::new(new, &mut space.memory)?;
    space.add(Slot { key: new, ..slot })
}

/// `MOVE key index`
pub(super) fn move_key(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let number = database(space, args)?;
    args.end()?;
    let selected = space.selected();
    if number == selected {
        return Err(SAME);
    }
    space.select(number)?;
    let is_free = !space.contains(key);
    space.select(selected)?;
    if is_free && let Some(slot) = space.take(key) {
        space.select(number)?;
        space.add(slot)?;
        space.select(selected)?;
    }
    Ok(())
}

/// `COPY source destination [DB index] [REPLACE]`
pub(super) fn copy(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, new) = (args.key()?, args.text()?);
    let selected = space.selected();
    let (mut number, mut replaces) = (selected, false);
    while let Some(word) = args.next() {
        if is_word(word, "REPLACE") {
            replaces = true;
        } else if is_word(word, "DB") {
            number = database(space, args)?;
        } else {
            return Err(SYNTAX);
        }
    }
    if key == new && number == selected {
        return Err(SAME);
    }
    let Some(slot) = space.slot(key) else { return Ok(()) };
    let bytes = slot.value.heap_bytes();
    space.memory.take(bytes)?;
    let Some(slot) = space.slot(key).map(|slot| slot.clone()) else { return Ok(()) };
    // A copy has no room to spare.
    space.memory.give_back(bytes.saturating_sub(slot.value.heap_bytes()));
    let bytes = slot.value.heap_bytes();
    space.select(number)?;
    if replaces || !space.contains(new) {
        space.remove(new);
        let new = SlotText::new(new, &mut space.memory)?;
        space.add(Slot { key: new, ..slot })?;
    } else {
        space.memory.give_back(bytes);
    }
    space.select(selected)
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ f]`
pub(super) fn restore(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let (key, ttl, payload) = (args.key()?, args.text()?, args.text()?);
    let (mut replaces, mut is_absolute, mut eviction) = (false, false, Eviction::None);
    while let Some(word) = args.next() {
        if is_word(word, "REPLACE") {
            replaces = true;
        } else if is_word(word, "ABSTTL") {
            is_absolute = true;
        } else if is_word(word, "IDLETIME") && eviction == Eviction::None {
            let idle_s = u64::try_from(args.int()?).map_err(|_| Halt::Answer("an idle time that is none"))?;
            eviction = Eviction::Idle(idle_s);
        } else if is_word(word, "FREQ") && eviction == Eviction::None {
            let freq = u64::try_from(args.int()?).ok().filter(|freq| *freq <= 255);
            eviction = Eviction::Freq(freq.ok_or(Halt::Answer("a frequency that is none"))?);
        } else {
            return Err(SYNTAX);
        }
    }
    if !replaces && space.contains(key) {
        return Err(Halt::Answer("a key that is there already"));
    }
    let ttl = number::parse_int(ttl).ok_or(NOT_AN_INTEGER)?;
    if ttl < 0 {
        return Err(Halt::Answer("a time to live that is negative"));
    }
    let entry = read(payload, space.memory.left())?;
    let expires_at_ms = match ttl {
        0 => None,
        _ if is_absolute => Some(ttl),
        _ => Some(ttl.saturating_add(space.now_ms)),
    };
    space.load(key, Entry { expires_at_ms, eviction, ..entry })
}

/// The value of a payload. What a server cannot read either is its answer; what only is
/// not known here ends the replay.
fn read(payload: &[u8], max_bytes: u64) -> Result<Entry, Halt> {
    let mut collector = Collector::new(max_bytes);
    let mut entry = None;
    let mut full = None;
    // A checksum of zero is none to Redis 8.6, and no other server writes it.
    let read = DumpPayload::parse(payload, ZeroChecksum::Absent).and_then(|payload| {
        payload.each_within(Limits { max_item_bytes: max_bytes }, |event, _| {
            match collector.push(event) {
                Ok(Some(Collected::Entry { entry: found, .. })) => entry = Some(found),
                Ok(_) => {}
                Err(fault) => {
                    full = Some(fault);
                    return Err(Error::new(fault.error_kind(0), 0, Place::default()));
                }
            }
            Ok(())
        })
    });
    match (read.map_err(|error| error.kind().clone()), full, entry) {
        (Ok(()), _, Some(entry)) => Ok(entry),
        (Err(ErrorKind::LimitExceeded { .. }), Some(fault), _) => Err(fault.into()),
        (
            Err(
                ErrorKind::LimitExceeded { .. }
                | ErrorKind::UnknownType { .. }
                | ErrorKind::UnreadableType { .. }
                | ErrorKind::UnsupportedVersion { .. },
            ),
            ..,
        ) => Err(Halt::Form("a payload of a version and type that can be read")),
        _ => Err(Halt::Answer("a payload that is damaged")),
    }
}
