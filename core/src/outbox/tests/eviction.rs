//! What happens when there is no more room.

use super::*;

#[test]
fn the_oldest_make_way_and_are_counted() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(4), WhenFull::DropOldest).await.unwrap();
        let mut newest = Vec::new();
        for number in 0..200 {
            push(&mut outbox, number).await.unwrap();
            let counters = outbox.counters();
            newest = numbers(&mut outbox).await;
            let first = number + 1 - counters.waiting;
            assert_eq!(newest, (first..=number).collect::<Vec<_>>(), "all but the oldest, in order");
            assert_eq!(counters.dropped, u64::from(first));
            // Never more than a page more than it must: at least three of the four pages stay filled.
            assert!(counters.dropped == 0 || counters.waiting >= 6, "{counters:?}");
        }
        assert_eq!(outbox.counters().pushed, 200);
        let mut outbox: TestBox = open(outbox.into_flash(), WhenFull::DropOldest).await.unwrap();
        assert_eq!(numbers(&mut outbox).await, newest);
    });
}

#[test]
fn what_is_there_stays_if_that_is_wanted() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(4), WhenFull::RefuseNewest).await.unwrap();
        let mut taken = Vec::new();
        for number in 0..40 {
            match push(&mut outbox, number).await {
                Ok(_) => taken.push(number),
                Err(error) => assert_eq!(error, PushError::Full),
            }
        }
        let counters = outbox.counters();
        assert_eq!((counters.pushed + counters.refused, counters.dropped), (40, 0));
        assert!(taken.len() >= 8 && taken.len() < 40, "{taken:?}");
        assert_eq!(numbers(&mut outbox).await, taken);
        // Room comes back by pages.
        let mut buffer = [0; 256];
        for _ in 0..4 {
            let ticket = outbox.peek(&mut buffer).await.unwrap().unwrap().ticket();
            assert!(outbox.remove(ticket, &mut buffer).await.unwrap());
            taken.remove(0);
        }
        push(&mut outbox, 40).await.unwrap();
        taken.push(40);
        assert_eq!(numbers(&mut outbox).await, taken);
        assert_eq!(outbox.counters().dropped, 0);
    });
}

#[test]
fn a_message_that_was_dropped_is_not_removed_a_second_time() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(2), WhenFull::DropOldest).await.unwrap();
        let first = push(&mut outbox, 0).await.unwrap();
        for number in 1..12 {
            push(&mut outbox, number).await.unwrap();
        }
        let before = numbers(&mut outbox).await;
        let mut buffer = [0; 256];
        assert!(!outbox.remove(first, &mut buffer).await.unwrap());
        assert_eq!(outbox.get(first, &mut buffer).await.unwrap().map(|unsent| unsent.ticket()), None);
        assert_eq!(numbers(&mut outbox).await, before);
    });
}

#[test]
fn all_pages_wear_alike() {
    block_on(async {
        let mut outbox: TestBox = open(Flash::new(4), WhenFull::RefuseNewest).await.unwrap();
        let mut buffer = [0; 256];
        for number in 0..400 {
            push(&mut outbox, number).await.unwrap();
            let ticket = outbox.peek(&mut buffer).await.unwrap().unwrap().ticket();
            assert!(outbox.remove(ticket, &mut buffer).await.unwrap());
        }
        let flash = outbox.into_flash();
        let (least, most) = (flash.erases.iter().min().unwrap(), flash.erases.iter().max().unwrap());
        assert!(most - least <= 1, "{:?}", flash.erases);
        // Two or three of them to a page.
        let total: u32 = flash.erases.iter().sum();
        assert!((400 / 3 - 4..=400 / 2).contains(&total), "{total}");
    });
}
