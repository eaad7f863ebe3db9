//! A producer that has nothing but a serial line to a gateway, on which a broker runs behind a bridge.

use core::time::Duration;

use rocketlite_core::driver::Line;
use rocketlite_core::driver::io::Driver;
use rocketlite_core::producer::{Event, Producer, ProducerConfig, TinyProducerStorage};
use rocketlite_core::send::decision::{AttemptOutcome, Fault};
use rocketlite_core::send::outcome::{SendError, SendErrorKind, SendResult};
use rocketlite_core::{Address, Engine as _, Message, SendId, WallClock};

use crate::gateway::{ADDRESS, Gateway, Uart};

/// Longer than the bridge's silence, shorter than the time to connect.
const QUIET: Duration = Duration::from_millis(1_500);

/// What the device has.
struct Device {
    producer: Producer<'static>,
    driver: Driver<Uart, 1, 32>,
}

impl Device {
    /// Switched on: it knows nothing of what was before.
    fn start(gateway: &Gateway, change: impl FnOnce(&mut ProducerConfig<'static>)) -> Self {
        let address = Address::new(ADDRESS).unwrap();
        let names: &'static [Address] = Box::leak(Box::new([address.clone()]));
        let mut config = ProducerConfig::new("sensors", "sensor-7", names);
        // Often enough to keep the bridge's connection, and with time for a line that has to rest first.
        config.heartbeat_broker_interval = Duration::from_millis(500);
        config.send_msg_timeout = Duration::from_secs(10);
        change(&mut config);
        let storage = Box::leak(Box::new(TinyProducerStorage::new()));
        let clock = WallClock::new(gateway.now, 1_700_000_000_000);
        let producer = Producer::new(config, storage.memory(), clock, 9).unwrap();
        let line = Line::new(address, gateway.uart.clone()).with_quiet(QUIET);
        Self { producer, driver: Driver::new([line]) }
    }

    /// Lets a millisecond pass, and does what is to be done then.
    fn pass(&mut self, gateway: &mut Gateway) {
        gateway.pass();
        for calls in 0.. {
            assert!(calls < 1_000, "the driver never comes to an end");
            match self.driver.poll(&mut self.producer, gateway.now) {
                Some(at) if at <= gateway.now => {}
                _ => break,
            }
        }
    }

    fn send(&mut self, gateway: &Gateway, body: &[u8]) -> SendId {
        self.producer.send(gateway.now, &Message::new("Temperature", body)).unwrap()
    }

    fn outcome(&mut self, gateway: &mut Gateway, id: SendId) -> Result<SendResult, SendError> {
        for _ in 0..60_000 {
            self.pass(gateway);
            match self.producer.poll_send(id) {
                Ok(result) => return Ok(result),
                Err(nb::Error::Other(error)) => return Err(error),
                Err(nb::Error::WouldBlock) => {}
            }
        }
        panic!("no outcome within a minute");
    }
}

#[test]
fn messages_pass_a_serial_line_in_order_over_one_connection() {
    let mut gateway = Gateway::new();
    let mut device = Device::start(&gateway, |_| {});
    let bodies: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; 17 * usize::from(n) + 1]).collect();
    for body in &bodies {
        let id = device.send(&gateway, body);
        assert_eq!(device.outcome(&mut gateway, id).unwrap().attempts, 1);
        // Longer than the bridge's silence: only heartbeats are on the line.
        for _ in 0..1_200 {
            device.pass(&mut gateway);
        }
    }
    assert_eq!(gateway.stored(), bodies);
    assert_eq!((gateway.connections, device.driver.refused()), (1, None));
}

#[test]
fn a_device_that_slept_knows_that_the_line_has_rested() {
    let mut gateway = Gateway::new();
    let mut device = Device::start(&gateway, |_| {});
    let id = device.send(&gateway, &[1; 40]);
    device.outcome(&mut gateway, id).unwrap();
    let mut saved = [0; 512];
    let length = device.producer.save(&mut saved).unwrap();
    // Only the gateway is awake.
    for _ in 0..10_000 {
        gateway.pass();
    }
    let woken = gateway.now;
    let mut device = Device::start(&gateway, |_| {});
    device.producer.restore(woken, &saved[..length]).unwrap();
    let line = Line::new(Address::new(ADDRESS).unwrap(), gateway.uart.clone()).with_quiet(QUIET).rested();
    device.driver = Driver::new([line]);
    let id = device.send(&gateway, &[2; 40]);
    device.outcome(&mut gateway, id).unwrap();
    // Heartbeat, message and answer at 11 bytes a millisecond, without a question to the name server.
    assert!(gateway.now.since(woken) < Duration::from_millis(100), "{:?}", gateway.now.since(woken));
    assert_eq!(gateway.stored(), [[1; 40], [2; 40]]);
}

