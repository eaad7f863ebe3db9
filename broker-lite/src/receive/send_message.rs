//! `SEND_MESSAGE`, `SEND_MESSAGE_V2` and `SEND_BATCH_MESSAGE`: the checks, in the reference's order
//! (`SendMessageProcessor`, 5.x).

mod batch;
mod overrides;
mod properties;
mod retry;
mod send_back;
mod store;

use rocketlite_core::SlotId;
use rocketlite_core::message::properties::{DELAY, Properties};
use rocketlite_core::message::sys_flag::{BORN_HOST_V6, STORE_HOST_V6, TRANSACTION_MASK};
use rocketlite_core::message::validate::{check_broker_topic, is_forbidden_topic};
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::header::SendMessageRequestHeader;
use rocketlite_core::wire::route::PERM_INHERIT;

use self::overrides::Overrides;
use self::properties::Special;
use self::store::{Shared, Stored};
use super::{Refusal, Request, cut_name};
use crate::broker::{RETRY_PREFIX, State};
use crate::outgoing::{Content, Remark};
use crate::table::{Name, NewTopic};

pub(super) use self::send_back::send_back;

/// Stores what was sent and says where. Every answer, good or bad, names region and tracing.
pub(super) fn send(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let Refusal { code, remark } = match check_and_store(state, request) {
        Ok(sent) => return sent,
        Err(refusal) => refusal,
    };
    let request_code = RequestCode(request.command.code);
    let header = SendMessageRequestHeader::decode(request_code, request.command.ext_fields);
    let topic = header.map_or(Name::new(), |header| cut_name(header.topic).0);
    Content::Failure { code, remark, topic, of_send: true }
}

fn check_and_store(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let code = RequestCode(request.command.code);
    let header = SendMessageRequestHeader::decode(code, request.command.ext_fields)?;
    if request.command.body.is_empty() {
        // In the reference 5.x stumbles over it (`AbstractSendMessageProcessor#buildMsgContext`), 4.9 stores it.
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Plain("the message has no body")));
    }
    let name = topic_name(header.topic)?;
    let topic = find_or_create(state, &name, &header)?;
    check_queue(state, topic, header.queue_id)?;
    let sent = Sent { request, header, topic, name };
    if sent.header.batch == Some(true) { batch::store(state, &sent) } else { single(state, &sent) }
}

/// A send whose topic and queue are right.
struct Sent<'a> {
    request: &'a Request<'a>,
    header: SendMessageRequestHeader<'a>,
    topic: SlotId,
    name: Name,
}

impl Sent<'_> {
    fn is_retry(&self) -> bool {
        self.name.starts_with(RETRY_PREFIX)
    }

    /// What all records of the request have in common, in a queue of `topic`.
    fn shared<'s>(&self, state: &mut State<'_>, topic: SlotId, name: &'s str) -> Result<Shared<'s>, Refusal> {
        let queue_id = choose_queue(state, topic, self.header.queue_id)?;
        Ok(Shared {
            topic,
            name,
            queue_id,
            sys_flag: self.header.sys_flag & !(BORN_HOST_V6 | STORE_HOST_V6),
            born_timestamp: self.header.born_timestamp,
            born_host: state.peer(self.request.connection).unwrap_or(state.config.address),
            store_timestamp: state.clock.unix_millis(state.now),
            reconsume_times: self.header.reconsume_times.unwrap_or(0),
        })
    }
}

