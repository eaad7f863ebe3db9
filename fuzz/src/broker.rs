//! A broker and any list of what may happen to it: peers of every kind, name servers, time, and little memory.

mod bench;
mod consumer;
mod operation;

use core::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rocketlite_broker::{BrokerConfig, WhenFull};

use bench::{ADDRESS, Bench, Storage};
use operation::Operation;

#[derive(Debug, Arbitrary)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
struct Settings {
    refuses_when_full: bool,
    no_new_topics: bool,
    has_name_server: bool,
    has_waiting_pull: bool,
    max_pending: u8,
}

pub(crate) fn check(input: &[u8]) {
    // An input that ends early is a short list.
    let _ = list(&mut Unstructured::new(input));
}

fn list(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let settings: Settings = input.arbitrary()?;
    crate::show(&settings);
    let names = [crate::producer::address("ns:1")];
    let mut storage = Storage::new();
    let config = BrokerConfig {
        when_full: if settings.refuses_when_full { WhenFull::Refuse } else { WhenFull::Evict },
        auto_create_topics: !settings.no_new_topics,
        name_servers: if settings.has_name_server { &names } else { &[] },
        max_pending: 1 + usize::from(settings.max_pending) % 4,
        default_topic_queue_nums: 2,
        max_message_size: 256,
        frame_timeout: Duration::from_secs(4),
        ..BrokerConfig::new("broker-a", ADDRESS)
    };
    let mut bench = Bench::new(config, &mut storage);
    if settings.has_waiting_pull {
        for operation in Operation::up_to_a_pull_that_waits() {
            operation.run(&mut bench);
            bench.check();
        }
        // Without the topic there is nothing to wait for.
        assert!(settings.no_new_topics || bench.waits(1), "the pull was answered");
    }
    while !input.is_empty() {
        let operation: Operation<'_> = input.arbitrary()?;
        crate::show(&operation);
        operation.run(&mut bench);
        bench.check();
    }
    bench.settle();
    Ok(())
}
