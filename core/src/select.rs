//! Which queue an attempt goes to: `TopicPublishInfo#selectOneMessageQueue`.

mod round_robin;

pub(crate) use round_robin::RoundRobin;

use crate::SlotId;
use crate::route::QueueRef;

/// The next queue of `queues` that is not on `last_broker`, or the next one at all if every queue is.
pub(crate) fn select(
    queues: &[QueueRef],
    index: &mut RoundRobin,
    last_broker: Option<SlotId>,
) -> Option<QueueRef> {
    if let Some(last_broker) = last_broker {
        for _ in 0..queues.len() {
            let queue = index.step(queues)?;
            if queue.broker != last_broker {
                return Some(queue);
            }
        }
    }
    index.step(queues)
}

/// The queue that belongs to `hash` (`SelectMessageQueueByHash`): its remainder, without sign.
pub(crate) fn by_hash(queues: &[QueueRef], hash: i32) -> Option<QueueRef> {
    let n = u32::try_from(queues.len()).ok()?;
    let place = hash.unsigned_abs().checked_rem(n)?;
    queues.get(usize::try_from(place).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn queues(brokers: &[u16]) -> Vec<QueueRef> {
        brokers
            .iter()
            .zip(0..)
            .map(|(b, queue_id)| QueueRef { broker: SlotId::new(*b, 0), queue_id })
            .collect()
    }

    #[test]
    fn a_retry_goes_to_the_next_queue_of_another_broker() {
        let queues = queues(&[0, 0, 1, 1, 2]);
        let mut index = RoundRobin::new(-1);
        let mut last = None;
        let order: Vec<u16> = (0..4)
            .map(|_| {
                let queue = select(&queues, &mut index, last).unwrap();
                last = Some(queue.broker);
                queue.broker.index()
            })
            .collect();
        assert_eq!(order, [0, 1, 2, 0]);
    }

    #[test]
    fn a_single_broker_is_tried_again_on_the_queue_after_a_whole_round() {
        let queues = queues(&[0, 0, 0]);
        let mut index = RoundRobin::new(-1);
        let first = select(&queues, &mut index, None).unwrap();
        assert_eq!(first.queue_id, 0);
        assert_eq!(select(&queues, &mut index, Some(first.broker)).unwrap().queue_id, 1);
    }

    #[test]
    fn a_hash_always_gives_the_same_queue() {
        let queues = queues(&[0, 0, 1]);
        assert_eq!(by_hash(&queues, 4).unwrap().queue_id, 1);
        assert_eq!(by_hash(&queues, -4).unwrap().queue_id, 1);
        assert_eq!(by_hash(&queues, i32::MIN).unwrap().queue_id, 2);
        assert_eq!(by_hash(&[], 4), None);
    }
}
