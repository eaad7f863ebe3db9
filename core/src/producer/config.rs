//! The settings of a producer, with the reference's names and defaults.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use heapless::String;

use crate::Rules;
#[cfg(feature = "acl")]
use crate::acl::SessionCredentials;
use crate::engine::Address;
use crate::message::compression::Compressor;
use crate::message::namespace;
use crate::message::validate::{GroupError, GroupErrorKind, GroupLimit, check_group};
use crate::select::MessageQueueSelector;
use crate::send::decision::Policy;
use crate::send::hook::{CheckForbiddenHook, SendMessageHook};
use crate::wire::code::{LanguageCode, ResponseCode, version};
use crate::wire::fields::SerializeType;
use crate::wire::frame::DEFAULT_MAX_FRAME;

/// Most attempts a send can be given.
pub const MAX_ATTEMPTS: u8 = 16;

/// Settings of a producer. [`ProducerConfig::new`] gives the defaults of `DefaultMQProducer`, `ClientConfig` and
/// `NettyClientConfig`; every field may be changed before the producer is made.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "switches of the reference, each by its name there")]
pub struct ProducerConfig<'c> {
    /// The group brokers know the producer by.
    pub producer_group: &'c str,
    /// The client's id, unique among the clients of a cluster. Java makes `<ip>@<pid>#<nanoseconds>`.
    pub client_id: &'c str,
    /// The name servers, at least one. One of them is asked until it fails, then the next.
    pub name_servers: &'c [Address],
    /// The topic whose settings a new topic gets: `TBW102`. Under the rules of 4.x its route stands for that of an unknown
    /// topic too; 5.x always takes the route of `TBW102` for that.
    pub create_topic_key: &'c str,
    /// How many queues a new topic gets at most: 4.
    pub default_topic_queue_nums: i32,
    /// Whether the producer works in unit mode, which brokers keep in a new topic's settings: no.
    pub unit_mode: bool,
    /// The namespace that precedes the names of topics and of the group, `namespace%topic`: none. Java derives it from the
    /// addresses of some name servers, as [`of_endpoint`](crate::message::namespace::of_endpoint) does.
    pub namespace: Option<&'c str>,
    /// The namespace that each request names beside its topic (5.x): none. Name servers and brokers do the rest.
    pub namespace_v2: Option<&'c str>,
    /// Whether each request says that its client wants the brokers' streaming service, as Apache's cloud does it: no. Java's
    /// client id ends with `@STREAM` then.
    pub enable_stream_request_type: bool,
    /// Who signs all requests: nobody.
    #[cfg(feature = "acl")]
    pub session_credentials: Option<SessionCredentials<'c>>,
    /// Whether sends go to a broker's second port, two below the one of its route, which pulls of consumers cannot keep busy
    /// (`com.rocketmq.sendMessageWithVIPChannel`): no.
    pub vip_channel_enabled: bool,
    /// Whether requests have the header with short names (`org.apache.rocketmq.client.sendSmartMsg`): yes. Batches always
    /// have.
    pub send_smart_msg: bool,
    /// Time for a send with all its attempts: 3 s.
    pub send_msg_timeout: Duration,
    /// Attempts after the first, below [`MAX_ATTEMPTS`]: 2.
    pub retry_times_when_send_failed: u8,
    /// The line of the reference that decides: 5.x.
    pub rules: Rules,
    /// Response codes that are tried again beside those of the rules: none.
    pub more_retry_response_codes: &'c [ResponseCode],
    /// Whether a message that was stored, but not flushed or replicated as the broker is configured to, is sent to another
    /// broker too: no.
    pub retry_another_broker_when_not_store_ok: bool,
    /// Whether slow and failing brokers are avoided for a while: no.
    pub send_latency_fault_enable: bool,
    /// Whether brokers that could not be reached are probed until they can be, if they are avoided at all: no. The 4.x line
    /// does not probe.
    pub start_detector_enable: bool,
    /// Time for a broker to answer a probe: 200 ms.
    pub detect_timeout: Duration,
    /// A broker that cannot be reached is probed after: 2 s, which Java rounds up to a multiple of 3 s.
    pub detect_interval: Duration,
    /// Attempts of an asynchronous send after the first, below [`MAX_ATTEMPTS`]: 2.
    pub retry_times_when_send_async_failed: u8,
    /// What compresses bodies: nothing.
    pub compressor: Option<&'c dyn Compressor>,
    /// Bodies of this length and more are compressed, if anything compresses: 4096 bytes. Batches never are.
    pub compress_msg_body_over_howmuch: usize,
    /// What chooses the queue of messages that are sent
    /// [by a selector](crate::producer::SendOptions::by_selector): nothing.
    pub queue_selector: Option<&'c dyn MessageQueueSelector>,
    /// Who may forbid attempts: nobody. One that asks several others stands for Java's list.
    pub check_forbidden_hook: Option<&'c dyn CheckForbiddenHook>,
    /// Who is told of attempts: nobody. One that tells several others stands for Java's list.
    pub send_message_hook: Option<&'c dyn SendMessageHook>,
    /// Largest body in bytes, before it is compressed: 4 MiB.
    pub max_message_size: usize,
    /// How often the routes of known topics are asked for again: 30 s.
    pub poll_name_server_interval: Duration,
    /// How often connected brokers get a heartbeat: 30 s.
    pub heartbeat_broker_interval: Duration,
    /// Time for a name server or broker to answer anything but a send: 3 s.
    pub mq_client_api_timeout: Duration,
    /// Time for a connection to be established: 3 s.
    pub connect_timeout: Duration,
    /// A connection without traffic is closed after: 120 s.
    pub client_channel_max_idle_time: Duration,
    /// Whether a broker that does not answer in time loses its connection: yes.
    pub client_close_socket_if_timeout: bool,
    /// Largest frame in bytes that a peer may send, length word included: 16 MiB, but never more than the memory for
    /// frames.
    pub max_frame_size: usize,
    /// How headers are written: JSON.
    pub serialize_type: SerializeType,
    /// The language that requests name: `RUST`.
    pub language: LanguageCode,
    /// The release that requests name: 5.3.1.
    pub version: i32,
    /// Longest time for an attempt that is not the last one: none, so that a broker that hangs uses up
    /// `send_msg_timeout` (`sendMsgMaxTimeoutPerRequest`, -1 there).
    pub send_msg_max_timeout_per_request: Option<Duration>,
    /// Whether an attempt leaves time for those after it: no. If yes, it may take its even share of what is left of
    /// `send_msg_timeout`, so that a broker that hangs does not use up all of it. The reference has no such setting.
    pub reserve_time_for_retry: bool,
    /// Where the queues of a new publish list are gone through from: anywhere. A number makes a run repeatable
    /// whatever the seed.
    pub first_queue_index: Option<i32>,
    /// The address in `UNIQ_KEY`s.
    pub client_ip: IpAddr,
    /// The process number in `UNIQ_KEY`s.
    pub process_id: u16,
    /// The constant in `UNIQ_KEY`s that tells two producers of a process apart.
    pub loader_hash: u32,
}

