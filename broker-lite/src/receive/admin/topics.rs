//! Topics: their settings, and how many messages they have.

use rocketlite_core::SlotId;
use rocketlite_core::message::validate::check_broker_topic;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::{CreateTopicRequestHeader, TopicRequestHeader};
use rocketlite_core::wire::route::{PERM_INHERIT, PERM_READ, PERM_WRITE};

use super::refused;
use crate::broker::{NoRoom, State};
use crate::json::Object;
use crate::outgoing::{Content, Remark, put_topic, put_topic_table};
use crate::receive::queue_offset::store_time;
use crate::receive::{Refusal, Request, cut_name};
use crate::table::{NewTopic, Queue, Topic};

/// Makes a topic or gives it other settings (`#updateAndCreateTopic`). Of these neither order nor attributes are kept: no
/// client asks a broker for them.
pub(super) fn update(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = CreateTopicRequestHeader::decode(request.command.ext_fields)?;
    let (name, whole) = cut_name(header.topic);
    if !whole || check_broker_topic(&name).is_err() {
        return Ok(Refusal::new(ResponseCode::INVALID_PARAMETER, Remark::BadTopic).answer_about(name));
    }
    if state.is_own_topic(&name) {
        return Ok(system_topic(header.topic));
    }
    let (read_queue_nums, write_queue_nums) = (header.read_queue_nums, header.write_queue_nums);
    if read_queue_nums < 0 || write_queue_nums < 0 {
        return Err(invalid("readQueueNums and writeQueueNums must not be below 0"));
    }
    if !(0..=PERM_READ | PERM_WRITE | PERM_INHERIT).contains(&header.perm) {
        return Err(invalid("perm must be from 0 to 7: 4 to read, 2 to write, 1 to inherit"));
    }
    let (perm, sys_flag) = (header.perm, header.topic_sys_flag.unwrap_or(0));
    let new = NewTopic { name: &name, read_queue_nums, write_queue_nums, perm, sys_flag };
    let done = match state.topics.find(&name) {
        Some(id) if state.topics.get(id).is_some_and(|topic| is_same(topic, &new)) => true,
        Some(id) => state.update_topic(id, new),
        None => state.create_topic(new).is_some(),
    };
    if done { Ok(Content::Success) } else { Err(NoRoom("memory.topics or memory.queues").into()) }
}

fn is_same(topic: &Topic, new: &NewTopic<'_>) -> bool {
    let numbers = |topic: &Topic| (topic.read_queue_nums(), topic.write_queue_nums());
    numbers(topic) == (new.read_queue_nums, new.write_queue_nums)
        && (topic.perm(), topic.sys_flag()) == (new.perm, new.sys_flag)
}

/// Forgets a topic (`#deleteTopic`); one that is not there is forgotten already.
pub(super) fn delete(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let (name, topic) = asked(state, request)?;
    let (own, _) = cut_name(name);
    if own.trim().is_empty() {
        return Err(invalid("The specified topic is blank."));
    }
    if state.is_own_topic(&own) {
        return Ok(system_topic(name));
    }
    if let Some(topic) = topic {
        state.remove_topic(topic);
    }
    Ok(Content::Success)
}

fn system_topic(name: Text<'_>) -> Content {
    refused(ResponseCode::INVALID_PARAMETER, "The topic[", "] is conflict with system topic.", name)
}

const fn invalid(text: &'static str) -> Refusal {
    Refusal::new(ResponseCode::INVALID_PARAMETER, Remark::Plain(text))
}

/// The settings of all topics (`#getAllTopicConfig`).
pub(super) fn all(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let connection = request.connection;
    Ok(state.make(|state, writer| put_topic_table(writer, &state.sources(connection)))?)
}

/// The settings of a topic (`#getTopicConfig`).
pub(super) fn one(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let (name, topic) = asked(state, request)?;
    let Some(topic) = topic else {
        return Ok(refused(ResponseCode::TOPIC_NOT_EXIST, "No topic in this broker. topic: ", "", name));
    };
    let made = state.make(|state, writer| {
        if let Some(topic) = state.topics.get(topic) {
            put_topic(writer, topic);
        }
    });
    Ok(made?)
}

/// The offsets of a topic's queues (`#getTopicStatsInfo`).
pub(super) fn offsets(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let (name, topic) = asked(state, request)?;
    let Some(id) = topic else {
        return Ok(refused(ResponseCode::TOPIC_NOT_EXIST, "topic[", "] not exist", name));
    };
    let made = state.make(|state, writer| {
        let Some(topic) = state.topics.get(id) else { return };
        let mut answer = Object::begin(writer);
        let mut table = answer.object("offsetTable");
        for queue_id in 0..topic.read_queue_nums().max(topic.write_queue_nums()) {
            let queue = state.topics.queue(id, queue_id).copied().unwrap_or(Queue::EMPTY);
            let newest = store_time(state, id, queue_id, queue.max_offset().saturating_sub(1));
            let mut place = table.member_of_queue(state.config.broker_name, topic.name(), queue_id);
            // Of a queue that had messages, all of which were evicted, the reference knows no time either.
            let unknown = if queue.max_offset() > 0 { -1 } else { 0 };
            place.int("lastUpdateTimestamp", newest.unwrap_or(unknown));
            place.int("maxOffset", queue.max_offset());
            place.int("minOffset", queue.min_offset());
            place.end();
        }
        table.end();
        answer.end();
    });
    Ok(made?)
}

/// The topics that belong to the broker (`#getSystemTopicListFromBroker`).
pub(super) fn own(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut list = answer.list("topicList");
        let names = state.topics.iter().map(|(_, topic)| topic.name());
        { names }.filter(|name| state.is_own_topic(name)).for_each(|name| list.text(name));
        list.end();
        answer.end();
    });
    Ok(made?)
}

/// The topic that a request names, and whether it is there.
fn asked<'a>(state: &State<'_>, request: &Request<'a>) -> Result<(Text<'a>, Option<SlotId>), Refusal> {
    let header = TopicRequestHeader::decode(request.command.ext_fields)?;
    let (name, whole) = cut_name(header.topic);
    Ok((header.topic, state.topics.find(&name).filter(|_| whole)))
}
