import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;

/** {@code DefaultLitePullConsumer} with a subscription; it commits by itself. */
final class LiteMember extends Member {
    private static final int POLL_MILLISECONDS = 200;

    private final DefaultLitePullConsumer consumer;
    private final Thread poller = new Thread(this::poll);
    private volatile boolean stopped;

    LiteMember(Order order, String namesrv) throws Exception {
        super(order);
        consumer = new DefaultLitePullConsumer(group);
        configure(consumer, namesrv);
    }

    @Override
    void start() throws Exception {
        consumer.subscribe(topic, tag);
        consumer.start();
        poller.start();
    }

    private void poll() {
        while (!stopped) {
            consumer.poll(POLL_MILLISECONDS).forEach(this::print);
        }
    }

    @Override
    void stop() throws Exception {
        stopped = true;
        poller.join();
        consumer.shutdown();
    }
}
