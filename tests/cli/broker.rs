//! `rocketlite broker`

use std::io::Write as _;
use std::net::TcpStream;

use rocketlite_tests::program::{RunningBroker, rocketlite, run};

use crate::{send, stored};

#[test]
fn a_broker_says_where_it_serves_and_ends_when_it_is_asked_to() {
    let broker = RunningBroker::spawn(&[]);
    let address: core::net::SocketAddr = broker.address.parse().expect("an address");
    assert!(address.ip().is_loopback() && address.port() != 0);
    TcpStream::connect(address).expect("it serves");
    broker.stop();
    TcpStream::connect(address).expect_err("it has ended");
}

#[test]
fn a_broker_ends_also_while_clients_are_connected_and_one_of_them_says_nothing() {
    let broker = RunningBroker::spawn(&[]);
    let silent = TcpStream::connect(&broker.address).expect("it serves");
    let mut half = TcpStream::connect(&broker.address).expect("it serves");
    half.write_all(&[0, 0, 1, 0, 0]).expect("it takes bytes");
    assert_eq!(stored(&send(&broker, &["--topic", "T", "--body", "x", "--json"])).len(), 1);
    broker.stop();
    drop((silent, half));
}

#[test]
fn a_broker_that_cannot_reach_its_name_server_serves_and_ends() {
    let broker = RunningBroker::spawn(&["--namesrv", "127.0.0.1:1", "--name", "edge"]);
    let lines = stored(&send(&broker, &["--topic", "T", "--body", "x", "--json"]));
    assert_eq!(lines[0]["broker"], "edge");
    broker.stop();
}

#[test]
fn a_broker_registers_with_another_one_and_is_found_there() {
    let name_server = RunningBroker::spawn(&["--name", "first"]);
    let broker = RunningBroker::spawn(&["--name", "second", "--namesrv", &name_server.address]);
    // The topic exists where a message has made it, and the name server learns of it.
    assert_eq!(stored(&send(&broker, &["--topic", "OfSecond", "--body", "x", "--json"])).len(), 1);
    let deadline = std::time::Instant::now() + rocketlite_tests::program::DEADLINE;
    loop {
        let sent = stored(&send(&name_server, &["--topic", "OfSecond", "--body", "x", "--json"]));
        if sent[0]["broker"] == "second" {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the name server never named the broker");
    }
    broker.stop();
    name_server.stop();
}

#[test]
fn what_clients_are_told_to_connect_to_is_the_advertised_address() {
    // A name is resolved once; the port is nobody's.
    let broker = RunningBroker::spawn(&["--advertise", "localhost:1"]);
    let finished = send(&broker, &["--topic", "T", "--body", "x"]);
    let complaint = finished.complaint();
    assert!(complaint.contains("could not be connected"), "{complaint}");
    broker.stop();
}

#[test]
fn a_full_log_refuses_if_it_is_told_to_and_evicts_otherwise() {
    for (when_full, all) in [("evict", true), ("refuse", false)] {
        let broker = RunningBroker::spawn(&["--capacity", "5MiB", "--when-full", when_full]);
        let finished = send(&broker, &["--topic", "T", "--size", "1MiB", "--count", "8", "--json"]);
        if all {
            assert_eq!(stored(&finished).len(), 8);
        } else {
            assert!(finished.stdout.lines().count() < 8, "{finished:?}");
            assert!(finished.complaint().contains("14"), "{finished:?}");
        }
        broker.stop();
    }
}

#[test]
fn the_largest_tables_that_are_allowed_do() {
    let broker = RunningBroker::spawn(&["--max-connections", "65535", "--max-topics", "65535"]);
    assert_eq!(stored(&send(&broker, &["--topic", "T", "--body", "x", "--json"])).len(), 1);
    broker.stop();
}

#[test]
fn an_interrupt_ends_it_too() {
    let broker = RunningBroker::spawn(&[]);
    broker.interrupt();
}

#[test]
fn the_port_of_a_broker_that_ended_can_be_taken_at_once() {
    let broker = RunningBroker::spawn(&[]);
    let address = broker.address.clone();
    assert_eq!(stored(&send(&broker, &["--topic", "T", "--body", "x", "--json"])).len(), 1);
    broker.stop();
    let again = RunningBroker::of(rocketlite(&["broker", "--listen", &address]));
    assert_eq!(again.address, address);
    again.stop();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let broker = RunningBroker::spawn(&[]);
    let finished = run(rocketlite(&["broker", "--listen", &broker.address]));
    let complaint = finished.complaint();
    assert!(complaint.contains(&broker.address) && complaint.contains("in use"), "{complaint}");
    broker.stop();
}
