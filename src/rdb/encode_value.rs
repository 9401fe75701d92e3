//! Values, by what their layout says; the mirror of `decode_value`.

use super::decode_value::{FLOAT, INT, MAX_SHORT_TEXT, PACKED_NODE, PLAIN_NODE, SHORT_TEXT_TAG, TEXT};
use super::encode_stream::StreamWriter;
use super::event::{ArrayHead, Element, Elements, LAST_FIELD_EXPIRY_MS, Part, SlotValue};
use super::module::ModuleItem;
use super::stream::StreamPart;
use super::template::Template;
use super::value_type::{ExpiryForm, Layout, Shape, Unit};
use crate::error::{ErrorKind, Found};
use crate::wire::scalar::Strings;
use crate::wire::{Scalar, length, number};
use alloc::vec::Vec;

/// Where in a value the next part stands.
#[derive(Default)]
pub(crate) struct ValueState {
    layout: Option<Layout>,
    /// Whether a part was written that says how many follow.
    has_begun: bool,
    /// Elements, nodes, names or bytes still to come.
    left: u64,
    /// The smallest expiry in front of a hash's fields, once it was written.
    first_expiry: Option<i64>,
    /// Names in front of a value with a template of its own, once they are whole.
    names: Option<u64>,
    stream: StreamWriter,
    /// Whether the end opcode of a module value was written.
    is_module_closed: bool,
}

