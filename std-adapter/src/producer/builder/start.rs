//! From a description to a producer that runs.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::{ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;

use rocketlite_core::Address;
use rocketlite_core::message::namespace;
use rocketlite_core::producer::ProducerConfig;
use tokio::sync::Semaphore;

use super::ProducerBuilder;
use crate::clock::{Clock, seed};
use crate::drive::Driver;
use crate::name_servers::{self, NameServerError};
use crate::producer::Producer;
use crate::producer::host::{Names, ProducerHost};

impl ProducerBuilder {
    /// Starts the producer on the present tokio runtime. No connection is made before the first send.
    ///
    /// # Errors
    /// Which setting cannot be used.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Result<Producer, StartError> {
        let namesrv_addr = match &*self.namesrv_addr {
            "" => std::env::var("NAMESRV_ADDR").unwrap_or_default(),
            given => given.to_owned(),
        };
        let name_servers = name_servers::parse(&namesrv_addr).map_err(StartError::NameServer)?;
        #[cfg(feature = "acl")]
        if !self.names.account.is_complete() {
            return Err(StartError::Setting("access_key and secret_key belong together".to_owned()));
        }
        let clock = Clock::start();
        let ip = local_ip(&name_servers);
        let seed = seed();
        let instance =
            self.instance_name.clone().unwrap_or_else(|| format!("{}#{seed:x}", std::process::id()));
        let mut client_id = format!("{ip}@{instance}");
        // `ClientConfig#buildMQClientId`
        if let Some(unit) = &self.unit_name {
            client_id = format!("{client_id}@{unit}");
        }
        if self.enable_stream_request_type == Some(true) {
            client_id.push_str("@STREAM");
        }
        let names = Names {
            producer_group: self.producer_group.clone(),
            client_id,
            name_servers,
            namespace: self
                .names
                .namespace
                .clone()
                .or_else(|| namespace::of_endpoint(&namesrv_addr).map(str::to_owned)),
            ..self.names.clone()
        };
        let mut patience = Duration::ZERO;
        let settings = |config: &mut ProducerConfig<'_>| {
            self.apply(config);
            patience = config.send_msg_timeout;
            config.client_ip = ip;
            // Process ids repeat in containers; random bits do not.
            config.process_id = u16::try_from(seed & 0xffff).unwrap_or_default();
            config.loader_hash = u32::try_from(seed >> 32).unwrap_or_default();
        };
        let host = ProducerHost::new(names, self.limits, settings, clock.wall(), seed)
            .map_err(StartError::Setting)?;
        let driver = Driver::start(host, clock);
        for topic in &self.topics {
            driver
                .input(|host, now| host.prefetch_route(now, topic))
                .map_err(|reason| StartError::Setting(format!("topics: {reason}")))?;
        }
        Ok(Producer { driver, places: Arc::new(Semaphore::new(self.limits.in_flight)), patience })
    }

    fn apply(&self, config: &mut ProducerConfig<'_>) {
        fn set<T: Copy>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut config.send_msg_timeout, self.send_msg_timeout);
        set(&mut config.retry_times_when_send_failed, self.retry_times_when_send_failed);
        set(&mut config.retry_times_when_send_async_failed, self.retry_times_when_send_async_failed);
        set(&mut config.rules, self.rules);
        set(&mut config.retry_another_broker_when_not_store_ok, self.retry_another_broker_when_not_store_ok);
        set(&mut config.send_latency_fault_enable, self.send_latency_fault_enable);
        set(&mut config.start_detector_enable, self.start_detector_enable);
        set(&mut config.reserve_time_for_retry, self.reserve_time_for_retry);
        config.send_msg_max_timeout_per_request = self.send_msg_max_timeout_per_request;
        set(&mut config.compress_msg_body_over_howmuch, self.compress_msg_body_over_howmuch);
        set(&mut config.max_message_size, self.max_message_size);
        set(&mut config.default_topic_queue_nums, self.default_topic_queue_nums);
        set(&mut config.unit_mode, self.unit_mode);
        set(&mut config.enable_stream_request_type, self.enable_stream_request_type);
        set(&mut config.send_smart_msg, self.send_smart_msg);
        set(&mut config.vip_channel_enabled, self.vip_channel_enabled);
        set(&mut config.poll_name_server_interval, self.poll_name_server_interval);
        set(&mut config.heartbeat_broker_interval, self.heartbeat_broker_interval);
        set(&mut config.mq_client_api_timeout, self.mq_client_api_timeout);
        set(&mut config.connect_timeout, self.connect_timeout);
        set(&mut config.serialize_type, self.serialize_type);
    }
}

/// The address of this machine that the name server sees; nothing is sent to find out. An address that cannot be told
/// without asking another machine for a name is the loopback address: it only fills ids.
fn local_ip(name_servers: &[Address]) -> IpAddr {
    let find = || -> Option<IpAddr> {
        let server: SocketAddr = match name_servers.first()?.socket_addr() {
            Some(address) => address,
            None => (name_servers.first()?.host() == "localhost")
                .then_some("localhost:1")?
                .to_socket_addrs()
                .ok()?
                .next()?,
        };
        let any: SocketAddr = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse().ok()?;
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(server).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    find().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Why a producer could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// A name server's address cannot be read.
    NameServer(NameServerError),
    /// A setting cannot be used.
    Setting(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameServer(error) => write!(f, "{error}"),
            Self::Setting(reason) => f.write_str(reason),
        }
    }
}

impl core::error::Error for StartError {}
