//! Imports run strictly downwards. Reads every `crate::` path under `src` and
//! fails on one that points up, or from one face to another.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library from the ground up. Modules of one layer may meet.
const LAYERS: [&[&str]; 7] = [&["error"], &["wire"], &["pack"], &["rdb"], &["aof", "kind", "unpack"], &["model"], &["jobs"]];

/// The top: these may use every layer, but not each other.
const FACES: [&str; 3] = ["cli", "persistence", "wasm"];

/// The one face that may use another.
const CLI_USES: &str = "persistence";

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Layer(usize),
    Face,
}

fn place(module: &str) -> Option<Place> {
    if FACES.contains(&module) {
        return Some(Place::Face);
    }
    LAYERS.iter().position(|layer| layer.contains(&module)).map(Place::Layer)
}

fn may_import(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    match (place(from), place(to)) {
        (Some(Place::Layer(from)), Some(Place::Layer(to))) => from >= to,
        (Some(Place::Face), Some(Place::Layer(_))) => true,
        (Some(Place::Face), Some(Place::Face)) => from == "cli" && to == CLI_USES,
        _ => false,
    }
}

/// Source without comments and the contents of strings.
fn code_of(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if c == '"' {
            let mut end = 1;
            while let Some(at) = rest[end..].find(['"', '\\']) {
                let is_escape = rest.as_bytes()[end + at] == b'\\';
                end += at + if is_escape { 2 } else { 1 };
                if !is_escape {
                    break;
                }
            }
            code.push_str("\"\"");
            rest = &rest[end..];
        } else {
            // A quote as a character would open a string that never ends.
            let skipped = ["b'\"'", "'\"'", "'\\\"'"].iter().find(|quote| rest.starts_with(**quote)).map(|quote| quote.len());
            if skipped.is_none() {
                code.push(c);
            }
            rest = &rest[skipped.unwrap_or(c.len_utf8())..];
        }
    }
    code
}

fn leading_name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The names at the front of a path's rest: one, or those of a `{...}` group.
fn names(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    let Some(group) = text.strip_prefix('{') else {
        return vec![leading_name(text)];
    };
    let mut names = Vec::new();
    let mut depth = 1;
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(leading_name(group[start..at].trim_start()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Every module of the library that `source` names by a path from the root.
/// `depth` is how many `super::` lead from the file's module to the root.
fn imports(source: &str, depth: usize) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        let mut rest = &code[..];
        while let Some(at) = rest.find(&root) {
            let is_whole = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            rest = &rest[at + root.len()..];
            if is_whole {
                // Items of the root itself, such as `crate::Error`, belong to no layer.
                found.extend(names(rest).into_iter().filter(|name| place(name).is_some()).map(str::to_owned));
            }
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_run_downwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut checked = 0;
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let mut parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs")).collect();
        if parts == ["lib"] || parts[0] == "bin" {
            continue;
        }
        parts.retain(|part| *part != "mod");
        let from = parts[0];
        if place(from).is_none() {
            wrong.push(format!("{}: `{from}` is in no layer", inside.display()));
            continue;
        }
        for to in imports(&fs::read_to_string(&file).unwrap(), parts.len()) {
            checked += 1;
            if !may_import(from, &to) {
                wrong.push(format!("{}: `{from}` uses `{to}`", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the layers:\n{}", wrong.join("\n"));
    assert!(checked > 30, "only {checked} imports were seen");
}

#[test]
fn the_order_is_the_one_of_the_architecture() {
    for (from, to) in
        [("rdb", "pack"), ("aof", "rdb"), ("kind", "aof"), ("jobs", "error"), ("wasm", "model"), ("cli", "persistence")]
    {
        assert!(may_import(from, to), "{from} may use {to}");
    }
    for (from, to) in [
        ("error", "wire"),
        ("rdb", "aof"),
        ("rdb", "kind"),
        ("model", "jobs"),
        ("persistence", "cli"),
        ("cli", "wasm"),
        ("jobs", "cli"),
    ] {
        assert!(!may_import(from, to), "{from} may not use {to}");
    }
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    let source = r#"
        //! [`crate::cli`] in a comment
        use crate::aof::Decoder; /* crate::wasm */
        use crate::{error::{Cause, Fault}, jobs, model as m};
        pub(in crate::pack) fn f() -> &'static str { "crate::persistence \" crate::cli" }
        fn g() { let quote = b'"'; super::super::kind::sniff(); my_crate::wasm(); crate::Error::new(); }
    "#;
    assert_eq!(imports(source, 2), ["aof", "error", "jobs", "model", "pack", "kind"]);
}
