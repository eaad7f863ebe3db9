//! `send_*.jsonl`: whole sends of `DefaultMQProducer` against scripted servers, from the caller's message to what the
//! brokers received and the caller got.

mod servers;
mod squeezer;
mod trace;

use core::time::Duration;

use rocketlite_core::message::compression::CompressionType;
use rocketlite_core::producer::{MessageQueue, ProducerConfig, SendOptions, SubmitError};
use rocketlite_core::send::SendMode;
use rocketlite_core::wire::code::{LanguageCode, ResponseCode};
use rocketlite_core::{Message, Rules, SendId};
use rocketlite_tests::golden::{Checks, integer, list, run, same, text};
use rocketlite_tests::scripted::World;
use serde_json::{Value, json};

use servers::Servers;
use squeezer::Squeezer;
use trace::Names;

#[test]
fn sends_4_9_7() {
    run("send_4.9.7.jsonl", name, |case, checks| check(case, Rules::V4, checks));
}

#[test]
fn sends_5_4_0() {
    run("send_5.4.0.jsonl", name, |case, checks| check(case, Rules::V5, checks));
}

fn name(case: &Value) -> String {
    text(case, "name").unwrap_or_default().into()
}

fn check(case: &Value, rules: Rules, checks: &mut Checks) {
    let mut ours = Vec::new();
    checks.aspect("run", || {
        let mut world = World::new(Servers::new(case), 8 << 20, |config| settings(case, rules, config));
        let mut names = Names::default();
        ours =
            (0..integer::<u32>(case, "sends")).map(|_| send(case, rules, &mut world, &mut names)).collect();
        Ok(())
    });
    if ours.is_empty() {
        return;
    }
    let recorded: Vec<&Value> = list(case, "results").iter().collect();
    // A trace that the reference has shown once is as good as the one it shows mostly.
    let also: Vec<&Value> = list(case, "also_seen").iter().collect();
    if also.iter().any(|results| agree(&ours, &results.as_array().unwrap().iter().collect::<Vec<_>>())) {
        return;
    }
    for aspect in ["lookups", "selects", "received", "faults", "outcome", "elapsed_timeouts"] {
        checks.aspect(aspect, || {
            for (index, (ours, recorded)) in ours.iter().zip(&recorded).enumerate() {
                if let Some(expected) = recorded.get(aspect) {
                    same(&format!("send {index}"), &ours[aspect], &trace::reduced(aspect, expected))?;
                }
            }
            Ok(())
        });
    }
}

fn agree(ours: &[Value], recorded: &[&Value]) -> bool {
    let aspects = ["lookups", "selects", "received", "faults", "outcome"];
    ours.len() == recorded.len()
        && ours.iter().zip(recorded).all(|(ours, recorded)| {
            aspects.iter().all(|aspect| ours[*aspect] == trace::reduced(aspect, &recorded[*aspect]))
        })
}

/// The settings of a case, by their names in `DefaultMQProducer`.
fn settings(case: &Value, rules: Rules, config: &mut ProducerConfig<'static>) {
    config.rules = rules;
    config.language = LanguageCode::JAVA;
    config.version = match rules {
        Rules::V4 => 407,
        _ => 493,
    };
    config.compressor = Some(&Squeezer(CompressionType::Zlib));
    config.first_queue_index = Some(integer(case, "index"));
    let codes = list(case, "add_retry_codes").iter();
    let codes: Vec<_> = codes.map(|code| ResponseCode(code.as_i64().unwrap().try_into().unwrap())).collect();
    config.more_retry_response_codes = codes.leak();
    for (key, value) in case["producer"].as_object().unwrap() {
        let number = || value.as_u64().unwrap();
        let millis = || Duration::from_millis(number());
        match key.as_str() {
            "sendMsgTimeout" => config.send_msg_timeout = millis(),
            "mqClientApiTimeout" => config.mq_client_api_timeout = millis(),
            "sendMsgMaxTimeoutPerRequest" => config.send_msg_max_timeout_per_request = Some(millis()),
            "retryTimesWhenSendFailed" => config.retry_times_when_send_failed = number().try_into().unwrap(),
            "retryTimesWhenSendAsyncFailed" => {
                config.retry_times_when_send_async_failed = number().try_into().unwrap();
            }
            "retryAnotherBrokerWhenNotStoreOK" => {
                config.retry_another_broker_when_not_store_ok = value.as_bool().unwrap();
            }
            "sendLatencyFaultEnable" => config.send_latency_fault_enable = value.as_bool().unwrap(),
            "compressMsgBodyOverHowmuch" => {
                config.compress_msg_body_over_howmuch = number().try_into().unwrap();
            }
            "compressType" => {
                config.compressor = Some(match value.as_str() {
                    Some("LZ4") => &Squeezer(CompressionType::Lz4),
                    Some("ZSTD") => &Squeezer(CompressionType::Zstd),
                    other => panic!("no compression {other:?}"),
                });
            }
            "defaultTopicQueueNums" => config.default_topic_queue_nums = number().try_into().unwrap(),
            "maxMessageSize" => config.max_message_size = number().try_into().unwrap(),
            "unitMode" => config.unit_mode = value.as_bool().unwrap(),
            "namespace" => config.namespace = Some(value.as_str().unwrap().to_owned().leak()),
            "createTopicKey" => config.create_topic_key = value.as_str().unwrap().to_owned().leak(),
            other => panic!("no setting {other}"),
        }
    }
}

