//! A disk that loses power, tears writes, and fails, as its seed says.
//!
//! What is written is seen by reads at once, and is durable after a sync. Until then each sector of 512 bytes is for itself:
//! a [power cut](FaultyDisk::crash) leaves what was durable, what was written last, or something that was written in between.

use core::fmt;
use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocketlite::store::RawFile;
use rocketlite_core::Rng;

/// What a disk writes wholly or not at all.
pub const SECTOR_BYTES: usize = 512;

/// Versions of a sector between two syncs that a power cut can leave: of more, the first and the last ones.
const MAX_VERSIONS: usize = 8;

/// How often the disk fails, of 10,000 calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Syncs that fail.
    pub sync: u32,
    /// Writes that fail, with some of their first sectors written.
    pub write: u32,
    /// Reads that fail.
    pub read: u32,
}

/// A disk of named files of fixed lengths. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`FaultyDisk`]. After a crash or a kill it gives nothing but errors.
#[derive(Debug, Clone)]
pub struct FaultyFile {
    disk: FaultyDisk,
    name: String,
    /// The life of the process that has opened it.
    life: u64,
}

#[derive(Debug)]
struct State {
    chance: Rng,
    rates: FaultRates,
    files: BTreeMap<String, StoredFile>,
    life: u64,
}

type Sector = [u8; SECTOR_BYTES];

#[derive(Debug, Default)]
struct StoredFile {
    /// What reads see.
    cache: Vec<u8>,
    /// What stays without power.
    durable: Vec<u8>,
    /// Sectors that were written since they were made durable, by their numbers.
    unsynced: BTreeMap<usize, Unsynced>,
    fail_next_sync: bool,
    /// Whether every sync fails from now on.
    broken: bool,
}

#[derive(Debug, Default)]
struct Unsynced {
    versions: Vec<Sector>,
    /// A failed sync has forgotten it: later ones say that they have succeeded and do nothing about it.
    forgotten: bool,
}

impl FaultyDisk {
    /// An empty disk that never fails by itself. `seed` decides what power cuts and failures leave.
    pub fn new(seed: u64) -> Self {
        Self::with_rates(seed, FaultRates::default())
    }

    /// An empty disk that fails by itself, too.
    pub fn with_rates(seed: u64, rates: FaultRates) -> Self {
        let state = State { chance: Rng::new(seed), rates, files: BTreeMap::new(), life: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How often it fails from now on.
    pub fn set_rates(&self, rates: FaultRates) {
        self.state().rates = rates;
    }

    /// Makes a file of zeros, which is durable, and opens it.
    ///
    /// # Panics
    /// If there is one of that name.
    pub fn create(&self, name: &str, bytes: u64) -> FaultyFile {
        let zeros = vec![0; usize::try_from(bytes).expect("bytes that fit into memory")];
        let file = StoredFile { durable: zeros.clone(), cache: zeros, ..StoredFile::default() };
        let before = self.state().files.insert(name.to_owned(), file);
        assert!(before.is_none(), "{name} is there already");
        self.open(name)
    }

    /// Opens a file.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn open(&self, name: &str) -> FaultyFile {
        let state = self.state();
        assert!(state.files.contains_key(name), "{name} is not there");
        FaultyFile { disk: self.clone(), name: name.to_owned(), life: state.life }
    }

    /// Cuts the power. Each sector that was not made durable is from now on what its seed says, and all open files are dead.
    /// Disks that were broken are whole again.
    pub fn crash(&self) {
        let state = &mut *self.state();
        state.life += 1;
        for file in state.files.values_mut() {
            for (number, unsynced) in core::mem::take(&mut file.unsynced) {
                if let Some(version) = unsynced.pick(&mut state.chance) {
                    file.keep(number, version);
                }
            }
            file.cache.copy_from_slice(&file.durable);
            (file.fail_next_sync, file.broken) = (false, false);
        }
    }

    /// Kills the process: all open files are dead, and nothing is lost.
    pub fn kill(&self) {
        self.state().life += 1;
    }

    /// Lets the next sync of a file fail.
    pub fn fail_next_sync(&self, name: &str) {
        self.with(name, |file, _| file.fail_next_sync = true);
    }

    /// Lets every sync of a file fail, until power is cut.
    pub fn break_syncs(&self, name: &str) {
        self.with(name, |file, _| file.broken = true);
    }

    /// Flips a bit, in the memory of the system and on the disk.
    ///
    /// # Panics
    /// If the file has no such byte.
    pub fn flip(&self, name: &str, at: u64, bit: u8) {
        self.with(name, |file, _| {
            let at = usize::try_from(at).expect("a place in memory");
            file.cache[at] ^= 1 << bit;
            file.durable[at] ^= 1 << bit;
            if let Some(unsynced) = file.unsynced.get_mut(&(at / SECTOR_BYTES)) {
                unsynced.versions.iter_mut().for_each(|version| version[at % SECTOR_BYTES] ^= 1 << bit);
            }
        });
    }

    /// What would stay of a file if power were cut and nothing that was not synced had got to the disk.
    pub fn durable(&self, name: &str) -> Vec<u8> {
        self.with(name, |file, _| file.durable.clone())
    }

    fn with<R>(&self, name: &str, work: impl FnOnce(&mut StoredFile, &mut Rng) -> R) -> R {
        let state = &mut *self.state();
        let file = state.files.get_mut(name).unwrap_or_else(|| panic!("{name} is not there"));
        work(file, &mut state.chance)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that has failed elsewhere has its own message.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let files: BTreeSet<_> = state.files.keys().collect();
        f.debug_struct("FaultyDisk").field("files", &files).field("life", &state.life).finish_non_exhaustive()
    }
}

impl FaultyFile {
    /// Works with the file, if it is not dead and not one of `rate` calls of 10,000 that fail.
    fn with<R>(
        &self,
        rate: impl FnOnce(&FaultRates) -> u32,
        work: impl FnOnce(&mut StoredFile, &mut Rng, bool) -> io::Result<R>,
    ) -> io::Result<R> {
        let state = &mut *self.disk.state();
        if state.life != self.life {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the process that opened it is gone"));
        }
        let fails = state.chance.below(10_000) < rate(&state.rates);
        let file = state.files.get_mut(&self.name).expect("files are never removed");
        work(file, &mut state.chance, fails)
    }
}

impl RawFile for FaultyFile {
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.with(
            |rates| rates.read,
            |file, _, fails| {
                let place = file.place(at, bytes.len(), io::ErrorKind::UnexpectedEof)?;
                if fails {
                    return Err(disk_error());
                }
                bytes.copy_from_slice(&file.cache[place..place + bytes.len()]);
                Ok(())
            },
        )
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(
            |rates| rates.write,
            |file, chance, fails| {
                let place = file.place(at, bytes.len(), io::ErrorKind::InvalidInput)?;
                let sectors =
                    u32::try_from(bytes.len() / SECTOR_BYTES).expect("a write that is not that long");
                let written = chance.below(sectors + 1) as usize * SECTOR_BYTES;
                file.write(place, if fails { &bytes[..written] } else { bytes });
                if fails { Err(disk_error()) } else { Ok(()) }
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|rates| rates.sync, StoredFile::sync)
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|_| 0, |file, _, _| Ok(file.cache.len() as u64))
    }
}

