//! Namespaces of the first kind: a prefix of topics and groups (`NamespaceUtil`).

use heapless::String;

use super::validate::is_system_topic;

/// Between a namespace and what is in it (`NamespaceUtil.NAMESPACE_SEPARATOR`).
const SEPARATOR: &str = "%";
/// What precedes the namespace in the topics a broker keeps for a group.
const PREFIXES: [&str; 2] = ["%RETRY%", "%DLQ%"];

/// A topic or group as it is called in a namespace (`NamespaceUtil#wrapNamespace`), if that is not longer than `N` bytes.
pub(crate) fn wrap<const N: usize>(namespace: Option<&str>, resource: &str) -> Option<String<N>> {
    let plain = || String::try_from(resource).ok();
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else { return plain() };
    if resource.is_empty() || is_system_topic(resource) || resource.starts_with("CID_RMQ_SYS_") {
        return plain();
    }
    let prefix = PREFIXES.into_iter().find(|prefix| resource.starts_with(prefix)).unwrap_or("");
    let rest = resource.strip_prefix(prefix).unwrap_or(resource);
    if rest.strip_prefix(namespace).is_some_and(|rest| rest.starts_with(SEPARATOR)) {
        return plain();
    }
    let mut wrapped = String::new();
    for part in [prefix, namespace, SEPARATOR, rest] {
        wrapped.push_str(part).ok()?;
    }
    Some(wrapped)
}

/// A topic as it is called outside its namespace (`NamespaceUtil#withoutNamespace`). A group's retry and dead-letter topics
/// keep it, for it is not in front there.
pub(crate) fn unwrap<'t>(namespace: Option<&str>, topic: &'t str) -> &'t str {
    let rest = namespace
        .filter(|namespace| !namespace.is_empty())
        .and_then(|namespace| topic.strip_prefix(namespace));
    rest.and_then(|rest| rest.strip_prefix(SEPARATOR)).unwrap_or(topic)
}

/// The namespace that the address of a cloud's instance names, `[scheme://]MQ_INST_account_instance.domain`
/// (`ClientConfig#getNamespace`, `NameServerAddressUtils`).
pub fn of_endpoint(namesrv_addr: &str) -> Option<&str> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let (scheme, rest) = namesrv_addr.split_once("://").unwrap_or(("http", namesrv_addr));
    let (instance, _) = rest.split_once('.')?;
    let (account, id) = instance.strip_prefix("MQ_INST_")?.split_once('_')?;
    (word(scheme) && word(account) && word(id)).then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(namespace: &str, resource: &str) -> Option<String<16>> {
        wrap(Some(namespace), resource)
    }

    #[test]
    fn names_get_the_namespace_once() {
        for (resource, expected) in [
            ("T", "ns%T"),
            ("ns%T", "ns%T"),
            ("nsx", "ns%nsx"),
            ("%RETRY%g", "%RETRY%ns%g"),
            ("%RETRY%ns%g", "%RETRY%ns%g"),
            ("%DLQ%g", "%DLQ%ns%g"),
            ("TBW102", "TBW102"),
            ("rmq_sys_x", "rmq_sys_x"),
            ("CID_RMQ_SYS_x", "CID_RMQ_SYS_x"),
            ("", ""),
        ] {
            assert_eq!(wrapped("ns", resource).unwrap(), expected, "{resource}");
        }
        assert_eq!(wrapped("", "T").unwrap(), "T");
        assert_eq!(wrap::<4>(None, "T").unwrap(), "T");
    }

    #[test]
    fn a_topic_loses_its_namespace_and_no_other() {
        for (topic, expected) in
            [("ns%T", "T"), ("nsx%T", "nsx%T"), ("T", "T"), ("%RETRY%ns%g", "%RETRY%ns%g"), ("ns%", "")]
        {
            assert_eq!(unwrap(Some("ns"), topic), expected, "{topic}");
        }
        assert_eq!(unwrap(None, "ns%T"), "ns%T");
        assert_eq!(unwrap(Some(""), "%T"), "%T");
    }

    #[test]
    fn what_becomes_too_long_is_none() {
        assert_eq!(wrapped("ns", "1234567890123").unwrap().len(), 16);
        assert_eq!(wrapped("ns", "12345678901234"), None);
    }

    #[test]
    fn the_address_of_an_instance_names_its_namespace() {
        let instance = Some("MQ_INST_123_abc");
        assert_eq!(of_endpoint("http://MQ_INST_123_abc.cn.example.com:80"), instance);
        assert_eq!(of_endpoint("MQ_INST_123_abc.cn.example.com:80"), instance);
        assert_eq!(of_endpoint("MQ_INST_123.cn.example.com:80"), None);
        assert_eq!(of_endpoint("ht tp://MQ_INST_123_abc.cn.example.com:80"), None);
        assert_eq!(of_endpoint("127.0.0.1:9876"), None);
    }
}
