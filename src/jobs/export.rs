//! JSON Lines: a line for each key, in file order.
//!
//! ```text
//! {"snapshot":{"dialect":"redis","version":11}}
//! {"aux":[S,S]}    {"function":S}    where they stand in the file
//! {"db":0,"key":S,"type":T,"encoding":E,"expires_at_ms":N,"idle_s":N,"freq":N,"value":V}
//! ```
//! A command of a log is `{"command":[S,...],"offset":N,"file":S,"timestamp_s":N}`.
//! `S` is bytes as [`Json::bytes`] writes them. The text of a value is written as
//! its parts come, so memory is that of one string, of one group's pending entries, or of what is
//! readable of one module value.

use super::export_stream::ConsumerLine;
use super::json::{Base64, Json};
use super::json_text::push_compact;
use super::module_value::ModuleJson;
use super::pending::PendingList;
use super::seen::{Seed, Seen};
use crate::error::{Cause, Fault, FaultKind, Form};
use crate::rdb::{
    Element, Elements, Event, Eviction, Key, KeyMeta, Kind, ModuleAux, ModuleId, ModuleItem, Part, SlotValue, ValueType,
};
use crate::wire::{Limits, Scalar};
use alloc::vec::Vec;

/// What stands behind the text of a slot that holds a double, rather than text that looks like one.
pub(super) const DOUBLE: &str = "double";

static TWICE: Cause = Cause::new(FaultKind::Duplicate, "a field once in its hash", Form::Number);
static TOO_LONG: Cause = Cause::new(FaultKind::Limit, "a string within the limit on an item's bytes", Form::Number);

/// Writes JSON Lines of the events of a snapshot.
#[derive(Debug)]
pub struct Export {
    limits: Limits,
    has_encoding: bool,
    pub(super) value_type: Option<ValueType>,
    /// Whether a comma goes before the next item of the value.
    pub(super) is_behind: bool,
    /// The pieces of a long string: it has to be whole before it is known to be text.
    held: Vec<u8>,
    base64: Base64,
    /// Metadata of the key that comes next, as it stands in front of its type.
    meta: Vec<u8>,
    /// Whether the list of a stream's groups is open.
    pub(super) has_groups_open: bool,
    /// Whether the list of a group's entries that were handed back is open.
    pub(super) has_returns_open: bool,
    /// Ids of a producer still to come.
    pub(super) ids_left: u64,
    readable: ModuleJson,
    /// Fields of the hash in hand, where a second one is refused.
    fields: Option<Seen>,
    pub(super) pending: PendingList,
    pub(super) consumers: Vec<ConsumerLine>,
    /// Names of `consumers`, one behind the other.
    pub(super) names: Vec<u8>,
}

impl Default for Export {
    fn default() -> Self {
        Self::new()
    }
}

impl Export {
    /// An export from the beginning of a snapshot, or of any key in it.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// As [`Export::new`]; the limit holds for long strings, for the pending entries of a group, and for
    /// the readable form of a module value, which is left out where it is longer.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            has_encoding: true,
            value_type: None,
            is_behind: false,
            held: Vec::new(),
            base64: Base64::default(),
            meta: Vec::new(),
            has_groups_open: false,
            has_returns_open: false,
            ids_left: 0,
            readable: ModuleJson::new(limits.max_item_bytes),
            fields: None,
            pending: PendingList::new(limits.max_item_bytes),
            consumers: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Leaves out encodings: the keys were not read from a snapshot.
    #[must_use]
    pub fn without_encoding(self) -> Self {
        Self { has_encoding: false, ..self }
    }

    /// Refuses a field that its hash has already, so that no object has a member twice. The first one stands.
    /// Fields are known by hashes with `seed`, in at most the limit on an item's bytes.
    #[must_use]
    pub fn refusing_duplicates(mut self, seed: Seed) -> Self {
        self.fields = Some(Seen::new(seed, self.limits.max_item_bytes));
        self
    }

