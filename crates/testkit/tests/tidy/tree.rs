//! The files of this repository as the rules look at them.

use std::path::{Path, PathBuf};

use testkit::harness::paths::repository_root;

/// Directories that hold nothing of ours.
const SKIPPED: [&str; 7] = [
    ".git",
    "target",
    "node_modules",
    "var",
    "dist",
    "__pycache__",
    "test-results",
];

/// A text file and where it stands.
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// The crate or top-level directory it belongs to: `api`, `crates/domain`.
    pub fn home(&self) -> &str {
        let depth = if self.path.starts_with("crates/") { 2 } else { 1 };
        match self.path.match_indices('/').nth(depth - 1) {
            Some((end, _)) => &self.path[..end],
            None => "",
        }
    }

    /// The code that ships: without examples, build scripts and tests, which begin at `#[cfg(test)]` by our own
    /// custom.
    pub fn shipped(&self) -> &str {
        let aside = ["/tests/", "/examples/", "tests.rs", "build.rs"];
        let is_test = aside.iter().any(|place| self.path.contains(place)) || self.home() == "crates/testkit";
        if is_test {
            return "";
        }
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// `path:line: text` of each line of `text` that `wrong` picks.
    pub fn places(&self, text: &str, wrong: impl Fn(&str) -> bool) -> Vec<String> {
        text.lines()
            .enumerate()
            .filter(|(_, line)| wrong(line))
            .map(|(number, line)| format!("{}:{}: {}", self.path, number + 1, line.trim()))
            .collect()
    }

    /// Whether it is written by a tool from something else.
    pub fn is_generated(&self) -> bool {
        self.path.contains("/generated/")
    }
}

/// All text files with one of these endings, in order.
pub fn sources(endings: &[&str]) -> Vec<Source> {
    let root = repository_root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter(|path| {
            endings
                .iter()
                .any(|ending| path.to_string_lossy().ends_with(ending))
        })
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
            Some(Source { path, text })
        })
        .collect()
}

/// One file of the root.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(repository_root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every broken place, unless there is none.
pub fn assert_none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n  {}", places.join("\n  "));
}

fn walk(directory: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !SKIPPED.contains(&name.as_str()) => walk(&path, paths),
            Ok(kind) if kind.is_file() => paths.push(path),
            _ => {}
        }
    }
}
