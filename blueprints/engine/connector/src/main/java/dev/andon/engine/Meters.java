package dev.andon.engine;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.apache.camel.CamelContext;
import org.apache.camel.Processor;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.MainListenerSupport;

/**
 * What a stage did with its documents, as counters without labels, and whether one waits.
 *
 * <p>The counters in <code>andon.counters.*</code> stand at 0 before the first document: a counter that is born with its
 * first error is invisible to <code>increase()</code>, and to anyone who has to tell "none" from "not measured". Routes
 * count with <code>bean: {ref: count, method: "one('andon.posted')"}</code>, and with <code>#countRetry</code> where they wait and try
 * again. The gauge <code>andon.waiting</code> says how many documents the route <code>andon.waiting.route</code> has in hand.
 */
public final class Meters extends MainListenerSupport {
    private static final String COUNTERS = "andon.counters.";
    private static final String RETRIES = "andon.retries";
    private static final String WAITING = "andon.waiting";

    private final Map<String, LongAdder> counters = new TreeMap<>();
    private final String route;

    Meters(Properties settings) {
        for (String property : settings.stringPropertyNames()) {
            if (property.startsWith(COUNTERS)) {
                for (String name : settings.getProperty(property).strip().split("\\s*,\\s*")) {
                    counters.put(name, new LongAdder());
                }
            }
        }
        route = settings.getProperty("andon.waiting.route", "");
    }

    @Override
    public void beforeInitialize(BaseMainSupport main) {
        Processor retry = exchange -> one(RETRIES);
        main.getCamelContext().getRegistry().bind("count", this);
        main.getCamelContext().getRegistry().bind("countRetry", Processor.class, retry);
    }

    @Override
    public void afterConfigure(BaseMainSupport main) {
        CamelContext context = main.getCamelContext();
        MeterRegistry registry = context.getRegistry().findSingleByType(MeterRegistry.class);
        if (registry == null) {
            return;
        }
        counters.forEach((name, count) -> FunctionCounter.builder(name, count, LongAdder::sum).register(registry));
        if (!route.isBlank()) {
            Gauge.builder(WAITING, context, at -> at.getInflightRepository().size(route)).register(registry);
        }
    }

    /** Counts one document under a name. */
    public void one(String name) {
        counter(name).increment();
    }

    /** How many documents were counted under a name. */
    long value(String name) {
        return counter(name).sum();
    }

    private LongAdder counter(String name) {
        LongAdder counter = counters.get(name);
        if (counter == null) {
            throw new IllegalArgumentException("counter " + name + " is in none of andon.counters.*, which have " + counters.keySet());
        }
        return counter;
    }
}