/// One send of a case, as the reference describes its own.
fn send(case: &Value, rules: Rules, world: &mut World<Servers>, names: &mut Names) -> Value {
    world.events.clear();
    world.script.begin();
    let sources: Vec<Source<'_>> = list(case, "messages").iter().map(Source::of).collect();
    let messages: Vec<Message<'_>> = sources.iter().map(Source::message).collect();
    let accepted = submit(case, world, &messages);
    let elapsed = accepted.as_ref().map_or(Duration::ZERO, |id| world.run_until_sent(*id));
    // Before the outcome: ids are named in the order of the requests.
    let received = world.script.received(names);
    let outcome = match accepted {
        Err(error) => trace::refused(case, &error),
        Ok(id) => trace::outcome(case, rules, world, names, id),
    };
    let timeout = case["producer"]["sendMsgTimeout"].as_u64().unwrap_or(3_000);
    json!({
        "lookups": world.script.lookups(),
        "selects": trace::selects(case, rules, world),
        "received": received,
        "faults": trace::faults(case, rules, world),
        "outcome": outcome,
        "elapsed_timeouts": u64::try_from(elapsed.as_millis()).unwrap() / timeout,
    })
}

/// What a message borrows.
struct Source<'c> {
    topic: &'c str,
    body: String,
    flag: i32,
    properties: Vec<(&'c str, &'c str)>,
}

impl<'c> Source<'c> {
    fn of(message: &'c Value) -> Self {
        let properties = message["properties"].as_object().unwrap().iter();
        Self {
            topic: text(message, "topic").unwrap_or_default(),
            body: text(message, "body_text").unwrap().repeat(integer(message, "body_times")),
            flag: integer(message, "flag"),
            properties: properties.map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect(),
        }
    }

    fn message(&self) -> Message<'_> {
        Message::new(self.topic, self.body.as_bytes()).with_flag(self.flag).with_properties(&self.properties)
    }
}

fn submit<'m>(
    case: &Value,
    world: &mut World<Servers>,
    messages: &[Message<'m>],
) -> Result<SendId, SubmitError<'m>> {
    let now = world.now();
    let producer = &mut world.producer;
    if case["batch"] == true {
        return producer.send_batch(now, messages);
    }
    let message = &messages[0];
    if let Some(target) = case["target"].as_object() {
        let queue_id = target["queue_id"].as_u64().unwrap().try_into().unwrap();
        let queue = MessageQueue { broker_name: target["broker"].as_str().unwrap(), queue_id };
        return match text(case, "mode") {
            Some("async") => {
                producer.send_with(now, message, &SendOptions::new().mode(SendMode::Async).to(queue))
            }
            _ => producer.send_to(now, message, &queue),
        };
    }
    match text(case, "mode") {
        Some("async") => producer.send_async(now, message),
        Some("oneway") => producer.send_oneway(now, message),
        _ => producer.send(now, message),
    }
}
