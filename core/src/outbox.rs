//! The outbox: messages wait on NOR flash until a broker has them, through restarts and power cuts.
//!
//! [`Outbox`] is a bounded queue on any flash of `embedded-storage-async`, or of `embedded-storage` through
//! [`BlockingFlash`]; [`Forwarder`] hands its messages to a [`Producer`](crate::Producer), oldest first, and removes each
//! when the broker has acknowledged it.
//!
//! # What is promised
//! - A message whose [`Outbox::push`] returned `Ok` is delivered at least once, whenever power fails and whatever the flash
//!   was doing, unless it is evicted ([`WhenFull`]) or refused for good ([`Forwarded::GivenUp`]); both are counted.
//!   A push that power cuts short may have taken place.
//! - It keeps its `UNIQ_KEY` at each attempt and after each restart, so that consumers can tell a copy. Copies occur when
//!   power or network fail between a broker's answer and the end of [`Outbox::remove`].
//! - Messages leave in the order they came, one after the other with a [`Forwarder`] of one place.
//!
//! # Flash and wear
//! The flash must allow its words to be written a second time, with zeros (`MultiwriteNorFlash`): serial NOR chips, nRF52
//! and RP2040 do, the ECC flash inside an STM32L4, G4 or H7 does not. A message takes one header (8 bytes), its record (about
//! 60 bytes beside topic, texts and body; [`max_record_bytes`] is the limit), both rounded up to words of at least 8 bytes,
//! and must fit into one page. Removing it rewrites its header. Pages are filled and erased in turn, all equally often: an area of `P` pages of
//! `S` bytes, each good for `E` erases, takes `P × E × floor((S − 2 × word) / message)` messages in its life: with 16 pages of
//! 4 KiB, 100,000 erases and 200 bytes, 32 million. Space is given back by whole pages; what is sure to fit is
//! `(P − 1) × floor((S − 2 × word) / message)` messages.
//!
//! # Memory
//! `9 × PAGES + 80` bytes for the outbox beside the flash's driver ([`Outbox::STATE_BYTES`] is exact), one buffer of
//! [`max_record_bytes`] that only has to live during a call, and about 1 KiB of stack on a 32-bit machine, most of it
//! for the [`MAX_PROPERTIES`] pairs of an [`Unsent`].
//!
//! # Power cuts
//! A record counts only with its checksum, a removal is one header that becomes zero, and a page is erased only when nothing
//! on it is needed. [`Outbox::open`] finds pages whose erase was interrupted, in whatever state that has left
//! them.
//!
//! # Without an executor
//! Over [`BlockingFlash`] nothing ever waits, so [`block_on`] is all that a main loop needs:
//! ```
//! # use embedded_storage_async::nor_flash::MultiwriteNorFlash;
//! # use rocketlite_core::{Instant, Message, Producer};
//! # use rocketlite_core::outbox::{Forwarded, Forwarder, Outbox, OutboxError, block_on};
//! # fn turn<F: MultiwriteNorFlash>(
//! #     now: Instant,
//! #     producer: &mut Producer<'_>,
//! #     outbox: &mut Outbox<F, 16>,
//! #     forwarder: &mut Forwarder<1>,
//! #     buffer: &mut [u8; 512],
//! #     reading: Option<&[u8]>,
//! # ) -> Result<(), OutboxError<F::Error>> {
//! // Beside what drives the producer, in each turn:
//! if let Some(reading) = reading {
//!     let id = producer.make_message_id(now);
//!     if let Err(error) = block_on(outbox.push(&Message::new("Temperature", reading), &id, buffer)) {
//!         // The reading is lost.
//! #       drop(error);
//!     }
//! }
//! while let Some(event) = block_on(forwarder.poll(now, outbox, producer, buffer))? {
//!     if let Forwarded::GivenUp { ticket, reason, .. } = event {
//!         // Nobody wants this one.
//! #       drop((ticket, reason));
//!     }
//! }
//! let wake_at = forwarder.poll_timeout();
//! # drop(wake_at);
//! # Ok(())
//! # }
//! ```

mod blocking;
mod error;
mod forward;
mod patience;
mod record;
mod recovery;
mod words;

pub use blocking::{BlockingFlash, block_on};
pub use error::{AreaError, OutboxError, PushError};
pub use forward::{Forwarded, Forwarder, GiveUp};
pub use patience::{ForwardConfig, Next, Patience};
pub use record::{MAX_PROPERTIES, Ticket, Unsent, encode, max_record_bytes};

