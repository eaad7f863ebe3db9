//! What may happen to a producer.

use core::time::Duration;

use arbitrary::Arbitrary;
use rocketlite_core::Message;
use rocketlite_core::producer::{MessageQueue, SendOptions};
use rocketlite_core::send::SendMode;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::{FLAG_ONE_WAY, FLAG_RESPONSE};
use rocketlite_tests::encode;

use super::Bench;
use super::bench::Request;
use crate::choice::{head, pick};

#[derive(Debug, Arbitrary)]
pub(super) enum Operation<'a> {
    Send(Content<'a>, Options),
    SendBatch(u8, Content<'a>, Options),
    Prefetch(u8),
    Open(u8),
    Lose(u8),
    Transmit(u8, u8),
    /// The request in that place is answered, and may be answered again.
    Answer(u8, Answer, bool),
    /// The same with one byte changed.
    AnswerDamaged(u8, Answer, u16, u8),
    /// The peer of a connection says something of its own.
    Say(u8, &'a [u8]),
    /// It asks, as brokers may.
    Ask(u8, u8, bool),
    /// Every connection is opened, and everything there is to write is written.
    Everything,
    Wait(u16, bool),
    WaitSeconds(u8, bool),
    Take(u8),
    Fetch,
    Shutdown,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Content<'a> {
    topic: u8,
    /// Bytes of body, four at a time.
    body: u8,
    tags: Option<&'a str>,
    keys: Option<&'a str>,
    property: Option<(&'a str, &'a str)>,
    delay: u8,
    flag: i32,
    no_wait: bool,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Options {
    mode: u8,
    queue: Queue,
    timeout: Option<u16>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Queue {
    Any,
    One(u8, u8),
    Hash(i32),
    Selector(u8),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Answer {
    Stored(u8),
    /// Queues of each of three brokers, and what is odd about the route.
    Route([u8; 3], u8),
    Refuse(u8),
    Empty,
}

const TOPICS: [&str; 8] = ["T", "U", "V", "%RETRY%g", "TBW102", "SELF_TEST_TOPIC", "a b", ""];
const BROKERS: [&str; 4] = ["a", "b", "c", "nobody"];
const CODES: [i32; 12] = [1, 2, 3, 13, 14, 16, 17, 204, 215, 1500, -1, i32::MAX];
const QUESTIONS: [RequestCode; 8] = [
    RequestCode::CHECK_TRANSACTION_STATE,
    RequestCode::NOTIFY_CONSUMER_IDS_CHANGED,
    RequestCode::RESET_CONSUMER_CLIENT_OFFSET,
    RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT,
    RequestCode::GET_CONSUMER_RUNNING_INFO,
    RequestCode::CONSUME_MESSAGE_DIRECTLY,
    RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT,
    RequestCode(9_999),
];

impl Operation<'_> {
    pub(super) fn run(&self, bench: &mut Bench<'_>) {
        match self {
            Operation::Send(content, options) => send(bench, 1, *content, *options, false),
            Operation::SendBatch(count, content, options) => {
                send(bench, usize::from(count % 4), *content, *options, true);
            }
            Operation::Prefetch(topic) => {
                let topic = pick(&TOPICS, *topic);
                let _ = bench.input(|producer, now| producer.prefetch_route(now, topic));
            }
            Operation::Open(link) => bench.open((*link).into()),
            Operation::Lose(link) => bench.lose((*link).into()),
            Operation::Transmit(link, size) => bench.transmit((*link).into(), (*size).into()),
            Operation::Answer(request, answer, again) => reply(bench, *request, *answer, *again, |_| {}),
            Operation::AnswerDamaged(request, answer, at, bits) => {
                reply(bench, *request, *answer, false, |frame| {
                    let at = usize::from(*at) % frame.len();
                    frame[at] ^= bits;
                });
            }
            Operation::Say(link, bytes) => say(bench, *link, bytes),
            Operation::Ask(link, code, one_way) => {
                let flag = if *one_way { FLAG_ONE_WAY } else { 0 };
                let fields = [("consumerGroup", "g"), ("group", "g"), ("queueId", "0")];
                let fields = &fields[..usize::from(code / 8) % 4];
                say(bench, *link, &encode::command(head(pick(&QUESTIONS, *code).0, 7, flag), fields, b""));
            }
            Operation::Everything => {
                (0..bench.links.len()).for_each(|place| bench.open(place));
                (0..bench.links.len()).for_each(|place| bench.transmit(place, 200));
            }
            Operation::Wait(millis, stepwise) => {
                bench.wait(Duration::from_millis((*millis).into()), *stepwise);
            }
            Operation::WaitSeconds(seconds, stepwise) => {
                bench.wait(Duration::from_secs((*seconds).into()), *stepwise);
            }
            Operation::Take(place) => {
                if let Some(id) = bench.send_ids().get(usize::from(*place)) {
                    bench.take(*id);
                    bench.drive();
                }
            }
            Operation::Fetch => bench.fetch(),
            Operation::Shutdown => bench.input(rocketlite_core::Producer::shutdown),
        }
    }
}

fn send(bench: &mut Bench<'_>, count: usize, content: Content<'_>, options: Options, batch: bool) {
    let body = vec![b'x'; usize::from(content.body) * 4];
    let property = content.property.map(|property| [property]);
    let mut message = Message::new(pick(&TOPICS, content.topic), &body)
        .with_flag(content.flag)
        .with_delay_time_level(i32::from(content.delay) % 3)
        .with_wait_store_msg_ok(!content.no_wait)
        .with_properties(property.as_ref().map_or(&[], |property| &property[..]));
    message = content.tags.map_or(message, |tags| message.with_tags(tags));
    message = content.keys.map_or(message, |keys| message.with_keys(keys));
    let messages = vec![message; count];
    let how =
        SendOptions::new().mode(pick(&[SendMode::Sync, SendMode::Async, SendMode::OneWay], options.mode));
    let how = match options.queue {
        Queue::Any => how,
        Queue::One(broker, queue_id) => {
            how.to(MessageQueue { broker_name: pick(&BROKERS, broker), queue_id: queue_id.into() })
        }
        Queue::Hash(hash) => how.by_hash(hash),
        Queue::Selector(argument) => how.by_selector(argument.into()),
    };
    let timeout = options.timeout.map(|millis| Duration::from_millis(millis.into()));
    let how = timeout.map_or(how, |timeout| how.timeout(timeout));
    let now = bench.now;
    let accepted = if batch {
        bench.producer.send_with(now, &messages[..], &how)
    } else {
        bench.producer.send_with(now, &message, &how)
    };
    if let Ok(id) = accepted {
        bench.accepted(id);
    }
    bench.drive();
}

fn say(bench: &mut Bench<'_>, link: u8, bytes: &[u8]) {
    if let Some(id) = bench.links.get(usize::from(link)).map(|link| link.id) {
        bench.receive(id, bytes);
    }
}

/// Answers a request, one of its own kind or not.
fn reply(bench: &mut Bench<'_>, place: u8, answer: Answer, again: bool, damage: impl Fn(&mut Vec<u8>)) {
    if bench.requests.is_empty() {
        return;
    }
    let place = usize::from(place) % bench.requests.len();
    let mut frame = frame(&bench.requests[place], answer);
    damage(&mut frame);
    let connection = bench.requests[place].connection;
    if !again {
        bench.requests.remove(place);
    }
    bench.receive(connection, &frame);
}

fn frame(request: &Request, answer: Answer) -> Vec<u8> {
    let respond = |code, fields: &[(&str, &str)], body: &[u8]| {
        encode::command(head(code, request.opaque, FLAG_RESPONSE), fields, body)
    };
    match answer {
        Answer::Stored(code) => {
            let queue = request.fields.get("e").map_or("0", String::as_str);
            let fields =
                [("msgId", "0A00000100002A9F0000000000000000"), ("queueId", queue), ("queueOffset", "7")];
            respond(pick(&[0, 10, 11, 12], code), &fields, b"")
        }
        Answer::Route(queues, odd) => respond(0, &[], route(queues, odd).as_bytes()),
        Answer::Refuse(code) => respond(pick(&CODES, code), &[], b""),
        Answer::Empty => respond(0, &[], b""),
    }
}

fn route(queues: [u8; 3], odd: u8) -> String {
    let (mut brokers, mut lists) = (Vec::new(), Vec::new());
    for (place, (name, count)) in BROKERS.iter().zip(queues).enumerate() {
        let has = |bit: usize| odd & (1 << bit) != 0;
        let master = i32::from(has(place));
        brokers.push(format!(r#"{{"brokerName":"{name}","brokerAddrs":{{"{master}":"{name}:10"}}}}"#));
        let (perm, count) = (if has(place + 3) { 4 } else { 6 }, count % 5);
        lists.push(format!(
            r#"{{"brokerName":"{name}","perm":{perm},"readQueueNums":{count},"writeQueueNums":{count}}}"#
        ));
    }
    let order = if odd & 0x40 != 0 { r#","orderTopicConf":"a:2;nobody:1""# } else { "" };
    format!(r#"{{"brokerDatas":[{}],"queueDatas":[{}]{order}}}"#, brokers.join(","), lists.join(","))
}
