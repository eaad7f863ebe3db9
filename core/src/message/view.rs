//! A message that is being sent, as hooks and selectors see it.

use super::properties::Properties;

/// A message, or batch, in the memory of a producer, as its brokers will get it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MessageView<'m> {
    /// The topic, without the producer's namespace.
    pub topic: &'m str,
    /// The flag that the application has set.
    pub flag: i32,
    /// What is said of it to the broker, see [`sys_flag`](super::sys_flag).
    pub sys_flag: i32,
    /// All properties, `UNIQ_KEY`, `TAGS` and `KEYS` among them.
    pub properties: Properties<'m>,
    /// The body: compressed if `sys_flag` says so, several messages if it is that of a batch.
    pub body: &'m [u8],
}
