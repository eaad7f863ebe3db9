//! The file itself.

use rocketlite::outbox::{OpenError, OutboxError, WhenFull};
use rocketlite::{Message, Outbox};

use super::TempFile;

const CAPACITY: u64 = 128 << 10;

async fn refused(file: &TempFile, capacity: u64) -> OpenError {
    let before = std::fs::read(file).unwrap_or_default();
    let error = Outbox::open(file, capacity).await.map(drop).unwrap_err();
    assert_eq!(std::fs::read(file).unwrap_or_default(), before, "it is left as it is");
    error
}

#[tokio::test]
async fn a_file_has_one_outbox_at_a_time() {
    let file = TempFile::new("lock");
    let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
    let error = refused(&file, CAPACITY).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().ends_with("is in use by another outbox"));
    drop(outbox);
    Outbox::open(&file, CAPACITY).await.unwrap();
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let file = TempFile::new("foreign");
    for content in [&b"x"[..], &[b'#'; 10_000], &[0; 10_000]] {
        std::fs::write(&file, content).unwrap();
        let error = refused(&file, CAPACITY).await;
        assert!(error.to_string().ends_with("is not the file of an outbox"), "{error}");
    }
    let error = Outbox::open(std::env::temp_dir(), CAPACITY).await.unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
}

#[tokio::test]
async fn a_file_keeps_its_size() {
    let file = TempFile::new("size");
    drop(Outbox::open(&file, CAPACITY - 1).await.unwrap());
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 4096 + CAPACITY);
    let error = refused(&file, 2 * CAPACITY).await;
    assert!(error.to_string().ends_with("was made with a capacity of 131072 bytes"), "{error}");
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(CAPACITY).unwrap();
    let error = refused(&file, CAPACITY).await;
    assert!(error.to_string().ends_with("should have 135168 bytes and has 131072"), "{error}");
    for bytes in [0, (128 << 10) - 65_537, (256 << 20) + 1, u64::MAX] {
        let error = refused(&file, bytes).await;
        let text = format!("a capacity of {bytes} bytes is not within 131072 and 268435456");
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_file_that_was_never_finished_is_made_anew() {
    let file = TempFile::new("unfinished");
    drop(Outbox::open(&file, CAPACITY).await.unwrap());
    let whole = std::fs::read(&file).unwrap();
    // Cut at any point of its making: empty, header only, some pages; the mark behind the header is the last to be written.
    let mut cut = whole.clone();
    cut[28] = !cut[28];
    for len in [0, 29, 4096, 70_000, whole.len()] {
        std::fs::write(&file, &cut[..len]).unwrap();
        let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
        outbox.push(&Message::new("T", b"works")).await.unwrap();
        drop(outbox);
    }
    std::fs::write(&file, [0; 4096]).unwrap();
    drop(Outbox::open(&file, CAPACITY).await.unwrap());
    assert_eq!(std::fs::read(&file).unwrap(), whole);
    let mut other = whole;
    other[8] = 2;
    let sum = crc32fast::hash(&other[..24]).to_le_bytes();
    other[24..28].copy_from_slice(&sum);
    std::fs::write(&file, &other).unwrap();
    let error = refused(&file, CAPACITY).await;
    assert!(error.to_string().contains("is an outbox of version 2"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let file = TempFile::new("refusals");
    let outbox = Outbox::builder(&file).capacity(CAPACITY).when_full(WhenFull::RefuseNewest).sync(false);
    let outbox = outbox.open().await.unwrap();
    let body = vec![b'x'; 65_512];
    let error = outbox.push(&Message::new("T", &body)).await.unwrap_err();
    assert!(matches!(error, OutboxError::TooLarge { limit: 65_512 }), "{error:?}");
    let error = outbox.push(&Message::new("no topic", b"b")).await.unwrap_err();
    assert!(matches!(error, OutboxError::Illegal { .. }), "{error:?}");
    let properties = [("name", "value"); 16];
    let error = outbox.push(&Message::new("T", b"b").with_properties(&properties)).await.unwrap_err();
    assert!(matches!(error, OutboxError::TooManyProperties { limit: 16 }), "{error:?}");
    for _ in 0..2 {
        outbox.push(&Message::new("T", &body[..60_000])).await.unwrap();
    }
    let error = outbox.push(&Message::new("T", &body[..60_000])).await.unwrap_err();
    assert!(matches!(error, OutboxError::Full), "{error:?}");
    let counters = outbox.counters().await;
    assert_eq!((counters.waiting, counters.pushed, counters.refused), (2, 2, 1));
}

#[tokio::test]
async fn a_page_of_the_oldest_makes_way() {
    let file = TempFile::new("evict");
    let outbox = Outbox::builder(&file).capacity(CAPACITY).sync(false).open().await.unwrap();
    for _ in 0..100 {
        outbox.push(&Message::new("T", &[b'x'; 6_000])).await.unwrap();
    }
    let counters = outbox.counters().await;
    assert_eq!(u64::from(counters.waiting) + counters.dropped, 100);
    assert!((10..=20).contains(&counters.waiting), "{counters:?}");
    drop(outbox);
    let outbox = Outbox::open(&file, CAPACITY).await.unwrap();
    assert_eq!(outbox.counters().await.waiting, counters.waiting);
}
