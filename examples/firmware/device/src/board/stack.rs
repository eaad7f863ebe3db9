//! The stack: how much of it is used.

use cortex_m::register::msp;
use cortex_m_rt::STACK_PAINT_VALUE;

use super::register::Register;

/// How many bytes were ever used since the runtime has painted the stack, and how many the caller and what called it use for
/// themselves.
#[inline]
pub fn used() -> (usize, usize) {
    let here = msp::read() as usize;
    (deepest(), top() - here)
}

/// Calls `act`. Returns how many bytes of stack that took, exactly if they were more than [`UNPAINTED`].
#[inline(never)]
pub fn measure<R>(act: impl FnOnce() -> R) -> (R, usize) {
    let here = msp::read() as usize;
    for at in (bottom()..here - UNPAINTED).step_by(4) {
        Register(at).write(STACK_PAINT_VALUE);
    }
    let result = act();
    (result, deepest().saturating_sub(top() - here))
}

/// What the loop that paints may use itself.
const UNPAINTED: usize = 64;

/// The most bytes that were used since the stack was painted.
fn deepest() -> usize {
    let used = |at: &usize| Register(*at).read() != STACK_PAINT_VALUE;
    (bottom()..top()).step_by(4).find(used).map_or(0, |lowest| top() - lowest)
}

fn top() -> usize {
    unsafe extern "C" {
        safe static _stack_start: u32;
    }
    (&raw const _stack_start).addr()
}

fn bottom() -> usize {
    unsafe extern "C" {
        safe static _stack_end: u32;
    }
    (&raw const _stack_end).addr()
}
