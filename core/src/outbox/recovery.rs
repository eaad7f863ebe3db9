//! What the queue cannot see by itself: a page whose erase was interrupted.
//!
//! After that its contents are undefined (`NorFlash::erase`). The queue finds such a page only if the mark at its
//! beginning has gone and that at its end is left. Otherwise it may write over what is left of old records, or take
//! the page for the one it has to continue, and not find the messages that lie elsewhere.
//!
//! The pages in use are a ring: some closed ones, from the oldest on, then at most one that is begun, and the rest is erased.
//! The oldest is erased when all its messages have been removed.

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::cache::Cache;
use sequential_storage::queue::{QueueConfig, QueueStorage};

use super::error::{AreaError, OutboxError};
use super::word_bytes;

/// Erases each page of `area` whose erase was interrupted. Nothing is lost: a page with a message is left alone.
pub(super) async fn complete_erases<F: NorFlash>(
    flash: &mut F,
    area: Range<u32>,
    buffer: &mut [u8],
) -> Result<(), OutboxError<F::Error>> {
    let mut pages = Pages { flash, area, buffer };
    let mut page = pages.area.start;
    while page < pages.area.end {
        if pages.is_half_erased(page).await? {
            let end = page.saturating_add(PageLayout::<F>::LEN);
            pages.flash.erase(page, end).await.map_err(OutboxError::Flash)?;
        }
        page = page.saturating_add(PageLayout::<F>::LEN);
    }
    Ok(())
}

/// The pages, by their first addresses.
struct Pages<'f, 'b, F> {
    flash: &'f mut F,
    area: Range<u32>,
    buffer: &'b mut [u8],
}

/// A page as the queue sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageState {
    Erased,
    Begun,
    /// It is erased before it is written to again, whatever is in it.
    Closed,
}

impl<F: NorFlash> Pages<'_, '_, F> {
    /// Whether no message is on the page and the queue must not write to it.
    async fn is_half_erased(&mut self, page: u32) -> Result<bool, OutboxError<F::Error>> {
        let state = self.state(page).await?;
        if state == PageState::Closed {
            return Ok(false);
        }
        let end = page.saturating_add(PageLayout::<F>::LEN);
        let config = QueueConfig::try_new(page..end).map_err(|_| OutboxError::Area(AreaError::Geometry))?;
        // A queue of this page alone tells what is on it.
        let mut queue = QueueStorage::new(&mut *self.flash, config, Cache::new_uncached());
        if queue.peek(self.buffer).await?.is_some() {
            return Ok(false);
        }
        let free = queue.space_left().await?;
        let end = end.saturating_sub(PageLayout::<F>::WORD);
        let dirty = !self.is_blank(end.saturating_sub(free)..end).await?;
        Ok(dirty || state == PageState::Begun && self.is_out_of_line(page).await?)
    }

    /// Whether a page that is begun does not follow those that are closed.
    async fn is_out_of_line(&mut self, page: u32) -> Result<bool, OutboxError<F::Error>> {
        let before = if page == self.area.start { self.area.end } else { page };
        if self.state(before.saturating_sub(PageLayout::<F>::LEN)).await? == PageState::Closed {
            return Ok(false);
        }
        let mut other = self.area.start;
        while other < self.area.end {
            if other != page && self.state(other).await? != PageState::Erased {
                return Ok(true);
            }
            other = other.saturating_add(PageLayout::<F>::LEN);
        }
        Ok(false)
    }

    async fn state(&mut self, page: u32) -> Result<PageState, OutboxError<F::Error>> {
        let last = page.saturating_add(PageLayout::<F>::LEN).saturating_sub(PageLayout::<F>::READ);
        let begun = self.is_marked(page).await?;
        Ok(match (begun, self.is_marked(last).await?) {
            // The queue erases it at once if only the end is marked.
            (_, true) => PageState::Closed,
            (true, false) => PageState::Begun,
            (false, false) => PageState::Erased,
        })
    }

    /// Whether the queue takes what is there for its mark, whole or cut short.
    async fn is_marked(&mut self, at: u32) -> Result<bool, OutboxError<F::Error>> {
        let needed = F::READ_SIZE;
        let place = self.buffer.get_mut(..needed).ok_or(OutboxError::BufferTooSmall { needed })?;
        self.flash.read(at, place).await.map_err(OutboxError::Flash)?;
        let zeros = place.iter().map(|byte| byte.count_zeros()).fold(0, u32::saturating_add);
        Ok(zeros >= 4)
    }

    /// Whether all bytes of `range` are erased.
    async fn is_blank(&mut self, range: Range<u32>) -> Result<bool, OutboxError<F::Error>> {
        let pieces = self.buffer.len().checked_div(F::READ_SIZE).unwrap_or(0);
        let room = pieces.saturating_mul(F::READ_SIZE);
        let mut at = range.start;
        while at < range.end {
            let rest = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let piece = self.buffer.get_mut(..rest.min(room)).filter(|piece| !piece.is_empty());
            let piece = piece.ok_or(OutboxError::BufferTooSmall { needed: F::READ_SIZE })?;
            self.flash.read(at, piece).await.map_err(OutboxError::Flash)?;
            if piece.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
            at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        }
        Ok(true)
    }
}

/// Bytes of a page and of its parts, as addresses are counted.
struct PageLayout<F>(F);

impl<F: NorFlash> PageLayout<F> {
    const LEN: u32 = to_u32(F::ERASE_SIZE);
    const READ: u32 = to_u32(F::READ_SIZE);
    /// The mark at its beginning and that at its end take so many.
    const WORD: u32 = to_u32(word_bytes::<F>());
}

/// No flash has sizes that do not fit: they would not be addresses.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a constant; there is no const `try_from`"
)]
const fn to_u32(size: usize) -> u32 {
    if size > 0x7fff_ffff { 0x7fff_ffff } else { size as u32 }
}
