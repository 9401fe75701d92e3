//! The JSON of one line as a tree that borrows from it, as deep as an export's own lines are.

use super::bad::{Bad, Done};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

/// A JSON value. Objects keep their members in order, and names that stand twice.
#[derive(Debug)]
pub(super) enum Node<'l> {
    Null,
    Bool,
    Uint(u64),
    Int(i64),
    Float(f64),
    Text(Cow<'l, str>),
    List(Vec<Node<'l>>),
    Object(Vec<(Cow<'l, str>, Node<'l>)>),
    /// An array or object deeper than any that an export has, but within the readable form of a module value.
    Deep,
}

impl<'l> Node<'l> {
    /// Arrays and objects in each other: the base64 of a producer's id is the deepest.
    const DEPTH: u32 = 8;

    /// Reads a line without its end. Numbers are exact: an integer of 64 bits as such, else the nearest double.
    pub(super) fn parse(line: &'l [u8]) -> Done<Self> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let node = Seed { depth: Self::DEPTH }.deserialize(&mut json);
        node.and_then(|node| json.end().map(|()| node)).map_err(|error| {
            if error.classify() == Category::Eof {
                return Bad::new("a whole JSON object", "the end of the line").at(line.len());
            }
            Bad::new("well-formed JSON", "something else").at(error.column().saturating_sub(1))
        })
    }
}

/// How much deeper a value may be.
#[derive(Clone, Copy)]
struct Seed {
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool)
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<Node<'de>, E> {
        Ok(Node::Uint(int))
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<Node<'de>, E> {
        Ok(Node::Int(int))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(float))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        // What is passed over takes no stack, however deep it is.
        let Some(depth) = self.depth.checked_sub(1) else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Node::Deep);
        };
        let mut list = Vec::new();
        while let Some(node) = items.next_element_seed(Self { depth })? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node<'de>, A::Error> {
        let Some(depth) = self.depth.checked_sub(1) else {
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Node::Deep);
        };
        let mut list = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            list.push((name, members.next_value_seed(Self { depth })?));
        }
        Ok(Node::Object(list))
    }
}

/// The name of a member.
struct Name<'l>(Cow<'l, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name(Cow::Borrowed("")))
    }
}

impl<'de> Visitor<'de> for Name<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self, E> {
        Ok(Self(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self, E> {
        Ok(Self(Cow::Owned(name.into())))
    }
}
