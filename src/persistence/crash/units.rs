//! What the logs are given: units that can be told from one another, so that one missing and one applied twice are both seen.

use crate::model::{Dataset, Value};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// A text of several pages, one of which may be missing.
const LONG: usize = 9_000;

/// The database and the commands of a unit, which append to a text. Every third is a transaction, every fourth goes to
/// another database, and two are long.
pub(super) fn commands(unit: usize) -> (u64, Vec<[String; 3]>) {
    let db = u64::from(unit % 4 == 3);
    let append = |text: String| ["APPEND".to_string(), "log".to_string(), text];
    match unit % 3 {
        2 => (db, [append(format!("{unit}a,")), append(format!("{unit}b,"))].into()),
        _ if [6, 13].contains(&unit) => (db, [append("x".repeat(LONG))].into()),
        _ => (db, [append(format!("{unit},"))].into()),
    }
}

/// What so many units make.
pub(super) fn data(units: usize) -> Dataset {
    let mut dataset = Dataset::default();
    for db in 0..2 {
        let commands = (0..units).map(commands).filter(|(of, _)| *of == db).flat_map(|(_, commands)| commands);
        let text: String = commands.map(|[_, _, text]| text).collect();
        if !text.is_empty() {
            dataset.databases.entry(db).or_default().insert("log".into(), Value::String(text.into()).into());
        }
    }
    dataset
}

/// How many units make these data.
pub(super) fn count(found: &Dataset) -> Result<usize, String> {
    let texts = found.databases.values().flat_map(|database| database.values());
    let mut left: usize = texts.map(|entry| if let Value::String(text) = &entry.value { text.len() } else { 0 }).sum();
    let mut units = 0;
    while left > 0 {
        left = left.saturating_sub(commands(units).1.iter().map(|[_, _, text]| text.len()).sum());
        units += 1;
    }
    if data(units).databases == found.databases {
        Ok(units)
    } else {
        Err(format!("no beginning of the units: {:?}", found.databases))
    }
}
