//! The settings of an async producer, with the reference's names and defaults.

mod start;

pub use start::StartError;

use core::time::Duration;
use std::sync::Arc;

use rocketlite_core::Rules;
#[cfg(feature = "compress")]
use rocketlite_core::message::compression::CompressionType;
use rocketlite_core::wire::fields::SerializeType;

use super::host::{Limits, Names};
use super::{CheckForbiddenHook, MessageQueueSelector, SendMessageHook};

/// Describes a [`Producer`](super::Producer); every setting has the default of `DefaultMQProducer`.
#[derive(Debug, Clone)]
#[must_use]
pub struct ProducerBuilder {
    producer_group: String,
    namesrv_addr: String,
    instance_name: Option<String>,
    unit_name: Option<String>,
    topics: Vec<String>,
    names: Names,
    send_msg_timeout: Option<Duration>,
    retry_times_when_send_failed: Option<u8>,
    retry_times_when_send_async_failed: Option<u8>,
    rules: Option<Rules>,
    retry_another_broker_when_not_store_ok: Option<bool>,
    send_latency_fault_enable: Option<bool>,
    start_detector_enable: Option<bool>,
    send_msg_max_timeout_per_request: Option<Duration>,
    reserve_time_for_retry: Option<bool>,
    compress_msg_body_over_howmuch: Option<usize>,
    max_message_size: Option<usize>,
    default_topic_queue_nums: Option<i32>,
    unit_mode: Option<bool>,
    enable_stream_request_type: Option<bool>,
    send_smart_msg: Option<bool>,
    vip_channel_enabled: Option<bool>,
    poll_name_server_interval: Option<Duration>,
    heartbeat_broker_interval: Option<Duration>,
    mq_client_api_timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    serialize_type: Option<SerializeType>,
    limits: Limits,
}

impl ProducerBuilder {
    pub(super) fn new(producer_group: String) -> Self {
        Self {
            producer_group,
            namesrv_addr: String::new(),
            instance_name: None,
            unit_name: None,
            topics: Vec::new(),
            names: Names::default(),
            send_msg_timeout: None,
            retry_times_when_send_failed: None,
            retry_times_when_send_async_failed: None,
            rules: None,
            retry_another_broker_when_not_store_ok: None,
            send_latency_fault_enable: None,
            start_detector_enable: None,
            send_msg_max_timeout_per_request: None,
            reserve_time_for_retry: None,
            compress_msg_body_over_howmuch: None,
            max_message_size: None,
            default_topic_queue_nums: None,
            unit_mode: None,
            enable_stream_request_type: None,
            send_smart_msg: None,
            vip_channel_enabled: None,
            poll_name_server_interval: None,
            heartbeat_broker_interval: None,
            mq_client_api_timeout: None,
            connect_timeout: None,
            serialize_type: None,
            limits: Limits {
                connections: 64,
                topics: 256,
                queues_per_topic: 512,
                brokers: 128,
                in_flight: 256,
                body_bytes: 16 << 20,
                frame_bytes: 4 << 20,
            },
        }
    }

    /// The name servers, `host:port`, separated by `;`: by default those of the environment variable `NAMESRV_ADDR`.
    pub fn namesrv_addr(mut self, addresses: impl Into<String>) -> Self {
        self.namesrv_addr = addresses.into();
        self
    }

    /// The part of the client id after the `@`; by default it is unique.
    pub fn instance_name(mut self, name: impl Into<String>) -> Self {
        self.instance_name = Some(name.into());
        self
    }

    /// Time for a send with all its attempts: 3 s.
    pub const fn send_msg_timeout(mut self, timeout: Duration) -> Self {
        self.send_msg_timeout = Some(timeout);
        self
    }

    /// Attempts after the first: 2.
    pub const fn retry_times_when_send_failed(mut self, times: u8) -> Self {
        self.retry_times_when_send_failed = Some(times);
        self
    }

