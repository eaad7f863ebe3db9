//! `QUERY_CONSUMER_OFFSET` and `UPDATE_CONSUMER_OFFSET`: how far a group has come (`ConsumerManageProcessor`, 5.x).

use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::{QueryConsumerOffsetRequestHeader, UpdateConsumerOffsetRequestHeader};

use super::heartbeat::group_name;
use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::{NoRoom, State};
use crate::outgoing::{Content, Remark};

/// Answers with the offset where the group goes on. Without one it begins at 0 as long as the queue's first message is
/// there; otherwise the client decides.
pub(super) fn query(state: &State<'_>, request: &Request<'_>) -> Content {
    let header = match QueryConsumerOffsetRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let (group, _) = cut_name(header.consumer_group);
    let (topic, _) = cut_name(header.topic);
    let (group, topic) = (state.groups.find(&group), state.topics.find(&topic));
    let stored = group.zip(topic).and_then(|(group, topic)| state.offsets.get(group, topic, header.queue_id));
    if let Some(offset) = stored {
        return Content::QueueOffset(offset);
    }
    let not_found =
        |text: &'static str| Refusal::new(ResponseCode::QUERY_NOT_FOUND, Remark::Plain(text)).answer();
    if header.set_zero_if_not_found == Some(false) {
        return not_found("Not found, do not set to zero, maybe this group boot first");
    }
    let queue = topic.and_then(|topic| state.topics.queue(topic, header.queue_id));
    if queue.is_some_and(|queue| queue.min_offset() == 0 && queue.max_offset() > 0) {
        return Content::QueueOffset(0);
    }
    not_found("Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
}

/// Stores where a group goes on, also if that is further back.
pub(super) fn update(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let header = match UpdateConsumerOffsetRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    answer_or_refusal(try_update(state, &header).map(|()| Content::Success), Some(header.topic))
}

fn try_update(state: &mut State<'_>, header: &UpdateConsumerOffsetRequestHeader<'_>) -> Result<(), Refusal> {
    let (topic, _) = cut_name(header.topic);
    let Some(topic) = state.topics.find(&topic) else {
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, Remark::NoTopicForOffset));
    };
    let name = group_name(header.consumer_group)?;
    let Some(group) = state.find_or_create_group(&name)? else {
        let remark = Remark::Plain("the consumer group does not exist and may not be made");
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    };
    if state.topics.queue(topic, header.queue_id).is_none() {
        let remark = Remark::Plain("the topic has no such queue");
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
    }
    state.note_change();
    let kept = state.offsets.set(group, topic, header.queue_id, header.commit_offset);
    if kept { Ok(()) } else { Err(NoRoom("memory.offsets").into()) }
}
