//! A broker's files: opened, recovered from, written to, and synced by threads of their own.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};

use rocketlite_broker::{Broker as Engine, FlushPolicy};
use rocketlite_core::Instant;

use super::host::BrokerHost;
use crate::drive::Driver;
use crate::store::{
    Directory, Done, Failed, Job, Keeper, LogMap, MappedDirectory, MappedFile, OpenError, Wanted, report,
};

pub(super) use crate::store::Loaded;

/// The log as memory.
pub(super) type Map = LogMap;

type Files = Keeper<File, MappedFile>;

/// Files that are open, and nobody works with yet.
#[derive(Debug)]
pub(super) struct OpenFiles {
    /// The log.
    pub(super) map: LogMap,
    files: Files,
    flush: FlushPolicy,
}

impl OpenFiles {
    pub(super) fn open(path: &Path, wanted: &Wanted, flush: FlushPolicy) -> Result<Self, OpenError> {
        let MappedDirectory { map, log, index, checkpoint } =
            Directory::open_or_create(path, wanted)?.map()?;
        Ok(Self { map, files: Keeper::new(log, index, checkpoint), flush })
    }

    /// What the files say, but for the log.
    pub(super) fn load(self, index: &mut [u8]) -> io::Result<(LogMap, Loaded, Storage)> {
        let loaded = self.files.load(self.flush, index)?;
        let files = Arc::new(self.files);
        let ((flushes, flush_jobs), (checkpoints, checkpoint_jobs)) = (sync_channel(1), sync_channel(1));
        let waiting = Some([flush_jobs, checkpoint_jobs]);
        Ok((self.map, loaded, Storage { files, flushes, checkpoints, waiting }))
    }
}

/// What the engine's driver has of the files.
#[derive(Debug)]
pub(super) struct Storage {
    files: Arc<Files>,
    /// Each has at most one job under way, so that nobody ever waits to send one.
    flushes: SyncSender<Job>,
    checkpoints: SyncSender<Job>,
    /// The other ends, until there are threads.
    waiting: Option<[Receiver<Job>; 2]>,
}

impl Storage {
    /// Writes what the engine wants to have written, and has the threads do what takes time.
    pub(super) fn persist(&self, engine: &mut Engine<'_>, now: Instant) {
        if let Err(error) = self.files.write(engine, now) {
            tracing::error!(%error, "the log cannot be written: nothing is stored any more");
        }
        while let Some(job) = self.files.take_job(engine) {
            let jobs = if job.is_flush() { &self.flushes } else { &self.checkpoints };
            // Without threads, the broker ends.
            let _ = jobs.try_send(job);
        }
    }

    /// Makes the start of the broker known to the disk, before anybody is served.
    pub(super) fn begin(&self, engine: &mut Engine<'_>, now: Instant) -> io::Result<()> {
        self.files.write(engine, now)?;
        while let Some(job) = self.files.take_job(engine) {
            let result = self.files.run(job);
            report(engine, now, &result);
            result.map_err(|failed| failed.error)?;
        }
        Ok(())
    }

    /// What the threads begin with.
    pub(super) fn take_jobs(&mut self) -> Jobs {
        Jobs { files: Arc::clone(&self.files), waiting: self.waiting.take() }
    }
}

/// Where jobs come from.
#[derive(Debug)]
pub(super) struct Jobs {
    files: Arc<Files>,
    waiting: Option<[Receiver<Job>; 2]>,
}

impl Jobs {
    /// Starts the threads, one for flushes and one for checkpoints. They end with the driver.
    pub(super) fn start(self, driver: &Arc<Driver<BrokerHost>>) -> io::Result<()> {
        for (jobs, name) in self.waiting.into_iter().flatten().zip(["flush", "checkpoint"]) {
            let (files, driver) = (Arc::clone(&self.files), Arc::downgrade(driver));
            std::thread::Builder::new()
                .name(format!("rocketlite-{name}"))
                .spawn(move || work(&files, &driver, &jobs))?;
        }
        Ok(())
    }
}

/// Does jobs until there is no driver any more.
fn work(files: &Files, driver: &Weak<Driver<BrokerHost>>, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let result = files.run(job);
        tell(&result);
        let Some(driver) = driver.upgrade() else { return };
        driver.input(|host, now| host.report(now, &result));
    }
}

fn tell(result: &Result<Done, Failed>) {
    if let Err(Failed { failure, error, .. }) = result {
        tracing::error!(?failure, %error, "the disk has failed: what was flushed is served, nothing is stored any more");
    }
}
