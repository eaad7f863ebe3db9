//! The settings of an outbox in a file.

use core::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocketlite_core::message::id::MessageIdGenerator;
use rocketlite_core::outbox::{self as core_outbox, WhenFull, block_on};
use tokio::sync::{Mutex, Notify};

use super::error::OpenError;
use super::file::{FileError, FileFlash, PAGE_BYTES};
use super::{MAX_PAGES, Outbox, Store};
use crate::clock::{Clock, seed};

/// Describes an [`Outbox`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OutboxBuilder {
    path: PathBuf,
    capacity: u64,
    when_full: WhenFull,
    sync: bool,
}

impl OutboxBuilder {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, capacity: 16 << 20, when_full: WhenFull::DropOldest, sync: true }
    }

    /// Bytes for messages, at least 128 KiB and at most 256 MiB, rounded up to pages of 64 KiB: 16 MiB. It stays what it
    /// was when the file was made.
    pub const fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// What happens to a message for which there is no room: it is taken, and up to a page of the oldest are dropped.
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Whether each write is on the disk before it counts: yes. Otherwise messages survive the end of the process, but not
    /// that of the machine.
    pub const fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Opens the file, or makes it and writes all its bytes, and reads what is there.
    ///
    /// # Errors
    /// Why the file is not to be had or not to be used: see [`OpenError`]. A file that is refused is left as it is.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(self) -> Result<Outbox, OpenError> {
        let path = self.path.clone();
        let store = tokio::task::spawn_blocking(move || self.open_store());
        let store = store.await.unwrap_or(Err(OpenError::NoRuntime))?;
        let store = Arc::new(Mutex::new(store));
        Ok(Outbox { store, pushed: Notify::new(), removed: Notify::new(), path })
    }

    fn open_store(&self) -> Result<Store, OpenError> {
        let capacity = self.rounded_capacity()?;
        let flash = FileFlash::open(&self.path, capacity, self.sync)?;
        let mut buffer = vec![0; PAGE_BYTES];
        let opened = block_on(core_outbox::Outbox::open(flash, 0..capacity, self.when_full, &mut buffer));
        let outbox = opened.map_err(|error| open_error(&self.path, error))?;
        let record = vec![0; outbox.max_record()];
        let seed = seed();
        // Process ids repeat in containers; random bits do not.
        let process = u16::try_from(seed & 0xffff).unwrap_or_default();
        let loader = u32::try_from(seed >> 32).unwrap_or_default();
        let ids = MessageIdGenerator::new(IpAddr::V4(Ipv4Addr::LOCALHOST), process, loader);
        Ok(Store { outbox, record, buffer, ids, clock: Clock::start() })
    }

    fn rounded_capacity(&self) -> Result<u32, OpenError> {
        let page = PAGE_BYTES as u64;
        let limits = (2 * page, MAX_PAGES as u64 * page);
        let error = OpenError::Capacity { bytes: self.capacity, limits };
        match self.capacity.checked_next_multiple_of(page) {
            Some(bytes) if (limits.0..=limits.1).contains(&bytes) => u32::try_from(bytes).map_err(|_| error),
            _ => Err(error),
        }
    }
}

fn open_error(path: &Path, error: core_outbox::OutboxError<FileError>) -> OpenError {
    match error {
        core_outbox::OutboxError::Flash(FileError::Io(error)) => {
            OpenError::File { path: path.to_owned(), error }
        }
        _ => OpenError::Corrupted { path: path.to_owned() },
    }
}
