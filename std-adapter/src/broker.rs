//! A broker and name server on one port, in memory or with its log in files.

mod builder;
#[cfg(all(feature = "data", unix))]
mod files;
#[cfg(not(all(feature = "data", unix)))]
#[path = "broker/no_files.rs"]
mod files;
mod host;
mod log;

pub use builder::{BrokerBuilder, StartError};
pub use host::Recovered;
pub use rocketlite_broker::{Counters, FlushPolicy, Recovery, WhenFull};

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use rocketlite_core::message::stored::StoredMessage;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::drive::Driver;
use host::BrokerHost;

/// A running broker. It ends when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rocketlite::{Broker, Message, Producer};
///
/// let broker = Broker::builder().start()?;
/// let producer = Producer::builder("my_group").namesrv_addr(broker.local_addr().to_string()).start()?;
/// let sent = producer.send(&Message::new("TopicTest", b"hello")).await?;
/// assert_eq!(sent.queue_offset, Some(0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Broker {
    driver: Arc<Driver<BrokerHost>>,
    local_addr: SocketAddr,
    recovered: Option<Recovered>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Broker {
    /// Starts to describe a broker, with the defaults of the reference.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::new()
    }

    fn new(
        driver: Arc<Driver<BrokerHost>>,
        listener: TcpListener,
        local_addr: SocketAddr,
        recovered: Option<Recovered>,
    ) -> Self {
        let broker = Self { driver, local_addr, recovered, accepting: Mutex::new(None) };
        broker.accept_from(listener);
        broker
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What was found in its data directory when it started; `None` without one.
    pub const fn recovered(&self) -> Option<Recovered> {
        self.recovered
    }

    /// Whether its disk has failed: then it stores nothing any more, and still serves what was flushed.
    pub fn has_storage_failed(&self) -> bool {
        self.driver.input(|host, _| host.has_storage_failed())
    }

    /// What it has counted since the start.
    pub fn counters(&self) -> Counters {
        self.driver.input(|host, _| host.counters())
    }

    /// The names of the brokers that have registered with it as their name server.
    pub fn registered_brokers(&self) -> Vec<String> {
        self.driver.input(|host, _| host.registered_brokers())
    }

    /// Calls `visit` with every message that its log holds, oldest first. The broker does nothing else meanwhile.
    pub fn for_each_message(&self, visit: impl FnMut(&StoredMessage<'_>)) {
        self.driver.input(|host, _| host.for_each_message(visit));
    }

    /// Cuts it off the network, as if its machine were: nobody can connect, and every connection is lost. What it has
    /// stored stays.
    pub fn isolate(&self) {
        self.stop_accepting();
        self.driver.drop_connections();
    }

    /// Ends [`Broker::isolate`].
    ///
    /// # Errors
    /// If its port is taken by now.
    pub async fn rejoin(&self) -> std::io::Result<()> {
        let listener = TcpListener::bind(self.local_addr).await?;
        self.accept_from(listener);
        Ok(())
    }

    /// Tells name servers that it ends, lets answers that wait leave, for two seconds at most, has everything saved, for ten
    /// seconds at most, and ends.
    pub async fn shutdown(self) {
        self.stop_accepting();
        self.driver.input(BrokerHost::shutdown);
        for pause in 0..1_000 {
            let (quiet, saved) = self.driver.input(|host, _| (host.is_quiet(), host.is_saved()));
            if saved && (quiet || pause >= 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tracing::error!("the disk is too slow: not everything is saved");
    }

    fn accept_from(&self, listener: TcpListener) {
        let task = tokio::spawn(accept(Arc::clone(&self.driver), listener));
        *self.accepting.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    fn stop_accepting(&self) {
        if let Some(task) = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop_accepting();
        self.driver.input(|host, _| host.end());
        self.driver.drop_connections();
    }
}

async fn accept(driver: Arc<Driver<BrokerHost>>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it answers are held back for up to 40 ms; a socket that refuses is gone anyway.
                if stream.set_nodelay(true).is_ok() {
                    driver.accept(stream, |host, now| host.accept(now, peer));
                }
            }
            // Mostly: no more file descriptors. Others will be free in a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
