//! `QUERY_ASSIGNMENT` and `SET_MESSAGE_REQUEST_MODE`: the broker shares out the queues of a topic among the members of a
//! group, for clients that do not do it themselves (`QueryAssignmentProcessor`, 5.x).

use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::json::{self, Value};
use rocketlite_core::wire::route::{PERM_READ, RouteEntry};

use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::{RETRY_PREFIX, State};
use crate::json::{Object, put_queue};
use crate::outgoing::{Content, Remark};
use crate::table::{ClientRole, GroupName, MessageModel, Name};

/// Answers with the client's queues, all to be pulled. The client leaves its queues as they are if nothing is known of the
/// topic or group, or of the strategy. Of brokers that do not register here nothing is known.
pub(super) fn query(state: &mut State<'_>, request: &Request<'_>) -> Content {
    answer_or_refusal(assign(state, request), None)
}

/// Pulling is the only mode there is.
pub(super) fn set_mode(state: &State<'_>, request: &Request<'_>) -> Content {
    let body = json::parse("body", request.command.body);
    let topic = body.as_ref().map_or(Text::EMPTY, |body| text(body, "topic"));
    let done = body.map_err(Refusal::from).and_then(|body| check_mode(state, &body));
    answer_or_refusal(done.map(|()| Content::Success), Some(topic))
}

fn assign(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let body = json::parse("body", request.command.body)?;
    let (topic, _) = cut_name(text(&body, "topic"));
    let share = share(state, request, &body, &topic);
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        if let Some(share) = share {
            let mut list = answer.list("messageQueueAssignments");
            let mut number = 0usize;
            for entry in sorted(state, request, &topic) {
                for queue_id in 0..entry.read_queue_nums {
                    if share.has(number) {
                        let mut assignment = list.object();
                        put_queue(assignment.member("messageQueue"), entry.broker_name, &topic, queue_id);
                        assignment.text("mode", "PULL");
                        assignment.end();
                    }
                    number = number.saturating_add(1);
                }
            }
            list.end();
        }
        answer.end();
    });
    Ok(made?)
}

/// Which of the queues are the client's.
#[derive(Debug, Clone, Copy)]
enum Share {
    /// All of them.
    All,
    /// These, by their numbers (`AllocateMessageQueueAveragely`).
    Range { first: usize, end: usize },
    /// One in so many (`AllocateMessageQueueAveragelyByCircle`).
    Circle { place: usize, members: usize },
}

impl Share {
    fn has(self, number: usize) -> bool {
        match self {
            Self::All => true,
            Self::Range { first, end } => (first..end).contains(&number),
            Self::Circle { place, members } => number.checked_rem(members) == Some(place),
        }
    }

    /// The share of the member in this place of `members`.
    fn average(place: usize, members: usize, queues: usize) -> Self {
        let each = queues.checked_div(members).unwrap_or(0);
        let more = queues.checked_rem(members).unwrap_or(0);
        // The first ones have one more each.
        let first = place.saturating_mul(each).saturating_add(place.min(more));
        let end = first.saturating_add(each).saturating_add(usize::from(place < more));
        Self::Range { first, end }
    }
}

fn share(state: &State<'_>, request: &Request<'_>, body: &Value<'_>, topic: &Name) -> Option<Share> {
    let readable = sorted(state, request, topic).map(|entry| entry.read_queue_nums);
    let queues: usize = { readable }.filter_map(|queues| usize::try_from(queues).ok()).sum();
    state.sources(request.connection).routes(topic).next()?;
    if text(body, "messageModel") == MessageModel::Broadcasting.name() {
        return Some(Share::All);
    }
    let (group, _) = cut_name(text(body, "consumerGroup"));
    let client_id = text(body, "clientId");
    let members = || state.clients.of_group(ClientRole::Consumer, &group);
    let count = members().count();
    if count == 0 {
        return None;
    }
    // A client that is not among them has nothing.
    let is_member = members().any(|member| client_id == *member.client_id());
    let before = members().filter(|member| Text::from(member.client_id()).order(&client_id).is_lt()).count();
    let strategy = text(body, "strategyName");
    match () {
        () if !is_member => Some(Share::Range { first: 0, end: 0 }),
        () if strategy == "AVG" => Some(Share::average(before, count, queues)),
        () if strategy == "AVG_BY_CIRCLE" => Some(Share::Circle { place: before, members: count }),
        () => None,
    }
}

/// Where a topic can be read, in the order of the brokers' names (`MessageQueue#compareTo`).
fn sorted<'s>(
    state: &'s State<'_>,
    request: &Request<'_>,
    topic: &str,
) -> impl Iterator<Item = RouteEntry<'s>> + use<'s> {
    let (connection, topic) = (request.connection, cut_name(Text::from(topic)).0);
    let next = move |after: Option<&str>| {
        let sources = state.sources(connection);
        let behind = |entry: &RouteEntry<'_>| after.is_none_or(|after| entry.broker_name > after);
        sources
            .routes(&topic)
            .filter(|entry| entry.perm & PERM_READ != 0 && behind(entry))
            .min_by(|a, b| a.broker_name.cmp(b.broker_name))
    };
    core::iter::successors(next(None), move |entry| next(Some(entry.broker_name)))
}

fn check_mode(state: &State<'_>, body: &Value<'_>) -> Result<(), Refusal> {
    let (topic, _) = cut_name(text(body, "topic"));
    if topic.starts_with(RETRY_PREFIX) {
        let remark = Remark::Plain("retry topic is not allowed to set mode");
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    if state.topics.find(&topic).is_none() {
        let remark = Remark::About("topic[", "] not exist");
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, remark));
    }
    let mut group = GroupName::new();
    text(body, "consumerGroup").copy_to("consumerGroup", &mut group)?;
    let known = state.groups.find(&group).and_then(|id| state.groups.get(id));
    if known.is_none_or(|group| group.is_deleted) {
        let remark = Remark::Plain("subscription group does not exist");
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, remark));
    }
    if text(body, "mode") != "PULL" {
        let remark = Remark::Plain("the broker does not support POP, the mode must be PULL");
        return Err(Refusal::new(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, remark));
    }
    Ok(())
}

fn text<'a>(value: &Value<'a>, key: &str) -> Text<'a> {
    value.get(key).and_then(|value| value.text()).unwrap_or(Text::EMPTY)
}