impl StoredFile {
    /// Files keep their length: what would change it is an error of the caller.
    fn place(&self, at: u64, len: usize, outside: io::ErrorKind) -> io::Result<usize> {
        let place = usize::try_from(at).ok().filter(|place| {
            let end = place.checked_add(len);
            end.is_some_and(|end| end <= self.cache.len())
        });
        place.ok_or_else(|| io::Error::new(outside, format!("{len} bytes at {at} of {}", self.cache.len())))
    }

    fn write(&mut self, place: usize, bytes: &[u8]) {
        let end = place + bytes.len();
        self.cache[place..end].copy_from_slice(bytes);
        for number in place / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let mut version = [0; SECTOR_BYTES];
            let content = &self.cache[sector_within(number, self.cache.len())];
            version[..content.len()].copy_from_slice(content);
            let unsynced = self.unsynced.entry(number).or_default();
            if unsynced.versions.len() == MAX_VERSIONS {
                unsynced.versions.remove(MAX_VERSIONS / 2);
            }
            unsynced.versions.push(version);
            unsynced.forgotten = false;
        }
    }

    fn sync(&mut self, chance: &mut Rng, fails: bool) -> io::Result<()> {
        if self.broken {
            return Err(disk_error());
        }
        if fails || core::mem::take(&mut self.fail_next_sync) {
            self.forget(chance);
            return Err(disk_error());
        }
        let (forgotten, written) = core::mem::take(&mut self.unsynced)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, of)| of.forgotten);
        for (number, unsynced) in &written {
            if let Some(newest) = unsynced.versions.last() {
                self.keep(*number, newest);
            }
        }
        self.unsynced = forgotten;
        Ok(())
    }

    /// Makes a version of a sector durable.
    fn keep(&mut self, number: usize, version: &Sector) {
        let at = sector_within(number, self.durable.len());
        let len = at.len();
        self.durable[at].copy_from_slice(&version[..len]);
    }

    /// What a failed sync leaves. Linux takes what it could not write for written: the next sync succeeds without it, and it
    /// is seen until the system needs the memory. A disk can also be broken for good.
    fn forget(&mut self, chance: &mut Rng) {
        self.broken = chance.below(3) == 0;
        let seen = chance.below(3) != 0;
        for (number, unsynced) in &mut self.unsynced {
            unsynced.forgotten = true;
            if !seen && chance.below(2) == 0 {
                let at = sector_within(*number, self.cache.len());
                self.cache[at.clone()].copy_from_slice(&self.durable[at]);
            }
        }
    }
}

impl Unsynced {
    /// What a power cut leaves of it: nothing, the newest, or any version.
    fn pick(&self, chance: &mut Rng) -> Option<&Sector> {
        match chance.below(3) {
            0 => None,
            1 => self.versions.last(),
            _ => {
                let count = u32::try_from(self.versions.len()).expect("few versions");
                self.versions.get(chance.below(count) as usize)
            }
        }
    }
}

/// The bytes of a sector, of which the last one of a file may have fewer.
fn sector_within(number: usize, len: usize) -> Range<usize> {
    number * SECTOR_BYTES..((number + 1) * SECTOR_BYTES).min(len)
}

fn disk_error() -> io::Error {
    io::Error::other("the disk has failed")
}
