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

#[tokio::test]
async fn a_client_says_who_it_is_and_asks_for_routes_at_its_start() {
    let broker = Broker::builder().start().unwrap();
    let builder = Producer::builder("group").namesrv_addr(broker.local_addr().to_string());
    let error = builder.clone().topics(["T", "T.x"]).start().unwrap_err();
    assert!(error.to_string().contains("topics") && error.to_string().contains("T.x"), "{error}");
    let producer = builder.topics(["T"]).unit_name("unit").enable_stream_request_type(true).start().unwrap();
    let counters = broker.counters();
    while broker.counters().requests == counters.requests {
        tokio::task::yield_now().await;
    }
    producer.send(&Message::new("T", b"x")).await.unwrap();
    producer.shutdown().await;
}

#[cfg(feature = "acl")]
#[tokio::test]
async fn an_account_needs_its_secret_and_keeps_it() {
    let broker = Broker::builder().start().unwrap();
    let builder = Producer::builder("group").namesrv_addr(broker.local_addr().to_string()).access_key("ak");
    assert!(builder.clone().start().unwrap_err().to_string().contains("secret_key"));
    let builder = builder.secret_key("sk-secret");
    assert!(!format!("{builder:?}").contains("sk-secret"));
    let producer = builder.start().unwrap();
    producer.send(&Message::new("T", b"signed")).await.unwrap();
    producer.shutdown().await;
}

/// The body and the system flag of what the broker has stored.
#[cfg(feature = "compress")]
fn stored(broker: &Broker) -> Vec<(Vec<u8>, i32)> {
    let mut stored = Vec::new();
    broker.for_each_message(|message| stored.push((message.body.to_vec(), message.sys_flag)));
    stored
}

#[cfg(feature = "compress")]
#[tokio::test]
async fn large_bodies_are_compressed_as_the_settings_say() {
    use rocketlite::producer::CompressionType;

    let broker = Broker::builder().start().unwrap();
    let builder = Producer::builder("group").namesrv_addr(broker.local_addr().to_string());
    let body = [b'x'; 4096];
    for (builder, flag) in [
        (builder.clone(), 769),
        (builder.clone().compress_type(CompressionType::Lz4), 257),
        (builder.clone().compress_type(CompressionType::Zstd), 513),
        (builder.clone().compress_msg_body_over_howmuch(4097), 0),
    ] {
        let producer = builder.start().unwrap();
        producer.send(&Message::new("T", &body)).await.unwrap();
        producer.shutdown().await;
        let (stored, sys_flag) = stored(&broker).pop().unwrap();
        assert_eq!(sys_flag, flag);
        assert_eq!(stored.len() < body.len(), flag != 0);
    }
}
