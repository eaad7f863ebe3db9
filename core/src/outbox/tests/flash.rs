//! A flash in memory whose power can be cut anywhere, and which checks how it is used.

use core::convert::Infallible;
use std::vec;
use std::vec::Vec;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::Rng;

/// In which order a write or an erase gets to its bytes, and what it leaves of them when it is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    /// Erases only: bytes are written forwards.
    Backward,
    /// Bits change all over the page or the write, as on real chips.
    Anywhere,
}

/// Pages of `PAGE` bytes, written in words of `WORD`.
#[derive(Debug, Clone)]
pub(crate) struct RamFlash<const WORD: usize, const PAGE: usize> {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that can still be written or erased before power fails.
    pub(crate) power: Option<u32>,
    /// Whether it has failed.
    pub(crate) dark: bool,
    pub(crate) order: Order,
    /// What bits a cut leaves.
    pub(crate) chance: Rng,
    /// Bytes written and erased so far.
    pub(crate) work: u32,
    /// Erases by page.
    pub(crate) erases: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlashError {
    PowerCut,
    /// A bit that is 0 was to become 1.
    NotErased(u32),
    Misuse(&'static str),
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl From<Infallible> for FlashError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<const WORD: usize, const PAGE: usize> RamFlash<WORD, PAGE> {
    pub(crate) fn new(pages: usize) -> Self {
        Self {
            bytes: vec![0xff; pages * PAGE],
            power: None,
            dark: false,
            order: Order::Forward,
            chance: Rng::new(1),
            work: 0,
            erases: vec![0; pages],
        }
    }

    pub(crate) fn area(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.bytes.len()).unwrap()
    }

    /// Power comes back.
    pub(crate) fn restart(&mut self) {
        (self.power, self.dark) = (None, false);
    }

    fn step(&mut self) -> Result<(), FlashError> {
        if self.dark {
            return Err(FlashError::PowerCut);
        }
        match &mut self.power {
            Some(0) => {
                self.dark = true;
                return Err(FlashError::PowerCut);
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.work += 1;
        Ok(())
    }

    fn any_bits(&mut self) -> u8 {
        self.chance.next_u64().to_be_bytes()[0]
    }

    fn place(&self, offset: u32, len: usize, unit: usize) -> Result<usize, FlashError> {
        let start = usize::try_from(offset).unwrap();
        if !start.is_multiple_of(unit) || !len.is_multiple_of(unit) || len == 0 {
            return Err(FlashError::Misuse("not aligned"));
        }
        if start + len > self.bytes.len() {
            return Err(FlashError::Misuse("out of bounds"));
        }
        Ok(start)
    }

    /// Erases bytes of a page until power fails.
    fn erase_page(&mut self, page: core::ops::Range<usize>) -> Result<(), FlashError> {
        let mut places: Vec<usize> = page.clone().collect();
        match self.order {
            Order::Forward => {}
            Order::Backward => places.reverse(),
            Order::Anywhere => {
                for last in (1..places.len()).rev() {
                    let other = self.chance.below(u32::try_from(last + 1).unwrap());
                    places.swap(last, usize::try_from(other).unwrap());
                }
            }
        }
        for at in places {
            if let Err(cut) = self.step() {
                if self.order == Order::Anywhere && self.bytes[page.clone()].contains(&0xff) {
                    for at in page {
                        // Bits only rise, but for those that were pulled down first.
                        let (rise, fall) = (self.any_bits(), self.any_bits() | self.any_bits());
                        self.bytes[at] = (self.bytes[at] | rise) & if rise & 1 == 0 { fall } else { 0xff };
                    }
                } else {
                    let rise = self.any_bits();
                    self.bytes[at] |= rise;
                }
                return Err(cut);
            }
            self.bytes[at] = 0xff;
        }
        Ok(())
    }
}

impl<const WORD: usize, const PAGE: usize> ErrorType for RamFlash<WORD, PAGE> {
    type Error = FlashError;
}

impl<const WORD: usize, const PAGE: usize> ReadNorFlash for RamFlash<WORD, PAGE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        if self.dark {
            return Err(FlashError::PowerCut);
        }
        let start = self.place(offset, bytes.len(), 1)?;
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WORD: usize, const PAGE: usize> NorFlash for RamFlash<WORD, PAGE> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let len = usize::try_from(to - from).unwrap();
        let start = self.place(from, len, PAGE)?;
        for page in (start..start + len).step_by(PAGE) {
            self.erases[page / PAGE] += 1;
            self.erase_page(page..page + PAGE)?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let start = self.place(offset, bytes.len(), WORD)?;
        for (at, byte) in (start..).zip(bytes) {
            if *byte & !self.bytes[at] != 0 {
                return Err(FlashError::NotErased(u32::try_from(at).unwrap()));
            }
        }
        let old = self.bytes[start..start + bytes.len()].to_vec();
        for (at, byte) in (start..).zip(bytes) {
            if let Err(cut) = self.step() {
                let torn = |of: usize| of == at || self.order == Order::Anywhere;
                for of in (start..start + bytes.len()).filter(|of| torn(*of)).collect::<Vec<_>>() {
                    // Some bits of the byte have come down.
                    let some = self.any_bits();
                    self.bytes[of] = old[of - start] & (bytes[of - start] | some);
                }
                return Err(cut);
            }
            self.bytes[at] &= byte;
        }
        Ok(())
    }
}

impl<const WORD: usize, const PAGE: usize> MultiwriteNorFlash for RamFlash<WORD, PAGE> {}
