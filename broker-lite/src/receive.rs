//! Requests and their answers, one file for each kind.

mod heartbeat;
mod register_broker;
mod route;
mod send_message;
mod view_message;

use rocketlite_core::ConnectionId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::{RequestCode, ResponseCode};
use rocketlite_core::wire::command::RemotingCommand;

use crate::broker::State;
use crate::outgoing::{Content, Remark};
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
    let content = answer(state, &Request { connection, command });
    state.respond(connection, command, content);
}

/// Which part answers a request, by its code and nothing else.
fn answer(state: &mut State<'_>, request: &Request<'_>) -> Content {
    match RequestCode(request.command.code) {
        RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE => {
            send_message::send(state, request)
        }
        RequestCode::GET_ROUTEINFO_BY_TOPIC => route::route(state, request),
        RequestCode::GET_BROKER_CLUSTER_INFO => Content::Cluster { version: state.brokers.version() },
        RequestCode::HEART_BEAT => heartbeat::heartbeat(state, request),
        RequestCode::UNREGISTER_CLIENT => heartbeat::unregister(state, request),
        RequestCode::VIEW_MESSAGE_BY_ID => view_message::view(state, request),
        RequestCode::REGISTER_BROKER => register_broker::register(state, request),
        RequestCode::UNREGISTER_BROKER => register_broker::unregister(state, request),
        RequestCode(code) => {
            Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, Remark::NotSupported(code)).answer()
        }
    }
}
