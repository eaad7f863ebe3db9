//! embassy's executor, which sleeps as the board does.
//!
//! The one that comes for Cortex-M sleeps with `wfe`, which the emulator takes for "go on": right, but it never rests.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use device::board::Board;
use embassy_executor::{Spawner, raw};

use crate::{clock, ethernet};

/// Runs tasks for ever.
pub struct Executor(raw::Executor);

impl Executor {
    /// Without tasks.
    pub fn new() -> Self {
        Self(raw::Executor::new(ptr::null_mut()))
    }

    /// Runs those that `spawn` begins with.
    pub fn run(&'static mut self, mut board: Board, spawn: impl FnOnce(Spawner)) -> ! {
        let executor = &self.0;
        spawn(executor.spawner());
        loop {
            while IS_PENDING.swap(false, Ordering::Relaxed) {
                // SAFETY: nobody else polls, and no task does.
                unsafe { executor.poll() };
            }
            let wake_at = clock::wake();
            // A task that was woken just now runs before the board sleeps.
            if !IS_PENDING.load(Ordering::Relaxed) {
                board.sleep_until(wake_at);
                ethernet::wake();
            }
        }
    }
}

/// Whether a task wants to run.
static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// The executor calls it when one does.
#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    IS_PENDING.store(true, Ordering::Relaxed);
}
