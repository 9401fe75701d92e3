//! A multi-part log opened for reading: its manifest, and its files in the order they are loaded.

use super::error::{PersistenceError, Task};
use super::files::{demand_regular, os_name, resolve};
use super::storage::{Disk, Folder};
use crate::aof::{Manifest, ManifestFile, NameKind, Names, Role};
use crate::error::{Error, ErrorKind, Found, Place};
use crate::kind::FileKind;
use std::boxed::Box;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::vec::Vec;

/// No manifest is longer: it would name some ten thousand files.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A server may rewrite its log while we open it, but not without end.
const MAX_TRIES: u32 = 100;

/// A multi-part log. All of its files were open at one time, so that a server which removes them
/// while they are read changes nothing.
pub(crate) struct OpenLog {
    folder: Disk,
    /// The folder, as the caller named it.
    path: PathBuf,
    manifest_name: OsString,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_bytes: u64,
    /// What is odd about the manifest.
    pub(crate) deviations: Vec<Error>,
    /// The base, if there is one, then the increments.
    pub(crate) files: Vec<OpenPart>,
}

/// A file of a multi-part log, open.
pub(crate) struct OpenPart {
    pub(crate) path: PathBuf,
    pub(crate) name: Vec<u8>,
    pub(crate) role: Role,
    pub(crate) seq: u64,
    /// Its size when it was opened.
    pub(crate) bytes: u64,
    pub(crate) content: Box<dyn Read + Send>,
}

/// Whether a file may have no bytes: a log of no commands is empty, a snapshot of no keys is not.
pub(super) fn may_be_empty(file: &ManifestFile) -> bool {
    file.role != Role::Base || !file.name.ends_with(b".rdb")
}

/// The folder and the name of the manifest that a path means: its own, or that of the log in the
/// folder it names. `None` where it is another file.
pub(crate) fn find(path: &Path) -> io::Result<Option<(PathBuf, OsString)>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return manifest_in(path).map(|name| Some((path.into(), name)));
    }
    demand_regular(&metadata)?;
    // An empty one, or one of comments only, says by its name what it should be.
    let is_manifest = path.as_os_str().as_encoded_bytes().ends_with(MANIFEST) || {
        let mut head = Vec::new();
        fs::File::open(path)?.take(FileKind::PREFIX_BYTES as u64).read_to_end(&mut head)?;
        FileKind::sniff(&head) == FileKind::Manifest
    };
    if is_manifest { resolve(path).map(Some) } else { Ok(None) }
}

const MANIFEST: &[u8] = b".manifest";

/// The name of the one manifest in a folder.
fn manifest_in(folder: &Path) -> io::Result<OsString> {
    let found = only_manifest(&Disk::open(folder)?)?;
    found.ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, "it is a folder without the manifest of a log"))
}

/// The name of the one manifest in a folder, if there is one.
pub(super) fn only_manifest(folder: &dyn Folder) -> io::Result<Option<OsString>> {
    let mut found = None;
    for name in folder.list()? {
        let bytes = name.as_encoded_bytes();
        // What servers write first, and then rename, begins so.
        if bytes.ends_with(MANIFEST) && !bytes.starts_with(b"temp-") && found.replace(name).is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it holds several manifests: name one of them"));
        }
    }
    Ok(found)
}

impl OpenLog {
    /// Opens the log whose manifest has this name in this folder. Only the names that the manifest
    /// lists are opened, without following a link.
    ///
    /// # Errors
    /// `Format` of the manifest, at the offset of the line: what [`Manifest::parse`] refuses,
    /// `BadManifest` for a listed file that is not there and for an empty snapshot, `UnsafePath` for
    /// one that is no regular file. `Io`.
    pub(crate) fn open(doing: &'static str, path: PathBuf, manifest_name: OsString) -> Result<Self, PersistenceError> {
        let manifest_path = path.join(&manifest_name);
        let task = Task { doing, path: &manifest_path };
        let folder = Disk::open(&path).map_err(|error| task.io(error))?;
        let mut text = read_manifest(&folder, &manifest_name, task)?;
        let mut tries = 0;
        loop {
            let own_name = manifest_name.as_encoded_bytes();
            let (manifest, deviations) = Manifest::parse(&text, own_name).map_err(|error| task.format(error))?;
            match open_files(&folder, &path, &manifest, &text) {
                Ok(files) => {
                    let manifest_bytes = text.len() as u64;
                    return Ok(Self { folder, path, manifest_name, manifest, manifest_bytes, deviations, files });
                }
                Err(Obstacle::Gone(error)) => {
                    // A server may have rewritten the log meanwhile, and its manifest says so.
                    let again = read_manifest(&folder, &manifest_name, task)?;
                    tries += 1;
                    if again == text || tries == MAX_TRIES {
                        return Err(task.format(error));
                    }
                    text = again;
                }
                Err(Obstacle::Unsafe(error)) => return Err(task.format(error)),
                Err(Obstacle::Io(path, error)) => return Err(Task { doing, path: &path }.io(error)),
            }
        }
    }

