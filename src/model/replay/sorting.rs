//! `SORT .. STORE`.
//!
//! Source: Redis 8.6 `sort.c`. With `STORE` texts are compared byte by byte, whatever the locale.

use super::super::store::Store;
use super::args::{Arguments, Done, Halt, SYNTAX, WRONG_TYPE, is_word};
use super::expiry::Expiry;
use super::keyspace::Space;
use super::lists::List;
use super::scores;
use super::text::Text;
use super::value::{Container, Value};
use super::zsets::Zset;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// What `SORT` is asked for.
struct Request<'a> {
    by: Option<&'a [u8]>,
    start: i64,
    count: i64,
    gets: Vec<&'a [u8]>,
    descends: bool,
    is_alpha: bool,
    destination: Option<&'a [u8]>,
}

/// An element and what it is sorted by.
struct Sorted {
    element: Text,
    weight: Weight,
}

/// What an element is sorted by.
enum Weight {
    Number(f64),
    Text(Option<Text>),
}

/// `SORT key [BY pattern] [LIMIT start count] [GET pattern ..] [ASC | DESC] [ALPHA] STORE destination`
pub(super) fn sort(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    let key = args.key()?;
    let mut request =
        Request { by: None, start: 0, count: -1, gets: Vec::new(), descends: false, is_alpha: false, destination: None };
    while let Some(word) = args.next() {
        match () {
            () if is_word(word, "ASC") => request.descends = false,
            () if is_word(word, "DESC") => request.descends = true,
            () if is_word(word, "ALPHA") => request.is_alpha = true,
            () if is_word(word, "LIMIT") => (request.start, request.count) = (args.int()?, args.int()?),
            () if is_word(word, "STORE") => request.destination = Some(args.text()?),
            () if is_word(word, "BY") => request.by = Some(args.text()?),
            () if is_word(word, "GET") => request.gets.push(args.text()?),
            () => return Err(SYNTAX),
        }
    }
    // Without it, nothing is changed.
    let Some(destination) = request.destination else { return Ok(()) };
    if let Ok(Some((zset, memory, _))) = space.find::<Zset>(key) {
        // It keeps its order.
        zset.order(memory)?;
    }
    let used = space.memory.left();
    let list = result(space, key, &request);
    // All that was taken in between was given back, but for the list.
    let list = match list {
        Ok(list) => list,
        Err(halt) => {
            space.memory.give_back(usize::try_from(used.saturating_sub(space.memory.left())).unwrap_or(0));
            return Err(halt);
        }
    };
    let kept = list.heap_bytes() as u64;
    let between = used.saturating_sub(space.memory.left()).saturating_sub(kept);
    space.memory.give_back(usize::try_from(between).unwrap_or(0));
    if list.is_empty() {
        space.memory.give_back(list.heap_bytes());
        space.remove(destination);
        return Ok(());
    }
    space.put(destination, list.into_value(), Expiry::NEVER)
}

/// The elements that are asked for, in their order.
fn result(space: &mut Space, key: &[u8], request: &Request<'_>) -> Result<List, Halt> {
    let mut is_sorted = request.by.is_none_or(|pattern| pattern.contains(&b'*'));
    let (mut by, mut is_alpha) = (request.by, request.is_alpha);
    let mut elements = elements(space, key, request.descends && !is_sorted)?;
    if !is_sorted && space.find::<super::sets::Set>(key).is_ok_and(|set| set.is_some()) {
        // A set has no order to leave it in.
        (is_sorted, by, is_alpha) = (true, None, true);
    }
    if is_sorted {
        elements = sorted(space, elements, by, is_alpha, request.descends)?;
    }
    let len = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let start = usize::try_from(request.start.clamp(0, len)).unwrap_or(usize::MAX);
    let count = if request.count < 0 { usize::MAX } else { usize::try_from(request.count).unwrap_or(usize::MAX) };
    let mut list = List::default();
    for element in elements.into_iter().skip(start).take(count) {
        if request.gets.is_empty() {
            list.push_back(element, &mut space.memory)?;
            continue;
        }
        for pattern in &request.gets {
            let text = looked_up(space, pattern, element.as_slice())?.unwrap_or(Text::EMPTY);
            list.push_back(text, &mut space.memory)?;
        }
    }
    Ok(list)
}

