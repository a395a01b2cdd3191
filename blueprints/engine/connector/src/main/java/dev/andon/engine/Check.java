package dev.andon.engine;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.camel.CamelContext;
import org.apache.camel.ConsumerTemplate;
import org.apache.camel.Exchange;
import org.apache.camel.FailedToCreateRouteException;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.component.http.HttpEndpoint;
import org.apache.camel.main.Main;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.RouteDefinition;

/**
 * Says whether the routes of a folder work, before any line sees them. First they are built as they are, with every
 * endpoint, but not started. Then the golden documents of <code>in/</code> go through the same routes, with
 * <code>check/*.properties</code> laid over their addresses, and what comes out is compared with <code>expected/</code>.
 */
public final class Check {
    private static final Duration LIMIT = Duration.ofSeconds(
            Long.parseLong(System.getenv().getOrDefault("ANDON_CHECK_LIMIT_SECONDS", "60")));

    private final Path home;
    private Main main;

    private Check(Path home) {
        this.home = home;
    }

    /** Something that is wrong with the routes or with what they made of a document. */
    private static final class Finding extends Exception {
        private static final long serialVersionUID = 1;

        Finding(String message) {
            super(message);
        }
    }

    public static void main(String[] arguments) {
        long begin = System.nanoTime();
        Outcome.failAfter(LIMIT, "check: not done within " + LIMIT.toSeconds() + " s");
        Check check = new Check(Settings.home());
        try {
            check.dryRun();
            int documents = check.golden();
            long seconds = Duration.ofNanos(System.nanoTime() - begin).toMillis();
            Outcome.succeed("check: routes start, " + documents + " golden documents come out right (" + seconds + " ms)");
        } catch (Finding finding) {
            Outcome.fail(finding.getMessage());
        } catch (Throwable wrong) {
            Outcome.fail(check.place(wrong) + explained(wrong));
        }
    }

    private void dryRun() throws Exception {
        main = quiet(Settings.load(home));
        main.start();
        for (HttpEndpoint endpoint : endpoints(main.getCamelContext(), HttpEndpoint.class)) {
            // The component takes an option it does not know for a query parameter and sends it out.
            if (endpoint.getHttpUri().getQuery() != null) {
                throw new Finding("endpoint " + endpoint.getHttpUri() + ": `" + endpoint.getHttpUri().getQuery()
                        + "` is no option of the http component; set a query by the header CamelHttpQuery");
            }
        }
        main.stop();
    }

    private int golden() throws Exception {
        Properties settings = Settings.load(home);
        for (Path overlay : Settings.files(home.resolve("check"), ".properties")) {
            settings.putAll(Settings.read(overlay));
        }
        main = quiet(settings);
        main.start();
        CamelContext context = main.getCamelContext();
        for (String route : list(settings, "andon.check.routes")) {
            context.getRouteController().startRoute(route);
        }
        Map<String, Path> expected = byName(home.resolve("expected"));
        Map<String, Path> documents = byName(home.resolve("in"));
        pair(documents, expected);
        for (Map.Entry<String, Path> document : documents.entrySet()) {
            Path answer = expected.get(document.getKey());
            Golden golden = read(answer);
            Optional<String> difference = golden.difference(through(context, settings, document.getValue()));
            if (difference.isPresent()) {
                throw new Finding("golden document " + document.getValue().getFileName() + ", expected/" + answer.getFileName() + ": "
                        + difference.get());
            }
        }
        main.stop();
        return documents.size();
    }

