package dev.andon.engine;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** How a run with an end ended: one message where Kubernetes shows it, and the exit code. */
final class Outcome {
    private static final int LIMIT = 3 * 1024;
    private static final String MORE = " …";
    private static final Path WHERE =
            Path.of(System.getenv().getOrDefault("ANDON_TERMINATION_LOG", "/dev/termination-log"));

    private Outcome() {}

    static void succeed(String message) {
        end(0, message);
    }

    static void fail(String message) {
        end(1, message);
    }

    /** Ends the process after so long, whatever else in it hangs. */
    static void failAfter(Duration limit, String message) {
        Thread clock = new Thread(() -> {
            try {
                Thread.sleep(limit.toMillis());
                fail(message);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }, "time limit");
        clock.setDaemon(true);
        clock.start();
    }

    /** At most 3 KiB of UTF-8, cut between characters: Kubernetes keeps 4 KiB, and cuts anywhere. */
    static String shortened(String message) {
        if (message.getBytes(StandardCharsets.UTF_8).length <= LIMIT) {
            return message;
        }
        int[] letters = message.codePoints().toArray();
        int room = LIMIT - MORE.getBytes(StandardCharsets.UTF_8).length;
        StringBuilder kept = new StringBuilder();
        for (int letter : letters) {
            String next = Character.toString(letter);
            room -= next.getBytes(StandardCharsets.UTF_8).length;
            if (room < 0) {
                break;
            }
            kept.append(next);
        }
        return kept.append(MORE).toString();
    }

    private static synchronized void end(int code, String message) {
        System.out.println(message);
        try {
            Files.writeString(WHERE, shortened(message));
        } catch (IOException unwritable) {
            System.out.println(WHERE + ": " + unwritable.getMessage());
        }
        System.out.flush();
        // Not exit: a route that failed to start leaves threads behind that no shutdown hook ends.
        Runtime.getRuntime().halt(code);
    }
}
