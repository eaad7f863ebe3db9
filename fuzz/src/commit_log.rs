//! The commit log over memory of any content, against a list of everything that was stored.

use core::net::{Ipv4Addr, SocketAddr};
use std::collections::VecDeque;

use arbitrary::{Arbitrary, Unstructured};
use rocketlite_broker::{AppendError, CommitLog, ReadError, WhenFull};
use rocketlite_core::message::stored::{FIXED_BYTES, StoredMessage};
use rocketlite_tests::encode::encoded;

const LARGEST: usize = 1_024;

#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    Append(Content<'a>),
    /// Several records that stay next to each other, all or none.
    AppendAll(u8, Content<'a>),
    /// A body that looks like the record that will stand where it stands.
    AppendForged(u8),
    Read(u16),
    From(u16),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
struct Content<'a> {
    /// Bytes beside those that are given, so that long records need no long inputs.
    padding: u8,
    body: &'a [u8],
    properties: &'a [u8],
}

struct Record {
    offset: u64,
    body: Vec<u8>,
    properties: Vec<u8>,
}

impl Record {
    const fn len(&self) -> usize {
        FIXED_BYTES + self.body.len() + 1 + self.properties.len()
    }

    fn end(&self) -> u64 {
        self.offset + to_u64(self.len())
    }

    fn message(&self) -> StoredMessage<'_> {
        StoredMessage { body: &self.body, properties: &self.properties, ..EMPTY }
    }
}

const HOST: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
const EMPTY: StoredMessage<'_> = StoredMessage {
    queue_id: 1,
    flag: 2,
    queue_offset: 3,
    physical_offset: 0,
    sys_flag: 0,
    born_timestamp: 4,
    born_host: HOST,
    store_timestamp: 5,
    store_host: HOST,
    reconsume_times: 6,
    prepared_transaction_offset: 7,
    body_crc: 8,
    body: b"",
    topic: "T",
    properties: b"",
};

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).expect("lengths are small")
}

/// The log and what should be in it.
struct Pair<'m> {
    log: CommitLog<'m>,
    when_full: WhenFull,
    stored: VecDeque<Record>,
    end: u64,
}

pub(crate) fn check(input: &[u8]) {
    // An input that ends early is a short list.
    let _ = list(&mut Unstructured::new(input));
}

fn list(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let capacity = usize::from(input.arbitrary::<u16>()?) % LARGEST;
    let when_full = if input.arbitrary()? { WhenFull::Evict } else { WhenFull::Refuse };
    // What was there before must not matter.
    let old = input.peek_bytes(input.len().min(64)).filter(|old| !old.is_empty()).unwrap_or(&[0]);
    let mut memory = [0; LARGEST];
    memory.iter_mut().zip(old.iter().cycle()).for_each(|(to, from)| *to = *from);
    let log = CommitLog::new(&mut memory[..capacity], when_full);
    let mut pair = Pair { log, when_full, stored: VecDeque::new(), end: 0 };
    while !input.is_empty() {
        let operation: Operation<'_> = input.arbitrary()?;
        crate::show(&operation);
        pair.operate(&operation);
        pair.check();
    }
    Ok(())
}

