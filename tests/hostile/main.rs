//! Peers that do what no peer should, over real sockets: against a broker in this process, and against the async producer.
//!
//! Who misbehaves loses its own connection and nothing else; that is what every test here looks at.

mod broker_crowds;
mod broker_fields;
mod broker_floods;
mod broker_frames;
mod broker_limits;
mod broker_slow;
mod peer;
mod producer_brokers;
mod producer_life;
mod producer_name_servers;
mod wire;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rocketlite::producer::SendStatus;
use rocketlite::{Broker, Message};
use tokio::task::JoinHandle;

/// The longest that anything here is waited for. Nothing is expected to take so long.
const DEADLINE: Duration = Duration::from_mins(1);

/// Time for what surely happens, so that no test depends on how fast the machine is. Shorter than the broker's frame timeout.
const AMPLE: Duration = Duration::from_secs(20);

/// What `future` comes to.
#[track_caller]
fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = core::panic::Location::caller();
    async move {
        let outcome = tokio::time::timeout(DEADLINE, future).await;
        outcome.unwrap_or_else(|_| panic!("nothing within {DEADLINE:?} at {caller}"))
    }
}

/// A client that does nothing wrong and wants to be served all the time, with messages that come in one piece and messages
/// that do not.
struct Bystander {
    stored: Arc<AtomicU64>,
    /// What the short messages have taken since somebody asked last.
    latencies: Arc<Mutex<Vec<Duration>>>,
    sending: JoinHandle<()>,
}

impl Bystander {
    /// Starts to send, and returns when the first messages are stored.
    async fn start(broker: &Broker) -> Self {
        Self::start_at(&broker.local_addr().to_string()).await
    }

    /// The same with a broker that may be in another process.
    async fn start_at(address: &str) -> Self {
        // One attempt, so that it notices everything.
        let builder = peer::builder(address).retry_times_when_send_failed(0);
        let producer = builder.start().expect("settings");
        let stored = Arc::new(AtomicU64::new(0));
        let latencies = Arc::new(Mutex::new(Vec::new()));
        let (count, taken) = (Arc::clone(&stored), Arc::clone(&latencies));
        let sending = tokio::spawn(async move {
            let bodies = [vec![b's'; 100], vec![b'l'; 200_000]];
            for body in bodies.iter().cycle() {
                let start = Instant::now();
                let sent = producer.send(&Message::new("Bystanders", body)).await;
                let sent = sent.unwrap_or_else(|error| panic!("{} bytes: {error}", body.len()));
                assert_eq!((sent.status, sent.attempts), (SendStatus::SendOk, 1));
                if body.len() < 1_000 {
                    taken.lock().unwrap_or_else(PoisonError::into_inner).push(start.elapsed());
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let bystander = Self { stored, latencies, sending };
        bystander.goes_on().await;
        bystander
    }

    /// Waits until several more messages are stored.
    ///
    /// # Panics
    /// If one was not.
    async fn goes_on(&self) {
        let enough = self.stored.load(Ordering::Relaxed) + 8;
        within(async {
            while self.stored.load(Ordering::Relaxed) < enough {
                assert!(!self.sending.is_finished(), "the bystander was harmed");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

impl Bystander {
    /// What the next short messages take, the one in the middle of them.
    ///
    /// # Panics
    /// If one is not stored.
    async fn latency(&self) -> Duration {
        const ENOUGH: usize = 21;
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).clear();
        loop {
            self.goes_on().await;
            let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            if latencies.len() >= ENOUGH {
                latencies.sort_unstable();
                return latencies[latencies.len() / 2];
            }
        }
    }

    /// Says how much longer a short message takes than it took before, which was `quiet`. Nothing depends on it: machines
    /// differ, and are busy.
    async fn compare(&self, what: &str, quiet: Duration) {
        let now = self.latency().await;
        let times = now.as_secs_f64() / quiet.as_secs_f64();
        rocketlite_tests::say(&format!(
            "beside {what} a message takes {now:?}, {quiet:?} without: {times:.1} times"
        ));
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        self.sending.abort();
    }
}
