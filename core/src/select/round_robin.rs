//! The position that goes round the queues of a topic (`ThreadLocalIndex`).

/// A counter that wraps. A producer has one for each topic; in Java each thread has its own, so one here is what
/// one thread sees there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundRobin(i32);

impl RoundRobin {
    /// The counter that stands at `start`; the first step adds one before it is used.
    pub const fn new(start: i32) -> Self {
        Self(start)
    }

    /// Where it stands.
    pub const fn value(self) -> i32 {
        self.0
    }

    /// Steps, and gives the new value without its sign bit (`ThreadLocalIndex#incrementAndGet`).
    pub(super) const fn step(&mut self) -> i32 {
        self.0 = self.0.wrapping_add(1);
        self.0 & i32::MAX
    }

    /// Steps to the next place of `len`; none if there is no place, and then too it has stepped.
    pub(super) fn step_within(&mut self, len: usize) -> Option<usize> {
        let value = u32::try_from(self.step()).ok()?;
        usize::try_from(value.checked_rem(u32::try_from(len).ok()?)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_follows_java_where_the_counter_wraps() {
        let mut index = RoundRobin::new(i32::MAX - 1);
        // 2147483647 % 3 = 1, then the sign bit is masked away: 0, 1, 2.
        let places: std::vec::Vec<usize> = (0..4).map(|_| index.step_within(3).unwrap()).collect();
        assert_eq!(places, [1, 0, 1, 2]);
        assert_eq!(index.step_within(0), None);
    }
}
