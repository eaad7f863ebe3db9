//! Bodies in JSON as the reference prints them: compact, member by member, straight into the writer.

use rocketlite_core::wire::Text;
use rocketlite_core::wire::cursor::Writer;

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Object<'w, 'b> {
    writer: &'w mut Writer<'b>,
    is_empty: bool,
}

impl<'w, 'b> Object<'w, 'b> {
    pub(crate) fn begin(writer: &'w mut Writer<'b>) -> Self {
        writer.put_u8(b'{');
        Self { writer, is_empty: true }
    }

    /// Begins a member; its value is to be written.
    pub(crate) fn member(&mut self, key: &str) -> &mut Writer<'b> {
        put_text(self.next(), key);
        self.writer.put_u8(b':');
        self.writer
    }

    /// Begins a member whose key is a queue, in the way of fastjson: an object where JSON has a string.
    pub(crate) fn member_of_queue(&mut self, broker: &str, topic: &str, queue_id: i32) -> Object<'_, 'b> {
        put_queue(self.next(), broker, topic, queue_id);
        self.writer.put_u8(b':');
        Object::begin(self.writer)
    }

    /// As [`Object::member_of_queue`], with a number.
    pub(crate) fn int_of_queue(&mut self, broker: &str, topic: &str, queue_id: i32, value: i64) {
        put_queue(self.next(), broker, topic, queue_id);
        self.writer.put_u8(b':');
        self.writer.put_decimal(value);
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        put_text(self.member(key), value);
    }

    pub(crate) fn int(&mut self, key: &str, value: i64) {
        self.member(key).put_decimal(value);
    }

    pub(crate) fn bool(&mut self, key: &str, value: bool) {
        self.member(key).put(if value { b"true" } else { b"false" });
    }

    pub(crate) fn object(&mut self, key: &str) -> Object<'_, 'b> {
        Object::begin(self.member(key))
    }

    pub(crate) fn list(&mut self, key: &str) -> List<'_, 'b> {
        List::begin(self.member(key))
    }

    pub(crate) fn end(self) {
        self.writer.put_u8(b'}');
    }

    fn next(&mut self) -> &mut Writer<'b> {
        if !core::mem::take(&mut self.is_empty) {
            self.writer.put_u8(b',');
        }
        self.writer
    }
}

/// A list that is being written.
#[derive(Debug)]
pub(crate) struct List<'w, 'b> {
    writer: &'w mut Writer<'b>,
    is_empty: bool,
}

impl<'w, 'b> List<'w, 'b> {
    pub(crate) fn begin(writer: &'w mut Writer<'b>) -> Self {
        writer.put_u8(b'[');
        Self { writer, is_empty: true }
    }

    pub(crate) fn text(&mut self, value: &str) {
        put_text(self.next(), value);
    }

    pub(crate) fn int(&mut self, value: i64) {
        self.next().put_decimal(value);
    }

    pub(crate) fn object(&mut self) -> Object<'_, 'b> {
        Object::begin(self.next())
    }

    pub(crate) fn end(self) {
        self.writer.put_u8(b']');
    }

    fn next(&mut self) -> &mut Writer<'b> {
        if !core::mem::take(&mut self.is_empty) {
            self.writer.put_u8(b',');
        }
        self.writer
    }
}

/// Writes a queue (`MessageQueue`).
pub(crate) fn put_queue(writer: &mut Writer<'_>, broker: &str, topic: &str, queue_id: i32) {
    let mut queue = Object::begin(writer);
    queue.text("brokerName", broker);
    queue.int("queueId", queue_id.into());
    queue.text("topic", topic);
    queue.end();
}

/// Writes a number of thousandths as a fraction.
pub(crate) fn put_thousandths(writer: &mut Writer<'_>, value: u64) {
    let (whole, rest) = (value / 1_000, value % 1_000);
    writer.put_decimal(i64::try_from(whole).unwrap_or(i64::MAX));
    writer.put_u8(b'.');
    for digit in [rest / 100, rest / 10 % 10, rest % 10] {
        writer.put_decimal(i64::try_from(digit).unwrap_or(0));
    }
}

fn put_text(writer: &mut Writer<'_>, text: &str) {
    writer.put_u8(b'"');
    Text::from(text).write_json(writer);
    writer.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_lists_nest() {
        let mut buffer = [0; 256];
        let mut writer = Writer::new(&mut buffer);
        let mut root = Object::begin(&mut writer);
        root.text("a", "\"");
        let mut list = root.list("b");
        list.int(-1);
        list.text("x");
        list.object().end();
        list.end();
        root.object("c").end();
        root.bool("d", false);
        put_thousandths(root.member("e"), 12_034);
        let mut queue = root.member_of_queue("b", "T", 3);
        queue.int("n", 4);
        queue.end();
        root.int_of_queue("b", "T", 4, 5);
        root.end();
        let len = writer.filled();
        assert_eq!(
            core::str::from_utf8(&buffer[..len]).unwrap(),
            r#"{"a":"\"","b":[-1,"x",{}],"c":{},"d":false,"e":12.034,{"brokerName":"b","queueId":3,"topic":"T"}:{"n":4},{"brokerName":"b","queueId":4,"topic":"T"}:5}"#
        );
    }
}
