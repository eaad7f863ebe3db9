import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;

/** Consumers that start and stop when they are told to, each with a client of its own as if it were a program of its own. */
final class Members {
    private static final String USAGE = "Members --namesrv ADDRESS";

    private final Map<String, Member> members = new ConcurrentHashMap<>();
    private final ExecutorService starters = Executors.newCachedThreadPool();
    private final String namesrv;

    public static void main(String[] args) {
        Program.main(USAGE, args, program -> new Members(program.text("--namesrv")).run());
    }

    private Members(String namesrv) {
        this.namesrv = namesrv;
    }

    /** Ends with its input. The members are not shut down then: who wants that says so. */
    private void run() throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            Order order = new Order(RemotingSerializable.fromJson(line, Map.class));
            starters.execute(() -> follow(order));
        }
    }

    private void follow(Order order) {
        String name = order.text("member");
        try {
            if (order.text("order").equals("stop")) {
                members.remove(name).stop();
                Program.print("event", "stopped", "member", name);
            } else {
                Member member = Member.of(order, namesrv);
                members.put(name, member);
                member.start();
                Program.print("event", "started", "member", name);
            }
        } catch (Throwable e) {
            Program.print("event", "failed", "member", name, "text", e.getClass().getSimpleName() + ": " + Program.oneLine(e));
        }
    }
}
