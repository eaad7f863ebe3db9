//! `PULL_MESSAGE` and `LITE_PULL_MESSAGE`: the checks, in the reference's order (`PullMessageProcessor`, 5.x).

use core::time::Duration;

use rocketlite_core::SlotId;
use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::{
    PULL_COMMIT_OFFSET, PULL_SUBSCRIPTION, PULL_SUSPEND, PullMessageRequestHeader,
};
use rocketlite_core::wire::route::PERM_READ;

use super::heartbeat::group_name;
use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::State;
use crate::filter::TagFilter;
use crate::outgoing::{Content, PullStatus, Remark};
use crate::table::{ClientRole, GroupName, HeldPull, MessageModel, Name, Pull};

/// Answers with messages, or says why there are none; `None` if the pull waits for some.
pub(super) fn pull(state: &mut State<'_>, request: &Request<'_>) -> Option<Content> {
    let header = match PullMessageRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Some(Refusal::from(error).answer()),
    };
    match try_pull(state, request, &header) {
        Ok(content) => content,
        Err(refusal) => {
            let of_group = matches!(refusal.remark, Remark::NoGroup | Remark::GroupForbidden);
            let subject = if of_group { header.consumer_group } else { header.topic };
            Some(answer_or_refusal(Err(refusal), Some(subject)))
        }
    }
}

fn try_pull(
    state: &mut State<'_>,
    request: &Request<'_>,
    header: &PullMessageRequestHeader<'_>,
) -> Result<Option<Content>, Refusal> {
    let (group_name, group) = find_group(state, header.consumer_group)?;
    let (topic, name) = find_topic(state, header)?;
    let filter = filter(state, header, group, &group_name, &name)?;
    let pull = Pull {
        group,
        topic,
        queue_id: header.queue_id,
        offset: header.queue_offset,
        max_messages: header.max_msg_nums,
        filter,
    };
    let has_flag = |flag: i32| header.sys_flag & flag != 0;
    if let Some(offset) = header.commit_offset.filter(|_| has_flag(PULL_COMMIT_OFFSET)) {
        // Without room the pull goes on: a consumer commits again, and in a request that says so.
        state.offsets.set(group, topic, header.queue_id, offset);
        state.note_change();
    }
    if let Some(offset) = state.offsets.take_reset(group, topic, header.queue_id) {
        return Ok(Some(Content::Pulled(state.look_up(&pull).reset_to(offset))));
    }
    let pulled = state.look_up(&pull);
    state.note_damaged(&pulled);
    let may_wait = has_flag(PULL_SUSPEND) && !request.command.is_one_way();
    if pulled.status.code() == ResponseCode::PULL_NOT_FOUND && may_wait {
        let wanted = u64::try_from(header.suspend_timeout_millis.unwrap_or(0)).unwrap_or(0);
        let hold = Duration::from_millis(wanted).min(state.config.max_pull_hold);
        return hold_pull(state, request, pull, hold);
    }
    debug_assert!(pulled.status != PullStatus::Found || !pulled.messages.is_empty());
    state.count_pulled(group, &pulled);
    Ok(Some(Content::Pulled(pulled)))
}

/// The group, which has to be allowed to consume.
fn find_group(state: &mut State<'_>, text: Text<'_>) -> Result<(GroupName, SlotId), Refusal> {
    let name = group_name(text)?;
    let Some(id) = state.find_or_create_group(&name)? else {
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, Remark::NoGroup));
    };
    if state.groups.get(id).is_some_and(|group| !group.consume_enable) {
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, Remark::GroupForbidden));
    }
    Ok((name, id))
}

/// The topic, which has to have the queue and may be read.
fn find_topic(state: &State<'_>, header: &PullMessageRequestHeader<'_>) -> Result<(SlotId, Name), Refusal> {
    let (name, _) = cut_name(header.topic);
    let Some((id, topic)) = state.topics.find(&name).and_then(|id| Some((id, state.topics.get(id)?))) else {
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, Remark::NoTopicToPull));
    };
    if topic.perm() & PERM_READ == 0 {
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, Remark::PullForbidden));
    }
    let (queue_id, read_queue_nums) = (header.queue_id, topic.read_queue_nums());
    if queue_id < 0 || queue_id >= read_queue_nums {
        let remark = Remark::NoQueueToPull { queue_id, read_queue_nums };
        return Err(Refusal::new(ResponseCode::INVALID_PARAMETER, remark));
    }
    Ok((id, name))
}

/// What the group wants of the topic: as the pull says, or as the heartbeats of its members said.
fn filter(
    state: &State<'_>,
    header: &PullMessageRequestHeader<'_>,
    group: SlotId,
    group_name: &str,
    topic: &str,
) -> Result<TagFilter, Refusal> {
    if header.sys_flag & PULL_SUBSCRIPTION != 0 {
        if header.expression_type.is_some_and(is_not_tag) {
            return Err(no_sql());
        }
        return Ok(TagFilter::parse(header.subscription.unwrap_or(Text::EMPTY)));
    }
    let missing = |text| Refusal::new(ResponseCode::SUBSCRIPTION_NOT_EXIST, Remark::WithFaq(text));
    if state.clients.of_group(ClientRole::Consumer, group_name).next().is_none() {
        return Err(missing("the consumer's group info not exist"));
    }
    let broadcasts = state.groups.get(group).is_some_and(|info| {
        info.consumption.message_model == MessageModel::Broadcasting && !info.consume_broadcast_enable
    });
    if broadcasts {
        let remark = Remark::Plain("the consumer group must not consume by broadcast way");
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, remark));
    }
    let Some(subscription) = state.groups.subscription(group, topic) else {
        return Err(missing("the consumer's subscription not exist"));
    };
    if subscription.version < header.sub_version.unwrap_or(0) {
        let remark = Remark::Plain("the consumer's subscription not latest");
        return Err(Refusal::new(ResponseCode::SUBSCRIPTION_NOT_LATEST, remark));
    }
    if subscription.is_sql {
        return Err(no_sql());
    }
    Ok(subscription.expression.filter.clone())
}

/// Whether an expression is of another type than the default (`ExpressionType#isTagType`).
pub(super) fn is_not_tag(expression_type: Text<'_>) -> bool {
    !expression_type.is_empty() && expression_type != "TAG"
}

/// The answer of a broker whose `enablePropertyFilter` is off, which is the reference's default.
pub(super) const fn no_sql() -> Refusal {
    let text = "The broker does not support consumer to filter message by SQL92";
    Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::Plain(text))
}

/// Lets the pull wait (`PullRequestHoldService#suspendPullRequest`).
fn hold_pull(
    state: &mut State<'_>,
    request: &Request<'_>,
    pull: Pull,
    hold: Duration,
) -> Result<Option<Content>, Refusal> {
    if state.held_pulls.is_full() {
        return Err(Refusal::new(ResponseCode::SYSTEM_BUSY, Remark::Full("memory.held_pulls")));
    }
    let until = state.now.after(hold);
    let (connection, command) = (request.connection, request.command);
    let (serialize_type, opaque) = (command.serialize_type, command.opaque);
    state.held_pulls.insert(HeldPull { connection, serialize_type, opaque, pull, until });
    Ok(None)
}
