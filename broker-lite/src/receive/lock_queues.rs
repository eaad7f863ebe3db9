//! `LOCK_BATCH_MQ` and `UNLOCK_BATCH_MQ`: queues for one consumer alone (`AdminBrokerProcessor#lockBatchMQ`).

use rocketlite_core::SlotId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::json::{self, Value};

use super::heartbeat::{client_id, group_name};
use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::{NoRoom, State};
use crate::outgoing::Content;
use crate::table::ClientId;

/// Locks or renews what is free or the client's own, and answers with what it has of what it asked for.
pub(super) fn lock(state: &mut State<'_>, request: &Request<'_>) -> Content {
    answer_or_refusal(try_lock(state, request), None)
}

/// Frees what is the client's own.
pub(super) fn unlock(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let done = Asked::parse(state, request).map(|asked| {
        for value in asked.values() {
            if let Some(queue) = asked.queue(state, &value) {
                state.locks.unlock(queue, &asked.client_id);
            }
        }
        Content::Success
    });
    answer_or_refusal(done, None)
}

fn try_lock(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let asked = Asked::parse(state, request)?;
    let (now, timeout) = (state.now, state.config.lock_timeout);
    for value in asked.values() {
        let Some(queue) = asked.queue(state, &value) else { continue };
        state.locks.lock(now, timeout, queue, &asked.client_id).ok_or(NoRoom("memory.locks"))?;
    }
    let made = state.make(|state, writer| {
        writer.put(b"{\"lockOKMQSet\":[");
        let own = asked.queues(state).filter(|(_, queue)| state.locks.is_owner(*queue, &asked.client_id));
        for (index, (value, (.., queue_id))) in own.enumerate() {
            writer.put(if index == 0 { b"{" } else { b",{" });
            writer.put(b"\"brokerName\":\"");
            text(&value, "brokerName").write_json(writer);
            writer.put(b"\",\"queueId\":");
            writer.put_decimal(queue_id.into());
            writer.put(b",\"topic\":\"");
            text(&value, "topic").write_json(writer);
            writer.put(b"\"}");
        }
        writer.put(b"]}");
    });
    Ok(made?)
}

/// What is to be locked or unlocked, and for whom (`LockBatchRequestBody`).
struct Asked<'a> {
    group: SlotId,
    client_id: ClientId,
    queues: Value<'a>,
}

impl<'a> Asked<'a> {
    fn parse(state: &mut State<'_>, request: &Request<'a>) -> Result<Self, Refusal> {
        let body = json::parse("body", request.command.body)?;
        let client_id = client_id(text(&body, "clientId"))?;
        let name = group_name(text(&body, "consumerGroup"))?;
        let group = state.find_or_create_group(&name)?.ok_or(NoRoom("memory.groups"))?;
        Ok(Self { group, client_id, queues: body.get("mqSet").unwrap_or(Value::Null) })
    }

    fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.queues.elements()
    }

    /// The queues that this broker has.
    fn queues<'s>(
        &'s self,
        state: &'s State<'_>,
    ) -> impl Iterator<Item = (Value<'a>, (SlotId, SlotId, i32))> {
        self.values().filter_map(|value| Some((value, self.queue(state, &value)?)))
    }

    fn queue(&self, state: &State<'_>, value: &Value<'a>) -> Option<(SlotId, SlotId, i32)> {
        let (name, _) = cut_name(text(value, "topic"));
        let topic = state.topics.find(&name)?;
        let queue_id = value.get("queueId")?.integer("queueId", -1).ok()?;
        state.topics.queue(topic, queue_id)?;
        Some((self.group, topic, queue_id))
    }
}

fn text<'a>(value: &Value<'a>, key: &str) -> Text<'a> {
    value.get(key).and_then(|value| value.text()).unwrap_or(Text::EMPTY)
}