/// All elements; those of a sorted set in its order, from its end if it is to be left so.
fn elements(space: &mut Space, key: &[u8], is_reversed: bool) -> Result<Vec<Text>, Halt> {
    let keys = space.keys();
    let memory = keys.memory;
    let mut elements = Vec::new();
    let mut add = |text: &[u8], memory: &mut Store| {
        let text = Text::new(text, memory)?;
        memory.push(&mut elements, text)
    };
    match keys.keys.get_mut(key, keys.hashing).map(|slot| &mut slot.value) {
        None => {}
        Some(Value::List(list)) => list.iter().try_for_each(|text| add(text.as_slice(), memory))?,
        Some(Value::Set(set)) => set.iter().try_for_each(|text| add(text.as_slice(), memory))?,
        Some(Value::Zset(zset)) => {
            let order = zset.order(memory)?;
            order.iter().try_for_each(|ranked| add(ranked.member(), memory))?;
            if is_reversed {
                elements.reverse();
            }
        }
        Some(_) => return Err(WRONG_TYPE),
    }
    Ok(elements)
}

/// Elements in the order of their weights.
fn sorted(space: &mut Space, elements: Vec<Text>, by: Option<&[u8]>, is_alpha: bool, descends: bool) -> Result<Vec<Text>, Halt> {
    let mut all = Vec::new();
    for element in elements {
        let text = match by {
            None => Some(element.clone()),
            Some(pattern) => looked_up(space, pattern, element.as_slice())?,
        };
        let weight = match (is_alpha, text) {
            (true, text) => Weight::Text(text),
            (false, None) => Weight::Number(0.0),
            (false, Some(text)) => Weight::Number(number(text.as_slice())?),
        };
        space.memory.push(&mut all, Sorted { element, weight })?;
    }
    all.sort_by(|a, b| {
        let order = match (&a.weight, &b.weight) {
            (Weight::Number(x), Weight::Number(y)) => {
                let order = x.partial_cmp(y).unwrap_or(Ordering::Equal);
                order.then_with(|| a.element.as_slice().cmp(b.element.as_slice()))
            }
            (Weight::Text(x), Weight::Text(y)) => x.as_ref().map(Text::as_slice).cmp(&y.as_ref().map(Text::as_slice)),
            _ => Ordering::Equal,
        };
        if descends { order.reverse() } else { order }
    });
    Ok(all.into_iter().map(|sorted| sorted.element).collect())
}

/// A weight that is a number.
fn number(text: &[u8]) -> Result<f64, Halt> {
    let number = scores::parse_bound(text).ok_or(scores::NOT_A_FLOAT)?;
    let is_too_large = number.is_infinite() && text.iter().any(u8::is_ascii_digit);
    if is_too_large { Err(scores::NOT_A_FLOAT) } else { Ok(number) }
}

/// What a pattern names for an element: the string of a key or the field of a hash, or the element itself.
///
/// Source: `lookupKeyByPattern()`.
fn looked_up(space: &mut Space, pattern: &[u8], element: &[u8]) -> Result<Option<Text>, Halt> {
    if pattern == b"#" {
        return Ok(Some(Text::new(element, &mut space.memory)?));
    }
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return Ok(None) };
    let (front, behind) = pattern.split_at(star);
    let behind = behind.get(1..).unwrap_or_default();
    let arrow = behind.windows(2).position(|pair| pair == b"->").filter(|at| at.saturating_add(2) < behind.len());
    let (back, field) = match arrow {
        Some(at) => (behind.get(..at).unwrap_or_default(), behind.get(at.saturating_add(2)..)),
        None => (behind, None),
    };
    let mut key = Vec::new();
    for part in [front, element, back] {
        space.memory.extend(&mut key, part)?;
    }
    let keys = space.keys();
    let memory = keys.memory;
    let Some(slot) = keys.keys.get(&key, keys.hashing) else { return Ok(None) };
    match (&slot.value, field) {
        (Value::Hash(hash), Some(field)) => {
            hash.value(field, keys.hashing).map(|value| Ok(Text::new(value, memory)?)).transpose()
        }
        (value, None) if value.is_string() => value.with_string(|text| Ok(Some(Text::new(text, memory)?)))?,
        _ => Ok(None),
    }
}
