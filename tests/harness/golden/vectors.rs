//! Where the vectors are, and their members.

use core::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

/// All files of vectors.
pub const FILES: [&str; 11] = [
    "fault_4.9.7.jsonl",
    "fault_5.4.0.jsonl",
    "frames.jsonl",
    "messages.jsonl",
    "messages_4.9.7.jsonl",
    "route.jsonl",
    "route_registered.jsonl",
    "send_4.9.7.jsonl",
    "send_5.4.0.jsonl",
    "validators.jsonl",
    "validators_4.9.7.jsonl",
];

/// A folder of vectors.
#[derive(Debug)]
pub struct Vectors {
    folder: PathBuf,
    is_default: bool,
}

impl Vectors {
    /// The folder that `ROCKETLITE_GOLDEN` names, or else the one of this repository.
    pub fn find() -> Self {
        match std::env::var_os("ROCKETLITE_GOLDEN") {
            Some(folder) => Self { folder: folder.into(), is_default: false },
            None => Self { folder: concat!(env!("CARGO_MANIFEST_DIR"), "/golden").into(), is_default: true },
        }
    }

    /// Whether it is the repository's own.
    pub const fn is_default(&self) -> bool {
        self.is_default
    }

    /// Whether `file` is there.
    pub fn has(&self, file: &str) -> bool {
        self.folder.join(file).is_file()
    }

    /// The cases of `file`, if it is there.
    ///
    /// # Panics
    /// If it cannot be read, or a line of it is not JSON.
    pub fn read(&self, file: &str) -> Option<Vec<Value>> {
        self.has(file).then(|| {
            let text = std::fs::read_to_string(self.folder.join(file)).unwrap();
            let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}: {e}: {line}"));
            text.lines().map(parse).collect()
        })
    }
}

/// The text `key`, or nothing if it is null or absent.
pub fn text<'v>(case: &'v Value, key: &str) -> Option<&'v str> {
    case[key].as_str()
}

/// The number `key`, of any integer type.
///
/// # Panics
/// If there is none, or it does not fit.
pub fn integer<T: TryFrom<i64>>(case: &Value, key: &str) -> T {
    let number = case[key].as_i64().unwrap_or_else(|| panic!("no number {key}: {case}"));
    T::try_from(number).unwrap_or_else(|_| panic!("{key} does not fit: {number}"))
}

/// The bytes `key`, none if it is null.
///
/// # Panics
/// If they are not in hexadecimal.
pub fn bytes(case: &Value, key: &str) -> Vec<u8> {
    unhex(text(case, key).unwrap_or_default())
}

/// The elements of the array `key`, none if it is null.
pub fn list<'v>(case: &'v Value, key: &str) -> &'v [Value] {
    case[key].as_array().map_or(&[], Vec::as_slice)
}

/// `bytes` in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let pair =
        |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_else(|_| panic!("not hexadecimal: {text}"));
    (0..text.len()).step_by(2).map(pair).collect()
}