impl Pair<'_> {
    fn operate(&mut self, operation: &Operation<'_>) {
        match *operation {
            Operation::Append(content) => self.append(vec![record(content)]),
            Operation::AppendAll(count, content) => {
                self.append((0..count % 4).map(|_| record(content)).collect());
            }
            Operation::AppendForged(ahead) => {
                let offset = i64::try_from(self.end).expect("it is small") + i64::from(ahead);
                let forged = StoredMessage { physical_offset: offset, body: b"forged", ..EMPTY };
                let body = encoded(|writer| forged.encode(writer).expect("it is short"));
                self.append(vec![Record { offset: 0, body, properties: Vec::new() }]);
            }
            Operation::Read(offset) => self.read(offset.into()),
            Operation::From(offset) => self.from(offset.into()),
        }
    }

    fn append(&mut self, mut records: Vec<Record>) {
        let len: usize = records.iter().map(Record::len).sum();
        let (capacity, before) = (self.log.capacity(), self.log.min_offset());
        let mut evicted = Vec::new();
        let reserved = self.log.reserve(len, &mut |message, size| {
            evicted.push((message.physical_offset.cast_unsigned(), size, message.body.to_vec()));
        });
        if len > capacity {
            assert_eq!((reserved, evicted.len()), (Err(AppendError::TooLarge { capacity }), 0));
            return;
        }
        let (start, keep) = self.place(len);
        let full = self.when_full == WhenFull::Refuse && self.stored.front().is_some_and(|r| r.offset < keep);
        if full {
            assert_eq!((reserved, evicted.len()), (Err(AppendError::Full), 0));
            assert_eq!(self.log.min_offset(), before);
            return;
        }
        assert_eq!(reserved, Ok(start));
        for (offset, size, body) in evicted {
            let oldest = self.stored.pop_front().expect("what is evicted was there");
            assert_eq!((offset, size, body), (oldest.offset, oldest.len(), oldest.body));
        }
        assert!(self.stored.front().is_none_or(|oldest| oldest.offset >= keep), "too little was evicted");
        self.end = start;
        for record in &mut records {
            record.offset = self.end;
            assert_eq!(self.log.push(&record.message()), Ok(self.end));
            self.end = record.end();
        }
        self.stored.extend(records);
        if capacity > 0 && self.end > to_u64(capacity) {
            assert_eq!(self.log.push(&self.too_large()), Err(AppendError::Full), "nothing was reserved");
        }
    }

    /// A record that fits nowhere.
    fn too_large(&self) -> StoredMessage<'static> {
        const BODY: &[u8] = &[0; LARGEST];
        assert!(self.log.capacity() < BODY.len());
        StoredMessage { body: BODY, ..EMPTY }
    }

    /// Where the next `len` bytes stand, and where the oldest bytes that stay are.
    fn place(&self, len: usize) -> (u64, u64) {
        let capacity = to_u64(self.log.capacity());
        let left = if capacity == 0 { 0 } else { capacity - self.end % capacity };
        let start = if to_u64(len) <= left { self.end } else { self.end + left };
        (start, (start + to_u64(len)).saturating_sub(capacity))
    }

    fn read(&self, offset: u64) {
        let read = self.log.read(offset);
        if let Some(record) = self.stored.iter().find(|record| record.offset == offset) {
            let physical_offset = offset.cast_signed();
            assert_eq!(read, Ok((StoredMessage { physical_offset, ..record.message() }, record.len())));
            return;
        }
        let (min_offset, max_offset) = (self.log.min_offset(), self.log.max_offset());
        match read {
            // A body may look like a record, even like one that stands where it stands. It is a message's own bytes.
            Ok((message, size)) => {
                assert_eq!(message.physical_offset.cast_unsigned(), offset);
                let holds = |record: &Record| record.offset < offset && offset + to_u64(size) <= record.end();
                assert!(self.stored.iter().any(holds), "it is no part of any message");
            }
            Err(ReadError::TooSmall { min_offset: min }) => assert!(offset < min && min == min_offset),
            Err(ReadError::TooLarge { max_offset: max }) => assert!(offset >= max && max == max_offset),
            Err(error) => assert_eq!(error, ReadError::NoRecord),
        }
    }

    fn from(&self, offset: u64) {
        let is_place = offset == self.end || self.stored.iter().any(|record| record.offset == offset);
        if !is_place && offset >= self.log.min_offset() {
            return;
        }
        let offsets = self.log.records_from(offset).map(|record| record.physical_offset.cast_unsigned());
        assert!(offsets.eq(self.stored.iter().map(|record| record.offset).filter(|at| *at >= offset)));
    }

    fn check(&self) {
        let oldest = self.stored.front().map_or(self.end, |record| record.offset);
        assert_eq!((self.log.min_offset(), self.log.max_offset()), (oldest, self.end));
        assert!(self.end - oldest <= to_u64(self.log.capacity()));
        let records = self.log.records().map(|record| (record.physical_offset.cast_unsigned(), record.body));
        assert!(records.eq(self.stored.iter().map(|record| (record.offset, &record.body[..]))));
    }
}

fn record(content: Content<'_>) -> Record {
    let mut body = content.body.to_vec();
    body.resize(body.len() + usize::from(content.padding), b'p');
    Record { offset: 0, body, properties: content.properties.to_vec() }
}
