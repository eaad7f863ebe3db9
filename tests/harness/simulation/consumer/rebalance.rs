//! Which queues are whose (`RebalanceImpl`, `AllocateMessageQueueAveragely`), and their locks.

use std::collections::BTreeMap;

use rocketlite_core::wire::code::RequestCode;
use rocketlite_core::wire::json;

use super::process::Process;
use super::requests::Asked;
use super::{Consumer, MessageQueue, Told};

/// `ProcessQueue.PULL_MAX_IDLE_TIME`.
const PULL_IDLE: u64 = 120_000;

impl Consumer {
    /// Asks one of the brokers of each topic for the members of the group.
    pub(super) fn rebalance(&mut self) {
        for topic in self.topics.clone() {
            let mut brokers: Vec<&str> =
                self.routes.get(&topic).into_iter().flatten().map(|queue| queue.broker.as_str()).collect();
            brokers.dedup();
            if brokers.is_empty() {
                continue;
            }
            let chosen = self.rng.next_u64() % brokers.len() as u64;
            let broker = brokers[usize::try_from(chosen).expect("below a length")];
            let address = self.brokers.get(broker).cloned();
            let fields = [("consumerGroup", self.group.clone())];
            self.ask(address, RequestCode::GET_CONSUMER_LIST_BY_GROUP, &fields, "", Asked::Members(topic));
        }
    }

    /// The members are known: takes and gives up queues.
    pub(super) fn members(&mut self, topic: &str, body: &[u8]) {
        let Ok(body) = json::parse("body", body) else {
            self.told.push(Told::Wrong("the list of members cannot be read".to_owned()));
            return;
        };
        let list = body.get("consumerIdList").unwrap_or(json::Value::Null);
        let mut members: Vec<String> =
            list.elements().filter_map(|member| Some(member.text()?.to_string())).collect();
        members.sort();
        let all = self.routes.get(topic).cloned().unwrap_or_default();
        if members.is_empty() || all.is_empty() {
            return;
        }
        let mine = allocate(&all, &members, &self.client_id);
        let held: Vec<MessageQueue> =
            self.queues.keys().filter(|queue| queue.topic == topic).cloned().collect();
        for queue in held {
            let idle = self.queues[&queue].pulled_at() + PULL_IDLE < self.now;
            if !mine.contains(&queue) || idle {
                self.give_up(&queue);
            }
        }
        for queue in mine {
            if !self.queues.contains_key(queue) {
                self.take(queue.clone());
            }
        }
    }

    fn take(&mut self, queue: MessageQueue) {
        self.next_process += 1;
        let process = self.next_process;
        self.queues.insert(queue.clone(), Process::new(process, self.now));
        if !self.plan.orderly {
            // What it knew of the queue when it had it before.
            self.offsets.remove(&queue);
            return self.query(&queue, process);
        }
        let body = self.lock_body([&queue]);
        let address = self.brokers.get(&queue.broker).cloned();
        self.ask(address, RequestCode::LOCK_BATCH_MQ, &[], &body, Asked::Lock(queue, process));
    }

    /// Asks where the group goes on.
    pub(super) fn query(&mut self, queue: &MessageQueue, process: u64) {
        self.offsets.remove(queue);
        let fields = [
            ("consumerGroup", self.group.clone()),
            ("topic", queue.topic.clone()),
            ("queueId", queue.queue_id.to_string()),
        ];
        let address = self.brokers.get(&queue.broker).cloned();
        let asked = Asked::Offset(queue.clone(), process);
        self.ask(address, RequestCode::QUERY_CONSUMER_OFFSET, &fields, "", asked);
    }

    /// Gives up a queue, unless a message of it is being consumed in order: then it is given up behind that.
    pub(super) fn give_up(&mut self, queue: &MessageQueue) {
        let Some(process) = self.queues.get_mut(queue) else { return };
        process.drop_it();
        if process.is_consuming() && self.plan.orderly {
            return;
        }
        self.commit(queue);
        self.offsets.remove(queue);
        self.queues.remove(queue);
        if self.plan.orderly {
            let body = self.lock_body([queue]);
            self.tell(&queue.broker, RequestCode::UNLOCK_BATCH_MQ, &[], &body);
        }
    }

    /// Renews the locks of all queues (`RebalanceImpl#lockAll`).
    pub(super) fn lock_all(&mut self) {
        let mut by_broker: BTreeMap<String, Vec<(MessageQueue, u64)>> = BTreeMap::new();
        for (queue, process) in self.queues.iter().filter(|(_, process)| process.is_active()) {
            by_broker.entry(queue.broker.clone()).or_default().push((queue.clone(), process.id()));
        }
        for (broker, queues) in by_broker {
            let body = self.lock_body(queues.iter().map(|(queue, _)| queue));
            let address = self.brokers.get(&broker).cloned();
            self.ask(address, RequestCode::LOCK_BATCH_MQ, &[], &body, Asked::LockAll(queues));
        }
    }

    fn lock_body<'q>(&self, queues: impl IntoIterator<Item = &'q MessageQueue>) -> String {
        let queue = |queue: &MessageQueue| {
            let MessageQueue { topic, broker, queue_id } = queue;
            format!(r#"{{"brokerName":"{broker}","queueId":{queue_id},"topic":"{topic}"}}"#)
        };
        let queues: Vec<String> = queues.into_iter().map(queue).collect();
        format!(
            r#"{{"clientId":"{}","consumerGroup":"{}","mqSet":[{}],"onlyThisBroker":false}}"#,
            self.client_id,
            self.group,
            queues.join(",")
        )
    }

    pub(super) fn commit_all(&mut self) {
        let queues: Vec<MessageQueue> = self.offsets.keys().cloned().collect();
        for queue in queues {
            self.commit(&queue);
        }
    }

    /// Tells the broker how far the group has come.
    pub(super) fn commit(&mut self, queue: &MessageQueue) {
        let Some(offset) = self.offsets.get(queue).copied() else { return };
        let fields = [
            ("consumerGroup", self.group.clone()),
            ("topic", queue.topic.clone()),
            ("queueId", queue.queue_id.to_string()),
            ("commitOffset", offset.to_string()),
        ];
        self.tell(&queue.broker, RequestCode::UPDATE_CONSUMER_OFFSET, &fields, "");
        self.told.push(Told::Commits { queue: queue.clone(), offset });
    }
}

/// The part of `all` that is that member's.
fn allocate<'q>(all: &'q [MessageQueue], members: &[String], member: &str) -> &'q [MessageQueue] {
    let Some(index) = members.iter().position(|other| other == member) else { return &[] };
    let (share, rest) = (all.len() / members.len(), all.len() % members.len());
    let start = index * share + index.min(rest);
    let len = share + usize::from(index < rest);
    &all[start..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_shared_as_evenly_as_can_be() {
        let queue = |queue_id| MessageQueue { topic: "T".to_owned(), broker: "b".to_owned(), queue_id };
        let members = ["x", "y", "z"].map(str::to_owned);
        let ids = |count: i32, member: &str| {
            let all: Vec<_> = (0..count).map(queue).collect();
            allocate(&all, &members, member).iter().map(|queue| queue.queue_id).collect::<Vec<_>>()
        };
        let of_all = |count| ["x", "y", "z"].map(|member| ids(count, member));
        // What `AllocateMessageQueueAveragely` gives.
        assert_eq!(of_all(8), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
        assert_eq!(of_all(2), [vec![0], vec![1], vec![]]);
        assert_eq!(of_all(3), [vec![0], vec![1], vec![2]]);
        assert!(ids(4, "not a member").is_empty());
    }
}
