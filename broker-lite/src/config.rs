//! What an integrator decides once, and what can be wrong with it.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use rocketlite_core::Address;
use rocketlite_core::message::crc32;
use rocketlite_core::message::properties::MAX_PROPERTIES_BYTES;
use rocketlite_core::message::stored::{FIXED_BYTES, MAX_TOPIC_BYTES, V6_EXTRA_BYTES};
use rocketlite_core::message::validate::check_broker_topic;
use rocketlite_core::wire::frame::DEFAULT_MAX_FRAME;

use crate::broker::MAX_LEVEL;
use crate::memory::BrokerMemory;
use crate::table::{ClientTable, HeldPullTable, NameIndex};

/// Settings of a [`Broker`](crate::Broker). [`BrokerConfig::new`] gives the reference's defaults.
#[derive(Debug, Clone)]
pub struct BrokerConfig<'m> {
    /// Name of the broker in routes, and a topic: 1 to 127 of `%|-_0-9a-zA-Z` (`brokerName`).
    pub broker_name: &'m str,
    /// Name of the cluster, with the same limits. Default `DefaultCluster` (`brokerClusterName`).
    pub cluster_name: &'m str,
    /// Where clients reach the broker. It stands in routes, records and message ids, so it must not be unspecified
    /// (`brokerIP1`, `listenPort`).
    pub address: SocketAddr,
    /// Name servers to register with. Default none: the broker is its own (`namesrvAddr`).
    pub name_servers: &'m [Address],
    /// Whether sends make new topics. Default true (`autoCreateTopicEnable`).
    pub auto_create_topics: bool,
    /// Queues of the template for new topics, at least 1; a sender's own limit counts too. Default 8
    /// (`defaultTopicQueueNums`).
    pub default_topic_queue_nums: i32,
    /// Longest body in bytes, of a batch too. Default 4 MiB (`maxMessageSize`).
    pub max_message_size: usize,
    /// Largest frame in bytes, its length word included; a larger one closes its connection, and so does one that is
    /// larger than [`BrokerMemory::frames`]. Default 16 MiB (`com.rocketmq.remoting.frameMaxLength`).
    pub max_frame: usize,
    /// What becomes of old messages when the log is full. Default [`WhenFull::Evict`].
    pub when_full: WhenFull,
    /// How long messages are kept at most, room or not; looked at once a second. Default for as long as there is room
    /// (`fileReservedTime`).
    pub retain: Option<Duration>,
    /// Most bytes of the log that messages may take that wait for their time; further ones are refused with
    /// `SERVICE_NOT_AVAILABLE`. They stay when older messages go, so the log must have room for the longest record
    /// beside them. Default a quarter of the log, or what leaves that room.
    pub max_delayed_bytes: Option<usize>,
    /// What send answers and stored messages name as region. Default `DefaultRegion` (`regionId`).
    pub region_id: &'m str,
    /// Whether clients should trace. Default true (`traceOn`).
    pub trace_on: bool,
    /// How often a consumer may fail with a message before it is a dead letter, if the sender names no number.
    /// Default 16 (`SubscriptionGroupConfig#retryMaxTimes`).
    pub retry_max_times: i32,
    /// Whether a consumer group is made when it is first heard of. Default true (`autoCreateSubscriptionGroup`).
    pub auto_create_groups: bool,
    /// Most bytes of messages in the answer to one pull; the first message always goes. Default 256 KiB
    /// (`maxTransferBytesOnMessageInMemory`).
    pub max_pull_bytes: usize,
    /// The longest that a pull may wait for a message, whatever it asks for: clients give up after 30 s. Default 28 s.
    pub max_pull_hold: Duration,
    /// A queue that is consumed in order is free for others when its owner has not renewed its lock for so long.
    /// Default 60 s (`rocketmq.broker.rebalance.lockMaxLiveTime`).
    pub lock_timeout: Duration,
    /// Frames that may wait for one connection, at least 1; then no more requests are taken from it. Default 64.
    pub max_pending: usize,
    /// A connection on which nothing moves for so long is closed. Default 120 s (`serverChannelMaxIdleTimeSeconds`).
    pub idle_timeout: Duration,
    /// A connection whose frame is still incomplete after so long is closed. Default 30 s.
    pub frame_timeout: Duration,
    /// While frames of others wait for memory, a connection is closed whose frame is incomplete and on which nothing has
    /// moved for so long, or whose frame after so long is not on course to be complete within `frame_timeout`. Looked at
    /// once a second. Default 1 s.
    pub stalled_frame_timeout: Duration,
    /// A client without heartbeat for so long is forgotten. Default 120 s
    /// (`ClientHousekeepingService`, `channelExpiredTimeout`).
    pub client_timeout: Duration,
    /// A registered broker that is silent for so long is forgotten. Default 120 s (`DEFAULT_BROKER_CHANNEL_EXPIRED_TIME`).
    pub broker_timeout: Duration,
    /// How often the broker registers, if nothing changes. Default 30 s (`registerNameServerPeriod`).
    pub registration_period: Duration,
    /// How long a name server may take to be connected or to answer. Default 24 s (`registerBrokerTimeoutMills`).
    pub registration_timeout: Duration,
    /// When to connect again to a name server that was lost. Default 3 s.
    pub reconnect_delay: Duration,
    /// For a log that is kept in files: what was written is flushed after so long at the latest. Default 500 ms
    /// (`flushIntervalCommitLog`).
    pub flush_interval: Duration,
    /// For a log that is kept in files: a send that waits for a flush is answered with `FLUSH_DISK_TIMEOUT` after so long.
    /// Looked at once a second. Default 5 s (`syncFlushTimeout`).
    pub flush_timeout: Duration,
    /// For a log that is kept in files: topics, groups, how far they have come and where messages stand are saved when they
    /// have changed for so long. Default 5 s (`flushConsumerOffsetInterval`).
    pub checkpoint_interval: Duration,
    /// For a log that is kept in files: they are also saved after so many bytes of messages, which bounds the time of a
    /// recovery. Default 64 MiB.
    pub max_unsaved_bytes: u64,
    /// Checksum of bodies: CRC-32 without its highest bit. Default [`rocketlite_core::message::crc32`], which is
    /// small; a desktop has faster ones.
    pub crc32: fn(&[u8]) -> u32,
}

