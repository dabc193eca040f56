//! Which crate may use which: DESIGN's map of imports, read from the manifests.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{assert_none, file, sources};

/// What each of our crates may use of our others, in shipped code. A crate that is not listed is new and
/// has to be given its place.
const OURS: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("celery-redis", &[]),
    ("process", &[]),
    ("migration", &[]),
    ("github", &["domain"]),
    ("entities", &["domain", "migration"]),
    (
        "runner-pilot-api",
        &[
            "domain",
            "entities",
            "migration",
            "github",
            "celery-redis",
            "process",
        ],
    ),
    (
        "runner-pilot-worker",
        &["domain", "entities", "github", "celery-redis", "process"],
    ),
    ("runner-pilot-beat", &["domain", "celery-redis", "process"]),
    (
        "testkit",
        &[
            "domain",
            "entities",
            "migration",
            "github",
            "celery-redis",
            "process",
        ],
    ),
];

/// Libraries that only these crates may use in shipped code.
const RESERVED: [(&str, &[&str]); 6] = [
    ("bollard", &["runner-pilot-worker", "testkit"]),
    ("sysinfo", &["runner-pilot-api", "runner-pilot-worker"]),
    ("sea-orm", &["entities", "testkit"]),
    ("sea-orm-migration", &["migration"]),
    ("poem", &["runner-pilot-api", "testkit"]),
    ("reqwest", &["github", "testkit"]),
];

/// What the pure crate must not know.
const NOT_IN_DOMAIN: [&str; 6] = ["tokio", "sea-orm", "redis", "poem", "bollard", "reqwest"];

struct Manifest {
    path: String,
    name: String,
    /// `[dependencies]`.
    shipped: BTreeSet<String>,
    /// `[dev-dependencies]`.
    tests: BTreeSet<String>,
    description: String,
}

fn manifests() -> Vec<Manifest> {
    sources(&["Cargo.toml"])
        .into_iter()
        .filter(|source| source.text.contains("[package]"))
        .map(|source| {
            let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            let (mut section, mut name, mut description) = (String::new(), String::new(), String::new());
            for line in source.text.lines().map(str::trim) {
                if let Some(header) = line.strip_prefix('[') {
                    header.trim_end_matches(']').clone_into(&mut section);
                } else if let Some((key, value)) = line.split_once('=') {
                    let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                    match (section.as_str(), key) {
                        ("package", "name") => value.clone_into(&mut name),
                        ("package", "description") => value.clone_into(&mut description),
                        _ => {}
                    }
                    let library = key.split('.').next().unwrap_or(key).to_owned();
                    sections.entry(section.clone()).or_default().insert(library);
                }
            }
            let shipped = sections.remove("dependencies").unwrap_or_default();
            let tests = sections.remove("dev-dependencies").unwrap_or_default();
            Manifest {
                path: source.path,
                name,
                shipped,
                tests,
                description,
            }
        })
        .collect()
}

fn is_ours(name: &str) -> bool {
    OURS.iter().any(|(ours, _)| *ours == name)
}

#[test]
fn imports_run_one_way() {
    let mut wrong = Vec::new();
    for manifest in manifests() {
        let Some((_, allowed)) = OURS.iter().find(|(name, _)| *name == manifest.name) else {
            wrong.push(format!(
                "{} ({}) has no place in the map",
                manifest.path, manifest.name
            ));
            continue;
        };
        for used in manifest
            .shipped
            .iter()
            .filter(|used| is_ours(used) && !allowed.contains(&used.as_str()))
        {
            wrong.push(format!("{} uses {used}", manifest.path));
        }
    }
    assert_none("a crate uses one that it must not know", &wrong);
}

#[test]
fn libraries_stay_in_the_crates_they_are_reserved_for() {
    let mut wrong = Vec::new();
    for manifest in manifests() {
        for (library, allowed) in RESERVED {
            if manifest.shipped.contains(library) && !allowed.contains(&manifest.name.as_str()) {
                wrong.push(format!("{} uses {library}", manifest.path));
            }
        }
        if manifest.name == "domain" {
            let known = NOT_IN_DOMAIN
                .iter()
                .filter(|library| manifest.shipped.contains(**library));
            wrong.extend(known.map(|library| format!("domain uses {library}")));
        }
    }
    assert_none("a library is used where it must not be", &wrong);
}

#[test]
fn the_queue_knows_nothing_of_runner_pilot() {
    let names = [
        "runner_pilot",
        "runner-pilot",
        "runner pilot",
        "runnerpilot",
        "runner_instance",
    ];
    let mut wrong = Vec::new();
    for source in sources(&[".rs", ".lua", ".toml"]) {
        if source.home() == "crates/celery-redis" {
            wrong.extend(source.places(&source.text, |line| {
                let line = line.to_lowercase();
                names.iter().any(|name| line.contains(name))
            }));
        }
    }
    for manifest in manifests()
        .iter()
        .filter(|manifest| manifest.name == "celery-redis")
    {
        let ours = manifest
            .shipped
            .iter()
            .chain(&manifest.tests)
            .filter(|used| is_ours(used));
        wrong.extend(ours.map(|used| format!("{} uses {used}", manifest.path)));
    }
    assert_none("celery-redis is a library for anybody", &wrong);
}

/// Packages that must not come in by anybody's dependencies, and why.
const NOT_IN_THE_LOCK: [(&str, &str); 3] = [
    (
        "rsa",
        "RUSTSEC-2023-0071 has no fix; jsonwebtoken is to use aws_lc_rs",
    ),
    (
        "celery",
        "rust-celery is abandoned and loses tasks on Redis; celery-rs continues it",
    ),
    ("openssl-sys", "TLS is rustls everywhere"),
];

#[test]
fn no_package_that_is_known_to_be_unfit_comes_in_through_another() {
    let lock = file("Cargo.lock");
    let wrong: Vec<String> = NOT_IN_THE_LOCK
        .iter()
        .filter(|(name, _)| lock.contains(&format!("\nname = \"{name}\"\n")))
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert!(
        lock.contains("\nname = \"celery-rs\"\n"),
        "the lock file is not read as it is written"
    );
    assert_none("a package that must not be used is in Cargo.lock", &wrong);
}

#[test]
fn every_crate_says_what_it_is() {
    let mut wrong: Vec<String> = manifests()
        .iter()
        .filter(|manifest| manifest.description.is_empty())
        .map(|manifest| format!("{} has no description", manifest.path))
        .collect();
    for source in sources(&["src/lib.rs", "src/main.rs"]) {
        if !source.text.starts_with("//!") && !source.text.starts_with("#![doc = include_str!") {
            wrong.push(format!("{} does not begin with //!", source.path));
        }
    }
    assert_none("a reader has to find out what a crate is for", &wrong);
}

/// poem brings quick-xml along, whose parser has RUSTSEC-2026-0194 and -0195. They are out of reach as long as nothing
/// here takes XML.
#[test]
fn nobody_takes_xml() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        wrong.extend(source.places(source.shipped(), |line| {
            ["payload::Xml", "web::Xml", "Xml<", "quick_xml"]
                .iter()
                .any(|xml| line.contains(xml))
        }));
    }
    assert_none("XML is read or written", &wrong);
}
