//! The drivers for devices: scripted streams and a serial line in virtual time, and the async one over real sockets.

mod chatter;
mod gateway;
mod polled;
mod serial;
