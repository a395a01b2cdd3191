package dev.andon.engine;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What is expected of one golden document:
 * <code>{"exit": "posted", "headers": {"Idempotency-Key": "…"}, "body": {…}}</code>. The body has to be equal, as JSON if it is
 * JSON and as text if not; of the headers only those that are named.
 */
record Golden(String exit, Map<String, JsonNode> headers, JsonNode body) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Where a document came out of the routes, and how. */
    record Result(String exit, Map<String, Object> headers, String body) {}

    static Golden parse(String text) throws JsonProcessingException {
        JsonNode golden = JSON.readTree(text);
        if (!golden.path("exit").isTextual() || !golden.has("body")) {
            throw new IllegalArgumentException("wants {\"exit\": …, \"headers\": {…}, \"body\": …}");
        }
        return new Golden(golden.get("exit").asText(), fields(golden.path("headers")), golden.get("body"));
    }

    /** The first difference, in words, or nothing. */
    Optional<String> difference(Result got) {
        if (!exit.equals(got.exit())) {
            return Optional.of("exit: expected " + exit + ", got " + got.exit() + " " + got.headers() + " " + got.body());
        }
        for (Map.Entry<String, JsonNode> header : headers.entrySet()) {
            Object value = got.headers().get(header.getKey());
            if (value == null || !header.getValue().asText().equals(value.toString())) {
                return Optional.of("header " + header.getKey() + ": expected " + header.getValue().asText() + ", got " + value);
            }
        }
        return difference("body", body, read(got.body()));
    }

    private static Optional<String> difference(String where, JsonNode expected, JsonNode got) {
        if (expected.equals(got)) {
            return Optional.empty();
        }
        if (expected.isObject() && got.isObject()) {
            Map<String, JsonNode> members = fields(expected);
            members.putAll(fields(got));
            for (String name : members.keySet()) {
                Optional<String> inside = difference(where + "." + name, expected.path(name), got.path(name));
                if (inside.isPresent()) {
                    return inside;
                }
            }
        }
        return Optional.of(where + ": expected " + shown(expected) + ", got " + shown(got));
    }

    private static Map<String, JsonNode> fields(JsonNode node) {
        Map<String, JsonNode> fields = new LinkedHashMap<>();
        node.properties().forEach(field -> fields.put(field.getKey(), field.getValue()));
        return fields;
    }

    private static String shown(JsonNode node) {
        return node.isMissingNode() ? "nothing" : node.toString();
    }

    private static JsonNode read(String body) {
        try {
            JsonNode node = JSON.readTree(body);
            return node.isMissingNode() ? TextNode.valueOf(body) : node;
        } catch (JsonProcessingException noJson) {
            return TextNode.valueOf(body);
        }
    }
}
