//! The engine, its memory, and the callers that wait for it.

use core::fmt;
use std::sync::Arc;

use heapless::Deque;
#[cfg(feature = "acl")]
use rocketlite_core::acl::SessionCredentials;
use rocketlite_core::producer::{
    ConfigError, Content, Event, Link, Producer as Engine, ProducerConfig, ProducerMemory, SendOptions,
};
use rocketlite_core::route::{BrokerRoute, QueueRef, TopicRoute};
use rocketlite_core::select::{FaultPlace, MessageQueueSelector};
use rocketlite_core::send::InFlight;
use rocketlite_core::send::decision::AttemptOutcome;
use rocketlite_core::send::hook::{CheckForbiddenHook, SendMessageHook};
use rocketlite_core::send::outcome::SendResult;
use rocketlite_core::wire::frame::Partial;
use rocketlite_core::{Address, Extent, Instant, SendId, Slot, WallClock};
use self_cell::{MutBorrow, self_cell};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use super::error::SendError;
use super::log;
use crate::drive::Host;

/// What a producer is made of, and the memory it works in.
struct Parts {
    names: Names,
    memory: Memory,
}

/// What the configuration borrows.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) producer_group: String,
    pub(super) client_id: String,
    pub(super) name_servers: Vec<Address>,
    pub(super) create_topic_key: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) namespace_v2: Option<String>,
    pub(super) extensions: Extensions,
    #[cfg(feature = "acl")]
    pub(super) account: Account,
    #[cfg(feature = "compress")]
    pub(super) compressor: super::compress::BodyCompressor,
}

impl Names {
    /// A configuration of these names and defaults.
    fn config(&self) -> ProducerConfig<'_> {
        let mut config = ProducerConfig::new(&self.producer_group, &self.client_id, &self.name_servers);
        if let Some(topic) = &self.create_topic_key {
            config.create_topic_key = topic;
        }
        let Extensions { queue_selector, check_forbidden_hook, send_message_hook } = &self.extensions;
        config.queue_selector = queue_selector.as_deref().map(|selector| selector as _);
        config.check_forbidden_hook = check_forbidden_hook.as_deref().map(|hook| hook as _);
        config.send_message_hook = send_message_hook.as_deref().map(|hook| hook as _);
        config.namespace = self.namespace.as_deref();
        config.namespace_v2 = self.namespace_v2.as_deref();
        #[cfg(feature = "acl")]
        {
            config.session_credentials = self.account.credentials();
        }
        #[cfg(feature = "compress")]
        {
            config.compressor = Some(&self.compressor);
        }
        config
    }
}

/// What the application adds to the decisions.
#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) queue_selector: Option<Arc<dyn MessageQueueSelector + Send + Sync>>,
    pub(super) check_forbidden_hook: Option<Arc<dyn CheckForbiddenHook + Send + Sync>>,
    pub(super) send_message_hook: Option<Arc<dyn SendMessageHook + Send + Sync>>,
}

/// Who signs requests.
#[cfg(feature = "acl")]
#[derive(Clone, Default)]
pub(super) struct Account {
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) security_token: Option<String>,
}

#[cfg(feature = "acl")]
impl Account {
    /// Whether there is a name and a secret, or neither.
    pub(super) const fn is_complete(&self) -> bool {
        self.access_key.is_some() == self.secret_key.is_some()
    }

    fn credentials(&self) -> Option<SessionCredentials<'_>> {
        let credentials = SessionCredentials::new(self.access_key.as_ref()?, self.secret_key.as_ref()?);
        Some(match &self.security_token {
            Some(token) => credentials.with_security_token(token),
            None => credentials,
        })
    }
}

/// Without the secrets, so that they get into no log.
#[cfg(feature = "acl")]
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// How much a producer can hold at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) topics: usize,
    pub(super) queues_per_topic: usize,
    pub(super) brokers: usize,
    pub(super) in_flight: usize,
    pub(super) body_bytes: usize,
    pub(super) frame_bytes: usize,
}

