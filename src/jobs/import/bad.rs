//! What is wrong with a line.

use super::node::Node;
use crate::error::Found;

/// What is wrong with a line, before it is known which line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) expected: &'static str,
    pub(super) found: Found,
    /// Bytes into the line; 0 where only the line is known.
    pub(super) offset: usize,
    /// Position of the element in the value, from 0.
    pub(super) element: Option<u64>,
}

pub(super) type Done<T> = Result<T, Bad>;

impl Bad {
    pub(super) fn new(expected: &'static str, found: &'static str) -> Self {
        Self { expected, found: Found::Text(found), offset: 0, element: None }
    }

    /// A node of another kind, or with another content.
    pub(super) fn node(expected: &'static str, node: &Node<'_>) -> Self {
        let found = match node {
            Node::Null => "null",
            Node::Bool => "true or false",
            Node::Uint(int) => return Self { found: Found::Number(*int), ..Self::new(expected, "") },
            Node::Int(_) => "a negative number",
            Node::Float(_) => "a number that is no integer of 64 bits",
            Node::Text(_) => "another text",
            Node::List(_) => "an array",
            Node::Object(_) => "another object",
            Node::Deep => "arrays or objects too deep in each other",
        };
        Self::new(expected, found)
    }

    pub(super) fn twice(expected: &'static str) -> Self {
        Self::new(expected, "a second one")
    }

    pub(super) fn missing(expected: &'static str) -> Self {
        Self::new(expected, "none")
    }

    pub(super) fn at(self, offset: usize) -> Self {
        Self { offset, ..self }
    }

    /// Says at which element it is.
    pub(super) fn of(self, element: usize) -> Self {
        Self { element: Some(element as u64), ..self }
    }
}