    /// Attempts of [`Producer::send_async`](super::Producer::send_async) after the first: 2.
    pub const fn retry_times_when_send_async_failed(mut self, times: u8) -> Self {
        self.retry_times_when_send_async_failed = Some(times);
        self
    }

    /// Which line of the reference decides where its lines differ: 5.x.
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// Whether a message that was stored, but not as safely as configured, is sent to another broker too: no.
    pub const fn retry_another_broker_when_not_store_ok(mut self, retry: bool) -> Self {
        self.retry_another_broker_when_not_store_ok = Some(retry);
        self
    }

    /// Whether brokers that were slow or failed are avoided for a while: no.
    pub const fn send_latency_fault_enable(mut self, enable: bool) -> Self {
        self.send_latency_fault_enable = Some(enable);
        self
    }

    /// Whether brokers that could not be reached are probed until they can: no.
    pub const fn start_detector_enable(mut self, enable: bool) -> Self {
        self.start_detector_enable = Some(enable);
        self
    }

    /// Longest time for an attempt that is not the last one: none.
    pub const fn send_msg_max_timeout_per_request(mut self, timeout: Duration) -> Self {
        self.send_msg_max_timeout_per_request = Some(timeout);
        self
    }

    /// Whether an attempt leaves an even share of the time for those after it: no, so that a broker that hangs uses up
    /// `send_msg_timeout`, as in Java.
    pub const fn reserve_time_for_retry(mut self, reserve: bool) -> Self {
        self.reserve_time_for_retry = Some(reserve);
        self
    }

    /// Bodies of this length and more are compressed: 4096 bytes. Batches never are.
    #[cfg(feature = "compress")]
    pub const fn compress_msg_body_over_howmuch(mut self, bytes: usize) -> Self {
        self.compress_msg_body_over_howmuch = Some(bytes);
        self
    }

    /// How bodies are compressed: zlib, the only kind that consumers older than 4.9.4 read.
    #[cfg(feature = "compress")]
    pub const fn compress_type(mut self, compress_type: CompressionType) -> Self {
        self.names.compressor.compress_type = compress_type;
        self
    }

    /// The level of zlib, 0 to 9: 5. The other kinds have only one.
    #[cfg(feature = "compress")]
    pub const fn compress_level(mut self, level: u32) -> Self {
        self.names.compressor.compress_level = level;
        self
    }

    /// What chooses the queue of messages that are sent by [`SendOptions::by_selector`](super::SendOptions::by_selector):
    /// nothing. It is called while the producer's other callers wait, so it must not block.
    pub fn queue_selector(mut self, selector: impl MessageQueueSelector + Send + 'static) -> Self {
        self.names.extensions.queue_selector = Some(Arc::new(selector));
        self
    }

    /// Who may forbid attempts: nobody. It must not block.
    pub fn check_forbidden_hook(mut self, hook: impl CheckForbiddenHook + Send + 'static) -> Self {
        self.names.extensions.check_forbidden_hook = Some(Arc::new(hook));
        self
    }

    /// Who is told of attempts: nobody. It must not block.
    pub fn send_message_hook(mut self, hook: impl SendMessageHook + Send + 'static) -> Self {
        self.names.extensions.send_message_hook = Some(Arc::new(hook));
        self
    }

