//! The board's clock for embassy, and embassy's for RocketMQ.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use device::board;
use embassy_time_driver::time_driver_impl;
use embassy_time_queue_utils::Queue;
use rocketlite_core::Instant;
use rocketlite_core::driver::io_async::Timer;

/// The clock of the driver.
pub struct Clock;

impl Timer for Clock {
    fn now(&self) -> Instant {
        Instant::from_millis(embassy_time::Instant::now().as_millis())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_millis(at.as_millis())).await;
    }
}

/// Wakes the tasks whose time has come. Returns when to be called again.
pub fn wake() -> Option<Instant> {
    let next = critical_section::with(|section| {
        ALARMS.queue.borrow_ref_mut(section).next_expiration(board::now().as_millis())
    });
    (next < u64::MAX).then_some(Instant::from_millis(next))
}

/// Who wants to be woken when. A tick is a millisecond.
struct Alarms {
    queue: Mutex<RefCell<Queue>>,
}

impl embassy_time_driver::Driver for Alarms {
    fn now(&self) -> u64 {
        board::now().as_millis()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // The executor asks for the next one before it sleeps.
        critical_section::with(|section| self.queue.borrow_ref_mut(section).schedule_wake(at, waker));
    }
}

time_driver_impl!(static ALARMS: Alarms = Alarms { queue: Mutex::new(RefCell::new(Queue::new())) });
