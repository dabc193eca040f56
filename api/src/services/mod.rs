//! Use cases: what a route does once it knows who calls and what was sent.
