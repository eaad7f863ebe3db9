//! Accepting a message: state check, validation, and what is decided once for all attempts.

use heapless::String;

use super::draft::Draft;
use super::event::SubmitError;
use super::options::{Content, MessageQueue, QueueChoice, SendOptions};
use super::store::Stored;
use super::{Phase, State};
use crate::message::Message;
use crate::message::id::MessageId;
use crate::message::namespace;
use crate::message::properties::{PropertyErrorKind, UNIQ_KEY, check_user_property};
use crate::message::validate::{
    MessageError, MessageLimits, TopicError, TopicErrorKind, check_batch, check_message, check_topic,
};
use crate::route::{MAX_TOPIC, QueueRef};
use crate::send::attempt::Attempt;
use crate::send::outcome::Remark;
use crate::send::request::Request;
use crate::send::{InFlight, SendId, SendMode, SendState, Target};
use crate::{Instant, Rules, SlotId};

impl<'s> State<'s> {
    /// Accepts a message and makes the first attempt.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(super) fn submit<'a>(
        &mut self,
        now: Instant,
        content: Content<'_, 'a>,
        options: &SendOptions<'_>,
    ) -> Result<SendId, SubmitError<'a>> {
        let id = self.accept(now, content, options)?;
        self.start(now, id);
        Ok(SendId(id))
    }

    /// Gives a message a place. The stack that this takes is free again when the first attempt is made.
    #[cfg_attr(target_os = "none", inline(never))]
    fn accept<'a>(
        &mut self,
        now: Instant,
        content: Content<'_, 'a>,
        options: &SendOptions<'_>,
    ) -> Result<SlotId, SubmitError<'a>> {
        if self.phase != Phase::Running {
            return Err(SubmitError::NotRunning);
        }
        let (target, broker_name) = target(options)?;
        self.check(&content)?;
        let topic = self.topic_name(content.topic())?;
        if self.sends.is_full() {
            return Err(SubmitError::TooManyInFlight { limit: self.sends.capacity() });
        }
        let draft = self.draft(now, content)?;
        let stored = self.store(&draft, broker_name)?;
        let topic = match self.topic_entry(now, &topic) {
            Ok(topic) => topic,
            Err(error) => {
                self.bodies.free(stored.bytes);
                return Err(error);
            }
        };
        let Some(id) = self.enter(now, topic, target, &draft, &stored, options) else {
            self.bodies.free(stored.bytes);
            return Err(SubmitError::TooManyInFlight { limit: self.sends.capacity() });
        };
        if let Some(topic) = self.routes.topics.get_mut(topic) {
            topic.sends = topic.sends.saturating_add(1);
        }
        Ok(id)
    }

    /// Puts a send that is yet to be tried into the table.
    #[cfg_attr(target_os = "none", inline(never))]
    fn enter(
        &mut self,
        now: Instant,
        topic: SlotId,
        target: Target,
        draft: &Draft<'_, '_>,
        stored: &Stored,
        options: &SendOptions<'_>,
    ) -> Option<SlotId> {
        let mode = options.mode;
        let Stored { bytes, parts, sys_flag } = *stored;
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
            request: Request { sys_flag: draft.request.sys_flag | sys_flag, ..draft.request },
            flag: draft.flag(),
            message_id: draft.message_id,
            first: now,
            timeout: options.timeout.unwrap_or(self.config.send_msg_timeout),
            lookup_is_free: options.timeout.is_none()
                && matches!(target, Target::Hash(_) | Target::Selector(_)),
            attempts: 0,
            attempts_total: retries.saturating_add(1),
            #[cfg(feature = "state")]
            has_asked_for_route: false,
            attempt: Attempt::none(now, QueueRef::EMPTY),
            last_outcome: None,
            hooked: false,
            remark: Remark::default(),
            outcome: None,
            state: SendState::Route,
            next: None,
        };
        self.sends.insert(send)
    }

    pub(super) fn prefetch_route<'a>(&mut self, now: Instant, topic: &'a str) -> Result<(), SubmitError<'a>> {
        if self.phase != Phase::Running {
            return Err(SubmitError::NotRunning);
        }
        let name = self.topic_name(topic)?;
        let topic = self.topic_entry(now, &name)?;
        self.look_up(now, topic);
        Ok(())
    }

    /// The entry of a topic in the table of routes.
    fn topic_entry(&mut self, now: Instant, name: &str) -> Result<SlotId, SubmitError<'static>> {
        let start = self.first_index();
        // A frame is encoded anew for each piece of it, so what it names must stay until its end.
        let named = |topic| self.links.is_named(topic);
        let topic = self.routes.topic(now, name, start, named);
        topic.ok_or(SubmitError::TooManyTopics { limit: self.routes.topics.capacity() })
    }

    fn check<'a>(&self, content: &Content<'_, 'a>) -> Result<(), SubmitError<'a>> {
        let limits =
            MessageLimits { max_message_size: self.config.max_message_size, ..MessageLimits::default() };
        match *content {
            Content::One(message) => check_message(message, &limits).map_err(SubmitError::Message)?,
            Content::Batch(messages) => {
                check_batch(messages).map_err(SubmitError::Batch)?;
                for (index, message) in messages.iter().enumerate() {
                    check_message(message, &limits)
                        .map_err(|error| SubmitError::BatchMember { index, error })?;
                }
            }
        }
        content.messages().iter().try_for_each(check_properties)
    }

    /// The topic as brokers know it (`DefaultMQProducer#withNamespace`).
    fn topic_name<'a>(&self, topic: &'a str) -> Result<String<MAX_TOPIC>, SubmitError<'a>> {
        let error = |kind| SubmitError::Message(MessageError::Topic(TopicError { topic, kind }));
        let name: String<MAX_TOPIC> =
            namespace::wrap(self.config.namespace, topic).ok_or_else(|| error(TopicErrorKind::TooLong))?;
        check_topic(&name).map_err(|wrapped| error(wrapped.kind))?;
        Ok(name)
    }

    /// Looks at what the request has to say, and gives the messages their ids (`MessageClientIDSetter#setUniqID`).
    fn draft<'m, 'a>(
        &mut self,
        now: Instant,
        content: Content<'m, 'a>,
    ) -> Result<Draft<'m, 'a>, SubmitError<'a>>
    where
        's: 'm,
    {
        let instance_id = self.config.namespace.filter(|namespace| !namespace.is_empty());
        let smart = self.config.send_smart_msg;
        let request = match content {
            Content::One(message) => Request::of(message, smart).map_err(SubmitError::Property)?,
            Content::Batch(_) => Request::BATCH,
        };
        let messages = content.messages();
        let now = self.clock.unix_millis(now);
        let own = messages.first().and_then(|message| message.property(UNIQ_KEY));
        let own = own.map(MessageId::parse).transpose().map_err(SubmitError::UniqueKey)?;
        let made = self.ids.next_of(now, messages.len());
        let named = matches!(content, Content::Batch(_)) && self.config.rules != Rules::V4;
        let batch_id = named.then(|| self.ids.next(now));
        Ok(Draft { content, made, message_id: own.unwrap_or(made), batch_id, request, instance_id })
    }
}

/// Where a send may go, and the name of the broker that its caller has chosen.
fn target<'q>(options: &SendOptions<'q>) -> Result<(Target, &'q str), SubmitError<'static>> {
    Ok(match options.queue {
        QueueChoice::Producer => (Target::Any, ""),
        QueueChoice::Caller(MessageQueue { broker_name, queue_id }) => {
            (Target::Queue(u16::try_from(queue_id).map_err(|_| SubmitError::QueueId)?), broker_name)
        }
        QueueChoice::Hash(hash) => (Target::Hash(hash), ""),
        QueueChoice::Selector(argument) => (Target::Selector(argument), ""),
    })
}

/// Whether the properties can be sent as they are.
pub(crate) fn check_properties<'a>(message: &Message<'a>) -> Result<(), SubmitError<'a>> {
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
