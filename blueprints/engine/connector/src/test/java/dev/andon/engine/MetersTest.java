package dev.andon.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Properties;
import org.junit.jupiter.api.Test;

class MetersTest {
    private static Meters meters(String... counters) {
        Properties settings = new Properties();
        for (int i = 0; i < counters.length; i++) {
            settings.setProperty("andon.counters.stage" + i, counters[i]);
        }
        return new Meters(settings);
    }

    @Test
    void countersStandAtZeroAndCountOneByOne() {
        Meters meters = meters("andon.posted, andon.dead.lettered", "andon.received");
        assertEquals(0, meters.value("andon.received"));
        meters.one("andon.posted");
        meters.one("andon.posted");
        assertEquals(2, meters.value("andon.posted"));
        assertEquals(0, meters.value("andon.dead.lettered"));
    }

    @Test
    void aCounterThatIsNotNamedIsAnError() {
        Meters meters = meters("andon.posted");
        IllegalArgumentException wrong = assertThrows(IllegalArgumentException.class, () -> meters.one("andon.poste"));
        assertEquals("counter andon.poste is in none of andon.counters.*, which have [andon.posted]", wrong.getMessage());
    }
}
