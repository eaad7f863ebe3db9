//! The remoting protocol: frames, headers and bodies, read from and written to memory the caller owns.
//!
//! Reading borrows: a [`command::RemotingCommand`] is a view of the frame it was read from. Writing goes through
//! [`cursor::Writer`], which can produce any window of an encoding, so that a frame of any size leaves
//! through a buffer of any size without being stored anywhere.

pub mod code;
pub mod command;
pub mod cursor;
mod error;
pub mod fields;
pub mod frame;
pub mod header;
pub mod heartbeat;
pub mod json;
pub mod route;
pub(crate) mod text;

pub use error::{DecodeError, DecodeErrorKind};
pub use text::{Chars, Text};
