//! Reads a file from front to back, whatever it is: a snapshot, a log, or a
//! snapshot with a log behind it.

use super::{Job, Pass};
use crate::aof;
use crate::error::{Error, ErrorKind, Fault};
use crate::rdb;
use crate::wire::{Limits, Step};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The version of Redis 4.0, the first that puts a snapshot in front of a log.
const FIRST_PREAMBLE: u64 = 8;

/// Reads a file from chunks of any size and hands what is in it to a job: the
/// events of its snapshot, the commands of its log.
pub struct Reader {
    limits: Limits,
    is_lenient: bool,
    is_increment: bool,
    state: State,
    pass: Pass,
    snapshot: Option<rdb::Summary>,
    log: Option<Log>,
    /// Those of the snapshot, once it was read.
    templates: rdb::Templates,
    failure: Option<Error>,
}

/// What the next byte belongs to.
enum State {
    /// Nothing was read.
    Start,
    Snapshot(Box<rdb::Decoder>),
    /// Behind a snapshot, where nothing should be.
    Trailing(Box<rdb::Decoder>),
    Log(Box<aof::Decoder>),
    Finished,
}

/// The commands of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Where they begin: behind the snapshot, if there is one.
    pub start: u64,
    /// How many there are, those of transactions included.
    pub commands: u64,
    /// Annotations, timestamps and integrity marks included.
    pub annotations: u64,
    /// Integrity marks whose bytes have the checksum they say.
    pub marks: u64,
    /// The bytes that those marks cover.
    pub verified_bytes: u64,
}