impl<'m> BrokerConfig<'m> {
    /// The reference's defaults for a broker of that name that clients reach at `address`.
    pub const fn new(broker_name: &'m str, address: SocketAddr) -> Self {
        Self {
            broker_name,
            cluster_name: "DefaultCluster",
            address,
            name_servers: &[],
            auto_create_topics: true,
            default_topic_queue_nums: 8,
            max_message_size: 4 * 1024 * 1024,
            max_frame: DEFAULT_MAX_FRAME,
            when_full: WhenFull::Evict,
            retain: None,
            max_delayed_bytes: None,
            region_id: "DefaultRegion",
            trace_on: true,
            retry_max_times: 16,
            auto_create_groups: true,
            max_pull_bytes: 256 * 1024,
            max_pull_hold: Duration::from_secs(28),
            lock_timeout: Duration::from_mins(1),
            max_pending: 64,
            idle_timeout: Duration::from_mins(2),
            frame_timeout: Duration::from_secs(30),
            stalled_frame_timeout: Duration::from_secs(1),
            client_timeout: Duration::from_mins(2),
            broker_timeout: Duration::from_mins(2),
            registration_period: Duration::from_secs(30),
            registration_timeout: Duration::from_secs(24),
            reconnect_delay: Duration::from_secs(3),
            flush_interval: Duration::from_millis(500),
            flush_timeout: Duration::from_secs(5),
            checkpoint_interval: Duration::from_secs(5),
            max_unsaved_bytes: 64 * 1024 * 1024,
            crc32,
        }
    }

    /// Bytes of the longest record: the least length of [`BrokerMemory::log`].
    pub const fn max_record(&self, scratch: usize) -> usize {
        let properties = max_properties(scratch);
        (FIXED_BYTES + 2 * V6_EXTRA_BYTES + MAX_TOPIC_BYTES)
            .saturating_add(self.max_message_size)
            .saturating_add(properties)
    }

    /// Bytes that the longest record takes of a log that is kept in files.
    pub(crate) const fn max_span(&self, scratch: usize) -> usize {
        self.max_record(scratch).saturating_add(16)
    }

    /// Bytes of a log that is kept in files that stay free in front of what is new: room for the longest record, and
    /// for what comes while a flush is under way.
    pub(crate) fn margin(&self, capacity: usize, scratch: usize) -> usize {
        self.max_span(scratch).saturating_mul(2).max((capacity / 16).min(MAX_MARGIN))
    }

