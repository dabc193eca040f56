//! Where programs are: ours in the target directory, others on the machine; and free ports.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use process::Variables;

/// Our own binary of that name, from the profile directory that the running test was built into.
///
/// Errors with the command that builds it when it is not there.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("finding the running test")?;
    // Integration tests lie in <profile>/deps, binaries in <profile>.
    let mut directories = test.ancestors().skip(1).take(2);
    match directories.find_map(|directory| Some(directory.join(name)).filter(|path| path.is_file())) {
        Some(path) => Ok(path),
        None => {
            bail!(
                "{name} is not built; build it with: cargo build --workspace --bins (make test does so first)"
            )
        }
    }
}

/// The repository's root.
pub fn repository_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// A program of the machine, from the PATH or the places where Debian keeps daemons.
///
/// Errors with the `package` to install when there is none.
pub fn program(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = Variables::from_process().text("PATH", "/usr/bin:/bin");
    let mut directories: Vec<PathBuf> = path
        .split(':')
        .chain(["/usr/sbin", "/sbin"])
        .map(PathBuf::from)
        .collect();
    directories.extend(postgresql_directories());
    let found = directories
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!("{name} is not installed; make test installs it (apt-get install {package})")
    })
}

/// Debian keeps the server programs of each PostgreSQL version off the PATH; the newest comes first.
fn postgresql_directories() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort_by_key(|path| {
        path.file_name()
            .and_then(|name| name.to_str()?.parse::<u32>().ok())
    });
    versions.reverse();
    versions.into_iter().map(|version| version.join("bin")).collect()
}