    /// Appends the text of `event`, which was read from `raw`, to `out`. The caller may take
    /// bytes away from the front of `out` between calls. A new key may come at any time: the
    /// line before it is then the caller's to take back.
    ///
    /// # Errors
    /// A fault in a packed value or a consumer group, or a field that stands twice: the line can go on without
    /// what is wrong, and stays well formed. A string or a group beyond the limit: it cannot.
    #[inline]
    pub fn push(&mut self, event: &Event<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        match event {
            Event::Value(Part::Elements { elements, .. }) => self.elements(*elements, out),
            Event::Value(Part::Bytes { piece, left }) => self.string(*piece, *left, out),
            Event::Value(Part::Stream(part)) => self.stream(part, out),
            Event::Value(Part::Module(item)) => {
                self.module(*item, raw, out);
                Ok(())
            }
            Event::Value(Part::Array(head)) => {
                let mut json = Json::new(out);
                if let Some(index) = head.insert_index {
                    json.name("insert_index").int(index);
                }
                json.name("elements").open(b'[');
                Ok(())
            }
            Event::Value(Part::FirstExpiry(_) | Part::Template(_)) => Ok(()),
            Event::Key(key) => {
                self.open(key, out);
                Ok(())
            }
            Event::KeyEnd { .. } => {
                self.close(out);
                Ok(())
            }
            other => {
                self.record(other, raw, out);
                Ok(())
            }
        }
    }

    /// Says that the key that comes is left out, and what stood in front of it with it.
    pub fn skip_key(&mut self) {
        self.meta.clear();
    }

    fn open(&mut self, key: &Key<'_>, out: &mut Vec<u8>) {
        let mut json = Json::new(out);
        json.open(b'{').name("db").int(key.db).name("key").bytes(key.key);
        json.name("type").quoted(key.value_type.kind().name());
        if self.has_encoding {
            json.name("encoding").quoted(key.value_type.name());
        }
        if let Some(at) = key.expires_at_ms {
            json.name("expires_at_ms").int(at);
        }
        match key.eviction {
            Eviction::None => {}
            Eviction::Freq(freq) => {
                json.name("freq").int(freq);
            }
            Eviction::Idle(seconds) => {
                json.name("idle_s").int(seconds);
            }
        }
        if !self.meta.is_empty() {
            json.name("key_meta").open(b'{').name("$b64").raw(b"\"");
            self.base64.clear();
            self.base64.push(&self.meta, out);
            self.base64.finish(out);
            self.meta.clear();
            out.extend_from_slice(b"\"}");
            json = Json::within(out, true);
        }
        json.name("value");
        match key.value_type.kind() {
            Kind::String | Kind::Module => {}
            Kind::List | Kind::Set | Kind::Zset => {
                json.open(b'[');
            }
            Kind::Hash => {
                json.open(b'{');
                if let Some(fields) = &mut self.fields {
                    fields.clear();
                }
            }
            Kind::Array => {
                json.open(b'{');
            }
            Kind::Stream => {
                json.open(b'{').name("entries").open(b'[');
            }
        }
        self.value_type = Some(key.value_type);
        self.has_groups_open = false;
        self.has_returns_open = false;
        self.is_behind = false;
        self.held.clear();
        self.base64.clear();
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.value_type.take().map(ValueType::kind) {
            // The end opcode has closed a module value.
            None | Some(Kind::String | Kind::Module) => {}
            Some(Kind::List | Kind::Set | Kind::Zset) => out.push(b']'),
            Some(Kind::Hash) => out.push(b'}'),
            Some(Kind::Array) => out.extend_from_slice(b"]}"),
            Some(Kind::Stream) => {
                // What stands behind the groups closed their list.
                out.extend_from_slice(if self.has_groups_open { b"]}" } else { b"}" });
            }
        }
        out.extend_from_slice(b"}\n");
    }