    /// What a log that is kept in files needs beside what all do.
    pub(crate) fn check_storage(&self, memory: &BrokerMemory<'_>) -> Result<(), ConfigError> {
        self.check_log_in_files(memory.log.len(), memory.scratch.len())
    }

    fn check_log_in_files(&self, log: usize, scratch: usize) -> Result<(), ConfigError> {
        let delayed = self.max_delayed_bytes.unwrap_or(0);
        least("memory.log", log, self.max_span(scratch).saturating_mul(4).saturating_add(delayed))
    }

    /// Whether [`Broker::recover`](crate::Broker::recover) takes this configuration and memory when its log, which is not
    /// looked at, has `log` bytes: for drivers that would make a file for it.
    ///
    /// # Errors
    /// Which setting it does not take.
    pub fn check_for_files(&self, memory: &BrokerMemory<'_>, log: usize) -> Result<(), ConfigError> {
        self.check_names()?;
        self.check_limits()?;
        self.check_log_in_files(log, memory.scratch.len())?;
        self.check_memory(memory, log)
    }

    /// Bytes that messages may take that wait for their time.
    pub(crate) fn delayed_limit(&self, log: usize, scratch: usize) -> usize {
        let most = log.saturating_sub(self.max_record(scratch));
        self.max_delayed_bytes.unwrap_or(log / 4).min(most)
    }

    /// Queues of the topics that are there from the start.
    pub(crate) fn built_in_queues(&self) -> usize {
        let template = if self.auto_create_topics { self.default_topic_queue_nums } else { 0 };
        usize::try_from(template)
            .unwrap_or(0)
            .saturating_add(usize::try_from(CLUSTER_QUEUES + 1 + MAX_LEVEL).unwrap_or(0))
    }

