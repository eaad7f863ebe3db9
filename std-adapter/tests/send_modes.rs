//! Every way to send, against a broker in this process.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use rocketlite::producer::{
    AttemptOutcome, CheckForbiddenHook, MessageQueue, MessageQueueSelector, MessageView, PublishQueues,
    Rules, SendContext, SendMessageHook, SendMode, SendOptions, SendResult, SendStatus,
};
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

/// Places by argument; counts attempts; forbids one topic.
#[derive(Debug, Clone, Default)]
struct Application {
    before: Arc<AtomicUsize>,
    stored: Arc<AtomicUsize>,
}

impl MessageQueueSelector for Application {
    fn select(&self, queues: &PublishQueues<'_>, message: &MessageView<'_>, argument: u64) -> Option<usize> {
        assert_eq!(message.topic, "Selected");
        let queue_id = u32::try_from(argument).ok()?;
        queues.iter().position(|queue| queue.queue_id == queue_id)
    }
}

impl CheckForbiddenHook for Application {
    fn is_forbidden(&self, context: &SendContext<'_>) -> bool {
        context.message.topic == "Forbidden"
    }
}

impl SendMessageHook for Application {
    fn send_message_before(&self, _: &SendContext<'_>) {
        self.before.fetch_add(1, Ordering::Relaxed);
    }

    fn send_message_after(&self, _: &SendContext<'_>, outcome: Result<&SendResult, AttemptOutcome>) {
        self.stored.fetch_add(usize::from(outcome.is_ok()), Ordering::Relaxed);
    }
}

#[tokio::test]
async fn an_application_chooses_forbids_and_watches() {
    let broker = Broker::builder().start().unwrap();
    let application = Application::default();
    let producer = Producer::builder("application")
        .namesrv_addr(broker.local_addr().to_string())
        .queue_selector(application.clone())
        .check_forbidden_hook(application.clone())
        .send_message_hook(application.clone())
        .start()
        .unwrap();
    let message = Message::new("Selected", b"body");
    for queue_id in [2, 0, 3] {
        let options = SendOptions::new().by_selector(queue_id).timeout(Duration::from_secs(30));
        let result = producer.send_with(&message, &options).await.unwrap();
        assert_eq!(u64::try_from(result.queue_id).unwrap(), queue_id);
        let batch = [message, message];
        let result = producer.send_with(&batch[..], &options.mode(SendMode::Async)).await.unwrap();
        assert_eq!(u64::try_from(result.queue_id).unwrap(), queue_id);
    }
    let error = producer.send_with(&message, &SendOptions::new().by_selector(99)).await.unwrap_err();
    assert!(error.to_string().contains("selector"), "{error}");
    let error = producer.send(&Message::new("Forbidden", b"body")).await.unwrap_err();
    assert_eq!(error.response_code(), 10_003);
    assert!(error.to_string().contains("forbidden"), "{error}");
    producer.shutdown().await;
    let counted = [&application.before, &application.stored].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counted, [6, 6]);
}
