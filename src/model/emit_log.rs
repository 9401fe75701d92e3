//! From owned data to a log: the commands that make it.

use super::dataset::{Entry, Function};
use super::emit::DumpEmitter;
use super::emit_log_parts::OpenKey;
use super::held_stream::HeldEntry;
use super::loss::Lost;
use super::pack_value::Nodes;
use super::plan::{EncodeOptions, Refusal, plan};
use super::stream::{Stream, StreamConsumer, StreamGroup, StreamIdempotency, StreamPending};
use super::value::{Array, ArrayValue, HashField, Value};
use crate::aof::{write_argument, write_argument_count, write_argument_length};
use crate::error::{Error, ErrorKind, KeyPreview, Place, Result};
use crate::rdb::{BacklenForm, Dialect, LAST_FIELD_EXPIRY_MS, SlotValue, StreamId, Version};
use crate::wire::Scalar;
use crate::wire::number::{Buffer, score_text};
use alloc::vec::Vec;

/// Writes the commands that make data anew, as servers do when they rewrite their log without a snapshot at its
/// head, in memory bounded by the largest value: the caller drains the output when it likes.
///
/// Commands are those of the servers that write the version of RDB that the options name, a large value in
/// commands of at most 64 elements. What commands cannot make exactly is written as `RESTORE` with a payload of
/// that version: module values, keys with metadata of modules, and streams with
/// - pending entries that were deleted or that no consumer has, or with delivery times before 1970;
/// - the ids of producers; consumers without pending entries, for Redis 5.0 to 6.2;
/// - ids or counters that a server could not have come to by commands, or a group that has read more entries than
///   were added;
///
/// and what commands would change or refuse: sorted sets with a score of -0, for Redis 7.0 and later, and hashes
/// with an expiry of a field at 0, or for Redis beyond 2^46 - 1.
///
/// What a version has no form for is `Unrepresentable`, as [`Emitter`](super::Emitter) says, but that there are
/// no fields about the snapshot. A log of commands has no room for two more things, which servers drop as well when
/// they rewrite one: what the eviction policy knew of a key, and when a stream's consumers were seen.
///
/// ```
/// use aikv::model::{EncodeOptions, LogEmitter, Value};
/// use aikv::rdb::Version;
///
/// let mut log = Vec::new();
/// let mut emitter = LogEmitter::new(&EncodeOptions::new(Version::redis(12)))?;
/// emitter.select_db(0, &mut log)?;
/// emitter.entry(b"k", &Value::List(vec!["a".into(), "b".into()]).into(), &mut log)?;
/// assert_eq!(log, b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*4\r\n$5\r\nRPUSH\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\nb\r\n");
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct LogEmitter {
    options: EncodeOptions,
    dumps: DumpEmitter,
    payload: Vec<u8>,
    db: Option<u64>,
    offset: u64,
    pub(super) open: OpenKey,
}

/// Elements of one command.
pub(super) const ITEMS: usize = 64;

impl LogEmitter {
    /// An emitter of commands for the servers that write this version.
    ///
    /// # Errors
    /// `UnsupportedVersion` where the version is not one that is known.
    pub fn new(options: &EncodeOptions) -> Result<Self> {
        Ok(Self {
            options: *options,
            dumps: DumpEmitter::new(options)?,
            payload: Vec::new(),
            db: None,
            offset: 0,
            open: OpenKey::default(),
        })
    }

