//! The index of a log's commands: what is known of each without its arguments.

use crate::aof::Command;
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::Version;
use crate::wire::number;
use alloc::collections::{BTreeMap, TryReserveError};
use alloc::vec::Vec;
use core::mem::size_of;

static FULL: Cause = Cause::new(FaultKind::Limit, "memory for another command of the index", Form::Number);

/// Rows of a segment, as a power of two.
const SEGMENT_BITS: u32 = 13;
const SEGMENT_ROWS: usize = 1 << SEGMENT_BITS;

/// No server has a command of a longer name.
const MAX_NAME_BYTES: usize = 64;
/// Names beyond these are taken for one.
const MAX_NAMES: usize = 4096;

/// In place of a name: the row is a snapshot.
const SNAPSHOT: u16 = 0;
/// Stands for every name that is too long, or one too many.
const OTHER: u16 = 1;

/// The last row of a transaction that is open.
const OPEN: u32 = u32::MAX;

/// Commands of a log of one file or several, in order, with place, name, database, time and transaction. A snapshot in
/// front of them is one row.
///
/// A row takes 14 bytes; each change of database takes 16 more, each second that the log names 16, each transaction 8.
/// Grows in segments, so nothing is copied, and fails where memory ends with all rows before still there.
///
/// ```
/// use aikv::aof::{Decoder, Event};
/// use aikv::model::CommandIndex;
///
/// let log = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
/// let (mut decoder, mut index) = (Decoder::new(), CommandIndex::new());
/// index.begin_file().unwrap();
/// let mut rest = &log[..];
/// while !rest.is_empty() {
///     let offset = decoder.offset();
///     let step = decoder.step(rest).unwrap();
///     rest = &rest[step.consumed..];
///     match step.event {
///         Some(Event::Command(command)) => index.command(command, offset).unwrap(),
///         Some(Event::Timestamp { unix_s }) => index.timestamp(unix_s, offset).unwrap(),
///         _ => {}
///     }
/// }
/// index.end_at(log.len() as u64);
/// let row = index.row(1).unwrap();
/// assert_eq!((row.name, row.db, row.offset, row.bytes, row.unix_s), (Some("DEL"), 3, 39, 20, Some(1_700_000_000)));
/// ```
#[derive(Default)]
pub struct CommandIndex {
    rows: u32,
    /// Whether it is still to come where the last record ends.
    is_open: bool,
    segments: Vec<Segment>,
    names: Names,
    /// The first row of each file.
    files: Vec<u32>,
    /// From which row on which database is selected.
    dbs: Vec<(u32, u64)>,
    /// From which row on which second is named.
    times: Vec<(u32, u64)>,
    /// The first and last row of each transaction.
    transactions: Vec<(u32, u32)>,
    snapshots: Vec<(u32, Snapshot)>,
}

#[derive(Default)]
struct Segment {
    start: Vec<u64>,
    bytes: Vec<u32>,
    name: Vec<u16>,
}

impl Segment {
    const ROW_BYTES: usize = size_of::<u64>() + size_of::<u32>() + size_of::<u16>();

    fn new() -> Result<Self, TryReserveError> {
        let mut new = Self::default();
        new.start.try_reserve_exact(SEGMENT_ROWS)?;
        new.bytes.try_reserve_exact(SEGMENT_ROWS)?;
        new.name.try_reserve_exact(SEGMENT_ROWS)?;
        Ok(new)
    }
}

/// A snapshot at the head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its header.
    pub version: Version,
    /// Its length in the file.
    pub bytes: u64,
    /// Keys in it.
    pub keys: u64,
}

