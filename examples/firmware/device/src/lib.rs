//! The emulated device that the images of this workspace run on: an Arm MPS2 board with a Cortex-M4 (AN386), and the machine
//! of the emulator, which the board speaks with over semihosting and Ethernet.
#![no_std]

pub mod arguments;
pub mod board;
mod faults;
pub mod host;
pub mod reading;
