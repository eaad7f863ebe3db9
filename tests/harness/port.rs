//! Ports for servers that come back on the port they had.

use core::sync::atomic::{AtomicU16, Ordering};
use std::net::TcpListener;

/// An address of the loopback interface that is free, also for a server that is gone for a while.
///
/// Ports that the system gives away are of no use for that: a connection to elsewhere may get one meanwhile, and one to the
/// very port that nobody listens at may even be made with itself.
///
/// # Panics
/// If none is free.
pub fn lasting_address() -> String {
    /// Those below are often taken, and those from 32,768 on Linux gives away.
    const FIRST: u16 = 20_000;
    const PORTS: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test binaries that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or(0);
    for _ in 0..PORTS {
        let next = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(begin) % PORTS;
        let address = format!("127.0.0.1:{}", FIRST + next);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} on is free");
}
