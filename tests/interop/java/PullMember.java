import java.util.Collections;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageQueue;

/** {@code DefaultMQPullConsumer}, which asks every queue of the topic from where its group is, and waits there for more. */
@SuppressWarnings("deprecation")
final class PullMember extends Member {
    private static final int MOST_MESSAGES = 32;
    private static final int MOST_ATTEMPTS = 10;

    private final DefaultMQPullConsumer consumer;
    private volatile boolean stopped;

    PullMember(Order order, String namesrv) throws Exception {
        super(order);
        consumer = new DefaultMQPullConsumer(group);
        configure(consumer, namesrv);
        consumer.setRegisterTopics(Collections.singleton(topic));
    }

    @Override
    void start() throws Exception {
        consumer.start();
        for (MessageQueue queue : queues()) {
            new Thread(() -> pull(queue)).start();
        }
    }

    /** The one request here whose time is not a setting: 6 s in 4.9.7, which a busy machine may need. */
    private Set<MessageQueue> queues() throws Exception {
        for (int attempt = 1; ; attempt++) {
            try {
                return consumer.fetchSubscribeMessageQueues(topic);
            } catch (MQClientException e) {
                if (attempt == MOST_ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private void pull(MessageQueue queue) {
        try {
            long offset = Math.max(consumer.fetchConsumeOffset(queue, true), consumer.minOffset(queue));
            while (!stopped) {
                PullResult result = consumer.pullBlockIfNotFound(queue, tag, offset, MOST_MESSAGES);
                if (result.getMsgFoundList() != null) {
                    result.getMsgFoundList().forEach(this::print);
                }
                offset = result.getNextBeginOffset();
                consumer.updateConsumeOffset(queue, offset);
            }
        } catch (Exception e) {
            // One that was waiting when it was stopped is told so.
            if (!stopped) {
                Program.print("event", "failed", "member", order.text("member"), "text", Program.oneLine(e));
            }
        }
    }

    @Override
    void stop() {
        stopped = true;
        consumer.shutdown();
    }
}
