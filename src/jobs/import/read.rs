//! The pieces that lines consist of: bytes, numbers, ids, objects of known members.

use super::bad::{Bad, Done};
use super::node::Node;
use crate::jobs::json::{B64, B64_MEMBER};
use crate::rdb::StreamId;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// The members of an object in the order of `names`, which are all that it may have.
pub(super) fn members<'l, const N: usize>(
    node: Node<'l>,
    names: [&'static str; N],
    expected: &'static str,
) -> Done<[Option<Node<'l>>; N]> {
    let Node::Object(list) = node else { return Err(Bad::node(expected, &node)) };
    let mut found = [const { None }; N];
    for (name, node) in list {
        let at = names.iter().position(|known| *known == name);
        let Some(slot) = at.and_then(|at| found.get_mut(at)) else {
            return Err(Bad::new(expected, "a member of another name"));
        };
        if slot.replace(node).is_some() {
            return Err(Bad::twice("a member once in its object"));
        }
    }
    Ok(found)
}

/// A member that has to be there.
pub(super) fn needed<'l>(member: Option<Node<'l>>, expected: &'static str) -> Done<Node<'l>> {
    member.ok_or(Bad::missing(expected))
}

pub(super) fn list<'l>(node: Node<'l>, expected: &'static str) -> Done<Vec<Node<'l>>> {
    match node {
        Node::List(list) => Ok(list),
        other => Err(Bad::node(expected, &other)),
    }
}

/// An array of this many items.
pub(super) fn tuple<'l, const N: usize>(node: Node<'l>, expected: &'static str) -> Done<[Node<'l>; N]> {
    list(node, expected)?.try_into().map_err(|_| Bad::new(expected, "an array of another length"))
}

/// Bytes in either form: text, or an object with their base64.
pub(super) fn bytes(node: Node<'_>) -> Done<Bytes> {
    const EXPECTED: &str = "text, or an object with the member $b64";
    match node {
        Node::Text(text) => Ok(text_bytes(text)),
        Node::Object(members) => match <[_; 1]>::try_from(members) {
            Ok([(name, Node::Text(base64))]) if name == B64_MEMBER => decoded(&base64),
            _ => Err(Bad::new(EXPECTED, "another object")),
        },
        other => Err(Bad::node(EXPECTED, &other)),
    }
}

/// Bytes that are the name of a member.
pub(super) fn name_bytes(name: Cow<'_, str>) -> Done<Bytes> {
    match name.strip_prefix(B64) {
        Some(base64) => decoded(base64),
        None => Ok(text_bytes(name)),
    }
}

fn text_bytes(text: Cow<'_, str>) -> Bytes {
    match text {
        Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
        Cow::Owned(text) => text.into_bytes().into(),
    }
}

fn decoded(base64: &str) -> Done<Bytes> {
    STANDARD.decode(base64).map(Bytes::from).map_err(|_| Bad::new("padded base64", "another text"))
}

/// An integer within the range of its type.
pub(super) fn int<T: TryFrom<i128>>(node: &Node<'_>, expected: &'static str) -> Done<T> {
    let int = match node {
        Node::Uint(int) => i128::from(*int),
        Node::Int(int) => i128::from(*int),
        other => return Err(Bad::node(expected, other)),
    };
    T::try_from(int).map_err(|_| Bad::node(expected, node))
}

/// A score: any number, `"inf"` or `"-inf"`.
pub(super) fn score(node: &Node<'_>) -> Done<f64> {
    match node {
        Node::Float(float) => Ok(*float),
        // The nearest double, as of every text of a number.
        Node::Uint(int) => Ok(*int as f64),
        Node::Int(int) => Ok(*int as f64),
        Node::Text(text) if text == "inf" => Ok(f64::INFINITY),
        Node::Text(text) if text == "-inf" => Ok(f64::NEG_INFINITY),
        other => Err(Bad::node("a number, \"inf\" or \"-inf\"", other)),
    }
}

/// An id such as `"1700000000000-0"`.
pub(super) fn id(node: &Node<'_>) -> Done<StreamId> {
    let parsed = match node {
        Node::Text(text) => text.split_once('-').and_then(|(ms, seq)| Some(StreamId { ms: part(ms)?, seq: part(seq)? })),
        _ => None,
    };
    parsed.ok_or_else(|| Bad::node("an id of two numbers, \"ms-seq\"", node))
}

fn part(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
