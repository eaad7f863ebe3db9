//! Messages that a consumer has failed with: how often it may, and where they go then
//! (`AbstractSendMessageProcessor#handleRetryAndDLQ`, 5.x).

use rocketlite_core::SlotId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;

use super::Sent;
use crate::broker::{RETRY_PREFIX, State};
use crate::outgoing::Remark;
use crate::receive::heartbeat::group_name;
use crate::receive::{Refusal, Request};
use crate::table::{GroupName, Name};

/// The group whose dead letter the message is: a consumer has failed with it once too often, or consumes in order, where
/// a client sends back only what it gives up.
pub(super) fn dead_letter_of(state: &mut State<'_>, sent: &Sent<'_>) -> Result<Option<GroupName>, Refusal> {
    let Some(group) = sent.name.strip_prefix(RETRY_PREFIX) else { return Ok(None) };
    let (name, id) = find_group(state, group.into())?;
    let most = most_times(state, id, sent.request, sent.header.max_reconsume_times);
    let failed = sent.header.reconsume_times.unwrap_or(0) > most;
    let in_order = state.locks.any_of(state.now, state.config.lock_timeout, id);
    Ok((failed || in_order).then_some(name))
}

/// The group, made if it may be.
pub(super) fn find_group(state: &mut State<'_>, name: Text<'_>) -> Result<(GroupName, SlotId), Refusal> {
    let name = group_name(name)?;
    let missing = Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, Remark::NoGroupToRetry);
    let id = state.find_or_create_group(&name)?.ok_or(missing)?;
    Ok((name, id))
}

/// How often a group may fail with a message: as the client says, or as its settings say.
pub(super) fn most_times(
    state: &State<'_>,
    group: SlotId,
    request: &Request<'_>,
    own_limit: Option<i32>,
) -> i32 {
    let own_limit = own_limit.filter(|_| request.command.version >= V3_4_9);
    let of_group = state.groups.get(group).map(|group| group.retry_max_times);
    own_limit.or(of_group).unwrap_or(state.config.retry_max_times)
}

/// A group's topic for what it has given up, made if it is not there.
pub(super) fn dead_letter_topic(state: &mut State<'_>, group: &GroupName) -> Result<(SlotId, Name), Refusal> {
    let mut name = Name::new();
    // A group's name is short enough for both parts.
    let _ = name.push_str(DEAD_LETTER_PREFIX).and_then(|()| name.push_str(group));
    let topic = state.find_or_create_own_topic(&name, 1)?;
    Ok((topic, name))
}

/// `MixAll.DLQ_GROUP_TOPIC_PREFIX`.
const DEAD_LETTER_PREFIX: &str = "%DLQ%";

/// From this release on a client's own `maxReconsumeTimes` counts.
const V3_4_9: i32 = 121;
