//! The settings of a broker, with the reference's names and defaults where it has them.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
#[cfg(all(feature = "data", unix))]
use std::path::PathBuf;

use rocketlite_broker::{BrokerConfig, FlushPolicy, WhenFull};
use tokio::net::{TcpListener, TcpSocket};

use super::Broker;
#[cfg(all(feature = "data", unix))]
use super::files::OpenFiles;
use super::host::{BrokerHost, Limits, Names};
use crate::clock::{Clock, seed};
use crate::drive::Driver;
use crate::name_servers::{self, NameServerError};
#[cfg(all(feature = "data", unix))]
use crate::store::OpenError;

/// Describes a [`Broker`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BrokerBuilder {
    listen: SocketAddr,
    advertise: Option<SocketAddr>,
    names: Names,
    namesrv_addr: String,
    when_full: WhenFull,
    retain: Option<Duration>,
    max_delayed_bytes: Option<usize>,
    auto_create_topic_enable: bool,
    default_topic_queue_nums: i32,
    max_message_size: usize,
    max_pending: usize,
    timeouts: Timeouts,
    limits: Limits,
    #[cfg(all(feature = "data", unix))]
    data: Option<PathBuf>,
    flush: FlushPolicy,
    flush_interval: Duration,
}

/// How long peers may take.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    idle: Duration,
    frame: Duration,
    stalled_frame: Duration,
}

/// Room for a frame's header beside the largest body.
const HEADER_ROOM: usize = 128 * 1024;

