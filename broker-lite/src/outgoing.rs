//! Frames to send, as values: what to say, but not yet said. Only [`Broker::poll_transmit`](crate::Broker) turns
//! them into bytes, straight in the driver's buffer and as often as the buffer has to be filled.
//!
//! So a frame has to come out the same each time until its last byte is handed out. What it is made of is either
//! part of the value, or can be told to have changed.

mod cluster;
mod found;
mod pulled;
mod registration;
mod remark;

use core::net::SocketAddr;

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::stored;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::{LanguageCode, RequestCode, ResponseCode, version};
use rocketlite_core::wire::command::{CommandHead, FLAG_ONE_WAY, FLAG_RESPONSE, FrameEncoder};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::{FieldWriter, SerializeType};
use rocketlite_core::wire::header::{
    EarliestStoreTimeResponseHeader, NotifyConsumerIdsChangedRequestHeader, QueueOffsetResponseHeader,
    RegisterBrokerRequestHeader, SendMessageResponseHeader, UnregisterBrokerRequestHeader,
};
use rocketlite_core::wire::route::{MASTER_ID, RouteEntry, put_topic_route};
use rocketlite_core::{Address, Arena, Extent, Instant, SlotId};

use crate::config::BrokerConfig;
use crate::log::CommitLog;
use crate::table::{BrokerTable, GroupName, Name, TopicTable};

pub(crate) use found::Found;
pub(crate) use pulled::{MAX_PULL_MESSAGES, PullStatus, Pulled};
pub(crate) use registration::{put_data_version, put_topic, put_topic_table};
pub(crate) use remark::Remark;
use remark::RemarkText;

/// A frame that waits to be sent. A driver only makes room for it.
#[derive(Debug)]
pub struct Outgoing {
    /// The frame after it on the same connection.
    pub(crate) next: Option<SlotId>,
    pub(crate) serialize_type: SerializeType,
    pub(crate) opaque: i32,
    pub(crate) content: Content,
    /// What has to be on the disk before it may go.
    pub(crate) wait: Wait,
}

/// What an answer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wait {
    #[default]
    Nothing,
    /// The log up to this physical offset, as the settings say.
    Stored { end: u64, since: Instant },
    /// The log up to this physical offset, written but not flushed.
    Written { end: u64, since: Instant },
    /// The checkpoint of this number.
    Saved { checkpoint: u64, since: Instant },
}

impl Wait {
    /// Since when.
    pub(crate) const fn since(self) -> Option<Instant> {
        match self {
            Self::Nothing => None,
            Self::Stored { since, .. } | Self::Written { since, .. } | Self::Saved { since, .. } => {
                Some(since)
            }
        }
    }
}

/// What a frame says.
#[derive(Debug)]
pub(crate) enum Content {
    /// The answer that has nothing to say.
    Success,
    /// An error. Those of sends carry the broker's region, as in `SendMessageProcessor#preSend`.
    Failure {
        code: ResponseCode,
        remark: Remark,
        /// The topic asked for, cut if it is too long to be one.
        topic: Name,
        of_send: bool,
    },
    /// Messages were stored one after another, in the queue and in the log.
    Sent { queue_id: i32, queue_offset: i64, physical_offset: u64, messages: u32, code: ResponseCode },
    /// Where a topic is. As long as the registered brokers have this version, it says the same.
    Route { topic: Name, version: u32 },
    /// The brokers of all clusters, with the same limit.
    Cluster { version: u32 },
    /// A stored message.
    Record { physical_offset: u64, size: usize },
    /// The answer to a pull.
    Pulled(Pulled),
    /// The answer to a query by key.
    Found(Found),
    /// A queue offset.
    QueueOffset(i64),
    /// A time in milliseconds since 1970.
    StoreTime(i64),
    /// A body that was made when the request came.
    Made { body: Extent },
    /// A request: this broker has these topics. As long as they have this version, they are the same.
    RegisterBroker { version: u32 },
    /// A request: the members of a consumer group changed.
    ConsumersChanged { group: GroupName },
    /// A request: this broker ends.
    UnregisterBroker,
}

/// What frames are made of.
#[derive(Debug)]
pub(crate) struct Sources<'s, 'm> {
    pub(crate) config: &'s BrokerConfig<'m>,
    pub(crate) address: &'s Address,
    pub(crate) log: &'s CommitLog<'m>,
    pub(crate) topics: &'s TopicTable<'m>,
    pub(crate) brokers: &'s BrokerTable<'m>,
    pub(crate) bodies: &'s Arena<'m>,
    /// When the broker started, in milliseconds since 1970.
    pub(crate) started: i64,
    /// The other end of the connection, if it connected itself.
    pub(crate) peer: Option<SocketAddr>,
}

