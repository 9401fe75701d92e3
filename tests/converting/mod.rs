//! What the tests of conversions share: a conversion in memory, and what its report says of the data.

#![allow(dead_code)] // every test uses its own share

use aikv::jobs::{Container, Convert, ConvertOptions, Converted, HandOver, Reader};
use aikv::model::{ArrayValue, Dataset, HashField, Loss, Lost, OnLoss, Outcome, StreamGroup, Value};
use aikv::rdb::{Dialect, SlotValue, StreamId, Target, Version};
use aikv::wire::Limits;
use bytes::Bytes;
use std::collections::BTreeMap;

pub(crate) struct Conversion {
    /// Nothing, where it was refused.
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) report: Converted,
}

pub(crate) fn options(target: impl Into<Target>, container: Container, on_loss: OnLoss) -> ConvertOptions {
    ConvertOptions { on_loss, ..ConvertOptions::new(target, container, [1, 2]) }
}

/// Converts a snapshot that is fed in chunks.
pub(crate) fn convert_in(snapshot: &[u8], chunk: usize, options: ConvertOptions) -> Result<Conversion, aikv::Error> {
    let mut convert = Convert::new(options)?;
    let mut reader = Reader::new(Limits::default());
    let mut bytes = Vec::new();
    let mut losses = Vec::new();
    for chunk in snapshot.chunks(chunk) {
        let fed = reader.feed(chunk, &mut convert);
        if let Some(failure) = convert.failure() {
            return Err(failure.clone());
        }
        fed?;
        bytes.append(convert.output());
        losses.extend(convert.take_losses());
    }
    reader.finish()?;
    let (rest, last, report) = convert.finish()?;
    bytes.extend_from_slice(&rest);
    losses.extend(last);
    assert_eq!(losses.len() as u64, report.losses);
    Ok(Conversion { bytes: (!report.is_refused).then_some(bytes), losses, report })
}

/// Converts data that were never in a snapshot, as those of a log.
pub(crate) fn convert_data(dataset: Dataset, options: ConvertOptions) -> Result<Conversion, aikv::Error> {
    let mut convert = Convert::new(options)?;
    let mut hand_over = HandOver::new(dataset.source)?;
    let mut handed = Ok(());
    for item in dataset.into_items() {
        handed = handed.and_then(|()| hand_over.push(&item, &mut convert).map(drop));
    }
    let handed = handed.and_then(|()| hand_over.finish(&mut convert));
    if let Some(failure) = convert.failure() {
        return Err(failure.clone());
    }
    handed?;
    let (mut bytes, mut losses) = (std::mem::take(convert.output()), convert.take_losses());
    let (rest, last, report) = convert.finish()?;
    bytes.extend_from_slice(&rest);
    losses.extend(last);
    Ok(Conversion { bytes: (!report.is_refused).then_some(bytes), losses, report })
}

