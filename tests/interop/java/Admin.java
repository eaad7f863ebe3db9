import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** Runs the reference's own tool, {@code mqadmin}, for each line of its input, which is a list of its arguments. */
final class Admin {
    private static final String USAGE = "Admin ";

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> run());
    }

    private Admin() {
    }

    private static void run() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            Program.print("output", output(RemotingSerializable.fromJson(line, String[].class)));
        }
    }

    /** What the tool prints, complaints included. */
    private static String output(String[] command) {
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        PrintStream both = new PrintStream(output, true, StandardCharsets.UTF_8);
        PrintStream complaints = System.err;
        System.setOut(both);
        System.setErr(both);
        try {
            MQAdminStartup.main(command);
        } finally {
            System.setErr(complaints);
        }
        return output.toString(StandardCharsets.UTF_8);
    }
}
