//! Encodings as bytes of their own.

use rocketlite_core::wire::command::{CommandHead, FrameEncoder};
use rocketlite_core::wire::cursor::Writer;

/// What `put` writes. It is written twice, once whole and once in small windows, which must agree.
///
/// # Panics
/// If they do not.
pub fn encoded(put: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let whole = whole(&put);
    let mut joined = Vec::new();
    while joined.len() < whole.len() {
        let mut window = [0u8; WINDOW];
        let mut writer = Writer::window(&mut window, joined.len());
        put(&mut writer);
        let filled = writer.filled();
        joined.extend_from_slice(&window[..filled]);
    }
    assert_eq!(joined, whole, "windows show another encoding");
    whole
}

/// What `put` writes, at once.
fn whole(put: &impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut counter = Writer::new(&mut []);
    put(&mut counter);
    let mut whole = vec![0; counter.position()];
    let mut writer = Writer::new(&mut whole);
    put(&mut writer);
    assert!(writer.is_complete(), "an encoding grew");
    whole
}

/// Not a multiple of any field's size.
const WINDOW: usize = 61;

/// One whole command.
pub fn command(head: CommandHead<'_>, fields: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    whole(&|writer: &mut Writer<'_>| {
        let mut frame = FrameEncoder::begin(writer, head);
        for (key, value) in fields {
            frame.fields().text(key, (*value).into());
        }
        let mut frame = frame.body();
        frame.writer().put(body);
        frame.finish();
    })
}
