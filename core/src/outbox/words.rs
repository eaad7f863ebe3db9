//! Words wide enough for the queue's header of a record.

use embedded_storage_async::nor_flash::{ErrorType, MultiwriteNorFlash, NorFlash, ReadNorFlash};

/// A flash that is written in words of eight bytes or more.
///
/// After a power cut the queue goes on at the next word. If half a header could stand before it, the two halves of two
/// records might together look like a third one, which swallows what comes after: one cut of 65,536 in such a place.
#[derive(Debug)]
pub(super) struct WideWords<F>(pub(super) F);

impl<F: ErrorType> ErrorType for WideWords<F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for WideWords<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes).await
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<F: NorFlash> NorFlash for WideWords<F> {
    const WRITE_SIZE: usize = match super::ITEM_HEADER.checked_next_multiple_of(F::WRITE_SIZE) {
        Some(bytes) => bytes,
        None => F::WRITE_SIZE,
    };
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0.erase(from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write(offset, bytes).await
    }
}

impl<F: MultiwriteNorFlash> MultiwriteNorFlash for WideWords<F> {}
