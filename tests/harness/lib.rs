//! What the test binaries of this package share.

pub mod encode;
pub mod golden;
pub mod program;
