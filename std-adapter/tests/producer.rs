//! The async producer and what a broker gets of it.

use rocketlite::{Broker, Message, Producer};

#[tokio::test]
async fn a_batch_is_stored_message_by_message_under_the_ids_that_follow_the_result() {
    let broker = Broker::builder().start().unwrap();
    let name_server = broker.local_addr().to_string();
    let producer = Producer::builder("group").namesrv_addr(name_server).start().unwrap();
    let messages = [Message::new("T", b"one"), Message::new("T", b"two"), Message::new("T", b"three")];
    let first_id = producer.send_batch(&messages).await.unwrap().message_id;
    let mut stored = Vec::new();
    broker.for_each_message(|message| {
        let key = message.properties().get("UNIQ_KEY").map(|key| key.to_string());
        stored.push((key.unwrap_or_default(), message.body.to_vec()));
    });
    let expected: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| (first_id.following(index).to_string(), message.body().to_vec()))
        .collect();
    assert_eq!(stored, expected);

    let error = producer.send_batch(&[]).await.unwrap_err();
    assert_eq!(error.response_code(), -1);
    assert!(error.to_string().contains("Failed to initiate the MessageBatch"), "{error}");
    producer.shutdown().await;
}
