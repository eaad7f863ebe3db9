//! The texts of errors. Users search for them, so they are the reference's where it has one.

use core::fmt;

use rocketlite_core::message::validate::check_broker_topic;
use rocketlite_core::wire::DecodeError;
use rocketlite_core::{Address, SlotId};

use super::Sources;
use crate::broker::RETRY_PREFIX;

/// What went wrong, as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remark {
    /// The text.
    Plain(&'static str),
    /// A field of the request cannot be read.
    Field(DecodeError),
    /// There is nothing to do for requests of this code.
    NotSupported(i32),
    /// The name server role does not know the topic.
    NoRoute,
    /// The name cannot be a topic's.
    BadTopic,
    /// The topic belongs to the broker.
    Forbidden,
    /// The topic is not there and cannot be made.
    NoTopic,
    /// The topic has no such queue.
    NoQueue { queue_id: i32, topic: SlotId },
    /// Retries come one by one.
    BatchOfRetries,
    /// The broker does not take half messages.
    NoTransactions,
    /// Body or properties are too long.
    TooLong,
    /// The table of this setting is full.
    Full(&'static str),
    /// No message begins at this place.
    NoMessage(i64),
    /// The text, and where to read more.
    WithFaq(&'static str),
    /// As [`Remark::NoTopic`], of a pull.
    NoTopicToPull,
    /// The topic must not be read.
    PullForbidden,
    /// The topic has no such queue to read.
    NoQueueToPull { queue_id: i32, read_queue_nums: i32 },
    /// As [`Remark::NoTopic`], of an offset.
    NoTopicForOffset,
    /// The group, which stands in the place of the topic, has no members.
    NoConsumers,
    /// The group, which stands in the place of the topic, is not there and cannot be made.
    NoGroup,
    /// The group, which stands in the place of the topic, must not consume.
    GroupForbidden,
    /// As [`Remark::NoGroup`], of a message that comes back; the topic may be that of its retries.
    NoGroupToRetry,
    /// The topic of the group's retries, the group standing in the place of the topic, must not be written.
    RetryForbidden,
    /// The message that comes back is not stored any more.
    NoMessageToRetry(i64),
}

impl Remark {
    /// Longest text in bytes: that of [`Remark::NoQueue`] with a topic of 127.
    pub(crate) const MAX_LENGTH: usize = 512;
}

/// A remark with what its text is made of.
pub(super) struct RemarkText<'a, 's, 'm> {
    pub(super) remark: &'a Remark,
    /// The topic asked for.
    pub(super) topic: &'a str,
    pub(super) from: &'a Sources<'s, 'm>,
}

impl fmt::Display for RemarkText<'_, '_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic;
        match self.remark {
            Remark::Plain(text) => f.write_str(text),
            Remark::Field(error) => write!(f, "{error}"),
            Remark::NotSupported(code) => write!(f, " request type {code} not supported"),
            Remark::NoRoute => {
                write!(f, "No topic route info in name server for the topic: {topic}{FAQ}")
            }
            Remark::BadTopic => match check_broker_topic(topic) {
                Err(error) => write!(f, "{error}"),
                // Retry topics may be longer in the reference, in records of the second version.
                Ok(()) => f.write_str("The specified topic is longer than topic max length."),
            },
            Remark::Forbidden => write!(f, "Sending message to topic[{topic}] is forbidden."),
            Remark::NoTopic => write!(f, "topic[{topic}] not exist, apply first please!{FAQ}"),
            Remark::NoQueue { queue_id, topic } => self.no_queue(f, *queue_id, *topic),
            Remark::BatchOfRetries => {
                write!(f, "batch request does not support retry group {topic}")
            }
            Remark::NoTransactions => {
                let ip = self.from.address.host();
                write!(f, "the broker[{ip}] sending transaction message is forbidden")
            }
            Remark::TooLong => {
                let limit = self.from.config.max_message_size;
                write!(
                    f,
                    "the message is illegal, maybe msg body or properties length not matched. \
                     msg body length limit {limit}B, msg properties length limit 32KB."
                )
            }
            Remark::WithFaq(text) => write!(f, "{text}{FAQ}"),
            Remark::NoTopicToPull => write!(f, "topic[{topic}] not exist, apply first please! {FAQ}"),
            Remark::PullForbidden => write!(f, "the topic[{topic}] pulling message is forbidden"),
            Remark::NoQueueToPull { queue_id, read_queue_nums } => {
                write!(
                    f,
                    "queueId[{queue_id}] is illegal, topic:[{topic}] topicConfig.readQueueNums:[{read_queue_nums}]"
                )?;
                match self.from.peer.map(Address::try_from) {
                    Some(Ok(peer)) => write!(f, " consumer:[/{}]", peer.as_str()),
                    _ => Ok(()),
                }
            }
            Remark::NoTopicForOffset => write!(f, "Topic {topic} not exist!"),
            Remark::NoConsumers => write!(f, "no consumer for this group, {topic}"),
            Remark::NoGroup => write!(f, "subscription group [{topic}] does not exist, {FAQ}"),
            Remark::GroupForbidden => write!(f, "subscription group no permission, {topic}"),
            Remark::NoGroupToRetry => {
                let group = topic.strip_prefix(RETRY_PREFIX).unwrap_or(topic);
                write!(f, "subscription group not exist, {group} {FAQ}")
            }
            Remark::RetryForbidden => {
                write!(f, "the topic[{RETRY_PREFIX}{topic}] sending message is forbidden")
            }
            Remark::NoMessageToRetry(offset) => write!(f, "look message by offset failed, {offset}"),
            Remark::Full(setting) => write!(f, "{setting} is full"),
            Remark::NoMessage(offset) => write!(f, "can not find message by the offset, {offset}"),
        }
    }
}

impl RemarkText<'_, '_, '_> {
    /// `AbstractSendMessageProcessor#msgCheck` with `TopicConfig#toString`.
    fn no_queue(&self, f: &mut fmt::Formatter<'_>, queue_id: i32, topic: SlotId) -> fmt::Result {
        write!(f, "request queueId[{queue_id}] is illegal, ")?;
        if let Some(topic) = self.from.topics.get(topic) {
            let flag = |bit: i32, letter: char| if topic.perm() & bit == 0 { '-' } else { letter };
            write!(
                f,
                "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}{}{}, \
                 topicFilterType=SINGLE_TAG, topicSysFlag={}, order=false, attributes={{}}]",
                topic.name(),
                topic.read_queue_nums(),
                topic.write_queue_nums(),
                flag(4, 'R'),
                flag(2, 'W'),
                flag(1, 'X'),
                topic.sys_flag(),
            )?;
        }
        match self.from.peer.map(Address::try_from) {
            Some(Ok(peer)) => write!(f, " Producer: {}", peer.as_str()),
            _ => Ok(()),
        }
    }
}

/// What the reference appends to some of its texts (`FAQUrl#suggestTodo`).
const FAQ: &str = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";
