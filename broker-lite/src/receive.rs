//! Requests and their answers, one file for each kind.

mod admin;
mod assignment;
mod client_config;
mod consumer_list;
mod consumer_offset;
mod heartbeat;
mod lock_queues;
mod pull_message;
mod query_message;
mod queue_offset;
mod register_broker;
mod route;
mod send_message;
mod view_message;

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::command::RemotingCommand;

use crate::broker::{NoRoom, State};
use crate::outgoing::{Content, Remark, Wait};
use crate::table::{Link, Name};

/// A request and who made it.
#[derive(Debug, Clone, Copy)]
struct Request<'a> {
    connection: ConnectionId,
    command: &'a RemotingCommand<'a>,
}

/// Why a request is not done: what the answer says.
#[derive(Debug)]
struct Refusal {
    code: ResponseCode,
    remark: Remark,
}

impl Refusal {
    const fn new(code: ResponseCode, remark: Remark) -> Self {
        Self { code, remark }
    }

    fn answer(self) -> Content {
        self.answer_about(Name::new())
    }

    /// The answer, which may name the topic asked for.
    fn answer_about(self, topic: Name) -> Content {
        Content::Failure { code: self.code, remark: self.remark, topic, of_send: false }
    }
}

/// A topic's name, cut where it is too long to be one. Returns whether it is whole.
fn cut_name(text: Text<'_>) -> (Name, bool) {
    let mut name = Name::new();
    let whole = text.chars().all(|char| name.push(char).is_ok());
    (name, whole)
}

/// A field that cannot be read is answered as the reference answers any exception, with its own words.
impl From<rocketlite_core::wire::DecodeError> for Refusal {
    fn from(error: rocketlite_core::wire::DecodeError) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, Remark::Field(error))
    }
}

impl From<NoRoom> for Refusal {
    fn from(NoRoom(setting): NoRoom) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, Remark::Full(setting))
    }
}

/// The answer, or why there is none. `subject` is what its text is about: a topic or a group.
fn answer_or_refusal(answer: Result<Content, Refusal>, subject: Option<Text<'_>>) -> Content {
    let about = |refusal: Refusal| refusal.answer_about(subject.map_or(Name::new(), |text| cut_name(text).0));
    answer.unwrap_or_else(about)
}

/// Nothing here answers requests of this code.
fn not_supported(RequestCode(code): RequestCode) -> Content {
    Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, Remark::NotSupported(code)).answer()
}

/// Acts on a command; there is room for one answer to it.
pub(crate) fn command(state: &mut State<'_>, connection: ConnectionId, command: &RemotingCommand<'_>) {
    if command.is_response() {
        // The broker asks name servers only; an answer from anybody else is none.
        if let Some(Link::NameServer { place, .. }) = state.connections.link(connection) {
            state.name_server_answered(place, command.opaque, ResponseCode(command.code));
        }
        return;
    }
    state.counters.requests = state.counters.requests.saturating_add(1);
    let request = Request { connection, command };
    let before = (state.log.max_offset(), state.topics.version());
    state.answers_at_once = false;
    let content = match RequestCode(command.code) {
        RequestCode::PULL_MESSAGE | RequestCode::LITE_PULL_MESSAGE => pull_message::pull(state, &request),
        _ => Some(answer(state, &request)),
    };
    if let Some(content) = content {
        let wait = wait_for(state, RequestCode(command.code), before, &content);
        state.respond(connection, command, content, wait);
    }
}

/// What an answer has to wait for: messages for the flush, changes that administrators make for a checkpoint, and the first
/// message of a topic that it made for both, which is what a checkpoint is. `before` are the end of the log and the
/// version of the topics before the request.
fn wait_for(state: &mut State<'_>, code: RequestCode, before: (u64, u32), content: &Content) -> Wait {
    let since = state.now;
    if state.storage.is_none() || matches!(content, Content::Failure { .. }) {
        return Wait::Nothing;
    }
    let changes = matches!(
        code,
        RequestCode::UPDATE_AND_CREATE_TOPIC
            | RequestCode::DELETE_TOPIC_IN_BROKER
            | RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP
            | RequestCode::DELETE_SUBSCRIPTIONGROUP
    );
    let (end, stored) = (state.log.max_offset(), state.log.max_offset() > before.0);
    let made_topic = stored && state.topics.version() != before.1;
    if changes || made_topic {
        let checkpoint = state.want_checkpoint();
        return checkpoint.map_or(Wait::Nothing, |checkpoint| Wait::Saved { checkpoint, since });
    }
    match state.answers_at_once {
        _ if !stored => Wait::Nothing,
        true => Wait::Written { end, since },
        false => Wait::Stored { end, since },
    }
}

/// Which part answers a request, by its code and nothing else. A pull may be answered later, so it is not among them.
fn answer(state: &mut State<'_>, request: &Request<'_>) -> Content {
    match RequestCode(request.command.code) {
        RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE => {
            send_message::send(state, request)
        }
        RequestCode::CONSUMER_SEND_MSG_BACK => send_message::send_back(state, request),
        RequestCode::GET_ROUTEINFO_BY_TOPIC => route::route(state, request),
        RequestCode::GET_BROKER_CLUSTER_INFO => Content::Cluster { version: state.brokers.version() },
        RequestCode::HEART_BEAT => heartbeat::heartbeat(state, request),
        RequestCode::UNREGISTER_CLIENT => heartbeat::unregister(state, request),
        RequestCode::CHECK_CLIENT_CONFIG => client_config::check(request),
        RequestCode::GET_CONSUMER_LIST_BY_GROUP => consumer_list::list(state, request),
        RequestCode::QUERY_CONSUMER_OFFSET => consumer_offset::query(state, request),
        RequestCode::UPDATE_CONSUMER_OFFSET => consumer_offset::update(state, request),
        RequestCode::GET_MAX_OFFSET => queue_offset::max(state, request),
        RequestCode::GET_MIN_OFFSET => queue_offset::min(state, request),
        RequestCode::SEARCH_OFFSET_BY_TIMESTAMP => queue_offset::search(state, request),
        RequestCode::GET_EARLIEST_MSG_STORETIME => queue_offset::earliest_store_time(state, request),
        RequestCode::LOCK_BATCH_MQ => lock_queues::lock(state, request),
        RequestCode::UNLOCK_BATCH_MQ => lock_queues::unlock(state, request),
        RequestCode::VIEW_MESSAGE_BY_ID => view_message::view(state, request),
        RequestCode::REGISTER_BROKER => register_broker::register(state, request),
        RequestCode::UNREGISTER_BROKER => register_broker::unregister(state, request),
        RequestCode::QUERY_MESSAGE => query_message::query(state, request),
        RequestCode::QUERY_ASSIGNMENT => assignment::query(state, request),
        RequestCode::SET_MESSAGE_REQUEST_MODE => assignment::set_mode(state, request),
        code => admin::answer(state, request).unwrap_or_else(|| not_supported(code)),
    }
}