    #[inline]
    fn elements(&mut self, elements: Elements<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let start = out.len();
        let mut json = Json::within(out, self.is_behind);
        let fields = &mut self.fields;
        let mut is_new = |field: Scalar<'_>| match fields {
            Some(fields) => field.with_text(|name| fields.is_new(0, name)),
            None => true,
        };
        let mut stands_twice = false;
        let result = elements.each(|element| match element {
            Element::Field { field, .. } | Element::ExpiringField { field, .. } if !is_new(field) => stands_twice = true,
            Element::Item(item) | Element::Member(item) => {
                json.bytes(item);
            }
            Element::Scored { member, score } => {
                json.open(b'[').bytes(member).score(score).close(b']');
            }
            Element::Field { field, value } => {
                json.name_bytes(field).bytes(value);
            }
            Element::ExpiringField { field, value, expires_at_ms } => {
                json.name_bytes(field).open(b'{').name("value").bytes(value);
                json.name("expires_at_ms").int(expires_at_ms).close(b'}');
            }
            Element::Slot { index, value } => {
                json.open(b'[').int(index);
                value.with_text(|text| {
                    json.bytes(Scalar::Bytes(text));
                });
                if let SlotValue::Float(float) = value {
                    json.double(float);
                }
                json.close(b']');
            }
        });
        self.is_behind |= out.len() > start;
        if stands_twice { Err(Fault::new(&TWICE, 0)) } else { result }
    }

    #[inline]
    fn string(&mut self, piece: Scalar<'_>, left: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        if left == 0 && self.held.is_empty() {
            Json::new(out).bytes(piece);
            return Ok(());
        }
        self.hold(piece, left, out)
    }

    #[cold]
    fn hold(&mut self, piece: Scalar<'_>, left: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        /// Capacity kept between long strings.
        const KEEP: usize = 256 * 1024;
        piece.push_to(&mut self.held);
        let len = self.held.len() as u64;
        if len > self.limits.max_item_bytes {
            return Err(Fault::new(&TOO_LONG, len.saturating_add(left)));
        }
        if left == 0 {
            Json::new(out).bytes(Scalar::Bytes(&self.held));
            self.held.clear();
            self.held.shrink_to(KEEP);
        }
        Ok(())
    }

    /// The payload is type byte and value, as `DUMP` gives them in front of its version and checksum.
    fn module(&mut self, item: ModuleItem<'_>, raw: &[u8], out: &mut Vec<u8>) {
        if let ModuleItem::Id(id) = item {
            let mut json = Json::new(out);
            json.open(b'{');
            open_payload(&mut json, id, None);
            if let Some(value_type) = self.value_type {
                self.base64.push(&[value_type.byte()], out);
            }
        }
        self.base64.push(raw, out);
        self.readable.push(&item);
        if item == ModuleItem::End {
            self.base64.finish(out);
            out.extend_from_slice(b"\"}");
            if let Some(readable) = self.readable.json() {
                out.extend_from_slice(b",\"readable\":");
                push_compact(readable, out);
            }
            out.push(b'}');
        }
    }

    /// What is no key.
    #[inline(never)]
    fn record(&mut self, event: &Event<'_>, raw: &[u8], out: &mut Vec<u8>) {
        let mut json = Json::new(out);
        match event {
            Event::Start(version) => {
                json.open(b'{').name("snapshot").open(b'{');
                json.name("dialect").quoted(version.dialect().name()).name("version").int(version.number());
                json.close(b'}').close(b'}').end_line();
            }
            Event::Aux { key, value } => {
                json.open(b'{').name("aux").open(b'[').bytes(*key).bytes(*value).close(b']').close(b'}').end_line();
            }
            Event::Function { code } => {
                json.open(b'{').name("function").bytes(*code).close(b'}').end_line();
            }
            Event::FunctionPreGa { name, engine, description, code } => {
                // As later servers write it: the source with a first line in front.
                self.held.clear();
                self.held.extend_from_slice(b"#!");
                engine.push_to(&mut self.held);
                self.held.extend_from_slice(b" name=");
                name.push_to(&mut self.held);
                self.held.push(b'\n');
                code.push_to(&mut self.held);
                json.open(b'{').name("function").bytes(Scalar::Bytes(&self.held));
                self.held.clear();
                if let Some(description) = description {
                    json.name("description").bytes(*description);
                }
                json.close(b'}').end_line();
            }
            Event::ModuleAux(ModuleAux::Open { id, when }) => {
                self.base64.clear();
                json.open(b'{').name("module_aux").open(b'{');
                open_payload(&mut json, *id, Some(*when));
            }
            Event::ModuleAux(ModuleAux::Item(item)) => {
                self.base64.push(raw, out);
                if *item == ModuleItem::End {
                    self.base64.finish(out);
                    out.extend_from_slice(b"\"}}}\n");
                }
            }
            Event::KeyMeta(meta) => {
                if let KeyMeta::Classes(_) = meta {
                    self.meta.clear();
                }
                meta.write(&mut self.meta);
            }
            // Hints, state of the server that is no data, and what is part of the values that refer to it.
            Event::SelectDb(_) | Event::ResizeDb { .. } | Event::SlotInfo { .. } | Event::Enterprise { .. } => {}
            Event::SlotImport(_) | Event::HashTemplate(_) | Event::EmptyKey(_) | Event::End(_) => self.meta.clear(),
            Event::Key(_) | Event::Value(_) | Event::KeyEnd { .. } => {}
        }
    }
}

