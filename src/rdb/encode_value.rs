//! Values, by what their layout says; the mirror of `decode_value`.

use super::event::{Element, Elements, Part};
use super::module::ModuleItem;
use super::stream::StreamWriter;
use super::value_type::{Layout, Shape, Unit};
use crate::error::{ErrorKind, Found};
use crate::pack::Packed;
use crate::wire::{Scalar, length, number, scalar};
use alloc::vec::Vec;

/// Where in a value the next part stands.
#[derive(Default)]
pub(crate) struct ValueState {
    layout: Option<Layout>,
    /// Whether a part was written.
    has_begun: bool,
    /// Elements, nodes or bytes still to come.
    left: u64,
    stream: StreamWriter,
    /// Whether the end opcode of a module value was written.
    is_module_closed: bool,
}

impl ValueState {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout: Some(layout), ..Self::default() }
    }

    /// Appends a part of the value.
    pub(crate) fn write(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let Some(Layout { shape, unit }) = self.layout else {
            return Err(misplaced());
        };
        match (shape, part) {
            (Shape::Single, Part::Bytes { piece, left }) => self.piece(*piece, *left, out),
            (Shape::Counted, Part::Elements { elements: Elements::One(element), left }) => {
                self.count(*left, out)?;
                write_element(*element, unit, out)
            }
            (Shape::Packed(container), Part::Elements { elements: Elements::Packed { packed, unit: found }, left: 0 })
                if packed.container() == container && *found == unit && !self.has_begun =>
            {
                self.has_begun = true;
                write_blob(packed, out);
                Ok(())
            }
            (Shape::Nodes { container, has_plain }, Part::Elements { elements, left }) => {
                /// Node kinds of `list-quicklist-2`.
                const PLAIN: u64 = 1;
                const PACKED: u64 = 2;
                match elements {
                    Elements::Packed { packed, .. } if packed.container() == container => {
                        self.count(*left, out)?;
                        if has_plain {
                            length::write(PACKED, out);
                        }
                        write_blob(packed, out);
                        Ok(())
                    }
                    Elements::One(Element::Item(item)) if has_plain => {
                        self.count(*left, out)?;
                        length::write(PLAIN, out);
                        scalar::write(*item, out);
                        Ok(())
                    }
                    _ => Err(misplaced()),
                }
            }
            (Shape::Stream(generation), Part::Stream(part)) => {
                self.has_begun = true;
                self.stream.write(generation, part, out)
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
                item.write(out);
                Ok(())
            }
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
            if self.left.checked_sub(1) != Some(left) {
                return Err(misplaced());
            }
        } else {
            let count = left.checked_add(1).ok_or_else(misplaced)?;
            length::write(count, out);
            self.has_begun = true;
        }
        self.left = left;
        Ok(())
    }

    fn piece(&mut self, piece: Scalar<'_>, left: u64, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
        let len = piece.text_len();
        if self.has_begun {
            if len == 0 || self.left.checked_sub(len) != Some(left) {
                return Err(misplaced());
            }
            piece.push_to(out);
        } else if left == 0 {
            scalar::write(piece, out);
        } else {
            length::write(len.checked_add(left).ok_or_else(misplaced)?, out);
            piece.push_to(out);
        }
        self.has_begun = true;
        self.left = left;
        Ok(())
    }
}

fn write_blob(packed: &Packed<'_>, out: &mut Vec<u8>) {
    scalar::write(Scalar::Bytes(packed.blob()), out);
}

fn write_element(element: Element<'_>, unit: Unit, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
    match (unit, element) {
        (Unit::Item, Element::Item(text)) | (Unit::Member, Element::Member(text)) => scalar::write(text, out),
        (Unit::Pair, Element::Field { field, value }) => {
            scalar::write(field, out);
            scalar::write(value, out);
        }
        (Unit::ScoreBinary, Element::Scored { member, score }) => {
            scalar::write(member, out);
            out.extend_from_slice(&score.to_le_bytes());
        }
        (Unit::ScoreText, Element::Scored { member, score }) => {
            scalar::write(member, out);
            number::write_score(score, out);
        }
        _ => return Err(misplaced()),
    }
    Ok(())
}

pub(crate) fn misplaced() -> ErrorKind {
    ErrorKind::OutOfOrder { expected: "the next part of the value", found: Found::Text("another") }
}
