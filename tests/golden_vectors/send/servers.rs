//! The scripted name server and brokers of a case.

use rocketlite_core::message::properties::{Properties, UNIQ_KEY};
use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::command::RemotingCommand;
use rocketlite_core::wire::fields::SerializeType;
use rocketlite_tests::golden::{list, text};
use rocketlite_tests::scripted::{Answer, NAME_SERVER, Script, response};
use serde_json::{Map, Value, json};

use super::trace::Names;

/// They listen at `<name>:1`.
#[derive(Debug)]
pub(super) struct Servers {
    case: Value,
    /// How often the topic, and the default topic, was asked for.
    asked: [usize; 2],
    /// Requests so far, by broker.
    requests: Vec<usize>,
    lookups: Vec<String>,
    received: Vec<Value>,
}

impl Servers {
    pub(super) fn new(case: &Value) -> Self {
        let requests = vec![0; list(case, "brokers").len()];
        Self { case: case.clone(), asked: [0; 2], requests, lookups: Vec::new(), received: Vec::new() }
    }

    /// What was seen so far belongs to earlier sends.
    pub(super) fn begin(&mut self) {
        self.lookups.clear();
        self.received.clear();
    }

    pub(super) fn lookups(&self) -> Value {
        json!(self.lookups)
    }

    pub(super) fn received(&self, names: &mut Names) -> Value {
        let mut received = self.received.clone();
        for request in &mut received {
            if let Some(key) = request["properties"].get_mut(UNIQ_KEY) {
                *key = json!(names.of(key.as_str().unwrap()));
            }
        }
        Value::Array(received)
    }

    fn brokers(&self) -> &[Value] {
        list(&self.case, "brokers")
    }

    /// The entry of a list for the n-th time; the last one repeats.
    fn entry(script: &[Value], n: usize) -> &str {
        script.get(n).or(script.last()).and_then(Value::as_str).unwrap_or("silent")
    }

    fn answer_lookup(&mut self, request: &RemotingCommand<'_>) -> Answer {
        let topic = request.field("topic").unwrap().to_string();
        let of_case = list(&self.case, "messages").first().and_then(|message| text(message, "topic"));
        let key = self.case["producer"]["createTopicKey"].as_str();
        // 5.x asks for this one whatever the setting says.
        let is_default =
            Some(topic.as_str()) != of_case && (topic == "TBW102" || Some(topic.as_str()) == key);
        self.lookups.push(topic);
        let list_name = if is_default { "default_lookups" } else { "topic_lookups" };
        let n = count(&mut self.asked[usize::from(is_default)]);
        let opaque = request.opaque;
        match Self::entry(list(&self.case, list_name), n) {
            "route" => Answer::Bytes(response(opaque, 0, None, &[], self.route().as_bytes())),
            "missing" => Answer::Bytes(response(opaque, 17, Some("No topic route info"), &[], b"")),
            "silent" => Answer::Silence,
            "close" => Answer::HangUp(Vec::new()),
            code => Answer::Bytes(response(
                opaque,
                code.strip_prefix("code:").unwrap().parse().unwrap(),
                None,
                &[],
                b"",
            )),
        }
    }

    fn route(&self) -> String {
        let datas = self.brokers().iter().map(|broker| {
            let name = text(broker, "name").unwrap();
            let id = if broker["master"] == true { "0" } else { "1" };
            json!({"brokerAddrs": {id: format!("{name}:1")}, "brokerName": name, "cluster": "c"})
        });
        let queues = self.brokers().iter().map(|broker| {
            let (name, n, perm) = (text(broker, "name").unwrap(), &broker["queues"], &broker["perm"]);
            json!({"brokerName": name, "perm": perm, "readQueueNums": n, "writeQueueNums": n, "topicSysFlag": 0})
        });
        let mut route = json!({
            "brokerDatas": datas.collect::<Vec<_>>(), "filterServerTable": {}, "queueDatas": queues.collect::<Vec<_>>(),
        });
        if let Some(conf) = text(&self.case, "order_topic_conf") {
            route["orderTopicConf"] = json!(conf);
        }
        route.to_string()
    }