impl Json<'_> {
    /// Says that a slot holds a double. Its text is exact, but for what is no number: that has its bits.
    fn double(&mut self, double: f64) {
        if double.is_nan() {
            self.quoted(&alloc::format!("{DOUBLE}:{:016x}", double.to_bits()));
        } else {
            self.quoted(DOUBLE);
        }
    }
}

/// Writes the members of a module value up to the first byte of its payload.
fn open_payload(json: &mut Json<'_>, id: ModuleId, when: Option<u64>) {
    json.name("module").bytes(Scalar::Bytes(&id.name())).name("encver").int(id.encver());
    if let Some(when) = when {
        json.name("when").int(when);
    }
    json.name("payload").open(b'{').name("$b64").raw(b"\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Flow, Job, Pass};
    use crate::rdb::{Decoder, Version};
    use alloc::string::String;

    struct Lines {
        export: Export,
        out: Vec<u8>,
    }

    impl Job for Lines {
        fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
            self.export.push(event, raw, &mut self.out)?;
            Ok(Flow::Continue)
        }
    }

    /// The lines of what stands between keys of an RDB 11.
    fn lines(body: &[u8]) -> Result<String, crate::Error> {
        let mut decoder = Decoder::resume(Version::redis(11), 0, 9, Limits::default());
        let mut job = Lines { export: Export::new(), out: Vec::new() };
        Pass::new().feed(&mut decoder, body, &mut job)?;
        Ok(String::from_utf8(job.out).unwrap())
    }

    #[test]
    fn a_key_is_a_line_with_all_that_its_head_says() {
        let body = b"\xfc\x01\0\0\0\0\0\0\0\xf9\x07\x00\x01k\x01v\xf8\x09\x00\x01i\xc0\x2a";
        assert_eq!(
            lines(body).unwrap(),
            concat!(
                "{\"db\":0,\"key\":\"k\",\"type\":\"string\",\"encoding\":\"string\",\"expires_at_ms\":1,\"freq\":7,\"value\":\"v\"}\n",
                "{\"db\":0,\"key\":\"i\",\"type\":\"string\",\"encoding\":\"string\",\"idle_s\":9,\"value\":\"42\"}\n",
            )
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "strings of 64 KiB")]
    fn long_strings_are_text_or_base64_as_a_whole() {
        let long = |fill: u8, last: &[u8]| {
            let mut body = b"\x00\x01k\x80\0\x01\0\x02".to_vec();
            body.resize(body.len() + 0x10000, fill);
            body.extend_from_slice(last);
            lines(&body).unwrap()
        };
        let text = long(b'a', b"aa");
        let head = "{\"db\":0,\"key\":\"k\",\"type\":\"string\",\"encoding\":\"string\",\"value\":";
        assert_eq!(text, alloc::format!("{head}\"{}\"}}\n", "a".repeat(0x10002)));
        // The last piece alone is no text, so nothing of it is.
        let base64 = long(b'a', b"a\xff");
        assert!(base64.contains("\"value\":{\"$b64\":\"YWFh") && base64.ends_with("\"}}\n"));
        // A character across the border of two pieces.
        let split = {
            let mut body = b"\x00\x01k\x80\0\x01\0\x02".to_vec();
            body.resize(body.len() + 0xffff, b'a');
            body.extend_from_slice("é".as_bytes());
            body.push(b'b');
            lines(&body).unwrap()
        };
        assert!(split.ends_with("aéb\"}\n"));
    }

    /// A stream dumped by Redis 7.0.15, and what `XINFO STREAM FULL` says of it there.
    #[test]
    fn a_stream_is_complete() {
        let mut body = b"\x13\x01s\x01\x10".to_vec();
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x40, 0x40]);
        let blob: &[u8] = &[
            0x40, 0, 0, 0, 0x18, 0, 3, 1, 0, 1, 1, 1, 0x81, 0x66, 2, 0, 1, 2, 1, 0, 1, 0, 1, 0x81, 0x76, 2, 4, 1, 2, 1, 0, 1, 1,
            1, 0x82, 0x76, 0x32, 3, 4, 1, 0, 1, 1, 1, 0xdf, 0xff, 2, 2, 1, 0x81, 0x67, 2, 0x81, 0x68, 2, 0x81, 0x66, 2, 0x81,
            0x69, 2, 8, 1, 0xff,
        ];
        body.extend_from_slice(blob);
        body.extend_from_slice(&[3, 2, 0, 1, 1, 0, 0, 3, 1, 1, b'g', 1, 1, 1, 1]);
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        body.extend_from_slice(&[1, 1, b'c', 6, 0, 0, 0, 0, 0, 0, 0, 1]);
        body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            lines(&body).unwrap(),
            concat!(
                "{\"db\":0,\"key\":\"s\",\"type\":\"stream\",\"encoding\":\"stream-listpacks-2\",\"value\":{\"entries\":[",
                "[\"1-1\",[\"f\",\"v\"]],[\"1-2\",[\"f\",\"v2\"]],[\"2-0\",[\"g\",\"h\",\"f\",\"i\"]]],",
                "\"last_id\":\"2-0\",\"first_id\":\"1-1\",\"max_deleted_id\":\"0-0\",\"entries_added\":3,",
                "\"groups\":[{\"name\":\"g\",\"last_id\":\"1-1\",\"entries_read\":1,",
                "\"pending\":[[\"1-1\",\"c\",5,1]],\"consumers\":[{\"name\":\"c\",\"seen_at_ms\":6}]}]}}\n"
            )
        );
    }

    #[test]
    fn a_module_value_is_its_dump_body() {
        // Module id 0, then opcode 5 with "ab", then the end; type byte 7 in front.
        let body = b"\x07\x01m\x00\x05\x02ab\x00";
        let line = lines(body).unwrap();
        assert!(
            line.ends_with("\"value\":{\"module\":\"AAAAAAAAA\",\"encver\":0,\"payload\":{\"$b64\":\"BwAFAmFiAA==\"}}}\n"),
            "{line}"
        );
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_where_asked() {
        let body = b"\x04\x01h\x02\x01f\x011\x01f\x012";
        let mut decoder = Decoder::resume(Version::redis(11), 0, 9, Limits::default());
        let mut job = Lines { export: Export::new().refusing_duplicates([1, 2]), out: Vec::new() };
        let error = Pass::new().feed(&mut decoder, body, &mut job).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("duplicate", 9 + 8));
        assert!(lines(body).unwrap().contains("\"f\":\"1\",\"f\":\"2\""));
    }

    #[test]
    fn a_fault_inside_a_packed_value_is_placed() {
        // hash-listpack {f: v} whose second entry has a wrong backward length.
        let blob = b"\x0d\0\0\0\x02\0\x81f\x02\x81v\x03\xff";
        let mut body = b"\x10\x01h\x0d".to_vec();
        body.extend_from_slice(blob);
        let error = lines(&body).unwrap_err();
        assert_eq!((error.code(), error.offset()), ("bad-packed", 9 + 4 + 9));
        assert_eq!(error.place().key.unwrap().bytes(), b"h");
    }
}