    /// The only gate: settings by themselves, then memory against settings.
    pub(crate) fn check(&self, memory: &BrokerMemory<'_>) -> Result<(), ConfigError> {
        self.check_names()?;
        self.check_limits()?;
        self.check_memory(memory, memory.log.len())
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        for (setting, name) in [("broker_name", self.broker_name), ("cluster_name", self.cluster_name)] {
            if check_broker_topic(name).is_err() || name.len() > MAX_TOPIC_BYTES {
                return Err(ConfigError { setting, problem: ConfigProblem::Name });
            }
        }
        if self.region_id.len() > MAX_REGION_BYTES || self.region_id.bytes().any(|byte| byte < b' ') {
            return Err(ConfigError { setting: "region_id", problem: ConfigProblem::Region });
        }
        if self.address.ip().is_unspecified() || self.address.port() == 0 {
            return Err(ConfigError { setting: "address", problem: ConfigProblem::Unspecified });
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let queues = usize::try_from(self.default_topic_queue_nums).unwrap_or(0);
        least("default_topic_queue_nums", queues, 1)?;
        least("max_message_size", self.max_message_size, 1)?;
        least("max_pending", self.max_pending, 1)?;
        for (setting, span) in [
            ("idle_timeout", self.idle_timeout),
            ("frame_timeout", self.frame_timeout),
            ("stalled_frame_timeout", self.stalled_frame_timeout),
            ("client_timeout", self.client_timeout),
            ("lock_timeout", self.lock_timeout),
            ("broker_timeout", self.broker_timeout),
            ("registration_period", self.registration_period),
            ("registration_timeout", self.registration_timeout),
            ("reconnect_delay", self.reconnect_delay),
            ("flush_interval", self.flush_interval),
            ("flush_timeout", self.flush_timeout),
            ("checkpoint_interval", self.checkpoint_interval),
        ] {
            least(setting, usize::try_from(span.as_millis()).unwrap_or(usize::MAX), 1)?;
        }
        Ok(())
    }

    fn check_memory(&self, memory: &BrokerMemory<'_>, given_log: usize) -> Result<(), ConfigError> {
        let properties = max_properties(memory.scratch.len());
        let frame = self.max_message_size.saturating_add(properties).saturating_add(MAX_HEADER_BYTES);
        least("memory.scratch", memory.scratch.len(), MIN_SCRATCH)?;
        let delayed = self.max_delayed_bytes.unwrap_or(0);
        let log = self.max_record(memory.scratch.len()).saturating_add(delayed);
        least("memory.log", given_log, log)?;
        least("max_frame", self.max_frame, frame)?;
        least("memory.frames", memory.frames.len(), frame)?;
        least("memory.frame_extents", memory.frame_extents.len(), 1)?;
        least("memory.connections", memory.connections.len(), self.name_servers.len().saturating_add(1))?;
        least("memory.partial", memory.partial.len(), memory.connections.len())?;
        least("memory.outgoing", memory.outgoing.len(), self.name_servers.len().saturating_add(1))?;
        least("memory.name_servers", memory.name_servers.len(), self.name_servers.len())?;
        least("memory.topics", memory.topics.len(), BUILT_IN_TOPICS)?;
        least("memory.topic_index", memory.topic_index.len(), NameIndex::least_memory(memory.topics.len()))?;
        least("memory.queues", memory.queues.len(), self.built_in_queues())?;
        least(
            "memory.client_index",
            memory.client_index.len(),
            ClientTable::least_index(memory.clients.len()),
        )?;
        for (setting, words, entries) in [
            ("memory.broker_topic_index", memory.broker_topic_index.len(), memory.broker_topics.len()),
            ("memory.group_index", memory.group_index.len(), memory.groups.len()),
            ("memory.subscription_index", memory.subscription_index.len(), memory.subscriptions.len()),
            ("memory.offset_index", memory.offset_index.len(), memory.offsets.len()),
            ("memory.lock_index", memory.lock_index.len(), memory.locks.len()),
        ] {
            least(setting, words, NameIndex::least_memory(entries))?;
        }
        let held = HeldPullTable::least_index(memory.held_pulls.len());
        least("memory.held_pull_index", memory.held_pull_index.len(), held)?;
        // A batch may begin a piece of its queue's index with each 16 of its messages.
        least("memory.index", memory.index.len(), 2)
    }
}

/// Bytes that properties may have after everything the broker added: half of the scratch memory holds them as they came,
/// the other half as they are stored.
pub(crate) const fn max_properties(scratch: usize) -> usize {
    if scratch / 2 < MAX_PROPERTIES_BYTES { scratch / 2 } else { MAX_PROPERTIES_BYTES }
}

/// More needs no margin, however large the log is.
const MAX_MARGIN: usize = 16 * 1024 * 1024;

/// Queues of the topic with the cluster's name (`TopicConfigManager`).
pub(crate) const CLUSTER_QUEUES: i32 = 16;

/// The template, the cluster's and the broker's topic, and that of messages that wait for their time.
const BUILT_IN_TOPICS: usize = 4;

/// Room for a send's header beside its properties: names, numbers, and the escapes of a JSON header.
const MAX_HEADER_BYTES: usize = 1024;

/// Room for what the broker itself adds to properties, twice.
const MIN_SCRATCH: usize = 1024;

const MAX_REGION_BYTES: usize = 64;

const fn least(setting: &'static str, given: usize, least: usize) -> Result<(), ConfigError> {
    if given < least {
        return Err(ConfigError { setting, problem: ConfigProblem::TooSmall { given, least } });
    }
    Ok(())
}

/// What becomes of old messages when the log is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "they go or they stay")]
pub enum WhenFull {
    /// The oldest go.
    #[default]
    Evict,
    /// They stay, and new ones are refused with `SERVICE_NOT_AVAILABLE`.
    Refuse,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfigError {
    /// The field of [`BrokerConfig`], or of [`BrokerMemory`] with `memory.` before it.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: ConfigProblem,
}

/// What can be wrong with a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigProblem {
    /// A number, or a length of memory, that is too small; spans count in milliseconds.
    TooSmall {
        /// What it is.
        given: usize,
        /// What it must be at least.
        least: usize,
    },
    /// A name that cannot be a topic's.
    Name,
    /// A region that cannot stand in a message's properties.
    Region,
    /// An address that no client can reach.
    Unspecified,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = self.setting;
        match self.problem {
            ConfigProblem::TooSmall { given, least } => {
                write!(f, "{setting} is {given}, must be at least {least}")
            }
            ConfigProblem::Name => {
                write!(
                    f,
                    "{setting} must have 1 to {MAX_TOPIC_BYTES} characters, allowed are %|-_ 0-9 a-z A-Z"
                )
            }
            ConfigProblem::Region => {
                write!(f, "{setting} must have at most {MAX_REGION_BYTES} bytes and no control characters")
            }
            ConfigProblem::Unspecified => {
                write!(f, "{setting} must be an address and port that clients can reach")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
