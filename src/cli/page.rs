//! Where the page comes from: a folder, or the binary that `cargo xtask dist` has built.

use crate::wire::crc64;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::prelude::rust_2024::*;

/// The page's files, each behind gzip.
#[cfg(feature = "page")]
static BUILT: include_dir::Dir<'static> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/dist/page");

/// The name of the sample among the page's files.
const SAMPLE: &str = "sample.rdb";

/// A page.
pub(super) enum Page {
    /// The files of a folder.
    Folder(PathBuf),
    /// What the binary was built with.
    #[cfg(feature = "page")]
    Built,
}

/// A file of a page.
pub(super) struct PageFile {
    /// Its path within the page.
    pub(super) path: PathBuf,
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) is_gzip: bool,
}

impl Page {
    /// What the binary was built with, if it was.
    pub(super) fn built() -> Option<Self> {
        #[cfg(feature = "page")]
        return Some(Self::Built);
        #[cfg(not(feature = "page"))]
        return None;
    }

    /// The file that a path of an address means: within the page, by plain names only.
    pub(super) fn file(&self, path: &str) -> Option<io::Result<PageFile>> {
        let path = plain(path)?;
        match self {
            Self::Folder(folder) => {
                let file = within(folder, &path)?;
                Some(fs::read(file).map(|bytes| PageFile { path, bytes: bytes.into(), is_gzip: false }))
            }
            #[cfg(feature = "page")]
            Self::Built => {
                let bytes = BUILT.get_file(&path)?.contents();
                Some(Ok(PageFile { path, bytes: bytes.into(), is_gzip: true }))
            }
        }
    }

    /// The bytes of the sample, where the page has one.
    pub(super) fn sample(&self) -> Option<(PathBuf, Vec<u8>)> {
        let file = self.file(&format!("/{SAMPLE}"))?.ok()?.unpacked().ok()?;
        Some((file.path, file.bytes.into_owned()))
    }
}

impl PageFile {
    /// The same for a reader that does not unpack.
    pub(super) fn unpacked(self) -> io::Result<Self> {
        if !self.is_gzip {
            return Ok(self);
        }
        let mut unpacker = crate::unpack::Unpacker::new();
        let (mut rest, mut bytes) = (&self.bytes[..], Vec::new());
        loop {
            let step = unpacker.step(rest).map_err(io::Error::other)?;
            rest = &rest[step.consumed..];
            if step.output.is_empty() {
                break;
            }
            bytes.extend_from_slice(step.output);
        }
        unpacker.finish().map_err(io::Error::other)?;
        Ok(Self { path: self.path, bytes: bytes.into(), is_gzip: false })
    }

    /// What changes with the bytes, as an entity tag.
    pub(super) fn tag(&self) -> String {
        format!("\"{:016x}-{}\"", crc64::update(0, &self.bytes), self.bytes.len())
    }
}

/// The path within a page.
fn plain(path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let relative = path.strip_prefix('/')?;
    let relative = if relative.is_empty() { "index.html" } else { relative };
    let is_plain = |component| matches!(component, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."));
    let is_refused = relative.contains(['\\', '\0', ':'])
        || relative.split('/').any(str::is_empty)
        || !Path::new(relative).components().all(is_plain);
    (!is_refused).then(|| relative.into())
}

/// A file of a folder, which no link leads out of.
fn within(folder: &Path, path: &Path) -> Option<PathBuf> {
    let root = folder.canonicalize().ok()?;
    let file = root.join(path).canonicalize().ok()?;
    (file.starts_with(&root) && file.is_file()).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_page() {
        let outer = std::env::temp_dir().join(format!("aikv-http-{}", std::process::id()));
        let page = Page::Folder(outer.join("page"));
        fs::create_dir_all(outer.join("page/sub")).unwrap();
        for name in ["secret", "page/index.html", "page/sub/a.js", "page/.hidden"] {
            fs::write(outer.join(name), "x").unwrap();
        }
        let found = |path: &str| page.file(path).map(|file| file.unwrap().path.to_str().unwrap().to_string());
        assert_eq!(found("/").as_deref(), Some("index.html"));
        assert_eq!(found("/sub/a.js").as_deref(), Some("sub/a.js"));
        assert_eq!(found("/sub/%61.js").as_deref(), Some("sub/a.js"));
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/sub/../../secret",
            "/..%2fsecret",
            "//secret",
            "/sub",
            "/.hidden",
            "",
            "/a%00b",
            "/sub//a.js",
            "/..\\secret",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.join("secret"), outer.join("page/link")).unwrap();
            assert_eq!(found("/link"), None, "a link out of the folder");
        }
        fs::remove_dir_all(&outer).unwrap();
    }
}
