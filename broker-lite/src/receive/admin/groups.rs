//! Consumer groups: their settings, and who consumes a topic.

use rocketlite_core::SlotId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::header::{
    DeleteSubscriptionGroupRequestHeader, GetSubscriptionGroupConfigRequestHeader, TopicRequestHeader,
};
use rocketlite_core::wire::json::{self, Value};

use crate::broker::State;
use crate::json::Object;
use crate::outgoing::{Content, Remark, put_data_version};
use crate::receive::heartbeat::group_name;
use crate::receive::{Refusal, Request, cut_name};
use crate::table::{ClientRole, ConsumerGroup, Topic};

/// Makes a group or gives it other settings (`#updateAndCreateSubscriptionGroup`). Kept are those that the broker acts on.
pub(super) fn update(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let body = json::parse("body", request.command.body)?;
    let name = group_name(body.get("groupName").and_then(|name| name.text()).unwrap_or(Text::EMPTY))?;
    let number = |key: &'static str, default: i32| body.get(key).unwrap_or(Value::Null).integer(key, default);
    let flag = |key: &str| !matches!(body.get(key), Some(Value::Bool(false)));
    let retry_queue_nums = number("retryQueueNums", 1)?.max(0);
    let retry_max_times = number("retryMaxTimes", state.config.retry_max_times)?;
    let id = match state.groups.find(&name) {
        Some(id) if state.groups.get(id).is_some_and(|group| !group.is_deleted) => id,
        _ => state.create_group(&name)?,
    };
    if let Some(group) = state.groups.get_mut(id) {
        group.consume_enable = flag("consumeEnable");
        group.consume_broadcast_enable = flag("consumeBroadcastEnable");
        (group.retry_queue_nums, group.retry_max_times) = (retry_queue_nums, retry_max_times);
    }
    Ok(Content::Success)
}

/// Deletes a group, with its offsets if that is wanted (`#deleteSubscriptionGroup`).
pub(super) fn delete(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = DeleteSubscriptionGroupRequestHeader::decode(request.command.ext_fields)?;
    let (name, _) = cut_name(header.group_name);
    if let Some(id) = state.groups.find(&name) {
        if header.clean_offset == Some(true) {
            state.remove_group(id);
        } else {
            state.groups.delete(id);
        }
    }
    Ok(Content::Success)
}

/// The settings of all groups (`#getAllSubscriptionGroup`).
pub(super) fn all(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut wrapper = Object::begin(writer);
        put_data_version(wrapper.member("dataVersion"), 0, state.started);
        wrapper.object("forbiddenTable").end();
        let mut table = wrapper.object("subscriptionGroupTable");
        for (_, group) in state.groups.iter().filter(|(_, group)| !group.is_deleted) {
            put_group(table.member(group.name()), group);
        }
        table.end();
        wrapper.end();
    });
    Ok(made?)
}

/// The settings of a group (`#getSubscriptionGroup`).
pub(super) fn one(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = GetSubscriptionGroupConfigRequestHeader::decode(request.command.ext_fields)?;
    let name = group_name(header.group)?;
    let Some(id) = state.find_or_create_group(&name)? else {
        let remark = Remark::Plain("No group in this broker");
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    };
    let made = state.make(|state, writer| {
        if let Some(group) = state.groups.get(id) {
            put_group(writer, group);
        }
    });
    Ok(made?)
}

/// Writes the settings of a group (`SubscriptionGroupConfig`); what is not a setting here has the reference's default.
fn put_group(writer: &mut Writer<'_>, group: &ConsumerGroup) {
    let mut config = Object::begin(writer);
    config.object("attributes").end();
    config.int("brokerId", 0);
    config.bool("consumeBroadcastEnable", group.consume_broadcast_enable);
    config.bool("consumeEnable", group.consume_enable);
    config.bool("consumeFromMinEnable", true);
    config.bool("consumeMessageOrderly", false);
    config.int("consumeTimeoutMinute", 15);
    config.text("groupName", group.name());
    config.int("groupSysFlag", 0);
    config.bool("notifyConsumerIdsChangedEnable", true);
    config.int("retryMaxTimes", group.retry_max_times.into());
    config.int("retryQueueNums", group.retry_queue_nums.into());
    config.int("whichBrokerWhenConsumeSlowly", 1);
    config.end();
}

/// The groups that consume a topic: members subscribe to it, or the group has come so far in it
/// (`#queryTopicConsumeByWho`).
pub(super) fn of_topic(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = TopicRequestHeader::decode(request.command.ext_fields)?;
    let (topic, _) = cut_name(header.topic);
    let id = state.topics.find(&topic);
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut list = answer.list("groupList");
        for (group_id, group) in state.groups.iter() {
            let subscribes = || state.groups.subscription(group_id, &topic).is_some();
            let has_member = || state.clients.of_group(ClientRole::Consumer, group.name()).next().is_some();
            let consumes = |id: SlotId| state.has_offsets(group_id, id);
            if id.is_some_and(consumes) || (subscribes() && has_member()) {
                list.text(group.name());
            }
        }
        list.end();
        answer.end();
    });
    Ok(made?)
}

impl State<'_> {
    /// Whether a group has come to any place in a topic.
    pub(super) fn has_offsets(&self, group: SlotId, topic: SlotId) -> bool {
        let queues = self.topics.get(topic).map_or(0, Topic::read_queue_nums);
        (0..queues).any(|queue_id| self.offsets.get(group, topic, queue_id).is_some())
    }
}