    /// Largest body in bytes, before it is compressed: 4 MiB.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = Some(bytes);
        self
    }

    /// The topic whose settings a new topic gets: `TBW102`.
    pub fn create_topic_key(mut self, topic: impl Into<String>) -> Self {
        self.names.create_topic_key = Some(topic.into());
        self
    }

    /// How many queues a new topic gets at most: 4.
    pub const fn default_topic_queue_nums(mut self, queues: i32) -> Self {
        self.default_topic_queue_nums = Some(queues);
        self
    }

    /// Whether the producer works in unit mode: no.
    pub const fn unit_mode(mut self, unit_mode: bool) -> Self {
        self.unit_mode = Some(unit_mode);
        self
    }

    /// The unit's name, which becomes a part of the client id: none.
    pub fn unit_name(mut self, name: impl Into<String>) -> Self {
        self.unit_name = Some(name.into());
        self
    }

    /// Whether each request says that its client wants a streaming service (5.x): no.
    pub const fn enable_stream_request_type(mut self, enable: bool) -> Self {
        self.enable_stream_request_type = Some(enable);
        self
    }

    /// Topics whose routes are asked for at the start, so that the first message need not wait for its route: none.
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics = topics.into_iter().map(Into::into).collect();
        self
    }

    /// Whether requests have the header with short names: yes. Only ancient brokers need the long ones.
    pub const fn send_smart_msg(mut self, smart: bool) -> Self {
        self.send_smart_msg = Some(smart);
        self
    }

    /// The namespace that precedes the names of topics and of the group: the one that the name servers' address contains if
    /// it is that of a cloud's instance, otherwise none.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.names.namespace = Some(namespace.into());
        self
    }

    /// The namespace that each request names beside its topic (5.x): none.
    pub fn namespace_v2(mut self, namespace: impl Into<String>) -> Self {
        self.names.namespace_v2 = Some(namespace.into());
        self
    }

    /// The account that signs all requests: none. It needs a [`secret_key`](Self::secret_key) too.
    #[cfg(feature = "acl")]
    pub fn access_key(mut self, access_key: impl Into<String>) -> Self {
        self.names.account.access_key = Some(access_key.into());
        self
    }

    /// The account's secret.
    #[cfg(feature = "acl")]
    pub fn secret_key(mut self, secret_key: impl Into<String>) -> Self {
        self.names.account.secret_key = Some(secret_key.into());
        self
    }

    /// The token of the account's session, if it has one.
    #[cfg(feature = "acl")]
    pub fn security_token(mut self, security_token: impl Into<String>) -> Self {
        self.names.account.security_token = Some(security_token.into());
        self
    }

    /// Whether sends go to a broker's second port, two below its first: no.
    pub const fn vip_channel_enabled(mut self, enabled: bool) -> Self {
        self.vip_channel_enabled = Some(enabled);
        self
    }

    /// How often routes are asked for again: 30 s.
    pub const fn poll_name_server_interval(mut self, interval: Duration) -> Self {
        self.poll_name_server_interval = Some(interval);
        self
    }

    /// How often connected brokers get a heartbeat: 30 s.
    pub const fn heartbeat_broker_interval(mut self, interval: Duration) -> Self {
        self.heartbeat_broker_interval = Some(interval);
        self
    }

    /// Time for an answer to anything but a send: 3 s.
    pub const fn mq_client_api_timeout(mut self, timeout: Duration) -> Self {
        self.mq_client_api_timeout = Some(timeout);
        self
    }

    /// Time for a connection to be established: 3 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// How headers are written: JSON.
    pub const fn serialize_type(mut self, serialize_type: SerializeType) -> Self {
        self.serialize_type = Some(serialize_type);
        self
    }

    /// Sends in flight at a time, 1 to 16384: 256. Further callers wait.
    pub const fn max_in_flight(mut self, sends: usize) -> Self {
        self.limits.in_flight = sends;
        self
    }

    /// Bytes for bodies and properties of the sends in flight: 16 MiB. A message must fit in.
    pub const fn body_memory(mut self, bytes: usize) -> Self {
        self.limits.body_bytes = bytes;
        self
    }

    /// Connections at a time, 2 to 16384: 64. The one idle longest makes room for another.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections;
        self
    }

    /// Topics sent to at a time, 1 to 16384: 256. One without sends in flight makes room for another.
    pub const fn max_topics(mut self, topics: usize) -> Self {
        self.limits.topics = topics;
        self
    }

    /// Queues a topic may have: 512.
    pub const fn max_queues_per_topic(mut self, queues: usize) -> Self {
        self.limits.queues_per_topic = queues;
        self
    }

    /// Brokers that all routes together may name: 128.
    pub const fn max_brokers(mut self, brokers: usize) -> Self {
        self.limits.brokers = brokers;
        self
    }
}
