//! A stack that overflows on purpose, to show that the device notices: the board forbids what lies below it, and the handler
//! of faults says so and ends with exit code 103. Ends with 0 if it does not.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use device::board::Board;
use semihosting::process;

#[entry]
fn main() -> ! {
    let _board = Board::take();
    black_box(deeper(black_box(0)));
    process::exit(0)
}

/// Takes more than there is, a little at a time, so that it meets what is forbidden and does not jump over it.
#[inline(never)]
fn deeper(depth: usize) -> usize {
    let frame = black_box([depth; 16]);
    if depth == CALLS { depth } else { deeper(depth + 1) + frame[0] }
}

/// At 64 bytes and more each, more than the stack and what is forbidden below it have.
const CALLS: usize = 1 << 12;
