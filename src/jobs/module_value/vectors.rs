//! Vector sets.
//!
//! ```text
//! uint dimensions, uint elements, uint quantization | m << 8, uint flags
//! flags & 1: uint dimensions before the projection, string with the matrix
//! each element: string name, flags & 2: string attributes, string vector, uint n, n × uint
//! vector: quantization 0: f32 LE each    1: i8 each    2: a bit each, in u64 LE
//! the last of the n: length of the vector (f32) | range of its quantization (f32) << 32
//! ```
//! The attributes are text, empty for none. Vectors are stored with length 1: what is given is what `VEMB` gives.
//!
//! Source: Redis 8.0 `modules/vector-sets/vset.c` `VectorSetRdbSave()`, `VectorSetRdbLoad()`; `hnsw.c`
//! `hnsw_serialize_node()`, `hnsw_get_node_vector()`.

use super::json;
use crate::rdb::ModuleItem;
use alloc::vec::Vec;

const HAS_PROJECTION: u64 = 1;
const HAS_ATTRIBUTES: u64 = 2;
/// Later servers refuse more (`VSET_MAX_VECTOR_DIM`). It bounds the text that one item becomes.
const MAX_DIMENSIONS: u64 = 1 << 16;
/// `m` of sets that do not tell it.
const DEFAULT_M: u64 = 16;

#[derive(Clone, Copy, Debug)]
enum Want {
    Dimensions,
    Elements,
    Config,
    Flags,
    ProjectionDimensions,
    Projection,
    Name,
    Attributes,
    Vector,
    Count,
    Parameters { left: u64 },
    End,
}

#[derive(Clone, Copy, Debug)]
enum Quantization {
    None,
    Int8,
    Binary,
}

/// A vector set, as far as it was read.
#[derive(Debug)]
pub(super) struct Vectors {
    want: Want,
    dimensions: u64,
    quantization: Quantization,
    has_attributes: bool,
    /// Elements to come, the one in hand included.
    left: u64,
    /// The vector in hand, until what it is multiplied with is known.
    vector: Vec<u8>,
}

impl Vectors {
    pub(super) fn new() -> Self {
        Self {
            want: Want::Dimensions,
            dimensions: 0,
            quantization: Quantization::None,
            has_attributes: false,
            left: 0,
            vector: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, item: &ModuleItem<'_>, out: &mut Vec<u8>) -> Option<()> {
        self.want = match (self.want, item) {
            (Want::Dimensions, ModuleItem::Uint(dimensions @ 1..=MAX_DIMENSIONS)) => {
                self.dimensions = *dimensions;
                json(out).open(b'{').name("dimensions").int(*dimensions);
                Want::Elements
            }
            (Want::Elements, ModuleItem::Uint(elements)) => {
                self.left = *elements;
                json(out).name("elements").int(*elements);
                Want::Config
            }
            (Want::Config, ModuleItem::Uint(config)) => {
                self.config(*config, out)?;
                Want::Flags
            }
            (Want::Flags, ModuleItem::Uint(flags)) => {
                if flags & !(HAS_PROJECTION | HAS_ATTRIBUTES) > 0 {
                    return None;
                }
                self.has_attributes = flags & HAS_ATTRIBUTES > 0;
                if flags & HAS_PROJECTION > 0 { Want::ProjectionDimensions } else { self.open_items(out) }
            }
            (Want::ProjectionDimensions, ModuleItem::Uint(dimensions)) => {
                json(out).name("projection_input_dimensions").int(*dimensions);
                Want::Projection
            }
            (Want::Projection, ModuleItem::Bytes(_)) => self.open_items(out),
            (Want::Name, ModuleItem::Bytes(name)) => {
                json(out).open(b'{').name("element").bytes(*name);
                if self.has_attributes { Want::Attributes } else { Want::Vector }
            }
            (Want::Attributes, ModuleItem::Bytes(attributes)) => {
                if attributes.text_len() > 0 {
                    json(out).name("attributes").bytes(*attributes);
                }
                Want::Vector
            }
            (Want::Vector, ModuleItem::Bytes(vector)) => {
                if vector.text_len() != self.vector_bytes()? {
                    return None;
                }
                self.vector.clear();
                vector.push_to(&mut self.vector);
                Want::Count
            }
            (Want::Count, ModuleItem::Uint(left)) if *left > 0 => Want::Parameters { left: *left },
            (Want::Parameters { left: 1 }, ModuleItem::Uint(scale)) => {
                self.vector(*scale, out)?;
                self.left = self.left.saturating_sub(1);
                self.next(out)
            }
            (Want::Parameters { left }, ModuleItem::Uint(_)) => Want::Parameters { left: left.saturating_sub(1) },
            (Want::End, ModuleItem::End) => Want::End,
            _ => return None,
        };
        Some(())
    }

    pub(super) fn skips_text(&self) -> bool {
        matches!(self.want, Want::Projection)
    }

    fn config(&mut self, config: u64, out: &mut Vec<u8>) -> Option<()> {
        let name;
        (self.quantization, name) = match config & 0xff {
            0 => (Quantization::None, "f32"),
            1 => (Quantization::Int8, "int8"),
            2 => (Quantization::Binary, "bin"),
            _ => return None,
        };
        let m = match config >> 8 {
            0 => DEFAULT_M,
            m @ 1..=0xffff => m,
            _ => return None,
        };
        json(out).name("quantization").quoted(name).name("m").int(m);
        Some(())
    }

    fn open_items(&self, out: &mut Vec<u8>) -> Want {
        json(out).name("items").open(b'[');
        self.next(out)
    }

    fn next(&self, out: &mut Vec<u8>) -> Want {
        if self.left > 0 {
            return Want::Name;
        }
        json(out).close(b']').close(b'}');
        Want::End
    }

    /// Bytes of each vector.
    fn vector_bytes(&self) -> Option<u64> {
        match self.quantization {
            Quantization::None => self.dimensions.checked_mul(4),
            Quantization::Int8 => Some(self.dimensions),
            Quantization::Binary => self.dimensions.div_ceil(64).checked_mul(8),
        }
    }

    /// Writes the vector in hand, the last member of its element.
    fn vector(&self, scale: u64, out: &mut Vec<u8>) -> Option<()> {
        let [a, b, c, d, range @ ..] = scale.to_le_bytes();
        let (length, range) = (f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes(range));
        json(out).name("vector").open(b'[');
        match self.quantization {
            Quantization::None => {
                for bytes in self.vector.as_chunks().0 {
                    push_number(f32::from_le_bytes(*bytes) * length, out)?;
                }
            }
            Quantization::Int8 => {
                for byte in &self.vector {
                    push_number(f32::from(byte.cast_signed()) * range / 127.0 * length, out)?;
                }
            }
            Quantization::Binary => {
                let bits = self.vector.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
                for (bit, _) in bits.zip(0..self.dimensions) {
                    json(out).int(if bit == 1 { 1 } else { -1 });
                }
            }
        }
        json(out).close(b']').close(b'}');
        Some(())
    }
}

/// The shortest number that gives the same float; none for what is no number to JSON.
fn push_number(number: f32, out: &mut Vec<u8>) -> Option<()> {
    if !number.is_finite() {
        return None;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(number);
    // Readers take `-0` for an integer, which has no negative zero.
    let short = text.strip_suffix(".0").filter(|short| *short != "-0").unwrap_or(text);
    json(out).raw(short.as_bytes());
    Some(())
}
