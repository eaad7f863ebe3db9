//! Namespaces, and the brokers' second port.

use super::*;
use crate::message::properties::Properties;

fn in_namespace() -> Bench {
    Bench::with(|config| config.namespace = Some("ns"))
}

#[test]
fn topic_and_group_are_called_by_their_namespace_everywhere() {
    let mut bench = in_namespace();
    let own = [("INSTANCE_ID", "mine")];
    let message = Message::new("T", b"x").with_properties(&own);
    let id = bench.producer.send(bench.now, &message).unwrap();
    bench.drive();
    let question = bench.requests.iter().find(|r| r.code == RequestCode::GET_ROUTEINFO_BY_TOPIC).unwrap();
    assert_eq!(question.fields["topic"], "ns%T");
    bench.answer_route(&[("a", 1)]);
    let heartbeat = bench.take(RequestCode::HEART_BEAT);
    assert!(String::from_utf8_lossy(&heartbeat.body).contains("\"ns%PG\""));
    let request = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!((request.fields["a"].as_str(), request.fields["b"].as_str()), ("ns%PG", "ns%T"));
    assert_eq!(request.fields["c"], "TBW102");
    let properties = Properties::new(request.fields["i"].as_bytes());
    assert_eq!(properties.iter().filter(|(name, _)| *name == "INSTANCE_ID").count(), 1);
    assert_eq!(properties.get("INSTANCE_ID").unwrap(), "ns");
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
}

#[test]
fn a_batch_names_its_namespace_and_its_messages_do_not() {
    let mut bench = in_namespace();
    bench.producer.send_batch(bench.now, &[Message::new("T", b"x")]).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!(Properties::new(request.fields["i"].as_bytes()).get("INSTANCE_ID").unwrap(), "ns");
    let entry = crate::message::batch::entries(&request.body).next().unwrap().unwrap();
    assert!(entry.properties().get("INSTANCE_ID").is_none());
}

#[test]
fn a_namespace_of_the_second_kind_and_the_stream_type_are_fields_of_every_request() {
    let mut bench = Bench::with(|config| {
        config.namespace_v2 = Some("v2");
        config.enable_stream_request_type = true;
    });
    let id = bench.send();
    let question = bench.requests[0].clone();
    bench.answer_route(&[("a", 1)]);
    let heartbeat = bench.take(RequestCode::HEART_BEAT);
    bench.answer(&heartbeat, 0, &[], b"");
    let request = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!(request.fields["b"], "T");
    bench.answer_stored(&request, 0);
    assert!(bench.outcome(id).is_ok());
    bench.producer.shutdown(bench.now);
    bench.drive();
    let farewell = bench.take(RequestCode::UNREGISTER_CLIENT);
    for request in [question, heartbeat, request, farewell] {
        assert_eq!((request.fields["nsd"].as_str(), request.fields["ns"].as_str()), ("true", "v2"));
        assert_eq!(request.fields["ReqT"], "0");
    }
}

#[test]
fn limits_hold_for_names_with_their_namespace() {
    let mut bench = in_namespace();
    let topic = "t".repeat(125);
    let error = bench.producer.send(bench.now, &Message::new(&topic, b"x")).unwrap_err();
    assert_eq!(error.to_string(), "The specified topic is longer than topic max length 127.");
    assert!(bench.producer.send(bench.now, &Message::new(&topic[1..], b"x")).is_ok());

    let names = [Address::new("ns1:9876").unwrap()];
    let group = "g".repeat(118);
    let refused = |namespace, group: &str| {
        let mut config = ProducerConfig::new(group, "client", &names);
        config.namespace = Some(namespace);
        let mut storage = Storage::new();
        let made = Producer::new(config, storage.memory(), WallClock::new(Instant::ZERO, 0), 7);
        made.err().map(|error| error.to_string())
    };
    assert!(refused("ns", &group).unwrap().contains("longer than group max length"));
    assert!(refused("n.s", "g").unwrap().contains("illegal characters"));
    assert_eq!(refused("ns", &group[1..]), None);
}

#[test]
fn sends_can_go_to_the_second_port() {
    let mut bench = Bench::with(|config| config.vip_channel_enabled = true);
    bench.send();
    let question = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    let route = route(&[("a", 1)]).replace("a:1", "a:10911");
    bench.answer(&question, 0, &[], route.as_bytes());
    let request = bench.take(RequestCode::SEND_MESSAGE_V2);
    assert_eq!(request.address, "a:10909");
    bench.answer_stored(&request, 0);
    // The broker goes on hearing of us there.
    for _ in 0..2 {
        bench.pass(30_000);
        let heartbeat = bench.take(RequestCode::HEART_BEAT);
        assert_eq!(heartbeat.address, "a:10909");
        bench.answer(&heartbeat, 0, &[], b"");
        bench.requests.clear();
    }
}

#[test]
fn the_retry_of_an_asynchronous_send_goes_to_the_first_port() {
    let mut bench = Bench::with(|config| config.vip_channel_enabled = true);
    bench.producer.send_async(bench.now, &Message::new("T", b"x")).unwrap();
    bench.drive();
    let question = bench.take(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    let route = route(&[("a", 1)]).replace("a:1", "a:10911");
    bench.answer(&question, 0, &[], route.as_bytes());
    for port in ["a:10909", "a:10911", "a:10911"] {
        let request = bench.take(RequestCode::SEND_MESSAGE_V2);
        assert_eq!(request.address, port);
        bench.hang_up(&request);
    }
}
