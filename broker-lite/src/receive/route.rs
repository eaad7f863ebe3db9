//! Where topics are: the name server role (`RouteInfoManager`).

use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::GetRouteInfoRequestHeader;

use super::{Refusal, Request, cut_name};
use crate::broker::State;
use crate::outgoing::{Content, Remark};

/// Answers `GET_ROUTEINFO_BY_TOPIC` (`ClientRequestProcessor#getRouteInfoByTopic`). The keys of `brokerAddrs` are always
/// quoted, which every client reads, whatever the request's version. A name too long for a topic is cut in the answer.
pub(super) fn route(state: &State<'_>, request: &Request<'_>) -> Content {
    let header = GetRouteInfoRequestHeader::decode(request.command.ext_fields).ok();
    let (topic, whole) = cut_name(header.map_or(Text::from("null"), |header| header.topic));
    if whole && header.is_some() && state.sources(request.connection).routes(&topic).next().is_some() {
        return Content::Route { topic, version: state.brokers.version() };
    }
    Refusal::new(ResponseCode::TOPIC_NOT_EXIST, Remark::NoRoute).answer_about(topic)
}
