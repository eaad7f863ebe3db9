//! Sends that the reference's servers refuse, or that find no server: our producer comes to what the Java client comes to.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::admin::{
    await_brokers, await_route, configure, create_topic, delete_topic, eventually, waiting_at,
};
use crate::pair::{Attempt, Mode, Pair};
use crate::reference::{Apache, Server, VERSIONS};
use crate::wanted;

const KNOWN: &str = "Known";
const GONE: &str = "Gone";
const MISSING: &str = "Missing";

const SMALL: usize = 5;
/// What the broker takes, and more than that.
const LIMIT: usize = 2_000;
const TOO_LARGE: usize = 3_000;

const STORED: &str = "SEND_OK broker-a";
const NO_ROUTE: &str = "10005 MQClientException";
/// The paths to one queue have no code for it.
const NO_ROUTE_UNCODED: &str = "-1 MQClientException";
const TOPIC_NOT_EXIST: &str = "17 MQBrokerException";
const TOPIC_NOT_EXIST_THRICE: &str = "17 MQBrokerException, 3 [broker-a, broker-a, broker-a]";
const ILLEGAL: &str = "13 MQBrokerException";
const NO_NAME_SERVER: &str = "-1 IllegalStateException: RemotingConnectException";
const SILENT_NAME_SERVER: &str = "-1 IllegalStateException: RemotingTimeoutException";
const NOT_CONNECTED: &str = "-1 RemotingConnectException";
const NOT_CONNECTED_THRICE: &str = "10001 RemotingConnectException, 3 [broker-a, broker-a, broker-a]";

/// All the time that a slow machine may need, and routes that are not asked for again meanwhile.
fn patient() -> Value {
    json!({ "sendMsgTimeout": 60_000, "mqClientApiTimeout": 60_000, "pollNameServerInterval": 600_000 })
}

/// For name servers that are waited for in vain.
fn hurried() -> Value {
    let mut settings = patient();
    settings["mqClientApiTimeout"] = json!(5_000);
    settings
}

/// Both get to know the topics and the broker.
async fn all_is_well(pair: &mut Pair) {
    let all = [STORED, STORED, "written", STORED, STORED, STORED];
    pair.expect_all("all is well", &patient(), (KNOWN, SMALL), all).await;
    pair.expect("all is well", &patient(), Attempt::new(Mode::Sync, GONE), STORED).await;
    pair.expect("all is well", &hurried(), Attempt::new(Mode::Sync, KNOWN), STORED).await;
}

async fn nowhere_to_send_to(pair: &mut Pair) {
    // The broker's address is known from another topic's route, and needs no route of this one.
    let all = [NO_ROUTE, NO_ROUTE, NO_ROUTE, NO_ROUTE, NO_ROUTE_UNCODED, TOPIC_NOT_EXIST];
    pair.expect_all("no such topic", &patient(), (MISSING, SMALL), all).await;
    let broker = Attempt::new(Mode::Queue("broker-x", 0), KNOWN);
    pair.expect("no such broker", &patient(), broker, NO_ROUTE_UNCODED).await;
    let queue = Attempt::new(Mode::Queue("broker-a", 99), KNOWN);
    let code = if pair.is_4_x() { "1 MQBrokerException" } else { "29 MQBrokerException" };
    pair.expect("no such queue", &patient(), queue, code).await;
}

/// The broker has forgotten a topic whose route is known.
async fn deleted_topic(pair: &mut Pair, apache: &Apache) {
    delete_topic(&apache.broker, GONE);
    let (once, thrice) = (TOPIC_NOT_EXIST, TOPIC_NOT_EXIST_THRICE);
    let all = [thrice, once, "written", thrice, once, once];
    pair.expect_all("the broker has lost the topic", &patient(), (GONE, SMALL), all).await;
}

async fn too_large(pair: &mut Pair) {
    // A 5.x broker fails in its own way to write such a batch down.
    let batch = if pair.is_4_x() { ILLEGAL } else { "1 MQBrokerException, 3 [broker-a, broker-a, broker-a]" };
    let all = [ILLEGAL, ILLEGAL, "written", batch, ILLEGAL, ILLEGAL];
    pair.expect_all("too large for the broker", &patient(), (KNOWN, TOO_LARGE), all).await;
}

