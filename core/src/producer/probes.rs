//! Finding out when a broker can be reached again: the detector of `MQFaultStrategy#startDetector`.

use super::connections::{Connect, Control, ControlRequest, LinkState, Outgoing};
use super::event::Event;
use super::{Phase, State, surely_after};
use crate::engine::ConnectionId;
use crate::select::FaultItem;
use crate::wire::code::ResponseCode;
use crate::{Instant, SlotId};

impl State<'_> {
    /// Probes the brokers that are due.
    pub(super) fn probe_timers(&mut self, now: Instant) {
        while self.probe_deadline().is_some_and(|deadline| now >= deadline)
            && let Some(FaultItem { broker, .. }) = self.strategy.longest_unreachable()
        {
            self.strategy.probing(now, broker);
            self.probe(now, broker);
        }
    }

    /// When the next broker is to be probed, counted from when it was tried last. Java looks for brokers that are due every
    /// three seconds.
    pub(super) fn probe_deadline(&self) -> Option<Instant> {
        let enabled = self.config.start_detector_enable && self.phase == Phase::Running;
        let item = self.strategy.longest_unreachable().filter(|_| enabled)?;
        // Later than now whatever the interval is, so that probing ends.
        Some(surely_after(item.tried_at, self.config.detect_interval))
    }

    pub(super) fn arm_probe(&mut self) {
        if let Some(deadline) = self.probe_deadline() {
            self.arm(deadline);
        }
    }

    fn probe(&mut self, now: Instant, broker: SlotId) {
        let Some(address) = self.routes.master(broker).cloned() else {
            // Nobody can be sent there, and a broker that comes back is tried anew.
            self.strategy.retain(|known| known != broker);
            return;
        };
        // A probe is no reason to give up a connection that works.
        if !self.links.has_room_for(&address) {
            return;
        }
        let (Connect::Open(connection) | Connect::Opening(connection)) = self.connect(now, &address) else {
            return;
        };
        if let Some(link) = self.links.get_mut(connection) {
            link.probe = Some(broker);
        }
        self.ask_probe(now, connection);
    }

    /// Sends the probe that waits for the connection, if nothing else is being asked there
    /// (`MQClientAPIImpl#getMaxOffset`).
    pub(super) fn ask_probe(&mut self, now: Instant, connection: ConnectionId) {
        let Some(link) = self.links.get_mut(connection) else { return };
        if link.state != LinkState::Open || link.control != Control::None || self.phase != Phase::Running {
            return;
        }
        let Some(broker) = link.probe.take() else { return };
        let topic = self.routes.topics.iter().next().map(|(topic, _)| topic);
        if let Some(topic) = topic {
            self.tell(now, connection, ControlRequest::Probe { broker, topic });
        }
    }

    /// Gives up probes that were not answered in time on connections that sends use. Java closes the connection and fails
    /// those sends, which have more time than a probe; here only a connection that nobody uses is closed for that.
    pub(super) fn forget_late_probes(&mut self, now: Instant) {
        for index in 0..self.link_places() {
            let Some(link) = self.links.id_at(index).and_then(|id| self.links.get_mut(id)) else { continue };
            let Control::Asked { deadline, what: ControlRequest::Probe { topic, .. }, .. } = link.control
            else {
                continue;
            };
            // The rest of a frame that is half written cannot be left out.
            if now >= deadline && link.users > 0 && link.writing != Some(Outgoing::Probe(topic)) {
                link.control = Control::None;
            }
        }
    }

    /// A broker has answered a probe.
    pub(super) fn probed(&mut self, broker: SlotId, code: ResponseCode) {
        // Java wants a success. A broker that does not know the request has been reached all the same.
        if !matches!(code, ResponseCode::SUCCESS | ResponseCode::REQUEST_CODE_NOT_SUPPORTED) {
            return;
        }
        if let Some(FaultItem { latency, available_at, reachable, .. }) = self.strategy.reached(broker) {
            self.events.push(Event::FaultUpdated { broker, latency, available_at, reachable });
        }
    }
}
