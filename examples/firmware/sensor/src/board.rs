//! The Arm MPS2 board with a Cortex-M4 (AN386): a clock that counts milliseconds, sleep until there is news, Ethernet.

mod lan9118;
mod register;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{MPU, NVIC, SCB, SYST};
use cortex_m::register::msp;
use cortex_m::{Peripherals, asm};
use rocketlite_core::Instant;

pub use lan9118::{FRAME, Frames, Lan9118, MAC};
use register::Register;

/// The board.
pub struct Board {
    syst: SYST,
    /// How often the 32 bits of the counter have run over, and what it showed last.
    overflows: u32,
    counted: u32,
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
        Self { syst, overflows: 0, counted: COUNTER.read() }
    }

    /// Milliseconds since the board was started. Must be asked once in 49 days.
    pub fn now(&mut self) -> Instant {
        let counted = COUNTER.read();
        self.overflows += u32::from(counted < self.counted);
        self.counted = counted;
        Instant::from_millis(u64::from(self.overflows) << 32 | u64::from(counted))
    }

    /// Sleeps until a frame arrives, or until `wake_at` if that is sooner. It may end early.
    pub fn sleep_until(&mut self, wake_at: Option<Instant>) {
        let now = self.now();
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

/// A number that differs from start to start. A real device has a better source.
pub fn seed() -> u64 {
    u64::from(CYCLES.read()) << 32 | u64::from(COUNTER.read())
}

/// How many bytes of the stack were ever used, and how many the caller and what called it use for themselves.
#[inline(always)]
pub fn stack_used() -> (usize, usize) {
    unsafe extern "C" {
        safe static _stack_start: u32;
        safe static _stack_end: u32;
    }
    let (top, bottom) = ((&raw const _stack_start).addr(), (&raw const _stack_end).addr());
    // The runtime has painted it before `main`.
    let used = |at: &usize| Register(*at).read() != cortex_m_rt::STACK_PAINT_VALUE;
    let most = (bottom..top).step_by(4).find(used).map_or(0, |lowest| top - lowest);
    (most, top - msp::read() as usize)
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
