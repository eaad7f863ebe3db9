//! `VIEW_MESSAGE_BY_ID`: a stored message by its physical offset.

use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::ViewMessageRequestHeader;

use super::{Refusal, Request};
use crate::broker::State;
use crate::outgoing::{Content, Remark};

/// Answers with the record as it is stored (`QueryMessageProcessor#viewMessageById`). An offset at which no record
/// begins finds nothing, where the reference sends whatever bytes stand there.
pub(super) fn view(state: &State<'_>, request: &Request<'_>) -> Content {
    let header = match ViewMessageRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let at = u64::try_from(header.offset).ok().filter(|at| state.log.is_sound(*at));
    let record = at.and_then(|at| Some((at, state.log.read(at).ok()?)));
    match record {
        Some((physical_offset, (_, size))) => Content::Record { physical_offset, size },
        None => Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::NoMessage(header.offset)).answer(),
    }
}
