//! The encoder: the decoder's mirror, and commands from their arguments.

use super::decode::Decoder;
use super::event::{Command, Event};
use super::transaction::Transaction;
use crate::error::{Error, ErrorKind, Found, Place, Result};
use crate::rdb;
use crate::wire::feed::Step;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Servers read an annotation through a buffer of 1024 bytes; some room is left.
const MAX_ANNOTATION: usize = 1000;

/// Appends a command to `out`: its count, then every argument with its length.
///
/// # Errors
/// `BadCommand` where there is no argument, `LimitExceeded` where there are
/// more than [`Decoder::MAX_ARGUMENTS`]. Nothing was appended then.
pub fn write_command<I>(args: I, out: &mut Vec<u8>) -> Result<(), ErrorKind>
where
    I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<[u8]>>,
{
    let args = args.into_iter();
    let argc = args.len() as u64;
    if argc == 0 {
        return Err(ErrorKind::BadCommand { expected: "a command with arguments", found: Found::Text("none") });
    }
    if argc > Decoder::MAX_ARGUMENTS {
        let expected = "a count of arguments within the limit";
        return Err(ErrorKind::LimitExceeded { expected, found: Found::Number(argc) });
    }
    write_argument_count(argc, out);
    for argument in args {
        write_argument(argument.as_ref(), out);
    }
    Ok(())
}

/// Appends how many arguments follow.
pub(crate) fn write_argument_count(argc: u64, out: &mut Vec<u8>) {
    write_number(b'*', argc, out);
}

/// Appends how long the argument is that follows.
pub(crate) fn write_argument_length(len: u64, out: &mut Vec<u8>) {
    write_number(b'$', len, out);
}

/// Appends an argument with its length.
#[inline]
pub(crate) fn write_argument(argument: &[u8], out: &mut Vec<u8>) {
    write_number(b'$', argument.len() as u64, out);
    out.extend_from_slice(argument);
    out.extend_from_slice(b"\r\n");
}

/// Numbers of up to three digits, as most are, go as one word of which the rest is taken back: a run of known length is cheaper
/// to append, and a branch on the digits would be guessed wrong as often as texts differ in length.
#[inline(always)]
fn write_number(lead: u8, number: u64, out: &mut Vec<u8>) {
    if number > 999 {
        return write_large_number(lead, number, out);
    }
    let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10];
    let zeros = u64::from(number < 10).wrapping_add(u64::from(number < 100));
    // Three digits and the line's end, the first digit in the lowest byte.
    let digits = (hundreds | tens << 8 | ones << 16 | 0x0a_0d30_3030) >> (zeros << 3);
    let len = out.len().wrapping_add(6).wrapping_sub(usize::from(zeros.to_le_bytes()[0]));
    out.extend_from_slice(&(digits << 8 | u64::from(lead)).to_le_bytes());
    out.truncate(len);
}

