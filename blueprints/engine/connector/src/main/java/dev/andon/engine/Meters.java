package dev.andon.engine;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.apache.camel.CamelContext;
import org.apache.camel.Processor;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.MainListenerSupport;

/**
 * What a stage did with its documents, as counters without labels, and whether one waits.
 *
 * <p>The counters in <code>andon.counters</code> stand at 0 before the first document: a counter that is born with its
 * first error is invisible to <code>increase()</code>, and to anyone who has to tell "none" from "not measured". Routes
 * count with <code>bean: {ref: count, method: "one('andon.posted')"}</code>, and with <code>#countRetry</code> where they wait and try
 * again. The gauge <code>andon.waiting</code> says how many documents the route <code>andon.waiting.route</code> has in hand.
 */
public final class Meters extends MainListenerSupport {
    private static final String RETRIES = "andon.retries";
    private static final String WAITING = "andon.waiting";

    private CamelContext context;

    @Override
    public void beforeInitialize(BaseMainSupport main) {
        context = main.getCamelContext();
        Processor retry = exchange -> one(RETRIES);
        context.getRegistry().bind("count", this);
        context.getRegistry().bind("countRetry", Processor.class, retry);
    }

    @Override
    public void beforeStart(BaseMainSupport main) {
        for (String name : context.resolvePropertyPlaceholders("{{andon.counters:}}").split(",")) {
            if (!name.isBlank()) {
                add(name.strip(), 0);
            }
        }
        String route = context.resolvePropertyPlaceholders("{{andon.waiting.route:}}");
        if (registry() != null && !route.isBlank()) {
            Gauge.builder(WAITING, context, at -> at.getInflightRepository().size(route)).register(registry());
        }
    }

    /** Counts one document under a name. */
    public void one(String name) {
        add(name, 1);
    }

    /** How many documents were counted under a name; 0 where metrics are off. */
    long value(String name) {
        return registry() == null ? 0 : (long) registry().counter(name).count();
    }

    private void add(String name, double amount) {
        if (registry() != null) {
            registry().counter(name).increment(amount);
        }
    }

    private MeterRegistry registry() {
        return context.getRegistry().findSingleByType(MeterRegistry.class);
    }
}
