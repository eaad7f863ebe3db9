//! Who is connected: members of consumer and producer groups.

use rocketlite_core::Address;
use rocketlite_core::wire::code::{LanguageCode, ResponseCode};
use rocketlite_core::wire::header::{ConsumerListRequestHeader, ProducerConnectionListRequestHeader};

use super::refused;
use crate::broker::State;
use crate::filter::TagFilter;
use crate::json::{List, Object};
use crate::outgoing::Content;
use crate::receive::{Refusal, Request, cut_name};
use crate::table::{Client, ClientRole, Subscription};

/// The members of a consumer group and what they subscribe to (`#getConsumerConnectionList`).
pub(super) fn consumers(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let name = ConsumerListRequestHeader::decode(request.command.ext_fields)?.consumer_group;
    let (group, _) = cut_name(name);
    if state.clients.of_group(ClientRole::Consumer, &group).next().is_none() {
        let code = ResponseCode::CONSUMER_NOT_ONLINE;
        return Ok(refused(code, "the consumer group[", "] not online", name));
    }
    let made = state.make(|state, writer| {
        let id = state.groups.find(&group);
        let consumption = id.and_then(|id| state.groups.get(id)).map(|group| group.consumption);
        let consumption = consumption.unwrap_or_default();
        let mut answer = Object::begin(writer);
        put_members(answer.list("connectionSet"), state, ClientRole::Consumer, &group);
        answer.text("consumeFromWhere", consumption.consume_from_where.name());
        answer.text("consumeType", consumption.consume_type.name());
        answer.text("messageModel", consumption.message_model.name());
        let mut table = answer.object("subscriptionTable");
        for subscription in id.into_iter().flat_map(|id| state.groups.subscriptions(id)) {
            put_subscription(table.object(&subscription.topic), subscription);
        }
        table.end();
        answer.end();
    });
    Ok(made?)
}

/// The members of a producer group (`#getProducerConnectionList`).
pub(super) fn producers(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let name = ProducerConnectionListRequestHeader::decode(request.command.ext_fields)?.producer_group;
    let (group, _) = cut_name(name);
    if state.clients.of_group(ClientRole::Producer, &group).next().is_none() {
        return Ok(refused(ResponseCode::SYSTEM_ERROR, "the producer group[", "] not exist", name));
    }
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        put_members(answer.list("connectionSet"), state, ClientRole::Producer, &group);
        answer.end();
    });
    Ok(made?)
}

/// The members of all producer groups (`#getAllProducerInfo`).
pub(super) fn all_producers(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut groups = answer.object("data");
        for client in state.clients.iter().filter(|client| client.role() == ClientRole::Producer) {
            let members = || state.clients.of_group(ClientRole::Producer, client.group());
            // Each group once, at its newest member.
            if members().next().is_none_or(|first| first.client_id() != client.client_id()) {
                continue;
            }
            let mut list = groups.list(client.group());
            for member in members() {
                let mut info = list.object();
                info.text("clientId", member.client_id());
                info.text("language", language(member));
                let heartbeat = state.clock.unix_millis(member.last_heartbeat());
                info.int("lastUpdateTimestamp", heartbeat);
                let mut remote = heapless::String::<{ Address::MAX_LENGTH + 1 }>::new();
                let _ = remote.push('/').and_then(|()| remote.push_str(address(state, member).as_str()));
                info.text("remoteIP", &remote);
                info.int("version", member.version().into());
                info.end();
            }
            list.end();
        }
        groups.end();
        answer.end();
    });
    Ok(made?)
}

/// Writes the members of a group (`Connection`).
fn put_members(mut list: List<'_, '_>, state: &State<'_>, role: ClientRole, group: &str) {
    for member in state.clients.of_group(role, group) {
        let mut connection = list.object();
        connection.text("clientAddr", address(state, member).as_str());
        connection.text("clientId", member.client_id());
        connection.text("language", language(member));
        connection.int("version", member.version().into());
        connection.end();
    }
    list.end();
}

/// Writes a subscription (`SubscriptionData`).
fn put_subscription(mut data: Object<'_, '_>, subscription: &Subscription) {
    let expression = &subscription.expression;
    data.bool("classFilterMode", false);
    let mut codes = data.list("codeSet");
    if let TagFilter::Codes(all) = &expression.filter {
        all.iter().for_each(|code| codes.int((*code).into()));
    }
    codes.end();
    data.text("expressionType", if subscription.is_sql { "SQL92" } else { "TAG" });
    data.text("subString", &expression.text);
    data.int("subVersion", subscription.version);
    let mut tags = data.list("tagsSet");
    if matches!(expression.filter, TagFilter::Codes(_)) {
        let names = expression.text.split("||").map(str::trim);
        names.filter(|tag| !tag.is_empty()).for_each(|tag| tags.text(tag));
    }
    tags.end();
    data.text("topic", &subscription.topic);
    data.end();
}

fn language(client: &Client) -> &'static str {
    client.language().and_then(LanguageCode::name).unwrap_or("OTHER")
}

/// Where a client is; nowhere if it is gone.
fn address(state: &State<'_>, client: &Client) -> ClientAddress {
    let peer = state.peer(client.connection()).and_then(|peer| Address::try_from(peer).ok());
    ClientAddress(peer)
}

struct ClientAddress(Option<Address>);

impl ClientAddress {
    fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", Address::as_str)
    }
}
