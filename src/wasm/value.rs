//! A page of one value, read again from the file by the span of its key.

use super::error;
use super::object::{self, ObjectExt};
use super::option;
use crate::error::{Error, ErrorKind, Fault, Place};
use crate::jobs::{Flow, Job, ModuleJson, Pass};
use crate::model::Row;
use crate::rdb::{
    Consumer, Decoder, Element, Event, Group, Kind, ModuleId, ModuleItem, Part, Pending, StreamEntry, StreamId, StreamPart,
};
use crate::wire::Scalar;
use alloc::string::ToString;
use alloc::vec::Vec;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// Elements of a page unless the caller says otherwise.
const COUNT: u64 = 200;
/// Bytes kept of a string or an element unless the caller says otherwise.
const MAX_BYTES: u64 = 65_536;
/// Bytes of the readable form of a module value, at most.
const MAX_READABLE: u64 = 16 << 20;

const HOUR_MS: u64 = 3_600_000;

/// Reads one page of a value from the row's bytes of the file, in any chunks.
#[wasm_bindgen(skip_typescript)]
pub struct ValueReader {
    /// Until the page is there.
    decoder: Option<Decoder>,
    pass: Pass,
    page: Page,
}

/// The page asked for, and what of it is there.
struct Page {
    kind: Kind,
    from: u64,
    count: u64,
    max_bytes: u64,
    /// Elements of the value that are known or were seen, bytes of a string.
    total: u64,
    is_total_known: bool,
    /// Elements that were seen, bytes of a string.
    seen: u64,
    bytes: Vec<u8>,
    items: Array,
    module: Option<ModuleId>,
    /// What belongs to the value beside its elements.
    value: Object,
    readable: ModuleJson,
    groups: Array,
    /// The group in hand.
    group: Object,
    consumers: Array,
    /// The items are pending entries of groups instead of entries of the stream.
    is_pending: bool,
    /// Those of them that belong to the group in hand, in the order of the file.
    delivered: Vec<(StreamId, Object)>,
    /// Entries by hour are counted instead: hours since 1970, ascending as entries do, and how many there are in each.
    is_hours: bool,
    hours: Vec<(u64, u64)>,
    idempotency: Object,
    producers: Array,
    is_whole: bool,
}

#[wasm_bindgen]
impl ValueReader {
    /// Reads the next bytes; `true` once the page is there and no more are needed.
    ///
    /// # Errors
    /// Where the value is damaged, or differs from what was read before.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<bool, JsValue> {
        let Some(decoder) = &mut self.decoder else { return Ok(true) };
        // One copy of the decoder serves all but the hottest job.
        let page: &mut dyn Job = &mut self.page;
        self.pass.feed(decoder, chunk, page).map_err(|failure| error::to_js(&failure))?;
        if self.pass.is_stopped() {
            self.decoder = None;
        }
        Ok(self.decoder.is_none())
    }

    /// The page.
    ///
    /// # Errors
    /// `truncated` where bytes are missing.
    pub fn finish(&self) -> Result<Object, JsValue> {
        if let Some(decoder) = &self.decoder {
            let missing = Error::new(ErrorKind::Truncated { needed: 1 }, decoder.offset(), Place::default());
            return Err(error::to_js(&missing));
        }
        Ok(self.page.object())
    }
}

impl ValueReader {
    pub(super) fn new(decoder: Decoder, row: &Row<'_>, options: &JsValue) -> Result<Self, JsValue> {
        let kind = row.value_type().map_or(Kind::String, |value_type| value_type.kind());
        let is_pending = kind == Kind::Stream && option::flag(options, "pending")?;
        let is_hours = kind == Kind::Stream && option::flag(options, "hours")?;
        // How many are pending stands behind them, and hours are counted to the end.
        let elements = row.elements().filter(|_| !is_pending && !is_hours);
        let page = Page {
            kind,
            from: option::whole(options, "from")?.unwrap_or(0),
            count: option::whole(options, "count")?.unwrap_or(COUNT),
            max_bytes: option::whole(options, "maxBytes")?.unwrap_or(MAX_BYTES),
            total: elements.unwrap_or(0),
            is_total_known: elements.is_some(),
            seen: 0,
            bytes: Vec::new(),
            items: Array::new(),
            module: None,
            value: Object::new(),
            readable: ModuleJson::new(MAX_READABLE),
            groups: Array::new(),
            group: Object::new(),
            consumers: Array::new(),
            is_pending,
            delivered: Vec::new(),
            is_hours,
            hours: Vec::new(),
            idempotency: Object::new(),
            producers: Array::new(),
            is_whole: false,
        };
        Ok(Self { decoder: Some(decoder), pass: Pass::new(), page })
    }
}

impl Job for Page {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        match event {
            Event::Value(part) => self.part(part)?,
            Event::KeyEnd { .. } => self.is_whole = true,
            _ => {}
        }
        Ok(if self.is_there() { Flow::Stop } else { Flow::Continue })
    }

    /// The session has told of it when the row was read.
    fn deviation(&mut self, _error: Error) -> Option<Error> {
        None
    }
}

