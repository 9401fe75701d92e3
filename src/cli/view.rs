//! `aikv view`: the viewer in a browser, on this machine only.

use super::args::ViewArgs;
use super::failure::Failure;
use super::http::{Opened, Site};
use super::page::Page;
use super::{Outcome, Result};
use crate::aof;
use crate::persistence::open_log;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::prelude::rust_2024::*;
use std::process::{Command, Stdio};

pub(super) fn run(args: &ViewArgs) -> Result {
    let page = page(args)?;
    let opened = match &args.file {
        Some(file) => Some(opened(file)?),
        None => page.sample().map(|(path, bytes)| Opened::Sample(path, bytes)),
    };
    let failed = |error| Failure::Output { file: Some(format!("127.0.0.1:{}", args.port).into()), error };
    let site = Site::listen(args.port, page, opened).map_err(failed)?;
    let address = site.address();
    println!("{address}");
    // Whoever waits for the address reads it from a pipe.
    std::io::stdout().flush().map_err(|error| Failure::Output { file: None, error })?;
    if !args.no_open {
        open_browser(&address);
    }
    site.serve();
    Ok(Outcome::Clean)
}

/// The page of a folder, else what the binary was built with.
fn page(args: &ViewArgs) -> std::result::Result<Page, Failure> {
    match &args.www {
        Some(folder) if folder.join("index.html").is_file() => Ok(Page::Folder(folder.clone())),
        Some(folder) => {
            let text =
                format!("{}: there is no index.html in it; --www names the folder of the assembled page", folder.display());
            Err(Failure::Usage(text))
        }
        None => Page::built().ok_or_else(|| {
            Failure::Usage(
                "this build has no page of its own: give the folder of the assembled page with --www DIR. \
                 `cargo xtask view` in the project assembles it and serves it"
                    .into(),
            )
        }),
    }
}

/// What FILE names: a file, or the files of a log by its folder or manifest. Fails now where a page could not read it later.
fn opened(file: &Path) -> std::result::Result<Opened, Failure> {
    let failed = |error| Failure::Input { file: file.into(), error };
    match open_log::find(file) {
        Ok(Some((folder, manifest))) => {
            // `.` has no name of its own.
            let folder = folder.canonicalize().map_err(failed)?;
            let names = files_of(&folder, &manifest).map_err(failed)?;
            Ok(Opened::Log(folder, names))
        }
        Err(error) if file.is_dir() => Err(failed(error)),
        // What is no regular file is told by the one who opens it.
        Ok(None) | Err(_) => {
            if !std::fs::metadata(file).map_err(failed)?.is_file() {
                return Err(Failure::kind(file, "is not a regular file"));
            }
            File::open(file).map(|_| Opened::File(file.into())).map_err(failed)
        }
    }
}

/// Names of the manifest of a log and of the files that it lists, as far as they are files of its folder, not links.
fn files_of(folder: &Path, manifest: &OsStr) -> io::Result<Vec<String>> {
    let text = std::fs::read(folder.join(manifest))?;
    // Of one that cannot be followed the page says why.
    let listed = aof::Manifest::parse(&text, manifest.as_encoded_bytes()).map(|(manifest, _)| manifest.files).unwrap_or_default();
    let names = listed.into_iter().filter_map(|file| String::from_utf8(file.name).ok());
    let mut names: Vec<String> = names.chain(manifest.to_str().map(String::from)).collect();
    names.retain(|name| folder.join(name).symlink_metadata().is_ok_and(|facts| facts.is_file()));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Asks the system to open the address; it was printed, should that fail.
fn open_browser(address: &str) {
    let (program, before): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let spawned =
        Command::new(program).args(before).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if spawned.is_err() {
        eprintln!("aikv: no browser could be started; open the address by hand");
    }
}
