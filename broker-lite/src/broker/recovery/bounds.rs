//! From where on a saved log is gone through, and what is known of it.

use super::{Mark, RecoverError, Saved};
use crate::broker::checkpoint::Head;
use crate::log::Known;

/// Where a saved log begins, and what is known of the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// What stands before it is old, and may have been written over.
    pub(crate) min: u64,
    pub(crate) known: Known,
}

impl Saved<'_> {
    /// The newest mark; without one nothing was flushed.
    pub(crate) fn newest_mark(&self) -> Mark {
        self.mark.unwrap_or(Mark { flushed: self.base, min_offset: self.base, ..Mark::default() })
    }
}

impl Bounds {
    /// What mark and checkpoint say together of a log in a ring of `capacity` bytes.
    ///
    /// # Errors
    /// If one of them says what no broker writes: more than a ring holds, or that the log ends before it begins.
    pub(crate) fn new(
        mark: &Mark,
        head: Option<&Head>,
        base: u64,
        capacity: usize,
    ) -> Result<Self, RecoverError> {
        let capacity = u64::try_from(capacity).unwrap_or(u64::MAX);
        let min = mark.min_offset.max(base);
        if mark.flushed.saturating_sub(min) > capacity {
            return Err(RecoverError::Mark);
        }
        let Some(head) = head else {
            let known = Known { durable: mark.flushed, checkpointed: min, start: 0 };
            return Ok(Self { min, known });
        };
        let span = head.log_max.checked_sub(head.log_min).ok_or(RecoverError::Checkpoint)?;
        if span > capacity || head.log_max < base {
            return Err(RecoverError::Checkpoint);
        }
        // What a checkpoint speaks of was made durable before it, also if no mark tells that.
        let durable = mark.flushed.max(head.log_max);
        let known = Known { durable, checkpointed: head.log_max, start: head.start };
        Ok(Self { min: min.max(head.log_min), known })
    }
}
