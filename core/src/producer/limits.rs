//! How much memory a producer takes: a formula for any limits, and three sets of limits to begin with.

use heapless::Deque;

use super::Event;
use super::connections::Link;
use super::memory::ProducerStorage;
use crate::route::{BrokerRoute, QueueRef, TopicRoute};
use crate::select::FaultPlace;
use crate::send::InFlight;
use crate::wire::frame::Partial;
use crate::{Extent, Slot};

/// The sizes of a producer's memory, which are its limits; those of [`ProducerStorage`] by the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::exhaustive_structs, reason = "the parameters of `ProducerStorage`")]
pub struct ProducerLimits {
    /// Connections to brokers and name servers together, at least 2.
    pub connections: usize,
    /// Topics that are sent to at a time.
    pub topics: usize,
    /// Queues of a topic.
    pub queues: usize,
    /// Brokers of all routes.
    pub brokers: usize,
    /// Sends that have not ended or whose outcome was not taken.
    pub in_flight: usize,
    /// Bytes for bodies and properties of the sends in flight.
    pub bodies: usize,
    /// Bytes for frames that arrive in parts.
    pub frames: usize,
    /// Events that wait for the caller.
    pub events: usize,
}

impl ProducerLimits {
    /// How many bytes a [`ProducerStorage`] of these limits takes on the machine this is built for, to the byte:
    ///
    /// ```text
    ///   connections × (a connection, the state of a frame that arrives, a piece of the memory for frames)
    /// + topics      × (a topic + queues × a queue + brokers × a number of queues)
    /// + brokers     × (a broker, a fault item)
    /// + in_flight   × (a send, a piece of the memory for bodies)
    /// + events      × an event + the head of their queue
    /// + bodies + frames
    /// ```
    ///
    /// each rounded up as its alignment wants. The size of each part is that of its type in the build at hand, as the width of
    /// a pointer and the features make it. On a Cortex-M (thumbv6m, thumbv7em):
    ///
    /// | each | bytes |
    /// | --- | --- |
    /// | connection | 256, with feature `acl` 288 |
    /// | topic | 200, and 6 for each queue it may have and 2 for each broker |
    /// | broker | 224 |
    /// | send in flight | 568 |
    /// | event | 112, and 16 for all of them |
    ///
    /// A [`Producer`](super::Producer) itself takes 848 bytes there. The compiler lists what a build has (here the one that `.ci/run`
    /// installs, after its first build):
    ///
    /// ```sh
    /// CARGO_INCREMENTAL=0 RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo rustc -Z build-std=core \
    ///     --target thumbv7em-none-eabihf --target-dir target/bare -p rocketlite-core -- -Z print-type-sizes \
    ///     | grep -E 'type: `[a-z:]*(ProducerStorage|Slot|FaultItem|Event|Extent|Partial|QueueRef|Producer)[<`]'
    /// ```
    ///
    /// ```
    /// use rocketlite_core::ProducerStorage;
    /// use rocketlite_core::producer::ProducerLimits;
    ///
    /// // What do 16 queues for each topic cost, instead of 8? Nothing has to be built for a device to know.
    /// const EIGHT: ProducerLimits = ProducerLimits { topics: 10, queues: 8, ..ProducerLimits::SMALL };
    /// const SIXTEEN: ProducerLimits = ProducerLimits { queues: 16, ..EIGHT };
    /// const _: () = assert!(SIXTEEN.bytes() - EIGHT.bytes() == 10 * 8 * 6);
    ///
    /// // The memory itself; a build fails if it is not as large as the formula says.
    /// type Storage = ProducerStorage<4, 10, 16, 4, 2, 2_304, 1_536, 4>;
    /// assert_eq!(size_of::<Storage>(), SIXTEEN.bytes());
    /// ```
    pub const fn bytes(self) -> usize {
        let Self { connections, topics, queues, brokers, in_flight, bodies, frames, events } = self;
        // In the order of the fields, as `repr(C)` lays them out.
        let end = array::<Slot<Link>>(0, connections);
        let end = array::<Slot<TopicRoute>>(end, topics);
        let end = array::<FaultPlace>(end, brokers);
        let end = array::<Slot<InFlight>>(end, in_flight);
        let end = array::<Event>(array::<Deque<Event, 0>>(end, 1), events);
        let end = array::<Slot<BrokerRoute>>(end, brokers);
        let end = array::<Partial>(end, connections);
        let end = array::<Extent>(end, connections);
        let end = array::<Extent>(end, in_flight);
        let end = array::<QueueRef>(end, topics.saturating_mul(queues));
        let end = array::<u16>(end, topics.saturating_mul(brokers));
        let end = end.saturating_add(bodies).saturating_add(frames);
        rounded_up(end, align_of::<ProducerStorage<0, 0, 0, 0, 0, 0, 0, 0>>())
    }

