//! The broker's events as `tracing` events. What is written, and where, is the program's choice.

use rocketlite_broker::{BrokerEvent, DisconnectReason};
use rocketlite_core::wire::code::ResponseCode;
use tracing::{debug, error, info, warn};

pub(super) fn event(event: &BrokerEvent) {
    match event {
        BrokerEvent::TopicCreated { topic, queues } => info!(%topic, queues, "topic created"),
        BrokerEvent::TopicUpdated { topic, queues } => info!(%topic, queues, "topic updated"),
        BrokerEvent::TopicDeleted { topic } => info!(%topic, "topic deleted"),
        BrokerEvent::Evicted { messages, bytes } => warn!(messages, bytes, "oldest messages evicted"),
        BrokerEvent::Expired { messages, bytes } => info!(messages, bytes, "old messages went"),
        BrokerEvent::LostUnread { group, topic, messages } => {
            warn!(%group, %topic, messages, "messages went that the group had not consumed");
        }
        BrokerEvent::Damaged { physical_offset, bytes } => {
            error!(physical_offset, bytes, "the log is damaged: what was there is not served");
        }
        BrokerEvent::StorageFailed { failure } => error!(?failure, "nothing is stored any more"),
        BrokerEvent::Rejected { connection, request, response } => {
            let connection = connection.index();
            // Every producer of a new topic asks for its route first.
            if *response == ResponseCode::TOPIC_NOT_EXIST {
                debug!(connection, %request, %response, "request refused");
            } else {
                warn!(connection, %request, %response, "request refused");
            }
        }
        BrokerEvent::ClientRegistered { client_id, group, role } => {
            info!(%client_id, %group, ?role, "client registered");
        }
        BrokerEvent::ClientUnregistered { client_id, group, role } => {
            info!(%client_id, %group, ?role, "client unregistered");
        }
        BrokerEvent::Disconnected { peer, reason: reason @ DisconnectReason::Peer, .. } => {
            debug!(%peer, ?reason, "disconnected");
        }
        BrokerEvent::Disconnected { peer, reason, .. } => warn!(%peer, ?reason, "disconnected"),
        BrokerEvent::BrokerRegistered { name } => info!(broker = %name, "broker registered"),
        BrokerEvent::BrokerUnregistered { name } => info!(broker = %name, "broker unregistered"),
        BrokerEvent::Registered { name_server } => info!(%name_server, "registered with name server"),
        BrokerEvent::RegistrationFailed { name_server, reason } => {
            warn!(%name_server, ?reason, "registration failed");
        }
        _ => {}
    }
}
