//! A RocketMQ for a test or a small service, in its own process: no container, no port to choose, gone when it is dropped.

use core::error::Error;

use rocketlite::broker::WhenFull;
use rocketlite::{Broker, Message, Producer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Everything it will ever need is taken here: 16 MiB of log, and places for 32 clients.
    let broker = Broker::builder()
        .broker_name("edge-broker")
        .capacity(16 << 20)
        .when_full(WhenFull::Refuse)
        .max_connections(32)
        .start()?;
    println!("serving on {}", broker.local_addr());

    let producer = Producer::builder("sensors").namesrv_addr(broker.local_addr().to_string()).start()?;
    for reading in ["21.5", "21.7", "22.0"] {
        // Readings of one sensor stay in order: they go to one queue.
        let message = Message::new("Temperature", reading.as_bytes()).with_keys("sensor-7");
        producer.send_hashed(&message, 7).await?;
    }

    // What was stored can be looked at without a consumer.
    broker.for_each_message(|message| {
        let body = String::from_utf8_lossy(message.body);
        println!("{} queue {} offset {}: {body}", message.topic, message.queue_id, message.queue_offset);
    });
    println!("{} requests from {} connections", broker.counters().requests, broker.counters().accepted);

    producer.shutdown().await;
    broker.shutdown().await;
    Ok(())
}
