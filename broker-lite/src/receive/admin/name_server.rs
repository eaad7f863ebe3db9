//! The name server's part: which topics there are.

use core::fmt::Write as _;

use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::{
    DeleteTopicFromNamesrvRequestHeader, GetTopicsByClusterRequestHeader, KvConfigRequestHeader,
};

use crate::broker::State;
use crate::json::Object;
use crate::outgoing::{Content, Remark};
use crate::receive::{Refusal, Request, cut_name};
use crate::table::Name;

/// All topics, or those of one cluster (`RouteInfoManager#getAllTopicList`, `#getTopicsByCluster`).
pub(super) fn topics(state: &mut State<'_>, cluster: Option<&Name>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        let mut list = answer.list("topicList");
        let is_wanted = |name: &str| cluster.is_none_or(|cluster| cluster.as_str() == name);
        let has_own = is_wanted(state.config.cluster_name);
        if has_own {
            state.topics.iter().for_each(|(_, topic)| list.text(topic.name()));
        }
        for name in state.brokers.topic_names(is_wanted) {
            if !has_own || state.topics.find(name).is_none() {
                list.text(name);
            }
        }
        list.end();
        answer.end();
    });
    Ok(made?)
}

/// The topics of one cluster.
pub(super) fn topics_of_cluster(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = GetTopicsByClusterRequestHeader::decode(request.command.ext_fields)?;
    topics(state, Some(&cut_name(header.cluster).0))
}

/// The topics that have the names of clusters and brokers (`RouteInfoManager#getSystemTopicList`).
pub(super) fn own_topics(state: &mut State<'_>) -> Result<Content, Refusal> {
    let made = state.make(|state, writer| {
        let mut answer = Object::begin(writer);
        answer.text("brokerAddr", state.address.as_str());
        let mut list = answer.list("topicList");
        list.text(state.config.cluster_name);
        list.text(state.config.broker_name);
        let others = || state.brokers.iter();
        for (place, broker) in others().enumerate() {
            let known = others().take(place).any(|earlier| earlier.cluster() == broker.cluster());
            if !known && broker.cluster() != state.config.cluster_name {
                list.text(broker.cluster());
            }
            list.text(broker.name());
        }
        list.end();
        answer.end();
    });
    Ok(made?)
}

/// Forgets which other brokers have a topic, until they register it again (`RouteInfoManager#deleteTopic`). This broker's
/// own topics are shown as long as they are there.
pub(super) fn delete_topic(state: &mut State<'_>, request: &Request<'_>) -> Result<Content, Refusal> {
    let header = DeleteTopicFromNamesrvRequestHeader::decode(request.command.ext_fields)?;
    let (topic, _) = cut_name(header.topic);
    let cluster = header.cluster_name.filter(|name| !name.is_empty()).map(|name| cut_name(name).0);
    state
        .brokers
        .remove_topic(&topic, |name| cluster.as_ref().is_none_or(|cluster| cluster.as_str() == name));
    Ok(Content::Success)
}

/// There are no such settings (`DefaultRequestProcessor#getKVConfig`, `#getKVListByNamespace`).
pub(super) fn kv_config(request: &Request<'_>) -> Result<Content, Refusal> {
    let header = KvConfigRequestHeader::decode(request.command.ext_fields)?;
    let (mut subject, _) = cut_name(header.namespace);
    if let Some(key) = header.key {
        // What is too long to be shown is cut.
        let _ = write!(subject, " Key: {}", cut_name(key).0);
    }
    let remark = Remark::About("No config item, Namespace: ", "");
    Ok(Refusal::new(ResponseCode::QUERY_NOT_FOUND, remark).answer_about(subject))
}
