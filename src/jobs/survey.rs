//! What a conversion would lose, for the servers of every version at once.

use super::convert::{Container, Convert, ConvertOptions};
use super::{Flow, Job, Seed};
use crate::error::{Error, Fault};
use crate::model::{Collected, Collector, DecodeLimits, Loss, Lost, Outcome, ReplayReport};
use crate::rdb::{Event, Key, KeyMeta, LoadedBy, ModuleId, ModuleItem, Part, Server, Version};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Reads a snapshot once and tells what a conversion to each version of [`Server::all`] would lose.
///
/// A value is put together only where one of the versions may lose something of it, and then once for all of them, so
/// memory is bounded by the largest of those; of every other value the lengths are walked, and nodes and blobs that are
/// listpacks are looked at. What is written is thrown away.
/// A text beyond 4 GiB, which versions before RDB 8 have no length for, is not looked for.
pub struct Survey {
    collector: Collector,
    /// A conversion to each version, and what is learned of it.
    prospects: Vec<(Convert, Prospect)>,
    loaded_by: LoadedBy,
    modules: Vec<ModuleUse>,
    /// Where each type stands among them: a file may have one for every key.
    module_places: BTreeMap<u64, usize>,
    /// Whose value is in hand.
    module: Option<ModuleId>,
    source: Option<Version>,
    keys: u64,
    course: Course,
    /// Bits of the prospects for which the value in hand keeps its bytes.
    copied: u32,
    has_metadata: bool,
    enterprise: u64,
    listing: Option<Listing>,
}

/// The keys with losses of one kind in one version.
struct Listing {
    version: Version,
    code: String,
    rows: Vec<u32>,
}

/// What becomes of the value in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Skip,
    /// Put together for the prospects of these bits.
    Collect(u32),
}

/// What a conversion to a version would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prospect {
    /// The version.
    pub version: Version,
    /// A kind of loss each, in the order in which they came up.
    pub losses: Vec<SurveyedLoss>,
    /// Keys of which something would be lost.
    pub lossy_keys: u64,
    /// Of those, keys that would be left out even in their nearest form.
    pub left_out_keys: u64,
    /// Keys whose values would be written anew.
    pub rewritten_keys: u64,
}

/// All losses of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedLoss {
    /// What is lost.
    pub lost: Lost,
    /// What [`OnLoss::Degrade`](crate::model::OnLoss::Degrade) would make of the first.
    pub outcome: Outcome,
    /// How many there are: commands, fields, groups, consumers, pending entries; else as many as keys.
    pub count: u64,
    /// Keys that they belong to.
    pub keys: u64,
    /// The key that most of them belong to.
    pub most: Option<Most>,
    /// What the first belongs to, where that is no key.
    pub name: Option<Bytes>,
}

/// A key with its losses of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Most {
    /// The number of its database.
    pub db: u64,
    /// Its name.
    pub key: Bytes,
    /// Its position among the keys of the snapshot, from 0.
    pub row: u64,
    /// How many.
    pub count: u64,
}

/// Values of a module type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleUse {
    /// The type.
    pub id: ModuleId,
    /// How many.
    pub keys: u64,
    /// Bytes of them, from key head to value end.
    pub bytes: u64,
}

/// What was surveyed.
pub struct Surveyed {
    /// The version of the snapshot.
    pub source: Option<Version>,
    /// Its keys.
    pub keys: u64,
    /// The servers that load it as it is.
    pub loaded_by: LoadedBy,
    /// Module types that it has values of, in the order in which they came up.
    pub modules: Vec<ModuleUse>,
    /// Every version that a server writes, oldest first within each lineage.
    pub prospects: Vec<Prospect>,
    /// Where the keys stand that were to be listed, among the keys of the snapshot, from 0 and ascending.
    pub rows: Vec<u32>,
}

