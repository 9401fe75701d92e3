//! `aikv repair` of a multi-part log: its files one by one, into a new folder with a manifest of what is left.

use super::args::RepairArgs;
use super::failure::Failure;
use super::info_log::role_name;
use super::log_folder::write_manifest;
use super::output::Output;
use super::print::push_escaped;
use super::progress::Progress;
use super::repair::{Damaged, keeps, push_ranges, push_sum};
use super::staged_folder::StagedFolder;
use super::{Outcome, Result};
use crate::aof::{Manifest, ManifestFile, Role};
use crate::jobs::{Json, KeepReadable, RepairPlan, RepairSum};
use crate::kind::FileKind;
use crate::persistence::open_log;
use crate::wire::Scalar;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::prelude::rust_2024::*;

/// A file of the log, and what becomes of it.
struct Part {
    name: Vec<u8>,
    role: Role,
    /// Its size and plan; why there is none.
    found: std::result::Result<(u64, RepairPlan), String>,
}

impl Part {
    /// Whether the new log has the file as the old one did.
    fn is_whole(&self) -> bool {
        self.found.as_ref().is_ok_and(|(_, plan)| plan.is_whole())
    }
}

pub(super) fn run(args: &RepairArgs, folder: &Path, manifest_name: &OsStr) -> Result {
    let manifest = open_log::manifest("repair the log", folder, manifest_name).map_err(Failure::Log)?;
    let staged = StagedFolder::create(&args.output)?;
    let mut progress = Progress::until_interrupted(staged.interrupt());
    let mut parts = Vec::new();
    let mut kept = Vec::new();
    // The order in which they are loaded; history is not.
    for listed in manifest.loaded() {
        let found = part(folder, listed, &staged, keeps(args), &mut progress)?;
        if found.is_ok() {
            kept.push(listed.clone());
        }
        parts.push(Part { name: listed.name.clone(), role: listed.role, found });
    }
    progress.finish();
    let has_bytes = |part: &Part| part.found.as_ref().is_ok_and(|(_, plan)| !plan.is_empty());
    if !parts.iter().any(has_bytes) && !parts.iter().all(Part::is_whole) {
        return Err(Failure::kind(&args.file, "nothing of its files can be read"));
    }
    write_manifest(&Manifest { files: kept }, manifest_name.as_encoded_bytes(), &staged)?;
    staged.finish()?;
    report(&parts, args.json)?;
    Ok(if parts.iter().all(Part::is_whole) { Outcome::Clean } else { Outcome::Found })
}

/// Writes what is whole of one file. An error in words is one for which the log has to do without it.
fn part(
    folder: &Path,
    listed: &ManifestFile,
    staged: &StagedFolder,
    keeps: KeepReadable,
    progress: &mut Progress,
) -> Result<std::result::Result<(u64, RepairPlan), String>> {
    let name = String::from_utf8_lossy(&listed.name).into_owned();
    let path = folder.join(&name);
    // No link is followed out of the folder.
    match fs::symlink_metadata(&path) {
        Ok(facts) if facts.is_file() => {}
        Ok(_) => return Ok(Err("is not a regular file".into())),
        Err(error) => return Ok(Err(error.to_string())),
    }
    let mut input = Damaged::open(&path)?;
    let is_snapshot = listed.role == Role::Base && name.ends_with(".rdb");
    let kind = match input.sniff()? {
        kind @ (FileKind::Rdb { .. } | FileKind::Aof) => kind,
        // What it should be is told by its name, and why it is not by the repair.
        _ if is_snapshot => FileKind::sniff(b"REDIS0011"),
        _ => FileKind::Aof,
    };
    progress.start(Some(input.bytes));
    let plan = input.examine(kind, keeps, progress)?;
    if plan.is_empty() && is_snapshot {
        let reason = plan.ranges.first().and_then(|range| range.reason.clone());
        return Ok(Err(reason.unwrap_or_else(|| "is empty".into())));
    }
    let mut output = staged.output(&name)?;
    input.mend(&plan, &mut output, progress)?;
    output.finish()?;
    Ok(Ok((input.bytes, plan)))
}

/// Lists what was kept and dropped of each file, on stdout.
fn report(parts: &[Part], is_json: bool) -> Result<()> {
    let mut output = if is_json { Output::open_json(None)? } else { Output::open(None)? };
    let mut text = Vec::new();
    let mut sum = RepairSum::default();
    for (bytes, plan) in parts.iter().filter_map(|part| part.found.as_ref().ok()) {
        sum.add(plan, *bytes);
    }
    if is_json {
        let mut json = Json::new(&mut text);
        json.open(b'{').name("files").open(b'[');
        for Part { name, role, found } in parts {
            json.open(b'{').name("file").bytes(Scalar::Bytes(name)).name("role").text(role_name(*role));
            match found {
                Ok((bytes, plan)) => plan.write_members(*bytes, &mut json),
                Err(reason) => {
                    json.name("left_out").text(reason);
                }
            }
            json.close(b'}');
        }
        json.close(b']');
        sum.write_members(&mut json);
        json.close(b'}').end_line();
    } else {
        for Part { name, found, .. } in parts {
            push_escaped(name, &mut text);
            match found {
                Ok((_, plan)) => {
                    text.extend_from_slice(b":\n");
                    push_ranges(plan, &mut text);
                }
                Err(reason) => {
                    text.extend_from_slice(b": left out: ");
                    push_escaped(reason.as_bytes(), &mut text);
                    text.push(b'\n');
                }
            }
        }
        push_sum(&sum, &mut text);
    }
    output.write(&mut text)?;
    output.finish()
}