impl ValueState {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout: Some(layout), ..Self::default() }
    }

    /// In front of a part that is a blob; only of the first one of a value is it asked whether it is.
    pub(crate) fn in_front_of(layout: Layout, part: &Part<'_>, is_first: bool) -> Self {
        let mut state = Self::new(layout);
        match (layout.shape, part) {
            (Shape::PackedBehindExpiry(_), _) => state.first_expiry = Some(0),
            (Shape::Nodes { .. }, Part::Elements { left, .. }) if !is_first => {
                (state.has_begun, state.left) = (true, left.saturating_add(1));
            }
            (Shape::Template { is_own: true, .. }, Part::Elements { .. }) => (state.has_begun, state.left) = (true, 1),
            (Shape::Stream(_), Part::Stream(StreamPart::Node(node))) if !is_first => {
                state.stream = StreamWriter::in_front_of(node);
            }
            _ => {}
        }
        state
    }

    /// Appends a part of the value. Where it is refused, another may come in its place.
    pub(crate) fn write(&mut self, part: &Part<'_>, strings: &mut Strings, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let before = (self.has_begun, self.left);
        let written = self.part(part, strings, out);
        if written.is_err() {
            (self.has_begun, self.left) = before;
        }
        written
    }

    fn part(&mut self, part: &Part<'_>, strings: &mut Strings, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let Some(Layout { shape, unit }) = self.layout else {
            return Err(misplaced());
        };
        match (shape, part) {
            (Shape::Single, Part::Bytes { piece, left }) => self.piece(*piece, *left, strings, out),
            (Shape::Counted, Part::Elements { elements: Elements::One(element), left }) => {
                self.count(*left, out)?;
                self.element(*element, unit, strings, out)
            }
            (Shape::CountedBehindExpiry | Shape::PackedBehindExpiry(_), Part::FirstExpiry(first)) => {
                self.first_expiry(*first, out)
            }
            (Shape::CountedBehindExpiry, Part::Elements { elements: Elements::One(element), left })
                if self.first_expiry.is_some() =>
            {
                self.count(*left, out)?;
                self.element(*element, unit, strings, out)
            }
            (
                Shape::Packed(container) | Shape::PackedBehindExpiry(container),
                Part::Elements { elements: Elements::Packed { packed, unit: found }, left: 0 },
            ) if packed.container() == container && *found == unit && !self.has_begun => {
                if matches!(shape, Shape::PackedBehindExpiry(_)) && self.first_expiry.is_none() {
                    return Err(misplaced());
                }
                self.has_begun = true;
                strings.write_blob(packed.blob(), out);
                Ok(())
            }
            (Shape::Nodes { container, has_plain }, Part::Elements { elements, left }) => match elements {
                Elements::Packed { packed, .. } if packed.container() == container => {
                    self.count(*left, out)?;
                    if has_plain {
                        length::write(PACKED_NODE, out);
                    }
                    strings.write_blob(packed.blob(), out);
                    Ok(())
                }
                Elements::One(Element::Item(item)) if has_plain => {
                    self.count(*left, out)?;
                    length::write(PLAIN_NODE, out);
                    strings.write(*item, out);
                    Ok(())
                }
                _ => Err(misplaced()),
            },
            (Shape::Stream(generation), Part::Stream(part)) => {
                self.has_begun = true;
                self.stream.write(generation, part, strings, out)
            }
            (Shape::Module, Part::Module(item)) => {
                match (item, self.has_begun) {
                    (ModuleItem::Id(_), false) => {}
                    (ModuleItem::Id(_), true) | (_, false) => return Err(misplaced()),
                    _ if self.is_module_closed => return Err(misplaced()),
                    _ => {}
                }
                self.has_begun = true;
                self.is_module_closed = *item == ModuleItem::End;
                item.write(strings, out);
                Ok(())
            }
            (Shape::Array, Part::Array(head)) if !self.has_begun => self.array(*head, out),
            (Shape::Array, Part::Elements { elements: Elements::One(Element::Slot { index, value }), left }) => {
                self.next(*left)?;
                write_slot(*index, *value, strings, out)
            }
            (Shape::Template { is_own, is_packed }, part) => self.template(is_own, is_packed, part, strings, out),
            _ => Err(misplaced()),
        }
    }

    /// Closes the value: everything it announced must have come.
    pub(crate) fn finish(&self) -> Result<(), ErrorKind> {
        let is_whole = match self.layout.map(|layout| layout.shape) {
            Some(Shape::Stream(_)) => self.stream.is_whole(),
            Some(Shape::Module) => self.is_module_closed,
            Some(_) => self.has_begun && self.left == 0,
            None => false,
        };
        if is_whole { Ok(()) } else { Err(misplaced()) }
    }

    /// The first part of a counted value says how many there are.
    fn count(&mut self, left: u64, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        if self.has_begun {
            return self.next(left);
        }
        let count = left.checked_add(1).ok_or_else(misplaced)?;
        length::write(count, out);
        self.has_begun = true;
        self.left = left;
        Ok(())
    }

    /// One element less is to come.
    fn next(&mut self, left: u64) -> Result<(), ErrorKind> {
        if !self.has_begun || self.left.checked_sub(1) != Some(left) {
            return Err(misplaced());
        }
        self.left = left;
        Ok(())
    }

    fn first_expiry(&mut self, first: i64, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        if self.first_expiry.is_some() {
            return Err(misplaced());
        }
        out.extend_from_slice(&first.to_le_bytes());
        self.first_expiry = Some(first);
        Ok(())
    }

    fn array(&mut self, head: ArrayHead, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        if head.count == 0 || head.insert_index == Some(u64::MAX) {
            return Err(misplaced());
        }
        length::write(head.count, out);
        length::write(u64::from(head.insert_index.is_some()), out);
        if let Some(index) = head.insert_index {
            length::write(index, out);
        }
        self.has_begun = true;
        self.left = head.count;
        Ok(())
    }

    fn template(
        &mut self,
        is_own: bool,
        is_packed: bool,
        part: &Part<'_>,
        strings: &mut Strings,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorKind> {
        /// Forms of the names in front of a value.
        const PACKED: u64 = 0;
        const COUNTED: u64 = 1;
        match part {
            Part::Template(Template::Reference { id, fields }) if !is_own && !is_packed && !self.has_begun && *fields > 0 => {
                length::write(*id, out);
                self.has_begun = true;
                self.left = *fields;
                Ok(())
            }
            Part::Template(Template::Packed(packed)) if is_own && self.names.is_none() && !self.has_begun => {
                length::write(PACKED, out);
                strings.write_blob(packed.blob(), out);
                let names = Elements::Packed { packed: *packed, unit: Unit::Item };
                self.values_follow(names.count().map_err(|_| misplaced())?, is_packed);
                Ok(())
            }
            Part::Template(Template::Counted(fields)) if is_own && self.names.is_none() && !self.has_begun && *fields > 0 => {
                length::write(COUNTED, out);
                length::write(*fields, out);
                self.names = Some(*fields);
                self.left = *fields;
                Ok(())
            }
            Part::Template(Template::Name(name)) if !self.has_begun => {
                let fields = self.names.ok_or_else(misplaced)?;
                self.left = self.left.checked_sub(1).ok_or_else(misplaced)?;
                strings.write(*name, out);
                if self.left == 0 {
                    self.values_follow(fields, is_packed);
                }
                Ok(())
            }
            Part::Elements { elements: Elements::Templated { packed, .. }, left: 0 } if is_packed => {
                let is_next = if is_own { self.has_begun && self.left == 1 } else { !self.has_begun };
                if !is_next {
                    return Err(misplaced());
                }
                self.has_begun = true;
                self.left = 0;
                strings.write_blob(packed.blob(), out);
                Ok(())
            }
            Part::Elements { elements: Elements::One(Element::Field { value, .. }), left } if !is_packed => {
                self.next(*left)?;
                strings.write(*value, out);
                Ok(())
            }
            _ => Err(misplaced()),
        }
    }

    /// The names of a template are whole.
    fn values_follow(&mut self, fields: u64, is_packed: bool) {
        self.names = Some(fields);
        self.has_begun = true;
        self.left = if is_packed { 1 } else { fields };
    }

    fn element(&self, element: Element<'_>, unit: Unit, strings: &mut Strings, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        match (unit, element) {
            (Unit::Item, Element::Item(text)) | (Unit::Member, Element::Member(text)) => strings.write(text, out),
            (Unit::Pair, Element::Field { field, value }) => {
                strings.write(field, out);
                strings.write(value, out);
            }
            (Unit::PairExpiry(form), Element::Field { field, value }) => self.expiring(form, field, value, None, strings, out)?,
            (Unit::PairExpiry(form), Element::ExpiringField { field, value, expires_at_ms }) => {
                self.expiring(form, field, value, Some(expires_at_ms), strings, out)?;
            }
            (Unit::ScoreBinary, Element::Scored { member, score }) if !score.is_nan() => {
                strings.write(member, out);
                out.extend_from_slice(&score.to_le_bytes());
            }
            (Unit::ScoreText, Element::Scored { member, score }) if !score.is_nan() => {
                strings.write(member, out);
                number::write_score(score, out);
            }
            _ => return Err(misplaced()),
        }
        Ok(())
    }

    fn expiring(
        &self,
        form: ExpiryForm,
        field: Scalar<'_>,
        value: Scalar<'_>,
        expires_at_ms: Option<i64>,
        strings: &mut Strings,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorKind> {
        let from = match form {
            ExpiryForm::Trailing => {
                strings.write(field, out);
                strings.write(value, out);
                let expiry = expires_at_ms.unwrap_or(-1);
                if expires_at_ms.is_some_and(i64::is_negative) {
                    return Err(unrepresentable_expiry());
                }
                out.extend_from_slice(&expiry.to_le_bytes());
                return Ok(());
            }
            ExpiryForm::Absolute => 1,
            ExpiryForm::Relative => self.first_expiry.ok_or_else(misplaced)?,
        };
        let stated = match expires_at_ms {
            None => 0,
            Some(expiry @ ..=LAST_FIELD_EXPIRY_MS) => {
                let behind = expiry.checked_sub(from).and_then(|behind| u64::try_from(behind).ok());
                behind.and_then(|behind| behind.checked_add(1)).ok_or_else(unrepresentable_expiry)?
            }
            Some(_) => return Err(unrepresentable_expiry()),
        };
        length::write(stated, out);
        strings.write(field, out);
        strings.write(value, out);
        Ok(())
    }

    fn piece(&mut self, piece: Scalar<'_>, left: u64, strings: &mut Strings, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let len = piece.text_len();
        if self.has_begun {
            if len == 0 || self.left.checked_sub(len) != Some(left) {
                return Err(misplaced());
            }
            piece.push_to(out);
        } else if left == 0 {
            strings.write(piece, out);
        } else {
            length::write(len.checked_add(left).ok_or_else(misplaced)?, out);
            piece.push_to(out);
        }
        self.has_begun = true;
        self.left = left;
        Ok(())
    }
}

