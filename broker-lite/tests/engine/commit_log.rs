//! The ring of records against a model that keeps everything.

use core::net::SocketAddr;
use std::collections::VecDeque;

use rocketlite_broker::{AppendError, CommitLog, ReadError, WhenFull};
use rocketlite_core::Rng;
use rocketlite_core::message::stored::{FIXED_BYTES, StoredMessage};

fn message(body: &[u8]) -> StoredMessage<'_> {
    let host: SocketAddr = "10.0.0.1:1".parse().unwrap();
    StoredMessage {
        queue_id: 0,
        flag: 0,
        queue_offset: 0,
        physical_offset: -1,
        sys_flag: 0,
        born_timestamp: 0,
        born_host: host,
        store_timestamp: 0,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body_crc: 0,
        body,
        topic: "T",
        properties: b"",
    }
}

/// The body of a record of `size` bytes.
fn sized(size: usize, mark: u8) -> Vec<u8> {
    vec![mark; size - FIXED_BYTES - 1]
}

fn append(log: &mut CommitLog<'_>, size: usize, mark: u8) -> Result<u64, AppendError> {
    log.append(&message(&sized(size, mark)), &mut |_, _| {})
}

#[test]
fn laps_without_end_agree_with_a_model() {
    for (capacity, seed) in [(1000, 1), (1024, 2), (517, 3), (92, 4), (4096, 5)] {
        let mut memory = vec![0xff; capacity];
        let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
        let mut rng = Rng::new(seed);
        // What is stored: offset, size, mark. The next place to write.
        let (mut model, mut end): (VecDeque<(u64, usize, u8)>, u64) = Default::default();
        for round in 0..5000u32 {
            let mark = round.to_le_bytes()[0];
            let largest = u32::try_from(capacity.min(400)).unwrap();
            let size = 92 + rng.below(largest - 91) as usize;
            let left = capacity - usize::try_from(end % capacity as u64).unwrap();
            let start = if size <= left { end } else { end + left as u64 };
            end = start + size as u64;
            let mut gone = Vec::new();
            while model.front().is_some_and(|(offset, ..)| offset + (capacity as u64) < end) {
                gone.push(model.pop_front().unwrap());
            }
            model.push_back((start, size, mark));
            let mut evicted = Vec::new();
            let body = sized(size, mark);
            let offset = log.append(&message(&body), &mut |message, size| {
                evicted.push((
                    message.physical_offset.cast_unsigned(),
                    size,
                    message.body.first().copied().unwrap_or(0),
                ));
            });
            assert_eq!(offset, Ok(start));
            assert_eq!(
                evicted.iter().map(|(at, size, _)| (*at, *size)).collect::<Vec<_>>(),
                gone.iter().map(|(at, size, _)| (*at, *size)).collect::<Vec<_>>()
            );
            assert_eq!((log.min_offset(), log.max_offset()), (model[0].0, end));
            let stored: Vec<u64> =
                log.records().map(|record| record.physical_offset.cast_unsigned()).collect();
            assert_eq!(stored, model.iter().map(|(offset, ..)| *offset).collect::<Vec<_>>());
            for (offset, size, mark) in &model {
                let (record, len) = log.read(*offset).unwrap();
                assert_eq!(len, *size);
                assert!(record.body.iter().all(|byte| byte == mark));
            }
        }
    }
}

/// A record of the model: its size, what its body is full of, and why it has to stay.
type Kept = (usize, u8, Option<Stays>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Long,
    /// Until it is copied.
    AsSource,
}

/// Makes room for `size` bytes: what has to stay becomes the newest.
fn make_room(log: &mut CommitLog<'_>, model: &mut VecDeque<Kept>, size: usize) {
    while log.lacks_room(size) {
        let oldest = model.pop_front().unwrap();
        if oldest.2.is_some() {
            let at = log.requeue_oldest().unwrap();
            assert_eq!(log.read(at).unwrap().0.body, sized(oldest.0, oldest.1));
            model.push_back(oldest);
        } else {
            assert!(log.evict_oldest(&mut |record, _| assert_eq!(record.body.first(), Some(&oldest.1))));
        }
    }
}

#[test]
fn what_has_to_stay_moves_on_in_front_of_what_is_new() {
    for (capacity, seed) in [(1024, 1), (1021, 2), (1600, 3), (3000, 4)] {
        let mut memory = vec![0xff; capacity];
        let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
        let mut rng = Rng::new(seed);
        let mut model = VecDeque::<Kept>::new();
        for round in 0..3000u32 {
            let mark = round.to_le_bytes()[0];
            if let Some(some) =
                model.iter_mut().find(|record| record.2.is_some()).filter(|_| rng.below(3) == 0)
            {
                some.2 = None;
            }
            let stays: usize = model.iter().filter(|record| record.2.is_some()).map(|record| record.0).sum();
            let size = 93 + rng.below(200) as usize;
            let source = (!model.is_empty() && rng.below(3) == 0)
                .then(|| rng.below(u32::try_from(model.len()).unwrap()) as usize)
                .filter(|at| model[*at].2.is_none() && stays + 2 * model[*at].0 <= capacity);
            if let Some(at) = source {
                let (size, body_mark, _) = model[at];
                model[at].2 = Some(Stays::AsSource);
                make_room(&mut log, &mut model, size);
                let at = model.iter().position(|record| record.2 == Some(Stays::AsSource)).unwrap();
                model[at].2 = None;
                let offset = log.records().nth(at).unwrap().physical_offset.cast_unsigned();
                log.reserve(size, &mut |_, _| panic!("there is room")).unwrap();
                let at = log.push_with_body_of(&message(b""), offset).unwrap();
                assert_eq!(log.read(at).unwrap().0.body, sized(size, body_mark));
                model.push_back((size, body_mark, None));
            } else {
                make_room(&mut log, &mut model, size);
                log.append(&message(&sized(size, mark)), &mut |_, _| panic!("there is room")).unwrap();
                let stays = rng.below(4) == 0 && stays + size <= capacity / 3;
                model.push_back((size, mark, stays.then_some(Stays::Long)));
            }
            let stored = log.records().map(|record| record.body.to_vec());
            assert!(stored.eq(model.iter().map(|(size, mark, _)| sized(*size, *mark))));
        }
    }
}

