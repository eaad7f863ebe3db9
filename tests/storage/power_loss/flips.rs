//! Bits that flip between two lives.

use super::story::Story;

pub(super) fn run(story: &mut Story) {
    let _ = story;
}