    /// Appends a function library.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub fn function(&mut self, function: &Function, out: &mut Vec<u8>) -> Result<()> {
        let refusal = match function.description {
            _ if self.options.version.number() < 10 => Some(Refusal::of_version(Lost::Function)),
            Some(_) => Some(Refusal::of_servers(Lost::FunctionDescription.what())),
            None => None,
        };
        if let Some(Refusal { what, target, .. }) = refusal {
            return Err(Error::new(ErrorKind::Unrepresentable { what, target }, self.offset, Place::default()));
        }
        self.append(out, |_, log| {
            log.command(3, b"FUNCTION").bytes(b"LOAD").bytes(&function.code);
            Ok(())
        })
    }

    /// Says which database the entries that follow are in. Demanded before the first one.
    ///
    /// # Errors
    /// `Unrepresentable` for a number beyond 32 bits.
    pub fn select_db(&mut self, db: u64, out: &mut Vec<u8>) -> Result<()> {
        if u32::try_from(db).is_err() {
            let kind = ErrorKind::Unrepresentable { what: "a database number beyond 32 bits", target: "a log" };
            return Err(Error::new(kind, self.offset, Place { db: Some(db), ..Place::default() }));
        }
        self.db = Some(db);
        self.append(out, |_, log| {
            log.command(2, b"SELECT").number(db);
            Ok(())
        })
    }

    /// Appends a key with its value and expiry.
    ///
    /// # Errors
    /// `Unrepresentable`. Nothing was appended then.
    pub fn entry(&mut self, key: &[u8], entry: &Entry, out: &mut Vec<u8>) -> Result<()> {
        self.make(key, entry, None, out)
    }

    /// Appends a key whose nodes are held.
    ///
    /// # Errors
    /// `Unrepresentable`. Nothing was appended then.
    pub(crate) fn held(&mut self, key: &[u8], held: &HeldEntry, out: &mut Vec<u8>) -> Result<()> {
        self.make(key, &held.entry, Some(&held.nodes), out)
    }

    fn make(&mut self, key: &[u8], entry: &Entry, held: Option<&Nodes>, out: &mut Vec<u8>) -> Result<()> {
        let version = self.options.version;
        self.append(out, |this, log| {
            let plan = plan(&entry.value, version, &this.options.thresholds);
            plan.map_err(|refusal| this.refuse(key, entry, &refusal))?;
            if !entry.metadata.is_empty() || !value(key, &entry.value, held, version, log) {
                let Self { dumps, payload, .. } = this;
                if let Err(error) = dumps.write_with(entry, held, payload) {
                    let place = Place { db: this.db, key: Some(KeyPreview::new(key)), ..error.place().clone() };
                    return Err(Error::new(error.kind().clone(), this.offset, place));
                }
                log.command(4, b"RESTORE").bytes(key).number(0).bytes(payload);
            }
            let Some(expires_at_ms) = entry.expires_at_ms else { return Ok(()) };
            // Milliseconds came with Redis 2.6.
            if version.number() >= 3 {
                log.command(3, b"PEXPIREAT").bytes(key).signed(expires_at_ms);
            } else if expires_at_ms.checked_rem(1000) == Some(0) {
                log.command(3, b"EXPIREAT").bytes(key).signed(expires_at_ms / 1000);
            } else {
                return Err(this.refuse(key, entry, &Refusal::of_version(Lost::ExpiryMs)));
            }
            Ok(())
        })
    }

    pub(super) fn backlen(&self) -> BacklenForm {
        self.options.backlen
    }

    pub(super) fn version(&self) -> Version {
        self.options.version
    }

    pub(super) fn count(&mut self, appended: usize) {
        self.offset = self.offset.saturating_add(appended as u64);
    }

    /// Bytes written so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Self, &mut Log<'_>) -> Result<()>) -> Result<()> {
        let start = out.len();
        let written = write(self, &mut Log(out));
        if written.is_err() {
            out.truncate(start);
        }
        self.count(out.len().saturating_sub(start));
        written
    }

    #[cold]
    fn refuse(&self, key: &[u8], entry: &Entry, refusal: &Refusal) -> Error {
        let Refusal { what, target, element } = *refusal;
        let value_type = Some(entry.value.kind().name());
        let place = Place { db: self.db, key: Some(KeyPreview::new(key)), value_type, element };
        Error::new(ErrorKind::Unrepresentable { what, target }, self.offset, place)
    }
}

/// Appends commands.
pub(super) struct Log<'o>(&'o mut Vec<u8>);

impl<'o> Log<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self(out)
    }

    /// Begins a command of `argc` arguments, its name included.
    pub(super) fn command(&mut self, argc: usize, name: &[u8]) -> &mut Self {
        write_argument_count(argc as u64, self.0);
        self.bytes(name)
    }

    pub(super) fn bytes(&mut self, argument: &[u8]) -> &mut Self {
        write_argument(argument, self.0);
        self
    }

    #[inline(always)]
    pub(super) fn scalar(&mut self, argument: Scalar<'_>) -> &mut Self {
        argument.with_text(|text| write_argument(text, self.0));
        self
    }

    /// Begins an argument of `len` bytes, which follow, with a line's end behind them.
    pub(super) fn begin_bytes(&mut self, len: u64) -> &mut Self {
        write_argument_length(len, self.0);
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(itoa::Buffer::new().format(number).as_bytes())
    }

    pub(super) fn signed(&mut self, number: i64) -> &mut Self {
        self.bytes(itoa::Buffer::new().format(number).as_bytes())
    }

    fn id(&mut self, id: StreamId) -> &mut Self {
        let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (ms, seq) = (ms.format(id.ms), seq.format(id.seq));
        self.begin_bytes((ms.len() as u64).saturating_add(seq.len() as u64).saturating_add(1));
        self.raw(ms.as_bytes());
        self.raw(b"-");
        self.raw(seq.as_bytes());
        self.raw(b"\r\n");
        self
    }

    /// Commands of at most `most` items with `width` arguments each, behind a name and a key.
    fn batches<T>(&mut self, (name, key): (&[u8], &[u8]), items: &[T], most: usize, width: usize, add: impl Fn(&mut Self, &T)) {
        for batch in items.chunks(most) {
            self.command(batch.len().saturating_mul(width).saturating_add(2), name).bytes(key);
            batch.iter().for_each(|item| add(self, item));
        }
    }
}

