//! Every way to send, against a broker in this process.

use rocketlite::producer::{MessageQueue, Rules, SendStatus};
use rocketlite::{Broker, Message, Producer};

#[tokio::test]
async fn every_way_to_send_ends_in_the_log() {
    let broker = Broker::builder().start().unwrap();
    for rules in [Rules::V4, Rules::V5] {
        let builder = Producer::builder("modes").namesrv_addr(broker.local_addr().to_string()).rules(rules);
        let builder = builder.send_latency_fault_enable(true).reserve_time_for_retry(true);
        let producer = builder.retry_another_broker_when_not_store_ok(true).start().unwrap();
        let message = Message::new("Modes", b"body");
        let first = producer.send(&message).await.unwrap();
        assert_eq!(first.status, SendStatus::SendOk);
        let queue = MessageQueue { broker_name: &first.broker_name, queue_id: 1 };
        assert_eq!(producer.send_to(&message, &queue).await.unwrap().queue_id, 1);
        assert_eq!(producer.send_hashed(&message, 7).await.unwrap().queue_id, 3);
        producer.send_async(&message).await.unwrap();
        producer.send_oneway(&message).await.unwrap();
        producer.send_batch(&[message, message]).await.unwrap();
        producer.shutdown().await;
    }
    let mut stored = 0;
    broker.for_each_message(|message| {
        stored += usize::from(message.topic == "Modes" && message.body == b"body");
    });
    assert_eq!(stored, 14);
}
