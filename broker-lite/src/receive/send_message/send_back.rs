//! `CONSUMER_SEND_MSG_BACK`: a consumer has failed with a message and wants to see it later
//! (`AbstractSendMessageProcessor#consumerSendMsgBack`).

use rocketlite_core::SlotId;
use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::properties::{DELAY, ORIGIN_MESSAGE_ID, Properties, RETRY_TOPIC, WAIT};
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::ConsumerSendMsgBackRequestHeader;
use rocketlite_core::wire::route::PERM_WRITE;

use super::overrides::Overrides;
use super::properties::{Delay, Merge, Special};
use super::store::{Shared, refused};
use super::{choose_queue, retry};
use crate::broker::State;
use crate::outgoing::{Content, Remark};
use crate::receive::{Refusal, Request, answer_or_refusal};
use crate::table::{GroupName, Name};

/// Stores the message anew, for the group alone: for later, or as a dead letter.
pub(in crate::receive) fn send_back(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let header = match ConsumerSendMsgBackRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let done = try_send_back(state, request, &header).map(|()| Content::Success);
    answer_or_refusal(done, Some(header.group))
}

fn try_send_back(
    state: &mut State<'_>,
    request: &Request<'_>,
    header: &ConsumerSendMsgBackRequestHeader<'_>,
) -> Result<(), Refusal> {
    let (group, id) = retry::find_group(state, header.group)?;
    let queues = state.groups.get(id).map_or(0, |group| group.retry_queue_nums);
    if queues <= 0 {
        // The group wants to see nothing twice.
        return Ok(());
    }
    let topic = state.find_or_create_retry_topic(&group, queues)?;
    if state.topics.get(topic).is_none_or(|topic| topic.perm() & PERM_WRITE == 0) {
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, Remark::RetryForbidden));
    }
    let missing = Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::NoMessageToRetry(header.offset));
    let source = u64::try_from(header.offset).ok().filter(|at| state.log.is_sound(*at));
    let source = source.and_then(|at| Some((at, state.log.read(at).ok()?.0.head())));
    let (source, head) = source.ok_or(missing)?;
    let most = retry::most_times(state, id, request, header.max_reconsume_times);
    let dead = header.delay_level < 0 || head.reconsume_times >= most;
    let back =
        Back { source, head, level: if dead { 0 } else { level(header.delay_level, head.reconsume_times) } };
    back.store(state, &group, topic)
}

/// The level of the delay: the one asked for, or a longer one each time.
fn level(asked: i32, failed_before: i32) -> i32 {
    let wanted = if asked == 0 { failed_before.saturating_add(FIRST_RETRY_LEVEL) } else { asked };
    match Delay::of_level(wanted) {
        Delay::Level(level) => level,
        _ => FIRST_RETRY_LEVEL,
    }
}

/// After 10 s.
const FIRST_RETRY_LEVEL: i32 = 3;

/// A message that comes back.
struct Back {
    source: u64,
    head: StoredMessage<'static>,
    /// The level of its delay, 0 of a dead letter.
    level: i32,
}

impl Back {
    fn store(&self, state: &mut State<'_>, group: &GroupName, retry_topic: SlotId) -> Result<(), Refusal> {
        let (mut topic, mut name) = (retry_topic, Name::new());
        if self.level == 0 {
            (topic, name) = retry::dead_letter_topic(state, group)?;
        } else if let Some(topic) = state.topics.get(topic) {
            let _ = name.push_str(topic.name());
        }
        let queue_id = choose_queue(state, topic, -1)?;
        let mut shared = Shared {
            topic,
            name: &name,
            queue_id,
            sys_flag: self.head.sys_flag,
            born_timestamp: self.head.born_timestamp,
            born_host: self.head.born_host,
            store_timestamp: state.clock.unix_millis(state.now),
            reconsume_times: self.head.reconsume_times.saturating_add(1),
        };
        let mut overrides = Overrides::default();
        if self.level == 0 {
            overrides.set(DELAY, 0);
        } else {
            overrides.delay(self.level, &name, queue_id);
            shared = shared.delayed(state, self.level)?;
        }
        let (properties, tags_code) = self.properties(state, overrides)?;
        // The properties are lent out while everything else changes.
        let scratch = core::mem::take(&mut state.scratch);
        let properties = scratch.get(properties).unwrap_or_default();
        let record = shared.record(state.config.address, self.head.flag, b"", properties);
        let record = StoredMessage { body_crc: self.head.body_crc, ..record };
        let stored = state.store_copy(shared.topic, tags_code, &record, self.source);
        state.scratch = scratch;
        stored.map_err(refused)
    }

    /// Writes its properties to the scratch memory; returns where they stand, and the hash of its tag.
    fn properties(
        &self,
        state: &mut State<'_>,
        mut overrides: Overrides,
    ) -> Result<(core::ops::Range<usize>, i32), Refusal> {
        let State { log, scratch, config, .. } = state;
        let gone =
            || Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::NoMessageToRetry(self.head.physical_offset));
        let (message, _) = log.read(self.source).map_err(|_| gone())?;
        let own: Properties<'_> = message.properties();
        let half = scratch.len() / 2;
        overrides.set(WAIT, false);
        if own.get(RETRY_TOPIC).is_none() {
            overrides.set(RETRY_TOPIC, message.topic);
        }
        if own.get(ORIGIN_MESSAGE_ID).is_none() {
            let (store_host, physical_offset) = (message.store_host, message.physical_offset);
            overrides.set(ORIGIN_MESSAGE_ID, OffsetMessageId { store_host, physical_offset });
        }
        let merge = Merge { own, batch: Properties::new(&[]), unique_key: None, overrides: &overrides };
        let length = merge.write(config, scratch.get_mut(..half).unwrap_or_default())?;
        Ok((0..length, Special::of(&own).tags_code))
    }
}
