import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.message.MessageExt;

/** {@code DefaultMQPushConsumer}, concurrent or orderly. */
final class PushMember extends Member {
    private final DefaultMQPushConsumer consumer;

    PushMember(Order order, String namesrv) throws Exception {
        super(order);
        consumer = new DefaultMQPushConsumer(group);
        configure(consumer, namesrv);
        if (order.has("consumeFrom")) {
            consumer.setConsumeTimestamp(UtilAll.timeMillisToHumanString3(order.milliseconds("consumeFrom")));
        }
        if (order.text("kind").equals("orderly")) {
            consumer.registerMessageListener(orderly());
        } else {
            consumer.registerMessageListener(concurrent());
        }
    }

    private MessageListenerConcurrently concurrent() {
        return (messages, context) -> {
            if (consume(messages)) {
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            }
            context.setDelayLevelWhenNextConsume(order.number("delayLevel"));
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        };
    }

    private MessageListenerOrderly orderly() {
        return (messages, context) ->
            consume(messages) ? ConsumeOrderlyStatus.SUCCESS : ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
    }

    /** Whether all went well. There is one message at a time, unless a setting says otherwise. */
    private boolean consume(Iterable<MessageExt> messages) {
        boolean well = true;
        for (MessageExt message : messages) {
            print(message);
            well &= message.getReconsumeTimes() >= order.number("fail");
            work(order.number("work"));
        }
        return well;
    }

    private static void work(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    void start() throws Exception {
        consumer.subscribe(topic, tag);
        consumer.start();
    }

    @Override
    void stop() {
        consumer.shutdown();
    }
}