impl<'c> ProducerConfig<'c> {
    /// The reference's defaults for a client of `producer_group`.
    pub const fn new(producer_group: &'c str, client_id: &'c str, name_servers: &'c [Address]) -> Self {
        Self {
            producer_group,
            client_id,
            name_servers,
            create_topic_key: AUTO_CREATE_TOPIC,
            default_topic_queue_nums: 4,
            unit_mode: false,
            namespace: None,
            namespace_v2: None,
            enable_stream_request_type: false,
            #[cfg(feature = "acl")]
            session_credentials: None,
            vip_channel_enabled: false,
            send_smart_msg: true,
            send_msg_timeout: Duration::from_secs(3),
            retry_times_when_send_failed: 2,
            retry_times_when_send_async_failed: 2,
            rules: Rules::V5,
            more_retry_response_codes: &[],
            retry_another_broker_when_not_store_ok: false,
            send_latency_fault_enable: false,
            start_detector_enable: false,
            detect_timeout: Duration::from_millis(200),
            detect_interval: Duration::from_secs(2),
            compressor: None,
            compress_msg_body_over_howmuch: 4096,
            queue_selector: None,
            check_forbidden_hook: None,
            send_message_hook: None,
            max_message_size: 4_194_304,
            poll_name_server_interval: Duration::from_secs(30),
            heartbeat_broker_interval: Duration::from_secs(30),
            mq_client_api_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(3),
            client_channel_max_idle_time: Duration::from_mins(2),
            client_close_socket_if_timeout: true,
            max_frame_size: DEFAULT_MAX_FRAME,
            serialize_type: SerializeType::Json,
            language: LanguageCode::RUST,
            // The newest release whose clients are not told to go away by a broker that shuts down.
            version: version::V5_3_1,
            send_msg_max_timeout_per_request: None,
            reserve_time_for_retry: false,
            first_queue_index: None,
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            process_id: 0,
            loader_hash: 0,
        }
    }

    /// What the table of decisions depends on.
    pub(super) const fn policy(&self) -> Policy<'c> {
        Policy {
            retry_another_broker_when_not_store_ok: self.retry_another_broker_when_not_store_ok,
            start_detector_enable: self.start_detector_enable,
            more_retry_response_codes: self.more_retry_response_codes,
        }
    }

    /// The topic that is asked for when nobody has created the one that is sent to.
    pub(super) const fn default_topic(&self) -> &'c str {
        match self.rules {
            Rules::V4 => self.create_topic_key,
            Rules::V5 => AUTO_CREATE_TOPIC,
        }
    }

    /// The group as brokers know it (`DefaultMQProducer#start`).
    pub(super) fn group(&self) -> Result<GroupName, ConfigError<'c>> {
        let limit = GroupLimit::default();
        let error = |kind| ConfigError::ProducerGroup(GroupError { group: self.producer_group, kind });
        check_group(self.producer_group, limit).map_err(ConfigError::ProducerGroup)?;
        let group: GroupName = namespace::wrap(self.namespace, self.producer_group)
            .ok_or_else(|| error(GroupErrorKind::TooLong(limit)))?;
        check_group(&group, limit).map_err(|wrapped| error(wrapped.kind))?;
        Ok(group)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError<'c>> {
        match () {
            () if self.client_id.is_empty() => Err(ConfigError::NoClientId),
            () if self.name_servers.is_empty() => Err(ConfigError::NoNameServer),
            () if self.retry_times_when_send_failed.max(self.retry_times_when_send_async_failed)
                >= MAX_ATTEMPTS =>
            {
                Err(ConfigError::TooManyAttempts)
            }
            () => Ok(()),
        }
    }
}

