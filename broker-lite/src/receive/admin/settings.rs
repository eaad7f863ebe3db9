//! The broker's settings (`#getBrokerConfig`).

use rocketlite_core::wire::Text;
use rocketlite_core::wire::cursor::Writer;

use crate::broker::{State, put_delay_levels};
use crate::outgoing::Content;
use crate::receive::Refusal;

/// The settings that the reference has too, by its names and in the form of a properties file.
pub(super) fn list(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let config = &state.config;
        let size = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        let millis = |span: core::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        put_text(writer, "brokerName", config.broker_name);
        put_text(writer, "brokerClusterName", config.cluster_name);
        put_number(writer, "brokerId", 0);
        put_text(writer, "brokerRole", "ASYNC_MASTER");
        put_text(writer, "brokerIP1", state.address.host());
        put_number(writer, "listenPort", config.address.port().into());
        put_key(writer, "namesrvAddr");
        for (place, name_server) in config.name_servers.iter().enumerate() {
            writer.put(if place == 0 { b"" } else { b";" });
            writer.put(name_server.as_str().as_bytes());
        }
        writer.put_u8(b'\n');
        put_text(writer, "regionId", config.region_id);
        put_bool(writer, "traceOn", config.trace_on);
        put_bool(writer, "autoCreateTopicEnable", config.auto_create_topics);
        put_bool(writer, "autoCreateSubscriptionGroup", config.auto_create_groups);
        put_bool(writer, "useServerSideResetOffset", true);
        put_bool(writer, "rejectTransactionMessage", true);
        put_bool(writer, "enablePropertyFilter", false);
        put_bool(writer, "timerWheelEnable", false);
        put_number(writer, "defaultTopicQueueNums", config.default_topic_queue_nums.into());
        put_number(writer, "maxMessageSize", size(config.max_message_size));
        put_number(writer, "maxTransferBytesOnMessageInMemory", size(config.max_pull_bytes));
        put_number(writer, "mappedFileSizeCommitLog", size(state.log.capacity()));
        put_key(writer, "messageDelayLevel");
        put_delay_levels(writer);
        writer.put_u8(b'\n');
        put_number(writer, "registerNameServerPeriod", millis(config.registration_period));
    });
    Ok(made?)
}

fn put_key(writer: &mut Writer<'_>, key: &str) {
    writer.put(key.as_bytes());
    writer.put_u8(b'=');
}

/// Writes a line; a backslash would be read as an escape (`MixAll#string2Properties`).
fn put_text(writer: &mut Writer<'_>, key: &str, value: &str) {
    put_key(writer, key);
    for char in Text::from(value).chars() {
        writer.put(if char == '\\' { b"\\" } else { b"" });
        writer.put(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
    writer.put_u8(b'\n');
}

fn put_number(writer: &mut Writer<'_>, key: &str, value: i64) {
    put_key(writer, key);
    writer.put_decimal(value);
    writer.put_u8(b'\n');
}

fn put_bool(writer: &mut Writer<'_>, key: &str, value: bool) {
    put_text(writer, key, if value { "true" } else { "false" });
}
