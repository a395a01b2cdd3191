package dev.andon.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GoldenTest {
    private static final String GOLDEN =
            "{\"exit\": \"posted\", \"headers\": {\"Idempotency-Key\": \"a/1\"}, \"body\": {\"unit\": \"PCE\", \"lines\": [1, 2]}}";

    private static Optional<String> difference(String exit, String key, String body) throws Exception {
        return Golden.parse(GOLDEN).difference(new Golden.Result(exit, Map.of("Idempotency-Key", key, "Host", "x"), body));
    }

    @Test
    void orderAndBlanksOfJsonDoNotCount() throws Exception {
        assertEquals(Optional.empty(), difference("posted", "a/1", "{ \"lines\": [1,2],\n\"unit\":\"PCE\" }"));
    }

    @Test
    void namesTheMemberThatDiffers() throws Exception {
        assertEquals(
                Optional.of("body.unit: expected \"PCE\", got \"PC\""),
                difference("posted", "a/1", "{\"unit\":\"PC\",\"lines\":[1,2]}"));
        assertEquals(
                Optional.of("body.lines: expected [1,2], got [2,1]"),
                difference("posted", "a/1", "{\"unit\":\"PCE\",\"lines\":[2,1]}"));
    }

    @Test
    void aMemberTooManyOrTooFewDiffers() throws Exception {
        assertEquals(
                Optional.of("body.more: expected nothing, got true"),
                difference("posted", "a/1", "{\"unit\":\"PCE\",\"lines\":[1,2],\"more\":true}"));
        assertEquals(
                Optional.of("body.lines: expected [1,2], got nothing"), difference("posted", "a/1", "{\"unit\":\"PCE\"}"));
    }

    @Test
    void namesTheHeaderThatDiffers() throws Exception {
        assertEquals(
                Optional.of("header Idempotency-Key: expected a/1, got a/2"), difference("posted", "a/2", "{}"));
    }

    @Test
    void namesTheOtherExit() throws Exception {
        assertEquals(
                Optional.of("exit: expected posted, got dead-letter {Host=x} no JSON"),
                Golden.parse(GOLDEN).difference(new Golden.Result("dead-letter", Map.of("Host", "x"), "no JSON")));
    }

    @Test
    void aBodyThatIsNoJsonIsComparedAsText() throws Exception {
        Golden golden = Golden.parse("{\"exit\": \"dead-letter\", \"body\": \"<xml/>\"}");
        assertEquals(Optional.empty(), golden.difference(new Golden.Result("dead-letter", Map.of(), "<xml/>")));
        assertEquals(
                Optional.of("body: expected \"<xml/>\", got \"\""),
                golden.difference(new Golden.Result("dead-letter", Map.of(), "")));
    }

    @Test
    void refusesWhatIsNoExpectation() {
        assertThrows(IllegalArgumentException.class, () -> Golden.parse("{\"body\": {}}"));
        assertThrows(IllegalArgumentException.class, () -> Golden.parse("{\"exit\": \"posted\"}"));
    }
}
