//! Flash that holds what no outbox has written.

use super::*;
use crate::Rng;

/// Uses whatever opens; errors are fine, panics and endless loops are not.
async fn use_it(flash: &mut Flash, when_full: WhenFull) -> Result<(), OutboxError<FlashError>> {
    let mut outbox: Outbox<&mut Flash, 8> = open(flash, when_full).await?;
    let mut buffer = [0; 256];
    for number in 0..12 {
        match push(&mut outbox, number).await {
            Ok(_) | Err(PushError::Full) => {}
            Err(PushError::Outbox(error)) => return Err(error),
            Err(error) => panic!("{error:?}"),
        }
    }
    while let Some(unsent) = outbox.peek(&mut buffer).await? {
        let ticket = unsent.ticket();
        outbox.remove(ticket, &mut buffer).await?;
    }
    Ok(())
}

/// After an erase it works, whatever was there.
async fn begins_anew(flash: &mut Flash) {
    let area = flash.area();
    erase(flash, area).await.unwrap();
    use_it(flash, WhenFull::DropOldest).await.unwrap();
}

#[test]
fn noise_is_survived() {
    block_on(async {
        let mut chance = Rng::new(11);
        let mut usable = 0;
        for round in 0..300u32 {
            let mut flash = Flash::new(4);
            let zeros = chance.below(256).to_be_bytes()[3];
            for byte in &mut flash.bytes {
                let [noise, mask, ..] = chance.next_u64().to_be_bytes();
                // From all but erased to all but zero.
                *byte = if round % 2 == 0 { noise } else { 0xff ^ (mask & zeros) };
            }
            let when_full = if round % 3 == 0 { WhenFull::RefuseNewest } else { WhenFull::DropOldest };
            usable += u32::from(use_it(&mut flash, when_full).await.is_ok());
            begins_anew(&mut flash).await;
        }
        assert!(usable > 0);
    });
}

#[test]
fn messages_outlive_what_befalls_others() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(4), WhenFull::RefuseNewest).await.unwrap();
        for number in 0..8 {
            push(&mut outbox, number).await.unwrap();
        }
        let sound = outbox.into_flash();
        let mut chance = Rng::new(12);
        let mut missing = 0;
        for _ in 0..500 {
            let mut flash = sound.clone();
            let at = usize::try_from(chance.below(1024)).unwrap();
            let mask = 1u8 << chance.below(8);
            // Within a record, so that marks and lengths stay.
            let page = at % 256;
            if !(16..60).contains(&page) || flash.bytes[at] == 0xff {
                continue;
            }
            flash.bytes[at] ^= mask;
            let mut outbox: TestBox = open(flash, WhenFull::RefuseNewest).await.unwrap();
            let found = numbers(&mut outbox).await;
            assert!(found.len() >= 7 && found.is_sorted(), "{found:?}");
            missing += 8 - found.len();
        }
        assert!(missing > 0, "a record with a wrong bit is not delivered");
    });
}

#[test]
fn any_byte_may_be_wrong() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(3), WhenFull::RefuseNewest).await.unwrap();
        for number in 0..6 {
            push(&mut outbox, number).await.unwrap();
        }
        let sound = outbox.into_flash();
        for at in 0..sound.bytes.len() {
            for wrong in [0, 0xff, sound.bytes[at] ^ 0x5a] {
                let mut flash = sound.clone();
                flash.bytes[at] = wrong;
                // An error is an answer too.
                let _ended = use_it(&mut flash, WhenFull::DropOldest).await;
            }
        }
    });
}

#[test]
fn records_of_others_are_removed_and_counted() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(3), WhenFull::RefuseNewest).await.unwrap();
        push(&mut outbox, 0).await.unwrap();
        outbox.queue.push(&[9, 9, 9], false).await.unwrap();
        push(&mut outbox, 1).await.unwrap();
        let mut outbox: TestBox = open(outbox.into_flash(), WhenFull::RefuseNewest).await.unwrap();
        assert_eq!(outbox.counters().unreadable, 1);
        assert_eq!(numbers(&mut outbox).await, [0, 1]);
        let mut outbox: TestBox = open(outbox.into_flash(), WhenFull::RefuseNewest).await.unwrap();
        assert_eq!(outbox.counters().unreadable, 0);
        assert_eq!(numbers(&mut outbox).await, [0, 1]);
    });
}

#[test]
fn a_buffer_that_is_too_small_is_told_of_and_harms_nothing() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(3), WhenFull::RefuseNewest).await.unwrap();
        push(&mut outbox, 3).await.unwrap();
        let mut small = [0; 32];
        let error = outbox.peek(&mut small).await.unwrap_err();
        let OutboxError::BufferTooSmall { needed } = error else { panic!("{error:?}") };
        assert_eq!(needed, 80);
        let mut flash = outbox.into_flash();
        for len in [0, 1, 32] {
            let area = flash.area();
            let mut buffer = std::vec![0; len];
            let opened =
                Outbox::<_, 8>::open(&mut flash, area, WhenFull::RefuseNewest, &mut buffer).await.map(drop);
            assert!(matches!(opened, Err(OutboxError::BufferTooSmall { .. })), "{opened:?}");
        }
        let mut outbox: TestBox = open(flash, WhenFull::RefuseNewest).await.unwrap();
        assert_eq!(numbers(&mut outbox).await, [3]);
    });
}