impl BrokerBuilder {
    pub(super) fn new() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertise: None,
            names: Names {
                broker_name: "broker-a".into(),
                cluster_name: "DefaultCluster".into(),
                name_servers: Vec::new(),
            },
            namesrv_addr: String::new(),
            when_full: WhenFull::Evict,
            retain: None,
            max_delayed_bytes: None,
            auto_create_topic_enable: true,
            default_topic_queue_nums: 8,
            max_message_size: 4 << 20,
            max_pending: 64,
            timeouts: Timeouts {
                idle: Duration::from_mins(2),
                frame: Duration::from_secs(30),
                stalled_frame: Duration::from_secs(1),
            },
            limits: Limits {
                log_bytes: 64 << 20,
                frame_bytes: 16 << 20,
                connections: 1_024,
                pending_responses: 8_192,
                topics: 1_024,
                queues: 8_192,
                clients: 2_048,
                consumer_groups: 1_024,
                subscriptions: 2_048,
                consumer_offsets: 16_384,
                queue_locks: 4_096,
                held_pulls: 4_096,
                indexed_keys: 262_144,
                answer_bytes: 4 << 20,
                registered_brokers: 16,
            },
            #[cfg(all(feature = "data", unix))]
            data: None,
            flush: FlushPolicy::Async,
            flush_interval: Duration::from_millis(500),
        }
    }

    /// Where to listen: by default a free port of the loopback interface.
    pub const fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where clients reach the broker, if that is not where it listens. It stands in routes and message ids.
    pub const fn advertise(mut self, address: SocketAddr) -> Self {
        self.advertise = Some(address);
        self
    }

    /// The broker's name: `broker-a`.
    pub fn broker_name(mut self, name: impl Into<String>) -> Self {
        self.names.broker_name = name.into();
        self
    }

    /// The cluster's name: `DefaultCluster`.
    pub fn broker_cluster_name(mut self, name: impl Into<String>) -> Self {
        self.names.cluster_name = name.into();
        self
    }

    /// Name servers to register with, `host:port`, separated by `;`. By default the broker is its own.
    pub fn namesrv_addr(mut self, addresses: impl Into<String>) -> Self {
        self.namesrv_addr = addresses.into();
        self
    }

    /// Bytes of the commit log: 64 MiB.
    pub const fn capacity(mut self, bytes: usize) -> Self {
        self.limits.log_bytes = bytes;
        self
    }

    /// The directory of its files, made if it is not there. By default the log is in memory only, and gone when the broker
    /// ends.
    ///
    /// A disk that fails is an error for those who send. Under a limit for the length of files (`RLIMIT_FSIZE`) that is so
    /// only if the program handles or ignores `SIGXFSZ`, which ends it otherwise.
    #[cfg(all(feature = "data", unix))]
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// With [`BrokerBuilder::data`], when a send is answered: when it is written, and flushed a little later
    /// ([`FlushPolicy::Async`], the default, as in the reference), or when it is on the disk.
    pub const fn flush(mut self, flush: FlushPolicy) -> Self {
        self.flush = flush;
        self
    }

    /// With [`FlushPolicy::Async`], how long what was written may wait to be flushed: 500 ms.
    pub const fn flush_interval(mut self, interval: Duration) -> Self {
        self.flush_interval = interval;
        self
    }

    /// What becomes of the oldest messages when the log is full: they are evicted.
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// How long messages are kept at most: for as long as there is room.
    pub const fn retain(mut self, time: Duration) -> Self {
        self.retain = Some(time);
        self
    }

    /// Most bytes of the log for messages that wait for their time: a quarter. Further ones are refused.
    pub const fn max_delayed_bytes(mut self, bytes: usize) -> Self {
        self.max_delayed_bytes = Some(bytes);
        self
    }

    /// Whether a send makes a topic that is not there: yes.
    pub const fn auto_create_topic_enable(mut self, enable: bool) -> Self {
        self.auto_create_topic_enable = enable;
        self
    }

    /// How many queues a topic gets that a send makes, if the sender does not want fewer: 8.
    pub const fn default_topic_queue_nums(mut self, queues: i32) -> Self {
        self.default_topic_queue_nums = queues;
        self
    }

    /// Largest body in bytes: 4 MiB.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Connections at a time, at most 65535: 1024. Further ones are closed at once.
    pub const fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections;
        self
    }

    /// Topics, at least 4 and at most 65535: 1024.
    pub const fn max_topics(mut self, topics: usize) -> Self {
        self.limits.topics = topics;
        self
    }

    /// Queues of all topics together: 8192.
    pub const fn max_queues(mut self, queues: usize) -> Self {
        self.limits.queues = queues;
        self
    }

    /// Groups of all clients together: 2048. Heartbeats of further ones are refused.
    pub const fn max_clients(mut self, clients: usize) -> Self {
        self.limits.clients = clients;
        self
    }

    /// Consumer groups: 1024. Further ones are refused.
    pub const fn max_consumer_groups(mut self, groups: usize) -> Self {
        self.limits.consumer_groups = groups;
        self
    }

    /// Topics that consumer groups subscribe to, all groups together, each group's retry topic being one: 2048.
    pub const fn max_subscriptions(mut self, subscriptions: usize) -> Self {
        self.limits.subscriptions = subscriptions;
        self
    }

    /// Queues that consumer groups keep an offset of, all groups together, at most 65535: 16384.
    pub const fn max_consumer_offsets(mut self, offsets: usize) -> Self {
        self.limits.consumer_offsets = offsets;
        self
    }

    /// Queues that consumer groups consume in order, all groups together: 4096.
    pub const fn max_queue_locks(mut self, locks: usize) -> Self {
        self.limits.queue_locks = locks;
        self
    }

    /// Pulls that may wait for a message at a time, at most 65535: 4096. Further ones are told that the broker is busy.
    pub const fn max_held_pulls(mut self, pulls: usize) -> Self {
        self.limits.held_pulls = pulls;
        self
    }

    /// Keys that messages are found by, a message having its id and each word of its `KEYS`: 262144, of 24 bytes each. Of
    /// older messages only those are found whose keys are among them.
    pub const fn max_indexed_keys(mut self, keys: usize) -> Self {
        self.limits.indexed_keys = keys;
        self
    }

    /// Bytes of answers that are lists, of topics or of a group's members, and wait to be sent: 4 MiB.
    pub const fn answer_memory(mut self, bytes: usize) -> Self {
        self.limits.answer_bytes = bytes;
        self
    }

    /// Brokers that may register here, as their name server: 16.
    pub const fn max_registered_brokers(mut self, brokers: usize) -> Self {
        self.limits.registered_brokers = brokers;
        self
    }

    /// Answers that wait to be sent, on all connections together: 8192, and never less than two for each connection, so that
    /// peers who do not read leave one to everybody else.
    pub const fn max_pending_responses(mut self, responses: usize) -> Self {
        self.limits.pending_responses = responses;
        self
    }

    /// Answers that wait to be sent on one connection: 64. Then its requests wait.
    pub const fn max_pending_per_connection(mut self, responses: usize) -> Self {
        self.max_pending = responses;
        self
    }

    /// Bytes for frames that arrive in parts: 16 MiB, and never less than the largest frame has.
    pub const fn frame_memory(mut self, bytes: usize) -> Self {
        self.limits.frame_bytes = bytes;
        self
    }

    /// A connection on which nothing moves for so long is closed: 120 s.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.idle = timeout;
        self
    }

    /// A connection whose frame is still incomplete after so long is closed: 30 s.
    pub const fn frame_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.frame = timeout;
        self
    }

    /// While frames of others wait for memory, a connection is closed whose frame has not moved for so long, or is not on
    /// course to be complete in time: 1 s.
    pub const fn stalled_frame_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.stalled_frame = timeout;
        self
    }

    /// Starts the broker on the present tokio runtime; it serves when this returns.
    ///
    /// # Errors
    /// Which setting cannot be used, or why the address cannot be listened on.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(mut self) -> Result<Broker, StartError> {
        self.names.name_servers = name_servers::parse(&self.namesrv_addr).map_err(StartError::NameServer)?;
        let least = self.max_message_size.saturating_add(HEADER_ROOM);
        self.limits.frame_bytes = self.limits.frame_bytes.max(least);
        self.limits.pending_responses =
            self.limits.pending_responses.max(self.limits.connections.saturating_mul(2));
        if self.is_in_memory() && Vec::<u8>::new().try_reserve_exact(self.limits.log_bytes).is_err() {
            let bytes = self.limits.log_bytes;
            return Err(StartError::Setting(format!("capacity: there is no memory for {bytes} bytes")));
        }
        let listener =
            listen(self.listen).map_err(|error| StartError::Listen { address: self.listen, error })?;
        let local_addr =
            listener.local_addr().map_err(|error| StartError::Listen { address: self.listen, error })?;
        let address = self.advertise.unwrap_or(local_addr);
        if address.ip().is_unspecified() {
            return Err(StartError::NoAdvertise(address));
        }
        let clock = Clock::start();
        let settings = |config: &mut BrokerConfig<'_>| {
            config.when_full = self.when_full;
            config.retain = self.retain;
            config.max_delayed_bytes = self.max_delayed_bytes;
            config.auto_create_topics = self.auto_create_topic_enable;
            config.default_topic_queue_nums = self.default_topic_queue_nums;
            config.max_message_size = self.max_message_size;
            config.max_pending = self.max_pending;
            config.idle_timeout = self.timeouts.idle;
            config.frame_timeout = self.timeouts.frame;
            config.stalled_frame_timeout = self.timeouts.stalled_frame;
            config.flush_interval = self.flush_interval;
            // No command is larger. A peer that announces one and does not send it must not get all the memory.
            config.max_frame = least;
        };
        let names = self.names.clone();
        #[cfg(all(feature = "data", unix))]
        if let Some(path) = &self.data {
            // A log that was made for settings that cannot be used would keep its capacity.
            BrokerHost::check_for_files(&names, &self.limits, address, settings)
                .map_err(StartError::Setting)?;
            let wanted = self.limits.of_files(names.name_servers.len());
            let files = OpenFiles::open(path, &wanted, self.flush).map_err(StartError::Open)?;
            let (host, recovered) =
                BrokerHost::recover(names, &self.limits, address, settings, &clock, seed(), files)
                    .map_err(|reason| StartError::Recover { path: path.clone(), reason })?;
            let driver = Driver::start(host, clock);
            let started = driver.input(|host, _| host.take_jobs());
            if let Some(jobs) = started {
                jobs.start(&driver).map_err(StartError::Thread)?;
            }
            return Ok(Broker::new(driver, listener, local_addr, Some(recovered)));
        }
        let host = BrokerHost::new(names, &self.limits, address, settings, clock.wall(), seed())
            .map_err(StartError::Setting)?;
        // The engine's first wish may be to register: the driver asks for it at once.
        let driver = Driver::start(host, clock);
        driver.input(|_, _| {});
        Ok(Broker::new(driver, listener, local_addr, None))
    }

    #[cfg(all(feature = "data", unix))]
    const fn is_in_memory(&self) -> bool {
        self.data.is_none()
    }

    #[cfg(not(all(feature = "data", unix)))]
    const fn is_in_memory(&self) -> bool {
        true
    }
}