#[test]
fn a_device_that_starts_anew_in_the_middle_of_a_frame_sends_on() {
    for after in [1, 20, 33, 50] {
        let mut gateway = Gateway::new();
        let mut device = Device::start(&gateway, |_| {});
        let id = device.send(&gateway, &[1; 40]);
        device.outcome(&mut gateway, id).unwrap();
        device.send(&gateway, &[2; 400]);
        for _ in 0..after {
            device.pass(&mut gateway);
        }
        // The reset: whatever was in the FIFO still leaves.
        let mut device = Device::start(&gateway, |_| {});
        let id = device.send(&gateway, &[3; 40]);
        device.outcome(&mut gateway, id).unwrap();
        assert_eq!(gateway.stored(), [vec![1; 40], vec![3; 40]], "reset after {after} ms");
        assert_eq!(gateway.connections, 2);
    }
}

#[test]
fn a_line_that_loses_bytes_recovers_within_the_send() {
    for after in [30, 60, 61, 62] {
        let mut gateway = Gateway::new();
        let mut device = Device::start(&gateway, |_| {});
        let id = device.send(&gateway, &[1; 40]);
        device.outcome(&mut gateway, id).unwrap();
        let id = device.send(&gateway, &[2; 400]);
        for _ in 0..after {
            device.pass(&mut gateway);
        }
        gateway.uart.overrun();
        let result = device.outcome(&mut gateway, id).unwrap();
        assert_eq!(result.attempts, 2, "overrun after {after} ms");
        assert!(gateway.stored()[1..].iter().all(|body| *body == [2; 400]), "{after} ms");
    }
}

#[test]
fn a_broker_that_names_another_address_is_an_event_that_says_which() {
    let mut gateway = Gateway::new();
    let mut device = Device::start(&gateway, |_| {});
    // The device knows the same machine by another name, so only its name server is on the line.
    let names: &'static [Address] = Box::leak(Box::new([Address::new("gateway:9876").unwrap()]));
    let storage = Box::leak(Box::new(TinyProducerStorage::new()));
    let config = ProducerConfig::new("sensors", "sensor-7", names);
    let clock = WallClock::new(gateway.now, 1_700_000_000_000);
    device.producer = Producer::new(config, storage.memory(), clock, 9).unwrap();
    let line = Line::new(names[0].clone(), gateway.uart.clone()).with_quiet(QUIET);
    device.driver = Driver::new([line]);
    let id = device.send(&gateway, b"x");
    let error = device.outcome(&mut gateway, id).unwrap_err();
    let refused = SendErrorKind::Attempt(AttemptOutcome::Unanswered(Fault::Connect));
    assert_eq!(error.kind, refused);
    assert_eq!(device.driver.refused().map(Address::as_str), Some(ADDRESS));
    let events: Vec<Event> = core::iter::from_fn(|| device.producer.poll_event()).collect();
    assert!(
        events.iter().any(|e| matches!(e, Event::Disconnected(at, _) if at.as_str() == ADDRESS)),
        "{events:?}"
    );
    assert!(device.producer.poll_timeout().is_some());
}

#[test]
fn a_bridge_that_is_not_there_is_a_timeout() {
    let mut gateway = Gateway::new();
    let mut device = Device::start(&gateway, |config| config.send_msg_timeout = Duration::from_secs(4));
    gateway.broker.shutdown(gateway.now);
    let deaf = Uart::default();
    device.driver = Driver::new([Line::new(Address::new(ADDRESS).unwrap(), deaf).with_quiet(QUIET)]);
    let id = device.send(&gateway, b"x");
    assert_eq!(device.outcome(&mut gateway, id).unwrap_err().kind, SendErrorKind::NameServerTimedOut);
}
