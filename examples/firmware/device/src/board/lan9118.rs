//! The board's Ethernet device, an SMSC LAN9118, as stacks want devices: polled, one frame each way at a time.

use super::register::Register;

/// The device, with one frame that has arrived and one that is being made.
pub struct Lan9118 {
    arrived: &'static mut [u8; FRAME],
    made: &'static mut [u8; FRAME],
}

/// Memory for those two.
pub type Frames = [[u8; FRAME]; 2];

/// Those two before anything has arrived.
pub const NO_FRAMES: Frames = [[0; FRAME]; 2];

/// Of the locally administered ones.
pub const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

impl Lan9118 {
    /// Resets the device and lets it receive.
    pub fn start([arrived, made]: &'static mut Frames) -> Self {
        HW_CFG.write(1);
        while HW_CFG.read() & 1 != 0 {}
        HW_CFG.write(1 << 20 | 5 << 16);
        // An interrupt, active high, as soon as there is a frame.
        IRQ_CFG.write(0x111);
        FIFO_INT.write(0);
        INT_EN.write(RECEIVED);
        let [front @ .., fifth, sixth] = MAC;
        write_mac(3, u32::from_le_bytes(front));
        write_mac(2, u32::from_le_bytes([fifth, sixth, 0, 0]));
        // Full duplex, transmitter and receiver on.
        write_mac(1, 1 << 20 | 1 << 3 | 1 << 2);
        TX_CFG.write(6);
        Self { arrived, made }
    }

    /// The next frame that has arrived, and room for an answer.
    pub fn receive(&mut self) -> Option<(&mut [u8], Outgoing<'_>)> {
        let len = self.fetch()?;
        Some((&mut self.arrived[..len], Outgoing(self.made)))
    }

    /// Room for a frame, if the device has any.
    pub fn transmit(&mut self) -> Option<Outgoing<'_>> {
        let room = (TX_FIFO_INF.read() & 0xffff) as usize;
        (room >= FRAME + 8).then_some(Outgoing(self.made))
    }

    /// Fetches the next frame without its checksum. Frames that arrived damaged are dropped.
    fn fetch(&mut self) -> Option<usize> {
        while RX_FIFO_INF.read() >> 16 & 0xff != 0 {
            let status = RX_STATUS.read();
            let len = (status >> 16 & 0x3fff) as usize;
            for at in (0..len.div_ceil(4) * 4).step_by(4) {
                let word = RX_DATA.read().to_le_bytes();
                if let Some(place) = self.arrived.get_mut(at..at + 4) {
                    place.copy_from_slice(&word);
                }
            }
            if status & DAMAGED == 0 && (CHECKSUM..=FRAME).contains(&len) {
                return Some(len - CHECKSUM);
            }
        }
        None
    }
}

/// Takes notice of the interrupt. A frame that comes after this raises another.
pub fn acknowledge() {
    INT_STS.write(RECEIVED);
}

/// Room for a frame to send.
pub struct Outgoing<'a>(&'a mut [u8; FRAME]);

impl Outgoing<'_> {
    /// Has a frame of `len` bytes, at most [`MAX_FRAME`], written, and sends it.
    pub fn send<R>(self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        let result = write(&mut self.0[..len]);
        // First and last segment at once, and its length; again the length of the frame.
        TX_DATA.write(1 << 13 | 1 << 12 | len as u32);
        TX_DATA.write(len as u32);
        for word in self.0[..len.div_ceil(4) * 4].chunks_exact(4) {
            TX_DATA.write(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        result
    }
}

/// Writes a register of the MAC, which is behind two others.
fn write_mac(register: u32, value: u32) {
    MAC_DATA.write(value);
    MAC_CMD.write(BUSY | register);
    while MAC_CMD.read() & BUSY != 0 {}
}

/// The largest frame without its checksum.
pub const MAX_FRAME: usize = 1514;
/// The same with it, in whole words.
const FRAME: usize = 1520;
const CHECKSUM: usize = 4;

const RECEIVED: u32 = 1 << 3;
const DAMAGED: u32 = 1 << 15;
const BUSY: u32 = 1 << 31;

const fn register(offset: usize) -> Register {
    Register(0x4020_0000 + offset)
}

const RX_DATA: Register = register(0x00);
const TX_DATA: Register = register(0x20);
const RX_STATUS: Register = register(0x40);
const IRQ_CFG: Register = register(0x54);
const INT_STS: Register = register(0x58);
const INT_EN: Register = register(0x5c);
const FIFO_INT: Register = register(0x68);
const TX_CFG: Register = register(0x70);
const HW_CFG: Register = register(0x74);
const RX_FIFO_INF: Register = register(0x7c);
const TX_FIFO_INF: Register = register(0x80);
const MAC_CMD: Register = register(0xa4);
const MAC_DATA: Register = register(0xa8);