/// The broker no longer wants to be written to, and refuses only what is ordered.
async fn read_only(pair: &mut Pair, apache: &Apache) {
    let permit = |permission: u64| {
        configure(&apache.broker, &format!("brokerPermission={permission}"));
        await_route(&apache.name_server, KNOWN, |route| route["queueDatas"][0]["perm"] == permission);
    };
    permit(4);
    // One that asks for the route only now.
    let mut late = patient();
    late["retryTimesWhenSendFailed"] = json!(1);
    let all = [NO_ROUTE, NO_ROUTE, NO_ROUTE, NO_ROUTE, NO_ROUTE_UNCODED, STORED];
    pair.expect_all("the route is read-only", &late, (KNOWN, SMALL), all).await;
    let known = Attempt::new(Mode::Sync, KNOWN);
    pair.expect("the route was not read-only", &patient(), known, STORED).await;
    permit(6);
}

async fn silent_name_server(pair: &mut Pair, apache: &Apache) {
    apache.freeze(Server::NameServer);
    for (topic, expected) in [(MISSING, SILENT_NAME_SERVER), (KNOWN, STORED)] {
        let attempt = Attempt::new(Mode::Sync, topic);
        pair.expect(&format!("a silent name server, {topic}"), &hurried(), attempt, expected).await;
    }
}

async fn no_name_server(pair: &mut Pair, apache: &Apache) {
    block_in_place(|| apache.kill_one(Server::NameServer));
    let lost = NO_NAME_SERVER;
    let all = [lost, lost, lost, lost, lost, TOPIC_NOT_EXIST];
    pair.expect_all("no name server, Missing", &patient(), (MISSING, SMALL), all).await;
    let all = [STORED, STORED, "written", STORED, STORED, STORED];
    pair.expect_all("no name server, Known", &patient(), (KNOWN, SMALL), all).await;
}

/// The broker dies with a request of each of them before it.
async fn killed_in_the_middle(pair: &mut Pair, apache: &Apache) {
    let port = apache.broker.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    apache.freeze(Server::Broker);
    let attempt = Attempt { mode: Mode::Sync, topic: KNOWN, size: LIMIT };
    let begun = pair.begin(&patient(), attempt);
    block_in_place(|| {
        eventually("both requests are there", || {
            let requests = waiting_at(port).into_iter().filter(|unread| *unread > 2_000);
            (requests.count() == 2).then_some(())
        });
        apache.kill_one(Server::Broker);
    });
    let outcomes = pair.end("the broker is killed in the middle", attempt, begun).await;
    outcomes.assert_equal(NOT_CONNECTED_THRICE);
}

async fn no_broker(pair: &mut Pair) {
    let all = [NOT_CONNECTED_THRICE, NOT_CONNECTED, "", NOT_CONNECTED_THRICE, NOT_CONNECTED, NOT_CONNECTED];
    for (mode, expected) in Mode::ALL.into_iter().zip(all) {
        let outcomes = pair.send("no broker", &patient(), Attempt::new(mode, KNOWN)).await;
        if !matches!(mode, Mode::OneWay) {
            outcomes.assert_equal(expected);
            continue;
        }
        // On purpose, we say in both lines what 5.x keeps to itself.
        let once = "10001 RemotingConnectException, 1 [broker-a]";
        assert_eq!(outcomes.java.to_string(), if pair.is_4_x() { once } else { "written" });
        assert_eq!(outcomes.ours.to_string(), once);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_servers_refuse_and_what_finds_no_server_fails_as_in_java() {
    if !wanted("refused sends beside Java") {
        return;
    }
    for version in VERSIONS {
        let configuration = format!("autoCreateTopicEnable=false\nmaxMessageSize={LIMIT}\n");
        let apache = Apache::start(version, "refused", &configuration);
        for topic in [KNOWN, GONE] {
            create_topic(&apache.broker, topic, 4);
            await_brokers(&apache.name_server, topic, &["broker-a"]);
        }
        let mut pair = Pair::start(version, &apache.name_server);
        all_is_well(&mut pair).await;
        nowhere_to_send_to(&mut pair).await;
        deleted_topic(&mut pair, &apache).await;
        too_large(&mut pair).await;
        read_only(&mut pair, &apache).await;
        silent_name_server(&mut pair, &apache).await;
        no_name_server(&mut pair, &apache).await;
        killed_in_the_middle(&mut pair, &apache).await;
        no_broker(&mut pair).await;
    }
}
