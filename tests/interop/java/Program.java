import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** Command line, exit code and output lines, the same for every program here. */
final class Program {
    /** A mistake on the command line, told apart from a failure of the work. */
    static final class UsageException extends RuntimeException {
        UsageException(String message) {
            super(message);
        }
    }

    interface Work {
        void run(Program program) throws Exception;
    }

    /** JSON is UTF-8, whatever the locale. */
    private static final PrintStream OUT =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private final Map<String, String> values = new HashMap<>();

    /**
     * Runs the work and exits: 0 if all of it was done, 1 if not, 2 for a wrong command line. An option of the usage
     * that is followed by a word there takes a value.
     */
    static void main(String usage, String[] args, Work work) {
        int code = 0;
        String name = usage.substring(0, usage.indexOf(' '));
        try {
            work.run(new Program(usage, args));
        } catch (UsageException e) {
            System.err.println(name + ": " + e.getMessage() + "; usage: " + usage);
            code = 2;
        } catch (Throwable e) {
            System.err.println(name + ": " + oneLine(e));
            code = 1;
        }
        // The clients leave threads behind that would keep the process.
        System.exit(code);
    }

    private Program(String usage, String[] args) {
        String[] words = usage.replaceAll("[\\[\\]]", "").split(" ");
        Map<String, Boolean> takesValue = new HashMap<>();
        for (int i = 1; i < words.length; i++) {
            if (words[i].startsWith("--")) {
                takesValue.put(words[i], i + 1 < words.length && !words[i + 1].startsWith("--"));
            }
        }
        for (int i = 0; i < args.length; i++) {
            Boolean value = takesValue.get(args[i]);
            if (value == null) {
                throw new UsageException("unknown option " + args[i]);
            }
            if (value && i + 1 == args.length) {
                throw new UsageException(args[i] + " needs a value");
            }
            values.put(args[i], value ? args[++i] : "");
        }
    }

    boolean has(String option) {
        return values.containsKey(option);
    }

    String text(String option) {
        String value = values.get(option);
        if (value == null || value.isEmpty()) {
            throw new UsageException(option + " is missing");
        }
        return value;
    }

    String text(String option, String otherwise) {
        return values.getOrDefault(option, otherwise);
    }

    int positive(String option) {
        String value = text(option);
        try {
            int number = Integer.parseInt(value);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below, as for a number out of range
        }
        throw new UsageException(option + " must be a positive number, not '" + value + "'");
    }

    int positive(String option, int otherwise) {
        return has(option) ? positive(option) : otherwise;
    }

    /** Prints one JSON line at once, so that a reader sees what was done before a crash; null fields are left out. */
    static void print(Object... namesAndValues) {
        Map<String, Object> line = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            if (namesAndValues[i + 1] != null) {
                line.put((String) namesAndValues[i], namesAndValues[i + 1]);
            }
        }
        OUT.println(RemotingSerializable.toJson(line, false));
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static long crc32(byte[] body) {
        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
        crc.update(body);
        return crc.getValue();
    }

    static String hex(byte[] body) {
        return UtilAll.bytes2string(body);
    }

    static String oneLine(Throwable e) {
        String message = e.getMessage() == null ? e.toString() : e.getMessage();
        return message.replaceAll("\\s+", " ").trim();
    }
}
