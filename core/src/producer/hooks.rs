//! Telling the application's hooks of attempts, and asking its selector for queues.

use super::State;
use crate::message::properties::Properties;
use crate::message::{MessageView, namespace};
use crate::route::QueueRef;
use crate::select::PublishQueues;
use crate::send::decision::AttemptOutcome;
use crate::send::hook::SendContext;
use crate::send::{InFlight, SendId, SendMode};
use crate::{Instant, Rules, SlotId};

impl State<'_> {
    /// Asks and tells the hooks before the current attempt. Returns whether it is forbidden.
    pub(super) fn before_attempt(&mut self, id: SlotId) -> bool {
        let (check, hook) = (self.config.check_forbidden_hook, self.config.send_message_hook);
        if check.is_none() && hook.is_none() {
            return false;
        }
        let Some(send) = self.sends.get(id) else { return false };
        if send.attempt.reconnected || send.mode == SendMode::Async && send.attempts > 1 {
            return false;
        }
        let context = self.context(id, send);
        if check.is_some_and(|check| check.is_forbidden(&context)) {
            return true;
        }
        let Some(hook) = hook else { return false };
        hook.send_message_before(&context);
        if let Some(send) = self.sends.get_mut(id) {
            send.hooked = true;
        }
        false
    }

    /// Tells the hook how the attempt that it was told of has ended.
    pub(super) fn after_attempt(&mut self, id: SlotId, outcome: AttemptOutcome) {
        let Some(hook) = self.config.send_message_hook else { return };
        let Some(send) = self.sends.get_mut(id) else { return };
        if !core::mem::take(&mut send.hooked) {
            return;
        }
        let Some(send) = self.sends.get(id) else { return };
        let result = match (&send.outcome, outcome) {
            (Some(Ok(result)), AttemptOutcome::Stored(_)) => Ok(result),
            _ => Err(outcome),
        };
        hook.send_message_after(&self.context(id, send), result);
    }

    /// The queue that the caller's selector gives.
    pub(super) fn select_by_caller(&self, id: SlotId, argument: u64) -> Option<QueueRef> {
        let send = self.sends.get(id)?;
        let queues = self.routes.queues(send.topic);
        if queues.is_empty() {
            return None;
        }
        let selector = self.config.queue_selector?;
        let place = selector.select(&PublishQueues::new(queues, &self.routes), &self.view(send), argument)?;
        queues.get(place).copied()
    }

    /// In 5.x a send by hash or selector that was given no timeout of its own has all of the usual one left when its queue
    /// is chosen (`DefaultMQProducer#send(Message, MessageQueueSelector, Object)`).
    pub(super) fn allow_for_selection(&mut self, now: Instant, id: SlotId) {
        let Some(send) = self.sends.get_mut(id) else { return };
        if core::mem::take(&mut send.lookup_is_free) && self.config.rules == Rules::V5 {
            send.timeout = send.timeout.saturating_add(now.since(send.first));
        }
    }

    fn context<'s>(&'s self, id: SlotId, send: &'s InFlight) -> SendContext<'s> {
        let queue = send.attempt.queue;
        SendContext {
            id: SendId(id),
            attempt: send.attempts,
            mode: send.mode,
            producer_group: &self.group,
            message: self.view(send),
            broker_name: self.routes.name_of_broker(queue.broker),
            queue_id: queue.queue_id,
            broker_address: self.routes.master(queue.broker),
        }
    }

    fn view<'s>(&'s self, send: &'s InFlight) -> MessageView<'s> {
        let topic = self.routes.topics.get(send.topic).map_or("", |topic| topic.name());
        let (properties, body) =
            self.bodies.get(send.bytes).split_at_checked(send.parts.properties).unwrap_or_default();
        MessageView {
            topic: namespace::unwrap(self.config.namespace, topic),
            flag: send.flag,
            sys_flag: send.request.sys_flag,
            properties: Properties::new(properties),
            body: body.get(..send.parts.body).unwrap_or_default(),
        }
    }
}
