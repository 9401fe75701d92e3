//! The npm package and the viewer's site: built, glued, put together.

use crate::run::{cargo, root, run};
use crate::{dist, tools};
use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
const WASI: &str = "wasm32-wasip1";
/// The command within the package, and the bytes it may have behind gzip.
const COMMAND: &str = "aikv_cli.wasm";
const COMMAND_BUDGET: usize = 1900 * 1024;
/// What is loaded at once: may have this many bytes behind gzip.
const VIEW: Module =
    Module { feature: "wasm", name: "aikv", is_small: false, glue: "glue.js", core: "core.cjs", budget: 350 * 1024 };
/// What is loaded when something of it is needed.
const TOOLS: Module = Module {
    feature: "wasm-tools",
    name: "aikv_tools",
    is_small: true,
    glue: "tools-glue.js",
    core: "tools-core.cjs",
    budget: 760 * 1024,
};
/// What the doors share.
const SHARED: [&str; 7] = ["conversion.js", "convert.js", "entries.js", "lent.js", "reading.js", "session.js", "sources.js"];
/// What `init` takes in browsers, as `pkg-template/index.d.ts` says it.
const MODULE_SOURCE: &str = "URL | string | BufferSource | WebAssembly.Module | Promise<Response>";
/// What can be read more than once, in browsers; in Node a path can, too.
const LASTING: &str = "export type LastingSource = Uint8Array | ArrayBuffer | Blob | Spans;";
/// Where the types of Node's door go on.
const NODE_ONLY: &str = "\n// What follows is of Node's door only.\n";
/// Marks the version in `pkg-template/package.json`.
const NO_VERSION: &str = "\"version\": \"0.0.0\"";

/// A WebAssembly module of the package.
struct Module {
    /// What it is built of.
    feature: &'static str,
    /// Its file is `<name>_bg.wasm`.
    name: &'static str,
    /// Whether it is built to be small.
    is_small: bool,
    /// Its glue for browsers and bundlers, and for Node.
    glue: &'static str,
    core: &'static str,
    /// Bytes that it may have behind gzip.
    budget: usize,
}

/// Assembles the npm package in `pkg/`.
pub fn assemble() -> Result<()> {
    let (root, out) = (root(), root().join("pkg"));
    fresh(&out)?;
    copy(&root.join("pkg-template"), &out)?;
    for module in [VIEW, TOOLS] {
        glue(&module, &build(&module)?, &out)?;
    }
    doors(&out)?;
    command(&out)?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE", "LICENSE"] {
        let from = root.join(license);
        if from.is_file() {
            fs::copy(from, out.join(license))?;
        }
    }
    stamp(&out.join("package.json"))?;
    for module in [VIEW, TOOLS] {
        measure(&out.join(format!("{}_bg.wasm", module.name)), module.budget)?;
    }
    measure(&out.join(COMMAND), COMMAND_BUDGET)
}

/// Assembles the viewer in `dist/site/` as its source stands.
pub fn site() -> Result<()> {
    let site = lay_out()?;
    dist::finish(&site)?;
    println!("{}", site.display());
    Ok(())
}

/// Puts the viewer's pages into `dist/site/`, and the package under `aikv/`.
pub fn lay_out() -> Result<PathBuf> {
    assemble()?;
    let (root, out) = (root(), root().join("dist/site"));
    fresh(&out)?;
    copy(&root.join("www"), &out)?;
    fs::write(out.join("error-codes.js"), error_codes()?)?;
    let package = out.join("aikv");
    fs::create_dir(&package)?;
    // What a browser loads; the rest is for Node and for types.
    for name in ["index.js", "glue.js", "aikv_bg.wasm", "tools-glue.js", "aikv_tools_bg.wasm"].into_iter().chain(SHARED) {
        fs::copy(root.join("pkg").join(name), package.join(name))?;
    }
    Ok(out)
}

