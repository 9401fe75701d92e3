//! From owned data to a snapshot, record by record.

use super::dataset::{Entry, Function, ModuleData};
use super::emit_parts::OpenKey;
use super::emit_value::write_value;
use super::held_stream::HeldEntry;
use super::loss::Lost;
use super::pack_value::{Nodes, Packer};
use super::plan::{EncodeOptions, Forms, Refusal, plan};
use crate::error::{Error, ErrorKind, KeyPreview, Place, Result};
use crate::rdb::{Checksum, Encoder, Event, Eviction, Key, KeyMeta, MAX_CLASSES, ModuleAux, ModuleItem, Span, ValueType, seal};
use crate::wire::Scalar;
use alloc::vec::Vec;

/// Writes a snapshot from owned data, in memory bounded by the largest value: the caller
/// drains the output when it likes.
///
/// What the version has no form for is `Unrepresentable` with its key, and the position of the element where it
/// is one. Nothing was written of it then, and the emitter goes on with whatever comes next. Such are:
/// - aux fields before RDB 7, module values before 8, idle times, frequencies and module data outside of keys
///   before 9, streams before 9, function libraries before 10, key metadata before 13 and arrays before 14
///   (both not in Valkey's snapshots), expiries of fields but in RDB 12 and later and in Valkey 80;
/// - of streams: before RDB 10 counters that a server could not derive when it loads the stream, before 11
///   consumers that were active at another time than seen, before 13 producers' ids, before 14 pending entries
///   without a consumer (none of the last two in Valkey's snapshots);
/// - expiries before RDB 3 that are no whole seconds; lengths beyond 32 bits before RDB 8;
/// - descriptions of functions, and what no server holds: values without elements, scores that are no number.
///
/// That members, fields, names and pending ids are distinct is not looked at.
///
/// ```
/// use aikv::model::{EncodeOptions, Emitter, Value};
/// use aikv::rdb::Version;
///
/// let mut file = Vec::new();
/// let mut emitter = Emitter::new(&EncodeOptions::new(Version::redis(6)), &mut file)?;
/// emitter.select_db(0, &mut file)?;
/// emitter.entry(b"k", &Value::String("v".into()).into(), &mut file)?;
/// emitter.finish(&mut file)?;
/// assert_eq!(file, b"REDIS0006\xfe\x00\x00\x01k\x01v\xff\xad\xa9\x76\x55\x98\x18\x18\x22");
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct Emitter {
    pub(super) encoder: Encoder,
    pub(super) options: EncodeOptions,
    pub(super) packer: Packer,
    db: Option<u64>,
    pub(super) open: OpenKey,
}

impl Emitter {
    /// Begins a snapshot.
    ///
    /// # Errors
    /// `UnsupportedVersion` where the version is not one that is known.
    pub fn new(options: &EncodeOptions, out: &mut Vec<u8>) -> Result<Self> {
        let mut emitter = Self::with_encoder(options, Encoder::new(options.version))?;
        emitter.encoder.write(&Event::Start(options.version), out)?;
        Ok(emitter)
    }

    fn with_encoder(options: &EncodeOptions, encoder: Encoder) -> Result<Self> {
        let version = options.version;
        if !version.is_supported() {
            return Err(Error::new(version.unsupported().error_kind(0), 0, Place::default()));
        }
        let encoder = if options.is_compressing { encoder } else { encoder.without_compression() };
        Ok(Self {
            encoder,
            options: *options,
            packer: Packer::new(version, options.backlen),
            db: None,
            open: OpenKey::new(Forms::of(version)),
        })
    }

