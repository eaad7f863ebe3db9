//! Sends ten messages and waits for each result: `send_sync [NAMESRV]`. Without a name server it starts a broker of its own.

use core::error::Error;

use rocketlite::{Broker, Message, Producer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut own_broker = None;
    let name_server = match std::env::args().nth(1) {
        Some(address) => address,
        None => own_broker.insert(Broker::builder().start()?).local_addr().to_string(),
    };

    let producer = Producer::builder("example_producers").namesrv_addr(name_server).start()?;
    for number in 0..10 {
        let body = format!("Hello RocketMQ {number}");
        let message = Message::new("TopicTest", body.as_bytes()).with_tags("TagA");
        let sent = producer.send(&message).await?;
        println!("{} {} broker={} queue={}", sent.status, sent.message_id, sent.broker_name, sent.queue_id);
    }
    producer.shutdown().await;
    Ok(())
}