struct Memory {
    connections: Vec<Slot<Link>>,
    partial_frames: Vec<Partial>,
    frames: Vec<u8>,
    frame_pieces: Vec<Extent>,
    topics: Vec<Slot<TopicRoute>>,
    queues: Vec<QueueRef>,
    write_queue_nums: Vec<u16>,
    brokers: Vec<Slot<BrokerRoute>>,
    faults: Vec<FaultPlace>,
    in_flight: Vec<Slot<InFlight>>,
    bodies: Vec<u8>,
    body_pieces: Vec<Extent>,
    events: Deque<Event, EVENTS>,
}

/// Events between two inputs; the host fetches them after each.
const EVENTS: usize = 256;

impl Memory {
    fn new(limits: &Limits) -> Self {
        Self {
            connections: slots(limits.connections),
            partial_frames: vec![Partial::EMPTY; limits.connections],
            frames: vec![0; limits.frame_bytes],
            frame_pieces: vec![Extent::EMPTY; limits.connections],
            topics: slots(limits.topics),
            queues: vec![QueueRef::EMPTY; limits.topics * limits.queues_per_topic],
            write_queue_nums: vec![0; limits.topics * limits.brokers],
            brokers: slots(limits.brokers),
            faults: vec![FaultPlace::EMPTY; limits.brokers],
            in_flight: slots(limits.in_flight),
            bodies: vec![0; limits.body_bytes],
            body_pieces: vec![Extent::EMPTY; limits.in_flight],
            events: Deque::new(),
        }
    }

    fn named(&mut self) -> ProducerMemory<'_> {
        ProducerMemory {
            connections: &mut self.connections,
            partial_frames: &mut self.partial_frames,
            frames: &mut self.frames,
            frame_pieces: &mut self.frame_pieces,
            topics: &mut self.topics,
            queues: &mut self.queues,
            write_queue_nums: &mut self.write_queue_nums,
            brokers: &mut self.brokers,
            faults: &mut self.faults,
            in_flight: &mut self.in_flight,
            bodies: &mut self.bodies,
            body_pieces: &mut self.body_pieces,
            events: self.events.as_mut_view(),
        }
    }
}

fn slots<T>(count: usize) -> Vec<Slot<T>> {
    let mut slots = Vec::new();
    slots.resize_with(count, Slot::default);
    slots
}

self_cell!(
    /// The engine beside the memory it borrows.
    struct Owned {
        owner: MutBorrow<Parts>,
        #[not_covariant]
        dependent: Engine,
    }
);

/// The engine and the callers that wait for it.
pub(super) struct ProducerHost {
    engine: Owned,
    /// By place of the send.
    waiters: Vec<Waiter>,
    /// Callers that have a place and wait for room for their bodies: no more than there are places.
    queue: Vec<oneshot::Sender<()>>,
    stopped: Arc<Notify>,
}

/// Who waits for a send, and what is needed to describe its failure.
#[derive(Debug, Default)]
struct Waiter {
    /// Given back when the send has ended and its place in the engine is free.
    place: Option<OwnedSemaphorePermit>,
    outcome: Option<oneshot::Sender<Result<SendResult, SendError>>>,
    topic: String,
    brokers_sent: Vec<String>,
}

/// Where the outcome of an accepted send will arrive.
pub(super) type Outcome = oneshot::Receiver<Result<SendResult, SendError>>;

/// Told when there may be room.
pub(super) type Room = oneshot::Receiver<()>;

