//! Batches.

use super::*;
use crate::Rules;
use crate::message::batch::{self, Entry};
use crate::message::properties::Properties;

fn batch_of<'a>(bodies: &[&'a [u8]]) -> Vec<Message<'a>> {
    bodies.iter().map(|body| Message::new("T", body)).collect()
}

fn entries(request: &Request) -> Vec<Entry<'_>> {
    batch::entries(&request.body).map(Result::unwrap).collect()
}

#[test]
fn a_batch_is_one_request_whose_messages_have_ids_in_a_row() {
    let mut bench = Bench::new();
    let mut messages = batch_of(&[b"one", b"two", b"three"]);
    messages[1] = messages[1].with_tags("t").with_flag(3);
    let id = bench.producer.send_batch(bench.now, &messages).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1), ("b", 1)]);
    let first = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!((first.fields["m"].as_str(), first.fields["h"].as_str()), ("true", "0"));
    let sent: Vec<_> = entries(&first).iter().map(|entry| (entry.flag, entry.body.to_vec())).collect();
    assert_eq!(sent, [(0, b"one".to_vec()), (3, b"two".to_vec()), (0, b"three".to_vec())]);
    bench.answer(&first, 1, &[], b"");
    let second = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!((&second.body, &second.fields["i"]), (&first.body, &first.fields["i"]));
    bench.answer_stored(&second, 0);

    let first_id = bench.outcome(id).unwrap().message_id;
    for (index, entry) in entries(&second).iter().enumerate() {
        let key = entry.properties().get("UNIQ_KEY").unwrap();
        assert_eq!(key, *first_id.following(index).to_string());
    }
    assert_eq!(entries(&second)[1].properties().get("TAGS").unwrap(), "t");
    let own = Properties::new(second.fields["i"].as_bytes());
    assert_eq!(own.get("UNIQ_KEY").unwrap(), *first_id.following(3).to_string());
    assert_eq!(own.get("WAIT").unwrap(), "true");
    assert_eq!(own.iter().count(), 2);
}

#[test]
fn a_batch_of_the_older_line_has_no_id_of_its_own() {
    let mut bench = Bench::with(|config| config.rules = Rules::V4);
    let messages = batch_of(&[b"one"]).into_iter().map(|m| m.with_wait_store_msg_ok(false));
    bench.producer.send_batch(bench.now, &messages.collect::<Vec<_>>()).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!(request.fields["i"], "WAIT\u{1}false\u{2}");
}

#[test]
fn keys_of_the_callers_own_are_kept() {
    let mut bench = Bench::new();
    let key = "0A000001000200000003000000040005";
    let own = [("UNIQ_KEY", key)];
    let messages = [Message::new("T", b"a").with_properties(&own), Message::new("T", b"b")];
    let id = bench.producer.send_batch(bench.now, &messages).unwrap();
    bench.drive();
    bench.answer_route(&[("a", 1)]);
    let request = bench.take(RequestCode::SEND_BATCH_MESSAGE);
    assert_eq!(entries(&request)[0].properties().get("UNIQ_KEY").unwrap(), key);
    bench.answer_stored(&request, 0);
    assert_eq!(bench.outcome(id).unwrap().message_id.to_string(), key);
}

#[test]
fn what_is_no_batch_is_refused_with_the_references_words() {
    let mut bench = Bench::with(|config| config.max_message_size = 300);
    let mut refuse = |messages: &[Message<'_>]| {
        bench.producer.send_batch(bench.now, messages).map_err(|error| error.to_string()).unwrap_err()
    };
    let prefix = "Failed to initiate the MessageBatch: ";
    let one = Message::new("T", b"one");
    assert_eq!(
        refuse(&[one, Message::new("U", b"two")]),
        format!("{prefix}The topic of the messages in one batch should be the same")
    );
    assert_eq!(refuse(&[]), format!("{prefix}The messages of a batch are missing"));
    assert_eq!(
        refuse(&[one, Message::new("T", b"")]),
        format!("{prefix}message 1: the message body length is zero")
    );
    let long = "k".repeat(32_768);
    assert_eq!(
        refuse(&[one.with_keys(&long)]),
        format!("{prefix}The properties of a message in the batch are longer than 32767 bytes")
    );
    // Each is small enough, all of them are not.
    let half = [7; 150];
    assert_eq!(refuse(&batch_of(&[&half, &half])), "the message body size over max value, MAX: 300");
    assert_eq!(bench.producer.in_flight(), 0);
    assert_eq!(bench.producer.state.bodies.in_use(), 0);
}