/// Of the most characters that a group may have.
pub(crate) type GroupName = String<{ GroupLimit::Characters120.characters() }>;

/// `TopicValidator.AUTO_CREATE_TOPIC_KEY_TOPIC`.
const AUTO_CREATE_TOPIC: &str = "TBW102";

/// Why a producer cannot be made of a configuration and memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError<'c> {
    /// The producer group is not a valid name.
    ProducerGroup(GroupError<'c>),
    /// `client_id` is empty.
    NoClientId,
    /// `name_servers` is empty.
    NoNameServer,
    /// `retry_times_when_send_failed` or `retry_times_when_send_async_failed` is not below [`MAX_ATTEMPTS`].
    TooManyAttempts,
    /// There is too little of the memory that is named.
    TooLittleMemory {
        /// The field of [`super::ProducerMemory`].
        what: &'static str,
        /// The least it must have.
        least: usize,
    },
    /// There is more of the memory that is named than can be used.
    TooMuchMemory {
        /// The field of [`super::ProducerMemory`].
        what: &'static str,
        /// The most it may have.
        most: usize,
    },
}

impl fmt::Display for ConfigError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProducerGroup(error) => write!(f, "{error}"),
            Self::NoClientId => f.write_str("client_id is empty"),
            Self::NoNameServer => f.write_str("name_servers is empty: at least one is needed"),
            Self::TooManyAttempts => {
                write!(
                    f,
                    "retry_times_when_send_failed and retry_times_when_send_async_failed must be below {MAX_ATTEMPTS}"
                )
            }
            Self::TooLittleMemory { what, least } => write!(f, "memory for {what}: at least {least} needed"),
            Self::TooMuchMemory { what, most } => write!(f, "memory for {what}: at most {most} can be used"),
        }
    }
}

impl core::error::Error for ConfigError<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field is named, so that a new setting does not compile without its default in the reference.
    #[test]
    fn defaults_are_those_of_the_reference() {
        let ProducerConfig {
            producer_group: _,
            client_id: _,
            name_servers: _,
            // DefaultMQProducer
            create_topic_key: "TBW102",
            default_topic_queue_nums: 4,
            send_msg_timeout,
            compress_msg_body_over_howmuch: 4_096,
            retry_times_when_send_failed: 2,
            retry_times_when_send_async_failed: 2,
            retry_another_broker_when_not_store_ok: false,
            more_retry_response_codes: [],
            max_message_size: 4_194_304,
            send_latency_fault_enable: false,
            start_detector_enable: false,
            send_smart_msg: true,
            // -1 in DefaultMQProducer
            send_msg_max_timeout_per_request: None,
            // ClientConfig
            unit_mode: false,
            namespace: None,
            namespace_v2: None,
            enable_stream_request_type: false,
            vip_channel_enabled: false,
            poll_name_server_interval,
            heartbeat_broker_interval,
            mq_client_api_timeout,
            detect_timeout,
            detect_interval,
            // NettyClientConfig, NettyDecoder and RemotingCommand
            connect_timeout,
            client_channel_max_idle_time,
            client_close_socket_if_timeout: true,
            max_frame_size: 16_777_216,
            serialize_type: SerializeType::Json,
            // What Java has no setting for, or has of itself.
            language: LanguageCode::RUST,
            version: version::V5_3_1,
            rules: Rules::V5,
            compressor: None,
            queue_selector: None,
            check_forbidden_hook: None,
            send_message_hook: None,
            reserve_time_for_retry: false,
            first_queue_index: None,
            client_ip: _,
            process_id: _,
            loader_hash: _,
            #[cfg(feature = "acl")]
                session_credentials: None,
        } = ProducerConfig::new("PG", "c", &[])
        else {
            panic!("a default is not the reference's");
        };
        let times = [
            send_msg_timeout,
            poll_name_server_interval,
            heartbeat_broker_interval,
            mq_client_api_timeout,
            detect_timeout,
            detect_interval,
            connect_timeout,
            client_channel_max_idle_time,
        ];
        let expected = [3_000, 30_000, 30_000, 3_000, 200, 2_000, 3_000, 120_000];
        assert_eq!(times.map(|time| time.as_millis()), expected);
    }

    #[test]
    fn a_configuration_needs_a_group_a_client_id_and_a_name_server() {
        assert_eq!(ProducerConfig::new("PG", "c", &[]).check(), Err(ConfigError::NoNameServer));
        assert_eq!(ProducerConfig::new("PG", "", &[]).check(), Err(ConfigError::NoClientId));
        assert!(matches!(ProducerConfig::new("", "c", &[]).group(), Err(ConfigError::ProducerGroup(_))));
    }
}