/// Appends the commands that make a value; nothing and `false`, where there are none that do.
///
/// Source: Redis 8.0 `aof.c` `rewriteAppendOnlyFileRio()` and what it calls, `t_hash.c` `hexpireGenericCommand()`,
/// `t_zset.c` `zzlInsertAt()`; Valkey 9.1 `aof.c` `rewriteHashObject()`.
fn value(key: &[u8], value: &Value, held: Option<&Nodes>, version: Version, log: &mut Log<'_>) -> bool {
    /// The last one that `HPEXPIREAT` takes; what is loaded from a snapshot may be later.
    const LAST_EXPIRY_MS: i64 = LAST_FIELD_EXPIRY_MS >> 2;
    // Servers before 2.4 take one element a command.
    let items = if version.number() < 2 { 1 } else { ITEMS };
    match value {
        Value::String(text) => {
            log.command(3, b"SET").bytes(key).bytes(text);
        }
        Value::List(list) => log.batches((b"RPUSH", key), list, items, 1, |log, item| {
            log.bytes(item);
        }),
        Value::Set(members) => log.batches((b"SADD", key), members, items, 1, |log, member| {
            log.bytes(member);
        }),
        // Commands make 0 of it where the set is packed, as it is at first.
        Value::Zset(members) if version.number() >= 10 && members.iter().any(|scored| is_negative_zero(scored.score)) => {
            return false;
        }
        Value::Zset(members) => log.batches((b"ZADD", key), members, items, 2, |log, scored| {
            log.bytes(score_text(scored.score, &mut Buffer::new())).bytes(&scored.member);
        }),
        Value::Hash(fields) => {
            // `HSETEX` and `HPEXPIREAT` take none of the beginning of time either.
            let is_taken = |at: i64| at > 0 && (version.dialect() == Dialect::Valkey || at <= LAST_EXPIRY_MS);
            if !fields.iter().filter_map(|field| field.expires_at_ms).all(is_taken) {
                return false;
            }
            hash(key, fields, version, items, log);
        }
        Value::Array(array) => slots(key, array, log),
        Value::Stream(stream) => {
            if !is_made_by_commands(stream, version) {
                return false;
            }
            write_stream(key, stream, held, version, log);
        }
        Value::Module(_) => return false,
    }
    true
}

pub(super) fn is_negative_zero(score: f64) -> bool {
    score == 0.0 && score.is_sign_negative()
}

fn hash(key: &[u8], fields: &[HashField], version: Version, items: usize, log: &mut Log<'_>) {
    fn pair(log: &mut Log<'_>, field: &HashField) {
        log.bytes(&field.field).bytes(&field.value);
    }
    let is_expiring = |field: &&HashField| field.expires_at_ms.is_some();
    if !fields.iter().any(|field| is_expiring(&field)) {
        return log.batches((b"HMSET", key), fields, items, 2, pair);
    }
    match version.dialect() {
        Dialect::Redis => {
            for field in fields {
                log.batches((b"HMSET", key), core::slice::from_ref(field), 1, 2, pair);
                if let Some(at) = field.expires_at_ms {
                    log.command(6, b"HPEXPIREAT").bytes(key).signed(at).bytes(b"FIELDS").number(1).bytes(&field.field);
                }
            }
        }
        Dialect::Valkey => {
            for field in fields {
                if let Some(at) = field.expires_at_ms {
                    log.command(8, b"HSETEX").bytes(key).bytes(b"PXAT").signed(at).bytes(b"FIELDS").number(1);
                    pair(log, field);
                }
            }
            let lasting: Vec<_> = fields.iter().filter(|field| !is_expiring(field)).collect();
            log.batches((b"HMSET", key), &lasting, items, 2, |log, field| pair(log, field));
        }
    }
}

fn slots(key: &[u8], array: &Array, log: &mut Log<'_>) {
    log.batches((b"ARMSET", key), &array.slots, 32, 2, |log, (index, value)| {
        log.number(*index);
        match value {
            ArrayValue::Text(text) => log.bytes(text),
            ArrayValue::Float(float) => SlotValue::Float(*float).with_text(|text| log.bytes(text)),
        };
    });
    if let Some(index) = array.insert_index {
        log.command(3, b"ARSEEK").bytes(key).number(index.saturating_add(1));
    }
}

