//! Any bytes as a manifest: no panic, offsets within it, and what was read and can be written
//! is read back as the same.
#![no_main]

use aikv::aof::{Manifest, Names};
use libfuzzer_sys::fuzz_target;

const OWN: &[u8] = b"appendonly.aof.manifest";

fuzz_target!(|bytes: &[u8]| {
    let names = Names::of_manifest(OWN).expect("a manifest's name");
    let (mut manifest, deviations) = match Manifest::parse(bytes, OWN) {
        Ok(parsed) => parsed,
        Err(error) => return assert!(error.offset() <= bytes.len() as u64, "{error}"),
    };
    for file in &manifest.files {
        names.kind_of(&file.name);
    }
    let mut written = Vec::new();
    match manifest.write(OWN, &mut written) {
        Ok(()) => {
            let (again, told) = Manifest::parse(&written, OWN).expect("it was written");
            manifest.files.sort_by_key(|file| file.role);
            assert_eq!(again, manifest);
            assert_eq!(told.len(), deviations.len());
        }
        // Quoting makes a line longer.
        Err(error) => assert_eq!((error.code(), written.len()), ("unrepresentable", 0)),
    }
});
