//! The body of `REGISTER_BROKER` (`RegisterBrokerBody`), and what else lists this broker's topics.

use rocketlite_core::wire::cursor::Writer;

use super::Sources;
use crate::json::Object;
use crate::table::Topic;

/// Writes all topics.
pub(super) fn put_topics(writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
    let mut body = Object::begin(writer);
    body.list("filterServerList").end();
    put_topic_table(body.member("topicConfigSerializeWrapper"), from);
    body.end();
}

/// Writes the settings of all topics and their version (`TopicConfigSerializeWrapper`).
pub(crate) fn put_topic_table(writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
    let mut wrapper = Object::begin(writer);
    // A name server reads the topics only if this version differs from the last it saw, so it names this run of
    // the broker and what it knew (`RouteInfoManager#isBrokerTopicConfigChanged`).
    put_data_version(wrapper.member("dataVersion"), from.topics.version(), from.started);
    let mut table = wrapper.object("topicConfigTable");
    for (_, topic) in from.topics.iter() {
        put_topic(table.member(topic.name()), topic);
    }
    table.end();
    wrapper.end();
}

/// Writes a version (`DataVersion`).
pub(crate) fn put_data_version(writer: &mut Writer<'_>, counter: u32, timestamp: i64) {
    let mut version = Object::begin(writer);
    version.int("counter", counter.into());
    version.int("stateVersion", 0);
    version.int("timestamp", timestamp);
    version.end();
}

/// Writes the settings of a topic (`TopicConfig`).
pub(crate) fn put_topic(writer: &mut Writer<'_>, topic: &Topic) {
    let mut config = Object::begin(writer);
    config.object("attributes").end();
    config.bool("order", false);
    config.int("perm", topic.perm().into());
    config.int("readQueueNums", topic.read_queue_nums().into());
    config.text("topicFilterType", "SINGLE_TAG");
    config.text("topicName", topic.name());
    config.int("topicSysFlag", topic.sys_flag().into());
    config.int("writeQueueNums", topic.write_queue_nums().into());
    config.end();
}
