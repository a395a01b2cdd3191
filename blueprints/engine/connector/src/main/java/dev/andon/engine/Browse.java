package dev.andon.engine;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.main.Main;
import org.apache.camel.spi.BrowsableEndpoint;

/**
 * Shows what lies in the queue <code>andon.browse</code> without taking it: a line of JSON for each document with its
 * <code>andon_…</code> headers and its body, then the number of documents.
 */
public final class Browse {
    private static final Duration LIMIT = Duration.ofSeconds(120);
    private static final String OURS = "andon_";
    /** What a replay left behind; it is no document. */
    private static final String MARKER = "andon_marker";

    private Browse() {}

    public static void main(String[] arguments) {
        Outcome.failAfter(LIMIT, "browse: no answer from the broker within " + LIMIT.toSeconds() + " s");
        try {
            Properties settings = Settings.load(Settings.home());
            settings.setProperty("camel.main.auto-startup", "false");
            settings.setProperty("camel.management.enabled", "false");
            Main main = Connector.engine(settings, new Meters(settings));
            main.bind("once", new Once());
            main.start();
            Outcome.succeed(Integer.toString(show(main.getCamelContext())));
        } catch (Throwable wrong) {
            Outcome.fail(Check.explained(wrong));
        }
    }

    private static int show(CamelContext context) {
        ObjectMapper json = new ObjectMapper();
        BrowsableEndpoint queue = context.getEndpoint("{{andon.browse}}", BrowsableEndpoint.class);
        int documents = 0;
        for (Exchange found : queue.getExchanges(Integer.MAX_VALUE, null)) {
            if (found.getMessage().getHeader(MARKER) != null) {
                continue;
            }
            ObjectNode line = json.createObjectNode();
            new TreeMap<>(found.getMessage().getHeaders()).forEach((name, value) -> {
                if (name.startsWith(OURS) && value != null) {
                    line.put(name.substring(OURS.length()), value.toString());
                }
            });
            line.put("document", found.getMessage().getBody(String.class));
            System.out.println(line);
            documents++;
        }
        return documents;
    }
}