pub(crate) fn convert(snapshot: &[u8], target: impl Into<Target>, container: Container, on_loss: OnLoss) -> Conversion {
    let target = target.into();
    convert_in(snapshot, 1 << 16, options(target, container, on_loss)).unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// What a target holds in the end, by what a report says of it.
pub(crate) fn without(mut dataset: Dataset, losses: &[Loss], version: Version) -> Dataset {
    for loss in losses {
        match &loss.key {
            Some((db, key)) => without_part(dataset.databases.get_mut(db).unwrap(), key, loss, version),
            None => without_record(&mut dataset, loss),
        }
    }
    for loss in losses.iter().filter(|loss| loss.outcome == Outcome::KeyLeftOut) {
        let (db, key) = loss.key.as_ref().unwrap();
        dataset.databases.get_mut(db).unwrap().remove(key);
    }
    dataset
}

fn without_record(dataset: &mut Dataset, loss: &Loss) {
    let name = loss.name.as_deref().unwrap_or_default();
    let count = dataset.functions.len() + dataset.module_data.len() + dataset.aux.len();
    match loss.lost {
        Lost::Function => dataset.functions.retain(|function| !function.code.starts_with(name)),
        Lost::FunctionDescription => dataset.functions.iter_mut().for_each(|function| function.description = None),
        Lost::ModuleData => {
            let at = dataset.module_data.iter().position(|data| data.id.name()[..] == *name).unwrap();
            dataset.module_data.remove(at);
        }
        // Valkey's stands in a record of its own, which is no data.
        Lost::SlotMove if !dataset.aux.iter().any(|field| field.name[..] == *name) => return,
        Lost::HeadField | Lost::Script | Lost::SlotMove => {
            let at = dataset.aux.iter().position(|field| field.name[..] == *name).unwrap();
            dataset.aux.remove(at);
        }
        // Datasets have none.
        Lost::SlotSizes => return,
        other => panic!("{other:?} belongs to a key"),
    }
    let left = dataset.functions.len() + dataset.module_data.len() + dataset.aux.len();
    assert!(left < count || loss.outcome == Outcome::Stripped, "{loss:?}");
}

fn without_part(database: &mut BTreeMap<Bytes, aikv::model::Entry>, key: &Bytes, loss: &Loss, version: Version) {
    let entry = database.get_mut(key).unwrap();
    match (loss.lost, &mut entry.value) {
        _ if loss.outcome == Outcome::KeyLeftOut => {}
        (Lost::Idle | Lost::Freq, _) => entry.eviction = aikv::rdb::Eviction::None,
        (Lost::KeyMetadata, _) => {
            assert_eq!(entry.metadata.len() as u64, loss.count);
            entry.metadata.clear();
        }
        (Lost::ExpiryMs, _) => {
            let at = entry.expires_at_ms.unwrap().div_euclid(1000);
            entry.expires_at_ms = i32::try_from(at).ok().map(|at| i64::from(at) * 1000);
        }
        // It stands in front of keys, and in no data.
        (Lost::Enterprise, _) => {}
        (Lost::Array, Value::Array(array)) => {
            let field = |(index, slot): &(u64, ArrayValue)| HashField {
                field: index.to_string().into(),
                value: match slot {
                    ArrayValue::Text(text) => text.clone(),
                    ArrayValue::Float(float) => SlotValue::Float(*float).with_text(Bytes::copy_from_slice),
                },
                expires_at_ms: None,
            };
            entry.value = Value::Hash(array.slots.iter().map(field).collect());
        }
        (lost @ (Lost::FieldExpiry | Lost::FieldExpiryRange), Value::Hash(fields)) => {
            let range = match version.dialect() {
                Dialect::Redis => 1..=(1 << 48) - 1,
                Dialect::Valkey => 0..=i64::MAX,
            };
            let mut count = 0;
            fields.retain_mut(|field| {
                let is_lost = field.expires_at_ms.is_some_and(|at| lost == Lost::FieldExpiry || !range.contains(&at));
                count += u64::from(is_lost);
                if is_lost {
                    field.expires_at_ms = None;
                }
                !is_lost || loss.outcome == Outcome::Stripped
            });
            assert_eq!(count, loss.count);
        }
        (Lost::StreamCounters, Value::Stream(stream)) => {
            stream.max_deleted_id = StreamId::default();
            stream.entries_added = stream.entries.len() as u64;
        }
        (Lost::EntriesRead, Value::Stream(stream)) => {
            // As Redis 8.0 `streamEstimateDistanceFromFirstEverEntry()` has it for a stream without counters.
            let (len, last, first) = (stream.entries.len() as u64, stream.last_id, stream.first_id());
            let estimate = |group: &StreamGroup| match group.last_id {
                _ if len == 0 => Some(0),
                id if id == last => Some(len),
                id if id > first || id > last => None,
                id => Some(u64::from(id == first)),
            };
            let mut changed = 0;
            for group in &mut stream.groups {
                let estimate = estimate(group);
                changed += u64::from(estimate != group.entries_read);
                group.entries_read = estimate;
            }
            assert_eq!(changed, loss.count);
        }
        (Lost::ConsumerActiveTime, Value::Stream(stream)) => {
            for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
                consumer.active_at_ms = consumer.seen_at_ms;
            }
        }
        (Lost::ConsumerTimes, Value::Stream(_)) => {}
        (Lost::ProducerIds, Value::Stream(stream)) => stream.idempotency = None,
        (Lost::UnownedPending, Value::Stream(stream)) => stream.groups.iter_mut().for_each(|group| group.unowned.clear()),
        (lost, value) => panic!("{lost:?} of {value:?}"),
    }
}

/// Takes the times out of the consumers of streams whose times are said to be lost.
pub(crate) fn forget_times(dataset: &mut Dataset, losses: &[Loss]) {
    for loss in losses.iter().filter(|loss| loss.lost == Lost::ConsumerTimes) {
        let (db, key) = loss.key.as_ref().unwrap();
        let Some(entry) = dataset.databases.get_mut(db).and_then(|database| database.get_mut(key)) else { continue };
        let Value::Stream(stream) = &mut entry.value else { panic!("{loss:?}") };
        for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
            (consumer.seen_at_ms, consumer.active_at_ms) = (0, 0);
        }
    }
}

/// Takes out the counters of streams, for servers that have none.
pub(crate) fn forget_counters(dataset: &mut Dataset) {
    for entry in dataset.databases.values_mut().flat_map(BTreeMap::values_mut) {
        if let Value::Stream(stream) = &mut entry.value {
            (stream.max_deleted_id, stream.entries_added) = (StreamId::default(), 0);
            stream.groups.iter_mut().for_each(|group| group.entries_read = None);
        }
    }
}
