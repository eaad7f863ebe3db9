//! Messages that outlive the network and the process: `outbox [FILE]`. Without a file it takes one of its own.
//!
//! Readings are pushed while there is no broker, the program forgets everything but the file, and when the broker is there
//! they leave in their order, under the ids they were given in the beginning.

use core::error::Error;
use core::time::Duration;

use rocketlite::outbox::{ForwardConfig, Forwarded, WhenFull};
use rocketlite::{Broker, Message, Outbox, Producer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let own_file = std::env::temp_dir().join(format!("rocketlite-example-{}.outbox", std::process::id()));
    let named = std::env::args_os().nth(1);
    let path = named.as_ref().map_or(own_file.as_path(), |name| name.as_ref());

    // A broker of our own, cut off the network for now.
    let broker = Broker::builder().start()?;
    broker.isolate();
    let producer = || Producer::builder("sensors").namesrv_addr(broker.local_addr().to_string()).start();
    let patience = ForwardConfig {
        first_delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(1),
        ..ForwardConfig::default()
    };

    println!("without a broker");
    let outbox = open(path).await?;
    for reading in ["21.5", "21.7", "22.0"] {
        let id = outbox.push(&Message::new("Temperature", reading.as_bytes()).with_keys("sensor-7")).await?;
        println!("  kept {id}: {reading}");
    }
    let offline = producer()?;
    if let Some(Forwarded::Deferred { error, .. }) =
        outbox.forwarder(&offline).with_config(patience).next().await?
    {
        println!("  not sent: {error}");
    }
    offline.shutdown().await;
    drop(outbox);

    println!("after a restart, with a broker");
    broker.rejoin().await?;
    let outbox = open(path).await?;
    let producer = producer()?;
    let mut forwarder = outbox.forwarder(&producer).with_config(patience);
    while outbox.counters().await.waiting > 0 {
        match forwarder.next().await? {
            Some(Forwarded::Sent(result)) => println!("  {} {}", result.status, result.message_id),
            Some(Forwarded::GivenUp(message)) => println!("  given up: {}", message.error),
            Some(Forwarded::Deferred { error, delay, .. }) => println!("  again in {delay:?}: {error}"),
            _ => break,
        }
    }
    producer.shutdown().await;

    broker.for_each_message(|message| {
        println!("  the broker has {}", String::from_utf8_lossy(message.body));
    });
    if named.is_none() {
        std::fs::remove_file(own_file)?;
    }
    Ok(())
}

/// 1 MiB: if it is full, new readings are worth more than old ones.
async fn open(path: &std::path::Path) -> Result<Outbox, rocketlite::outbox::OpenError> {
    Outbox::builder(path).capacity(1 << 20).when_full(WhenFull::DropOldest).open().await
}
