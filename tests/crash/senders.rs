//! Many tasks that send all the time, through everything that happens to the broker.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use rocketlite::producer::{SendError, SendOptions, SendResult, SendStatus};
use rocketlite::{Message, Producer};
use rocketlite_core::Rng;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::TOPICS;
use crate::ledger::{Acknowledgement, Ledger, Place, body};

/// Sends that are in flight at a time.
const IN_FLIGHT: u64 = 80;

/// More than any send takes, also on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Before somebody sends again whose send has failed.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of the sends so far.
#[derive(Debug, Default)]
struct Counters {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    /// Failed because the broker has said that its disk did.
    refused: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
    /// When so many are acknowledged, nobody sends any more.
    limit: AtomicU64,
    over: AtomicBool,
}

pub(crate) struct Senders {
    runtime: Runtime,
    tasks: Vec<JoinHandle<()>>,
    producer: Arc<Producer>,
    counters: Arc<Counters>,
}

/// What came of it, for a person to read.
pub(crate) struct Sent(Arc<Counters>);

impl Senders {
    /// Starts to send to the broker at `address`.
    pub(crate) fn start(address: &str, ledger: &Arc<Mutex<Ledger>>, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let guard = runtime.enter();
        // A message that is sent in one attempt is stored once at most.
        let producer = Producer::builder("crash")
            .namesrv_addr(address)
            .send_msg_timeout(PATIENCE)
            .retry_times_when_send_failed(0)
            .start();
        drop(guard);
        let producer = Arc::new(producer.expect("settings"));
        let counters = Arc::<Counters>::default();
        let tasks = (0..IN_FLIGHT).map(|task| {
            let rng = Rng::new(seed << 32 | task);
            let (producer, ledger) = (Arc::clone(&producer), Arc::clone(ledger));
            runtime.spawn(Sender { rng, producer, ledger, counters: Arc::clone(&counters) }.run())
        });
        Self { tasks: tasks.collect(), runtime, producer, counters }
    }

    /// Has them go on until so many messages are acknowledged.
    pub(crate) fn go_on_until(&self, acknowledged: u64) {
        self.counters.limit.store(acknowledged, Ordering::Relaxed);
    }

    /// Messages that were acknowledged so far.
    ///
    /// # Panics
    /// If a task has found something that must not be.
    pub(crate) fn acknowledged(&self) -> u64 {
        assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a sender has panicked");
        self.counters.acknowledged.load(Ordering::Relaxed)
    }

    /// Sends that were refused so far because of the disk.
    #[cfg(target_os = "linux")]
    pub(crate) fn refused(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }

    /// Lets those in flight end.
    ///
    /// # Panics
    /// If a task has found something that must not be, or there never were enough in flight.
    pub(crate) fn stop(self) -> Sent {
        self.counters.over.store(true, Ordering::Relaxed);
        self.runtime.block_on(async {
            for task in self.tasks {
                task.await.expect("no panic");
            }
            self.producer.shutdown().await;
        });
        assert!(self.counters.most_in_flight.load(Ordering::Relaxed) >= 64, "{:?}", self.counters);
        Sent(self.counters)
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [acknowledged, failed, most] =
            [&self.0.acknowledged, &self.0.failed, &self.0.most_in_flight].map(|c| c.load(Ordering::Relaxed));
        write!(f, "{acknowledged} messages acknowledged, {failed} sends failed, {most} in flight")
    }
}

/// One task.
struct Sender {
    rng: Rng,
    producer: Arc<Producer>,
    ledger: Arc<Mutex<Ledger>>,
    counters: Arc<Counters>,
}

impl Sender {
    async fn run(mut self) {
        while !self.counters.over.load(Ordering::Relaxed) {
            if self.counters.acknowledged.load(Ordering::Relaxed)
                >= self.counters.limit.load(Ordering::Relaxed)
            {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let topic = TOPICS[self.rng.below(3) as usize];
            let batch = self.rng.below(8) == 0;
            let count = if batch { 1 + u64::from(self.rng.below(8)) } else { 1 };
            let numbers = self.ledger.lock().expect("no panic").give_out(count);
            let bodies: Vec<_> = numbers.clone().map(body).collect();
            let messages: Vec<_> = bodies.iter().map(|body| Message::new(topic, body)).collect();
            let now = self.counters.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
            self.counters.most_in_flight.fetch_max(now, Ordering::Relaxed);
            let options = SendOptions::new();
            let sent = match (batch, &*messages) {
                (false, [message]) => self.producer.send_with(message, &options).await,
                _ => self.producer.send_with(&*messages, &options).await,
            };
            self.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
            match sent {
                Ok(result) => self.note(topic, numbers, &result),
                Err(error) => {
                    self.note_failure(&error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn note(&self, topic: &'static str, numbers: core::ops::Range<u64>, result: &SendResult) {
        if result.status != SendStatus::SendOk {
            // A disk that is too slow: it is stored, but not acknowledged.
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let physical_offset = result.offset_message_id.map(|id| id.physical_offset);
        let first = result.queue_offset.expect("the broker says where it is");
        let mut ledger = self.ledger.lock().expect("no panic");
        self.counters.acknowledged.fetch_add(numbers.end - numbers.start, Ordering::Relaxed);
        for (number, queue_offset) in numbers.clone().zip(first..) {
            let place = Place { topic, queue_id: result.queue_id, queue_offset };
            let physical_offset = physical_offset.filter(|_| number == numbers.start);
            ledger.acknowledge(place, Acknowledgement { number, physical_offset });
        }
    }

    /// Only a broker that is gone or whose disk has failed is a reason not to store a message.
    fn note_failure(&self, error: &SendError) {
        const SERVICE_NOT_AVAILABLE: i32 = 14;
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        if error.response_code() == SERVICE_NOT_AVAILABLE {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}
