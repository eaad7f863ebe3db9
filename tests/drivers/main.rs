//! The drivers for devices: scripted streams and a serial line in virtual time, and the async one over real sockets too.

mod chatter;
mod gateway;
mod lines;
mod polled;
mod serial;
mod tcp;
mod tokio_stack;
