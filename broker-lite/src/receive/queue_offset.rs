//! `GET_MAX_OFFSET`, `GET_MIN_OFFSET`, `SEARCH_OFFSET_BY_TIMESTAMP` and `GET_EARLIEST_MSG_STORETIME`: places in a queue
//! (`AdminBrokerProcessor`).

use rocketlite_core::SlotId;
use rocketlite_core::wire::DecodeError;
use rocketlite_core::wire::header::{QueueOffsetRequestHeader, SearchOffsetRequestHeader};

use super::{Refusal, Request, cut_name};
use crate::broker::State;
use crate::outgoing::Content;
use crate::table::Queue;

/// The offset that the next message gets; 0 of a queue that is not there.
pub(super) fn max(state: &State<'_>, request: &Request<'_>) -> Content {
    of_queue(state, request).map_or_else(
        |error| Refusal::from(error).answer(),
        |(_, _, queue)| Content::QueueOffset(state.visible_max(queue)),
    )
}

/// The offset of the oldest message that is stored.
pub(super) fn min(state: &State<'_>, request: &Request<'_>) -> Content {
    of_queue(state, request).map_or_else(
        |error| Refusal::from(error).answer(),
        |(_, _, queue)| Content::QueueOffset(queue.min_offset()),
    )
}

/// When the oldest message was stored; -1 if there is none.
pub(super) fn earliest_store_time(state: &State<'_>, request: &Request<'_>) -> Content {
    match of_queue(state, request) {
        Ok((topic, queue_id, queue)) => {
            let time = topic.and_then(|topic| store_time(state, topic, queue_id, queue.min_offset()));
            Content::StoreTime(time.unwrap_or(-1))
        }
        Err(error) => Refusal::from(error).answer(),
    }
}

/// The first message stored at a time or later, or behind it if `boundaryType` is `UPPER`; the next one's offset if
/// there is none (`ConsumeQueue#getOffsetInQueueByTime`, 5.x).
pub(super) fn search(state: &State<'_>, request: &Request<'_>) -> Content {
    let header = match SearchOffsetRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let (name, _) = cut_name(header.topic);
    let upper = header.boundary_type.is_some_and(|boundary| boundary == "UPPER" || boundary == "upper");
    let Some(topic) = state.topics.find(&name) else { return Content::QueueOffset(0) };
    Content::QueueOffset(state.search_offset(topic, header.queue_id, header.timestamp, upper))
}

impl State<'_> {
    /// The first message of a queue that was stored at `timestamp` or later; with `upper` the last that was stored at it
    /// or, without any, the first stored later.
    pub(crate) fn search_offset(&self, topic: SlotId, queue_id: i32, timestamp: i64, upper: bool) -> i64 {
        let queue = self.topics.queue(topic, queue_id).copied().unwrap_or(Queue::EMPTY);
        let later_than = |time: i64| {
            let (mut low, mut high) = (queue.min_offset(), queue.max_offset());
            while low < high {
                let middle = low.saturating_add(high.saturating_sub(low) / 2);
                let stored = store_time(self, topic, queue_id, middle);
                if stored.is_some_and(|stored| stored < time) {
                    low = middle.saturating_add(1);
                } else {
                    high = middle;
                }
            }
            low
        };
        let first = later_than(timestamp);
        let behind = if upper { later_than(timestamp.saturating_add(1)) } else { first };
        if behind > first { behind.saturating_sub(1) } else { first }
    }
}

/// When a message was stored.
pub(super) fn store_time(state: &State<'_>, topic: SlotId, queue_id: i32, queue_offset: i64) -> Option<i64> {
    let entry = state.topics.entry(topic, queue_id, queue_offset)?;
    state.log.read(entry.physical_offset).ok().map(|(message, _)| message.store_timestamp)
}

/// The queue that a request names; one that is not there is empty.
fn of_queue(state: &State<'_>, request: &Request<'_>) -> Result<(Option<SlotId>, i32, Queue), DecodeError> {
    let header = QueueOffsetRequestHeader::decode(request.command.ext_fields)?;
    let (name, _) = cut_name(header.topic);
    let topic = state.topics.find(&name);
    let queue = topic.and_then(|topic| state.topics.queue(topic, header.queue_id)).copied();
    Ok((topic, header.queue_id, queue.unwrap_or(Queue::EMPTY)))
}
