//! The position that goes round the queues of a topic (`ThreadLocalIndex`).

use crate::route::QueueRef;

/// A counter that wraps. A producer has one for each topic; in Java each thread has its own, so one here is what
/// one thread sees there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundRobin(i32);

impl RoundRobin {
    /// The counter that stands at `start`; the first step adds one before it is used.
    pub(crate) const fn new(start: i32) -> Self {
        Self(start)
    }

    /// Steps to the next queue.
    pub(crate) fn step(&mut self, queues: &[QueueRef]) -> Option<QueueRef> {
        self.0 = self.0.wrapping_add(1);
        let value = u32::try_from(self.0 & i32::MAX).ok()?;
        let place = value.checked_rem(u32::try_from(queues.len()).ok()?)?;
        queues.get(usize::try_from(place).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SlotId;

    #[test]
    fn the_position_follows_java_where_the_counter_wraps() {
        let queue = |queue_id| QueueRef { broker: SlotId::new(0, 0), queue_id };
        let queues = [queue(0), queue(1), queue(2)];
        let mut index = RoundRobin::new(i32::MAX - 1);
        // 2147483647 % 3 = 1, then the sign bit is masked away: 0, 1, 2.
        let ids: std::vec::Vec<u16> = (0..4).map(|_| index.step(&queues).unwrap().queue_id).collect();
        assert_eq!(ids, [1, 0, 1, 2]);
        assert_eq!(index.step(&[]), None);
    }
}
