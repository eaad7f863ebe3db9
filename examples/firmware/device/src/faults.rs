//! What must not happen, each with an exit code of its own: 101 a panic, 102 an interrupt nobody expects, 103 a fault of
//! the processor, as when the stack overflows.

use core::arch::global_asm;
use core::panic::PanicInfo;

use cortex_m_rt::exception;
use semihosting::{eprintln, process};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("device: {info}");
    process::exit(101)
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    eprintln!("device: exception {number}");
    process::exit(102)
}

/// The stack may be what is broken, so the handler begins with a fresh one.
#[unsafe(no_mangle)]
extern "C" fn fault() -> ! {
    eprintln!("device: fault, CFSR {:#010x}", cortex_m_fault_status());
    process::exit(103)
}

fn cortex_m_fault_status() -> u32 {
    // SAFETY: reading the register has no effect.
    unsafe { (*cortex_m::peripheral::SCB::PTR).cfsr.read() }
}

global_asm!(
    ".thumb_func",
    ".global HardFault",
    "HardFault:",
    "ldr r0, =_stack_start",
    "msr msp, r0",
    "b {fault}",
    fault = sym fault,
);
