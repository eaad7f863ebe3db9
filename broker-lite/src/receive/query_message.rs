//! `QUERY_MESSAGE`: stored messages by their keys.

use rocketlite_core::wire::header::QueryMessageRequestHeader;

use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::State;
use crate::outgoing::{Content, Found};

/// Answers with the newest messages that have the key, in the order they were stored
/// (`QueryMessageProcessor#queryMessage`, `DefaultMessageStore#queryMessage`).
pub(super) fn query(state: &mut State<'_>, request: &Request<'_>) -> Content {
    answer_or_refusal(find(state, request), None)
}

/// A place in the log and the size of what stands there.
type Place = (u64, usize);

fn find(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = QueryMessageRequestHeader::decode(request.command.ext_fields)?;
    let (topic, _) = cut_name(header.topic);
    // A key may be as long as properties may be.
    let scratch = core::mem::take(&mut state.scratch);
    let places = header.key.decode_into(scratch).map(|key| collect(state, &topic, key, &header));
    state.scratch = scratch;
    let newest = state.keys.newest();
    let stored = newest.and_then(|at| state.log.read(at).ok()).map(|(message, _)| message.store_timestamp);
    let places = places.unwrap_or_default();
    let places = state.make_body(|_, writer| {
        for place in places.iter().rev() {
            Found::put_place(writer, *place);
        }
    })?;
    Ok(Content::Found(Found {
        places,
        gone: 0,
        last_timestamp: stored.unwrap_or(0),
        last_offset: newest.and_then(|at| i64::try_from(at).ok()).unwrap_or(0),
    }))
}

/// As many messages as are wanted and fit in a frame that clients take, the newest first.
fn collect(
    state: &State<'_>,
    topic: &str,
    key: &str,
    header: &QueryMessageRequestHeader<'_>,
) -> heapless::Vec<Place, { Found::MAX_MESSAGES }> {
    let unique = header.unique_key_query == Some(true);
    let wanted = if unique { MAX_UNIQUE } else { usize::try_from(header.max_num).unwrap_or(0) };
    let times = (header.begin_timestamp, header.end_timestamp);
    let mut room = state.config.max_frame.saturating_sub(HEADER_BYTES);
    let mut places = heapless::Vec::new();
    for (at, size) in state.find_by_key(topic, key, unique, times).take(wanted.min(Found::MAX_MESSAGES)) {
        let Some(left) = room.checked_sub(size) else { break };
        room = left;
        let _ = places.push((at, size));
    }
    places
}

/// `defaultQueryMaxNum`.
const MAX_UNIQUE: usize = 32;

/// More than the rest of an answer's frame has.
const HEADER_BYTES: usize = 1_024;
