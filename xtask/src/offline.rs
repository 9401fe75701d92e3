//! What the service worker keeps: the list of the site's files, written into `sw.js`.

use anyhow::{Context, Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const SCRIPT: &str = "sw.js";
/// Marks the places in `www/sw.js`.
const NO_FILES: &str = "const FILES = {};";
const NO_VERSION: &str = "const VERSION = \"\";";

/// Writes the list. Every other file has its final content by then.
pub fn stamp(site: &Path) -> Result<()> {
    let mut lines = String::new();
    for name in names(site)? {
        if name == SCRIPT {
            continue;
        }
        let bytes = fs::read(site.join(&name)).with_context(|| format!("cannot read {name}"))?;
        // Hosts answer for the folder, and some lead from the file's name to it.
        let name = if name == "index.html" { "./" } else { &name };
        lines.push_str(&format!("  {name:?}: \"sha256-{}\",\n", BASE64_STANDARD.encode(Sha256::digest(bytes))));
    }
    let version = BASE64_STANDARD.encode(Sha256::digest(&lines));
    let script = fs::read_to_string(site.join(SCRIPT))?;
    if !script.contains(NO_FILES) || !script.contains(NO_VERSION) {
        bail!("www/{SCRIPT}: expected {NO_FILES} and {NO_VERSION}");
    }
    let script = script.replace(NO_FILES, &format!("const FILES = {{\n{lines}}};"));
    fs::write(site.join(SCRIPT), script.replace(NO_VERSION, &format!("const VERSION = {version:?};")))?;
    Ok(())
}

/// The files of a folder by their names in addresses, in order.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(folder.join(&within))? {
            let entry = entry?;
            let path = within.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                names.push(parts.join("/"));
            }
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_file_and_its_version_is_that_of_the_list() {
        let folder = std::env::temp_dir().join(format!("aikv-offline-{}", std::process::id()));
        let site = |style: &str| {
            crate::package::fresh(&folder).unwrap();
            fs::create_dir(folder.join("aikv")).unwrap();
            let script = format!("{NO_VERSION}\n{NO_FILES}\n");
            for (name, text) in [("index.html", "abc"), ("aikv/index.js", ""), ("style.css", style), (SCRIPT, &script)] {
                fs::write(folder.join(name), text).unwrap();
            }
            stamp(&folder).unwrap();
            fs::read_to_string(folder.join(SCRIPT)).unwrap()
        };
        let script = site("one");
        let version = |script: &str| script.lines().next().unwrap().to_string();
        assert!(version(&script).starts_with("const VERSION = \"") && version(&script) != NO_VERSION);
        // The digests of FIPS 180-2, appendix B.1, and of nothing.
        assert!(script.contains("\"./\": \"sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\""), "{script}");
        assert!(script.contains("\"aikv/index.js\": \"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\""), "{script}");
        assert!(script.contains("\"style.css\": ") && !script.contains("sw.js"), "{script}");
        assert_ne!(version(&script), version(&site("two")));
        fs::remove_dir_all(&folder).unwrap();
    }
}
