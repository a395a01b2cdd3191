package dev.andon.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.apache.camel.FailedToCreateRouteException;
import org.junit.jupiter.api.Test;

class CheckTest {
    @Test
    void saysEachCauseOnceAndInOneLine() {
        Throwable root = new IllegalArgumentException("Unexpected ')'\n at line 4");
        Throwable middle = new IllegalStateException("cannot compile: " + root.getMessage(), root);
        Throwable route = new FailedToCreateRouteException("post", "Route(post)[From[direct:raw] -> …]", "at", middle);
        assertEquals("route post: cannot compile: Unexpected ')' at line 4", Check.explained(route));
    }

    @Test
    void anErrorWithoutWordsSaysItsKind() {
        assertEquals("NullPointerException", Check.explained(new NullPointerException()));
    }
}
