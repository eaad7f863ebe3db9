//! The answer to a query by key: as with a pull, records go from the log to the driver's buffer, and nowhere in between.

use rocketlite_core::Extent;
use rocketlite_core::wire::cursor::{Reader, Writer};
use rocketlite_core::wire::header::QueryMessageResponseHeader;

use super::Sources;

/// The answer to a query by key (`QueryMessageProcessor#queryMessage`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Where the records stand in the log, and how long they are: 8 and 4 bytes of each in the memory of answers, the
    /// oldest record first.
    pub(crate) places: Extent,
    /// How many of them are gone.
    pub(crate) gone: usize,
    /// When the newest message was stored that has a key.
    pub(crate) last_timestamp: i64,
    /// Where it stands.
    pub(crate) last_offset: i64,
}

impl Found {
    /// Most messages in one answer (`maxMsgsNumBatch`).
    pub(crate) const MAX_MESSAGES: usize = 64;
    /// The text of an answer without any.
    pub(super) const NOTHING: &'static str = "can not find message, maybe time range not correct";

    pub(super) const fn header(&self) -> QueryMessageResponseHeader {
        QueryMessageResponseHeader {
            index_last_update_timestamp: self.last_timestamp,
            index_last_update_phyoffset: self.last_offset,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.gone.saturating_mul(Self::PLACE_BYTES) >= self.places.len()
    }

    /// Before the first byte is written: messages that were evicted meanwhile are not promised.
    pub(super) fn prepare(&mut self, from: &Sources<'_, '_>) {
        let all = Self { gone: 0, ..*self };
        self.gone = all.records(from).take_while(|(at, _)| *at < from.log.min_offset()).count();
    }

    /// Whether all messages are still there.
    pub(super) fn is_intact(&self, from: &Sources<'_, '_>) -> bool {
        self.records(from).next().is_none_or(|(oldest, _)| oldest >= from.log.min_offset())
    }

    pub(super) fn put_records(&self, writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
        for (at, size) in self.records(from) {
            writer.put(from.log.bytes(at, size).unwrap_or_default());
        }
    }

    /// Writes a place.
    pub(crate) fn put_place(writer: &mut Writer<'_>, (physical_offset, size): (u64, usize)) {
        writer.put_i64(i64::try_from(physical_offset).unwrap_or(i64::MAX));
        writer.put_u32(u32::try_from(size).unwrap_or(u32::MAX));
    }

    const PLACE_BYTES: usize = 12;

    fn records<'a>(&self, from: &Sources<'a, '_>) -> impl Iterator<Item = (u64, usize)> + use<'a> {
        let places = from.bodies.get(self.places).chunks_exact(Self::PLACE_BYTES);
        places.skip(self.gone).filter_map(|place| {
            let mut reader = Reader::new(place);
            let at = u64::try_from(reader.i64("place").ok()?).ok()?;
            Some((at, usize::try_from(reader.i32("size").ok()?).ok()?))
        })
    }
}