/// One message.
fn single(state: &mut State<'_>, sent: &Sent<'_>) -> Result<Content, Refusal> {
    let text = sent.header.properties.unwrap_or(Text::EMPTY);
    let half = state.scratch.len() / 2;
    let length = properties::copy(text, state.scratch.get_mut(..half).unwrap_or_default())?;
    let special = Special::of(&Properties::new(state.scratch.get(..length).unwrap_or_default()));
    state.answers_at_once = special.answers_at_once;
    let dead_letter_of = retry::dead_letter_of(state, sent)?;
    if special.transaction || sent.header.sys_flag & TRANSACTION_MASK != 0 {
        // `SendMessageProcessor#sendMessage` with rejectTransactionMessage.
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, Remark::NoTransactions));
    }
    let mut shared = sent.shared(state, sent.topic, &sent.name)?;
    let dead_letters = dead_letter_of.map(|group| retry::dead_letter_topic(state, &group)).transpose()?;
    if let Some((topic, name)) = &dead_letters {
        shared = Shared { topic: *topic, name, queue_id: 0, ..shared };
    }
    let queue_id = shared.queue_id;
    let mut overrides = Overrides::default();
    if dead_letters.is_some() {
        // It is not delivered, so it is not delayed either.
        overrides.set(DELAY, -1);
    } else if let level @ 1.. = special.delay.level()? {
        overrides.delay(level, shared.name, queue_id);
        shared = shared.delayed(state, level)?;
    }
    let id = (!special.has_unique_key).then(|| state.ids.next(shared.store_timestamp));
    let (input, output) = state.scratch.split_at_mut_checked(half).unwrap_or_default();
    let message = properties::Merge {
        own: Properties::new(input.get(..length).unwrap_or_default()),
        batch: Properties::new(&[]),
        unique_key: id.as_ref(),
        overrides: &overrides,
    };
    let length = message.write(&state.config, output)?;
    let properties = half..half.saturating_add(length);
    let (flag, body) = (sent.header.flag, sent.request.command.body);
    let stored = store::single(state, &shared, special.tags_code, flag, body, properties)?;
    let Stored { queue_offset, physical_offset } = stored;
    // The queue is the one asked for, the offsets are those of the record that waits.
    let code = ResponseCode::SUCCESS;
    Ok(Content::Sent { queue_id, queue_offset, physical_offset, messages: 1, code })
}

/// `TopicValidator#validateTopic` and `isNotAllowedSendTopic`. No topic is longer than 127 bytes here, those of retries
/// included: longer ones need records that not every client can read.
fn topic_name(text: Text<'_>) -> Result<Name, Refusal> {
    let (name, whole) = cut_name(text);
    if !whole || check_broker_topic(&name).is_err() {
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, Remark::BadTopic));
    }
    if is_forbidden_topic(&name) {
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, Remark::Forbidden));
    }
    Ok(name)
}

/// The topic, made after the template that the sender names if there is none
/// (`TopicConfigManager#createTopicInSendMessageMethod`).
fn find_or_create(
    state: &mut State<'_>,
    name: &Name,
    header: &SendMessageRequestHeader<'_>,
) -> Result<SlotId, Refusal> {
    if let Some(topic) = state.topics.find(name) {
        return Ok(topic);
    }
    let mut template = Name::new();
    let known = header.default_topic.copy_to("defaultTopic", &mut template).is_ok();
    let template = if known { state.topics.find(&template) } else { None };
    let new = template
        .and_then(|id| state.topics.get(id))
        .filter(|template| template.perm() & PERM_INHERIT != 0)
        .filter(|_| state.config.auto_create_topics)
        .map(|template| {
            let queues = header.default_topic_queue_nums.min(template.write_queue_nums()).max(0);
            let (perm, sys_flag) = (template.perm() & !PERM_INHERIT, template.sys_flag());
            NewTopic { name, read_queue_nums: queues, write_queue_nums: queues, perm, sys_flag }
        });
    let new = match new {
        Some(new) => new,
        None if name.starts_with(RETRY_PREFIX) => return Ok(state.find_or_create_own_topic(name, 1)?),
        None => return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, Remark::NoTopic)),
    };
    state.create_topic(new).ok_or(topics_full())
}

/// `AbstractSendMessageProcessor#msgCheck`: any queue that is there to read or to write.
fn check_queue(state: &State<'_>, topic: SlotId, queue_id: i32) -> Result<(), Refusal> {
    if queue_id < 0 || state.topics.queue(topic, queue_id).is_some() {
        return Ok(());
    }
    Err(Refusal::new(ResponseCode::INVALID_PARAMETER, Remark::NoQueue { queue_id, topic }))
}

/// The queue of the sender's choice, or any (`SendMessageProcessor#randomQueueId`).
fn choose_queue(state: &mut State<'_>, topic: SlotId, queue_id: i32) -> Result<i32, Refusal> {
    if queue_id >= 0 {
        return Ok(queue_id);
    }
    let queues = state.topics.get(topic).map_or(0, |topic| topic.write_queue_nums().max(0).cast_unsigned());
    if queues == 0 {
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, Remark::NoQueue { queue_id, topic }));
    }
    Ok(state.rng.below(queues).cast_signed())
}

const fn topics_full() -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Full("memory.topics or memory.queues"))
}