/// One row of a [`CommandIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRow<'a> {
    /// Position in the log, from 0.
    pub id: u32,
    /// Which file it stands in, from 0.
    pub file: u32,
    /// First byte, counted from the start of its file.
    pub offset: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// The name in capital letters, empty where it is none that a server has; `None` for a snapshot.
    pub name: Option<&'a str>,
    /// The snapshot, where the row is one.
    pub snapshot: Option<Snapshot>,
    /// The database that is selected; behind `SELECT` in its own row.
    pub db: u64,
    /// The last time that the log has named: Unix seconds.
    pub unix_s: Option<u64>,
    /// The transaction it stands in; `MULTI` and `EXEC` stand in it too.
    pub transaction: Option<TransactionRows>,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionRows {
    /// Its number, from 1.
    pub number: u64,
    /// The row of `MULTI`.
    pub first: u32,
    /// The row of `EXEC`; `None` where it has not come.
    pub last: Option<u32>,
}

impl CommandIndex {
    /// An index without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that what comes stands in another file of the log, whose offsets count from 0 and which starts in database 0.
    ///
    /// # Errors
    /// A limit where memory ends.
    pub fn begin_file(&mut self) -> Result<(), Fault> {
        self.files.try_reserve(1).map_err(|_| self.full())?;
        self.files.push(self.rows);
        self.select(0)
    }

    /// A snapshot has ended, with which the file begins.
    ///
    /// # Errors
    /// A limit where memory ends.
    pub fn snapshot(&mut self, snapshot: Snapshot) -> Result<(), Fault> {
        self.snapshots.try_reserve(1).map_err(|_| self.full())?;
        let row = self.rows;
        self.push(0, 0, SNAPSHOT)?;
        self.is_open = false;
        self.snapshots.push((row, snapshot));
        Ok(())
    }

    /// Takes the next command, which starts `offset` bytes into its file.
    ///
    /// # Errors
    /// A limit where memory ends.
    #[inline]
    pub fn command(&mut self, command: Command<'_>, offset: u64) -> Result<(), Fault> {
        self.end_at(offset);
        let row = self.rows;
        let (name, _) = command.split_name();
        let number = self.names.number(name);
        if command.argc() <= 2 {
            self.follow(command, row)?;
        }
        self.push(offset, written_bytes(command), number)
    }

    /// Says that the log names a second, `offset` bytes into the file.
    ///
    /// # Errors
    /// A limit where memory ends.
    pub fn timestamp(&mut self, unix_s: u64, offset: u64) -> Result<(), Fault> {
        self.end_at(offset);
        Self::turn(&mut self.times, self.rows, unix_s).map_err(|_| self.full())
    }

    /// Says where the last record ends: where another one begins, whatever it is, or the file ends. Until then, or where
    /// neither is known, it is taken to be as long as servers write it.
    pub fn end_at(&mut self, offset: u64) {
        if !core::mem::take(&mut self.is_open) {
            return;
        }
        let Some(segment) = self.segments.last_mut() else { return };
        if let (Some(start), Some(bytes)) = (segment.start.last(), segment.bytes.last_mut()) {
            *bytes = u32::try_from(offset.saturating_sub(*start)).unwrap_or(u32::MAX);
        }
    }

    #[cold]
    fn full(&self) -> Fault {
        Fault::new(&FULL, u64::from(self.rows))
    }

    fn push(&mut self, start: u64, bytes: u64, name: u16) -> Result<(), Fault> {
        let Some(next) = self.rows.checked_add(1).filter(|next| *next < OPEN) else { return Err(self.full()) };
        if self.segments.last().is_none_or(|last| last.start.len() == SEGMENT_ROWS) {
            let segment = Segment::new().and_then(|segment| self.segments.try_reserve(1).map(|()| segment));
            self.segments.push(segment.map_err(|_| self.full())?);
        }
        let Some(segment) = self.segments.last_mut() else { return Err(self.full()) };
        segment.start.push(start);
        // A snapshot's length has a place of its own.
        segment.bytes.push(u32::try_from(bytes).unwrap_or(u32::MAX));
        segment.name.push(name);
        self.names.count(name);
        self.rows = next;
        self.is_open = true;
        Ok(())
    }

