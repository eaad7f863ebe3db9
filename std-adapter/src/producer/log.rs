//! The producer's events as `tracing` events, with what Java's client logs. What is written, and where, is the program's
//! choice.

use rocketlite_core::SendId;
use rocketlite_core::producer::{DisconnectReason, Event, Producer};
use rocketlite_core::send::decision::AttemptOutcome;
use rocketlite_core::send::outcome::{SendError, SendResult};
use tracing::{debug, info, trace, warn};

/// Logs anything but the end of a send, which comes with its outcome: [`sent`].
pub(super) fn event(engine: &Producer<'_>, event: &Event) {
    let name = |broker| engine.broker_name(broker);
    match event {
        Event::Selected { id, broker, queue_id, last_broker } => {
            let last_broker = last_broker.map(name);
            trace!(send = id.index(), broker = %name(*broker), queue_id, ?last_broker, "queue selected");
        }
        Event::Attempted { id, attempt, broker, queue_id, latency, outcome } => {
            let (send, broker, latency) = (id.index(), name(*broker), latency.as_millis());
            match outcome {
                AttemptOutcome::Stored(status) => {
                    trace!(send, attempt, %broker, queue_id, latency, %status, "attempt stored the message");
                }
                failed => {
                    warn!(send, attempt, %broker, queue_id, latency, outcome = %failed, "attempt failed");
                }
            }
        }
        Event::FaultUpdated { broker, latency, available_at, reachable } => {
            let (broker, latency) = (name(*broker), latency.as_millis());
            debug!(%broker, latency, available_at = available_at.as_millis(), reachable, "fault item updated");
        }
        Event::RouteChanged { topic, queues } => {
            info!(topic = engine.topic_name(*topic), queues, "route changed");
        }
        Event::RouteRefused { topic, error } => {
            warn!(topic = engine.topic_name(*topic), %error, "route cannot be used");
        }
        Event::LookupFailed { topic, kind } => {
            warn!(topic = engine.topic_name(*topic), reason = ?kind, "route lookup failed");
        }
        Event::Connected(address) => info!(%address, "connected"),
        Event::Disconnected(address, reason) => match reason {
            DisconnectReason::Idle | DisconnectReason::ShutDown => info!(%address, ?reason, "disconnected"),
            _ => warn!(%address, ?reason, "disconnected"),
        },
        _ => {}
    }
}

/// Logs the end of a send.
pub(super) fn sent(id: SendId, outcome: &Result<SendResult, SendError>) {
    let send = id.index();
    match outcome {
        Ok(result) => {
            let SendResult { status, message_id, broker_name: broker, queue_id, attempts, .. } = result;
            trace!(send, %status, %message_id, %broker, queue_id, attempts, "sent");
        }
        Err(error) => warn!(send, %error, "send failed"),
    }
}
