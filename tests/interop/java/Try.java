import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** Sends once for each line of its input with the reference's producer, and prints what became of it. */
final class Try {
    private static final String USAGE = "Try --namesrv ADDRESS";
    private static final Pattern TRIES =
        Pattern.compile("Send \\[(\\d+)\\] times, still failed, .* BrokersSent: \\[([^\\]]*)\\]");

    /** By their settings. They keep what they know from one line to the next. */
    private final Map<Map<?, ?>, DefaultMQProducer> producers = new HashMap<>();
    private final String namesrv;

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> new Try(program).run());
    }

    private Try(Program program) {
        namesrv = program.text("--namesrv");
    }

    private void run() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            Map<?, ?> order = RemotingSerializable.fromJson(line, Map.class);
            DefaultMQProducer producer = producer((Map<?, ?>) order.get("settings"));
            try {
                print(send(producer, order));
            } catch (ExecutionException e) {
                print(e.getCause());
            } catch (Exception e) {
                print(e);
            }
        }
        // They are not shut down: their brokers may hang by now.
    }

    private DefaultMQProducer producer(Map<?, ?> settings) throws Exception {
        DefaultMQProducer producer = producers.get(settings);
        if (producer == null) {
            Map<Object, Object> others = new HashMap<>(settings);
            String accessKey = (String) others.remove("accessKey");
            String secretKey = (String) others.remove("secretKey");
            producer = new DefaultMQProducer("interop_java_tries",
                accessKey == null ? null : new AclClientRPCHook(new SessionCredentials(accessKey, secretKey)));
            producer.setNamesrvAddr(namesrv);
            Settings.set(producer, others);
            producer.start();
            producers.put(settings, producer);
        }
        return producer;
    }

    private static SendResult send(DefaultMQProducer producer, Map<?, ?> order) throws Exception {
        byte[] body = new byte[(Integer) order.get("size")];
        Arrays.fill(body, (byte) 'x');
        Message message = new Message((String) order.get("topic"), body);
        String mode = (String) order.get("mode");
        switch (mode) {
            case "sync":
                return producer.send(message);
            case "oneway":
                producer.sendOneway(message);
                return null;
            case "batch":
                return producer.send(Collections.singletonList(message));
            case "hash":
                return producer.send(message, new SelectMessageQueueByHash(), order.get("hash"));
            case "queue":
                return producer.send(message,
                    new MessageQueue(message.getTopic(), (String) order.get("broker"), (Integer) order.get("queueId")));
            case "async":
                Callback callback = new Callback();
                producer.send(message, callback);
                return callback.get();
            default:
                throw new Program.UsageException("no mode " + mode);
        }
    }

    private static final class Callback extends CompletableFuture<SendResult> implements SendCallback {
        @Override
        public void onSuccess(SendResult result) {
            complete(result);
        }

        @Override
        public void onException(Throwable e) {
            completeExceptionally(e);
        }
    }

    private static void print(SendResult result) {
        boolean stored = result != null;
        Program.print(
            "status", stored ? result.getSendStatus().name() : "ONEWAY",
            "broker", stored ? result.getMessageQueue().getBrokerName() : null,
            "queueId", stored ? result.getMessageQueue().getQueueId() : null,
            "msgId", stored ? result.getMsgId() : null,
            "offsetMsgId", stored ? result.getOffsetMsgId() : null);
    }

    private static void print(Throwable e) {
        Matcher tries = TRIES.matcher(Program.oneLine(e));
        boolean counted = tries.find();
        Program.print(
            "exception", e.getClass().getSimpleName(),
            "reason", reason(e).getClass().getSimpleName(),
            "code", code(e),
            "attempts", counted ? Integer.valueOf(tries.group(1)) : null,
            "brokers", counted ? tries.group(2) : null,
            "text", Program.oneLine(e));
    }

    /** The innermost of the reference's own exceptions. */
    private static Throwable reason(Throwable e) {
        Throwable reason = e;
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause.getClass().getName().startsWith("org.apache.rocketmq.")) {
                reason = cause;
            }
        }
        return reason;
    }

    private static int code(Throwable e) {
        if (e instanceof MQBrokerException) {
            return ((MQBrokerException) e).getResponseCode();
        }
        return e instanceof MQClientException ? ((MQClientException) e).getResponseCode() : -1;
    }
}
