//! What a survey tells of every version at once is what a conversion to each of them loses.

mod support;

use aikv::jobs::{Container, Convert, ConvertOptions, Flow, Job, LoadLog, Pass, Reader, Survey};
use aikv::model::{Loss, Lost, ReplayOptions};
use aikv::rdb::{Decoder, Dialect, Event, Server, Version};
use aikv::wire::{Fault, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

type Tally = BTreeMap<Lost, (u64, u64)>;

/// Losses and keys by kind, and keys that lose anything.
fn by_kind(losses: &[Loss]) -> (Tally, u64) {
    let mut tally = Tally::new();
    let mut keys = BTreeSet::new();
    for loss in losses {
        let (count, of_keys) = tally.entry(loss.lost).or_default();
        *count += loss.count;
        *of_keys += u64::from(loss.key.is_some());
        keys.extend(loss.key.clone());
    }
    (tally, keys.len() as u64)
}

fn converted(bytes: &[u8], version: Version, container: Container) -> (Tally, u64, u64) {
    let mut convert = Convert::new(ConvertOptions::new(version, container, [1, 2])).unwrap();
    Pass::new().feed(&mut Decoder::new(), bytes, &mut convert).unwrap();
    let mut losses = convert.take_losses();
    let (_, last, report) = convert.finish().unwrap();
    losses.extend(last);
    let (tally, keys) = by_kind(&losses);
    (tally, keys, report.copied_keys)
}

#[test]
fn a_survey_tells_of_every_version_what_a_conversion_to_it_loses() {
    let mut told = BTreeSet::new();
    for path in support::fixtures() {
        let bytes = fs::read(&path).unwrap();
        for container in [Container::Snapshot, Container::Commands] {
            let mut survey = Survey::new(container, false, [1, 2]).unwrap();
            Pass::new().feed(&mut Decoder::new(), &bytes, &mut survey).unwrap();
            let surveyed = survey.finish().unwrap();
            for prospect in &surveyed.prospects {
                let found = prospect.losses.iter().map(|loss| (loss.lost, (loss.count, loss.keys))).collect::<Tally>();
                let (expected, lossy_keys, copied_keys) = converted(&bytes, prospect.version, container);
                let at = format!("{} to {} as {container:?}", path.display(), prospect.version);
                assert_eq!(found, expected, "{at}");
                assert_eq!(prospect.lossy_keys, lossy_keys, "{at}");
                if lossy_keys == 0 {
                    assert_eq!(surveyed.keys - prospect.rewritten_keys, copied_keys, "{at}");
                }
                told.extend(expected.into_keys());
            }
        }
    }
    // The fixtures are of no use here without these.
    for lost in [Lost::FieldExpiry, Lost::Stream, Lost::ModuleValue, Lost::Function, Lost::Idle, Lost::EntriesRead] {
        assert!(told.contains(&lost), "{lost:?} in {told:?}");
    }
}

#[test]
fn a_survey_has_every_version_that_a_server_writes_once() {
    let surveyed = Survey::new(Container::Snapshot, false, [1, 2]).unwrap().finish().unwrap();
    let versions: Vec<Version> = surveyed.prospects.iter().map(|prospect| prospect.version).collect();
    for server in Server::all() {
        assert_eq!(versions.iter().filter(|version| **version == server.version()).count(), 1, "{}", server.name());
    }
    assert_eq!(versions.len(), 11);
}

/// The names of the keys, in file order.
#[derive(Default)]
struct Names(Vec<Vec<u8>>);

impl Job for Names {
    fn push(&mut self, event: &Event<'_>, _raw: &[u8]) -> Result<Flow, Fault> {
        if let Event::Key(key) = event {
            self.0.push(key.key.to_vec());
        }
        Ok(Flow::Continue)
    }
}

#[test]
fn the_key_that_loses_most_is_told_with_its_row() {
    let bytes = fs::read(support::data().join("redis-8.6/field_expiry.rdb")).unwrap();
    let mut survey = Survey::new(Container::Snapshot, false, [1, 2]).unwrap();
    Pass::new().feed(&mut Decoder::new(), &bytes, &mut survey).unwrap();
    let surveyed = survey.finish().unwrap();
    assert!(surveyed.loaded_by.range(Dialect::Valkey).is_none());
    let prospect = surveyed.prospects.iter().find(|prospect| prospect.version == Version::redis(11)).unwrap();
    let loss = prospect.losses.iter().find(|loss| loss.lost == Lost::FieldExpiry).unwrap();
    let most = loss.most.as_ref().unwrap();
    let mut names = Names::default();
    Pass::new().feed(&mut Decoder::new(), &bytes, &mut names).unwrap();
    assert_eq!(names.0[usize::try_from(most.row).unwrap()], most.key);
    let mut convert = Convert::new(ConvertOptions::new(Version::redis(11), Container::Snapshot, [1, 2])).unwrap();
    Pass::new().feed(&mut Decoder::new(), &bytes, &mut convert).unwrap();
    let counts = convert.take_losses().into_iter().filter(|loss| loss.lost == Lost::FieldExpiry).map(|loss| loss.count);
    assert_eq!(counts.max(), Some(most.count));
}

#[test]
fn module_types_are_counted() {
    let bytes = fs::read(support::data().join("modules/modules.rdb")).unwrap();
    let mut survey = Survey::new(Container::Snapshot, false, [1, 2]).unwrap();
    Pass::new().feed(&mut Decoder::new(), &bytes, &mut survey).unwrap();
    let surveyed = survey.finish().unwrap();
    assert_eq!(surveyed.modules.iter().map(|module| module.keys).sum::<u64>(), surveyed.keys);
    assert!(surveyed.modules.iter().any(|module| module.id.to_string() == "ReJSON-RL"));
    assert!(surveyed.modules.iter().all(|module| module.bytes > 0));
}

/// Whoever it is for: only a server that loads the log runs its scripts.
#[test]
fn commands_that_are_not_carried_out_are_a_loss_for_every_version() {
    let mut load = LoadLog::new(ReplayOptions::new(0, [1, 2]));
    let mut reader = Reader::new(Limits::default());
    for command in ["$4\r\nEVAL", "$4\r\nEVAL", "$7\r\nPUBLISH"] {
        reader.feed(format!("*3\r\n{command}\r\n$1\r\nx\r\n$1\r\n0\r\n").as_bytes(), &mut load).unwrap();
    }
    load.end_file();
    let (_, report) = load.finish().unwrap();
    let mut survey = Survey::new(Container::Snapshot, false, [1, 2]).unwrap();
    survey.passed_over(&report);
    let surveyed = survey.finish().unwrap();
    assert!(surveyed.prospects.len() > 10);
    for prospect in surveyed.prospects {
        let told: Vec<_> = prospect.losses.iter().map(|loss| (loss.lost, loss.count, loss.keys, loss.name.as_deref())).collect();
        assert_eq!(told, [(Lost::Commands, 2, 0, Some(&b"EVAL"[..]))], "{}", prospect.version);
        assert_eq!((prospect.lossy_keys, prospect.left_out_keys), (0, 0));
    }
}
