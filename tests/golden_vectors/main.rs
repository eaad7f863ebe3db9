//! The reference's recorded answers, through the public interface of `rocketlite-core`.
//!
//! `ROCKETLITE_GOLDEN=FOLDER` runs the same on other files of the same names and form. Where we differ on purpose
//! stands in `DIFFERENCES.md`, and nowhere else.

mod fault;
mod frames;
mod headers;
mod messages;
mod route;
mod send;
mod validators;

use rocketlite_tests::golden::{FILES, Vectors};
use rocketlite_tests::say;

#[test]
fn there_are_vectors() {
    let vectors = Vectors::find();
    let found = FILES.iter().filter(|file| vectors.has(file)).count();
    say(&format!("{found} of {} files of vectors found", FILES.len()));
    assert!(found > 0, "none of {FILES:?}");
}
