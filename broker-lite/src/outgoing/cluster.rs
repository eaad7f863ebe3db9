//! The body that answers `GET_BROKER_CLUSTER_INFO` (`ClusterInfo`).

use rocketlite_core::wire::Text;
use rocketlite_core::wire::cursor::Writer;

use super::Sources;

/// Writes this broker and those that registered, with quoted keys, which the reference's tool takes too.
pub(super) fn put_cluster_info(writer: &mut Writer<'_>, from: &Sources<'_, '_>) {
    let own = (from.config.cluster_name, from.config.broker_name, from.address.as_str());
    let others =
        from.brokers.iter().map(|broker| (broker.cluster(), broker.name(), broker.address().as_str()));
    let all = core::iter::once(own).chain(others);
    writer.put(b"{\"brokerAddrTable\":{");
    for (index, (cluster, name, address)) in all.clone().enumerate() {
        put_key(writer, index, name);
        writer.put(b"{\"brokerAddrs\":{\"0\":\"");
        Text::from(address).write_json(writer);
        writer.put(b"\"},\"brokerName\":\"");
        Text::from(name).write_json(writer);
        writer.put(b"\",\"cluster\":\"");
        Text::from(cluster).write_json(writer);
        writer.put(b"\"}");
    }
    writer.put(b"},\"clusterAddrTable\":{");
    let mut written = 0usize;
    for (index, (cluster, ..)) in all.clone().enumerate() {
        // Each cluster once, at its first broker.
        if all.clone().take(index).any(|(earlier, ..)| earlier == cluster) {
            continue;
        }
        put_key(writer, written, cluster);
        written = written.saturating_add(1);
        let members = all.clone().filter(|(of, ..)| *of == cluster);
        for (index, (_, name, _)) in members.enumerate() {
            writer.put(if index == 0 { b"[\"" } else { b",\"" });
            Text::from(name).write_json(writer);
            writer.put_u8(b'"');
        }
        writer.put_u8(b']');
    }
    writer.put(b"}}");
}

fn put_key(writer: &mut Writer<'_>, index: usize, key: &str) {
    writer.put(if index == 0 { b"\"" } else { b",\"" });
    Text::from(key).write_json(writer);
    writer.put(b"\":");
}