impl Page {
    /// Behind the last element that is wanted; what follows the last one of all is wanted too.
    fn is_there(&self) -> bool {
        let end = match self.kind {
            Kind::String => self.from.saturating_add(self.max_bytes),
            _ => self.from.saturating_add(self.count),
        };
        self.is_whole || (self.is_total_known && self.seen >= end && end < self.total)
    }

    fn part(&mut self, part: &Part<'_>) -> Result<(), Fault> {
        match part {
            Part::Bytes { piece, left } => self.piece(piece, *left),
            Part::Elements { elements, .. } => {
                elements.visit(&mut |element| {
                    self.element(&element);
                    Ok(())
                })?;
            }
            Part::Stream(part) => self.stream(part)?,
            Part::Module(item) => self.module(item),
            Part::Array(head) => self.value.put("insertIndex", head.insert_index.map(object::number)),
            Part::FirstExpiry(_) | Part::Template(_) => {}
        }
        Ok(())
    }

    /// A piece of a string, of which `left` bytes are still to come.
    fn piece(&mut self, piece: &Scalar<'_>, left: u64) {
        piece.with_text(|piece| {
            let end = self.seen.saturating_add(piece.len() as u64);
            if !self.is_total_known {
                self.total = end.saturating_add(left);
                self.is_total_known = true;
            }
            let wanted_end = self.from.saturating_add(self.max_bytes);
            let skipped = usize::try_from(self.from.saturating_sub(self.seen)).unwrap_or(usize::MAX);
            let taken = usize::try_from(wanted_end.saturating_sub(self.seen)).unwrap_or(usize::MAX).min(piece.len());
            self.bytes.extend_from_slice(piece.get(skipped..taken).unwrap_or_default());
            self.seen = end;
        });
    }

    /// Counts an element; whether it belongs to the page.
    fn is_wanted(&mut self) -> bool {
        let at = self.seen;
        self.seen = at.saturating_add(1);
        if !self.is_total_known {
            self.total = self.seen;
        }
        at >= self.from && at < self.from.saturating_add(self.count)
    }

    fn element(&mut self, element: &Element<'_>) {
        if !self.is_wanted() {
            return;
        }
        let item = match element {
            Element::Item(item) | Element::Member(item) => self.cut(item),
            Element::Scored { member, score } => {
                let object = Object::new();
                object.set("member", self.cut(member));
                object.set("score", *score);
                object.into()
            }
            Element::Field { field, value } => {
                let object = Object::new();
                object.set("field", self.cut(field));
                object.set("value", self.cut(value));
                object.into()
            }
            Element::ExpiringField { field, value, expires_at_ms } => {
                let object = Object::new();
                object.set("field", self.cut(field));
                object.set("value", self.cut(value));
                object.set("expiresAtMs", object::signed(*expires_at_ms));
                object.into()
            }
            Element::Slot { index, value } => {
                let object = Object::new();
                object.set("index", object::number(*index));
                object.set("value", value.with_text(|text| self.cut(&Scalar::Bytes(text))));
                object.into()
            }
        };
        self.items.push(&item);
    }

    /// The bytes; of more than `max_bytes` the first ones, and how many there are.
    fn cut(&self, scalar: &Scalar<'_>) -> JsValue {
        scalar.with_text(|text| {
            let kept = usize::try_from(self.max_bytes).ok().and_then(|max| text.get(..max));
            match kept {
                Some(kept) if kept.len() < text.len() => {
                    let object = Object::new();
                    object.set("bytes", object::bytes(kept));
                    object.set("cut", object::number(text.len() as u64));
                    object.into()
                }
                _ => object::bytes(text),
            }
        })
    }

    fn stream(&mut self, part: &StreamPart<'_>) -> Result<(), Fault> {
        match part {
            StreamPart::Node(_) if self.is_pending => {}
            StreamPart::Node(node) => {
                for entry in node.entries() {
                    let entry = entry?;
                    if entry.is_deleted {
                        continue;
                    }
                    if self.is_hours {
                        self.hour(entry.id);
                    } else if self.is_wanted() {
                        let item = self.entry(&entry);
                        self.items.push(&item);
                    }
                }
            }
            StreamPart::Meta(meta) => self.value.set("lastId", meta.last_id.to_string()),
            StreamPart::Counters(counters) => {
                self.value.set("firstId", counters.first_id.to_string());
                self.value.set("maxDeletedId", counters.max_deleted_id.to_string());
                self.value.set("entriesAdded", object::number(counters.entries_added));
            }
            StreamPart::Groups(_) => self.value.set("groups", &self.groups),
            StreamPart::Group(group) => self.group(group),
            StreamPart::Consumer(consumer) => self.consumer(consumer),
            StreamPart::Returns(count) => self.group.set("returned", object::number(*count)),
            StreamPart::Idempotency(idempotency) => {
                self.idempotency.set("durationSeconds", object::number(idempotency.duration_s));
                self.idempotency.set("maxIds", object::number(idempotency.max_ids));
                self.idempotency.set("producers", &self.producers);
                self.value.set("idempotency", &self.idempotency);
            }
            StreamPart::Producer(producer) => {
                let shown = Object::new();
                shown.set("name", self.cut(&producer.name));
                shown.set("ids", object::number(producer.ids));
                self.producers.push(&shown);
            }
            StreamPart::IdempotencyCounters { added, duplicates } => {
                self.idempotency.set("added", object::number(*added));
                self.idempotency.set("duplicates", object::number(*duplicates));
            }
            StreamPart::Pending(pending) if self.is_pending => self.pending(pending),
            StreamPart::Owned(id) => self.owned(*id),
            StreamPart::Pending(_) | StreamPart::Consumers(_) => {}
            StreamPart::Returned(_) | StreamPart::Produced { .. } => {}
        }
        Ok(())
    }

