//! Jobs that write snapshots from snapshots, or compare them: whatever bytes they are fed, they end, and what they write
//! of a file that can be read can be read. Memory does not grow with values.

#[path = "common/counting.rs"]
mod counting;

use aikv::jobs::{
    Differences, Filter, Fingerprints, Job, Merge, MergePlan, OnConflict, Partition, Pick, Reader, SizeRule, SlotMap, SplitBy,
    details,
};
use aikv::wire::Limits;
use std::fs;
use std::path::Path;

/// Small snapshots of several servers.
fn files() -> Vec<Vec<u8>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = Vec::new();
    for server in ["redis-2.8", "redis-7.0", "redis-8.6", "valkey-9.1"] {
        for entry in fs::read_dir(data.join(server)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                files.extend(fs::read(path).ok().filter(|bytes| bytes.len() < 500));
            }
        }
    }
    assert!(files.len() > 6, "{}", files.len());
    files
}

/// Whether the file was read to its end.
fn read(file: &[u8], is_lenient: bool, job: &mut impl Job) -> bool {
    let reader = Reader::new(Limits::default());
    let mut reader = if is_lenient { reader.leniently() } else { reader };
    file.chunks(100).all(|chunk| reader.feed(chunk, job).is_ok()) && reader.finish().is_ok()
}

fn rules() -> Vec<(Filter, SplitBy)> {
    let sized = Filter { size: SizeRule { min: Some(20), max: Some(300) }, ..Filter::default() };
    vec![
        (Filter::default(), SplitBy::Nothing),
        (sized.clone(), SplitBy::Prefix(b"-".to_vec())),
        (Filter::default(), SplitBy::Db),
        (sized, SplitBy::Slots(SlotMap::even(5))),
    ]
}

/// Runs every job over a file.
fn rewrite(file: &[u8], original: &[u8], is_lenient: bool) {
    for (filter, by) in rules() {
        let mut partition = Partition::new(filter, by);
        let is_whole = read(file, is_lenient, &mut partition);
        for (share, out) in partition.outputs() {
            let mut fingerprints = Fingerprints::new([1, 2], Filter::default()).unwrap();
            assert!(!is_whole || read(out, is_lenient, &mut fingerprints), "{share:?}");
        }
    }
    let fingerprints = |file: &[u8]| {
        let mut fingerprints = Fingerprints::new([1, 2], Filter::default()).unwrap();
        read(file, is_lenient, &mut fingerprints).then_some(fingerprints)
    };
    if let Some((a, b)) = fingerprints(file).zip(fingerprints(original)) {
        let differences = Differences::between(a, b, [1, 2]);
        let picks = [file, original].map(|file| {
            let mut pick = Pick::new(&differences, Filter::default(), 4000);
            read(file, is_lenient, &mut pick);
            pick.finish()
        });
        let [a, b] = picks;
        assert_eq!(details(a, b).count() as u64, differences.keys());
    }
    let mut plan = MergePlan::new([3, 4], OnConflict::NewestExpiry, 1 << 20);
    let inputs = [original, file];
    let can_be_merged = inputs.iter().all(|file| {
        let is_whole = read(file, is_lenient, &mut plan);
        plan.next_input();
        is_whole
    });
    if can_be_merged {
        let mut merge = Merge::new(plan).unwrap();
        for file in inputs {
            // The first reading has passed over values: this one may find them broken.
            read(file, is_lenient, &mut merge);
            merge.next_input();
        }
    }
}

#[test]
fn no_byte_that_is_flipped_makes_a_job_panic() {
    for file in files() {
        rewrite(&file, &file, false);
        for at in 0..file.len() {
            for flip in [0x01, 0xff] {
                let mut broken = file.clone();
                broken[at] ^= flip;
                // Lenient readers pass over the checksum, so that what is behind a flipped byte is read too.
                rewrite(&broken, &file, true);
            }
        }
    }
}

#[test]
fn a_large_value_takes_no_memory_for_its_size() {
    const VALUE_BYTES: usize = 32 << 20;
    let mut file = b"REDIS0011\xfe\x00\x00\x01k\x80".to_vec();
    file.extend_from_slice(&(VALUE_BYTES as u32).to_be_bytes());
    file.resize(file.len() + VALUE_BYTES, b'x');
    file.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    let pass = |job: &mut dyn FnMut(&mut Reader, &[u8])| {
        counting::peak(|| {
            let mut reader = Reader::new(Limits::default());
            file.chunks(64 * 1024).for_each(|chunk| job(&mut reader, chunk));
            reader.finish().unwrap();
        })
    };
    let mut partition = Partition::new(Filter::default(), SplitBy::Nothing);
    let peak = pass(&mut |reader, chunk| {
        reader.feed(chunk, &mut partition).unwrap();
        partition.outputs().for_each(|(_, out)| out.clear());
    });
    assert!(peak < 1 << 20, "copied: {peak} bytes");
    let mut fingerprints = Fingerprints::new([1, 2], Filter::default()).unwrap();
    let peak = pass(&mut |reader, chunk| reader.feed(chunk, &mut fingerprints).unwrap());
    assert!(peak < 1 << 20, "compared: {peak} bytes");
    // One that is too large is held no longer than it takes to see that.
    let filter = Filter { size: SizeRule { min: None, max: Some(100_000) }, ..Filter::default() };
    let mut partition = Partition::new(filter, SplitBy::Nothing);
    let peak = pass(&mut |reader, chunk| reader.feed(chunk, &mut partition).unwrap());
    assert!(peak < 1 << 20, "left out: {peak} bytes");
}
