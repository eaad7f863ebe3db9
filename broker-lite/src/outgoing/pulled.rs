//! The answer to a pull: records go from the log to the driver's buffer, and nowhere in between.

use rocketlite_core::SlotId;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::header::PullMessageResponseHeader;
use rocketlite_core::wire::route::MASTER_ID;

use super::Sources;
use crate::log::QueueEntry;
use crate::table::Queue;

/// Most messages in the answer to one pull (`maxTransferCountOnMessageInMemory`).
pub(crate) const MAX_PULL_MESSAGES: usize = 32;

/// What became of a pull (`GetMessageStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullStatus {
    Found,
    NoMatchedMessage,
    MessageWasRemoving,
    NoMessageInQueue { at_start: bool },
    OffsetOverflowOne,
    OffsetOverflowBadly,
    OffsetTooSmall,
    OffsetReset,
}

impl PullStatus {
    /// The code of the answer (`PullMessageProcessor#composeResponseHeader`).
    pub(crate) const fn code(self) -> ResponseCode {
        match self {
            Self::Found => ResponseCode::SUCCESS,
            Self::NoMatchedMessage | Self::MessageWasRemoving => ResponseCode::PULL_RETRY_IMMEDIATELY,
            Self::NoMessageInQueue { at_start: true } | Self::OffsetOverflowOne => {
                ResponseCode::PULL_NOT_FOUND
            }
            Self::NoMessageInQueue { at_start: false }
            | Self::OffsetOverflowBadly
            | Self::OffsetTooSmall
            | Self::OffsetReset => ResponseCode::PULL_OFFSET_MOVED,
        }
    }

    /// The reference's name of it, which is the remark.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoMatchedMessage => "NO_MATCHED_MESSAGE",
            Self::MessageWasRemoving => "MESSAGE_WAS_REMOVING",
            Self::NoMessageInQueue { .. } => "NO_MESSAGE_IN_QUEUE",
            Self::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
            Self::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
            Self::OffsetTooSmall => "OFFSET_TOO_SMALL",
            Self::OffsetReset => "OFFSET_RESET",
        }
    }
}

/// The answer to a pull.
#[derive(Debug, Clone)]
pub(crate) struct Pulled {
    pub(crate) status: PullStatus,
    pub(crate) topic: SlotId,
    pub(crate) topic_sys_flag: i32,
    pub(crate) queue_id: i32,
    /// The queue offset of the pull, which is that of the first message looked at.
    pub(crate) offset: i64,
    pub(crate) next_begin_offset: i64,
    pub(crate) min_offset: i64,
    pub(crate) max_offset: i64,
    /// The messages to send, counted from `offset`.
    pub(crate) messages: heapless::Vec<u16, MAX_PULL_MESSAGES>,
    /// The bytes of their records.
    pub(crate) bytes: usize,
    /// Where the oldest of their records stands.
    pub(crate) oldest: u64,
    /// The first message whose record is damaged.
    pub(crate) damaged: Option<(i64, QueueEntry)>,
}

impl Pulled {
    /// Without messages: the group is to go on at `offset`, which an administrator chose.
    pub(crate) fn reset_to(self, offset: i64) -> Self {
        let messages = heapless::Vec::new();
        Self { status: PullStatus::OffsetReset, next_begin_offset: offset, messages, bytes: 0, ..self }
    }

    pub(super) const fn header(&self) -> PullMessageResponseHeader {
        PullMessageResponseHeader {
            suggest_which_broker_id: MASTER_ID,
            next_begin_offset: self.next_begin_offset,
            min_offset: self.min_offset,
            max_offset: self.max_offset,
            topic_sys_flag: Some(self.topic_sys_flag),
            group_sys_flag: Some(0),
        }
    }

    /// Before the first byte is written: messages that were evicted meanwhile are not promised.
    pub(super) fn prepare(&mut self, from: &Sources<'_, '_>) {
        if self.is_intact(from) {
            return;
        }
        let queue = from.topics.queue(self.topic, self.queue_id).copied().unwrap_or(Queue::EMPTY);
        self.status = PullStatus::MessageWasRemoving;
        self.messages.clear();
        (self.min_offset, self.max_offset) = (queue.min_offset(), queue.max_offset());
        self.next_begin_offset = queue.min_offset().max(self.offset);
    }

    /// Whether all messages are still there.
    pub(super) fn is_intact(&self, from: &Sources<'_, '_>) -> bool {
        let Some(first) = self.messages.first() else { return true };
        let offset = self.offset.saturating_add((*first).into());
        self.oldest >= from.log.min_offset() && from.topics.entry(self.topic, self.queue_id, offset).is_some()
    }

    pub(super) fn put_records(&self, writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
        let Some(first) = self.messages.first().copied() else { return };
        let offset = self.offset.saturating_add(first.into());
        let entries = from.topics.entries_from(self.topic, self.queue_id, offset);
        let mut wanted = self.messages.iter().copied().peekable();
        for ((_, entry), at) in entries.zip(first..) {
            if wanted.peek().is_none() {
                break;
            }
            if wanted.next_if_eq(&at).is_some() {
                let size = usize::try_from(entry.size).unwrap_or(0);
                writer.put(from.log.bytes(entry.physical_offset, size).unwrap_or_default());
            }
        }
    }
}
