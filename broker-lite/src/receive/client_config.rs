//! `CHECK_CLIENT_CONFIG`: whether a consumer may filter as it wants to (`ClientManageProcessor#checkClientConfig`).

use rocketlite_core::wire::json;

use super::pull_message::{is_not_tag, no_sql};
use super::{Refusal, Request};
use crate::outgoing::Content;

/// Only expressions of tags are known; an error makes the client's start fail.
pub(super) fn check(request: &Request<'_>) -> Content {
    let body = match json::parse("body", request.command.body) {
        Ok(body) => body,
        Err(error) => return Refusal::from(error).answer(),
    };
    let subscription = body.get("subscriptionData");
    let expression_type =
        subscription.and_then(|data| data.get("expressionType")).and_then(|value| value.text());
    if expression_type.is_some_and(is_not_tag) { no_sql().answer() } else { Content::Success }
}