/// Texts have the tag that servers give them. One that may be a double is left for the server that loads
/// it to look at: short texts it keeps as they are.
fn write_slot(index: u64, value: SlotValue<'_>, strings: &mut Strings, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
    if index == u64::MAX {
        return Err(ErrorKind::Unrepresentable { what: "index 2^64 - 1", target: "an array" });
    }
    length::write(index, out);
    let value = match value {
        SlotValue::Text(Scalar::Bytes(text)) => SlotValue::Text(small_int(text).map_or(Scalar::Bytes(text), Scalar::Int)),
        other => other,
    };
    match value {
        SlotValue::Text(Scalar::Int(int)) => {
            length::write(INT, out);
            out.extend_from_slice(&int.to_le_bytes());
        }
        SlotValue::Float(float) => {
            length::write(FLOAT, out);
            out.extend_from_slice(&float.to_le_bytes());
        }
        SlotValue::Text(Scalar::Bytes(text)) => {
            let is_short = text.len() as u64 <= MAX_SHORT_TEXT && number::parse_score(text).is_none();
            length::write(if is_short { SHORT_TEXT_TAG } else { TEXT }, out);
            strings.write(Scalar::Bytes(text), out);
        }
    }
    Ok(())
}

/// The integer that a text is, if every server has room for it in the slot itself. Readers take
/// any integer as text too.
fn small_int(text: &[u8]) -> Option<i64> {
    const BITS: i64 = 1 << 53;
    number::parse_int(text).filter(|int| (-BITS..=BITS).contains(int))
}

fn unrepresentable_expiry() -> ErrorKind {
    ErrorKind::Unrepresentable { what: "a field's expiry outside of its range", target: "this value type" }
}

pub(crate) fn misplaced() -> ErrorKind {
    ErrorKind::OutOfOrder { expected: "the next part of the value", found: Found::Text("another") }
}
