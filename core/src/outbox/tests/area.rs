//! Which part of which flash an outbox can be on.

use super::*;
use std::string::ToString;

fn refused<const WORD: usize, const PAGE: usize>(pages: usize, area: Range<u32>) -> Option<AreaError> {
    let flash = RamFlash::<WORD, PAGE>::new(pages);
    let mut buffer = [0; 256];
    match block_on(Outbox::<_, 8>::open(flash, area, WhenFull::DropOldest, &mut buffer)) {
        Ok(_) => None,
        Err(OutboxError::Area(error)) => Some(error),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "a mistake that is answered")]
fn mistakes_are_named() {
    assert_eq!(refused::<4, 256>(8, 512..1536), None);
    assert_eq!(refused::<4, 256>(8, 0..2048), None);
    assert_eq!(refused::<4, 256>(8, 8..1024), Some(AreaError::NotAligned { page: 256 }));
    assert_eq!(refused::<4, 256>(8, 0..1000), Some(AreaError::NotAligned { page: 256 }));
    assert_eq!(refused::<4, 256>(8, 0..256), Some(AreaError::TooFewPages));
    assert_eq!(refused::<4, 256>(8, 512..512), Some(AreaError::TooFewPages));
    assert_eq!(refused::<4, 256>(8, 512..0), Some(AreaError::TooFewPages));
    assert_eq!(refused::<4, 256>(8, 0..2304), Some(AreaError::OutsideFlash { capacity: 2048 }));
    assert_eq!(refused::<4, 256>(9, 0..2304), Some(AreaError::TooManyPages { limit: 8 }));
    assert_eq!(refused::<4, 16>(4, 0..64), Some(AreaError::Geometry));
    assert_eq!(refused::<64, 256>(4, 0..1024), Some(AreaError::Geometry));
    assert_eq!(refused::<32, 256>(4, 0..1024), None);
}

#[test]
fn mistakes_can_be_read() {
    let error = OutboxError::<FlashError>::Area(AreaError::NotAligned { page: 4096 });
    let text = "the outbox must begin and end at multiples of 4096 bytes, the pages of the flash";
    assert_eq!(error.to_string(), text);
    let error: PushError<'_, FlashError> = PushError::Outbox(OutboxError::BufferTooSmall { needed: 80 });
    assert_eq!(error.to_string(), "a record on the flash needs a buffer of 80 bytes");
    let error: PushError<'_, FlashError> = PushError::TooManyProperties { limit: 16 };
    assert_eq!(error.to_string(), "a message in an outbox can have 16 properties, its UNIQ_KEY counted");
}

#[test]
fn two_outboxes_share_a_flash() {
    block_on(async {
        let mut flash = Flash::new(8);
        let mut buffer = [0; 256];
        for (area, numbers) in [(0..1024, [1, 2]), (1024..2048, [3, 4])] {
            let mut outbox =
                Outbox::<_, 4>::open(&mut flash, area, WhenFull::DropOldest, &mut buffer).await.unwrap();
            for number in numbers {
                push(&mut outbox, number).await.unwrap();
            }
        }
        for (area, expected) in [(0..1024, [1, 2]), (1024..2048, [3, 4])] {
            let mut outbox =
                Outbox::<_, 4>::open(&mut flash, area, WhenFull::DropOldest, &mut buffer).await.unwrap();
            assert_eq!(numbers(&mut outbox).await, expected);
        }
    });
}
