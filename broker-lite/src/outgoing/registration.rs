//! The body of `REGISTER_BROKER` (`RegisterBrokerBody`): this broker's topics.

use rocketlite_core::wire::Text;
use rocketlite_core::wire::cursor::Writer;

use super::Sources;

/// Writes all topics.
pub(super) fn put_topics(writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
    // A name server reads the topics only if this version differs from the last it saw, so it names this run of
    // the broker and what it knew (`RouteInfoManager#isBrokerTopicConfigChanged`).
    writer.put(b"{\"filterServerList\":[],\"topicConfigSerializeWrapper\":{\"dataVersion\":{\"counter\":");
    writer.put_decimal(from.topics.version().into());
    writer.put(b",\"stateVersion\":0,\"timestamp\":");
    writer.put_decimal(from.started);
    writer.put(b"},\"topicConfigTable\":{");
    for (index, (_, topic)) in from.topics.iter().enumerate() {
        writer.put(if index == 0 { b"\"" } else { b",\"" });
        Text::from(topic.name()).write_json(writer);
        writer.put(b"\":{\"attributes\":{},\"order\":false,\"perm\":");
        writer.put_decimal(topic.perm().into());
        writer.put(b",\"readQueueNums\":");
        writer.put_decimal(topic.read_queue_nums().into());
        writer.put(b",\"topicFilterType\":\"SINGLE_TAG\",\"topicName\":\"");
        Text::from(topic.name()).write_json(writer);
        writer.put(b"\",\"topicSysFlag\":");
        writer.put_decimal(topic.sys_flag().into());
        writer.put(b",\"writeQueueNums\":");
        writer.put_decimal(topic.write_queue_nums().into());
        writer.put_u8(b'}');
    }
    writer.put(b"}}}");
}
