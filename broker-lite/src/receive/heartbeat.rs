//! Who is there: `HEART_BEAT` and `UNREGISTER_CLIENT` (`ClientManageProcessor`).

use rocketlite_core::message::validate::{GroupLimit, check_group};
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::UnregisterClientRequestHeader;
use rocketlite_core::wire::heartbeat::HeartbeatData;
use rocketlite_core::wire::route::{PERM_READ, PERM_WRITE};
use rocketlite_core::wire::{DecodeError, Text};

use super::{Refusal, Request};
use crate::broker::State;
use crate::event::BrokerEvent;
use crate::outgoing::{Content, Remark};
use crate::table::{ClientId, ClientRole, GroupName, Heartbeat, Name, NewTopic};

/// What the name of a retry topic begins with (`MixAll.RETRY_GROUP_TOPIC_PREFIX`).
pub(super) const RETRY_PREFIX: &str = "%RETRY%";

/// Takes note of a client's groups. Nothing is announced in the answer, so 5.x clients send whole heartbeats.
pub(super) fn heartbeat(state: &mut State<'_>, request: &Request<'_>) -> Content {
    match register_all(state, request) {
        Ok(()) => Content::Success,
        Err(refusal) => refusal.answer(),
    }
}

/// A client leaves a group (`ClientManageProcessor#unregisterClient`); one that is not there leaves silently.
pub(super) fn unregister(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let header = match UnregisterClientRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let groups =
        [(ClientRole::Producer, header.producer_group), (ClientRole::Consumer, header.consumer_group)];
    if let Ok(client_id) = client_id(header.client_id) {
        for (role, group) in groups {
            let Some(group) = group.and_then(|group| group_name(group).ok()) else { continue };
            if let Some(client) = state.clients.unregister(role, &group, &client_id) {
                state.client_gone(&client);
            }
        }
    }
    Content::Success
}

fn register_all(state: &mut State<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    let data = HeartbeatData::parse(request.command.body)?;
    let client_id = client_id(data.client_id)?;
    for group in data.producer_groups() {
        register(state, request, ClientRole::Producer, group, &client_id)?;
    }
    for consumer in data.consumers() {
        let group = register(state, request, ClientRole::Consumer, consumer.group_name, &client_id)?;
        create_retry_topic(state, &group)?;
    }
    Ok(())
}

fn register(
    state: &mut State<'_>,
    request: &Request<'_>,
    role: ClientRole,
    group: Text<'_>,
    client_id: &ClientId,
) -> Result<GroupName, Refusal> {
    let group = group_name(group)?;
    let heartbeat = Heartbeat {
        role,
        group: &group,
        client_id,
        connection: request.connection,
        language: request.command.language,
        version: request.command.version,
    };
    let new = state.clients.register(state.now, heartbeat);
    match new {
        Some(true) => {
            let (client_id, group) = (client_id.clone(), group.clone());
            state.events.push(BrokerEvent::ClientRegistered { client_id, group, role });
        }
        Some(false) => {}
        None => return Err(full("memory.clients")),
    }
    Ok(group)
}

/// A consumer group's own topic for messages that it failed with; it can be found at once
/// (`TopicConfigManager#createTopicInSendMessageBackMethod`).
fn create_retry_topic(state: &mut State<'_>, group: &GroupName) -> Result<(), Refusal> {
    let mut topic = Name::new();
    // A group's name is short enough for both parts.
    let fits = topic.push_str(RETRY_PREFIX).and_then(|()| topic.push_str(group)).is_ok();
    if !fits || state.topics.find(&topic).is_some() {
        return Ok(());
    }
    let new = NewTopic {
        name: &topic,
        read_queue_nums: 1,
        write_queue_nums: 1,
        perm: PERM_READ | PERM_WRITE,
        sys_flag: 0,
    };
    state.create_topic(new).map(drop).ok_or(full("memory.topics or memory.queues"))
}

fn full(setting: &'static str) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Full(setting))
}

fn client_id(text: Text<'_>) -> Result<ClientId, DecodeError> {
    let mut id = ClientId::new();
    text.copy_to("clientID", &mut id)?;
    Ok(id)
}

/// A group's name. The reference's brokers take any and fail later, when they make the topic of it.
fn group_name(text: Text<'_>) -> Result<GroupName, Refusal> {
    let mut group = GroupName::new();
    text.copy_to("groupName", &mut group)?;
    if check_group(&group, GroupLimit::Characters120).is_err() {
        let remark = Remark::Plain("a group's name has 1 to 120 characters, allowed are %|-_ 0-9 a-z A-Z");
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, remark));
    }
    Ok(group)
}
