//! Chooses the page to embed: the built frontend, or a plain one where Node was not at hand.

use std::path::Path;

fn main() {
    // Relative to this package, where build scripts run: a target directory may serve several checkouts, and what it
    // keeps of one must not name its files in another.
    let (built, placeholder) = ("../frontend/dist", "ui-placeholder");
    let chosen = if Path::new(built).join("index.html").is_file() {
        built
    } else {
        placeholder
    };
    println!("cargo::rustc-env=UI_DIR={chosen}");
    println!("cargo::rerun-if-changed={built}");
    println!("cargo::rerun-if-changed={placeholder}");
}