    /// Follows the commands that change what others mean.
    #[inline(never)]
    fn follow(&mut self, command: Command<'_>, row: u32) -> Result<(), Fault> {
        let is = |name: &[u8]| command.name().eq_ignore_ascii_case(name);
        match command.argc() {
            1 if is(b"MULTI") => {
                self.transactions.try_reserve(1).map_err(|_| self.full())?;
                self.transactions.push((row, OPEN));
                Ok(())
            }
            1 if is(b"EXEC") => {
                if let Some((_, last)) = self.transactions.last_mut()
                    && *last == OPEN
                {
                    *last = row;
                }
                Ok(())
            }
            2 if is(b"SELECT") => {
                let db = command.args().nth(1).and_then(number::parse_int).and_then(|db| u64::try_from(db).ok());
                db.map_or(Ok(()), |db| self.select(db))
            }
            _ => Ok(()),
        }
    }

    fn select(&mut self, db: u64) -> Result<(), Fault> {
        Self::turn(&mut self.dbs, self.rows, db).map_err(|_| self.full())
    }

    /// From `row` on it is `value`.
    fn turn(turns: &mut Vec<(u32, u64)>, row: u32, value: u64) -> Result<(), TryReserveError> {
        match turns.last_mut() {
            Some((_, last)) if *last == value => {}
            Some((at, last)) if *at == row => *last = value,
            _ => {
                turns.try_reserve(1)?;
                turns.push((row, value));
            }
        }
        Ok(())
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let turns = self.dbs.capacity().saturating_add(self.times.capacity()).saturating_mul(size_of::<(u32, u64)>());
        let rows = self.segments.len().saturating_mul(SEGMENT_ROWS).saturating_mul(Segment::ROW_BYTES);
        let transactions = self.transactions.capacity().saturating_mul(size_of::<(u32, u32)>());
        rows.saturating_add(turns).saturating_add(transactions)
    }

    /// The row at this position of the log, from 0.
    #[must_use]
    pub fn row(&self, id: u32) -> Option<CommandRow<'_>> {
        let (segment, at) = self.cell(id)?;
        let name = segment.name.get(at).copied()?;
        let found = self.snapshots.binary_search_by_key(&id, |(row, _)| *row).ok();
        let snapshot = found.and_then(|found| self.snapshots.get(found)).map(|(_, snapshot)| *snapshot);
        Some(CommandRow {
            id,
            file: u32::try_from(self.files.partition_point(|first| *first <= id).saturating_sub(1)).unwrap_or(0),
            offset: segment.start.get(at).copied()?,
            bytes: snapshot.map_or_else(|| segment.bytes.get(at).map_or(0, |bytes| u64::from(*bytes)), |snapshot| snapshot.bytes),
            name: (name != SNAPSHOT).then(|| self.names.text(name)),
            snapshot,
            db: turned(&self.dbs, id).unwrap_or(0),
            unix_s: turned(&self.times, id),
            transaction: self.transaction(id),
        })
    }

    /// The name of a row as a number that [`CommandIndex::names`] counts from 0; a snapshot is 0, other names are 1.
    #[must_use]
    pub fn name_of(&self, id: u32) -> Option<u16> {
        let (segment, at) = self.cell(id)?;
        segment.name.get(at).copied()
    }

    fn cell(&self, id: u32) -> Option<(&Segment, usize)> {
        let segment = self.segments.get(id as usize >> SEGMENT_BITS)?;
        Some((segment, id as usize & (SEGMENT_ROWS - 1))).filter(|_| id < self.rows)
    }

    fn transaction(&self, id: u32) -> Option<TransactionRows> {
        let index = self.transactions.partition_point(|(first, _)| *first <= id).checked_sub(1)?;
        let (first, last) = self.transactions.get(index).copied()?;
        let number = (index as u64).saturating_add(1);
        Some(TransactionRows { number, first, last: (last != OPEN).then_some(last) }).filter(|_| id <= last)
    }

    /// Names of commands and how many there are of each; behind the snapshots and those that are none of a server.
    pub fn names(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names.rows.iter().enumerate().map(|(number, rows)| {
            let name = u16::try_from(number).map_or("", |number| self.names.text(number));
            (name, *rows)
        })
    }

    /// Transactions that have begun.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// The first and the last second that the log names.
    #[must_use]
    pub fn times(&self) -> Option<(u64, u64)> {
        let ((_, first), (_, last)) = (self.times.first()?, self.times.last()?);
        Some((*first, *last))
    }

    /// The first row behind the first time mark of this second or a later one.
    #[must_use]
    pub fn row_at(&self, unix_s: u64) -> Option<u32> {
        self.times.iter().find(|(_, time)| *time >= unix_s).map(|(row, _)| *row).filter(|row| *row < self.rows)
    }
}

