//! Where messages are stored.

mod commit_log;

pub use commit_log::{AppendError, CommitLog, ReadError, Records};
