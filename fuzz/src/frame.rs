//! Frames out of a stream: whatever the pieces, whoever else is receiving, the same frames come out.

use rocketlite_core::wire::frame::{Partial, Received, Receiver};
use rocketlite_core::{Arena, Extent, Rng};

use crate::header;

const CONNECTIONS: usize = 3;

/// What the frames of a stream are, by another way of reading it.
struct Expected<'a> {
    frames: Vec<&'a [u8]>,
    /// Whether the stream has a length in it that cannot be.
    broken: bool,
}

fn expected(mut stream: &[u8], max_frame: usize) -> Expected<'_> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk() {
        let length = i64::from(i32::from_be_bytes(*length));
        let fits = usize::try_from(length).is_ok_and(|length| (4..=max_frame - 4).contains(&length));
        if !fits {
            return Expected { frames, broken: true };
        }
        let Some((frame, rest)) = usize::try_from(length).ok().and_then(|at| rest.split_at_checked(at))
        else {
            break;
        };
        frames.push(frame);
        stream = rest;
    }
    Expected { frames, broken: false }
}

/// One connection on which the stream arrives.
#[derive(Default)]
struct Peer {
    /// How much was taken.
    taken: usize,
    frames: usize,
    broken: bool,
}

/// Three bytes say how the stream is cut, how much memory there is, and on how many connections it arrives.
pub(crate) fn check(input: &[u8]) {
    let Some((&[cuts, memory, connections], stream)) = input.split_first_chunk() else { return };
    let mut bytes = [0; 1_088];
    let (mut pieces, mut partial) = ([Extent::EMPTY; CONNECTIONS], [Partial::EMPTY; CONNECTIONS]);
    let arena = Arena::new(&mut bytes[..64 + 4 * usize::from(memory)], &mut pieces);
    let mut receiver = Receiver::new(arena, &mut partial, 800);
    let expected = expected(stream, receiver.max_frame());
    let mut rng = Rng::new(cuts.into());
    let connections = 1 + usize::from(connections) % CONNECTIONS;
    let mut peers: Vec<Peer> = (0..connections).map(|_| Peer::default()).collect();
    let mut progress = true;
    while progress {
        progress = false;
        for (connection, peer) in (0..).zip(&mut peers) {
            progress |= offer(&mut receiver, connection, peer, stream, &expected, &mut rng);
        }
    }
    for (connection, peer) in (0..).zip(&peers) {
        if peer.taken == stream.len() || peer.broken {
            assert_eq!((peer.frames, peer.broken), (expected.frames.len(), expected.broken));
        } else {
            let others = (0..CONNECTIONS).filter_map(|other| u16::try_from(other).ok());
            let held = others.filter(|other| *other != connection).any(|other| receiver.holds_room(other));
            assert!(held, "it waits for room that nobody has");
        }
    }
}

/// Offers the next bytes. Returns whether anything came of it.
fn offer(
    receiver: &mut Receiver<'_>,
    connection: u16,
    peer: &mut Peer,
    stream: &[u8],
    expected: &Expected<'_>,
    rng: &mut Rng,
) -> bool {
    let rest = &stream[peer.taken..];
    if rest.is_empty() || peer.broken {
        return false;
    }
    let len = 1 + usize::try_from(rng.below(64)).expect("it is below 64");
    let offered = &rest[..len.min(rest.len())];
    match receiver.take(connection, offered) {
        Ok(Received::Frame { frame, taken }) => {
            assert_eq!(frame, expected.frames[peer.frames]);
            if connection == 0 {
                header::check(frame);
            }
            peer.frames += 1;
            peer.taken += taken;
            receiver.reset(connection);
            assert!(taken <= offered.len() && !receiver.is_partial(connection));
            true
        }
        Ok(Received::Incomplete) => {
            peer.taken += offered.len();
            assert!(receiver.is_partial(connection));
            true
        }
        Ok(Received::NoRoom { taken }) => {
            assert!(taken < offered.len() || taken <= 4);
            peer.taken += taken;
            taken > 0
        }
        Err(_) => {
            assert!(expected.broken);
            peer.broken = true;
            receiver.reset(connection);
            true
        }
    }
}