/// The bytes of a command as servers write it: its count, and its arguments as they are.
fn written_bytes(command: Command<'_>) -> u64 {
    let digits = command.argc().checked_ilog10().unwrap_or(0);
    (command.framed().len() as u64).saturating_add(u64::from(digits)).saturating_add(4)
}

/// What holds at `row`.
fn turned(turns: &[(u32, u64)], row: u32) -> Option<u64> {
    let index = turns.partition_point(|(from, _)| *from <= row).checked_sub(1)?;
    turns.get(index).map(|(_, value)| *value)
}

/// Names in capital letters, by numbers in the order in which they first came.
struct Names {
    texts: Vec<Vec<u8>>,
    rows: Vec<u32>,
    numbers: BTreeMap<Vec<u8>, u16>,
    /// That of the command before, which is often that of the next one.
    last: u16,
}

impl Default for Names {
    fn default() -> Self {
        Self { texts: [Vec::new(), Vec::new()].into(), rows: [0, 0].into(), numbers: BTreeMap::new(), last: OTHER }
    }
}

impl Names {
    #[inline]
    fn number(&mut self, name: &[u8]) -> u16 {
        if self.texts.get(usize::from(self.last)).is_some_and(|text| text.eq_ignore_ascii_case(name)) {
            return self.last;
        }
        let number = self.find(name);
        self.last = number;
        number
    }

    fn find(&mut self, name: &[u8]) -> u16 {
        let mut room = [0; MAX_NAME_BYTES];
        let Some(capitals) = room.get_mut(..name.len()) else { return OTHER };
        capitals.copy_from_slice(name);
        capitals.make_ascii_uppercase();
        if let Some(number) = self.numbers.get(&*capitals) {
            return *number;
        }
        let is_text = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        let Some(number) = u16::try_from(self.texts.len()).ok().filter(|_| is_text && self.texts.len() < MAX_NAMES) else {
            return OTHER;
        };
        self.texts.push(capitals.to_vec());
        self.rows.push(0);
        self.numbers.insert(capitals.to_vec(), number);
        number
    }

    fn count(&mut self, number: u16) {
        if let Some(rows) = self.rows.get_mut(usize::from(number)) {
            *rows = rows.saturating_add(1);
        }
    }

