//! The one place where the memory of devices is touched.

/// A word of a device, or of the stack, by its address.
#[derive(Debug, Clone, Copy)]
pub struct Register(pub usize);

impl Register {
    /// Reads it.
    pub fn read(self) -> u32 {
        // SAFETY: addresses are aligned, come from the board's manual or the linker, and every value is a valid word.
        unsafe { core::ptr::with_exposed_provenance::<u32>(self.0).read_volatile() }
    }

    /// Writes it.
    pub fn write(self, value: u32) {
        // SAFETY: only registers of devices are written, whose addresses come from the board's manual.
        unsafe { core::ptr::with_exposed_provenance_mut::<u32>(self.0).write_volatile(value) }
    }
}
