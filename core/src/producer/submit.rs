//! Accepting a message: state check, validation, and the one copy into the caller's memory.

use super::event::SubmitError;
use super::{Phase, State};
use crate::message::Message;
use crate::message::id::MessageId;
use crate::message::properties::{
    PropertyErrorKind, PropertyForm, PropertyWriter, UNIQ_KEY, check_user_property,
};
use crate::message::validate::{MessageLimits, check_message};
use crate::route::QueueRef;
use crate::send::attempt::Attempt;
use crate::send::outcome::Remark;
use crate::send::{InFlight, Parts, SendId, SendMode, SendState, Target};
use crate::wire::cursor::Writer;
use crate::{Extent, Instant};

/// A queue that the caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a queue of a topic is a broker and a number")]
pub struct MessageQueue<'a> {
    /// The broker's name.
    pub broker_name: &'a str,
    /// The queue's number on that broker.
    pub queue_id: u32,
}

impl State<'_> {
    pub(super) fn submit<'a>(
        &mut self,
        now: Instant,
        message: &Message<'a>,
        target: Target,
        broker_name: &str,
        mode: SendMode,
    ) -> Result<SendId, SubmitError<'a>> {
        if self.phase != Phase::Running {
            return Err(SubmitError::NotRunning);
        }
        self.check(message)?;
        if self.sends.is_full() {
            return Err(SubmitError::TooManyInFlight { limit: self.sends.capacity() });
        }
        let message_id = match message.property(UNIQ_KEY) {
            Some(key) => MessageId::parse(key).map_err(SubmitError::UniqueKey)?,
            None => self.ids.next(self.clock.unix_millis(now)),
        };
        let (bytes, parts) = self.store(message, &message_id, broker_name)?;
        // A frame is encoded anew for each piece of it, so what it names must stay until its end.
        let start = self.first_index();
        let named = |topic| self.links.is_named(topic);
        let Some(topic) = self.routes.topic(now, message.topic(), start, named) else {
            self.bodies.free(bytes);
            return Err(SubmitError::TooManyTopics { limit: self.routes.topics.capacity() });
        };
        let retries = match (mode, target) {
            (SendMode::Sync, Target::Any) => self.config.retry_times_when_send_failed,
            // To the same broker, if the caller has chosen it.
            (SendMode::Async, _) => self.config.retry_times_when_send_async_failed,
            _ => 0,
        };
        let send = InFlight {
            topic,
            target,
            mode,
            bytes,
            parts,
            flag: message.flag(),
            message_id,
            first: now,
            timeout: self.config.send_msg_timeout,
            attempts: 0,
            attempts_total: retries.saturating_add(1),
            attempt: Attempt::none(now, QueueRef::EMPTY),
            last_outcome: None,
            remark: Remark::default(),
            outcome: None,
            state: SendState::Route,
            next: None,
        };
        let Ok(id) = self.sends.insert(send) else {
            self.bodies.free(bytes);
            return Err(SubmitError::TooManyInFlight { limit: self.sends.capacity() });
        };
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.sends = topic.sends.saturating_add(1);
        }
        self.start(now, id);
        Ok(SendId(id))
    }

    fn check<'a>(&self, message: &Message<'a>) -> Result<(), SubmitError<'a>> {
        let limits =
            MessageLimits { max_message_size: self.config.max_message_size, ..MessageLimits::default() };
        check_message(message, &limits).map_err(SubmitError::Message)?;
        let set = [("TAGS", message.tags()), ("KEYS", message.keys())];
        let set = set.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in message.properties().iter().copied().chain(set) {
            match check_user_property(name, value) {
                // Such names are how a caller reaches what has no setter.
                Err(error) if error.kind != PropertyErrorKind::Reserved => {
                    return Err(SubmitError::Property(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Copies property string, body and the broker's name of an explicit queue into one piece of the arena.
    fn store<'a>(
        &mut self,
        message: &Message<'a>,
        id: &MessageId,
        broker_name: &str,
    ) -> Result<(Extent, Parts), SubmitError<'a>> {
        let put = |writer: &mut Writer<'_>| {
            message.put_properties(&mut PropertyWriter::new(writer, PropertyForm::Terminated), Some(id));
            let properties = writer.position();
            writer.put(message.body());
            writer.put(broker_name.as_bytes());
            properties
        };
        let mut measure = Writer::new(&mut []);
        let properties = put(&mut measure);
        let len = measure.position();
        let limit = self.bodies.capacity();
        if len > limit {
            return Err(SubmitError::MessageTooLarge { limit });
        }
        let extent = self.bodies.alloc(len).ok_or(SubmitError::NoRoomForBody)?;
        put(&mut Writer::new(self.bodies.get_mut(extent)));
        Ok((extent, Parts { properties, body: message.body().len() }))
    }
}
