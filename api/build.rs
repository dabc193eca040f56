//! Chooses the page to embed: the built frontend, or a plain one where Node was not at hand.

use std::path::Path;

fn main() {
    let manifest = std::env!("CARGO_MANIFEST_DIR");
    let built = Path::new(manifest).join("../frontend/dist");
    let placeholder = Path::new(manifest).join("ui-placeholder");
    let chosen = if built.join("index.html").is_file() {
        &built
    } else {
        &placeholder
    };
    println!("cargo::rustc-env=UI_DIR={}", chosen.display());
    println!("cargo::rerun-if-changed={}", built.display());
    println!("cargo::rerun-if-changed={}", placeholder.display());
}
