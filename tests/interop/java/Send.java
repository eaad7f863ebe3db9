import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.remoting.exception.RemotingException;

/** Sends messages with the reference's producer and prints what it was told about each. */
final class Send {
    private static final String USAGE = "Send --namesrv ADDRESS --topic TOPIC --count N [--size BYTES] [--inflight N]"
        + " [--seed N] [--tag TAG] [--key KEY] [--batch N] [--async [--insist]] [--oneway]";

    private final DefaultMQProducer producer = new DefaultMQProducer("interop_java_producer");
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicInteger stored = new AtomicInteger();
    private final AtomicBoolean failed = new AtomicBoolean();
    private final String topic;
    private final int count;
    private final int size;
    private final int inflight;
    private final int batch;
    private final String seed;
    private final String tag;
    private final String key;
    private final boolean async;
    private final boolean oneway;
    private final boolean insist;

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> new Send(program).run());
    }

    private Send(Program program) {
        producer.setNamesrvAddr(program.text("--namesrv"));
        insist = program.has("--insist");
        // All the time that a slow machine may need; but 4.9.7 does not notice each connection that ends.
        producer.setSendMsgTimeout(insist ? 10_000 : 60_000);
        producer.setMqClientApiTimeout(60_000);
        topic = program.text("--topic");
        count = program.positive("--count");
        size = program.positive("--size", 64);
        inflight = program.positive("--inflight", 4);
        batch = program.positive("--batch", 1);
        seed = program.text("--seed", "1");
        tag = program.text("--tag", null);
        key = program.text("--key", null);
        async = program.has("--async");
        oneway = program.has("--oneway");
        if (async && oneway) {
            throw new Program.UsageException("--async and --oneway exclude each other");
        }
        if (insist) {
            if (!async) {
                throw new Program.UsageException("--insist is for --async");
            }
            // What is sent once is stored once at most.
            producer.setRetryTimesWhenSendFailed(0);
            producer.setRetryTimesWhenSendAsyncFailed(0);
        }
        if (oneway && batch > 1) {
            throw new Program.UsageException("the producer has no one-way batch");
        }
    }

    private void run() throws Exception {
        producer.start();
        try {
            if (async) {
                sendAsync();
            } else {
                sendWithThreads();
            }
        } finally {
            producer.shutdown();
        }
        if (failure.get() != null) {
            throw new Exception("not everything was sent: " + Program.oneLine(failure.get()));
        }
    }

    private void sendWithThreads() throws InterruptedException {
        AtomicInteger next = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(inflight);
        for (int i = 0; i < inflight; i++) {
            threads.execute(() -> {
                for (int first; (first = next.getAndAdd(batch)) < count && failure.get() == null; ) {
                    try {
                        sendAndWait(first, messages(first));
                    } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                    }
                }
            });
        }
        threads.shutdown();
        threads.awaitTermination(Long.MAX_VALUE, TimeUnit.SECONDS);
    }

    private void sendAndWait(int first, List<Message> messages) throws Exception {
        if (oneway) {
            producer.sendOneway(messages.get(0));
            print(first, messages, null);
        } else if (batch > 1) {
            print(first, messages, producer.send(messages));
        } else {
            print(first, messages, producer.send(messages.get(0)));
        }
    }

    private void sendAsync() throws Exception {
        Semaphore permits = new Semaphore(inflight);
        for (int first = 0; insist ? stored.get() < count : first < count && failure.get() == null; first += batch) {
            int index = first;
            List<Message> messages = messages(first);
            SendCallback callback = new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    print(index, messages, result);
                    permits.release();
                }

                @Override
                public void onException(Throwable e) {
                    fail(index, e);
                    permits.release();
                }
            };
            permits.acquire();
            if (failed.getAndSet(false)) {
                Thread.sleep(10);
            }
            try {
                if (batch > 1) {
                    producer.send(messages, callback);
                } else {
                    producer.send(messages.get(0), callback);
                }
            } catch (MQClientException | RemotingException e) {
                callback.onException(e);
            }
        }
        permits.acquire(inflight);
    }

    /** Ends it all, or is told: who insists sends other messages instead. */
    private void fail(int first, Throwable e) {
        if (insist) {
            failed.set(true);
            Program.print("index", first, "status", "FAILED", "text", Program.oneLine(e));
        } else {
            failure.compareAndSet(null, e);
        }
    }

    private List<Message> messages(int first) {
        List<Message> messages = new ArrayList<>();
        for (int index = first; index < (insist ? first + batch : Math.min(first + batch, count)); index++) {
            Message message = new Message(topic, tag, body(index));
            if (key != null) {
                message.setKeys(key);
            }
            messages.add(message);
        }
        return messages;
    }

    /** "SEED-INDEX " over and over, cut to the size: easy to make again in any language. */
    private byte[] body(int index) {
        byte[] text = Program.utf8(seed + "-" + index + " ");
        byte[] body = new byte[size];
        for (int i = 0; i < size; i++) {
            body[i] = text[i % text.length];
        }
        return body;
    }

    /** One line a message. The result of a batch has comma-separated ids and the first message's offset. */
    private void print(int first, List<Message> messages, SendResult result) {
        boolean known = result != null && result.getMessageQueue() != null;
        String[] offsetMsgIds = known && result.getOffsetMsgId() != null ? result.getOffsetMsgId().split(",") : null;
        for (int i = 0; i < messages.size(); i++) {
            Program.print(
                "index", first + i,
                "msgId", MessageClientIDSetter.getUniqID(messages.get(i)),
                "offsetMsgId", offsetMsgIds == null || i >= offsetMsgIds.length ? null : offsetMsgIds[i],
                "status", result == null ? "ONEWAY" : result.getSendStatus().name(),
                "broker", known ? result.getMessageQueue().getBrokerName() : null,
                "queueId", known ? result.getMessageQueue().getQueueId() : null,
                "queueOffset", known ? result.getQueueOffset() + i : null,
                "body_crc", Program.crc32(messages.get(i).getBody()));
        }
        if (result != null && result.getSendStatus() == SendStatus.SEND_OK) {
            stored.addAndGet(messages.size());
        } else if (result != null) {
            fail(first, new Exception("message " + first + ": " + result.getSendStatus()));
        }
    }
}
