import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** Looks messages up by their offset message ids with the reference's client and compares them with what was sent. */
final class Find {
    private static final String USAGE = "Find --namesrv ADDRESS --topic TOPIC";

    private final DefaultMQProducer producer = new DefaultMQProducer("interop_java_finder");
    private final String topic;
    private int found;
    private int missing;
    private int different;
    private String firstProblem;

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> new Find(program).run());
    }

    private Find(Program program) {
        producer.setNamesrvAddr(program.text("--namesrv"));
        producer.setMqClientApiTimeout(60_000);
        topic = program.text("--topic");
    }

    private void run() throws Exception {
        // All of it first: what a sender still has to send into this pipe may have to create the topic.
        List<String> lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).lines()
            .filter(line -> !line.trim().isEmpty())
            .collect(Collectors.toList());
        if (lines.isEmpty()) {
            throw new Exception("no messages on stdin");
        }
        producer.start();
        // A look-up goes to the broker the id names; this makes a wrong name server or topic show as such.
        producer.fetchPublishMessageQueues(topic);
        for (String line : lines) {
            find(RemotingSerializable.fromJson(line, Map.class));
        }
        // Not shut down: another broker of the route may hang, and would be told and waited for.
        Program.print("found", found, "missing", missing, "different", different);
        if (firstProblem != null) {
            throw new Exception("not all as sent; the first: " + firstProblem);
        }
    }

    @SuppressWarnings("deprecation") // no other look-up by offset message id is in both versions
    private void find(Map<?, ?> expected) {
        String id = (String) expected.get("offsetMsgId");
        MessageExt message;
        try {
            // If the broker the id names does not have it, this asks again for a message with the id as its unique
            // key; difference() does not take such a message for the right one.
            message = producer.viewMessage(topic, Objects.requireNonNull(id, "no offsetMsgId"));
        } catch (Exception e) {
            missing++;
            problem(id, Program.oneLine(e));
            return;
        }
        String difference = message == null ? null : difference(expected, message);
        if (message == null) {
            missing++;
            problem(id, "no such message");
        } else if (difference != null) {
            different++;
            problem(id, difference);
        } else {
            found++;
        }
    }

    /** What of the message is not as expected, or null. */
    private String difference(Map<?, ?> expected, MessageExt message) {
        Object[][] comparisons = {
            {"offsetMsgId", expected.get("offsetMsgId"), ((MessageClientExt) message).getOffsetMsgId()},
            {"topic", topic, message.getTopic()},
            {"UNIQ_KEY", expected.get("msgId"), message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX)},
            expected.containsKey("body_hex")
                ? new Object[] {"body_hex", hexOf(expected), Program.hex(message.getBody())}
                : new Object[] {"body_crc", crcOf(expected), Program.crc32(message.getBody())},
        };
        for (Object[] comparison : comparisons) {
            if (!Objects.equals(comparison[1], comparison[2])) {
                return comparison[0] + " is " + comparison[2] + ", not " + comparison[1];
            }
        }
        return null;
    }

    private static String hexOf(Map<?, ?> expected) {
        return expected.get("body_hex").toString().toUpperCase();
    }

    private static Long crcOf(Map<?, ?> expected) {
        Number crc = (Number) expected.get("body_crc");
        return crc == null ? null : crc.longValue();
    }

    private void problem(String id, String what) {
        if (firstProblem == null) {
            firstProblem = id + ": " + what;
        }
    }
}
