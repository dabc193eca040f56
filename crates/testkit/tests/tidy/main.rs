//! What the compiler cannot check about this repository: who may use what, where things may stand, and
//! that what is written about settings and commands is true.
//!
//! Each rule is a test that lists every place that breaks it. `tree` reads the files.

mod dependencies;
mod scripts;
mod settings;
mod text;
mod tree;
