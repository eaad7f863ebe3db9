//! What may happen to a broker.

use core::time::Duration;

use arbitrary::Arbitrary;
use rocketlite_core::message::batch::Entry;
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::{CommandHead, FLAG_ONE_WAY, FLAG_RESPONSE};
use rocketlite_core::wire::cursor::Writer;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_core::wire::header::SendMessageRequestHeader;
use rocketlite_tests::encode;

use super::bench::{Asked, Bench};
use super::consumer::Consumer;
use crate::choice::{head, pick};

#[derive(Debug, Arbitrary)]
pub(super) enum Operation<'a> {
    Accept,
    Open(u8),
    Lose(u8),
    Ask(u8, Request<'a>, Form),
    /// The same with one byte changed.
    AskDamaged(u8, Request<'a>, Form, u16, u8),
    Say(u8, &'a [u8]),
    /// As many bytes of what a peer has to say.
    Offer(u8, u16),
    Transmit(u8, u16),
    /// Everything is said and everything is heard.
    Everything,
    /// A name server answers what it was asked last.
    AnswerAsNameServer(u8, u8),
    Wait(u16),
    WaitSeconds(u8),
    Shutdown,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Form {
    binary: bool,
    one_way: bool,
    response: bool,
    /// A field of the header that is written again, with another value.
    again: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Request<'a> {
    Send { version: bool, topic: u8, queue: u8, sys_flag: u8, reconsume: u8, body: u8, properties: &'a [u8] },
    SendBatch { topic: u8, count: u8, body: u8, properties: &'a [u8], shared: &'a [u8] },
    SendBatchOf { topic: u8, body: &'a [u8] },
    Route(u8),
    Cluster,
    Heartbeat { client: u8, groups: u8 },
    HeartbeatOf(&'a [u8]),
    Unregister { client: u8, group: u8 },
    View { back: u16 },
    Consumer(Consumer),
    RegisterBroker { name: u8, id: u8, topics: u8 },
    RegisterBrokerOf(&'a [u8]),
    UnregisterBroker { name: u8, id: u8 },
    Other(i32),
}

pub(super) const TOPICS: [&str; 12] = [
    "T",
    "U",
    "V",
    "W",
    "TBW102",
    "DefaultCluster",
    "broker-a",
    "%RETRY%g",
    "%DLQ%g",
    "SELF_TEST_TOPIC",
    "a b",
    "",
];

impl Operation<'_> {
    /// What leads to a pull that waits for a message, which hardly any list comes to by chance.
    pub(super) fn up_to_a_pull_that_waits() -> [Self; 6] {
        let form = Form { binary: false, one_way: false, response: false, again: None };
        let send = Request::Send {
            version: true,
            topic: 0,
            queue: 1,
            sys_flag: 0,
            reconsume: 0,
            body: 5,
            properties: b"TAGS\x01A\x02",
        };
        [
            Self::Accept,
            Self::Accept,
            Self::Ask(0, send, form),
            Self::Everything,
            Self::Ask(1, Request::Consumer(Consumer::WAITING), form),
            Self::Everything,
        ]
    }

    pub(super) fn run(&self, bench: &mut Bench<'_>) {
        match self {
            Operation::Accept => bench.accept(),
            Operation::Open(link) => bench.open((*link).into()),
            Operation::Lose(link) => bench.lose((*link).into()),
            Operation::Ask(link, request, form) => {
                let (frame, body) = request.frame(bench, *form);
                let silent = form.one_way || form.response;
                let is_pull = matches!(request, Request::Consumer(request) if request.is_pull());
                let asked = (!silent).then_some(Asked { opaque: bench.opaque, body, is_pull });
                bench.ask((*link).into(), &frame, asked);
            }
            Operation::AskDamaged(link, request, form, at, bits) => {
                let (mut frame, _) = request.frame(bench, *form);
                let at = usize::from(*at) % frame.len();
                frame[at] ^= bits;
                bench.say((*link).into(), &frame);
            }
            Operation::Say(link, bytes) => bench.say((*link).into(), bytes),
            Operation::Offer(link, most) => drop(bench.offer((*link).into(), (*most).into())),
            Operation::Transmit(link, size) => drop(bench.transmit((*link).into(), (*size).into())),
            Operation::Everything => {
                for place in 0..bench.links.len() {
                    bench.offer(place, 8_192);
                    bench.transmit(place, 1_024);
                }
            }
            Operation::AnswerAsNameServer(link, code) => {
                let place = usize::from(*link);
                let question = bench.links.get_mut(place).and_then(|link| link.questions.pop());
                if let Some(opaque) = question {
                    let frame = encode::command(head((code % 4).into(), opaque, FLAG_RESPONSE), &[], b"");
                    bench.ask(place, &frame, None);
                    bench.offer(place, frame.len());
                }
            }
            Operation::Wait(millis) => bench.wait(Duration::from_millis((*millis).into())),
            Operation::WaitSeconds(seconds) => bench.wait(Duration::from_secs((*seconds).into())),
            Operation::Shutdown => bench.input(rocketlite_broker::Broker::shutdown),
        }
    }
}

/// What a request is made of.
pub(super) struct Parts {
    code: RequestCode,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Whether an answer says where the body was stored.
    is_stored: bool,
}

impl Parts {
    pub(super) fn new(code: RequestCode, fields: &[(&'static str, &str)], body: &[u8]) -> Self {
        let fields = fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Self { code, fields, body: body.to_vec(), is_stored: false }
    }
}

impl Request<'_> {
    /// The frame, and the body that a good answer acknowledges.
    fn frame(&self, bench: &mut Bench<'_>, form: Form) -> (Vec<u8>, Option<Vec<u8>>) {
        bench.opaque += 1;
        let Parts { code, mut fields, body, is_stored } = self.parts(bench);
        if let Some((place, value)) = form.again
            && !fields.is_empty()
        {
            let key = fields[usize::from(place) % fields.len()].0;
            fields.push((key, value.to_string()));
        }
        let flag =
            if form.one_way { FLAG_ONE_WAY } else { 0 } | if form.response { FLAG_RESPONSE } else { 0 };
        let serialize_type = if form.binary { SerializeType::RocketMq } else { SerializeType::Json };
        let head = CommandHead { serialize_type, ..head(code.0, bench.opaque, flag) };
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        (encode::command(head, &fields, &body), is_stored.then_some(body))
    }

    fn parts(&self, bench: &Bench<'_>) -> Parts {
        match *self {
            Self::Send { .. } => self.send(),
            Self::SendBatch { topic, count, body, properties, shared } => {
                let body = vec![b'b'; body.into()];
                let entry = Entry { flag: 0, body: &body, properties };
                let entries = encode::encoded(|writer: &mut Writer<'_>| {
                    (0..count % 8).for_each(|_| entry.encode(writer).expect("a short entry"));
                });
                batch(topic, &entries, &String::from_utf8_lossy(shared))
            }
            Self::SendBatchOf { topic, body } => batch(topic, body, ""),
            Self::Route(topic) => {
                Parts::new(RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", pick(&TOPICS, topic))], b"")
            }
            Self::Cluster => Parts::new(RequestCode::GET_BROKER_CLUSTER_INFO, &[], b""),
            Self::Heartbeat { client, groups } => {
                let group = |group| format!(r#"{{"groupName":"g{group}"}}"#);
                let list = |count: u8| (0..count % 4).map(group).collect::<Vec<_>>().join(",");
                let body = format!(
                    r#"{{"clientID":"c{}","producerDataSet":[{}],"consumerDataSet":[{}]}}"#,
                    client % 8,
                    list(groups),
                    list(groups / 4)
                );
                Parts::new(RequestCode::HEART_BEAT, &[], body.as_bytes())
            }
            Self::HeartbeatOf(body) => Parts::new(RequestCode::HEART_BEAT, &[], body),
            Self::Unregister { client, group } => {
                let (client, group) = (format!("c{}", client % 8), format!("g{}", group % 4));
                let fields =
                    [("clientID", client.as_str()), ("producerGroup", &group), ("consumerGroup", &group)];
                Parts::new(RequestCode::UNREGISTER_CLIENT, &fields, b"")
            }
            Self::View { back } => {
                let offset = bench.broker.log().max_offset().saturating_sub(back.into()).to_string();
                Parts::new(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", &offset)], b"")
            }
            Self::Consumer(request) => request.parts(),
            Self::RegisterBroker { name, id, topics } => {
                let topic =
                    |topic| format!(r#""T{topic}":{{"perm":6,"readQueueNums":2,"writeQueueNums":2}}"#);
                let list = (0..topics % 8).map(topic).collect::<Vec<_>>().join(",");
                let body = format!(r#"{{"topicConfigSerializeWrapper":{{"topicConfigTable":{{{list}}}}}}}"#);
                broker(RequestCode::REGISTER_BROKER, name, id, body.as_bytes())
            }
            Self::RegisterBrokerOf(body) => broker(RequestCode::REGISTER_BROKER, 0, 0, body),
            Self::UnregisterBroker { name, id } => broker(RequestCode::UNREGISTER_BROKER, name, id, b""),
            Self::Other(code) => {
                let ours = [10, 310, 320].contains(&code);
                Parts::new(RequestCode(code), &[], if ours { b"" } else { b"body" })
            }
        }
    }

    fn send(&self) -> Parts {
        let Self::Send { version, topic, queue, sys_flag, reconsume, body, properties } = *self else {
            return Parts::new(RequestCode(0), &[], b"");
        };
        let properties = String::from_utf8_lossy(properties);
        let header = SendMessageRequestHeader {
            producer_group: "PG".into(),
            topic: pick(&TOPICS, topic).into(),
            default_topic: "TBW102".into(),
            default_topic_queue_nums: 4,
            queue_id: i32::from(queue) % 4 - 1,
            sys_flag: sys_flag.into(),
            born_timestamp: 1_699_999_999_000,
            flag: 5,
            properties: Some(properties.as_ref().into()),
            reconsume_times: Some(reconsume.into()),
            unit_mode: Some(false),
            max_reconsume_times: None,
            batch: None,
            broker_name: None,
        };
        let code = if version { RequestCode::SEND_MESSAGE } else { RequestCode::SEND_MESSAGE_V2 };
        let body: Vec<u8> = (0..body).cycle().take(usize::from(body) * 2).collect();
        Parts { is_stored: true, ..send(code, &header, &body) }
    }
}

fn batch(topic: u8, body: &[u8], properties: &str) -> Parts {
    let header = SendMessageRequestHeader {
        producer_group: "PG".into(),
        topic: pick(&TOPICS, topic).into(),
        default_topic: "TBW102".into(),
        default_topic_queue_nums: 4,
        queue_id: 0,
        sys_flag: 0,
        born_timestamp: 0,
        flag: 0,
        properties: Some(properties.into()),
        reconsume_times: Some(0),
        unit_mode: Some(false),
        max_reconsume_times: None,
        batch: Some(true),
        broker_name: None,
    };
    send(RequestCode::SEND_BATCH_MESSAGE, &header, body)
}

/// The request with the names of fields that go with its code.
fn send(code: RequestCode, header: &SendMessageRequestHeader<'_>, body: &[u8]) -> Parts {
    let mut fields = Vec::new();
    header.visit(code, &mut |key, value| {
        let mut text = Vec::new();
        value.decode(&mut |piece| text.extend_from_slice(piece));
        fields.push((key, String::from_utf8(text).expect("pieces of UTF-8")));
    });
    Parts { code, fields, body: body.to_vec(), is_stored: false }
}

fn broker(code: RequestCode, name: u8, id: u8, body: &[u8]) -> Parts {
    let (name, id) = (format!("b{}", name % 3), (id % 3).to_string());
    let address = format!("{name}:1");
    let fields =
        [("brokerName", name.as_str()), ("brokerAddr", &address), ("clusterName", "C"), ("brokerId", &id)];
    Parts::new(code, &fields, body)
}
