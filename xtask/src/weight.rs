//! What the site's first view weighs: all that is asked for until the first rows of a file stand.

use crate::{dist, offline};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Bytes that it may have behind gzip, each file by itself; the WebAssembly has a budget of its own.
pub const BUDGET: usize = 60 * 1024;

const PAGE: &str = "index.html";
/// Started by the page, which has no tag for it.
const READER: &str = "worker.js";
/// Comes after everything else.
const SERVICE_WORKER: &str = "sw.js";

/// Prints what each file weighs, and fails where those of the first view are over the budget.
pub fn measure(site: &Path, budget: usize) -> Result<()> {
    let first = first_view(site)?;
    let (mut total, mut later) = (0, 0);
    println!("bytes behind gzip of the first view:");
    for name in &first {
        let weight = weight(site, name)?;
        println!("{weight:8} {name}");
        total += weight;
    }
    for name in offline::names(site)? {
        let counts = [".html", ".css", ".js"].iter().any(|extension| name.ends_with(extension));
        if counts && name != SERVICE_WORKER && !first.contains(&name) {
            later += weight(site, &name)?;
        }
    }
    println!("{total:8} of {budget}; {later} more come while the page is idle");
    if total > budget {
        bail!("the first view is {} bytes over its budget: what it can do without belongs into www/later.js", total - budget);
    }
    Ok(())
}

fn weight(site: &Path, name: &str) -> Result<usize> {
    Ok(dist::gzip(&fs::read(site.join(name)).with_context(|| format!("cannot read {name}"))?)?.len())
}

/// The page, its style sheets and scripts, and the reader, with all that they import at once.
fn first_view(site: &Path) -> Result<Vec<String>> {
    let page = fs::read_to_string(site.join(PAGE))?;
    let mut names = vec![PAGE.to_string()];
    for tag in page.split('<') {
        let attribute = if tag.starts_with("link rel=\"stylesheet\"") {
            "href=\""
        } else if tag.starts_with("script") {
            "src=\""
        } else {
            continue;
        };
        let value = tag.split_once(attribute).and_then(|(_, rest)| rest.split('"').next());
        names.push(value.with_context(|| format!("{PAGE}: expected {attribute} in {tag}"))?.to_string());
    }
    names.push(READER.to_string());
    with_imports(site, names)
}

/// Scripts with all that they import at once, and what that imports. What `import()` asks for comes later.
pub fn with_imports(site: &Path, mut names: Vec<String>) -> Result<Vec<String>> {
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        at += 1;
        if !name.ends_with(".js") {
            continue;
        }
        let script = fs::read_to_string(site.join(&name)).with_context(|| format!("cannot read {name}"))?;
        let folder = name.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for before in ["from\"./", "import\"./"] {
            for part in script.split(before).skip(1) {
                let imported = format!("{folder}{}", part.split('"').next().unwrap_or_default());
                if !names.contains(&imported) {
                    names.push(imported);
                }
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A site whose scripts are as the minifier writes them.
    fn site(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("aikv-weight-{name}-{}", std::process::id()));
        crate::package::fresh(&folder).unwrap();
        fs::create_dir(folder.join("aikv")).unwrap();
        let page = "<link rel=\"stylesheet\" href=\"a.css\">\n<link rel=\"later\" href=\"b.css\">\n<script type=\"module\" src=\"main.js\"></script>";
        for (name, text) in [
            (PAGE, page),
            ("a.css", ""),
            ("b.css", ""),
            ("main.js", "import{a as b}from\"./part.js\";import\"./more.js\";const c=()=>import(\"./later.js\");"),
            ("part.js", "export const a=1;"),
            ("more.js", ""),
            ("later.js", "import\"./last.js\";"),
            ("last.js", ""),
            (READER, "import d from\"./aikv/glue.js\";"),
            ("aikv/glue.js", "import{e}from\"./session.js\";"),
            ("aikv/session.js", ""),
            (SERVICE_WORKER, ""),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_first_view_is_what_is_imported_at_once_and_not_what_comes_later() {
        let folder = site("first");
        let names = [PAGE, "a.css", "main.js", READER, "part.js", "more.js", "aikv/glue.js", "aikv/session.js"];
        assert_eq!(first_view(&folder).unwrap(), names);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_first_view_over_its_budget_is_refused_with_what_is_too_much() {
        let folder = site("over");
        let total: usize = first_view(&folder).unwrap().iter().map(|name| weight(&folder, name).unwrap()).sum();
        measure(&folder, total).unwrap();
        let refused = measure(&folder, total - 7).unwrap_err().to_string();
        assert!(refused.starts_with("the first view is 7 bytes over its budget"), "{refused}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
