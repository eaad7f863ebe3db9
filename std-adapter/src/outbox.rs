//! An outbox in a file: messages wait on the disk until a broker has them, through restarts and power cuts.
//!
//! It is the outbox of [`rocketlite_core::outbox`], with all that is promised there, on a file that behaves like a device's
//! flash.

mod builder;
mod error;
mod file;
mod forwarder;
mod header;

pub use builder::OutboxBuilder;
pub use error::{OpenError, OutboxError};
pub use forwarder::{Forwarded, Forwarder, MAX_WINDOW, Undelivered};
pub use rocketlite_core::outbox::{Counters, ForwardConfig, MAX_PROPERTIES, WhenFull};

use core::fmt;
use core::pin::pin;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocketlite_core::message::Message;
use rocketlite_core::message::id::{MessageId, MessageIdGenerator};
use rocketlite_core::outbox::{self as core_outbox, Ticket, Unsent, block_on, encode};
use tokio::sync::{Mutex, Notify};

use crate::Producer;
use crate::clock::Clock;
use file::{FileError, FileFlash};

/// Messages that wait for a broker.
///
/// It can be used from any number of tasks. Reads and writes of the file are done on tokio's threads for such work, one
/// at a time; a call that is dropped is completed there.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use rocketlite::{Message, Outbox, Producer};
///
/// let outbox = Outbox::open("readings.outbox", 16 << 20).await?;
/// outbox.push(&Message::new("Temperature", b"21.5")).await?;
///
/// let producer = Producer::builder("sensors").namesrv_addr("127.0.0.1:9876").start()?;
/// // Sends what there is and what comes, as long as it runs.
/// outbox.forward(&producer).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outbox {
    store: Arc<Mutex<Store>>,
    pushed: Notify,
    removed: Notify,
    path: PathBuf,
}

/// Most pages of a file, for each of which nine bytes of memory are held.
const MAX_PAGES: usize = 4096;

/// The file and the memory to work with.
struct Store {
    outbox: core_outbox::Outbox<FileFlash, MAX_PAGES>,
    /// Of a message on its way in.
    record: Vec<u8>,
    buffer: Vec<u8>,
    ids: MessageIdGenerator,
    clock: Clock,
}

impl Outbox {
    /// The outbox in the file at `path`, which is made if it is missing: of `capacity` bytes, rounded up to pages of 64 KiB,
    /// dropping the oldest messages when it is full.
    ///
    /// # Errors
    /// See [`OutboxBuilder::open`].
    pub async fn open(path: impl AsRef<Path>, capacity: u64) -> Result<Self, OpenError> {
        Self::builder(path).capacity(capacity).open().await
    }

    /// Starts to describe the outbox in the file at `path`.
    pub fn builder(path: impl AsRef<Path>) -> OutboxBuilder {
        OutboxBuilder::new(path.as_ref().to_owned())
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a message and returns its id, its own `UNIQ_KEY` if it has one. The message is on the disk when this returns.
    ///
    /// # Errors
    /// Why the message was not taken.
    pub async fn push(&self, message: &Message<'_>) -> Result<MessageId, OutboxError> {
        let mut store = Arc::clone(&self.store).lock_owned().await;
        let id = store.next_id();
        let len = encode::<FileError>(message, &id, Ticket::FIRST, &mut store.record)?.len();
        let work = tokio::task::spawn_blocking(move || {
            let Store { outbox, record, buffer, .. } = &mut *store;
            let unsent = record.get(..len).and_then(Unsent::decode).ok_or(OutboxError::Corrupted)?;
            block_on(outbox.push(&unsent.message(), &id, buffer))?;
            Ok(unsent.message_id().unwrap_or(id))
        });
        let pushed = work.await.unwrap_or(Err(OutboxError::NoRuntime))?;
        self.pushed.notify_waiters();
        Ok(pushed)
    }

    /// Sends the messages with `producer`, oldest first and one after the other, until it is shut down. Waits for new ones,
    /// and while there is no network. Dropping the future ends it; a message that is in flight is sent again next time.
    ///
    /// [`Outbox::forwarder`] has settings, and tells what becomes of each message. There should be one at a time: two
    /// would send each message twice.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub async fn forward(&self, producer: &Producer) -> Result<(), OutboxError> {
        let mut forwarder = self.forwarder(producer);
        while forwarder.next().await?.is_some() {}
        Ok(())
    }

    /// What sends the messages with `producer`, and tells of each.
    pub fn forwarder<'o>(&'o self, producer: &'o Producer) -> Forwarder<'o> {
        Forwarder::new(self, producer)
    }

    /// What it has counted since it was opened.
    pub async fn counters(&self) -> Counters {
        self.store.lock().await.outbox.counters()
    }

    /// Waits until no message is left: each was sent, given up or dropped.
    pub async fn emptied(&self) {
        let mut removed = pin!(self.removed.notified());
        loop {
            // From here on no notice is missed, also one between the question and the wait.
            removed.as_mut().enable();
            if self.counters().await.waiting == 0 {
                return;
            }
            removed.as_mut().await;
            removed.set(self.removed.notified());
        }
    }

    /// A copy of the record of the oldest message that is none of `busy`.
    async fn peek_but(&self, busy: Vec<Ticket>) -> Result<Option<Vec<u8>>, OutboxError> {
        self.with(move |store| {
            let unsent = block_on(store.outbox.peek_but(&busy, &mut store.buffer))?;
            Ok(unsent.map(|unsent| unsent.as_bytes().to_vec()))
        })
        .await
    }

    async fn remove(&self, ticket: Ticket) -> Result<(), OutboxError> {
        self.with(move |store| Ok(block_on(store.outbox.remove(ticket, &mut store.buffer))?)).await?;
        self.removed.notify_waiters();
        Ok(())
    }

    /// Works with the file where that may take its time.
    async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<R, OutboxError> + Send + 'static,
    ) -> Result<R, OutboxError> {
        let mut store = Arc::clone(&self.store).lock_owned().await;
        let work = tokio::task::spawn_blocking(move || work(&mut store));
        work.await.unwrap_or(Err(OutboxError::NoRuntime))
    }
}

impl Store {
    fn next_id(&mut self) -> MessageId {
        let now = self.clock.wall().unix_millis(self.clock.now());
        self.ids.next(now)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outbox.fmt(f)
    }
}