/// Whether commands make the stream as it is, but for the times of its consumers.
pub(super) fn is_made_by_commands(stream: &Stream, version: Version) -> bool {
    let has_entry = |id: StreamId| stream.entries.binary_search_by_key(&id, |entry| entry.id).is_ok();
    let is_pending_taken = |pending: &StreamPending| {
        pending.delivered_at_ms >= 0 && i64::try_from(pending.deliveries).is_ok() && has_entry(pending.id)
    };
    // `XGROUP CREATECONSUMER` came with Redis 6.2, whose snapshots are of the same version as those of 5.0.
    let is_consumer_taken = |consumer: &StreamConsumer| !consumer.pending.is_empty() || version.number() >= 10;
    // `XGROUP CREATE` takes no more than were added.
    let is_read_taken =
        |group: &StreamGroup| version.number() < 10 || group.entries_read.is_none_or(|read| read <= stream.entries_added);
    let is_group_taken = |group: &StreamGroup| {
        is_read_taken(group)
            && group.unowned.is_empty()
            && group.consumers.iter().all(|consumer| is_consumer_taken(consumer) && consumer.pending.iter().all(is_pending_taken))
    };
    let has_producers = |ids: &StreamIdempotency| !ids.producers.is_empty() || ids.added > 0 || ids.duplicates > 0;
    stream.entries.iter().all(|entry| entry.id != StreamId::default() && !entry.fields.is_empty())
        && stream.max_deleted_id <= stream.last_id
        && stream.groups.iter().all(is_group_taken)
        && !stream.idempotency.as_ref().is_some_and(has_producers)
}

fn write_stream(key: &[u8], stream: &Stream, held: Option<&Nodes>, version: Version, log: &mut Log<'_>) {
    for entry in held.into_iter().flat_map(Nodes::stream_entries) {
        let (count, _) = entry.fields.size_hint();
        log.command(count.saturating_mul(2).saturating_add(3), b"XADD").bytes(key).id(entry.id);
        for (field, value) in entry.fields {
            log.scalar(field).scalar(value);
        }
    }
    for entry in stream.entries.iter().filter(|_| held.is_none()) {
        log.command(entry.fields.len().saturating_mul(2).saturating_add(3), b"XADD").bytes(key).id(entry.id);
        for (field, value) in &entry.fields {
            log.bytes(field).bytes(value);
        }
    }
    if stream.entries.is_empty() {
        // An entry that is trimmed at once leaves an empty stream.
        log.command(7, b"XADD").bytes(key).bytes(b"MAXLEN").number(0).bytes(b"0-1").bytes(b"x").bytes(b"y");
    }
    let has_counters = version.number() >= 10;
    log.command(if has_counters { 7 } else { 3 }, b"XSETID").bytes(key).id(stream.last_id);
    if has_counters {
        log.bytes(b"ENTRIESADDED").number(stream.entries_added).bytes(b"MAXDELETEDID").id(stream.max_deleted_id);
    }
    for group in &stream.groups {
        log.command(if has_counters { 7 } else { 5 }, b"XGROUP").bytes(b"CREATE").bytes(key).bytes(&group.name).id(group.last_id);
        if has_counters {
            // No server has read more than 2^63 - 1; -1 is for unknown.
            let read = group.entries_read.and_then(|read| i64::try_from(read).ok());
            log.bytes(b"ENTRIESREAD").signed(read.unwrap_or(-1));
        }
        for consumer in &group.consumers {
            write_consumer(key, &group.name, consumer, log);
        }
    }
    if let Some(ids) = &stream.idempotency {
        log.command(6, b"XCFGSET").bytes(key).bytes(b"IDMP-DURATION").number(ids.duration_s);
        log.bytes(b"IDMP-MAXSIZE").number(ids.max_ids);
    }
}

fn write_consumer(key: &[u8], group: &[u8], consumer: &StreamConsumer, log: &mut Log<'_>) {
    if consumer.pending.is_empty() {
        log.command(5, b"XGROUP").bytes(b"CREATECONSUMER").bytes(key).bytes(group).bytes(&consumer.name);
    }
    for pending in &consumer.pending {
        log.command(12, b"XCLAIM").bytes(key).bytes(group).bytes(&consumer.name).number(0).id(pending.id);
        log.bytes(b"TIME").signed(pending.delivered_at_ms).bytes(b"RETRYCOUNT").number(pending.deliveries);
        log.bytes(b"JUSTID").bytes(b"FORCE");
    }
}