    /// Appends a field about the snapshot.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub fn aux(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.encoder.write(&Event::Aux { key: Scalar::Bytes(name), value: Scalar::Bytes(value) }, out)
    }

    /// Appends a function library.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub fn function(&mut self, function: &Function, out: &mut Vec<u8>) -> Result<()> {
        if function.description.is_some() {
            let kind = ErrorKind::Unrepresentable { what: Lost::FunctionDescription.what(), target: "a snapshot" };
            return Err(Error::new(kind, self.encoder.offset(), Place::default()));
        }
        self.encoder.write(&Event::Function { code: Scalar::Bytes(&function.code) }, out)
    }

    /// Appends module data outside of keys.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub fn module_data(&mut self, data: &ModuleData, out: &mut Vec<u8>) -> Result<()> {
        let encoder = &mut self.encoder;
        let head = Event::ModuleAux(ModuleAux::Open { id: data.id, when: data.when });
        encoder.write(&head, out)?;
        data.items.try_each(|item| encoder.write(&Event::ModuleAux(ModuleAux::Item(*item)), out))?;
        encoder.write(&Event::ModuleAux(ModuleAux::Item(ModuleItem::End)), out)
    }

    /// Says which database the entries that follow are in.
    ///
    /// # Errors
    /// `Unrepresentable` for a number beyond 32 bits.
    pub fn select_db(&mut self, db: u64, out: &mut Vec<u8>) -> Result<()> {
        if u32::try_from(db).is_err() {
            let kind = ErrorKind::Unrepresentable { what: "a database number beyond 32 bits", target: "a snapshot" };
            return Err(Error::new(kind, self.encoder.offset(), Place { db: Some(db), ..Place::default() }));
        }
        self.encoder.write(&Event::SelectDb(db), out)?;
        self.db = Some(db);
        Ok(())
    }

    /// Appends a hint how many keys the database has, and how many of them expire; nothing where the
    /// version has no room for it. Servers make room for that many when they load the snapshot.
    ///
    /// # Errors
    /// `OutOfOrder` behind the end.
    pub fn resize_db(&mut self, keys: u64, expires: u64, out: &mut Vec<u8>) -> Result<()> {
        let event = Event::ResizeDb { keys, expires };
        if self.encoder.check(&event).is_err() {
            return Ok(());
        }
        self.encoder.write(&event, out)
    }

    /// Appends a key with all that belongs to it.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub fn entry(&mut self, key: &[u8], entry: &Entry, out: &mut Vec<u8>) -> Result<()> {
        let Entry { expires_at_ms, eviction, .. } = *entry;
        self.key_and_value(key, (expires_at_ms, eviction), entry, None, out)
    }

    /// Appends a key whose nodes are held.
    ///
    /// # Errors
    /// `Unrepresentable`.
    pub(crate) fn held(&mut self, key: &[u8], held: &HeldEntry, out: &mut Vec<u8>) -> Result<()> {
        let Entry { expires_at_ms, eviction, .. } = held.entry;
        self.key_and_value(key, (expires_at_ms, eviction), &held.entry, Some(&held.nodes), out)
    }

    fn key_and_value(
        &mut self,
        key: &[u8],
        (expires_at_ms, eviction): (Option<i64>, Eviction),
        entry: &Entry,
        held: Option<&Nodes>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        // All that can fail comes before the first byte is written.
        let value_type = match self.prepare(entry, held.is_some()) {
            Ok(value_type) => value_type,
            Err(refusal) => return Err(self.refuse(key, entry, refusal)),
        };
        let db = self.db.unwrap_or(0);
        let head = Event::Key(Key { key: Scalar::Bytes(key), value_type, db, expires_at_ms, eviction });
        self.encoder.check(&head)?;
        self.metadata(key, entry, out)?;
        let Self { encoder, packer, .. } = self;
        encoder.write(&head, out)?;
        let nodes = held.unwrap_or(packer.nodes());
        write_value(value_type, &entry.value, nodes, &mut |event| encoder.write(event, out))?;
        self.encoder.write(&Event::KeyEnd { span: Span::default() }, out)
    }

    /// Chooses the type of a value and makes its packed form, unless that is held.
    fn prepare(&mut self, entry: &Entry, is_held: bool) -> Result<ValueType, Refusal> {
        let EncodeOptions { version, thresholds, .. } = &self.options;
        let plan = plan(&entry.value, *version, thresholds)?;
        if is_held || self.packer.pack(plan.value_type, &entry.value, thresholds) {
            return Ok(plan.value_type);
        }
        let otherwise = plan.otherwise.filter(|otherwise| self.packer.pack(*otherwise, &entry.value, thresholds));
        otherwise.ok_or(Refusal::LARGE_ENTRY)
    }

    fn metadata(&mut self, key: &[u8], entry: &Entry, out: &mut Vec<u8>) -> Result<()> {
        let classes = entry.metadata.len() as u64;
        if classes == 0 {
            return Ok(());
        }
        let head = Event::KeyMeta(KeyMeta::Classes(classes));
        if let Err(error) = self.encoder.check(&head) {
            let place = Place { db: self.db, key: Some(KeyPreview::new(key)), ..Place::default() };
            return Err(Error::new(error.kind().clone(), error.offset(), place));
        }
        if classes > MAX_CLASSES {
            return Err(self.refuse(key, entry, Refusal::of_servers("more than 7 classes of key metadata")));
        }
        let encoder = &mut self.encoder;
        encoder.write(&head, out)?;
        for metadata in &entry.metadata {
            encoder.write(&Event::KeyMeta(KeyMeta::Class(metadata.class)), out)?;
            metadata.items.try_each(|item| encoder.write(&Event::KeyMeta(KeyMeta::Item(*item)), out))?;
            encoder.write(&Event::KeyMeta(KeyMeta::Item(ModuleItem::End)), out)?;
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self, key: &[u8], entry: &Entry, refusal: Refusal) -> Error {
        let Refusal { what, target, element } = refusal;
        let value_type = Some(entry.value.kind().name());
        let place = Place { db: self.db, key: Some(KeyPreview::new(key)), value_type, element };
        Error::new(ErrorKind::Unrepresentable { what, target }, self.encoder.offset(), place)
    }

    /// The encoder behind it, for records that are written as they were read.
    pub(crate) fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Bytes written so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.encoder.offset()
    }

    /// Appends the end and the checksum.
    ///
    /// # Errors
    /// None: an emitter is between records whenever its caller has it.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<()> {
        self.encoder.write(&Event::End(Checksum::Verified), out)?;
        self.encoder.finish()
    }
}

