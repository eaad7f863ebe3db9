//! Where messages are stored.

mod commit_log;
mod consume_queue;
mod key_index;

pub use commit_log::{AppendError, CommitLog, ReadError, Records};
pub use consume_queue::IndexChunk;
pub use key_index::IndexedKey;

pub(crate) use consume_queue::{ConsumeQueue, ConsumeQueues, QueueEntry};
pub(crate) use key_index::KeyIndex;
