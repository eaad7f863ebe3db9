//! The image that is measured.
#![no_std]
#![no_main]

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
