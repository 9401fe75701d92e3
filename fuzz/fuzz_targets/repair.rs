//! Any bytes as a damaged snapshot or log: what becomes of each of them adds up to the file, is the same in chunks, and the new
//! file is whole.
#![no_main]

use aikv::jobs::{KeepReadable, Repair, RepairPlan};
use aikv::kind::FileKind;
use aikv::wire::Limits;
use aikv_fuzz::seed;
use libfuzzer_sys::fuzz_target;

/// What becomes of a file that is handed over in pieces of so many bytes, and the new one; nothing of what is no such file.
fn repair(file: &[u8], piece: usize, keeps: KeepReadable) -> Option<(RepairPlan, Vec<u8>)> {
    let limits = Limits { max_item_bytes: 1 << 20 };
    let repair = match FileKind::sniff(file) {
        FileKind::Rdb { .. } => Repair::of_snapshot([1, 2], limits),
        FileKind::Aof => Repair::of_log([1, 2], limits),
        _ => return None,
    };
    let mut repair = repair.keeping_readable(keeps);
    while let Some(rest) = repair.wanted().map(|offset| file.get(offset as usize..).unwrap_or_default()) {
        if !rest.is_empty() {
            repair.feed(&rest[..rest.len().min(piece)]);
        } else if !repair.looks_again() {
            break;
        }
    }
    let plan = repair.finish(file.len() as u64);
    let mut out = Vec::new();
    if !plan.is_empty() {
        let mut mend = plan.mend();
        for (at, chunk) in file.chunks(piece).enumerate() {
            mend.copy((at * piece) as u64, chunk, &mut out).expect("the bytes that were planned with");
        }
        mend.finish(&mut out).expect("the bytes that were planned with");
    }
    Some((plan, out))
}

fuzz_target!(|bytes: &[u8]| {
    let number = seed(bytes);
    let keeps = if number % 2 == 0 { KeepReadable::None } else { KeepReadable::All };
    let Some((plan, out)) = repair(bytes, 1 << 16, keeps.clone()) else { return };
    let mut end = 0;
    for range in &plan.ranges {
        assert!(range.span.start == end && range.span.end > end, "{:?}", plan.ranges);
        end = range.span.end;
    }
    assert_eq!(end, bytes.len() as u64);
    let pieces = repair(bytes, 1 + (number as usize >> 1) % 50, keeps).expect("it was one");
    assert_eq!((&pieces.0.ranges, &pieces.1), (&plan.ranges, &out));
    // A log of nothing but its first annotation is not known for one.
    if let Some((again, _)) = repair(&out, 1 << 16, KeepReadable::None) {
        assert!(again.is_whole(), "{:?} of {:?}", again.ranges, plan.ranges);
    }
});
