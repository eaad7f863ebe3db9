//! Other brokers register here: the name server role (`RouteInfoManager`).

use rocketlite_core::Address;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::{RegisterBrokerRequestHeader, UnregisterBrokerRequestHeader};
use rocketlite_core::wire::json::{self, Value};
use rocketlite_core::wire::route::MASTER_ID;
use rocketlite_core::wire::{DecodeError, DecodeErrorKind, Text};

use super::{Refusal, Request};
use crate::broker::State;
use crate::event::BrokerEvent;
use crate::outgoing::{Content, Remark};
use crate::table::{Name, NewBroker, Registered, TopicSettings};

/// Takes note of a broker and its topics (`BrokerRequestProcessor#registerBroker`).
pub(super) fn register(state: &mut State<'_>, request: &Request<'_>) -> Content {
    match enter(state, request) {
        Ok(()) => Content::Success,
        Err(refusal) => refusal.answer(),
    }
}

/// Forgets a broker (`BrokerRequestProcessor#unregisterBroker`); one that is not there is forgotten silently.
pub(super) fn unregister(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let header = match UnregisterBrokerRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let mut buffer = [0u8; Address::MAX_LENGTH];
    let name = name("brokerName", header.broker_name);
    if let (Ok(name), Some(address)) = (name, header.broker_addr.decode_into(&mut buffer))
        && header.broker_id == MASTER_ID
        && state.brokers.unregister(&name, address).is_some()
    {
        state.broker_gone(&name);
    }
    Content::Success
}

fn enter(state: &mut State<'_>, request: &Request<'_>) -> Result<(), Refusal> {
    let header = RegisterBrokerRequestHeader::decode(request.command.ext_fields)?;
    let body = request.command.body;
    // 0 is not checked (`BrokerRequestProcessor#checksum`).
    if let Some(sum) = header.body_crc32.filter(|sum| *sum != 0)
        && sum.cast_unsigned() != (state.config.crc32)(body)
    {
        return Err(refuse("crc32 not match"));
    }
    if header.compressed == Some(true) {
        return Err(refuse("compressed registrations are not supported by this name server"));
    }
    if header.broker_id != MASTER_ID {
        return Err(refuse("only masters, whose brokerId is 0, may register with this name server"));
    }
    let broker = NewBroker {
        name: name("brokerName", header.broker_name)?,
        cluster: name("clusterName", header.cluster_name)?,
        address: address(header.broker_addr)?,
        connection: request.connection,
    };
    if broker.name == state.config.broker_name {
        return Err(refuse("this brokerName is that of the name server itself"));
    }
    let topics = Topics::parse(body)?;
    let (event, now) = (BrokerEvent::BrokerRegistered { name: broker.name.clone() }, state.now);
    match state.brokers.register(now, broker, topics.iter()) {
        Registered::Known => Ok(()),
        Registered::New => {
            state.events.push(event);
            Ok(())
        }
        Registered::NoBroker => Err(full("memory.brokers")),
        Registered::NoTopic => Err(full("memory.broker_topics")),
    }
}

/// The topics that a registration lists; every one of them can be read.
struct Topics<'a> {
    table: Value<'a>,
}

impl<'a> Topics<'a> {
    /// Reads a body (`RegisterBrokerBody`); one that is empty lists no topics.
    fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let root = if body.is_empty() { Value::Null } else { json::parse("registration", body)? };
        let wrapper = root.get("topicConfigSerializeWrapper").unwrap_or(Value::Null);
        let topics = Self { table: wrapper.get("topicConfigTable").unwrap_or(Value::Null) };
        for (key, topic) in topics.table.members() {
            Self::read(key, &topic)?;
        }
        Ok(topics)
    }

    fn iter(&self) -> impl Iterator<Item = (Name, TopicSettings)> + Clone + use<'a> {
        self.table.members().filter_map(|(key, topic)| Self::read(key, &topic).ok())
    }

    fn read(key: Text<'_>, topic: &Value<'_>) -> Result<(Name, TopicSettings), DecodeError> {
        let int = |key: &'static str| topic.get(key).unwrap_or(Value::Null).integer(key, 0);
        let settings = TopicSettings {
            read_queue_nums: int("readQueueNums")?,
            write_queue_nums: int("writeQueueNums")?,
            perm: int("perm")?,
            sys_flag: int("topicSysFlag")?,
        };
        Ok((name("topicName", key)?, settings))
    }
}

fn name(field: &'static str, text: Text<'_>) -> Result<Name, DecodeError> {
    let mut name = Name::new();
    text.copy_to(field, &mut name)?;
    Ok(name)
}

fn address(text: Text<'_>) -> Result<Address, DecodeError> {
    let mut buffer = [0u8; Address::MAX_LENGTH];
    let unknown = DecodeError::new("brokerAddr", DecodeErrorKind::Unknown);
    Address::new(text.decode_into(&mut buffer).ok_or(unknown)?).map_err(|_| unknown)
}

const fn refuse(text: &'static str) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Plain(text))
}

const fn full(setting: &'static str) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Full(setting))
}
