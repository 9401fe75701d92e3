//! A text of the data set while commands change it: short ones lie in place, so that a look at a key
//! follows no pointer.

use super::super::store::Store;
use crate::error::Fault;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// An element of a value. It has the size of the [`Bytes`] that it becomes, so that a list of the one becomes a list of
/// the other in the same memory.
pub(super) type Text = InPlace<30>;

/// A key or a string: small, so that both fit a line of memory.
pub(super) type SlotText = InPlace<22>;

/// Bytes, of which so many lie in place.
#[derive(Clone, Debug)]
pub(super) enum InPlace<const SHORT: usize> {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<[u8]>),
}

impl<const SHORT: usize> InPlace<SHORT> {
    /// The text of no bytes.
    pub(super) const EMPTY: Self = Self::Short { len: 0, bytes: [0; SHORT] };

    /// Keeps a text. Long ones count as memory; [`Text::heap_bytes`] says how much.
    #[inline]
    pub(super) fn new(text: &[u8], memory: &mut Store) -> Result<Self, Fault> {
        if let Some(short) = Self::short(text) {
            return Ok(short);
        }
        memory.take(text.len())?;
        Ok(Self::Long(Box::from(text)))
    }

    /// Keeps a text that has memory of its own, which counts already.
    pub(super) fn from_vec(text: Vec<u8>) -> Self {
        Self::short(&text).unwrap_or_else(|| Self::Long(text.into_boxed_slice()))
    }

    #[inline]
    fn short(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self::Short { len: u8::try_from(text.len()).ok()?, bytes })
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }

    /// Memory that counts beside the text's own place.
    #[inline]
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(text) => text.len(),
        }
    }

    /// The text as it is handed out. Short ones share blocks.
    pub(super) fn into_bytes(self, blocks: &mut Store) -> Bytes {
        match self {
            Self::Short { .. } => {
                let text = self.as_slice();
                blocks.bytes(text).unwrap_or_else(|_| Bytes::copy_from_slice(text))
            }
            Self::Long(text) => text.into(),
        }
    }

    /// The text as memory that can grow.
    pub(super) fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Short { .. } => self.as_slice().into(),
            Self::Long(text) => text.into_vec(),
        }
    }
}

impl<const SHORT: usize> PartialEq for InPlace<SHORT> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<const SHORT: usize> Eq for InPlace<SHORT> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_kept_in_the_room_of_a_vec() {
        assert_eq!((size_of::<Text>(), size_of::<SlotText>()), (size_of::<Bytes>(), 24));
        let mut memory = Store::new(1_000_000);
        for len in 0..100 {
            let text = alloc::vec![b'x'; len];
            let kept = SlotText::new(&text, &mut memory).unwrap();
            assert_eq!(kept.as_slice(), text);
            assert_eq!(kept.heap_bytes(), if len <= 22 { 0 } else { len });
            assert_eq!(kept.clone().into_vec(), text);
            assert_eq!(kept.into_bytes(&mut memory), text);
        }
        assert!(SlotText::new(&[0; 23], &mut Store::new(22)).is_err());
    }
}