impl ProducerHost {
    pub(super) fn new(
        names: Names,
        limits: Limits,
        settings: impl FnOnce(&mut ProducerConfig<'_>),
        clock: WallClock,
        seed: u64,
    ) -> Result<Self, String> {
        let parts = Parts { names, memory: Memory::new(&limits) };
        let engine = Owned::try_new(MutBorrow::new(parts), |parts| {
            let parts = parts.borrow_mut();
            let mut config = parts.names.config();
            settings(&mut config);
            Engine::new(config, parts.memory.named(), clock, seed)
                .map_err(|error: ConfigError<'_>| error.to_string())
        })?;
        let mut waiters = Vec::new();
        waiters.resize_with(limits.in_flight, Waiter::default);
        Ok(Self { engine, waiters, queue: Vec::new(), stopped: Arc::new(Notify::new()) })
    }

    /// Offers a message or a batch to the engine. `place` is kept until the send has ended; the inner error tells when there may be
    /// room.
    pub(super) fn submit(
        &mut self,
        now: Instant,
        content: Content<'_, '_>,
        options: &SendOptions<'_>,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Result<Outcome, Room>, SendError> {
        let accepted = self.engine.with_dependent_mut(|_, engine| engine.send_with(now, content, options));
        match accepted {
            Ok(id) => {
                let (sender, outcome) = oneshot::channel();
                if let Some(waiter) = self.waiters.get_mut(usize::from(id.index())) {
                    waiter.outcome = Some(sender);
                    waiter.place = place.take();
                    waiter.topic.clear();
                    waiter.topic.push_str(content.topic());
                    waiter.brokers_sent.clear();
                }
                Ok(Ok(outcome))
            }
            Err(error) if error.is_temporary() => {
                let (sender, room) = oneshot::channel();
                self.queue.retain(|waiting| !waiting.is_closed());
                self.queue.push(sender);
                Ok(Err(room))
            }
            Err(error) => Err(SendError::refused(&error)),
        }
    }

    pub(super) fn prefetch_route(&mut self, now: Instant, topic: &str) -> Result<(), String> {
        self.engine.with_dependent_mut(|_, engine| {
            engine.prefetch_route(now, topic).map_err(|error| error.to_string())
        })
    }

    pub(super) fn shutdown(&mut self, now: Instant) {
        self.engine.with_dependent_mut(|_, engine| engine.shutdown(now));
        self.queue.clear();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.engine.with_dependent(|_, engine| engine.is_stopped())
    }

    pub(super) fn stopped(&self) -> Arc<Notify> {
        Arc::clone(&self.stopped)
    }

    /// Remembers the broker of an attempt that failed.
    fn attempted(&mut self, id: SendId, broker: String, outcome: AttemptOutcome) {
        if let (Some(waiter), false) =
            (self.waiters.get_mut(usize::from(id.index())), matches!(outcome, AttemptOutcome::Stored(_)))
        {
            waiter.brokers_sent.push(broker);
        }
    }

    /// Hands a send's outcome to its caller, who may have gone.
    fn sent(&mut self, id: SendId) {
        let outcome = self.engine.with_dependent_mut(|_, engine| engine.poll_send(id));
        let outcome = match outcome {
            Ok(result) => Ok(result),
            Err(nb::Error::WouldBlock) => return,
            Err(nb::Error::Other(error)) => Err(error),
        };
        log::sent(id, &outcome);
        let Some(waiter) = self.waiters.get_mut(usize::from(id.index())) else { return };
        let outcome = outcome.map_err(|error| SendError::Failed {
            topic: core::mem::take(&mut waiter.topic),
            brokers_sent: core::mem::take(&mut waiter.brokers_sent),
            error: Box::new(error),
        });
        waiter.place = None;
        if let Some(caller) = waiter.outcome.take() {
            drop(caller.send(outcome));
        }
    }
}

impl Host for ProducerHost {
    fn with<R>(&mut self, act: impl FnOnce(&mut dyn rocketlite_core::Engine) -> R) -> R {
        self.engine.with_dependent_mut(|_, engine| act(engine))
    }

    fn settle(&mut self) {
        let mut ended = false;
        while let Some(event) = self.engine.with_dependent_mut(|_, engine| engine.poll_event()) {
            self.engine.with_dependent(|_, engine| log::event(engine, &event));
            match event {
                Event::Sent { id } => {
                    self.sent(id);
                    ended = true;
                }
                Event::Attempted { id, broker, outcome, .. } => {
                    let name = self.engine.with_dependent(|_, engine| engine.broker_name(broker));
                    self.attempted(id, name.as_str().to_owned(), outcome);
                }
                _ => {}
            }
        }
        if ended {
            // All of them: what has ended may leave room for several, and who finds none asks again.
            for waiting in self.queue.drain(..) {
                // Who has gone in the meantime does not need to know.
                let _gone = waiting.send(());
            }
        }
        if self.is_stopped() {
            self.stopped.notify_waiters();
        }
    }

    fn is_over(&mut self) -> bool {
        self.is_stopped()
    }
}

impl fmt::Debug for ProducerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerHost").finish_non_exhaustive()
    }
}
