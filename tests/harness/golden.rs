//! The reference's recorded answers: reading them, running them, and the table of deliberate differences.

mod differences;
mod vectors;

use core::fmt::Write as _;
use core::panic::AssertUnwindSafe;
use std::collections::BTreeMap;
use std::panic::catch_unwind;

use serde_json::Value;

pub use differences::Differences;
pub use vectors::{FILES, Vectors, bytes, hex, integer, list, text};

/// What came of the aspects of one case: that we agree with the reference, or how we do not.
#[derive(Debug, Default)]
pub struct Checks {
    outcomes: Vec<(&'static str, Result<(), String>)>,
}

impl Checks {
    /// Checks one aspect of a case, such as `decode`. A panic is a disagreement.
    pub fn aspect(&mut self, aspect: &'static str, check: impl FnOnce() -> Result<(), String>) {
        let outcome = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| Err("panicked".into()));
        self.outcomes.push((aspect, outcome));
    }
}

/// Says how two values differ, if they do.
///
/// # Errors
/// Both values.
pub fn same<T: PartialEq + core::fmt::Debug>(what: &str, ours: &T, reference: &T) -> Result<(), String> {
    let short = |value: &T| format!("{value:?}").chars().take(MOST_CHARACTERS).collect::<String>();
    if ours == reference {
        return Ok(());
    }
    Err(format!("{what}: {}, the reference has {}", short(ours), short(reference)))
}

/// Runs every case of `file` and prints how many agreed. `name` names a case; what several cases are called is numbered.
///
/// # Panics
/// If a case disagrees that is not in the table of differences, or the other way round.
pub fn run(file: &str, name: impl Fn(&Value) -> String, check: impl Fn(&Value, &mut Checks)) {
    let vectors = Vectors::find();
    let Some(cases) = vectors.read(file) else {
        crate::say(&format!("{file}: absent, nothing run"));
        return;
    };
    let differences = Differences::of(file);
    let mut tally = Tally { is_default: vectors.is_default(), ..Tally::default() };
    for (case, name) in cases.iter().zip(numbered(cases.iter().map(name).collect())) {
        let mut checks = Checks::default();
        check(case, &mut checks);
        tally.count(&name, &checks, &differences);
    }
    if vectors.is_default() {
        for row in differences.unused() {
            tally.failures.push(format!("`{row}` of the table of differences is no case"));
        }
    }
    crate::say(&format!(
        "{file}: {} cases run, {} agreed, {} deliberate differences",
        cases.len(),
        tally.agreed,
        tally.different
    ));
    assert!(tally.failures.is_empty(), "{}", summary(file, &tally.failures));
}

#[derive(Default)]
struct Tally {
    is_default: bool,
    agreed: usize,
    different: usize,
    failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str, checks: &Checks, differences: &Differences) {
        let whole = differences.lists(name);
        let mut differs = false;
        let mut agrees = true;
        for (aspect, outcome) in &checks.outcomes {
            let full = format!("{name} / {aspect}");
            let listed = differences.lists(&full);
            match outcome {
                Ok(()) if listed && self.is_default && !differences.by_chance(&full) => {
                    self.failures.push(format!("`{full}` is listed as a difference but agrees"));
                }
                Ok(()) => {}
                Err(_) if listed || whole => differs = true,
                Err(how) => {
                    agrees = false;
                    self.failures.push(format!("`{full}`: {how}"));
                }
            }
        }
        if whole && !differs && self.is_default && !differences.by_chance(name) {
            self.failures.push(format!("`{name}` is listed as a difference but agrees"));
        }
        if checks.outcomes.is_empty() {
            self.failures.push(format!("`{name}`: nothing was checked"));
        }
        self.different += usize::from(differs);
        self.agreed += usize::from(agrees && !differs);
    }
}

/// Appends ` #1`, ` #2` … to names that occur several times.
fn numbered(names: Vec<String>) -> Vec<String> {
    let mut total = BTreeMap::<String, usize>::new();
    for name in &names {
        *total.entry(name.clone()).or_default() += 1;
    }
    let mut seen = BTreeMap::<String, usize>::new();
    let number = |name: String| {
        if total.get(&name) == Some(&1) {
            return name;
        }
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        format!("{name} #{count}")
    };
    names.into_iter().map(number).collect()
}

fn summary(file: &str, failures: &[String]) -> String {
    let mut text = format!("{file}: {} failures", failures.len());
    for failure in failures.iter().take(MOST_SHOWN) {
        let _ = write!(text, "\n  {failure}");
    }
    text
}

const MOST_SHOWN: usize = 30;
const MOST_CHARACTERS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(name: &str, agrees: bool, table: &str) -> Tally {
        let mut checks = Checks::default();
        checks.aspect("decode", || if agrees { Ok(()) } else { Err("no".into()) });
        checks.aspect("encode", || Ok(()));
        let mut tally = Tally { is_default: true, ..Tally::default() };
        tally.count(name, &checks, &Differences::parse(table, "f"));
        tally
    }

    #[test]
    fn only_listed_cases_may_differ_and_they_must() {
        let row = "| f | `a / decode` | x | y |";
        assert_eq!(tally("a", true, "").agreed, 1);
        assert_eq!(tally("a", false, "").failures.len(), 1);
        let listed = tally("a", false, row);
        assert_eq!((listed.agreed, listed.different, listed.failures.len()), (0, 1, 0));
        assert_eq!(tally("a", true, row).failures.len(), 1);
        assert_eq!(tally("a", true, "| f | `a` | x | y |").failures.len(), 1);
        assert_eq!(tally("a", false, "| f | `a*` | x | y |").different, 1);
        assert_eq!(tally("b", false, row).failures.len(), 1);
    }

    #[test]
    fn a_panic_is_a_disagreement() {
        let mut checks = Checks::default();
        checks.aspect("decode", || panic!("expected in this test"));
        assert!(checks.outcomes[0].1.is_err());
    }

    #[test]
    fn names_that_occur_several_times_are_numbered() {
        let names = ["a", "b", "a"].map(String::from).to_vec();
        assert_eq!(numbered(names), ["a #1", "b", "a #2"]);
    }
}