impl<'s> Sources<'s, '_> {
    /// Where `topic` is: here, and at the brokers that registered.
    pub(crate) fn routes(&self, topic: &str) -> impl Iterator<Item = RouteEntry<'s>> + Clone {
        let own = self.topics.find(topic).and_then(|id| self.topics.get(id)).map(|topic| RouteEntry {
            cluster: self.config.cluster_name,
            broker_name: self.config.broker_name,
            address: self.address.as_str(),
            read_queue_nums: topic.read_queue_nums(),
            write_queue_nums: topic.write_queue_nums(),
            perm: topic.perm(),
            topic_sys_flag: topic.sys_flag(),
        });
        let registered = self.brokers.routes(topic).map(|(broker, settings)| RouteEntry {
            cluster: broker.cluster(),
            broker_name: broker.name(),
            address: broker.address().as_str(),
            read_queue_nums: settings.read_queue_nums,
            write_queue_nums: settings.write_queue_nums,
            perm: settings.perm,
            topic_sys_flag: settings.sys_flag,
        });
        own.into_iter().chain(registered)
    }
}

impl Outgoing {
    /// A frame with `content`, an answer to the request `opaque` or that request.
    pub(crate) const fn new(serialize_type: SerializeType, opaque: i32, content: Content) -> Self {
        Self { next: None, serialize_type, opaque, content, wait: Wait::Nothing }
    }

    /// Whether the frame still comes out as it did when its first byte was written.
    pub(crate) fn is_intact(&self, from: &Sources<'_, '_>) -> bool {
        match &self.content {
            Content::Route { version, .. } | Content::Cluster { version } => {
                *version == from.brokers.version()
            }
            Content::RegisterBroker { version } => *version == from.topics.version(),
            Content::Pulled(pulled) => pulled.is_intact(from),
            Content::Found(found) => found.is_intact(from),
            Content::Sent { messages: 0 | 1, .. } => true,
            Content::Record { physical_offset, .. } | Content::Sent { physical_offset, .. } => {
                *physical_offset >= from.log.min_offset()
            }
            _ => true,
        }
    }

    /// Writes the frame.
    pub(crate) fn encode(&self, from: &Sources<'_, '_>, writer: &mut Writer<'_>) {
        let mut remark_text = heapless::String::<{ Remark::MAX_LENGTH }>::new();
        let (code, flag) = match &self.content {
            Content::Failure { code, remark, topic, .. } => {
                // A text that is too long is cut; none that the broker makes is.
                let _ = core::fmt::write(
                    &mut remark_text,
                    format_args!("{}", RemarkText { remark, topic, from }),
                );
                (code.0, FLAG_RESPONSE)
            }
            Content::Sent { code, .. } => (code.0, FLAG_RESPONSE),
            Content::RegisterBroker { .. } => (RequestCode::REGISTER_BROKER.0, 0),
            Content::UnregisterBroker => (RequestCode::UNREGISTER_BROKER.0, 0),
            Content::ConsumersChanged { .. } => (RequestCode::NOTIFY_CONSUMER_IDS_CHANGED.0, FLAG_ONE_WAY),
            Content::Found(found) if found.is_empty() => {
                let _ = remark_text.push_str(Found::NOTHING);
                (ResponseCode::QUERY_NOT_FOUND.0, FLAG_RESPONSE)
            }
            Content::Pulled(pulled) => {
                let _ = remark_text.push_str(pulled.status.name());
                (pulled.status.code().0, FLAG_RESPONSE)
            }
            _ => (ResponseCode::SUCCESS.0, FLAG_RESPONSE),
        };
        let mut frame = FrameEncoder::begin(
            writer,
            CommandHead {
                serialize_type: self.serialize_type,
                code,
                language: LanguageCode::RUST,
                version: BROKER_VERSION,
                opaque: self.opaque,
                flag,
                remark: (!remark_text.is_empty()).then(|| Text::from(remark_text.as_str())),
            },
        );
        self.content.put_fields(from, &mut frame.fields());
        let mut body = frame.body();
        self.content.put_body(from, body.writer());
        body.finish();
    }
}

/// The release that answers name: clients choose by it what they ask for.
pub(crate) const BROKER_VERSION: i32 = version::V5_4_0;

impl Content {
    /// Whether what it says depends on what the broker knows when it is sent.
    pub(crate) const fn may_change(&self) -> bool {
        matches!(
            self,
            Self::Route { .. }
                | Self::Cluster { .. }
                | Self::RegisterBroker { .. }
                | Self::Record { .. }
                | Self::Pulled(_)
                | Self::Found(_)
                | Self::Sent { .. }
        )
    }

    /// The memory that it takes beside its own.
    pub(crate) const fn body(&self) -> Extent {
        match self {
            Self::Made { body } => *body,
            Self::Found(found) => found.places,
            _ => Extent::EMPTY,
        }
    }

