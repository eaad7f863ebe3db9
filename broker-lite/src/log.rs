//! Where messages are stored.

mod commit_log;
mod consume_queue;
mod error;
mod index_chunk;
mod key_index;
mod saved_chain;
mod seal;
mod walk;

pub use commit_log::{CommitLog, Records};
pub use error::{AppendError, ReadError};
pub use index_chunk::{INDEX_CHUNK_BYTES, IndexChunk};
pub use key_index::IndexedKey;
pub use walk::{RecordFault, SavedRecord};

pub(crate) use commit_log::ALIGNMENT;
pub(crate) use consume_queue::{ChunkPool, ConsumeQueue, ConsumeQueues, QueueEntry};
pub(crate) use index_chunk::{EMPTY_CHUNK, is_sound};
pub(crate) use key_index::KeyIndex;
pub(crate) use saved_chain::SavedChain;
pub(crate) use seal::Seal;
pub(crate) use walk::{Known, Step, Walk};
