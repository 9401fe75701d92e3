//! A snapshot straight from the parts of a value, for packed values that the version has in another container.

use super::dataset::DecodeLimits;
use super::distinct::Suspects;
use super::emit::Emitter;
use super::emit_value::{packed, write_value};
use super::held_stream::{HeldEntry, HeldStream};
use super::plan::{Forms, PackedLimit, Refusal};
use super::store::Store;
use super::value::Value;
use crate::error::{Error, ErrorKind, Fault, KeyPreview, Place, Result};
use crate::rdb::{Container, Element, Elements, Event, Eviction, Key, Kind, Part, Shape, Span, Unit, ValueType, known_key};
use crate::wire::Scalar;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The key whose value is being written, part by part.
pub(super) struct OpenKey {
    forms: Forms,
    key: Vec<u8>,
    value_type: ValueType,
    db: u64,
    expires_at_ms: Option<i64>,
    eviction: Eviction,
    /// What its value becomes, and whether every entry had room there.
    form: ValueType,
    fits: bool,
    /// Whether any blob of it was compressed: where compressing saved nothing, it saves nothing in another container either.
    is_compressed: bool,
    /// Counts what is held of the value.
    store: Store,
    suspects: Suspects,
    stream: Option<HeldStream>,
}

impl OpenKey {
    pub(super) fn new(forms: Forms) -> Self {
        Self {
            forms,
            key: Vec::new(),
            value_type: ValueType::STRING,
            db: 0,
            expires_at_ms: None,
            eviction: Eviction::None,
            form: ValueType::STRING,
            fits: true,
            is_compressed: false,
            store: Store::new(DecodeLimits::default().max_total_bytes),
            suspects: Suspects::new(),
            stream: None,
        }
    }
}

impl Emitter {
    /// Begins a key whose value comes in parts, if it can be written without being put together: lists of packed nodes,
    /// packed sets, sorted sets and hashes, and streams: [`Emitter::take_held`] gives those.
    pub(crate) fn begin_key(&mut self, key: &Key<'_>) -> bool {
        let Forms { list, set, zset, hash, stream } = self.open.forms;
        let layout = key.value_type.layout();
        let form = match (key.value_type.kind(), layout.shape, layout.unit) {
            (Kind::List, Shape::Nodes { .. }, _) => list,
            (Kind::Set, Shape::Packed(Container::Listpack), _) => set,
            (Kind::Zset, Shape::Packed(_), _) => zset,
            (Kind::Hash, Shape::Packed(_), Unit::Pair) => hash,
            (Kind::Stream, ..) => stream,
            _ => None,
        };
        let is_known = |form: &ValueType| known_key(self.options.version, &Key { value_type: *form, ..*key }).is_ok();
        let Some(form) = form.filter(is_known) else { return false };
        let open = &mut self.open;
        open.key.clear();
        key.key.push_to(&mut open.key);
        (open.value_type, open.db, open.form, open.fits) = (key.value_type, key.db, form, true);
        (open.expires_at_ms, open.eviction) = (key.expires_at_ms, key.eviction);
        open.is_compressed = false;
        open.store.clear();
        open.stream = match layout.shape {
            Shape::Stream(generation) => Some(HeldStream::new(generation)),
            _ => None,
        };
        self.packer.begin();
        true
    }

