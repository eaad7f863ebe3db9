//! The image that is measured. Its panic handler calls a function that does not exist: if the linker needs the handler,
//! there is no image.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m_rt::entry;
use publish::{Storage, run};

#[entry]
fn main() -> ! {
    static mut STORAGE: Storage = Storage::new();
    run(STORAGE);
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_can_be_reached() -> !;
    }
    // SAFETY: it is never called, for it does not exist.
    unsafe { a_panic_can_be_reached() }
}
