//! What documents say about the sources is so.

use std::collections::BTreeSet;
use std::path::Path;

/// The names of all tests in the sources below `folder`.
fn tests_in(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            tests_in(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            names.extend(tests_of(&text));
        }
    }
}

/// The functions that stand below `#[test]` or `#[tokio::test]`.
fn tests_of(source: &str) -> Vec<String> {
    let after = |line: &str| {
        let name = line.split_once("fn ")?.1.split('(').next()?;
        Some(name.to_owned())
    };
    let mut names = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if marked && !line.starts_with("#[") && !line.starts_with("//") {
            names.extend(after(line));
            marked = false;
        }
    }
    names
}

/// The cells of a row of a table, none for any other line. A bar with a backslash belongs to its cell.
fn cells(line: &str) -> Vec<String> {
    let line = line.replace("\\|", "/");
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map_or_else(Vec::new, |inner| inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

#[test]
fn every_limit_in_the_security_document_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut tests = BTreeSet::new();
    for folder in ["core", "broker-lite", "std-adapter", "tests"] {
        tests_in(&root.join(folder), &mut tests);
    }
    let text = std::fs::read_to_string(root.join("SECURITY.md")).expect("the document");
    let mut limits = 0;
    for row in text.lines().map(cells).filter(|cells| cells.len() == 4) {
        if row[0] == "limit" || row[0].starts_with("---") {
            continue;
        }
        limits += 1;
        let names: Vec<&str> = row[3].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test shows: {}", row[0]);
        for name in names {
            assert!(tests.contains(name), "{}: there is no test `{name}`", row[0]);
        }
    }
    assert!(limits > 20, "{limits} limits were found");
}