use core::fmt;
use core::ops::Range;

use embedded_storage_async::nor_flash::{MultiwriteNorFlash, NorFlash};
use sequential_storage::Error as QueueError;
use sequential_storage::cache::Cache;
use sequential_storage::cache::Uncached;
use sequential_storage::cache::page_pointers::ArrayPagePointers;
use sequential_storage::cache::page_states::ArrayPageStates;
use sequential_storage::queue::{QueueConfig, QueueConfigError, QueueStorage};

use crate::message::Message;
use crate::message::id::MessageId;
use crate::message::properties::UNIQ_KEY;
use crate::message::validate::{MessageLimits, check_message};
use crate::producer::{SubmitError, check_properties};
use words::WideWords;

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_enums, reason = "one of the two has to go")]
pub enum WhenFull {
    /// It is taken, and the oldest messages are dropped: up to a page of them, for flash is erased by pages.
    #[default]
    DropOldest,
    /// It is refused with [`PushError::Full`].
    RefuseNewest,
}

/// What an outbox has counted since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Counters {
    /// Messages that are in it now.
    pub waiting: u32,
    /// Messages that were taken.
    pub pushed: u64,
    /// Messages that were removed by [`Outbox::remove`].
    pub removed: u64,
    /// Messages that were dropped for newer ones.
    pub dropped: u64,
    /// Messages that were refused because the outbox was full.
    pub refused: u64,
    /// Records that were removed because they are of another version, or none.
    pub unreadable: u64,
}

/// A queue of unsent messages on a part of a flash. See the [module](self).
///
/// It knows the state of up to `PAGES` pages, so that most calls read one message and not the whole flash. Each call
/// needs a buffer for one record, and writes to the flash from it: if the driver wants writes from aligned memory, it
/// must be aligned. A future that is dropped before its end counts as a power cut.
pub struct Outbox<F: MultiwriteNorFlash, const PAGES: usize> {
    queue: QueueStorage<WideWords<F>, PageCache<PAGES>>,
    when_full: WhenFull,
    next: Ticket,
    counters: Counters,
    /// Whether a write has failed, so that nobody knows whether its message is there.
    interrupted: bool,
}

type PageCache<const PAGES: usize> = Cache<ArrayPageStates<PAGES>, ArrayPagePointers<PAGES>, Uncached>;

impl<F: MultiwriteNorFlash, const PAGES: usize> Outbox<F, PAGES> {
    /// Bytes of RAM it takes beside the flash's driver: nine for each page, and some that are always needed.
    pub const STATE_BYTES: usize = size_of::<Self>().saturating_sub(size_of::<F>());

    /// The outbox in `area` of the flash, with the messages that are there; an erased area is an empty one. Reads all of it
    /// once, completes what a power cut has left half done, and removes records that it cannot read.
    ///
    /// # Errors
    /// [`OutboxError::Area`] if the area cannot be used, otherwise what the flash or its content is missing.
    pub async fn open(
        flash: F,
        area: Range<u32>,
        when_full: WhenFull,
        buffer: &mut [u8],
    ) -> Result<Self, OutboxError<F::Error>> {
        let mut flash = WideWords(flash);
        let config = queue_config(&flash, area.clone(), PAGES).map_err(OutboxError::Area)?;
        recovery::complete_erases(&mut flash, area, buffer).await?;
        let cache = Cache::new(ArrayPageStates::new(), ArrayPagePointers::new(), Uncached);
        let queue = QueueStorage::new(flash, config, cache);
        let counters = Counters::default();
        let mut outbox = Self { queue, when_full, next: Ticket::FIRST, counters, interrupted: false };
        if let Some(last) = outbox.survey(buffer).await? {
            outbox.next = last.next();
        }
        Ok(outbox)
    }