    fn answer_send(&mut self, place: usize, request: &RemotingCommand<'_>) -> Answer {
        let n = count(&mut self.requests[place]);
        let broker = &self.brokers()[place];
        let entry = Self::entry(list(broker, "script"), n).to_owned();
        let seen = describe(text(broker, "name").unwrap(), request);
        let queue_id = seen["ext"]["e"].as_str().unwrap().to_owned();
        self.received.push(seen);
        let id = format!("0A00000100002A9F{:016X}", 4_096 * n);
        let queue_offset = (100 + n).to_string();
        let header = [
            ("msgId", id.as_str()),
            ("queueId", queue_id.as_str()),
            ("queueOffset", queue_offset.as_str()),
            ("MSG_REGION", "DefaultRegion"),
            ("TRACE_ON", "true"),
        ];
        let without_offset = [header[0], header[1], header[3], header[4]];
        let answer = |opaque, code, fields: &[(&str, &str)]| {
            let remark = format!("remark of code:{code}");
            response(opaque, code, (code != 0).then_some(&remark), fields, b"")
        };
        let stored = answer(request.opaque, 0, &header);
        match entry.as_str() {
            "ok" => Answer::Bytes(stored),
            "no_header" => Answer::Bytes(answer(request.opaque, 0, &[])),
            "no_offset" => Answer::Bytes(answer(request.opaque, 0, &without_offset)),
            "close" => Answer::HangUp(Vec::new()),
            "half" => Answer::HangUp(stored[..stored.len() / 2].to_vec()),
            "garbage" => Answer::Bytes(b"\0\0\0\x08\0\0\0\x04nope".to_vec()),
            "silent" => Answer::Silence,
            "wrong_opaque" => Answer::Bytes(answer(request.opaque ^ 0x1fff_0000, 0, &header)),
            code => {
                let code = code.strip_prefix("code:").unwrap().parse().unwrap();
                let stored = matches!(code, 0 | 10 | 11 | 12);
                Answer::Bytes(answer(request.opaque, code, if stored { &header } else { &[] }))
            }
        }
    }
}

impl Script for Servers {
    fn listens(&self, address: &str) -> bool {
        if address == NAME_SERVER {
            return self.case["name_server_up"] == true;
        }
        self.brokers()
            .iter()
            .any(|broker| broker["up"] == true && address.strip_suffix(":1") == text(broker, "name"))
    }

    fn answer(&mut self, address: &str, request: &RemotingCommand<'_>) -> Answer {
        if RequestCode(request.code) == RequestCode::GET_ROUTEINFO_BY_TOPIC {
            return self.answer_lookup(request);
        }
        let name = address.strip_suffix(":1");
        let place = self.brokers().iter().position(|broker| text(broker, "name") == name).unwrap();
        let answer = self.answer_send(place, request);
        if request.is_one_way() { Answer::Silence } else { answer }
    }
}

/// Counts up, and gives the number before.
fn count(counter: &mut usize) -> usize {
    *counter += 1;
    *counter - 1
}

/// A request as the vectors describe it.
fn describe(broker: &str, request: &RemotingCommand<'_>) -> Value {
    let mut ext = Map::new();
    let mut properties = Map::new();
    for (key, value) in request.ext_fields.iter().flatten() {
        let value = value.unwrap().to_string();
        match key.to_string().as_str() {
            "g" => {}
            "i" => {
                let pairs = Properties::new(value.as_bytes());
                properties = pairs.iter().map(|(k, v)| (k.to_string(), json!(v.to_string()))).collect();
            }
            other => drop(ext.insert(other.to_owned(), json!(value))),
        }
    }
    json!({
        "broker": broker,
        "code": request.code,
        "flag": request.flag,
        "language": request.language.unwrap().name(),
        "version": request.version,
        "serialize": if request.serialize_type == SerializeType::Json { "JSON" } else { "ROCKETMQ" },
        "ext": ext,
        "properties": properties,
        "body_len": request.body.len(),
    })
}
