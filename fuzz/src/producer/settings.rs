//! Settings that change what a producer decides.

use core::time::Duration;

use arbitrary::Arbitrary;
use rocketlite_core::message::MessageView;
use rocketlite_core::message::compression::{CompressionType, Compressor};
use rocketlite_core::producer::ProducerConfig;
use rocketlite_core::select::{MessageQueueSelector, PublishQueues};
use rocketlite_core::send::hook::{CheckForbiddenHook, SendContext};
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::{Address, Rules};

#[derive(Debug, Arbitrary)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the reference")]
pub(super) struct Settings {
    retries: (u8, u8),
    send_timeout: u16,
    per_request: Option<u16>,
    first_index: Option<i32>,
    is_v4: bool,
    binary: bool,
    namespaces: (bool, bool),
    streaming: bool,
    vip: bool,
    smart: bool,
    unit_mode: bool,
    retry_not_ok: bool,
    faults: bool,
    detector: bool,
    compresses: bool,
    forbids: bool,
    keeps_slow: bool,
    reserves: bool,
    /// Whether events are fetched after each operation, so that none is lost.
    pub(super) fetches_at_once: bool,
}

impl Settings {
    pub(super) fn config<'c>(&self, names: &'c [Address]) -> ProducerConfig<'c> {
        let mut config = ProducerConfig::new("G", "client", names);
        config.retry_times_when_send_failed = self.retries.0 % 4;
        config.retry_times_when_send_async_failed = self.retries.1 % 4;
        config.send_msg_timeout = Duration::from_millis(self.send_timeout.into());
        config.send_msg_max_timeout_per_request =
            self.per_request.map(|span| Duration::from_millis(span.into()));
        config.first_queue_index = self.first_index;
        config.rules = if self.is_v4 { Rules::V4 } else { Rules::V5 };
        config.serialize_type = if self.binary { SerializeType::RocketMq } else { SerializeType::Json };
        config.namespace = self.namespaces.0.then_some("I");
        config.namespace_v2 = self.namespaces.1.then_some("ns");
        config.enable_stream_request_type = self.streaming;
        config.vip_channel_enabled = self.vip;
        config.send_smart_msg = self.smart;
        config.unit_mode = self.unit_mode;
        config.retry_another_broker_when_not_store_ok = self.retry_not_ok;
        config.send_latency_fault_enable = self.faults;
        config.start_detector_enable = self.detector;
        config.compressor = self.compresses.then_some(&Halves);
        config.compress_msg_body_over_howmuch = 64;
        config.check_forbidden_hook = self.forbids.then_some(&NotFirst);
        config.client_close_socket_if_timeout = !self.keeps_slow;
        config.reserve_time_for_retry = self.reserves;
        config.queue_selector = Some(&ByArgument);
        config.max_message_size = 700;
        config
    }
}

/// What comes out is half as long, or nothing for bodies of odd lengths.
#[derive(Debug)]
struct Halves;

impl Compressor for Halves {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Zlib
    }

    fn max_compressed_len(&self, len: usize) -> usize {
        len + 16
    }

    fn compress(&self, body: &[u8], room: &mut [u8]) -> Option<usize> {
        assert!(room.len() >= self.max_compressed_len(body.len()));
        let half = body.len() / 2;
        room[..half].copy_from_slice(&body[..half]);
        body.len().is_multiple_of(2).then_some(half)
    }
}

/// Forbids the first attempt to queue 0.
#[derive(Debug)]
struct NotFirst;

impl CheckForbiddenHook for NotFirst {
    fn is_forbidden(&self, context: &SendContext<'_>) -> bool {
        context.attempt == 1 && context.queue_id == 0
    }
}

/// The argument is the place, be it there or not.
#[derive(Debug)]
struct ByArgument;

impl MessageQueueSelector for ByArgument {
    fn select(&self, queues: &PublishQueues<'_>, _: &MessageView<'_>, argument: u64) -> Option<usize> {
        assert!(queues.iter().count() == queues.len());
        usize::try_from(argument).ok().filter(|place| *place != 3)
    }
}