    /// Appends a message. `id` becomes its `UNIQ_KEY` unless it brings one of its own; it is in the outbox when this
    /// returns `Ok`.
    ///
    /// # Errors
    /// [`PushError::Illegal`] for what no producer sends, [`PushError::Full`] if it is set to refuse, the limits of a
    /// record, and [`PushError::Outbox`]. The message was not taken; after `Outbox` it may have been.
    pub async fn push<'a>(
        &mut self,
        message: &Message<'a>,
        id: &MessageId,
        buffer: &mut [u8],
    ) -> Result<Ticket, PushError<'a, F::Error>> {
        check(message).map_err(PushError::Illegal)?;
        if self.interrupted {
            self.survey(buffer).await?;
            self.interrupted = false;
        }
        let mut reclaimed = false;
        loop {
            let ticket = self.next;
            let record = encode(message, id, ticket, buffer)?;
            let pushed = self.queue.push(record, false).await;
            if matches!(pushed, Err(QueueError::FullStorage)) {
                self.make_room(&mut reclaimed, buffer).await?;
                continue;
            }
            // Also after an error it may be there.
            self.next = ticket.next();
            return match pushed {
                Ok(()) => {
                    self.counters.waiting = self.counters.waiting.saturating_add(1);
                    self.counters.pushed = self.counters.pushed.saturating_add(1);
                    Ok(ticket)
                }
                Err(QueueError::ItemTooBig) => Err(PushError::TooLarge { limit: self.max_record() }),
                Err(error) => {
                    self.interrupted = true;
                    Err(PushError::Outbox(error.into()))
                }
            };
        }
    }

    /// The oldest message, which stays.
    ///
    /// # Errors
    /// What the flash or its content is missing.
    pub async fn peek<'b>(
        &mut self,
        buffer: &'b mut [u8],
    ) -> Result<Option<Unsent<'b>>, OutboxError<F::Error>> {
        self.peek_but(&[], buffer).await
    }

    /// The oldest message that is none of `busy`. It stays. All that are older are read.
    ///
    /// # Errors
    /// What the flash or its content is missing.
    pub async fn peek_but<'b>(
        &mut self,
        busy: &[Ticket],
        buffer: &'b mut [u8],
    ) -> Result<Option<Unsent<'b>>, OutboxError<F::Error>> {
        self.find(|ticket| !busy.contains(&ticket), buffer).await
    }

    /// A message that is still there.
    ///
    /// # Errors
    /// What the flash or its content is missing.
    pub async fn get<'b>(
        &mut self,
        ticket: Ticket,
        buffer: &'b mut [u8],
    ) -> Result<Option<Unsent<'b>>, OutboxError<F::Error>> {
        self.find(|of| of == ticket, buffer).await
    }

    /// Removes a message, which has been sent or is given up. Says whether it was still there: it may have been dropped.
    ///
    /// # Errors
    /// What the flash or its content is missing. The message may be there or not.
    pub async fn remove(&mut self, ticket: Ticket, buffer: &mut [u8]) -> Result<bool, OutboxError<F::Error>> {
        let mut entries = self.queue.iter().await?;
        while let Some(entry) = entries.next(buffer).await? {
            let Some(at) = Unsent::decode(&entry).map(|unsent| unsent.ticket()) else { continue };
            if at == ticket {
                entry.pop().await?;
                self.counters.waiting = self.counters.waiting.saturating_sub(1);
                self.counters.removed = self.counters.removed.saturating_add(1);
                return Ok(true);
            }
            if at.is_after(ticket) {
                break;
            }
        }
        Ok(false)
    }

    /// What it has counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.queue.destroy().0.0
    }

    /// Longest record the flash has room for.
    pub const fn max_record(&self) -> usize {
        let word = word_bytes::<WideWords<F>>();
        let overhead = word.saturating_mul(2).saturating_add(header_bytes::<WideWords<F>>());
        let room = F::ERASE_SIZE.saturating_sub(overhead);
        if room < MAX_ITEM { room } else { MAX_ITEM }
    }

    /// The oldest message that is wanted.
    async fn find<'b>(
        &mut self,
        wanted: impl Fn(Ticket) -> bool,
        buffer: &'b mut [u8],
    ) -> Result<Option<Unsent<'b>>, OutboxError<F::Error>> {
        let mut found = 0..0;
        let mut entries = self.queue.iter().await?;
        while let Some(entry) = entries.next(buffer).await? {
            if Unsent::decode(&entry).is_some_and(|unsent| wanted(unsent.ticket())) {
                found = 0..entry.len();
                break;
            }
        }
        Ok(buffer.get(found).and_then(Unsent::decode))
    }

    /// Does one thing that may make room: erases pages that only hold what was cut short, or drops a message.
    async fn make_room<'a>(
        &mut self,
        reclaimed: &mut bool,
        buffer: &mut [u8],
    ) -> Result<(), PushError<'a, F::Error>> {
        if !*reclaimed {
            // On its way to the first message the queue erases pages without any.
            self.queue.peek(buffer).await.map_err(OutboxError::from)?;
            *reclaimed = true;
            return Ok(());
        }
        match self.when_full {
            WhenFull::RefuseNewest => {
                self.counters.refused = self.counters.refused.saturating_add(1);
                Err(PushError::Full)
            }
            WhenFull::DropOldest => {
                let oldest = self.queue.pop(buffer).await.map_err(OutboxError::from)?;
                oldest.ok_or(OutboxError::Corrupted)?;
                *reclaimed = false;
                self.counters.waiting = self.counters.waiting.saturating_sub(1);
                self.counters.dropped = self.counters.dropped.saturating_add(1);
                Ok(())
            }
        }
    }

    /// Counts the messages that can be found, removes what is no record, and returns the newest.
    async fn survey(&mut self, buffer: &mut [u8]) -> Result<Option<Ticket>, OutboxError<F::Error>> {
        let (mut last, mut waiting) = (None, 0u32);
        let mut entries = self.queue.iter().await?;
        while let Some(entry) = entries.next(buffer).await? {
            match Unsent::decode(&entry).map(|unsent| unsent.ticket()) {
                None => {
                    entry.pop().await?;
                    self.counters.unreadable = self.counters.unreadable.saturating_add(1);
                }
                ticket => {
                    last = ticket;
                    waiting = waiting.saturating_add(1);
                }
            }
        }
        self.counters.waiting = waiting;
        Ok(last)
    }
}

