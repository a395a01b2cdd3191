package dev.andon.engine;

import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.camel.main.Main;

/**
 * Runs the routes of a folder until one of them says that its work is done (<code>bean: {ref: once, method: finish}</code>),
 * then tells how many documents <code>andon.once.counter</code> counted.
 */
public final class Once {
    private static final Duration LIMIT = Duration.ofSeconds(
            Long.parseLong(System.getenv().getOrDefault("ANDON_ONCE_LIMIT_SECONDS", "600")));

    private final CountDownLatch done = new CountDownLatch(1);

    Once() {}

    /** Called by the route that has come to its end. */
    public void finish() {
        done.countDown();
    }

    public static void main(String[] arguments) {
        Outcome.failAfter(LIMIT.plusSeconds(30), "not stopped within 30 s");
        try {
            Once once = new Once();
            Properties settings = Settings.load(Settings.home());
            Meters meters = new Meters(settings);
            Main main = Connector.engine(settings, meters);
            main.bind("once", once);
            main.start();
            String counter = main.getCamelContext().resolvePropertyPlaceholders("{{andon.once.counter}}");
            boolean finished = once.done.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            // Graceful: what is in hand is committed or given back before it is counted.
            main.stop();
            long documents = meters.value(counter);
            if (finished) {
                Outcome.succeed(Long.toString(documents));
            } else {
                Outcome.fail("not done within " + LIMIT.toSeconds() + " s, after " + documents + " documents");
            }
        } catch (Throwable wrong) {
            Outcome.fail(Check.explained(wrong));
        }
    }
}
