//! What may stand in which file.

use crate::tree::{Source, assert_none, sources};

const MAX_LINES: usize = 400;

/// Files that may be longer, each with the reason.
const LONGER: [(&str, &str); 0] = [];

/// The one file that declares Redis keys.
const REDIS_KEYS: &str = "crates/domain/src/redis_keys.rs";

#[test]
fn files_have_one_subject_and_are_short_enough_to_read() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs", ".ts", ".tsx", ".sh"]) {
        // Vendor code is kept as it comes; what a tool writes is read by nobody.
        let exempt = source.is_generated() || source.path.contains("components/ui/");
        let lines = source.text.lines().count();
        if lines > MAX_LINES && !exempt && !LONGER.iter().any(|(path, _)| *path == source.path) {
            wrong.push(format!("{} has {lines} lines", source.path));
        }
    }
    assert_none(&format!("files over {MAX_LINES} lines"), &wrong);
}

#[test]
fn nothing_is_left_undone_skipped_or_silenced() {
    // Split, so that this list does not find itself.
    let forbidden = [
        concat!("to", "do!("),
        concat!("unimplemen", "ted!("),
        concat!("#[igno", "re"),
        concat!("#[allo", "w("),
        concat!("#![allo", "w("),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("test.sk", "ip("),
        concat!("it.sk", "ip("),
        concat!("describe.sk", "ip("),
        concat!("test.fix", "me("),
        concat!("it.to", "do("),
    ];
    let mut wrong = Vec::new();
    for source in sources(&[".rs", ".ts", ".tsx", ".sh", ".py", ".lua"]) {
        if !source.is_generated() {
            wrong.extend(source.places(&source.text, |line| {
                forbidden.iter().any(|word| line.contains(word))
            }));
        }
    }
    assert_none("stubs, skipped tests and silenced lints", &wrong);
}

#[test]
fn redis_keys_are_declared_in_one_file() {
    let keys = ["\"runner_status", "\"runner_metrics", "\"runner_pilot:"];
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        if source.path != REDIS_KEYS {
            wrong.extend(source.places(source.shipped(), |line| keys.iter().any(|key| line.contains(key))));
        }
    }
    assert_none(&format!("Redis keys outside {REDIS_KEYS}"), &wrong);
}

#[test]
fn only_entities_and_migration_write_sql() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        if !["entities", "migration"].contains(&source.home()) {
            wrong.extend(source.places(source.shipped(), is_sql));
        }
    }
    assert_none("SQL outside entities and migration", &wrong);
}

fn is_sql(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let statements = [
        "\"SELECT ",
        "\"INSERT INTO ",
        "\"UPDATE ",
        "\"DELETE FROM ",
        "\"CREATE TABLE ",
    ];
    let builders = [
        "Statement::from_",
        "execute_unprepared",
        "sea_query::",
        "query_one(",
        "EntityTrait",
    ];
    statements.iter().any(|word| code.contains(word)) || builders.iter().any(|word| code.contains(word))
}

#[test]
fn the_clock_is_read_in_one_place_of_ours() {
    let mut wrong = Vec::new();
    for source in sources(&[".rs"]) {
        // The queue library keeps a small clock of its own.
        let is_clock = source.path.ends_with("clock.rs");
        if !is_clock {
            wrong.extend(source.places(source.shipped(), |line| {
                line.contains("Utc::now(")
                    || line.contains("SystemTime::now(")
                    || line.contains("Local::now(")
            }));
        }
    }
    assert_none("time is taken from a Clock", &wrong);
}

#[test]
fn no_key_or_token_is_kept_in_the_repository() {
    let mut wrong = Vec::new();
    for source in sources(&[""]) {
        if has_private_key(&source) {
            wrong.push(format!("{} holds a private key", source.path));
        }
        wrong.extend(source.places(&source.text, |line| {
            ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]
                .iter()
                .any(|prefix| line.split(prefix).skip(1).any(looks_generated))
        }));
    }
    assert_none("secrets in the repository", &wrong);
}

fn has_private_key(source: &Source) -> bool {
    source.text.split("PRIVATE KEY-----\n").skip(1).any(|after| {
        let first = after.lines().next().unwrap_or_default();
        first.len() >= 40
            && first
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
    })
}

/// A token as GitHub makes it: 36 letters and digits, many of them different.
fn looks_generated(after: &str) -> bool {
    let token: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut letters: Vec<char> = token.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    token.len() >= 36 && letters.len() >= 20 && !token.contains("0123456789")
}

#[test]
fn generated_code_says_so_and_stands_apart() {
    let mark = "This file is auto-generated";
    let mut wrong = Vec::new();
    for source in sources(&[".ts", ".tsx"]) {
        let head: String = source.text.lines().take(3).collect();
        if head.contains(mark) != source.is_generated() {
            let place = if source.is_generated() {
                "is generated but does not say so"
            } else {
                "is generated but stands elsewhere"
            };
            wrong.push(format!("{} {place}", source.path));
        }
    }
    assert_none("generated files", &wrong);
}

#[test]
fn the_page_asks_nobody_but_its_own_server() {
    let loads = [
        "src=\"http",
        "href=\"http",
        "url(http",
        "url(\"http",
        "url('http",
        "@import \"http",
        "@import url",
    ];
    let mut wrong = Vec::new();
    for source in sources(&[".html", ".css"]) {
        wrong.extend(source.places(&source.text, |line| loads.iter().any(|load| line.contains(load))));
    }
    assert_none("assets from other hosts", &wrong);
}
