//! Where the device and the machine of its emulator are in the network that the emulator makes.

use core::net::Ipv4Addr;

/// The device, in a network of 24 bits.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The machine of the emulator, through which all others are reached.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Brokers that run on the machine of the emulator may say that they listen on 127.0.0.1. Here that machine has another
/// address.
pub fn reachable(ip: Ipv4Addr) -> Ipv4Addr {
    if ip.is_loopback() { GATEWAY } else { ip }
}
