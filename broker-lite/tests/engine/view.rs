//! Messages by their ids.

use rocketlite_core::message::id::OffsetMessageId;
use rocketlite_core::message::stored::StoredMessage;
use rocketlite_core::wire::code::RequestCode;

use crate::harness::{Ask, with_peer};

fn view(offset: &str) -> Ask<'static> {
    Ask::new(RequestCode::VIEW_MESSAGE_BY_ID, &[("offset", offset)], b"")
}

#[test]
fn a_message_is_shown_as_it_is_stored() {
    with_peer(|server, peer| {
        server.ask(peer, &Ask::send("T", b"first"));
        let answer = server.ask(peer, &Ask::send("T", b"second"));
        let id = OffsetMessageId::parse(answer.field("msgId")).unwrap();
        for request in [view(&id.physical_offset.to_string()), view(&id.physical_offset.to_string()).binary()]
        {
            let answer = server.ask(peer, &request);
            assert_eq!((answer.code, answer.serialize_type), (0, request.serialize_type));
            let (record, size) = StoredMessage::decode(&answer.body).unwrap();
            assert_eq!((record.body, record.topic, size), (&b"second"[..], "T", answer.body.len()));
        }
    });
}

#[test]
fn where_no_record_begins_there_is_none() {
    with_peer(|server, peer| {
        let answer = server.ask(peer, &view("0"));
        assert_eq!(
            (answer.code, answer.remark.as_deref()),
            (1, Some("can not find message by the offset, 0"))
        );
        // A body that looks like a record but stands elsewhere than it says.
        server.ask(peer, &Ask::send("T", b"first"));
        let (_, size) = server.broker.log().read(0).unwrap();
        let mut forged = vec![0; size];
        let (record, _) = server.broker.log().read(0).unwrap();
        record.encode(&mut rocketlite_core::wire::cursor::Writer::new(&mut forged)).unwrap();
        server.ask(peer, &Ask::send("T", &forged));
        for offset in ["-1", "1", "50", "9223372036854775807", &(size + 88).to_string()] {
            let answer = server.ask(peer, &view(offset));
            let expected = format!("can not find message by the offset, {offset}");
            assert_eq!((answer.code, answer.remark), (1, Some(expected)));
            assert!(answer.fields.is_empty());
        }
        let answer = server.ask(peer, &Ask::new(RequestCode::VIEW_MESSAGE_BY_ID, &[], b""));
        assert_eq!((answer.code, answer.remark.as_deref()), (1, Some("offset is missing")));
    });
}
