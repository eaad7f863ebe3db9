//! `GET_CONSUMER_LIST_BY_GROUP`: who shares the queues of a group (`ConsumerManageProcessor#getConsumerListByGroup`).

use rocketlite_core::wire::Text;
use rocketlite_core::wire::code::ResponseCode;
use rocketlite_core::wire::header::ConsumerListRequestHeader;

use super::{Refusal, Request, answer_or_refusal, cut_name};
use crate::broker::State;
use crate::outgoing::{Content, Remark};
use crate::table::ClientRole;

pub(super) fn list(state: &mut State<'_>, request: &Request<'_>) -> Content {
    let header = match ConsumerListRequestHeader::decode(request.command.ext_fields) {
        Ok(header) => header,
        Err(error) => return Refusal::from(error).answer(),
    };
    let (group, _) = cut_name(header.consumer_group);
    let mut members = state.clients.of_group(ClientRole::Consumer, &group);
    if members.next().is_none() {
        let refusal = Refusal::new(ResponseCode::SYSTEM_ERROR, Remark::NoConsumers);
        return answer_or_refusal(Err(refusal), Some(header.consumer_group));
    }
    drop(members);
    let made = state.make(|state, writer| {
        writer.put(b"{\"consumerIdList\":[");
        let members = state.clients.of_group(ClientRole::Consumer, &group);
        for (index, client) in members.enumerate() {
            writer.put(if index == 0 { b"\"" } else { b",\"" });
            Text::from(client.client_id()).write_json(writer);
            writer.put_u8(b'"');
        }
        writer.put(b"]}");
    });
    answer_or_refusal(made.map_err(Refusal::from), None)
}
