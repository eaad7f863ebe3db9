//! The board's Ethernet device as smoltcp wants it.

use device::board::{Lan9118, MAX_FRAME, Outgoing};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// The device.
pub struct Ethernet(pub Lan9118);

/// A frame that has arrived.
pub struct Arrived<'a>(&'a [u8]);

/// Room for a frame to send.
pub struct Made<'a>(Outgoing<'a>);

impl Device for Ethernet {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Made<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived<'_>, Made<'_>)> {
        self.0.receive().map(|(frame, answer)| (Arrived(frame), Made(answer)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Made<'_>> {
        self.0.transmit().map(Made)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

impl RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Made<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.0.send(len, write)
    }
}