impl<F: MultiwriteNorFlash, const PAGES: usize> fmt::Debug for Outbox<F, PAGES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("when_full", &self.when_full)
            .field("next", &self.next)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// Makes an empty outbox of `area`, whatever is there.
///
/// # Errors
/// What the flash is missing.
pub async fn erase<F: NorFlash>(flash: &mut F, area: Range<u32>) -> Result<(), OutboxError<F::Error>> {
    flash.erase(area.start, area.end).await.map_err(OutboxError::Flash)
}

/// What no producer would send should not wait for one.
fn check<'a>(message: &Message<'a>) -> Result<(), SubmitError<'a>> {
    check_message(message, &MessageLimits::default()).map_err(SubmitError::Message)?;
    check_properties(message)?;
    let own = message.property(UNIQ_KEY).map(MessageId::parse);
    own.transpose().map_err(SubmitError::UniqueKey).map(drop)
}

fn queue_config<F: NorFlash>(flash: &F, area: Range<u32>, pages: usize) -> Result<QueueConfig<F>, AreaError> {
    let capacity = flash.capacity();
    let len = usize::try_from(area.end.saturating_sub(area.start)).unwrap_or(usize::MAX);
    let config = QueueConfig::try_new(area.start..area.end.max(area.start)).map_err(|error| match error {
        QueueConfigError::RangeTooSmall => AreaError::TooFewPages,
        QueueConfigError::PagesTooSmall | QueueConfigError::WordSizeTooLarge => AreaError::Geometry,
        _ => AreaError::NotAligned { page: F::ERASE_SIZE },
    })?;
    match len.checked_div(F::ERASE_SIZE) {
        None => Err(AreaError::Geometry),
        Some(0 | 1) => Err(AreaError::TooFewPages),
        _ if usize::try_from(area.end).is_ok_and(|end| end > capacity) => {
            Err(AreaError::OutsideFlash { capacity })
        }
        Some(count) if count > pages => Err(AreaError::TooManyPages { limit: pages }),
        Some(_) => Ok(config),
    }
}

/// Bytes of the unit in which the queue writes and reads.
const fn word_bytes<F: NorFlash>() -> usize {
    if F::WRITE_SIZE > F::READ_SIZE { F::WRITE_SIZE } else { F::READ_SIZE }
}

/// Bytes before a record.
const fn header_bytes<F: NorFlash>() -> usize {
    match ITEM_HEADER.checked_next_multiple_of(word_bytes::<F>()) {
        Some(bytes) => bytes,
        None => ITEM_HEADER,
    }
}

/// Bytes of the queue's header of a record.
const ITEM_HEADER: usize = 8;
/// Longest record the queue's header has a number for.
const MAX_ITEM: usize = 0xffff;

#[cfg(test)]
pub(crate) mod tests;
