//! A group is sent back, or ahead, to a time or place.

use rocketlite_core::SlotId;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::ResetOffsetRequestHeader;

use super::refused;
use crate::broker::{NoRoom, State};
use crate::json::Object;
use crate::outgoing::{Content, Remark};
use crate::receive::{Refusal, Request, cut_name};
use crate::table::{Queue, Topic};

/// Sets the offsets of a group and answers with them (`#resetOffsetInner`, the way of `useServerSideResetOffset`, which is
/// on in 5.x). Members learn of it with their next pull, and what they store before that does not count.
pub(super) fn reset(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = ResetOffsetRequestHeader::decode(request.command.ext_fields)?;
    let ((topic_name, _), (group_name, _)) = (cut_name(header.topic), cut_name(header.group));
    let Some(topic) = state.topics.find(&topic_name) else {
        return Ok(refused(ResponseCode::TOPIC_NOT_EXIST, "Topic ", " does not exist", header.topic));
    };
    let Some(group) = state.groups.find(&group_name) else {
        let code = ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST;
        return Ok(refused(code, "Group ", " does not exist", header.group));
    };
    let queues = queues(state, topic, &header)?;
    for queue_id in queues.clone() {
        let offset = target(state, topic, queue_id, &header)?;
        if !state.offsets.reset(group, topic, queue_id, offset) {
            return Err(NoRoom("memory.offsets").into());
        }
    }
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut table = answer.object("offsetTable");
        for queue_id in queues.clone() {
            let offset = state.offsets.get(group, topic, queue_id).unwrap_or(0);
            table.int_of_queue(state.config.broker_name, &topic_name, queue_id, offset);
        }
        table.end();
        answer.end();
    });
    Ok(made?)
}

/// The queues to reset.
fn queues(
    state: &State<'_>,
    topic: SlotId,
    header: &ResetOffsetRequestHeader<'_>,
) -> Result<core::ops::Range<i32>, Refusal> {
    let all = 0..state.topics.get(topic).map_or(0, Topic::read_queue_nums);
    let queues = match header.queue_id.filter(|queue| *queue >= 0) {
        Some(queue) if state.topics.queue(topic, queue).is_some() => queue..queue.saturating_add(1),
        Some(_) => 0..0,
        None => all,
    };
    if queues.is_empty() {
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Plain("No queues to reset.")));
    }
    Ok(queues)
}

/// Where a queue is to go on.
fn target(
    state: &State<'_>,
    topic: SlotId,
    queue_id: i32,
    header: &ResetOffsetRequestHeader<'_>,
) -> Result<i64, Refusal> {
    let queue = state.topics.queue(topic, queue_id).copied().unwrap_or(Queue::EMPTY);
    let (min, max) = (queue.min_offset(), queue.max_offset());
    let one = header.queue_id.is_some_and(|queue| queue >= 0);
    match header.offset.filter(|offset| one && *offset != -1) {
        Some(offset) if (min..=max).contains(&offset) => Ok(offset),
        Some(offset) => {
            Err(Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::NotInQueue { offset, min, max }))
        }
        None if header.timestamp < 0 => Ok(max),
        None => Ok(state.search_offset(topic, queue_id, header.timestamp, false)),
    }
}