    /// Where the manifest is.
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.path.join(&self.manifest_name)
    }

    /// The size of a listed file, where it is there. Those that are history may be gone.
    pub(crate) fn len_of(&self, file: &ManifestFile) -> Option<u64> {
        self.folder.len(&os_name(&file.name)).ok()
    }

    /// Whether a file of this name is the lock of the one who writes the log.
    pub(crate) fn is_lock(&self, name: &OsStr) -> bool {
        let names = Names::of_manifest(self.manifest_name.as_encoded_bytes());
        names.and_then(|names| names.kind_of(name.as_encoded_bytes())) == Some(NameKind::Lock)
    }

    /// Names of what is in the folder and not listed.
    pub(crate) fn unlisted(&self) -> io::Result<Vec<OsString>> {
        let is_listed = |name: &OsString| {
            *name == self.manifest_name || self.manifest.files.iter().any(|file| file.name == name.as_encoded_bytes())
        };
        let mut names = self.folder.list()?;
        names.retain(|name| !is_listed(name));
        names.sort();
        Ok(names)
    }
}

/// Why a listed file was not opened.
enum Obstacle {
    Gone(Error),
    Unsafe(Error),
    Io(PathBuf, io::Error),
}

/// The manifest of this name in a folder, whose files are not looked at.
///
/// # Errors
/// `Format` for what [`Manifest::parse`] refuses; `Io`.
pub(crate) fn manifest(doing: &'static str, path: &Path, name: &OsStr) -> Result<Manifest, PersistenceError> {
    let manifest_path = path.join(name);
    let task = Task { doing, path: &manifest_path };
    let folder = Disk::open(path).map_err(|error| task.io(error))?;
    let text = read_manifest(&folder, name, task)?;
    let parsed = Manifest::parse(&text, name.as_encoded_bytes());
    parsed.map(|(manifest, _)| manifest).map_err(|error| task.format(error))
}

/// The text of a manifest.
pub(super) fn read_manifest(folder: &dyn Folder, name: &OsStr, task: Task<'_>) -> Result<Vec<u8>, PersistenceError> {
    let mut text = Vec::new();
    let read = folder.read(name).and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| task.io(error))?;
    let len = text.len() as u64;
    if len > MAX_MANIFEST_BYTES {
        let kind = ErrorKind::LimitExceeded { expected: "a manifest of at most 1 MiB", found: Found::Number(len) };
        return Err(task.format(Error::new(kind, 0, Place::default())));
    }
    Ok(text)
}

fn open_files(folder: &Disk, path: &Path, manifest: &Manifest, text: &[u8]) -> Result<Vec<OpenPart>, Obstacle> {
    manifest.loaded().map(|file| open_file(folder, path, file, || line_of(file, manifest, text))).collect()
}

fn open_file(folder: &Disk, path: &Path, file: &ManifestFile, line: impl Fn() -> u64) -> Result<OpenPart, Obstacle> {
    let at_line = |kind| Error::new(kind, line(), Place::default());
    let bad = |expected, found| at_line(ErrorKind::BadManifest { expected, found: Found::Text(found) });
    let no_file = |found| {
        Obstacle::Unsafe(at_line(ErrorKind::UnsafePath { expected: "the name of a regular file", found: Found::Text(found) }))
    };
    let name = os_name(&file.name);
    let file_path = path.join(&name);
    let opened = folder.len(&name).and_then(|bytes| Ok((bytes, folder.read(&name)?)));
    let (bytes, content) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound => Obstacle::Gone(bad("a file that is there", "none of this name")),
                io::ErrorKind::IsADirectory => no_file("that of a folder"),
                // A name without a separator or a zero is no invalid input; what it names is.
                io::ErrorKind::InvalidInput => no_file("that of something else"),
                _ => Obstacle::Io(file_path, error),
            });
        }
    };
    if bytes == 0 && !may_be_empty(file) {
        return Err(Obstacle::Unsafe(bad("a snapshot with something in it", "an empty one")));
    }
    Ok(OpenPart { path: file_path, name: file.name.clone(), role: file.role, seq: file.seq, bytes, content })
}

/// Where the line of a file begins in its manifest.
fn line_of(file: &ManifestFile, manifest: &Manifest, text: &[u8]) -> u64 {
    let index = manifest.files.iter().position(|other| other.name == file.name).unwrap_or_default();
    let mut offset = 0;
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let start = offset;
        offset += line.len() as u64;
        (start, line)
    });
    lines.filter(|(_, line)| !line.starts_with(b"#")).nth(index).map_or(0, |(start, _)| start)
}
