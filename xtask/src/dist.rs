//! What is handed out: the site, the npm package, and the command with the page inside.

use crate::run::{cargo, output, program, root, run};
use crate::{offline, package, tools, weight};
use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Makes everything in `dist/`: `site/`, `aikv-VERSION.tgz` and the command.
pub fn dist() -> Result<()> {
    let out = root().join("dist");
    site()?;
    let package = npm_package(&out)?;
    run(cargo(["build", "--release", "--features", "page", "--bin", "aikv"]).args(["--target-dir", "target"]))?;
    let command = out.join(format!("aikv{}", std::env::consts::EXE_SUFFIX));
    fs::copy(root().join("target/release").join(command.file_name().context("a name")?), &command)?;
    for made in [out.join("site"), package, command] {
        println!("{}", made.display());
    }
    Ok(())
}

/// The site, minified.
pub fn site() -> Result<()> {
    let site = package::lay_out()?;
    minify(&site)?;
    preload(&site)?;
    finish(&site)?;
    weight::measure(&site, weight::BUDGET)
}

/// The last steps for a site: what is kept for offline, and the same files for the command.
pub fn finish(site: &Path) -> Result<()> {
    offline::stamp(site)?;
    pack(site)
}

/// Scripts that are asked for by their names; every other one is a part of them.
const SCRIPTS: [&str; 4] = ["file-worker.js", "main.js", "theme.js", "worker.js"];
/// It has places that are filled in afterwards.
const SERVICE_WORKER: &str = "sw.js";

/// Makes few and small scripts of many readable ones. The package's keep their places beside its WebAssembly.
fn minify(site: &Path) -> Result<()> {
    let folder = root().join("tests/js");
    tools::node_modules(&folder)?;
    let names = offline::names(site)?;
    for name in started(site)? {
        if name != SERVICE_WORKER && !SCRIPTS.contains(&name.as_str()) {
            bail!("www/script-address.js names {name}, which is not among the scripts that are kept");
        }
    }
    let bundled = site.join("bundled");
    let esbuild = |options: &[&str]| {
        // A script of Node, or what the package's own installation puts in its place.
        let mut command = program(folder.join("node_modules/.bin/esbuild"));
        command.current_dir(site).args(options);
        command.args(["--minify", "--format=esm", "--charset=utf8", "--outbase=.", "--log-level=warning"]);
        command
    };
    let is_part = |name: &&String| name.ends_with(".js") && !name.contains('/') && *name != SERVICE_WORKER;
    let is_alone = |name: &&String| name.ends_with(".css") || name.ends_with(".js") && name.contains('/');
    // One by one: what two of them share would be a part of its own, and one more request before the first view.
    for name in SCRIPTS {
        let out = ["--bundle", "--splitting", "--external:./aikv/*", "--chunk-names=part-[hash]", "--outdir=bundled", name];
        run(&mut esbuild(&out))?;
    }
    run(esbuild(&["--outdir=.", "--allow-overwrite"]).args(names.iter().filter(is_alone)))?;
    for name in names.iter().filter(is_part) {
        fs::remove_file(site.join(name))?;
    }
    package::copy(&bundled, site)?;
    fs::remove_dir_all(bundled)?;
    Ok(())
}

const FIRST_SCRIPT: &str = "main.js";

/// Names the parts of the first script in the page, so that they are asked for with it and not behind it.
fn preload(site: &Path) -> Result<()> {
    let page = site.join("index.html");
    let text = fs::read_to_string(&page)?;
    let tag = format!("<script type=\"module\" src=\"{FIRST_SCRIPT}\">");
    if !text.contains(&tag) {
        bail!("www/index.html: expected {tag}");
    }
    let parts = weight::with_imports(site, vec![FIRST_SCRIPT.to_string()])?;
    let links: String = parts.iter().skip(1).map(|name| format!("<link rel=\"modulepreload\" href=\"{name}\">\n")).collect();
    fs::write(page, text.replace(&tag, &(links + &tag)))?;
    Ok(())
}

/// The scripts that the page starts by their names.
fn started(site: &Path) -> Result<Vec<String>> {
    let source = fs::read_to_string(site.join("script-address.js"))?;
    let list = source.lines().find_map(|line| line.strip_prefix("const SCRIPTS = ["));
    let list = list.context("www/script-address.js: expected its list of scripts")?;
    Ok(list.split('"').skip(1).step_by(2).map(Into::into).collect())
}

/// The site as the command holds it, in `dist/page/`: every file behind gzip, under its own name.
fn pack(site: &Path) -> Result<()> {
    let out = root().join("dist/page");
    package::fresh(&out)?;
    for name in offline::names(site)? {
        let target = out.join(&name);
        fs::create_dir_all(target.parent().context("a folder")?)?;
        fs::write(target, gzip(&fs::read(site.join(&name))?)?)?;
    }
    Ok(())
}

/// The same bytes every time: without a date.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

/// The package of `pkg/` as it is published.
fn npm_package(out: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            fs::remove_file(path)?;
        }
    }
    let mut command = program("npm");
    command.args(["pack", "--silent", "--pack-destination"]).arg(out).arg(root().join("pkg"));
    let printed = output(&mut command)?;
    let name = printed.lines().last().context("npm pack: expected the name of the package")?;
    Ok(out.join(name))
}