    fn hour(&mut self, id: StreamId) {
        let hour = id.ms / HOUR_MS;
        match self.hours.last_mut() {
            Some((last, count)) if *last == hour => *count = count.saturating_add(1),
            _ => self.hours.push((hour, 1)),
        }
    }

    fn entry(&self, entry: &StreamEntry<'_>) -> JsValue {
        let pair = |(field, value): (Scalar<'_>, Scalar<'_>)| Array::of2(&self.cut(&field), &self.cut(&value));
        let object = Object::new();
        object.set("id", entry.id.to_string());
        object.set("fields", entry.fields.map(pair).collect::<Array>());
        object.into()
    }

    fn group(&mut self, group: &Group<'_>) {
        self.consumers = Array::new();
        let object = Object::new();
        object.set("name", self.cut(&group.name));
        object.set("lastId", group.last_id.to_string());
        object.put("entriesRead", Some(group.entries_read).filter(|read| *read != Group::UNKNOWN).map(object::number));
        object.set("pending", object::number(group.pending));
        object.set("consumers", &self.consumers);
        self.groups.push(&object);
        self.group = object;
        self.delivered.clear();
    }

    fn pending(&mut self, pending: &Pending) {
        if !self.is_wanted() {
            return;
        }
        let object = Object::new();
        object.set("id", pending.id.to_string());
        object.set("group", self.groups.length().saturating_sub(1));
        object.set("deliveredAtMs", object::signed(pending.delivered_at_ms));
        object.set("deliveries", object::number(pending.deliveries));
        self.items.push(&object);
        self.delivered.push((pending.id, object));
    }

    /// The entry belongs to the consumer that came last.
    fn owned(&self, id: StreamId) {
        let found = self.delivered.binary_search_by_key(&id, |(id, _)| *id);
        if let Some((_, object)) = found.ok().and_then(|at| self.delivered.get(at)) {
            object.set("consumer", self.consumers.length().saturating_sub(1));
        }
    }

    fn consumer(&mut self, consumer: &Consumer<'_>) {
        let object = Object::new();
        object.set("name", self.cut(&consumer.name));
        object.set("pending", object::number(consumer.pending));
        object.set("seenAtMs", object::signed(consumer.seen_at_ms));
        object.put("activeAtMs", Some(consumer.active_at_ms).filter(|at| *at != -1).map(object::signed));
        self.consumers.push(&object);
    }

    fn module(&mut self, item: &ModuleItem<'_>) {
        self.readable.push(item);
        let (kind, value) = match item {
            ModuleItem::Id(id) => {
                self.module = Some(*id);
                return;
            }
            ModuleItem::End => return,
            ModuleItem::Sint(int) => ("int", object::signed(*int)),
            ModuleItem::Uint(int) => ("uint", object::number(*int)),
            ModuleItem::Float(float) => ("float", f64::from(*float).into()),
            ModuleItem::Double(double) => ("double", (*double).into()),
            ModuleItem::Bytes(bytes) => ("string", self.cut(bytes)),
        };
        if self.is_wanted() {
            let object = Object::new();
            object.set("kind", kind);
            object.set("value", value);
            self.items.push(&object);
        }
    }

    fn object(&self) -> Object {
        let object = Object::new();
        object.set("type", self.kind.name());
        if self.kind == Kind::String {
            object.set("length", object::number(self.total));
            object.set("bytes", object::bytes(&self.bytes));
            return object;
        }
        if let Some(module) = self.module {
            object.set("module", module.to_string());
            object.set("encver", object::number(module.encver()));
            let readable = self.readable.json().and_then(|json| str::from_utf8(json).ok());
            object.maybe("readable", readable);
        }
        if self.is_hours {
            let pair = |(hour, count): &(u64, u64)| Array::of2(&object::number(*hour), &object::number(*count));
            object.set("hours", self.hours.iter().map(pair).collect::<Array>());
        }
        object.set("total", object::number(self.total));
        object.set("from", object::number(self.from));
        object.set("items", &self.items);
        Object::assign(&object, &self.value)
    }
}