#[cold]
fn write_large_number(lead: u8, number: u64, out: &mut Vec<u8>) {
    out.push(lead);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a log from events, in bounded memory: the caller drains the output
/// when it likes.
///
/// ```
/// use aikv::aof::{Encoder, Event};
///
/// let mut encoder = Encoder::new();
/// let mut log = Vec::new();
/// encoder.write(&Event::Timestamp { unix_s: 1700000000 }, &mut log)?;
/// encoder.command(["SET", "key", "value"], &mut log)?;
/// encoder.finish()?;
/// assert_eq!(log, b"#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
/// # Ok::<(), aikv::Error>(())
/// ```
#[derive(Default)]
pub struct Encoder {
    phase: Phase,
    transaction: Transaction,
    offset: u64,
}

/// What may come next.
#[derive(Default)]
enum Phase {
    #[default]
    Start,
    Snapshot(Box<rdb::Encoder>),
    Commands,
}

impl Encoder {
    /// An encoder of a log from its first byte on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the bytes of `event` to `out`; nothing for an integrity mark, since records may
    /// come out in other bytes than they were read in. [`write_marked`](super::write_marked) makes
    /// marks, [`Encoder::copy`] keeps them.
    ///
    /// # Errors
    /// `OutOfOrder` where a snapshot does not come first or not whole; `BadCommand`
    /// for transactions that are nested, not opened or discarded; `Unrepresentable`
    /// for an annotation of several lines or of more than 1000 bytes, and as
    /// [`rdb::Encoder::write`] says. Nothing was appended then.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<()> {
        match event {
            Event::Snapshot(event) => self.snapshot(event, out, |encoder, out| encoder.write(event, out)),
            Event::Command(command) => self.append(out, |this, out| {
                this.follow(*command)?;
                write_argument_count(command.argc(), out);
                out.extend_from_slice(command.framed());
                Ok(())
            }),
            Event::Mark(_) => Ok(()),
            Event::Timestamp { unix_s } => self.append(out, |_, out| {
                out.extend_from_slice(b"#TS:");
                out.extend_from_slice(itoa::Buffer::new().format(*unix_s).as_bytes());
                out.extend_from_slice(b"\r\n");
                Ok(())
            }),
            Event::Annotation(text) => self.append(out, |_, out| {
                if text.len() > MAX_ANNOTATION || text.contains(&b'\n') {
                    return Err(ErrorKind::Unrepresentable { what: "this annotation", target: "a line of at most 1000 bytes" });
                }
                out.push(b'#');
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
                Ok(())
            }),
        }
    }

    /// Appends the command with these arguments to `out`, its name first.
    ///
    /// # Errors
    /// As [`Encoder::write`] and [`write_command`].
    pub fn command<I>(&mut self, args: I, out: &mut Vec<u8>) -> Result<()>
    where
        I: IntoIterator<IntoIter: ExactSizeIterator, Item: AsRef<[u8]>>,
    {
        self.append(out, |this, out| {
            let start = out.len();
            let args = args.into_iter();
            let argc = args.len() as u64;
            write_command(args, out)?;
            // Behind the count, `*` and CR LF.
            let count = itoa::Buffer::new().format(argc).len().saturating_add(3);
            let framed = out.get(start.saturating_add(count)..).unwrap_or_default();
            this.follow(Command::new(framed, argc))
        })
    }

    /// Appends a decoder's step byte for byte. The checksum of a snapshot is computed anew.
    ///
    /// # Errors
    /// As [`Encoder::write`].
    pub fn copy(&mut self, step: &Step<'_, Event<'_>>, out: &mut Vec<u8>) -> Result<()> {
        match step.event {
            None => Ok(()),
            Some(Event::Snapshot(event)) => {
                let step = Step { consumed: step.consumed, raw: step.raw, event: Some(event) };
                self.snapshot(&event, out, |encoder, out| encoder.copy(&step, out))
            }
            Some(event) => self.append(out, |this, out| {
                if let Event::Command(command) = event {
                    this.follow(command)?;
                }
                out.extend_from_slice(step.raw);
                Ok(())
            }),
        }
    }

    /// Says that no event follows.
    ///
    /// # Errors
    /// `OutOfOrder` within a snapshot or between `MULTI` and `EXEC`.
    pub fn finish(self) -> Result<()> {
        if let Phase::Snapshot(snapshot) = self.phase {
            return snapshot.finish();
        }
        if self.transaction == Transaction::Open {
            return Err(self.refuse(out_of_order("EXEC behind MULTI", "nothing")));
        }
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes a step of the snapshot that stands before all commands.
    fn snapshot(
        &mut self,
        event: &rdb::Event<'_>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut rdb::Encoder, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        if let (Phase::Start, rdb::Event::Start(version)) = (&self.phase, event) {
            self.phase = Phase::Snapshot(Box::new(rdb::Encoder::new(*version)));
        }
        let Phase::Snapshot(encoder) = &mut self.phase else {
            return Err(self.refuse(out_of_order("a command or annotation", "a snapshot's event")));
        };
        write(encoder, out)?;
        self.offset = encoder.offset();
        if let rdb::Event::End(_) = event {
            self.phase = Phase::Commands;
        }
        Ok(())
    }

    /// Writes a record, or nothing.
    fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), ErrorKind>) -> Result<()> {
        if let Phase::Snapshot(_) = self.phase {
            return Err(self.refuse(out_of_order("the snapshot's next event", "a command or annotation")));
        }
        let start = out.len();
        if let Err(kind) = write(self, out) {
            out.truncate(start);
            return Err(self.refuse(kind));
        }
        self.phase = Phase::Commands;
        self.offset = self.offset.saturating_add(out.len().saturating_sub(start) as u64);
        Ok(())
    }

    fn follow(&mut self, command: Command<'_>) -> Result<(), ErrorKind> {
        if command.argc() == 1 {
            self.transaction = self.transaction.after(command.name()).map_err(|fault| fault.error_kind(0))?;
        }
        Ok(())
    }

    fn refuse(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset, Place::default())
    }
}

fn out_of_order(expected: &'static str, found: &'static str) -> ErrorKind {
    ErrorKind::OutOfOrder { expected, found: Found::Text(found) }
}