/// Listens with the reference's backlog. A port whose last connections are still being forgotten can be taken again.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Why a broker could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// It listens on all addresses, and none was named for clients.
    NoAdvertise(SocketAddr),
    /// A name server's address cannot be read.
    NameServer(NameServerError),
    /// A setting cannot be used.
    Setting(String),
    /// The data directory cannot be used.
    #[cfg(all(feature = "data", unix))]
    Open(OpenError),
    /// What is in the data directory cannot be used with these settings, or not be read.
    #[cfg(all(feature = "data", unix))]
    Recover {
        /// The directory.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is no thread to wait for the disk.
    #[cfg(all(feature = "data", unix))]
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::NoAdvertise(address) => {
                write!(f, "clients cannot connect to {address}: name an address for them to advertise")
            }
            Self::NameServer(error) => write!(f, "{error}"),
            Self::Setting(reason) => f.write_str(reason),
            #[cfg(all(feature = "data", unix))]
            Self::Open(error) => write!(f, "{error}"),
            #[cfg(all(feature = "data", unix))]
            Self::Recover { path, reason } => write!(f, "{}: {reason}", path.display()),
            #[cfg(all(feature = "data", unix))]
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl core::error::Error for StartError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Listen { error, .. } => Some(error),
            _ => None,
        }
    }
}