#[test]
fn a_log_full_of_one_record_moves_it_onto_itself() {
    for rest in [0, 3, 50, 100] {
        let mut memory = vec![0; 300 + rest];
        let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
        assert_eq!(log.requeue_oldest(), None);
        append(&mut log, 300, 7).unwrap();
        for _ in 0..20 {
            let at = log.requeue_oldest().unwrap();
            assert_eq!((log.min_offset(), log.max_offset()), (at, at + 300));
            assert_eq!(log.oldest().unwrap().0.body, sized(300, 7));
        }
        assert_eq!(log.push_with_body_of(&message(b""), log.min_offset()), Err(AppendError::Full));
        assert_eq!(log.push_with_body_of(&message(b""), log.max_offset()), Err(AppendError::NoSource));
    }
}

#[test]
fn a_record_may_fill_a_lap_or_leave_less_than_a_marker() {
    for left in [0, 1, 7, 8, 9, 91] {
        let mut memory = vec![0; 400];
        let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
        assert_eq!(append(&mut log, 150, 1), Ok(0));
        assert_eq!(append(&mut log, 250 - left, 2), Ok(150));
        assert_eq!(log.max_offset(), 400 - left as u64);
        assert_eq!(append(&mut log, 100, 3), Ok(400), "{left} bytes are left");
        let offsets: Vec<i64> = log.records().map(|record| record.physical_offset).collect();
        assert_eq!(offsets, [150, 400]);
        assert_eq!(append(&mut log, 200, 4), Ok(500));
        assert_eq!(log.min_offset(), 400, "the beginning passes what the lap has left");
        assert_eq!(append(&mut log, 400, 5), Ok(800), "a record may be the whole log");
        assert_eq!((log.min_offset(), log.records().count()), (800, 1));
        assert_eq!(append(&mut log, 401, 6), Err(AppendError::TooLarge { capacity: 400 }));
        assert_eq!(append(&mut log, 92, 7), Ok(1200));
        assert_eq!((log.min_offset(), log.max_offset()), (1200, 1292));
    }
}

#[test]
fn what_is_no_record_is_refused() {
    let mut memory = vec![0; 400];
    let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
    assert_eq!(log.read(0).unwrap_err(), ReadError::TooLarge { max_offset: 0 });
    for _ in 0..5 {
        append(&mut log, 150, 0).unwrap();
    }
    // The fifth stands at 800; the fourth, at 550, is older than one lap.
    assert_eq!((log.min_offset(), log.max_offset()), (550, 950));
    assert_eq!(log.read(549).unwrap_err(), ReadError::TooSmall { min_offset: 550 });
    assert_eq!(log.read(950).unwrap_err(), ReadError::TooLarge { max_offset: 950 });
    assert_eq!(log.read(u64::MAX).unwrap_err(), ReadError::TooLarge { max_offset: 950 });
    for offset in 551..950 {
        assert_eq!(log.read(offset).is_ok(), offset == 800, "{offset}");
    }
    assert_eq!(log.records_from(0).count(), 2);
    assert_eq!(log.records_from(551).count(), 0);
}

#[test]
fn what_is_new_is_read_from_where_the_newest_ended_whatever_the_lap_has_left() {
    for rest in [0, 3, 8, 100] {
        let mut memory = vec![0; 400 + rest];
        let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
        for _ in 0..2 {
            append(&mut log, 200, 0).unwrap();
        }
        let seen = log.max_offset();
        assert_eq!(log.records_from(seen).count(), 0);
        append(&mut log, 200, 0).unwrap();
        assert_eq!(log.records_from(seen).count(), 1, "{rest} bytes are left");
    }
}

#[test]
fn a_log_that_refuses_keeps_everything() {
    let mut memory = vec![0; 400];
    let mut log = CommitLog::new(&mut memory, WhenFull::Refuse);
    append(&mut log, 150, 1).unwrap();
    append(&mut log, 150, 2).unwrap();
    assert_eq!(append(&mut log, 101, 3), Err(AppendError::Full));
    assert_eq!(append(&mut log, 100, 3), Ok(300));
    assert_eq!(append(&mut log, 92, 4), Err(AppendError::Full));
    assert_eq!((log.min_offset(), log.records().count()), (0, 3));
    let mut memory = vec![0; 400];
    let mut log = CommitLog::new(&mut memory, WhenFull::Refuse);
    assert_eq!(log.reserve(401, &mut |_, _| {}), Err(AppendError::TooLarge { capacity: 400 }));
    assert_eq!(log.push(&message(&sized(401, 0))), Err(AppendError::Full), "nothing was reserved");
}

#[test]
fn fields_without_room_are_refused() {
    let mut memory = vec![0; 100_000];
    let mut log = CommitLog::new(&mut memory, WhenFull::Evict);
    let properties = vec![b'p'; 32_768];
    let record = StoredMessage { properties: &properties, ..message(b"b") };
    let error = log.append(&record, &mut |_, _| {}).unwrap_err();
    assert_eq!(error.to_string(), "properties is longer than 32767 bytes");
    assert_eq!(log.records().count(), 0);
}
