//! Brokers that only take what is signed by somebody they know: by the access lists of 4.x, by the users of 5.x.

use rocketlite::Message;
use rocketlite::producer::SendStatus;
use rocketlite_core::wire::fields::SerializeType;
use serde_json::{Value, json};

use crate::modes::{patient, start_with, within};
use crate::pair::Pair;
use crate::reference::Apache;
use crate::wanted;

/// Of a 5.x broker that lets only its one user send.
const AUTHENTICATION: &str = r#"authenticationEnabled=true
authenticationProvider=org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider
authenticationMetadataProvider=org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider
initAuthenticationUser={"username":"rocketmq","password":"12345678"}
innerClientAuthenticationCredentials={"accessKey":"rocketmq","secretKey":"12345678"}
"#;

/// Of a 4.x broker: one account, which may send to every topic but one.
const PLAIN_ACL: &str = "
accounts:
- accessKey: rocketmq
  secretKey: 12345678
  admin: false
  defaultTopicPerm: PUB|SUB
  defaultGroupPerm: SUB
  topicPerms:
  - Denied=DENY
";

fn start(version: &str) -> Apache {
    if version.starts_with("4.") {
        let apache = Apache::new(version, "access", "aclEnable=true\n");
        apache.with_file("conf/plain_acl.yml", PLAIN_ACL).run()
    } else {
        Apache::start(version, "access", AUTHENTICATION)
    }
}

/// Both ways to write a header, both ways to send a body, and what is hard to write.
async fn ours_are_taken_or_refused(version: &str, apache: &Apache, refusals: [&str; 3]) {
    let [missing, wrong, unknown] = refusals;
    for form in [SerializeType::Json, SerializeType::RocketMq] {
        for (account, refusal) in [
            (None, Some(missing)),
            (Some(("rocketmq", "87654321")), Some(wrong)),
            (Some(("somebody", "12345678")), Some(unknown)),
            (Some(("rocketmq", "12345678")), None),
        ] {
            let producer = start_with(&apache.name_server, |it| {
                let it = patient(it).serialize_type(form);
                match account {
                    Some((access_key, secret_key)) => it.access_key(access_key).secret_key(secret_key),
                    None => it,
                }
            });
            // What must be escaped, what is not ASCII, and a body that is not text.
            let properties = [("k\u{e9}y", "v\"\\al")];
            let body: Vec<u8> = (0..70_000_usize).map(|at| (at * 31).to_le_bytes()[0]).collect();
            let message = Message::new("Signed", &body).with_properties(&properties);
            let sent = [
                within(producer.send(&message)).await,
                within(producer.send_batch(&[message, message])).await,
            ];
            for sent in sent {
                match (sent, refusal) {
                    (Ok(result), None) => assert_eq!(result.status, SendStatus::SendOk),
                    (Err(error), Some(refusal)) => assert!(error.to_string().contains(refusal), "{error}"),
                    (sent, _) => panic!("{version} {account:?} {form:?}: {sent:?}"),
                }
            }
            within(producer.shutdown()).await;
        }
    }
}

fn account(access_key: &str, secret_key: &str) -> Value {
    json!({ "sendMsgTimeout": 60_000, "accessKey": access_key, "secretKey": secret_key })
}

/// A refusal for want of a right is tried again where the reference does, in vain.
async fn beside_java(version: &'static str, apache: &Apache) {
    let mut pair = Pair::start(version, &apache.name_server);
    let (stored, code) = ("SEND_OK broker-a", if pair.is_4_x() { 1 } else { 16 });
    let once = &*format!("{code} MQBrokerException");
    let thrice = &*format!("{once}, 3 [broker-a, broker-a, broker-a]");
    let all_stored = [stored, stored, "written", stored, stored, stored];
    let all_refused = [thrice, once, "written", thrice, once, once];
    let right = account("rocketmq", "12345678");
    for (scenario, settings, expected) in [
        ("right key", &right, all_stored),
        ("wrong key", &account("rocketmq", "87654321"), all_refused),
        ("unknown key", &account("somebody", "12345678"), all_refused),
        ("no key", &json!({ "sendMsgTimeout": 60_000 }), all_refused),
    ] {
        pair.expect_all(scenario, settings, ("Signed", 5), expected).await;
    }
    if pair.is_4_x() {
        // Its check knows nothing of batches.
        let all = [thrice, once, "written", stored, once, once];
        pair.expect_all("right key, wrong topic", &right, ("Denied", 5), all).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apache_takes_what_we_sign_and_nothing_else_as_in_java() {
    if !wanted("signed, to Apache") {
        return;
    }
    for (version, refusals) in [
        ("4.9.7", ["No accessKey is configured", "Check signature failed", "No acl config for somebody"]),
        ("5.4.0", ["username cannot be null", "check signature failed", "User:somebody is not found"]),
    ] {
        let apache = start(version);
        ours_are_taken_or_refused(version, &apache, refusals).await;
        beside_java(version, &apache).await;
    }
}
