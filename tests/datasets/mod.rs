//! What the tests of owned data share: the snapshots of real servers, and an
//! encoding that leaves out what a version has no form for.

#![allow(dead_code)] // every test uses its own share

#[cfg(unix)]
pub(crate) mod everything;

use super::common;
use aikv::Error;
use aikv::model::{Dataset, Emitter, EncodeOptions};
use aikv::rdb::Version;
use std::fs;

/// A snapshot of a real server.
pub(crate) struct Fixture {
    /// Such as `redis-7.0`.
    pub(crate) server: &'static str,
    /// Such as `strings`.
    pub(crate) case: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Version,
}

impl Fixture {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.server, self.case)
    }

    pub(crate) fn dataset(&self) -> Dataset {
        Dataset::decode(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }
}

pub(crate) fn fixtures() -> Vec<Fixture> {
    let mut found = Vec::new();
    for server in common::SERVERS {
        for file in fs::read_dir(common::data().join(server)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                let bytes = fs::read(&path).unwrap();
                let version = Version::from_header(&bytes).unwrap();
                let case = path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.push(Fixture { server, case, bytes, version });
            }
        }
    }
    found.sort_by_key(Fixture::name);
    assert!(found.len() > 150, "only {} fixtures", found.len());
    found
}

/// What two snapshots must agree in, whatever their versions.
pub(crate) fn content(mut dataset: Dataset) -> Dataset {
    dataset.source = None;
    dataset.databases.retain(|_, database| !database.is_empty());
    dataset.canonicalize();
    dataset
}

/// Encodes all that the version has a form for; takes the rest out of `dataset` and says why.
pub(crate) fn encode_what_fits(dataset: &mut Dataset, options: &EncodeOptions) -> (Vec<u8>, Vec<Error>) {
    let mut refused = Vec::new();
    let mut out = Vec::new();
    let mut emitter = Emitter::new(options, &mut out).unwrap();
    let mut fits = |result: Result<(), Error>| match result {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.code(), "unrepresentable", "{error}");
            refused.push(error);
            false
        }
    };
    dataset.aux.retain(|field| fits(emitter.aux(&field.name, &field.value, &mut out)));
    dataset.module_data.retain(|data| data.when == 2 || fits(emitter.module_data(data, &mut out)));
    dataset.functions.retain(|function| fits(emitter.function(function, &mut out)));
    for (db, database) in &mut dataset.databases {
        emitter.select_db(*db, &mut out).unwrap();
        emitter.resize_db(database.len() as u64, 0, &mut out).unwrap();
        database.retain(|key, entry| {
            let before = out.len();
            let fits = fits(emitter.entry(key, entry, &mut out));
            assert_eq!(fits, out.len() > before, "what is refused writes nothing");
            fits
        });
    }
    dataset.module_data.retain(|data| data.when != 2 || fits(emitter.module_data(data, &mut out)));
    emitter.finish(&mut out).unwrap();
    (out, refused)
}
