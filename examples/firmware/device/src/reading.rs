//! What the device measures, and what it says of a reading that was stored.

use core::fmt::Write as _;

use heapless::String;
use rocketlite_core::send::outcome::SendResult;
use semihosting::eprintln;

/// A room that warms up and cools down: the same number gives the same reading.
pub fn measure(number: u32) -> String<64> {
    let hundredths = 2_000 + 150 * (number % 8).abs_diff(4);
    let mut text = String::new();
    // It is shorter than 64 bytes whatever the numbers are.
    let _written = write!(text, "reading={number} temperature={}.{:02}", hundredths / 100, hundredths % 100);
    text
}

/// Prints where a reading was stored.
pub fn stored(number: u32, result: &SendResult) {
    let SendResult { message_id, offset_message_id, broker_name, attempts, .. } = result;
    let body = measure(number);
    let mut id = String::<64>::new();
    if let Some(offset_message_id) = offset_message_id {
        let _written = write!(id, "{offset_message_id}");
    }
    eprintln!(
        r#"{{"reading":{number},"body":"{body}","msgId":"{message_id}","offsetMsgId":"{id}","broker":"{broker_name}","attempts":{attempts}}}"#
    );
}