    /// The key that was begun last.
    pub(crate) fn open_key(&self) -> Key<'_> {
        let OpenKey { key, value_type, db, expires_at_ms, eviction, .. } = &self.open;
        Key { key: Scalar::Bytes(key), value_type: *value_type, db: *db, expires_at_ms: *expires_at_ms, eviction: *eviction }
    }

    /// The key that was begun last, if it is a stream, behind its last part. It is to be given to [`Emitter::held`].
    pub(crate) fn take_held(&mut self) -> Option<HeldEntry> {
        let stream = self.open.stream.take()?;
        Some(stream.finish(&self.open_key()))
    }

    /// Takes a part. `false`: the value is not of this form, which is only said of the first part of a key, and the key is to
    /// be written as a whole then. What was not compressed is not compressed anew.
    pub(crate) fn part(&mut self, part: &Part<'_>, is_compressed: bool) -> Result<bool, Fault> {
        self.open.is_compressed |= is_compressed;
        if let (Part::Stream(part), Some(stream)) = (part, &mut self.open.stream) {
            return stream.push(part, self.options.backlen).map(|()| true);
        }
        let Part::Elements { elements, .. } = part else { return Ok(false) };
        match elements {
            Elements::Packed { packed, .. } => self.open.store.take(packed.blob().len())?,
            Elements::One(Element::Item(item)) => self.open.store.take(usize::try_from(item.text_len()).unwrap_or(usize::MAX))?,
            _ => {}
        }
        let thresholds = self.options.thresholds;
        match (self.open.form.kind(), elements) {
            (Kind::List, _) => self.items(*elements)?,
            (Kind::Zset, _) => return self.members(*elements, thresholds.zset),
            (Kind::Hash, _) => return self.fields(*elements, thresholds.hash),
            (_, Elements::Packed { packed, .. }) => return self.set(*elements, packed.blob()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn items(&mut self, elements: Elements<'_>) -> Result<(), Fault> {
        let Self { packer, options, open, .. } = self;
        elements.each(|element| {
            if let Element::Item(item) = element {
                open.fits &= packer.push_item(item, None, &options.thresholds);
            }
        })
    }

    fn members(&mut self, elements: Elements<'_>, limit: PackedLimit) -> Result<bool, Fault> {
        let (mut longest, mut count, mut is_plain) = (0, 0usize, true);
        let mut last: Option<(f64, Scalar<'_>)> = None;
        let suspects = &mut self.open.suspects;
        suspects.begin(elements.count()?);
        elements.each(|element| {
            let Element::Scored { member, score } = element else { return };
            is_plain &= !suspects.may_repeat(member);
            is_plain &= last.is_none_or(|last| by_score(last, (score, member)).is_lt());
            last = Some((score, member));
            longest = member.text_len().max(longest);
            count = count.saturating_add(1);
        })?;
        if !is_plain || !limit.holds(count, longest) {
            return Ok(false);
        }
        let Self { packer, open, .. } = self;
        elements.each(|element| {
            if let Element::Scored { member, score } = element {
                open.fits &= packer.push_scored(member, score);
            }
        })?;
        Ok(true)
    }

    fn fields(&mut self, elements: Elements<'_>, limit: PackedLimit) -> Result<bool, Fault> {
        let (mut longest, mut count, mut may_repeat) = (0, 0usize, false);
        let suspects = &mut self.open.suspects;
        suspects.begin(elements.count()?);
        elements.each(|element| {
            let Element::Field { field, value } = element else { return };
            may_repeat |= suspects.may_repeat(field);
            longest = field.text_len().max(value.text_len()).max(longest);
            count = count.saturating_add(1);
        })?;
        if may_repeat || !limit.holds(count, longest) {
            return Ok(false);
        }
        let Self { packer, open, .. } = self;
        elements.each(|element| {
            if let Element::Field { field, value } = element {
                open.fits &= packer.push(field) && packer.push(value);
            }
        })?;
        Ok(true)
    }

    /// Keeps the blob of a set whose members will stand one by one. One of integers may have another form.
    fn set(&mut self, elements: Elements<'_>, blob: &[u8]) -> Result<bool, Fault> {
        let (mut has_text, mut may_repeat) = (false, false);
        let suspects = &mut self.open.suspects;
        suspects.begin(elements.count()?);
        elements.each(|element| {
            if let Element::Member(member) = element {
                may_repeat |= suspects.may_repeat(member);
                has_text = has_text || member.as_int().is_none();
            }
        })?;
        let is_kept = has_text && !may_repeat;
        if is_kept {
            self.packer.keep(blob);
        }
        Ok(is_kept)
    }

    /// Appends the key.
    ///
    /// # Errors
    /// `Unrepresentable` for an entry of 1 GiB.
    pub(crate) fn end_key(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let OpenKey { key, db, expires_at_ms, eviction, form, fits, is_compressed, .. } = &self.open;
        if !fits {
            let Refusal { what, target, .. } = Refusal::LARGE_ENTRY;
            let place =
                Place { db: Some(*db), key: Some(KeyPreview::new(key)), value_type: Some(form.kind().name()), element: None };
            return Err(Error::new(ErrorKind::Unrepresentable { what, target }, self.encoder.offset(), place));
        }
        let (encoder, key) = (&mut self.encoder, Scalar::Bytes(key));
        let (value_type, db, expires_at_ms, eviction) = (*form, *db, *expires_at_ms, *eviction);
        encoder.write(&Event::Key(Key { key, value_type, db, expires_at_ms, eviction }), out)?;
        encoder.set_compressing(self.options.is_compressing && *is_compressed);
        let nodes = self.packer.end();
        if let Some(blob) = nodes.kept().filter(|_| value_type.kind() == Kind::Set) {
            let elements = packed(Container::Listpack, Unit::Member, blob);
            let mut written = Ok(());
            let walk = elements.count().and_then(|mut left| {
                elements.each(|element| {
                    left = left.saturating_sub(1);
                    let event = Event::Value(Part::Elements { elements: Elements::One(element), left });
                    if written.is_ok() {
                        written = encoder.write(&event, out);
                    }
                })
            });
            walk.map_err(|fault| Error::new(fault.error_kind(0), encoder.offset(), Place::default()))?;
            written?;
        } else {
            // The nodes are all of it.
            write_value(value_type, &Value::List(Vec::new()), nodes, &mut |event| encoder.write(event, out))?;
        }
        self.encoder.set_compressing(self.options.is_compressing);
        self.encoder.write(&Event::KeyEnd { span: Span::default() }, out)
    }
}

/// The order of sorted sets: by score, then by member.
fn by_score((a, member): (f64, Scalar<'_>), (b, other): (f64, Scalar<'_>)) -> Ordering {
    let by_name = || member.with_text(|member| other.with_text(|other| member.cmp(other)));
    a.partial_cmp(&b).unwrap_or(Ordering::Equal).then_with(by_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FaultKind;
    use crate::model::EncodeOptions;
    use crate::rdb::Version;

    #[test]
    fn elements_that_stand_by_themselves_count_towards_the_limit() {
        let mut out = Vec::new();
        let mut emitter = Emitter::new(&EncodeOptions::new(Version::redis(9)), &mut out).unwrap();
        let value_type = ValueType::from_name("list-quicklist-2").unwrap();
        let key = Key { key: Scalar::Bytes(b"k"), value_type, db: 0, expires_at_ms: None, eviction: Eviction::None };
        assert!(emitter.begin_key(&key));
        emitter.open.store = Store::new(10);
        let mut part = |left| {
            let elements = Elements::One(Element::Item(Scalar::Bytes(b"123456")));
            emitter.part(&Part::Elements { elements, left }, false)
        };
        assert!(part(1).unwrap());
        assert_eq!(part(0).unwrap_err().kind(), FaultKind::Limit);
    }
}
