//! That the list of checks and the tests agree: `checks.tsv` is what `docs/celery-compatibility.md` is written from.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The last number of the reference's list, which begins with 1.
const LAST: u32 = 84;
/// The mark of a row beside the reference's list.
const BESIDE: &str = "+";

struct Row {
    number: Option<u32>,
    tests: Vec<String>,
    differences: [String; 3],
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("tests/checks.tsv")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [number, _, tests, celery, ours, why] = fields[..] else {
                panic!("six fields, not {}: {line}", fields.len());
            };
            Row {
                number: (number != BESIDE).then(|| number.parse().expect("a number")),
                tests: tests.split(' ').map(str::to_owned).collect(),
                differences: [celery, ours, why].map(str::to_owned),
            }
        })
        .collect()
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found
}

/// The name that a line declares, if it declares a function.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("async ").unwrap_or(line);
    rest.strip_prefix("fn ")?.split('(').next()
}

/// Every function that is run as a test, with its file.
fn tests() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for path in ["src", "tests"]
        .iter()
        .flat_map(|directory| files(&root().join(directory), "rs"))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else {
                continue;
            };
            let attributes: Vec<&str> = lines[..number]
                .iter()
                .rev()
                .map(|line| line.trim())
                .take_while(|line| line.starts_with("#["))
                .collect();
            let is_test = attributes
                .iter()
                .any(|attribute| ["#[test]", "#[tokio::test]"].contains(attribute));
            if is_test {
                assert_eq!(attributes.len(), 1, "{name} may be left out: {attributes:?}");
                let other = found.insert(name.to_owned(), path.clone());
                assert_eq!(other, None, "{name} is there twice");
            }
        }
    }
    found
}

/// The number in a name such as `check_07_an_eta_with_an_offset`.
fn number_of(test: &str) -> Option<u32> {
    let (digits, _) = test.strip_prefix("check_")?.split_once('_')?;
    assert_eq!(digits.len(), 2, "{test}");
    Some(digits.parse().expect("a number"))
}

#[test]
fn every_number_of_the_list_has_one_row_in_order() {
    let numbers: Vec<u32> = rows().iter().filter_map(|row| row.number).collect();
    assert_eq!(numbers, (1..=LAST).collect::<Vec<_>>());
}

#[test]
fn every_row_names_tests_that_are_run_and_one_that_bears_its_number() {
    let tests = tests();
    for row in rows() {
        for test in &row.tests {
            assert!(
                tests.contains_key(test),
                "{:?}: there is no test {test}",
                row.number
            );
            let number = number_of(test);
            assert!(
                number.is_none() || number == row.number,
                "{test} is in row {:?}",
                row.number
            );
        }
        if let Some(number) = row.number {
            assert!(
                row.tests.iter().any(|test| number_of(test) == Some(number)),
                "no test bears the number {number}"
            );
        }
    }
}

#[test]
fn every_numbered_test_is_in_its_row() {
    let rows = rows();
    for test in tests().keys() {
        if let Some(number) = number_of(test) {
            let listed = rows
                .iter()
                .any(|row| row.number == Some(number) && row.tests.contains(test));
            assert!(listed, "row {number} does not name {test}");
        }
    }
}

#[test]
fn a_difference_is_told_with_both_sides_and_its_reason() {
    for row in rows() {
        let told = row.differences.iter().filter(|part| !part.is_empty()).count();
        assert!([0, 3].contains(&told), "{:?}: {:?}", row.number, row.differences);
    }
}

#[test]
fn every_check_that_is_written_in_python_is_called() {
    let rust: String = files(&root().join("tests"), "rs")
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let called = |name: &str| {
        let end = format!(", {name});");
        rust.lines()
            .any(|line| line.trim_start().starts_with("check(") && line.ends_with(&end))
    };
    let mut checks = 0;
    for path in files(&root().join("tests/python"), "py") {
        let text = std::fs::read_to_string(&path).unwrap();
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("@check(")?.strip_suffix(')'));
        let file = path.file_name().unwrap().to_str().unwrap();
        for name in names {
            checks += 1;
            assert!(
                rust.contains(file) && called(name),
                "nothing calls check {name} of {file}"
            );
        }
    }
    assert!(checks > 40, "{checks} checks found");
}
