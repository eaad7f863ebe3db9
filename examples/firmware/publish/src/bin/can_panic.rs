//! The bad twin of `publish`, which must not link: one index that nobody has checked.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use publish::{Storage, run};

#[entry]
fn main() -> ! {
    static mut STORAGE: Storage = Storage::new();
    run(STORAGE);
    black_box([1, 2, 3][black_box(0)]);
    loop {
        core::hint::spin_loop();
    }
}
