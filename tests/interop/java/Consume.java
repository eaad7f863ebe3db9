import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/** Consumes messages with the reference's push consumer and prints each. */
final class Consume {
    private static final String USAGE = "Consume --namesrv ADDRESS --topic TOPIC --group GROUP --count N"
        + " --timeout SECONDS [--from first|last] [--tag EXPRESSION] [--namespace NAMESPACE]";

    private final DefaultMQPushConsumer consumer;
    private final CountDownLatch left;
    private final String topic;
    private final String tag;
    private final int count;
    private final int seconds;

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> new Consume(program).run());
    }

    private Consume(Program program) {
        consumer = new DefaultMQPushConsumer(program.text("--group"));
        consumer.setNamesrvAddr(program.text("--namesrv"));
        consumer.setNamespace(program.text("--namespace", null));
        // The 5.x client may skip the heartbeat that announces its first subscription, two of its threads racing for one
        // lock; a 5.x broker then serves it nothing until the next one, which comes after 30 s if not told otherwise.
        consumer.setHeartbeatBrokerInterval(1000);
        consumer.setConsumeFromWhere(from(program.text("--from", "last")));
        topic = program.text("--topic");
        tag = program.text("--tag", "*");
        count = program.positive("--count");
        seconds = program.positive("--timeout");
        left = new CountDownLatch(count);
    }

    private static ConsumeFromWhere from(String where) {
        switch (where) {
            case "first":
                return ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET;
            case "last":
                return ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET;
            default:
                throw new Program.UsageException("--from must be first or last, not '" + where + "'");
        }
    }

    private void run() throws Exception {
        consumer.subscribe(topic, tag);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(this::print);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        boolean all = left.await(seconds, TimeUnit.SECONDS);
        consumer.shutdown();
        if (!all) {
            throw new Exception((count - left.getCount()) + " of " + count + " messages came in " + seconds + " s");
        }
    }

    private synchronized void print(MessageExt message) {
        if (left.getCount() == 0) {
            return;
        }
        Program.print(
            "msgId", message.getMsgId(),
            "topic", message.getTopic(),
            "body_hex", Program.hex(message.getBody()),
            "tags", message.getTags(),
            "keys", message.getKeys(),
            "queueId", message.getQueueId(),
            "queueOffset", message.getQueueOffset(),
            "storeTimestamp", message.getStoreTimestamp(),
            "properties", message.getProperties());
        left.countDown();
    }
}
