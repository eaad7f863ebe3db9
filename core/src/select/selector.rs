//! A choice of queues that is the caller's own (`MessageQueueSelector`).

use core::fmt;

use crate::message::MessageView;
use crate::producer::MessageQueue;
use crate::route::{QueueRef, Routes};

/// Chooses the queue of each message that is sent
/// [by a selector](crate::producer::SendOptions::by_selector), when the topic's queues are known.
///
/// `Sync`, so that a producer can move between threads.
pub trait MessageQueueSelector: fmt::Debug + Sync {
    /// The place of the queue in `queues`, or `None` if there is none for this message: its send fails then. `argument` is
    /// what the caller has given to the send.
    fn select(&self, queues: &PublishQueues<'_>, message: &MessageView<'_>, argument: u64) -> Option<usize>;
}

/// The queues that a topic's messages may be sent to, in the order of the route. There is at least one.
#[derive(Clone, Copy)]
pub struct PublishQueues<'r> {
    queues: &'r [QueueRef],
    routes: &'r Routes<'r>,
}

impl<'r> PublishQueues<'r> {
    pub(crate) const fn new(queues: &'r [QueueRef], routes: &'r Routes<'r>) -> Self {
        Self { queues, routes }
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub const fn len(&self) -> usize {
        self.queues.len()
    }

    /// The queue at `place`, from 0.
    pub fn get(&self, place: usize) -> Option<MessageQueue<'r>> {
        self.queues.get(place).map(|queue| self.describe(*queue))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = MessageQueue<'r>> {
        self.queues.iter().map(|queue| self.describe(*queue))
    }

    fn describe(&self, queue: QueueRef) -> MessageQueue<'r> {
        MessageQueue {
            broker_name: self.routes.name_of_broker(queue.broker),
            queue_id: queue.queue_id.into(),
        }
    }
}

impl fmt::Debug for PublishQueues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
