package dev.andon.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class OutcomeTest {
    @Test
    void aShortMessageStaysAsItIs() {
        assertEquals("route post: no such component", Outcome.shortened("route post: no such component"));
    }

    @Test
    void aLongMessageIsCutBetweenCharacters() {
        String cut = Outcome.shortened("𝄞ä".repeat(1000));
        int bytes = cut.getBytes(StandardCharsets.UTF_8).length;
        assertTrue(bytes <= 3072 && bytes > 3060, "bytes: " + bytes);
        assertTrue(cut.endsWith(" …"), cut);
        assertTrue(("𝄞ä".repeat(1000)).startsWith(cut.substring(0, cut.length() - 2)), cut);
    }
}
