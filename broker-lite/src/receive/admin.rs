//! What administrators ask and change (`AdminBrokerProcessor`, and `DefaultRequestProcessor` of the name server).

mod connections;
mod consume_stats;
mod groups;
mod name_server;
mod reset_offset;
mod runtime;
mod settings;
mod topics;

use rocketlite_core::wire::code::{RequestCode, ResponseCode};

use rocketlite_core::wire::Text;

use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::State;
use crate::outgoing::{Content, Remark};

/// The answer to a request of an administrator; `None` if it is none.
pub(super) fn answer(state: &mut State<'_>, request: &Request<'_>) -> Option<Content> {
    let answer = match RequestCode(request.command.code) {
        RequestCode::UPDATE_AND_CREATE_TOPIC => topics::update(state, request),
        RequestCode::DELETE_TOPIC_IN_BROKER => topics::delete(state, request),
        RequestCode::GET_ALL_TOPIC_CONFIG => topics::all(state, request),
        RequestCode::GET_TOPIC_CONFIG => topics::one(state, request),
        RequestCode::GET_TOPIC_STATS_INFO => topics::offsets(state, request),
        RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER => topics::own(state),
        RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP => groups::update(state, request),
        RequestCode::DELETE_SUBSCRIPTIONGROUP => groups::delete(state, request),
        RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG => groups::all(state),
        RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG => groups::one(state, request),
        RequestCode::QUERY_TOPIC_CONSUME_BY_WHO => groups::of_topic(state, request),
        RequestCode::GET_CONSUMER_CONNECTION_LIST => connections::consumers(state, request),
        RequestCode::GET_PRODUCER_CONNECTION_LIST => connections::producers(state, request),
        RequestCode::GET_ALL_PRODUCER_INFO => connections::all_producers(state),
        RequestCode::GET_CONSUME_STATS => consume_stats::offsets(state, request),
        RequestCode::INVOKE_BROKER_TO_RESET_OFFSET => reset_offset::reset(state, request),
        RequestCode::GET_BROKER_RUNTIME_INFO => runtime::info(state),
        RequestCode::GET_BROKER_CONFIG => settings::list(state),
        RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER => name_server::topics(state, None),
        RequestCode::GET_TOPICS_BY_CLUSTER => name_server::topics_of_cluster(state, request),
        RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS => name_server::own_topics(state),
        RequestCode::DELETE_TOPIC_IN_NAMESRV => name_server::delete_topic(state, request),
        RequestCode::GET_KV_CONFIG | RequestCode::GET_KVLIST_BY_NAMESPACE => name_server::kv_config(request),
        RequestCode::DELETE_KV_CONFIG => Ok(Content::Success),
        _ => return None,
    };
    Some(answer_or_refusal(answer, None))
}

/// An error whose text names a topic or group between `before` and `behind`.
fn refused(code: ResponseCode, before: &'static str, behind: &'static str, subject: Text<'_>) -> Content {
    Refusal::new(code, Remark::About(before, behind)).answer_about(cut_name(subject).0)
}
