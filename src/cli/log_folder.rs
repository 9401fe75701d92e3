//! The folder of a multi-part log whose base is a snapshot.

use super::failure::Failure;
use super::output::Output;
use super::staged_folder::StagedFolder;
use crate::aof::{BaseFormat, Manifest, ManifestFile, Names, Role};
use std::io;
use std::path::Path;
use std::prelude::rust_2024::*;

/// What servers call a log that nobody has named.
const STEM: &[u8] = b"appendonly.aof";

/// A log that is begun.
pub(super) struct LogFolder {
    folder: StagedFolder,
    names: Names,
}

impl LogFolder {
    /// Begins a log. Its base is written to the output.
    pub(super) fn create(path: &Path) -> Result<(Self, Output), Failure> {
        let names = Names::new(STEM).map_err(|kind| Failure::Usage(kind.to_string()))?;
        let folder = StagedFolder::create(path)?;
        let base = folder.output(&text(&names.base(1, BaseFormat::Rdb)))?;
        Ok((Self { folder, names }, base))
    }

    /// Takes the base, which is whole, adds an increment without commands and the manifest, and makes the folder appear.
    pub(super) fn finish(self, base: Output) -> Result<(), Failure> {
        let Self { folder, names } = self;
        base.finish()?;
        folder.output(&text(&names.incr(1)))?.finish()?;
        let files = vec![
            ManifestFile::new(names.base(1, BaseFormat::Rdb), 1, Role::Base),
            ManifestFile::new(names.incr(1), 1, Role::Incr),
        ];
        write_manifest(&Manifest { files }, &names.manifest(), &folder)?;
        folder.finish()
    }
}

/// Writes the manifest of a log.
pub(super) fn write_manifest(manifest: &Manifest, name: &[u8], folder: &StagedFolder) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    manifest.write(name, &mut bytes).map_err(|error| folder.failed(io::Error::other(error.to_string())))?;
    let mut output = folder.output(&text(name))?;
    output.write(&mut bytes)?;
    output.finish()
}

/// These names are text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