    fn text(&self, number: u16) -> &str {
        self.texts.get(usize::from(number)).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aof::{Decoder, Event, write_command};
    use std::format;

    fn index(records: &[&[&str]]) -> CommandIndex {
        let mut log = Vec::new();
        for record in records {
            match record {
                [line] if line.starts_with('#') => log.extend_from_slice(format!("{line}\r\n").as_bytes()),
                words => write_command(words.iter(), &mut log).unwrap(),
            }
        }
        let (mut decoder, mut index) = (Decoder::new(), CommandIndex::new());
        index.begin_file().unwrap();
        let mut rest = &log[..];
        while !rest.is_empty() {
            let offset = decoder.offset();
            let step = decoder.step(rest).unwrap();
            rest = &rest[step.consumed..];
            match step.event {
                Some(Event::Command(command)) => index.command(command, offset).unwrap(),
                Some(Event::Timestamp { unix_s }) => index.timestamp(unix_s, offset).unwrap(),
                Some(_) => index.end_at(offset),
                None => {}
            }
        }
        index
    }

    #[test]
    fn a_row_ends_where_the_next_record_begins_whatever_that_is() {
        let index = index(&[&["SET", "a", "1"], &["#TS:5"], &["DEL", "a"], &["# a note"], &["DEL", "b"]]);
        let spans: Vec<_> = (0..3).map(|id| index.row(id).unwrap()).map(|row| (row.offset, row.bytes)).collect();
        assert_eq!(spans, [(0, 27), (34, 20), (64, 20)]);
        assert_eq!(index.row(3), None);
        // Behind one that a server reads, and never writes.
        let mut lenient = CommandIndex::new();
        lenient.begin_file().unwrap();
        let mut decoder = Decoder::new().leniently();
        let log = b"*+01\r\n$04\r\nPING\r\n";
        let command = match decoder.step(log).unwrap().event {
            Some(Event::Command(command)) => command,
            other => panic!("{other:?}"),
        };
        lenient.command(command, 0).unwrap();
        lenient.end_at(log.len() as u64);
        assert_eq!(lenient.row(0).unwrap().bytes, log.len() as u64);
    }

    #[test]
    fn names_are_counted_whatever_their_case_and_hostile_ones_are_one() {
        let long = "x".repeat(65);
        let index = index(&[&["set", "a", "1"], &["SET", "a", "1"], &["GetDel", "a"], &[&long, "a"], &["", "a"], &["a b", "c"]]);
        let names: Vec<_> = index.names().collect();
        assert_eq!(names, [("", 0), ("", 3), ("SET", 2), ("GETDEL", 1)]);
        assert_eq!(index.row(0).unwrap().name, Some("SET"));
        assert_eq!(index.row(3).unwrap().name, Some(""));
        assert_eq!(index.name_of(2), Some(3));
    }

    #[test]
    fn databases_times_and_transactions_hold_from_their_command_on() {
        let index = index(&[
            &["SET", "a", "1"],
            &["#TS:100"],
            &["SELECT", "3"],
            &["MULTI"],
            &["SET", "b", "1"],
            &["EXEC"],
            &["#TS:100"],
            &["#TS:160"],
            &["DEL", "b"],
        ]);
        let rows: Vec<_> = (0..6).map(|id| index.row(id).unwrap()).collect();
        assert_eq!(rows.iter().map(|row| row.db).collect::<Vec<_>>(), [0, 3, 3, 3, 3, 3]);
        let times = [None, Some(100), Some(100), Some(100), Some(100), Some(160)];
        assert_eq!(rows.iter().map(|row| row.unix_s).collect::<Vec<_>>(), times);
        let whole = Some(TransactionRows { number: 1, first: 2, last: Some(4) });
        assert_eq!(rows.iter().map(|row| row.transaction).collect::<Vec<_>>(), [None, None, whole, whole, whole, None]);
        assert_eq!([99, 100, 101, 160, 161].map(|time| index.row_at(time)), [Some(1), Some(1), Some(5), Some(5), None]);
        assert_eq!(index.times(), Some((100, 160)));
    }

    #[test]
    fn another_file_starts_in_database_0_with_its_own_offsets() {
        let mut index = index(&[&["SELECT", "2"], &["DEL", "a"]]);
        index.begin_file().unwrap();
        let snapshot = Snapshot { version: Version::redis(11), bytes: 5_000_000_000, keys: 3 };
        index.snapshot(snapshot).unwrap();
        let row = index.row(2).unwrap();
        assert_eq!((row.file, row.db, row.offset, row.bytes), (1, 0, 0, 5_000_000_000));
        assert_eq!((row.name, row.snapshot), (None, Some(snapshot)));
        assert_eq!(index.row(1).unwrap().file, 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of rows")]
    fn rows_take_the_memory_that_is_said() {
        let mut index = CommandIndex::new();
        index.begin_file().unwrap();
        let mut log = Vec::new();
        write_command([&b"PING"[..]], &mut log).unwrap();
        let mut decoder = Decoder::new();
        let command = match decoder.step(&log).unwrap().event {
            Some(Event::Command(command)) => command,
            other => panic!("{other:?}"),
        };
        let rows = 4 * SEGMENT_ROWS as u64;
        (0..rows).for_each(|at| index.command(command, at * 14).unwrap());
        let held = index.held_bytes() as u64;
        assert!((rows * 14..rows * 14 + 1000).contains(&held), "{held} bytes for {rows} rows");
    }
}
