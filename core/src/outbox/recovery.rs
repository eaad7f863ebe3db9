//! What the queue cannot see by itself: a page whose erase was interrupted.
//!
//! After that its contents are undefined (`NorFlash::erase`). The queue finds such a page only if the mark at its
//! beginning has gone and that at its end is left. Otherwise it would write over what is left of old records, or
//! find two pages begun at a time and give up.

use core::ops::Range;

use embedded_storage_async::nor_flash::NorFlash;
use sequential_storage::cache::Cache;
use sequential_storage::queue::{QueueConfig, QueueStorage};

use super::error::{AreaError, OutboxError};
use super::word_bytes;

/// Erases each page of `area` whose erase was interrupted. Nothing is lost: a page is erased only when all its messages have
/// been removed.
pub(super) async fn complete_erases<F: NorFlash>(
    flash: &mut F,
    area: Range<u32>,
    buffer: &mut [u8],
) -> Result<(), OutboxError<F::Error>> {
    let page_bytes = u32::try_from(F::ERASE_SIZE).map_err(|_| OutboxError::Area(AreaError::Geometry))?;
    let mut start = area.start;
    while start < area.end {
        let end = start.saturating_add(page_bytes);
        if is_half_erased(flash, start..end, buffer).await? {
            flash.erase(start, end).await.map_err(OutboxError::Flash)?;
        }
        start = end;
    }
    Ok(())
}

/// Whether the queue would write to the page although it is neither erased nor in order, and no message is on it.
async fn is_half_erased<F: NorFlash>(
    flash: &mut F,
    page: Range<u32>,
    buffer: &mut [u8],
) -> Result<bool, OutboxError<F::Error>> {
    let word = u32::try_from(word_bytes::<F>()).unwrap_or(u32::MAX);
    let read = u32::try_from(F::READ_SIZE).unwrap_or(u32::MAX);
    // A page that is closed is erased before it is written to.
    if !is_blank(flash, page.end.saturating_sub(read)..page.end, buffer).await? {
        return Ok(false);
    }
    let data = page.start.saturating_add(word)..page.end.saturating_sub(word);
    let begun = !is_blank(flash, page.start..data.start, buffer).await?;
    let config = QueueConfig::try_new(page).map_err(|_| OutboxError::Area(AreaError::Geometry))?;
    // A queue of this page alone tells what is on it.
    let mut queue = QueueStorage::new(&mut *flash, config, Cache::new_uncached());
    if queue.peek(buffer).await?.is_some() {
        return Ok(false);
    }
    let free = queue.space_left().await?;
    let never_written = data.end.saturating_sub(free) == data.start;
    let free = data.end.saturating_sub(free)..data.end;
    // A page is begun in order to be written to; if it is blank, it may as well be all that an erase has left.
    Ok(begun && never_written || !is_blank(flash, free, buffer).await?)
}

/// Whether all bytes of `range` are erased.
async fn is_blank<F: NorFlash>(
    flash: &mut F,
    range: Range<u32>,
    buffer: &mut [u8],
) -> Result<bool, OutboxError<F::Error>> {
    let pieces = buffer.len().checked_div(F::READ_SIZE).unwrap_or(0);
    let room = pieces.saturating_mul(F::READ_SIZE);
    let mut at = range.start;
    while at < range.end {
        let rest = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let Some(piece) = buffer.get_mut(..rest.min(room)).filter(|piece| !piece.is_empty()) else {
            return Err(OutboxError::BufferTooSmall { needed: F::READ_SIZE });
        };
        flash.read(at, piece).await.map_err(OutboxError::Flash)?;
        if piece.iter().any(|byte| *byte != 0xff) {
            return Ok(false);
        }
        at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
    }
    Ok(true)
}
