//! Which queue an attempt goes to: `MQFaultStrategy#selectOneMessageQueue`, `SelectMessageQueueByHash` and selectors of the
//! caller's.
//!
//! [`FaultStrategy`] goes round the queues of a topic and learns from every attempt which brokers to avoid.

mod fault;
mod round_robin;
mod selector;
mod strategy;

pub use fault::{FaultItem, FaultPlace, FaultUpdate};
pub use round_robin::RoundRobin;
pub use selector::{MessageQueueSelector, PublishQueues};
pub use strategy::{FaultStrategy, NoQueues, PublishList};

use crate::route::QueueRef;

/// The queue that belongs to `hash` (`SelectMessageQueueByHash`): its remainder, without sign.
pub(crate) fn by_hash(queues: &[QueueRef], hash: i32) -> Option<QueueRef> {
    let n = u32::try_from(queues.len()).ok()?;
    let place = hash.unsigned_abs().checked_rem(n)?;
    queues.get(usize::try_from(place).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SlotId;

    #[test]
    fn a_hash_always_gives_the_same_queue() {
        let queue = |broker, queue_id| QueueRef { broker: SlotId::new(broker, 0), queue_id };
        let queues = [queue(0, 0), queue(0, 1), queue(1, 2)];
        assert_eq!(by_hash(&queues, 4).unwrap().queue_id, 1);
        assert_eq!(by_hash(&queues, -4).unwrap().queue_id, 1);
        assert_eq!(by_hash(&queues, i32::MIN).unwrap().queue_id, 2);
        assert_eq!(by_hash(&[], 4), None);
    }
}