impl Survey {
    /// A survey that has read nothing yet, of conversions to snapshots or to commands; `is_lenient` says that the events
    /// come from a lenient reader.
    ///
    /// # Errors
    /// None: every version is known.
    pub fn new(container: Container, is_lenient: bool, seed: Seed) -> Result<Self, Error> {
        let mut prospects: Vec<(Convert, Prospect)> = Vec::new();
        for server in Server::all() {
            let version = server.version();
            if prospects.iter().all(|(_, prospect)| prospect.version != version) {
                let options = ConvertOptions { is_lenient, ..ConvertOptions::new(version, container, seed) };
                let convert = Convert::new(options)?;
                let losses = Vec::new();
                prospects.push((convert, Prospect { version, losses, lossy_keys: 0, left_out_keys: 0, rewritten_keys: 0 }));
            }
        }
        let collector = Collector::new(DecodeLimits::default().max_total_bytes);
        Ok(Self {
            collector: if is_lenient { collector.leniently() } else { collector },
            prospects,
            loaded_by: LoadedBy::new(),
            modules: Vec::new(),
            module_places: BTreeMap::new(),
            module: None,
            source: None,
            keys: 0,
            course: Course::Skip,
            copied: 0,
            has_metadata: false,
            enterprise: 0,
            listing: None,
        })
    }

    /// Lists the keys of which a conversion to this version would lose something of the kind with this [`Lost::code`]: 4 bytes for
    /// each. It comes before the data.
    pub fn list(&mut self, version: Version, code: &str) {
        self.listing = Some(Listing { version, code: code.into(), rows: Vec::new() });
    }

    /// Says that the data come from a snapshot of this version, or from none: what is read was made of them.
    pub fn of_version(&mut self, source: Option<Version>) {
        self.source = source;
    }

    /// Tells as losses what commands of a log may have changed that are not carried out, as [`Convert::passed_over`] does. It comes before
    /// the data.
    pub fn passed_over(&mut self, replay: &ReplayReport) {
        for (convert, prospect) in &mut self.prospects {
            convert.passed_over(replay);
            prospect.note(convert.take_losses(), 0);
        }
    }

    /// What was learned of a snapshot that was read to its end.
    ///
    /// # Errors
    /// None but what a conversion says.
    pub fn finish(self) -> Result<Surveyed, Error> {
        let Self { prospects, loaded_by, modules, source, keys, listing, .. } = self;
        let mut ended = Vec::new();
        for (convert, mut prospect) in prospects {
            let (_, losses, _) = convert.finish()?;
            prospect.note(losses, 0);
            ended.push(prospect);
        }
        let rows = listing.map(|listing| listing.rows).unwrap_or_default();
        Ok(Surveyed { source, keys, loaded_by, modules, prospects: ended, rows })
    }

    fn key(&mut self, key: &Key<'_>) -> Result<Flow, Fault> {
        let has_metadata = core::mem::take(&mut self.has_metadata);
        self.keys = self.keys.saturating_add(1);
        let mut wanted = 0;
        self.copied = 0;
        for (bit, (convert, prospect)) in bits().zip(&mut self.prospects) {
            if convert.copies(key, has_metadata) {
                self.copied |= bit;
            } else {
                prospect.rewritten_keys = prospect.rewritten_keys.saturating_add(1);
            }
            if self.enterprise > 0 || convert.may_lose(key, has_metadata) {
                wanted |= bit;
            }
        }
        if wanted != 0 {
            self.course = Course::Collect(wanted);
            self.collector.push(&Event::Key(*key))?;
            return Ok(Flow::Continue);
        }
        self.course = Course::Skip;
        Ok(Flow::Continue)
    }

    /// Takes an event of a value that is put together, or of its key's end.
    fn collect(&mut self, event: &Event<'_>, wanted: u32) -> Result<(), Fault> {
        let Some(collected) = self.collector.push(event)? else { return Ok(()) };
        self.collector.forget();
        let Collected::Entry { db, key, entry } = collected else { return Ok(()) };
        let enterprise = self.enterprise;
        let row = self.keys.saturating_sub(1);
        for (bit, (convert, prospect)) in bits().zip(&mut self.prospects) {
            if wanted & bit != 0 {
                convert.assess(db, &key, entry.clone(), enterprise);
                let losses = convert.take_losses();
                if let Some(listing) = &mut self.listing {
                    listing.note(prospect.version, &losses, row);
                }
                prospect.note(losses, row);
            }
        }
        Ok(())
    }

    /// Looks at a listpack of the value in hand: some servers may need it in another form.
    fn listpack(&mut self, blob: &[u8]) {
        for (bit, (convert, prospect)) in bits().zip(&mut self.prospects) {
            if self.copied & bit != 0 && convert.rewrites(blob) {
                self.copied &= !bit;
                prospect.rewritten_keys = prospect.rewritten_keys.saturating_add(1);
            }
        }
    }