/// What `docs/errors.md` says of each code, as a module of the page: what it means, and what to do.
fn error_codes() -> Result<String> {
    let text = fs::read_to_string(root().join("docs/errors.md"))?;
    let mut codes: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Some(code) = cells.first().and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`')) else { continue };
        let said = match cells.get(1..) {
            Some(["warning" | "error", means]) => vec![*means],
            Some([]) | None => continue,
            Some(said) => said.to_vec(),
        };
        if !codes.iter().any(|(known, _)| *known == code) {
            let quoted = |text: &&str| format!("\"{}\"", unlinked(text).replace('\\', "\\\\").replace('"', "\\\""));
            codes.push((code, said.iter().map(quoted).collect::<Vec<_>>().join(", ")));
        }
    }
    if codes.is_empty() {
        bail!("docs/errors.md: expected tables of codes");
    }
    let lines: String = codes.iter().map(|(code, said)| format!("  \"{code}\": [{said}],\n")).collect();
    Ok(format!("// Made of docs/errors.md: what each code means, and what to do.\n\nexport const CODES = {{\n{lines}}};\n"))
}

/// A text with the names of its links only: the page has no documents beside it.
fn unlinked(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, link)) = rest.split_once('[') {
        let Some((name, behind)) = link.split_once("](").and_then(|(name, address)| Some((name, address.split_once(')')?.1)))
        else {
            break;
        };
        out.push_str(before);
        out.push_str(name);
        rest = behind;
    }
    out + rest
}

fn build(module: &Module) -> Result<PathBuf> {
    tools::target(TARGET)?;
    let args = ["rustc", "--release", "--lib", "--crate-type", "cdylib", "--no-default-features", "--features", module.feature];
    let mut command = cargo(args);
    command.args(["--target", TARGET, "--target-dir", "target"]);
    // Patterns (a third of the code) and unpacking are no part of decoding: small beats fast there.
    for name in ["lz4_flex", "miniz_oxide", "regex", "regex-automata", "regex-syntax", "ruzstd", "twox-hash"] {
        command.args(["--config", &format!("profile.release.package.{name}.opt-level=\"s\"")]);
    }
    // What is loaded on demand is large: there, small beats fast everywhere.
    if module.is_small {
        command.args(["--config", "profile.release.opt-level=\"s\""]);
    }
    // Every job has its copy of the decoder: less inlining and unrolling than usual keeps them within
    // the budget, at the same speed.
    let flags = "-Ctarget-feature=+simd128 -Cllvm-args=--inline-threshold=50 -Cllvm-args=--unroll-threshold=60";
    run(command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags))?;
    Ok(root().join("target").join(TARGET).join("release/aikv.wasm"))
}

/// The command as it runs in Node, over WASI.
fn command(out: &Path) -> Result<()> {
    tools::target(WASI)?;
    let mut command =
        cargo(["build", "--release", "--features", "cli", "--bin", "aikv", "--target", WASI, "--target-dir", "target"]);
    // It is fetched for each run of `npx`: small beats fast.
    command.args(["--config", "profile.release.opt-level=\"z\"", "--config", "profile.release.strip=true"]);
    run(command.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", "-Ctarget-feature=+simd128"))?;
    fs::copy(root().join("target").join(WASI).join("release/aikv.wasm"), out.join(COMMAND))?;
    Ok(())
}

/// A module with its glue.
fn glue(module: &Module, wasm: &Path, out: &Path) -> Result<()> {
    for (door, name) in [("web", module.glue), ("nodejs", module.core)] {
        let folder = root().join("target/glue").join(door);
        fresh(&folder)?;
        let mut bindgen = Bindgen::new();
        bindgen.input_path(wasm).out_name(module.name).typescript(true);
        bindgen.remove_name_section(true).remove_producers_section(true).omit_default_module_path(false);
        if door == "web" {
            // The viewer gives the memory of a file back when it is closed.
            bindgen.reset_state_function(true);
            bindgen.web(true)?
        } else {
            bindgen.nodejs(true)?
        };
        bindgen.generate(&folder).with_context(|| format!("cannot make the glue for {door}"))?;
        fs::copy(folder.join(format!("{}.js", module.name)), out.join(name))?;
        for extension in ["wasm", "wasm.d.ts"] {
            let name = format!("{}_bg.{extension}", module.name);
            fs::copy(folder.join(&name), out.join(&name))?;
        }
    }
    Ok(())
}

/// Files that Node's two doors share with the browser's, in the form each wants.
fn doors(out: &Path) -> Result<()> {
    for name in SHARED {
        let module = fs::read_to_string(out.join(name))?;
        let Some((body, exported)) = module.split_once("\nexport {") else { bail!("{name}: expected its exports at the end") };
        fs::write(out.join(name.replace(".js", ".cjs")), format!("{}\nmodule.exports = {{{exported}", required(body)))?;
    }
    // Node's types know no browser: `init` takes what it does not look at.
    let types = fs::read_to_string(out.join("index.d.ts"))?;
    let Some((both, node_only)) = types.split_once(NODE_ONLY) else { bail!("index.d.ts: expected {NODE_ONLY}") };
    for part in [MODULE_SOURCE, LASTING] {
        if !both.contains(part) {
            bail!("index.d.ts: expected {part}");
        }
    }
    fs::write(out.join("index.d.ts"), both)?;
    let node = both.replace(MODULE_SOURCE, "unknown").replace(LASTING, &LASTING.replace(';', " | string | URL;"));
    for name in ["node.d.cts", "node.d.mts"] {
        fs::write(out.join(name), format!("{node}{node_only}"))?;
    }
    Ok(())
}

/// `import { a } from "./b.js"`, which stands on one line, as Node's older door has it.
fn required(body: &str) -> String {
    let line = |line: &str| match line.strip_prefix("import ").and_then(|rest| rest.split_once(" from \"./")) {
        Some((names, file)) => format!("const {names} = require(\"./{}", file.replace(".js\";", ".cjs\");")),
        None => line.to_owned(),
    };
    body.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn stamp(package_json: &Path) -> Result<()> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).context("Cargo.toml: expected a version")?;
    let text = fs::read_to_string(package_json)?;
    if !text.contains(NO_VERSION) {
        bail!("pkg-template/package.json: expected {NO_VERSION}");
    }
    fs::write(package_json, text.replace(NO_VERSION, &format!("\"version\": {version}")))?;
    Ok(())
}

fn measure(wasm: &Path, budget: usize) -> Result<()> {
    let name = wasm.file_name().context("a file")?.display();
    let bytes = fs::read(wasm)?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    let packed = packed.finish()?.len();
    println!("{name}: {} bytes, {packed} behind gzip, of {budget}", bytes.len());
    if packed > budget {
        bail!("{name} is {} bytes over its budget", packed - budget);
    }
    Ok(())
}

/// An empty folder.
pub fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Copies what is in a folder into another one.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
