//! Slots of a cluster: who has which.

use crate::model::slot::{SLOTS, key_slot};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Who has which slots of a cluster: every slot has one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotMap {
    names: Vec<String>,
    /// The number of each slot's owner.
    owners: Vec<u16>,
}

/// Why a text gives no [`SlotMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSlots {
    /// A word that is neither a slot nor a range of them.
    Word(String),
    /// A slot that two owners have.
    Twice(u16),
    /// A slot that nobody has.
    Missing(u16),
}

impl fmt::Display for BadSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "expected a slot or a range of slots such as 0-5460, found {word:?}"),
            Self::Twice(slot) => write!(f, "slot {slot} stands twice"),
            Self::Missing(slot) => write!(f, "slot {slot} is in no range; all from 0 to 16383 must be"),
        }
    }
}

impl core::error::Error for BadSlots {}

impl SlotMap {
    /// As many owners as that, at least one, each with slots in a row; the first ones have one more where it does not come out even.
    #[must_use]
    pub fn even(count: u16) -> Self {
        let count = count.clamp(1, SLOTS);
        let owner = |slot: u16| {
            let scaled = u32::from(slot).wrapping_mul(u32::from(count)).checked_div(u32::from(SLOTS));
            scaled.and_then(|owner| u16::try_from(owner).ok()).unwrap_or_default()
        };
        Self { names: (1..=count).map(|number| number.to_string()).collect(), owners: (0..SLOTS).map(owner).collect() }
    }

    /// Reads who has what: ranges with blanks between them (`0-5460 5461-10922 10923-16383`; ranges
    /// of one owner are joined by commas), or what a server answers to `CLUSTER NODES`, of which
    /// every master that has slots is an owner. Slots on their way belong to the one that has them still.
    ///
    /// # Errors
    /// A word that is no range, a slot that stands twice or not at all.
    pub fn parse(text: &str) -> Result<Self, BadSlots> {
        let mut map = Self { names: Vec::new(), owners: vec![u16::MAX; usize::from(SLOTS)] };
        let nodes: Vec<Vec<&str>> = text.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
        for words in nodes {
            match &words[..] {
                [id, address, flags, _, _, _, _, _, slots @ ..] if address.contains(':') => {
                    let slots: Vec<&str> = slots.iter().copied().filter(|word| !word.starts_with('[')).collect();
                    if flags.split(',').any(|flag| flag == "master") && !slots.is_empty() {
                        // It becomes part of a file's name.
                        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                            return Err(BadSlots::Word((*id).into()));
                        }
                        map.add((*id).into(), slots.into_iter())?;
                    }
                }
                words => {
                    for word in words {
                        map.add((*word).replace(',', "_"), word.split(','))?;
                    }
                }
            }
        }
        match map.owners.iter().position(|owner| *owner == u16::MAX) {
            Some(slot) => Err(BadSlots::Missing(u16::try_from(slot).unwrap_or(SLOTS))),
            None => Ok(map),
        }
    }

    fn add<'t>(&mut self, name: String, ranges: impl Iterator<Item = &'t str>) -> Result<(), BadSlots> {
        // There are fewer owners than slots, since each has one.
        let number = u16::try_from(self.names.len()).unwrap_or(SLOTS);
        for range in ranges {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let slot = |digits: &str| digits.parse::<u16>().ok().filter(|slot| *slot < SLOTS && !digits.starts_with('+'));
            let (Some(first), Some(last)) = (slot(first), slot(last)) else { return Err(BadSlots::Word(range.into())) };
            if first > last {
                return Err(BadSlots::Word(range.into()));
            }
            for slot in first..=last {
                match self.owners.get_mut(usize::from(slot)) {
                    Some(owner @ &mut u16::MAX) => *owner = number,
                    _ => return Err(BadSlots::Twice(slot)),
                }
            }
        }
        self.names.push(name);
        Ok(())
    }

    /// Names of the owners: their number, from 1; their ranges; or the id of their node.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of the owner of a key's slot, from 0.
    #[must_use]
    pub fn owner_of(&self, key: &[u8]) -> usize {
        self.owners.get(usize::from(key_slot(key))).copied().map_or(0, usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_from_words_and_from_nodes() {
        let plain = SlotMap::parse("0-5460 5461-10922\n10923-16383").unwrap();
        assert_eq!(plain.names(), ["0-5460", "5461-10922", "10923-16383"]);
        assert_eq!(plain.owner_of(b"foo"), 2);
        assert_eq!(plain.owner_of(b"hello"), 0);
        let joined = SlotMap::parse("0-100,200-16383 101-199").unwrap();
        assert_eq!((joined.names()[0].as_str(), joined.owners[150], joined.owners[16383]), ("0-100_200-16383", 1, 0));
        // As the cluster specification shows it.
        let nodes = SlotMap::parse(
            "07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected\n\
             67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n\
             292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-16382 16383\n\
             e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 [5461-<-67ed2d]\n",
        )
        .unwrap();
        assert_eq!(nodes.names().len(), 3);
        assert_eq!((nodes.owners[0], nodes.owners[16383]), (2, 1));
    }

    #[test]
    fn a_slot_has_one_owner() {
        for (text, error) in [
            ("0-16382", BadSlots::Missing(16383)),
            ("", BadSlots::Missing(0)),
            ("0-16383 5", BadSlots::Twice(5)),
            ("0-16384", BadSlots::Word("0-16384".into())),
            ("5-4", BadSlots::Word("5-4".into())),
            ("a", BadSlots::Word("a".into())),
        ] {
            assert_eq!(SlotMap::parse(text), Err(error), "{text}");
        }
        let even = SlotMap::even(3);
        let count = |owner| even.owners.iter().filter(|other| **other == owner).count();
        assert_eq!((count(0), count(1), count(2)), (5462, 5461, 5461));
    }
}
