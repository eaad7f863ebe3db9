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
        if span > capacity {
            return Err(RecoverError::Checkpoint);
        }
        // What a checkpoint speaks of was made durable before it, also if no mark tells that.
        let durable = mark.flushed.max(head.log_max);
        let min = min.max(head.log_min);
        // The log may begin behind what a checkpoint knew: if the newest one was damaged, and this is the one before.
        let known = Known { durable, checkpointed: head.log_max.max(min), start: head.start };
        Ok(Self { min, known })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::ChunkPool;

    fn head(log_min: u64, log_max: u64) -> Head {
        let pool = ChunkPool::default();
        let (version, start, keys_from) = (1, 7, 0);
        Head { version, start, log_min, log_max, keys_from, pool, topics: 0, groups: 0, offsets: 0 }
    }

    fn mark(min_offset: u64, flushed: u64) -> Mark {
        Mark { sequence: 1, start: 1, flushed, min_offset }
    }

    #[test]
    fn mark_and_checkpoint_each_know_a_part() {
        let bounds = |mark, head: Option<Head>| {
            let Bounds { min, known } = Bounds::new(&mark, head.as_ref(), 100, 1_000).unwrap();
            (min, known.durable, known.checkpointed, known.start)
        };
        assert_eq!(bounds(mark(200, 900), None), (200, 900, 200, 0));
        assert_eq!(bounds(mark(200, 900), Some(head(300, 800))), (300, 900, 800, 7));
        assert_eq!(bounds(mark(300, 700), Some(head(200, 800))), (300, 800, 800, 7));
        // The ring begins later than the checkpoint knew: it was made larger since.
        assert_eq!(bounds(mark(0, 0), Some(head(50, 800))), (100, 800, 800, 7));
        // The newest checkpoint was damaged, and this is the one before.
        assert_eq!(bounds(mark(500, 900), Some(head(50, 400))), (500, 900, 500, 7));
    }

    #[test]
    fn what_no_ring_holds_is_refused() {
        let error = |mark, head: Option<Head>| Bounds::new(&mark, head.as_ref(), 0, 1_000).unwrap_err();
        assert_eq!(error(mark(0, 1_001), None), RecoverError::Mark);
        assert_eq!(error(mark(0, u64::MAX), None), RecoverError::Mark);
        assert_eq!(error(mark(0, 10), Some(head(0, 1_001))), RecoverError::Checkpoint);
        assert_eq!(error(mark(0, 10), Some(head(11, 10))), RecoverError::Checkpoint);
    }
}