/// Writes `DUMP` payloads from owned data.
///
/// ```
/// use aikv::model::{DumpEmitter, EncodeOptions, Value};
/// use aikv::rdb::Version;
///
/// let mut payload = Vec::new();
/// let mut dumps = DumpEmitter::new(&EncodeOptions::new(Version::redis(10)))?;
/// dumps.write(&Value::String("hello".into()).into(), &mut payload)?;
/// // What Redis 7.0.15 dumps.
/// assert_eq!(payload, b"\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a");
/// # Ok::<(), aikv::Error>(())
/// ```
pub struct DumpEmitter(Emitter);

impl DumpEmitter {
    /// An emitter of payloads of this version.
    ///
    /// # Errors
    /// `UnsupportedVersion` where the version is not one that is known.
    pub fn new(options: &EncodeOptions) -> Result<Self> {
        Emitter::with_encoder(options, Encoder::payload(options.version)).map(Self)
    }

    /// Puts the payload of an entry into `payload`, which is emptied before. Expiry and eviction are not part
    /// of it: they are arguments of `RESTORE`.
    ///
    /// # Errors
    /// `Unrepresentable`, see [`Emitter`]; `payload` is empty then.
    pub fn write(&mut self, entry: &Entry, payload: &mut Vec<u8>) -> Result<()> {
        self.write_with(entry, None, payload)
    }

    /// As [`DumpEmitter::write`], of an entry whose nodes may be held.
    pub(super) fn write_with(&mut self, entry: &Entry, held: Option<&Nodes>, payload: &mut Vec<u8>) -> Result<()> {
        let Self(emitter) = self;
        payload.clear();
        emitter.encoder.begin_payload();
        emitter.key_and_value(b"", (None, Eviction::None), entry, held, payload)?;
        seal(payload, emitter.options.version);
        Ok(())
    }
}
