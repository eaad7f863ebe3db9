//! Outboxes on a flash in memory.

mod area;
mod corruption;
mod eviction;
pub(crate) mod flash;
mod power_cuts;

use super::*;
use flash::{FlashError, RamFlash};
use std::string::String;
use std::vec::Vec;

/// A flash like a serial NOR chip, but with small pages.
type Flash = RamFlash<4, 256>;
type TestBox = Outbox<Flash, 8>;

fn id(number: u32) -> MessageId {
    MessageId::new("10.0.0.1".parse().unwrap(), 1, 2, number, 0)
}

/// A body that is the message's own, 1 to 60 bytes.
fn body(number: u32) -> Vec<u8> {
    let len = usize::try_from(number * 7 % 60).unwrap() + 1;
    number.to_be_bytes().into_iter().rev().cycle().take(len).collect()
}

async fn open<F: MultiwriteNorFlash, const PAGES: usize>(
    flash: F,
    when_full: WhenFull,
) -> Result<Outbox<F, PAGES>, OutboxError<F::Error>> {
    let area = 0..u32::try_from(flash.capacity()).unwrap();
    Outbox::open(flash, area, when_full, &mut [0; 256]).await
}

/// Pushes message `number`.
async fn push<F: MultiwriteNorFlash, const PAGES: usize>(
    outbox: &mut Outbox<F, PAGES>,
    number: u32,
) -> Result<Ticket, PushError<'static, F::Error>> {
    let body = body(number);
    let pushed = outbox.push(&Message::new("T", &body), &id(number), &mut [0; 256]).await;
    pushed.map_err(|error| match error {
        PushError::Outbox(error) => PushError::Outbox(error),
        PushError::Full => PushError::Full,
        error => panic!("{error:?}"),
    })
}

/// The numbers of all messages, oldest first; their content is compared.
async fn numbers<F: MultiwriteNorFlash, const PAGES: usize>(outbox: &mut Outbox<F, PAGES>) -> Vec<u32> {
    let mut buffer = [0; 256];
    let (mut last, mut numbers) = (None, Vec::new());
    let mut entries = outbox.queue.iter().await.unwrap();
    while let Some(entry) = entries.next(&mut buffer).await.unwrap() {
        let unsent = Unsent::decode(&entry).unwrap();
        let number = unsent.message_id().unwrap().since_month_start();
        assert_eq!((unsent.message().topic(), unsent.message().body()), ("T", &body(number)[..]));
        assert_eq!(unsent.message_id(), Some(id(number)));
        assert!(last.is_none_or(|last| unsent.ticket().is_after(last)));
        numbers.push(number);
        last = Some(unsent.ticket());
    }
    assert_eq!(outbox.counters().waiting, u32::try_from(numbers.len()).unwrap());
    numbers
}

#[test]
fn messages_leave_in_order_and_survive_restarts() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(4), WhenFull::RefuseNewest).await.unwrap();
        for number in 0..5 {
            push(&mut outbox, number).await.unwrap();
        }
        assert_eq!(numbers(&mut outbox).await, [0, 1, 2, 3, 4]);
        let mut outbox: TestBox = open(outbox.into_flash(), WhenFull::RefuseNewest).await.unwrap();
        assert_eq!(numbers(&mut outbox).await, [0, 1, 2, 3, 4]);
        let mut buffer = [0; 256];
        let oldest = outbox.peek(&mut buffer).await.unwrap().unwrap().ticket();
        let third = outbox.peek_but(&[oldest, oldest.next()], &mut buffer).await.unwrap().unwrap();
        assert_eq!(third.message_id(), Some(id(2)));
        let third = third.ticket();
        for ticket in [third, oldest] {
            assert_eq!(outbox.get(ticket, &mut buffer).await.unwrap().unwrap().ticket(), ticket);
            assert!(outbox.remove(ticket, &mut buffer).await.unwrap());
            assert!(!outbox.remove(ticket, &mut buffer).await.unwrap(), "removed once");
            assert!(outbox.get(ticket, &mut buffer).await.unwrap().is_none());
        }
        assert_eq!(numbers(&mut outbox).await, [1, 3, 4]);
        let next = push(&mut outbox, 5).await.unwrap();
        assert!(!outbox.remove(next.next(), &mut buffer).await.unwrap(), "never pushed");
        let mut outbox: TestBox = open(outbox.into_flash(), WhenFull::RefuseNewest).await.unwrap();
        assert_eq!(numbers(&mut outbox).await, [1, 3, 4, 5]);
        assert!(push(&mut outbox, 6).await.unwrap().is_after(next));
    });
}

#[test]
fn an_own_key_is_kept() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(2), WhenFull::RefuseNewest).await.unwrap();
        let own = [(UNIQ_KEY, "0A00000100020000000300000004ABCD")];
        let mut buffer = [0; 256];
        outbox.push(&Message::new("T", b"b").with_properties(&own), &id(1), &mut buffer).await.unwrap();
        let unsent = outbox.peek(&mut buffer).await.unwrap().unwrap();
        assert_eq!(unsent.message().property(UNIQ_KEY), Some(own[0].1));
    });
}

#[test]
fn what_nobody_would_send_is_not_taken() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(2), WhenFull::RefuseNewest).await.unwrap();
        let mut buffer = [0; 300];
        let mut texts = Vec::<String>::new();
        for (message, properties) in [
            (Message::new("", b"b"), [("a", "b")]),
            (Message::new("T", b""), [("a", "b")]),
            (Message::new("T", b"b"), [("a", "\u{1}")]),
            (Message::new("T", b"b"), [(UNIQ_KEY, "mine")]),
        ] {
            let message = message.with_properties(&properties);
            let error = outbox.push(&message, &id(1), &mut buffer).await.unwrap_err();
            assert!(matches!(error, PushError::Illegal(_)), "{error:?}");
            texts.push(std::format!("{error}"));
        }
        assert_eq!(texts[..2], ["The specified topic is blank", "the message body length is zero"]);
        let long = [b'x'; 256];
        let error = outbox.push(&Message::new("T", &long[..230]), &id(1), &mut buffer).await.unwrap_err();
        assert_eq!(error, PushError::TooLarge { limit: 232 });
        assert_eq!(outbox.max_record(), 232);
        let error = outbox.push(&Message::new("T", &long), &id(1), &mut buffer).await.unwrap_err();
        assert_eq!(error, PushError::TooLarge { limit: 300 });
        assert_eq!(outbox.counters(), Counters::default());
    });
}

#[test]
fn its_memory_is_what_it_says() {
    fn state<const PAGES: usize>() -> usize {
        Outbox::<Flash, PAGES>::STATE_BYTES
    }
    for (pages, bytes) in [(2, state::<2>()), (16, state::<16>()), (64, state::<64>())] {
        assert!((9 * pages..=9 * pages + 80).contains(&bytes), "{pages} pages: {bytes} bytes");
    }
    let mut outbox: TestBox = block_on(open(Flash::new(2), WhenFull::DropOldest)).unwrap();
    let (message, mut buffer) = (Message::new("T", b"b"), [0; 256]);
    let (id, ticket) = (id(1), Ticket::FIRST);
    // Futures and a message, mostly pairs of texts: twice what they are on a 32-bit machine.
    assert!(size_of_val(&outbox.push(&message, &id, &mut buffer)) <= 1024);
    assert!(size_of_val(&outbox.peek(&mut buffer)) <= 768);
    assert!(size_of_val(&outbox.remove(ticket, &mut buffer)) <= 768);
    assert!(size_of::<Unsent<'_>>() <= 768);
}
