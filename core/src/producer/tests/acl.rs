//! Signed requests.

use super::*;
use crate::acl::SessionCredentials;
use crate::producer::frame::{Body, CommonFields, Frame, Header};
use crate::wire::header::GetRouteInfoRequestHeader;

const CREDENTIALS: SessionCredentials<'static> = SessionCredentials::new("ak123", "sk456");

fn signature(topic: &str) -> String {
    let head = CommandHead {
        serialize_type: SerializeType::Json,
        code: RequestCode::GET_ROUTEINFO_BY_TOPIC.0,
        language: LanguageCode::JAVA,
        version: 477,
        opaque: 0,
        flag: 0,
        remark: None,
    };
    let header = GetRouteInfoRequestHeader { topic: topic.into(), accept_standard_json_only: None };
    let credentials = Some(CREDENTIALS.with_security_token("tok"));
    let common = CommonFields { credentials, ..CommonFields::default() };
    let frame = Frame { head, header: Header::GetRouteInfo(header), common, body: Body::Bytes(&[]) };
    String::from_utf8(frame.sign().unwrap().to_vec()).unwrap()
}

/// What the reference makes of the same.
#[test]
fn signatures_are_those_of_the_reference() {
    assert_eq!(signature("TopicA"), "0fUqNJnjLSgp/LIs625QL4QDRH4=");
    assert_eq!(signature("TBW102"), "7jyr6Xfo25xPNN3ZSO/SSsq9f3I=");
}

/// Does what a broker does: signs the values it has received, in the order of their keys, and the body.
fn verify(request: &Request) {
    use base64ct::{Base64, Encoding as _};
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"sk456").unwrap();
    for (_, value) in request.fields.iter().filter(|(key, _)| *key != "Signature") {
        mac.update(value.as_bytes());
    }
    mac.update(&request.body);
    let mut buffer = [0; 28];
    let expected = Base64::encode(&mac.finalize().into_bytes(), &mut buffer).unwrap();
    assert_eq!(request.fields["Signature"], expected, "{request:?}");
    assert_eq!(
        (request.fields["AccessKey"].as_str(), request.fields["SecurityToken"].as_str()),
        ("ak123", "tok")
    );
}

/// All kinds of requests, which leave in pieces.
#[test]
fn every_request_is_signed() {
    for (serialize_type, smart) in
        [(SerializeType::Json, true), (SerializeType::Json, false), (SerializeType::RocketMq, true)]
    {
        let mut bench = Bench::with(|config| {
            config.session_credentials = Some(CREDENTIALS.with_security_token("tok"));
            config.namespace_v2 = Some("v2");
            config.serialize_type = serialize_type;
            config.send_smart_msg = smart;
        });
        let properties = [("k\"ey", "v\\al\u{e9}"), ("RECONSUME_TIME", "-2"), ("MAX_RECONSUME_TIMES", "16")];
        let message = Message::new("%RETRY%g", &[7; 300]).with_properties(&properties).with_flag(-3);
        let id = bench.producer.send(bench.now, &message).unwrap();
        bench.drive();
        verify(&bench.requests[0]);
        bench.answer_route(&[("a", 1)]);
        let heartbeat = bench.take(RequestCode::HEART_BEAT);
        verify(&heartbeat);
        bench.answer(&heartbeat, 0, &[], b"");
        let code = if smart { RequestCode::SEND_MESSAGE_V2 } else { RequestCode::SEND_MESSAGE };
        for stored in [1, 0] {
            let request = bench.take(code);
            verify(&request);
            assert_eq!(request.body, [7; 300]);
            bench.answer_stored(&request, stored);
        }
        assert!(bench.outcome(id).is_ok());
        bench.producer.shutdown(bench.now);
        bench.drive();
        verify(&bench.take(RequestCode::UNREGISTER_CLIENT));
    }
}

#[test]
fn a_secret_is_not_printed() {
    let printed = format!("{:?}", CREDENTIALS.with_security_token("tok"));
    assert!(printed.contains("ak123") && !printed.contains("sk456") && !printed.contains("tok"));
}
