//! Where messages are stored.

mod commit_log;
mod consume_queue;
mod index_chunk;
mod key_index;
mod seal;

pub use commit_log::{AppendError, CommitLog, ReadError, Records};
pub use index_chunk::{INDEX_CHUNK_BYTES, IndexChunk};
pub use key_index::IndexedKey;

pub(crate) use consume_queue::{ChunkPool, ConsumeQueue, ConsumeQueues, QueueEntry};
pub(crate) use index_chunk::EMPTY_CHUNK;
pub(crate) use key_index::KeyIndex;
pub(crate) use seal::Seal;