    /** Sends a document through the routes; it has to come out at exactly one exit. */
    private Golden.Result through(CamelContext context, Properties settings, Path document) throws Exception {
        String name = document.getFileName().toString();
        List<Golden.Result> results = new ArrayList<>();
        try (ProducerTemplate producer = context.createProducerTemplate();
                ConsumerTemplate consumer = context.createConsumerTemplate()) {
            String text = Files.readString(document);
            Exchange sent = producer.send(settings.getProperty("andon.check.enter"), in -> in.getMessage().setBody(text));
            if (sent.getException() != null) {
                throw new Finding("golden document " + name + ": route " + sent.getFromRouteId() + ": "
                        + explained(sent.getException()));
            }
            for (String exit : list(settings, "andon.check.exits")) {
                for (Exchange out = next(consumer, exit); out != null; out = next(consumer, exit)) {
                    String body = out.getMessage().getBody(String.class);
                    results.add(new Golden.Result(exit, Map.copyOf(withoutNulls(out)), body));
                }
            }
        }
        if (results.size() != 1) {
            throw new Finding("golden document " + name + ": expected to come out once, came out " + results.size()
                    + " times " + results);
        }
        return results.get(0);
    }

    private static Exchange next(ConsumerTemplate consumer, String exit) {
        return consumer.receiveNoWait("seda:" + exit);
    }

    private static Map<String, Object> withoutNulls(Exchange exchange) {
        Map<String, Object> headers = new TreeMap<>(exchange.getMessage().getHeaders());
        headers.values().removeIf(value -> value == null);
        return headers;
    }

    private static Golden read(Path file) throws IOException, Finding {
        try {
            return Golden.parse(Files.readString(file));
        } catch (IllegalArgumentException | JsonProcessingException wrong) {
            throw new Finding("expected/" + file.getFileName() + ": " + wrong.getMessage());
        }
    }

    private static void pair(Map<String, Path> documents, Map<String, Path> expected) throws Finding {
        if (documents.isEmpty()) {
            throw new Finding("in/: no golden document; at least one is needed");
        }
        for (String name : union(documents, expected)) {
            if (!expected.containsKey(name)) {
                throw new Finding("golden document " + name + ": expected/" + name + ".json is missing");
            }
            if (!documents.containsKey(name)) {
                throw new Finding("expected/" + name + ".json: there is no document of that name in in/");
            }
        }
    }

    private static TreeSet<String> union(Map<String, Path> one, Map<String, Path> other) {
        TreeSet<String> names = new TreeSet<>(one.keySet());
        names.addAll(other.keySet());
        return names;
    }

    private static Map<String, Path> byName(Path folder) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        for (Path file : Settings.files(folder, "")) {
            files.put(file.getFileName().toString().replaceFirst("[.][^.]*$", ""), file);
        }
        return files;
    }

    private static Main quiet(Properties settings) {
        settings.setProperty("camel.main.auto-startup", "false");
        settings.setProperty("camel.management.enabled", "false");
        settings.setProperty("camel.metrics.enabled", "false");
        Main quiet = Connector.engine(settings, new Meters(settings));
        quiet.bind("once", new Once());
        return quiet;
    }

    private static List<String> list(Properties settings, String name) {
        return List.of(settings.getProperty(name, "").strip().split("\\s*,\\s*"));
    }

    private static <E> List<E> endpoints(CamelContext context, Class<E> kind) {
        return context.getEndpoints().stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    /** The file of the route that could not be built; nothing if it is another kind of error, which names its file itself. */
    private String place(Throwable wrong) {
        for (Throwable cause = wrong; cause != null; cause = cause.getCause()) {
            if (cause instanceof FailedToCreateRouteException route && main.getCamelContext() instanceof ModelCamelContext model) {
                RouteDefinition definition = model.getRouteDefinition(route.getRouteId());
                if (definition != null && definition.getResource() != null) {
                    return Path.of(definition.getResource().getURI().getPath()).getFileName() + ": ";
                }
            }
        }
        return "";
    }

    /** What went wrong in one line: the route if known, then each cause that says something new. */
    static String explained(Throwable wrong) {
        StringBuilder said = new StringBuilder();
        for (Throwable cause = wrong; cause != null; cause = cause.getCause()) {
            String message = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
            if (cause instanceof FailedToCreateRouteException route) {
                message = "route " + route.getRouteId();
            }
            if (!said.toString().contains(message)) {
                said.append(said.isEmpty() ? "" : ": ").append(message);
            }
        }
        return said.toString().replaceAll("\\s+", " ");
    }
}
