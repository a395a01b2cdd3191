package dev.andon.engine;

import org.apache.camel.component.http.HttpClientConfigurer;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;

/**
 * Takes the HTTP client's own repetition on 429 and 503 away: it would wait for as long as the server's
 * <code>Retry-After</code> says, out of sight of the route that repeats, counts and can be stopped.
 */
public final class OneTry implements HttpClientConfigurer {
    @Override
    public void configureHttpClient(HttpClientBuilder client) {
        client.disableAutomaticRetries();
    }
}