    /// Before the first byte is written: what is no longer there is not promised.
    pub(crate) fn prepare(&mut self, from: &Sources<'_, '_>) {
        match self {
            Self::Route { version, topic } => {
                *version = from.brokers.version();
                if from.routes(topic).next().is_none() {
                    let (code, remark) = (ResponseCode::TOPIC_NOT_EXIST, Remark::NoRoute);
                    let topic = core::mem::take(topic);
                    *self = Self::Failure { code, remark, topic, of_send: false };
                }
            }
            Self::Cluster { version } => *version = from.brokers.version(),
            Self::RegisterBroker { version } => *version = from.topics.version(),
            Self::Pulled(pulled) => pulled.prepare(from),
            Self::Found(found) => found.prepare(from),
            Self::Record { physical_offset, .. } if *physical_offset < from.log.min_offset() => {
                let remark = Remark::NoMessage(i64::try_from(*physical_offset).unwrap_or(i64::MAX));
                *self = Self::Failure {
                    code: ResponseCode::SYSTEM_ERROR,
                    remark,
                    topic: Name::new(),
                    of_send: false,
                };
            }
            // They were stored, and that is what matters; the ids of evicted messages lead nowhere.
            Self::Sent { physical_offset, messages, .. } if *physical_offset < from.log.min_offset() => {
                *messages = 1;
            }
            _ => {}
        }
    }

    fn put_fields(&self, from: &Sources<'_, '_>, fields: &mut FieldWriter<'_, '_>) {
        let config = from.config;
        match self {
            Self::Failure { of_send: true, .. } => {
                fields.text("MSG_REGION", config.region_id.into());
                fields.bool("TRACE_ON", config.trace_on);
            }
            Self::Sent { queue_id, queue_offset, physical_offset, messages, .. } => {
                fields.value("msgId", &mut |writer, _| put_ids(from, writer, *physical_offset, *messages));
                let header = SendMessageResponseHeader {
                    msg_id: None,
                    queue_id: *queue_id,
                    queue_offset: *queue_offset,
                    transaction_id: None,
                    batch_uniq_id: None,
                    recall_handle: None,
                    region_id: Some(config.region_id.into()),
                    trace_on: Some(if config.trace_on { "true" } else { "false" }.into()),
                };
                header.encode(fields);
            }
            Self::Pulled(pulled) => pulled.header().encode(fields),
            Self::Found(found) => found.header().encode(fields),
            Self::QueueOffset(offset) => QueueOffsetResponseHeader { offset: *offset }.encode(fields),
            Self::StoreTime(timestamp) => {
                EarliestStoreTimeResponseHeader { timestamp: *timestamp }.encode(fields);
            }
            Self::ConsumersChanged { group } => {
                let consumer_group = group.as_str().into();
                NotifyConsumerIdsChangedRequestHeader { consumer_group }.encode(fields);
            }
            Self::RegisterBroker { .. } => {
                let header = RegisterBrokerRequestHeader {
                    broker_name: config.broker_name.into(),
                    broker_addr: from.address.as_str().into(),
                    cluster_name: config.cluster_name.into(),
                    // Empty text would be null in a binary header, and the name server wants one.
                    ha_server_addr: Some(from.address.as_str().into()),
                    broker_id: MASTER_ID,
                    compressed: Some(false),
                    // 0 is not checked. The sum would need the whole body before its first byte.
                    body_crc32: Some(0),
                };
                header.encode(fields);
            }
            Self::UnregisterBroker => {
                let header = UnregisterBrokerRequestHeader {
                    broker_name: config.broker_name.into(),
                    broker_addr: from.address.as_str().into(),
                    cluster_name: config.cluster_name.into(),
                    broker_id: MASTER_ID,
                };
                header.encode(fields);
            }
            _ => {}
        }
    }

    fn put_body(&self, from: &Sources<'_, '_>, writer: &mut Writer<'_>) {
        match self {
            Self::Route { topic, .. } => put_topic_route(writer, from.routes(topic)),
            Self::Cluster { .. } => cluster::put_cluster_info(writer, from),
            Self::Record { physical_offset, size } => {
                writer.put(from.log.bytes(*physical_offset, *size).unwrap_or_default());
            }
            Self::Pulled(pulled) => pulled.put_records(writer, from),
            Self::Found(found) => found.put_records(writer, from),
            Self::Made { body } => writer.put(from.bodies.get(*body)),
            Self::RegisterBroker { .. } => registration::put_topics(writer, from),
            _ => {}
        }
    }
}

/// The offset message ids of messages that were stored one after another, joined by commas
/// (`MessageExtBrokerInner` batches, `CommitLog.DefaultAppendMessageCallback#doAppend`).
fn put_ids(from: &Sources<'_, '_>, writer: &mut Writer<'_>, first: u64, messages: u32) {
    let mut next = first;
    for message in 0..messages {
        if message > 0 {
            writer.put_u8(b',');
        }
        let physical_offset = i64::try_from(next).unwrap_or(i64::MAX);
        OffsetMessageId { store_host: from.config.address, physical_offset }.write_to(writer);
        if messages > 1 {
            let size = from.log.bytes(next, 4).and_then(|bytes| stored::record_size(bytes).ok().flatten());
            let span = size.map_or(0, |size| from.log.span(size));
            next = next.saturating_add(u64::try_from(span).unwrap_or(0));
        }
    }
}
