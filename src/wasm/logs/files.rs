//! Which of several files are those of a log, in the order they are loaded.

use super::super::error;
use super::super::object::{self, ObjectExt};
use crate::aof::{Manifest, ManifestFile, NameKind, Names, Role};
use crate::error::{Error, ErrorKind, Found, Place};
use alloc::string::String;
use alloc::vec::Vec;
use js_sys::{Array, Object};
use wasm_bindgen::prelude::*;

/// The files of a log among those of these names, in the order they are loaded, each as `{ name, role, seq }`. With a
/// manifest, those that it lists; without, those that are called as servers call them, or `undefined` where none is.
///
/// # Errors
/// What is wrong with the manifest; `bad-manifest` for a file that it lists and that is not among `names`, or where
/// there is no manifest and the names are those of several logs.
#[wasm_bindgen(js_name = logFiles, skip_typescript)]
pub fn log_files(names: &Array, manifest_name: Option<String>, manifest: &[u8]) -> Result<Option<Array>, JsValue> {
    let names: Vec<String> = names.iter().filter_map(|name| name.as_string()).collect();
    let files = match manifest_name {
        Some(own_name) => Some(listed(&names, own_name.as_bytes(), manifest)),
        None => named(&names).transpose(),
    };
    let Some(files) = files.transpose().map_err(|failure| error::to_js(&failure))? else { return Ok(None) };
    Ok(Some(files.iter().map(described).collect()))
}

fn described(file: &ManifestFile) -> Object {
    let object = Object::new();
    object.set("name", String::from_utf8_lossy(&file.name).as_ref());
    object.set("role", if file.role == Role::Base { "base" } else { "incr" });
    object.set("seq", object::number(file.seq));
    object
}

fn refused(expected: &'static str, found: &'static str) -> Error {
    Error::new(ErrorKind::BadManifest { expected, found: Found::Text(found) }, 0, Place::default())
}

/// Those that the manifest lists.
fn listed(names: &[String], own_name: &[u8], manifest: &[u8]) -> Result<Vec<ManifestFile>, Error> {
    let (manifest, _) = Manifest::parse(manifest, own_name)?;
    let files: Vec<_> = manifest.loaded().cloned().collect();
    let is_there = |file: &ManifestFile| names.iter().any(|name| name.as_bytes() == file.name);
    if files.iter().all(is_there) { Ok(files) } else { Err(refused("every file that it lists", "one that is not there")) }
}

/// Those that are called so: the latest base and all increments.
fn named(names: &[String]) -> Result<Option<Vec<ManifestFile>>, Error> {
    let mut log: Option<Names> = None;
    let (mut base, mut increments): (Option<ManifestFile>, _) = (None, Vec::new());
    for name in names {
        let Some((own, role, seq)) = part(name) else { continue };
        if log.get_or_insert_with(|| own.clone()) != &own {
            return Err(refused("the files of one log", "those of several"));
        }
        let file = ManifestFile::new(name.as_bytes(), seq, role);
        match role {
            Role::Base if base.as_ref().is_none_or(|base| base.seq < seq) => base = Some(file),
            Role::Base | Role::History => {}
            Role::Incr => increments.push(file),
        }
    }
    increments.sort_by_key(|file| file.seq);
    let files: Vec<_> = base.into_iter().chain(increments).collect();
    Ok(Some(files).filter(|files| !files.is_empty()))
}

/// What a file is, whatever its log is called.
fn part(name: &str) -> Option<(Names, Role, u64)> {
    let numbered = [".base.rdb", ".base.aof", ".incr.aof"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    let names = Names::new(numbered.rsplit_once('.')?.0.as_bytes()).ok()?;
    match names.kind_of(name.as_bytes())? {
        NameKind::Part { role, seq } => Some((names, role, seq)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn names(files: &[ManifestFile]) -> Vec<&str> {
        files.iter().map(|file| core::str::from_utf8(&file.name).unwrap()).collect()
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_string()).collect()
    }

    #[test]
    fn a_manifest_gives_the_order_and_asks_for_all_its_files() {
        let text =
            b"file a.aof.2.incr.aof seq 2 type i\nfile a.aof.1.base.rdb seq 1 type h\nfile a.aof.2.base.rdb seq 2 type b\n";
        let there = owned(&["a.aof.2.base.rdb", "other", "a.aof.2.incr.aof"]);
        let files = listed(&there, b"a.aof.manifest", text).unwrap();
        assert_eq!(names(&files), ["a.aof.2.base.rdb", "a.aof.2.incr.aof"]);
        let missing = listed(&there[..2], b"a.aof.manifest", text).unwrap_err();
        assert_eq!(missing.code(), "bad-manifest");
    }

    #[test]
    fn without_a_manifest_names_give_the_order() {
        let there = owned(&["a.aof.10.incr.aof", "x.rdb", "a.aof.9.incr.aof", "a.aof.1.base.rdb", "a.aof.2.base.aof"]);
        let files = super::named(&there).unwrap().unwrap();
        assert_eq!(names(&files), ["a.aof.2.base.aof", "a.aof.9.incr.aof", "a.aof.10.incr.aof"]);
        assert_eq!(super::named(&owned(&["dump.rdb", "appendonly.aof"])).unwrap(), None);
        let several = super::named(&owned(&["a.aof.1.incr.aof", "b.aof.1.incr.aof"])).unwrap_err();
        assert_eq!(several.code(), "bad-manifest");
    }
}
