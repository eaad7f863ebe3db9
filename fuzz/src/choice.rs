//! What the operations of producers and brokers make of the numbers of an input.

use rocketlite_core::wire::code::LanguageCode;
use rocketlite_core::wire::command::CommandHead;
use rocketlite_core::wire::fields::SerializeType;

/// One of `all` for any number.
pub(crate) fn pick<T: Copy, const N: usize>(all: &[T; N], choice: u8) -> T {
    all[usize::from(choice) % N]
}

/// The head of a command in JSON, from a peer that writes Java.
pub(crate) const fn head(code: i32, opaque: i32, flag: i32) -> CommandHead<'static> {
    CommandHead {
        serialize_type: SerializeType::Json,
        code,
        language: LanguageCode::JAVA,
        version: 477,
        opaque,
        flag,
        remark: None,
    }
}
