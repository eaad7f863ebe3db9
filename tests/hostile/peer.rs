//! A name server and broker whose answers the test writes.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use rocketlite::producer::ProducerBuilder;
use rocketlite::{Message, Producer};
use rocketlite_core::wire::code::RequestCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::{Command, read, response};
use crate::{AMPLE, within};

/// What a peer does about a command.
#[derive(Debug)]
pub(crate) enum Act {
    /// Sends bytes, be they an answer or not.
    Say(Vec<u8>),
    /// Closes the connection.
    HangUp,
}

/// What a peer does about each command.
type Manners = dyn Fn(&Command) -> Vec<Act> + Send + Sync;

/// A peer that runs. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Command>>>,
    hang_up: Arc<Notify>,
    serving: JoinHandle<()>,
}

impl Peer {
    /// Serves connections on a free port.
    pub(crate) async fn start(manners: impl Fn(&Command) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (heard, hang_up) = (Arc::default(), Arc::new(Notify::new()));
        let serving = serve(listener, Arc::new(manners), Arc::clone(&heard), Arc::clone(&hang_up));
        Self { port, heard, hang_up, serving: tokio::spawn(serving) }
    }

    /// A broker that does everything right.
    pub(crate) async fn polite() -> Self {
        Self::start(|command| polite(command, "")).await
    }

    /// A broker that does to sends what `manners` says, and everything else right.
    pub(crate) async fn with_sends(manners: impl Fn(&Command) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::start(move |command| if is_send(command) { manners(command) } else { polite(command, "") })
            .await
    }

    /// A name server that names these brokers for every topic.
    pub(crate) async fn name_server(brokers: &[(&str, &Self)]) -> Self {
        let brokers: Vec<_> = brokers.iter().map(|(name, peer)| (*name, peer.address())).collect();
        let route = route(&brokers);
        Self::start(move |command| polite(command, &route)).await
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The sends it has heard of.
    pub(crate) fn sends(&self) -> Vec<Command> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|command| is_send(command)).cloned().collect()
    }

    /// The answers it has been given.
    pub(crate) fn answers(&self) -> usize {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|command| command.is_response).count()
    }

    /// Closes all connections that there are.
    pub(crate) fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }

    /// Waits until it has heard of that many sends.
    pub(crate) async fn hears_of(&self, sends: usize) {
        within(async {
            while self.sends().len() < sends {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    manners: Arc<Manners>,
    heard: Arc<Mutex<Vec<Command>>>,
    hang_up: Arc<Notify>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (manners, heard, hang_up) = (Arc::clone(&manners), Arc::clone(&heard), Arc::clone(&hang_up));
        connections.spawn(async move {
            tokio::select! {
                () = hang_up.notified() => {}
                () = converse(stream, &*manners, &heard) => {}
            }
        });
    }
}

async fn converse(mut stream: TcpStream, manners: &Manners, heard: &Mutex<Vec<Command>>) {
    while let Ok(command) = read(&mut stream).await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
        for act in manners(&command) {
            match act {
                // A producer that has closed the connection already does not hear it.
                Act::Say(bytes) => drop(stream.write_all(&bytes).await),
                Act::HangUp => return,
            }
        }
    }
}

pub(crate) fn is_send(command: &Command) -> bool {
    command.code == RequestCode::SEND_MESSAGE_V2.0 && !command.is_response
}

/// What a broker or name server that knows this route does.
pub(crate) fn polite(command: &Command, route: &str) -> Vec<Act> {
    if command.is_response || command.is_one_way {
        return Vec::new();
    }
    let answer = match RequestCode(command.code) {
        RequestCode::GET_ROUTEINFO_BY_TOPIC if route.is_empty() => response(command, 17, &[], b""),
        RequestCode::GET_ROUTEINFO_BY_TOPIC => response(command, 0, &[], route.as_bytes()),
        RequestCode::SEND_MESSAGE_V2 => stored(command, 7),
        _ => response(command, 0, &[], b""),
    };
    vec![Act::Say(answer)]
}

/// The answer that a message is stored at an offset of its queue.
pub(crate) fn stored(command: &Command, offset: i64) -> Vec<u8> {
    let (queue, offset) = (command.fields.get("e").cloned().unwrap_or_default(), offset.to_string());
    let id = "7F00000100002A9F0000000000000400";
    response(command, 0, &[("msgId", id), ("queueId", &queue), ("queueOffset", &offset)], b"")
}

/// The route to brokers with two queues each.
pub(crate) fn route(brokers: &[(&str, String)]) -> String {
    let datas: Vec<_> = brokers
        .iter()
        .map(|(name, at)| format!(r#"{{"brokerName":"{name}","cluster":"c","brokerAddrs":{{"0":"{at}"}}}}"#))
        .collect();
    let queues: Vec<_> = brokers
        .iter()
        .map(|(name, _)| {
            format!(r#"{{"brokerName":"{name}","perm":6,"readQueueNums":2,"writeQueueNums":2}}"#)
        })
        .collect();
    format!(r#"{{"brokerDatas":[{}],"queueDatas":[{}]}}"#, datas.join(","), queues.join(","))
}

/// A producer that has time for everything, also on a machine that is busy with something else.
pub(crate) fn builder(name_servers: &str) -> ProducerBuilder {
    Producer::builder("patient_producers")
        .namesrv_addr(name_servers)
        .send_msg_timeout(AMPLE)
        .mq_client_api_timeout(AMPLE)
        .connect_timeout(AMPLE)
}

pub(crate) fn patient(name_servers: &str) -> Producer {
    builder(name_servers).start().expect("settings")
}

/// Time for peers that never answer.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) const MESSAGE: Message<'static> = Message::new("TopicTest", b"hello");
