//! The API server's binary.

fn main() {}
