//! smoltcp over the board's Ethernet, as a TCP stack for the driver of `rocketlite-core`.
//!
//! `smoltcp-nal` is the published crate for this; it follows smoltcp 0.12.

use core::net::{IpAddr, SocketAddr, SocketAddrV4};

use device::board::MAC;
use device::host::{ADDRESS, GATEWAY, reachable};
use embedded_nal::{TcpClientStack, TcpError, TcpErrorKind};
use rocketlite_core::Instant;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as Time;
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::ethernet::Ethernet;

/// Bytes on their way to and from each of `SOCKETS` sockets. A static of its own: all zero, it costs no flash.
pub type Buffers<const SOCKETS: usize> = [[[u8; 1024]; 2]; SOCKETS];

/// The sockets themselves.
pub type Sockets<const SOCKETS: usize> = [SocketStorage<'static>; SOCKETS];

/// The network.
pub struct Network<const SOCKETS: usize> {
    device: Ethernet,
    interface: Interface,
    sockets: SocketSet<'static>,
    /// Those that nobody has.
    free: heapless::Vec<SocketHandle, SOCKETS>,
    next_port: u16,
}

/// A socket of the driver.
#[derive(Debug)]
pub struct Socket {
    handle: SocketHandle,
    /// Whether it was told to connect.
    dialed: bool,
}

/// What can go wrong with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketError {
    /// All sockets are in use.
    TooMany,
    /// The address cannot be reached from here, or nobody listens there.
    Refused,
    /// The peer has closed the connection, or it broke.
    Closed,
}

impl<const SOCKETS: usize> Network<SOCKETS> {
    /// A network with the address that the emulator gives to its guest.
    ///
    /// # Panics
    /// Never: there is room for one address, one route and all sockets.
    pub fn new(
        sockets: &'static mut Sockets<SOCKETS>,
        buffers: &'static mut Buffers<SOCKETS>,
        mut device: Ethernet,
        now: Instant,
    ) -> Self {
        let mut config = Config::new(EthernetAddress(MAC).into());
        config.random_seed = now.as_millis();
        let mut interface = Interface::new(config, &mut device, time(now));
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(ADDRESS.into(), 24)).expect("there is room for one");
        });
        interface.routes_mut().add_default_ipv4_route(GATEWAY).expect("there is room for one");
        let mut sockets = SocketSet::new(&mut sockets[..]);
        let mut free = heapless::Vec::new();
        for [receive, transmit] in buffers {
            let mut socket = tcp::Socket::new(
                tcp::SocketBuffer::new(&mut receive[..]),
                tcp::SocketBuffer::new(&mut transmit[..]),
            );
            // A request is written at once or waits for room; there is nothing to collect small pieces for.
            socket.set_nagle_enabled(false);
            free.push(sockets.add(socket)).expect("there is room for all");
        }
        Self { device, interface, sockets, free, next_port: FIRST_PORT + (now.as_millis() % 4096) as u16 }
    }

    /// Handles the frames that have arrived and sends those that are due. Returns when it wants to be called again, if no
    /// frame arrives before.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll(time(now), &mut self.device, &mut self.sockets);
        let at = self.interface.poll_at(time(now), &self.sockets)?;
        Some(Instant::from_millis(u64::try_from(at.total_millis()).unwrap_or(0)))
    }

    fn socket(&mut self, socket: &Socket) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(socket.handle)
    }
}

impl<const SOCKETS: usize> TcpClientStack for Network<SOCKETS> {
    type TcpSocket = Socket;
    type Error = SocketError;

    fn socket(&mut self) -> Result<Socket, SocketError> {
        let handle = self.free.pop().ok_or(SocketError::TooMany)?;
        // It may still say goodbye to its last peer.
        self.sockets.get_mut::<tcp::Socket<'_>>(handle).abort();
        Ok(Socket { handle, dialed: false })
    }

    fn connect(&mut self, socket: &mut Socket, remote: SocketAddr) -> nb::Result<(), SocketError> {
        let tcp = self.sockets.get_mut::<tcp::Socket<'_>>(socket.handle);
        if !socket.dialed {
            socket.dialed = true;
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            let IpAddr::V4(ip) = remote.ip() else { return Err(SocketError::Refused.into()) };
            let remote = SocketAddrV4::new(reachable(ip), remote.port());
            tcp.connect(self.interface.context(), remote, self.next_port)
                .map_err(|_| SocketError::Refused)?;
        }
        match tcp.state() {
            tcp::State::Established | tcp::State::CloseWait => Ok(()),
            tcp::State::SynSent | tcp::State::SynReceived => Err(nb::Error::WouldBlock),
            _ => Err(SocketError::Refused.into()),
        }
    }

    fn send(&mut self, socket: &mut Socket, buffer: &[u8]) -> nb::Result<usize, SocketError> {
        match self.socket(socket).send_slice(buffer) {
            Ok(0) => Err(nb::Error::WouldBlock),
            Ok(sent) => Ok(sent),
            Err(tcp::SendError::InvalidState) => Err(SocketError::Closed.into()),
        }
    }

    fn receive(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> nb::Result<usize, SocketError> {
        match self.socket(socket).recv_slice(buffer) {
            Ok(0) => Err(nb::Error::WouldBlock),
            Ok(received) => Ok(received),
            Err(tcp::RecvError::InvalidState | tcp::RecvError::Finished) => Err(SocketError::Closed.into()),
        }
    }

    fn close(&mut self, socket: Socket) -> Result<(), SocketError> {
        self.socket(&socket).close();
        // The one closed longest ago is the next to be used.
        self.free.insert(0, socket.handle).map_err(|_| SocketError::TooMany)
    }
}

impl TcpError for SocketError {
    fn kind(&self) -> TcpErrorKind {
        match self {
            Self::Closed => TcpErrorKind::PipeClosed,
            Self::TooMany | Self::Refused => TcpErrorKind::Other,
        }
    }
}

fn time(now: Instant) -> Time {
    Time::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// Of the ports that are free for clients.
const FIRST_PORT: u16 = 49_152;
