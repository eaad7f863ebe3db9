//! How far a group has come, and how far it could.

use rocketlite_core::SlotId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::header::GetConsumeStatsRequestHeader;

use crate::broker::State;
use crate::json::{Object, put_thousandths};
use crate::outgoing::Content;
use crate::receive::queue_offset::store_time;
use crate::receive::{Refusal, Request, cut_name};
use crate::table::{ClientRole, Name, Queue, Topic};

/// The offsets of a group in one topic, or in all that it has any of (`#getConsumeStats`).
pub(super) fn offsets(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = GetConsumeStatsRequestHeader::decode(request.command.ext_fields)?;
    let (group_name, _) = cut_name(header.consumer_group);
    let only = header.topic.filter(|topic: &Text<'_>| !topic.is_empty()).map(|topic| cut_name(topic).0);
    let made = state.make(|state, writer| {
        let group = state.groups.find(&group_name);
        let consumed = group.and_then(|id| state.groups.get(id));
        let mut answer = Object::begin(writer);
        let tps = consumed.map_or(0, |group| group.pulled.per_second(state.now));
        put_thousandths(answer.member("consumeTps"), tps);
        let mut table = answer.object("offsetTable");
        for (id, topic) in state.topics.iter().filter(|(id, topic)| {
            group.is_some_and(|group| state.is_consumed(&group_name, group, *id, topic, only.as_ref()))
        }) {
            for queue_id in 0..topic.read_queue_nums() {
                let queue = state.topics.queue(id, queue_id).copied().unwrap_or(Queue::EMPTY);
                let stored = group.and_then(|group| state.offsets.get(group, id, queue_id));
                let offset = stored.unwrap_or(0);
                let last = store_time(state, id, queue_id, offset.saturating_sub(1));
                let mut place = table.member_of_queue(state.config.broker_name, topic.name(), queue_id);
                place.int("brokerOffset", queue.max_offset());
                place.int("consumerOffset", offset);
                place.int("lastTimestamp", last.unwrap_or(0));
                place.int("pullOffset", offset);
                place.end();
            }
        }
        table.end();
        answer.end();
    });
    Ok(made?)
}

impl State<'_> {
    /// Whether a topic is among those of a group (`#getTopicsForCollectingConsumeStats`): the one asked for, or any that
    /// it has offsets of; but if it subscribes to anything, only what it subscribes to.
    fn is_consumed(&self, name: &str, group: SlotId, id: SlotId, topic: &Topic, only: Option<&Name>) -> bool {
        let asked = match only {
            Some(only) => topic.name() == only.as_str(),
            None => self.has_offsets(group, id),
        };
        let online = || self.clients.of_group(ClientRole::Consumer, name).next().is_some();
        let any = || self.groups.subscriptions(group).next().is_some();
        asked && (self.groups.subscription(group, topic.name()).is_some() || !any() || !online())
    }
}
