//! Loops that run an [`Engine`](crate::Engine) over the network stacks of devices, each behind a feature of its own.

#[cfg(feature = "embedded-nal")]
pub mod nal;