    /// One broker that is its own name server, one topic, a send at a time: a sensor on a line to a gateway.
    pub const TINY: Self = TinyProducerStorage::LIMITS;

    /// A few topics of a small cluster, two sends at a time with bodies of 1 KiB.
    pub const SMALL: Self = SmallProducerStorage::LIMITS;

    /// Everything that passes through a gateway: large routes, many sends at a time.
    pub const GATEWAY: Self = GatewayProducerStorage::LIMITS;
}

/// 2 connections, 1 topic of 8 queues, 1 broker, 1 send with 512 bytes of body and properties, frames of 1 KiB: 3,576 bytes on
/// a Cortex-M, 64 more with feature `acl`.
pub type TinyProducerStorage = ProducerStorage<2, 1, 8, 1, 1, 512, 1_024, 4>;

/// 4 connections, 2 topics of 16 queues, 4 brokers, 2 sends with 1 KiB of body and 128 bytes of properties each, frames of
/// 1.5 KiB: 8,000 bytes on a Cortex-M, 128 more with feature `acl`.
pub type SmallProducerStorage = ProducerStorage<4, 2, 16, 4, 2, 2_304, 1_536, 4>;

/// 17 connections, 32 topics of 64 queues, 16 brokers, 32 sends with 64 KiB of bodies and properties, frames of 32 KiB:
/// 151,448 bytes on a Cortex-M, 544 more with feature `acl`.
pub type GatewayProducerStorage = ProducerStorage<17, 32, 64, 16, 32, 65_536, 32_768, 64>;

/// Where an array of `count` entries ends that follows what ends at `end`. Past any memory it stays there.
const fn array<T>(end: usize, count: usize) -> usize {
    rounded_up(end, align_of::<T>()).saturating_add(size_of::<T>().saturating_mul(count))
}

const fn rounded_up(size: usize, align: usize) -> usize {
    match size.checked_next_multiple_of(align) {
        Some(size) => size,
        None => usize::MAX,
    }
}

/// What the documentation says of a microcontroller: a build for one fails when it is not true any more.
#[cfg(all(target_arch = "arm", not(feature = "acl")))]
const _: () = {
    assert!(size_of::<TinyProducerStorage>() == 3_576);
    assert!(size_of::<SmallProducerStorage>() == 8_000);
    assert!(size_of::<GatewayProducerStorage>() == 151_448);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProducerConfig;
    use crate::producer::Producer;
    use crate::{Address, Instant, WallClock};

    /// The measured size of a storage, and what the formula says of its limits as numbers known at run time.
    macro_rules! sizes {
        ($($number:literal),*) => {{
            let [connections, topics, queues, brokers, in_flight, bodies, frames, events] =
                core::hint::black_box([$($number),*]);
            let limits =
                ProducerLimits { connections, topics, queues, brokers, in_flight, bodies, frames, events };
            assert_eq!(limits, ProducerStorage::<$($number),*>::LIMITS);
            (limits.bytes(), size_of::<ProducerStorage<$($number),*>>())
        }};
    }

    #[test]
    fn the_formula_gives_the_size_to_the_byte() {
        for (formula, measured) in [
            sizes!(0, 0, 0, 0, 0, 0, 0, 0),
            sizes!(2, 1, 1, 1, 1, 1, 512, 1),
            sizes!(3, 2, 5, 3, 2, 1001, 513, 7),
            sizes!(7, 3, 1, 5, 9, 65_537, 4_099, 0),
            sizes!(1, 1, 0, 1, 1, 0, 0, 33),
        ] {
            assert_eq!(formula, measured);
        }
        assert_eq!(ProducerLimits::TINY.bytes(), size_of::<TinyProducerStorage>());
        assert_eq!(ProducerLimits::SMALL.bytes(), size_of::<SmallProducerStorage>());
        assert_eq!(ProducerLimits::GATEWAY.bytes(), size_of::<GatewayProducerStorage>());
    }

    #[test]
    fn limits_beyond_any_memory_do_not_wrap() {
        let limits = ProducerLimits { topics: usize::MAX, queues: usize::MAX, ..ProducerLimits::TINY };
        assert_eq!(limits.bytes(), usize::MAX);
    }

    #[test]
    fn each_preset_is_enough_for_a_producer() {
        let names = [Address::new("ns:9876").unwrap()];
        let config = || ProducerConfig::new("PG", "client", &names);
        let clock = WallClock::new(Instant::ZERO, 0);
        assert!(Producer::new(config(), TinyProducerStorage::new().memory(), clock, 1).is_ok());
        assert!(Producer::new(config(), SmallProducerStorage::new().memory(), clock, 1).is_ok());
        let mut gateway = std::boxed::Box::new(GatewayProducerStorage::new());
        assert!(Producer::new(config(), gateway.memory(), clock, 1).is_ok());
    }
}
