import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.common.message.MessageExt;

/** One consumer of a group. */
abstract class Member {
    final Order order;
    final String group;
    final String topic;
    final String tag;

    Member(Order order) {
        this.order = order;
        group = order.text("group");
        topic = order.text("topic");
        tag = order.text("tag");
    }

    static Member of(Order order, String namesrv) throws Exception {
        String kind = order.text("kind");
        switch (kind) {
            case "concurrent":
            case "orderly":
                return new PushMember(order, namesrv);
            case "lite":
                return new LiteMember(order, namesrv);
            case "pull":
                return new PullMember(order, namesrv);
            default:
                throw new Program.UsageException("no kind " + kind);
        }
    }

    abstract void start() throws Exception;

    abstract void stop() throws Exception;

    /** A client of its own: those with the same instance name would share connections, and an identity in the group. */
    final void configure(ClientConfig consumer, String namesrv) throws Exception {
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(order.text("member") + "@" + ProcessHandle.current().pid() + "#" + System.nanoTime());
        // A 5.x client may skip the heartbeat that announces its first subscription, two of its threads racing for one
        // lock; a 5.x broker then serves it nothing until the next one, which comes after 30 s if not told otherwise.
        consumer.setHeartbeatBrokerInterval(1000);
        // All the time that a slow machine may need: what takes longer costs the connection, with all that goes on there.
        consumer.setMqClientApiTimeout(60_000);
        Settings.set(consumer, order.settings());
    }

    /** Prints a message that the application is given. */
    final void print(MessageExt message) {
        boolean brief = order.flag("brief");
        Program.print(
            "event", "message",
            "member", order.text("member"),
            "msgId", message.getMsgId(),
            "queueId", message.getQueueId(),
            "queueOffset", message.getQueueOffset(),
            "topic", brief ? null : message.getTopic(),
            "body", brief ? null : new String(message.getBody(), StandardCharsets.UTF_8),
            "tags", brief ? null : message.getTags(),
            "keys", brief ? null : message.getKeys(),
            "reconsumeTimes", brief ? null : message.getReconsumeTimes(),
            "bornTimestamp", brief ? null : message.getBornTimestamp(),
            "storeTimestamp", brief ? null : message.getStoreTimestamp(),
            "heard", brief ? null : System.currentTimeMillis(),
            "properties", brief ? null : message.getProperties());
    }
}
