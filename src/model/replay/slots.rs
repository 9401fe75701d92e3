//! Commands that take the keys of a cluster's slots away. They work on all databases.
//!
//! Sources: Valkey 9.1 `cluster.c` `clusterCommandFlushslot()`; Redis 8.6 `cluster_asm.c` `trimslotsCommand()`, which a server
//! logs when it has given slots to another one.

use super::super::slot::{SLOTS, key_slot};
use super::args::{Arguments, Done, Halt, SYNTAX};
use super::keys::flush_mode;
use super::keyspace::Space;
use alloc::vec;

const NO_SLOT: Halt = Halt::Answer("a slot that is none");

/// `CLUSTER FLUSHSLOT slot [ASYNC | SYNC]`, and those that change no data
pub(super) fn cluster(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    if !args.word("FLUSHSLOT") {
        return Ok(());
    }
    let flushed = slot(args)?;
    flush_mode(args)?;
    space.remove_if(|key| key_slot(key) == flushed);
    Ok(())
}

/// `TRIMSLOTS RANGES count first last [first last ..]`
pub(super) fn trimslots(space: &mut Space, args: &mut Arguments<'_>) -> Done {
    if !args.word("RANGES") {
        return Err(SYNTAX);
    }
    let count = args.count()?;
    if args.left() != count.saturating_mul(2) {
        return Err(SYNTAX);
    }
    let mut trimmed = vec![false; usize::from(SLOTS)];
    while args.left() > 0 {
        let (first, last) = (slot(args)?, slot(args)?);
        let range = trimmed.get_mut(usize::from(first)..=usize::from(last)).ok_or(NO_SLOT)?;
        range.fill(true);
    }
    space.remove_if(|key| trimmed.get(usize::from(key_slot(key))) == Some(&true));
    Ok(())
}

fn slot(args: &mut Arguments<'_>) -> Result<u16, Halt> {
    u16::try_from(args.int()?).ok().filter(|slot| *slot < SLOTS).ok_or(NO_SLOT)
}

#[cfg(test)]
mod tests {
    use super::super::tests::held;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    const KEYS: &str = "SET {u}1 v; SET {u}2 v; SET z v; SELECT 1; SET {u}3 v; SET z v; SELECT 0; ";

    /// The keys of each database behind these commands; `u` has slot 11826.
    fn left(lines: &str) -> Vec<String> {
        let dataset = held(&[KEYS, lines].concat());
        let names = |(db, keys): (&u64, &crate::model::Database)| {
            let keys: Vec<String> = keys.keys().map(|key| key.escape_ascii().to_string()).collect();
            [db.to_string(), keys.join(" ")].join(": ")
        };
        dataset.databases.iter().map(names).collect()
    }

    /// Valkey 9.1.2 in cluster mode, with 16 databases.
    #[test]
    fn a_flushed_slot_loses_its_keys_in_all_databases() {
        for line in ["CLUSTER FLUSHSLOT 11826", "cluster flushslot 11826 ASYNC", "SELECT 1; CLUSTER FLUSHSLOT 11826 SYNC"] {
            assert_eq!(left(line), ["0: z", "1: z"], "{line}");
        }
        for line in ["CLUSTER FLUSHSLOT 99999", "CLUSTER FLUSHSLOT 0", "CLUSTER SYNCSLOTS FINISH STATE SUCCESS"] {
            assert_eq!(left(line), ["0: z {u}1 {u}2", "1: z {u}3"], "{line}");
        }
    }

    /// Redis 8.6.3 in cluster mode, which has one database: what is trimmed there is trimmed in all.
    #[test]
    fn trimmed_ranges_of_slots_lose_their_keys() {
        for line in ["TRIMSLOTS RANGES 1 11826 11826", "TRIMSLOTS RANGES 2 0 5 11000 12000"] {
            assert_eq!(left(line), ["0: z", "1: z"], "{line}");
        }
        for line in ["TRIMSLOTS RANGES 1 0 5", "TRIMSLOTS RANGES 1 11826 99999"] {
            assert_eq!(left(line), ["0: z {u}1 {u}2", "1: z {u}3"], "{line}");
        }
    }
}
