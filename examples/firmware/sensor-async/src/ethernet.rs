//! The board's Ethernet device as `embassy-net` wants it.

use core::task::Context;

use device::board::{Lan9118, MAC, MAX_FRAME, Outgoing};
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

/// The device.
pub struct Ethernet(pub Lan9118);

/// A frame that has arrived.
pub struct Arrived<'a>(&'a mut [u8]);

/// Room for a frame to send.
pub struct Made<'a>(Outgoing<'a>);

/// Who waits for a frame, or for room to send one.
static WAITING: AtomicWaker = AtomicWaker::new();

/// Has the task look at the device again: there may be a frame, or room.
pub fn wake() {
    WAITING.wake();
}

impl Driver for Ethernet {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Made<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Arrived<'_>, Made<'_>)> {
        WAITING.register(context.waker());
        self.0.receive().map(|(frame, answer)| (Arrived(frame), Made(answer)))
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Made<'_>> {
        WAITING.register(context.waker());
        self.0.transmit().map(Made)
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(MAC)
    }
}

impl RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Made<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.0.send(len, write)
    }
}
