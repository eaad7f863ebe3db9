//! Who is there: `HEART_BEAT` and `UNREGISTER_CLIENT` (`ClientManageProcessor`).

use rocketlite_core::message::validate::{GroupLimit, check_group};
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::UnregisterClientRequestHeader;
use rocketlite_core::wire::heartbeat::{ConsumerData, HeartbeatData};
use rocketlite_core::wire::{DecodeError, Text};

use super::pull_message::is_not_tag;
use super::{Refusal, Request};
use crate::broker::{NoRoom, State};
use crate::event::BrokerEvent;
use crate::filter::Expression;
use crate::outgoing::{Content, Remark};
use crate::table::{
    Arrival, ClientId, ClientRole, ConsumeFromWhere, ConsumeType, Consumption, GroupName, Heartbeat,
    MessageModel, Name,
};

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
        let group = group_name(group)?;
        register(state, request, ClientRole::Producer, &group, &client_id)?;
    }
    for consumer in data.consumers() {
        register_consumer(state, request, &consumer, &client_id)?;
    }
    Ok(())
}

/// `ConsumerManager#registerConsumer`. The members of the group hear of a new one before it has its own answer.
fn register_consumer(
    state: &mut State<'_>,
    request: &Request<'_>,
    consumer: &ConsumerData<'_>,
    client_id: &ClientId,
) -> Result<(), Refusal> {
    let name = group_name(consumer.group_name)?;
    let group = state.find_or_create_group(&name)?.ok_or(Refusal::new(
        ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
        Remark::Plain("the consumer group does not exist and may not be made"),
    ))?;
    let queues = state.groups.get(group).map_or(1, |group| group.retry_queue_nums);
    state.find_or_create_retry_topic(&name, queues)?;
    if let Some(group) = state.groups.get_mut(group) {
        group.consumption = consumption(consumer);
    }
    let arrival = register(state, request, ClientRole::Consumer, &name, client_id)?;
    state.groups.begin_subscriptions(group);
    let mut changed = arrival != Arrival::Known;
    for subscription in consumer.subscriptions() {
        let mut topic = Name::new();
        subscription.topic.copy_to("topic", &mut topic)?;
        let expression = || Expression::new(subscription.sub_string);
        let is_sql = is_not_tag(subscription.expression_type);
        let new = state.groups.subscribe(group, topic, subscription.sub_version, is_sql, expression);
        changed |= new.ok_or(NoRoom("memory.subscriptions"))?;
    }
    changed |= state.groups.end_subscriptions(group);
    if changed {
        state.notify_consumers(&name);
    }
    Ok(())
}

fn consumption(consumer: &ConsumerData<'_>) -> Consumption {
    Consumption {
        consume_type: match () {
            () if consumer.consume_type == ConsumeType::Passively.name() => ConsumeType::Passively,
            () if consumer.consume_type == ConsumeType::Pop.name() => ConsumeType::Pop,
            () => ConsumeType::Actively,
        },
        message_model: if consumer.message_model == MessageModel::Broadcasting.name() {
            MessageModel::Broadcasting
        } else {
            MessageModel::Clustering
        },
        consume_from_where: match () {
            () if consumer.consume_from_where == ConsumeFromWhere::FirstOffset.name() => {
                ConsumeFromWhere::FirstOffset
            }
            () if consumer.consume_from_where == ConsumeFromWhere::Timestamp.name() => {
                ConsumeFromWhere::Timestamp
            }
            () => ConsumeFromWhere::LastOffset,
        },
    }
}

fn register(
    state: &mut State<'_>,
    request: &Request<'_>,
    role: ClientRole,
    group: &GroupName,
    client_id: &ClientId,
) -> Result<Arrival, Refusal> {
    let heartbeat = Heartbeat {
        role,
        group,
        client_id,
        connection: request.connection,
        language: request.command.language,
        version: request.command.version,
    };
    let arrival = state.clients.register(state.now, heartbeat).ok_or(NoRoom("memory.clients"))?;
    if arrival == Arrival::New {
        let (client_id, group) = (client_id.clone(), group.clone());
        state.events.push(BrokerEvent::ClientRegistered { client_id, group, role });
    }
    Ok(arrival)
}

pub(super) fn client_id(text: Text<'_>) -> Result<ClientId, DecodeError> {
    let mut id = ClientId::new();
    text.copy_to("clientID", &mut id)?;
    Ok(id)
}

/// A group's name. The reference's brokers take any and fail later, when they make the topic of it.
pub(super) fn group_name(text: Text<'_>) -> Result<GroupName, Refusal> {
    let mut group = GroupName::new();
    text.copy_to("groupName", &mut group)?;
    if check_group(&group, GroupLimit::Characters120).is_err() {
        let remark = Remark::Plain("a group's name has 1 to 120 characters, allowed are %|-_ 0-9 a-z A-Z");
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, remark));
    }
    Ok(group)
}
