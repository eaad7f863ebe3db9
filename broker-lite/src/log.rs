//! Where messages are stored.

mod commit_log;
mod consume_queue;

pub use commit_log::{AppendError, CommitLog, ReadError, Records};
pub use consume_queue::IndexChunk;

pub(crate) use consume_queue::{ConsumeQueue, ConsumeQueues, QueueEntry};