    /// Counts a key whose value is one of a module.
    fn count_module(&mut self, bytes: u64) {
        let Some(id) = self.module.take() else { return };
        let place = *self.module_places.entry(id.0).or_insert(self.modules.len());
        match self.modules.get_mut(place) {
            Some(module) => {
                module.keys = module.keys.saturating_add(1);
                module.bytes = module.bytes.saturating_add(bytes);
            }
            None => self.modules.push(ModuleUse { id, keys: 1, bytes }),
        }
    }

    /// Takes what is no part of a value.
    fn record(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<(), Fault> {
        match event {
            Event::Start(version) => self.source = self.source.or(Some(*version)),
            Event::Enterprise { .. } => {
                self.enterprise = self.enterprise.saturating_add(1);
                return Ok(());
            }
            Event::KeyMeta(meta) => {
                self.has_metadata |= !matches!(meta, KeyMeta::Classes(0));
                return self.collector.push(event).map(drop);
            }
            Event::EmptyKey(_) => {
                (self.has_metadata, self.enterprise) = (false, 0);
                return self.collector.push(event).map(drop);
            }
            _ => {}
        }
        for (convert, prospect) in &mut self.prospects {
            convert.push(event, raw)?;
            convert.output().clear();
            let losses = convert.take_losses();
            prospect.note(losses, 0);
        }
        Ok(())
    }
}

impl Job for Survey {
    fn push(&mut self, event: &Event<'_>, raw: &[u8]) -> Result<Flow, Fault> {
        self.loaded_by.push(event);
        if let Event::Value(Part::Module(ModuleItem::Id(id))) = event {
            self.module = Some(*id);
        }
        match (event, self.course) {
            (Event::Key(key), _) => return self.key(key),
            (Event::Value(part), course) if part.listpack().is_some() => {
                self.listpack(part.listpack().unwrap_or_default());
                if let Course::Collect(wanted) = course {
                    self.collect(event, wanted)?;
                }
            }
            (Event::Value(_), Course::Skip) => return Ok(Flow::SkipValue),
            (Event::Value(_), Course::Collect(wanted)) => self.collect(event, wanted)?,
            (Event::KeyEnd { span }, course) => {
                if let Course::Collect(wanted) = course {
                    self.collect(event, wanted)?;
                }
                self.count_module(span.len());
                // Also where nothing is left of the key.
                self.enterprise = 0;
            }
            _ => self.record(event, raw)?,
        }
        match self.collector.faults().first() {
            Some(fault) => Err(*fault),
            None => Ok(Flow::Continue),
        }
    }
}

impl Listing {
    /// Lists the key of a row, if it is one of them.
    fn note(&mut self, version: Version, losses: &[Loss], row: u64) {
        let is_one = version == self.version && losses.iter().any(|loss| loss.key.is_some() && loss.lost.code() == self.code);
        self.rows.extend(u32::try_from(row).ok().filter(|_| is_one));
    }
}

impl Prospect {
    /// Adds losses that belong to the key of a row, or to none.
    fn note(&mut self, losses: Vec<Loss>, row: u64) {
        let mut is_lossy = false;
        let mut is_left_out = false;
        for Loss { lost, outcome, count, key, name } in losses {
            is_lossy |= key.is_some();
            is_left_out |= outcome == Outcome::KeyLeftOut;
            let at = self.losses.iter().position(|known| known.lost == lost).unwrap_or(self.losses.len());
            if at == self.losses.len() {
                self.losses.push(SurveyedLoss { lost, outcome, count: 0, keys: 0, most: None, name });
            }
            let Some(known) = self.losses.get_mut(at) else { continue };
            known.count = known.count.saturating_add(count);
            let Some((db, key)) = key else { continue };
            known.keys = known.keys.saturating_add(1);
            if known.most.as_ref().is_none_or(|most| most.count < count) {
                known.most = Some(Most { db, key, row, count });
            }
        }
        self.lossy_keys = self.lossy_keys.saturating_add(u64::from(is_lossy));
        self.left_out_keys = self.left_out_keys.saturating_add(u64::from(is_left_out));
    }
}

/// A bit for each prospect, of which there are far fewer than 32.
fn bits() -> impl Iterator<Item = u32> {
    (0..u32::BITS).map(|bit| 1u32.rotate_left(bit))
}