impl Reader {
    /// A reader from the file's first byte on.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            is_lenient: false,
            is_increment: false,
            state: State::Start,
            pass: Pass::new(),
            snapshot: None,
            log: None,
            templates: rdb::Templates::default(),
            failure: None,
        }
    }

    /// A reader of a snapshot, and of the log behind it, from where `decoder` stands; lenient if that is.
    #[must_use]
    pub fn resume(decoder: rdb::Decoder, limits: Limits) -> Self {
        Self { is_lenient: decoder.is_lenient(), state: State::Snapshot(Box::new(decoder)), ..Self::new(limits) }
    }

    /// Goes on where the framing is whole, as [`rdb::Decoder::leniently`] and
    /// [`aof::Decoder::leniently`] do.
    #[must_use]
    pub fn leniently(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    /// Takes commands only, or nothing at all: an increment of a multi-part log.
    #[must_use]
    pub fn of_increment(mut self) -> Self {
        self.is_increment = true;
        self
    }

    /// What was passed over since the last call, in file order, but for what the job took. There are
    /// few for each event: a caller who asks after every chunk, and at the end, holds few.
    pub fn deviations(&mut self) -> Vec<Error> {
        self.pass.deviations()
    }

    /// The hash templates of the snapshot, read so far.
    #[must_use]
    pub fn templates(&self) -> rdb::Templates {
        match &self.state {
            State::Snapshot(decoder) | State::Trailing(decoder) => decoder.templates(),
            State::Start | State::Log(_) | State::Finished => self.templates.clone(),
        }
    }

    /// Reads all of `chunk`, or less where the job wants nothing more.
    ///
    /// # Errors
    /// The first one, which stays: where the file is damaged, or a fault of the
    /// job that it did not note.
    pub fn feed<J: Job + ?Sized>(&mut self, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.read(chunk, job);
        self.failure = result.as_ref().err().cloned();
        result
    }

    fn read<J: Job + ?Sized>(&mut self, chunk: &[u8], job: &mut J) -> Result<(), Error> {
        let mut rest = chunk;
        while let Some(first) = rest.first().copied() {
            match &mut self.state {
                State::Finished => return Ok(()),
                State::Start => {
                    self.state = match first {
                        _ if self.is_increment => self.open_log(0),
                        b'*' | b'#' => self.open_log(0),
                        _ => State::Snapshot(Box::new(self.open_snapshot())),
                    };
                }
                State::Snapshot(decoder) if !decoder.is_done() => {
                    let consumed = self.pass.feed_snapshot(decoder, rest, job)?;
                    if self.pass.is_stopped() {
                        return Ok(());
                    }
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                State::Snapshot(decoder) => {
                    let decoder = core::mem::take(decoder);
                    self.templates = decoder.templates();
                    let may_lead = decoder.version().is_some_and(|version| version.number() >= FIRST_PREAMBLE);
                    self.state = if may_lead && matches!(first, b'*' | b'#') {
                        let start = decoder.offset();
                        self.snapshot = Some(decoder.finish()?);
                        self.open_log(start)
                    } else {
                        State::Trailing(decoder)
                    };
                }
                State::Trailing(decoder) => {
                    return decoder.step(rest).map(drop).map_err(|fault| decoder.dress(fault));
                }
                State::Log(decoder) => {
                    let start = self.log.map_or(0, |log| log.start);
                    let result = commands(decoder, start, rest, &mut self.pass, job);
                    self.note_log();
                    return result;
                }
            }
        }
        Ok(())
    }

    fn open_log(&mut self, start: u64) -> State {
        self.log = Some(Log { start, ..Log::default() });
        // A command holds a key and a value, and each may be an item of its own.
        let limits = Limits { max_item_bytes: self.limits.max_item_bytes.saturating_mul(2) };
        let mut decoder = aof::Decoder::with_limits(limits);
        if self.is_increment {
            decoder = decoder.without_snapshot();
        }
        State::Log(Box::new(if self.is_lenient { decoder.leniently() } else { decoder }))
    }

    fn open_snapshot(&self) -> rdb::Decoder {
        let decoder = rdb::Decoder::with_limits(self.limits);
        if self.is_lenient { decoder.leniently() } else { decoder }
    }

    fn note_log(&mut self) {
        if let (State::Log(decoder), Some(log)) = (&self.state, &mut self.log) {
            let summary = decoder.summary();
            log.commands = summary.commands;
            log.annotations = summary.annotations;
            log.marks = summary.marks;
            log.verified_bytes = summary.verified_bytes;
        }
    }

    /// Says that no bytes follow. Nothing can be read afterwards.
    ///
    /// # Errors
    /// `Truncated` where the file is not whole, with the offset where it stops
    /// being so; the error that [`Reader::feed`] has said already.
    pub fn finish(&mut self) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = match core::mem::replace(&mut self.state, State::Finished) {
            // A job that has seen enough says nothing of the rest.
            _ if self.pass.is_stopped() => Ok(()),
            State::Start if self.is_increment => {
                self.log = Some(Log::default());
                Ok(())
            }
            State::Start => rdb::Decoder::with_limits(self.limits).finish().map(drop),
            State::Snapshot(decoder) | State::Trailing(decoder) => self.finish_snapshot(*decoder),
            State::Log(decoder) => {
                let start = self.log.map_or(0, |log| log.start);
                decoder.finish().map(drop).map_err(|error| moved(&error, start))
            }
            State::Finished => Ok(()),
        };
        self.failure = result.as_ref().err().cloned();
        result
    }

    fn finish_snapshot(&mut self, decoder: rdb::Decoder) -> Result<(), Error> {
        self.templates = decoder.templates();
        let version = decoder.version().filter(|_| self.is_lenient);
        match (decoder.finish(), version) {
            (Ok(summary), _) => self.snapshot = Some(summary),
            // The one behind RDB 1 to 4, which is known for a checksum only now.
            (Err(error), Some(version)) if matches!(error.kind(), ErrorKind::BadChecksum { .. }) => {
                self.pass.deviations.push(error);
                self.snapshot = Some(rdb::Summary { version, checksum: rdb::Checksum::Wrong, trailing: None });
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// The snapshot, once it was read to its end and what is behind it is known.
    #[must_use]
    pub fn snapshot(&self) -> Option<rdb::Summary> {
        self.snapshot
    }

    /// The commands read so far, where there are any.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        self.log
    }

    /// The error that ended the reading.
    #[must_use]
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether the job wants nothing more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.pass.is_stopped()
    }
}

/// Reads a chunk of a log that begins `start` bytes into the file.
fn commands<J: Job + ?Sized>(
    decoder: &mut aof::Decoder,
    start: u64,
    chunk: &[u8],
    pass: &mut Pass,
    job: &mut J,
) -> Result<(), Error> {
    let mut rest = chunk;
    loop {
        let offset = start.saturating_add(decoder.offset());
        let step = match step(decoder, rest) {
            Ok(step) => step,
            Err(fault) => return Err(moved(&decoder.dress(fault), start)),
        };
        let consumed = step.consumed;
        match step.event {
            Some(event) => {
                if let Err(fault) = job.log(&event, offset) {
                    return Err(moved(&decoder.dress(fault), start));
                }
                if decoder.is_lenient() {
                    for error in decoder.deviations() {
                        pass.hand_on(moved(&error, start), job);
                    }
                }
            }
            None if consumed == rest.len() => return Ok(()),
            None => {}
        }
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

/// One copy of the step for every job: it holds the snapshot's grammar too.
#[inline(never)]
fn step<'a>(decoder: &'a mut aof::Decoder, input: &'a [u8]) -> Result<Step<'a, aof::Event<'a>>, Fault> {
    decoder.step(input)
}

/// An error of the commands, counted from the start of the file.
fn moved(error: &Error, start: u64) -> Error {
    Error::new(error.kind().clone(), start.saturating_add(error.offset()), error.place().clone())
}

/// Whether a snapshot that begins so has the field that stands at the head of logs. Such fields come before all keys.
#[must_use]
pub fn is_preamble(head: &[u8]) -> bool {
    let mut decoder = rdb::Decoder::new();
    let mut rest = head;
    while let Ok(step) = decoder.step(rest) {
        rest = rest.get(step.consumed..).unwrap_or_default();
        match step.event {
            Some(rdb::Event::Aux { key, value }) => {
                if key.with_text(|name| name.eq_ignore_ascii_case(b"aof-preamble")) {
                    return value.as_int().is_some_and(|value| value != 0);
                }
            }
            Some(rdb::Event::Start(_)) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Flow;
    use crate::rdb::{Checksum, Event, Part};

    /// Keeps the names of keys, and walks elements.
    #[derive(Default)]
    struct Keys(Vec<Vec<u8>>);

    impl Job for Keys {
        fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
            match event {
                Event::Key(key) => self.0.push(key.key.to_vec()),
                Event::Value(Part::Elements { elements, .. }) => elements.check()?,
                _ => {}
            }
            Ok(Flow::Continue)
        }
    }

    /// Codes and offsets of what was passed over.
    type Told = Vec<(&'static str, u64)>;

    /// What was told in chunks of `chunk` bytes; the keys; how it ended.
    fn read(file: &[u8], chunk: usize, is_lenient: bool) -> (Told, Vec<Vec<u8>>, Result<(), Error>, Reader) {
        let mut reader = Reader::new(Limits::default());
        if is_lenient {
            reader = reader.leniently();
        }
        let (mut keys, mut told) = (Keys::default(), Vec::new());
        let mut result = Ok(());
        for chunk in file.chunks(chunk) {
            result = result.and_then(|()| reader.feed(chunk, &mut keys));
            told.append(&mut reader.deviations());
        }
        let result = result.and_then(|()| reader.finish());
        told.append(&mut reader.deviations());
        (told.iter().map(|error| (error.code(), error.offset())).collect(), keys.0, result, reader)
    }

    /// A version to come; a set without members; a hash of which an entry has a wrong size, and one of
    /// three entries; a string; a wrong checksum.
    fn odd() -> Vec<u8> {
        let mut file = b"REDIS0099".to_vec();
        file.extend_from_slice(b"\x02\x01e\x00");
        file.extend_from_slice(b"\x10\x01h\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff");
        file.extend_from_slice(b"\x10\x01i\x10\x10\0\0\0\x03\0\x81f\x02\x81v\x02\x81g\x02\xff");
        file.extend_from_slice(b"\x00\x01k\x01v\xffchecksum");
        file
    }

    #[test]
    fn a_lenient_reader_tells_each_deviation_in_file_order_whatever_the_chunks() {
        let file = odd();
        let expected =
            [("unsupported-version", 5), ("bad-value", 12), ("bad-packed", 26), ("bad-packed", 49), ("bad-checksum", 56)];
        for chunk in [file.len(), 7, 1] {
            let (told, keys, result, reader) = read(&file, chunk, true);
            assert_eq!(told, expected, "chunks of {chunk}");
            assert_eq!(keys, [b"h", b"i", b"k"]);
            result.unwrap();
            assert_eq!(reader.snapshot().unwrap().checksum, Checksum::Wrong);
        }
    }

    #[test]
    fn a_strict_reader_ends_at_the_first_and_tells_it_once() {
        let (told, keys, result, _) = read(&odd(), 1000, false);
        assert_eq!((told.len(), keys.len()), (0, 0));
        assert_eq!(result.unwrap_err().code(), "unsupported-version");
    }

    #[test]
    fn what_cannot_be_read_on_ends_a_lenient_reading_too() {
        let mut file = odd();
        file.truncate(20);
        let (told, _, result, _) = read(&file, 3, true);
        assert_eq!(told, [("unsupported-version", 5), ("bad-value", 12)]);
        assert_eq!(result.unwrap_err().code(), "truncated");
    }

    #[test]
    fn numbers_of_a_log_are_those_that_servers_take() {
        let log = b"*2\r\n$06\r\nSELECT\r\n$+1\r\n0\r\n*+1\r\n$4\r\nPING\r\n";
        for chunk in [log.len(), 1] {
            let (told, _, result, reader) = read(log, chunk, true);
            // Of each command the first.
            assert_eq!(told, [("bad-command", 4), ("bad-command", 25)]);
            result.unwrap();
            assert_eq!(reader.log().unwrap().commands, 2);
        }
        assert_eq!(read(log, 8, false).2.unwrap_err().offset(), 4);
        // Behind a snapshot, offsets count from the start of the file.
        let file = [b"REDIS0011\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0", &log[..]].concat();
        let (told, keys, result, _) = read(&file, 5, true);
        assert_eq!((told, keys.len()), (Vec::from([("bad-command", 27), ("bad-command", 48)]), 1));
        result.unwrap();
    }

    #[test]
    fn a_checksum_behind_a_version_without_one_is_a_deviation() {
        let file = b"REDIS0004\xfe\x00\x00\x01k\x01v\xffchecksum";
        assert_eq!(read(file, 100, false).2.unwrap_err().code(), "bad-checksum");
        let (told, keys, result, reader) = read(file, 100, true);
        assert_eq!((told, keys.len()), (Vec::from([("bad-checksum", 17)]), 1));
        result.unwrap();
        assert_eq!(reader.snapshot().unwrap().checksum, Checksum::Wrong);
    }

    #[test]
    fn templates_are_there_during_the_reading_and_behind_it() {
        // Template 3 with the fields a and bb.
        let file = b"REDIS0015\xf2\x03\x02\x01a\x02bb\xff\0\0\0\0\0\0\0\0";
        let mut reader = Reader::new(Limits::default());
        let mut keys = Keys::default();
        assert!(reader.templates().is_empty());
        reader.feed(&file[..19], &mut keys).unwrap();
        assert!(!reader.templates().is_empty());
        reader.feed(&file[19..], &mut keys).unwrap();
        reader.finish().unwrap();
        assert!(!reader.templates().is_empty());
    }
}
