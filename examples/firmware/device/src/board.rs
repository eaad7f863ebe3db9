//! The Arm MPS2 board with a Cortex-M4 (AN386): a clock that counts milliseconds, sleep until there is news, Ethernet.

mod lan9118;
mod register;
pub mod stack;

use core::cell::Cell;

use cortex_m::interrupt::{InterruptNumber, Mutex};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{MPU, NVIC, SCB, SYST};
use cortex_m::{Peripherals, asm};
use rocketlite_core::Instant;

pub use lan9118::{Frames, Lan9118, MAC, MAX_FRAME, NO_FRAMES, Outgoing};
use register::Register;

/// The board.
pub struct Board {
    syst: SYST,
}

impl Board {
    /// Starts the clock and forbids the stack to overflow. From here on interrupts only end a sleep: none has a handler.
    ///
    /// # Panics
    /// If it was called before.
    pub fn take() -> Self {
        let peripherals = Peripherals::take().expect("there is one board");
        cortex_m::interrupt::disable();
        guard_stack(&peripherals.MPU);
        // SAFETY: interrupts are disabled, so nothing that must not be interrupted is.
        unsafe { NVIC::unmask(Interrupt::Ethernet) };
        PRESCALER.write(CORE_CLOCK_HZ / 1_000 - 1);
        let mut syst = peripherals.SYST;
        syst.set_clock_source(SystClkSource::Core);
        syst.enable_interrupt();
        Self { syst }
    }

    /// Sleeps until a frame arrives, or until `wake_at` if that is sooner. It may end early.
    pub fn sleep_until(&mut self, wake_at: Option<Instant>) {
        let now = now();
        let millis = wake_at.map_or(LONGEST_SLEEP, |at| at.since(now).as_millis().min(LONGEST_SLEEP));
        if millis == 0 {
            return;
        }
        // Ticks may be lost in an emulator, so they only wake; time comes from the counter.
        self.syst.set_reload(millis as u32 * (CORE_CLOCK_HZ / 1_000) - 1);
        self.syst.clear_current();
        self.syst.enable_counter();
        // With interrupts disabled one that came before is pending, and this returns at once: none is missed.
        asm::wfi();
        self.syst.disable_counter();
        SCB::clear_pendst();
        lan9118::acknowledge();
        NVIC::unpend(Interrupt::Ethernet);
    }
}

/// Milliseconds since the board was started. Must be asked once in 49 days.
pub fn now() -> Instant {
    cortex_m::interrupt::free(|section| {
        let clock = CLOCK.borrow(section);
        let (overflows, before) = clock.get();
        let counted = COUNTER.read();
        let overflows = overflows + u32::from(counted < before);
        clock.set((overflows, counted));
        Instant::from_millis(u64::from(overflows) << 32 | u64::from(counted))
    })
}

/// How often the 32 bits of the counter have run over, and what it showed last.
static CLOCK: Mutex<Cell<(u32, u32)>> = Mutex::new(Cell::new((0, 0)));

/// A number that differs from start to start. A real device has a better source.
pub fn seed() -> u64 {
    u64::from(CYCLES.read()) << 32 | u64::from(COUNTER.read())
}

/// Makes the 64 KiB below the stack a fault for whoever touches them.
fn guard_stack(mpu: &MPU) {
    // SAFETY: nothing of ours lies there, and everything else is as free as before.
    unsafe {
        mpu.rnr.write(7);
        mpu.rbar.write(0x1fff_0000);
        // Execute never, no access, 2^(15 + 1) bytes, enabled.
        mpu.rasr.write(1 << 28 | 15 << 1 | 1);
        // Enabled, and the default map for all else.
        mpu.ctrl.write(1 << 2 | 1);
    }
    asm::dsb();
    asm::isb();
}

#[derive(Debug, Clone, Copy)]
enum Interrupt {
    Ethernet,
}

// SAFETY: the number never changes, and no other interrupt has it.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        match self {
            Self::Ethernet => 13,
        }
    }
}

const CORE_CLOCK_HZ: u32 = 25_000_000;

/// In milliseconds. The timer has 24 bits.
const LONGEST_SLEEP: u128 = 500;

/// Counts cycles of the core clock.
const CYCLES: Register = Register(0x4002_8014);
/// Counts one up each time the prescaler has counted down.
const COUNTER: Register = Register(0x4002_8018);
const PRESCALER: Register = Register(0x4002_801c);
