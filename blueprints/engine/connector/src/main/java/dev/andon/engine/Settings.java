package dev.andon.engine;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * The properties a connector runs with: the engine's own, and over them all <code>*.properties</code> of its folder in
 * the order of their names. One merged set, because Camel's own precedence of several files differs by who asks.
 */
final class Settings {
    private static final String ENGINE = "/engine.properties";

    private Settings() {}

    /** The folder with routes, mappings, schemas and properties: <code>ANDON_HOME</code>, or <code>/etc/andon</code>. */
    static Path home() {
        return Path.of(System.getenv().getOrDefault("ANDON_HOME", "/etc/andon"));
    }

    static Properties load(Path folder) throws IOException {
        Properties settings = new Properties();
        settings.setProperty("andon.home", folder.toString());
        try (InputStream engine = Settings.class.getResourceAsStream(ENGINE)) {
            settings.load(new InputStreamReader(engine, StandardCharsets.UTF_8));
        }
        for (Path file : files(folder, ".properties")) {
            settings.putAll(read(file));
        }
        return settings;
    }

    static Properties read(Path file) throws IOException {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            settings.load(reader);
        }
        return settings;
    }

    /** The files of a folder whose names end so, by name. Kubernetes' own <code>..data</code> entries are left out. */
    static List<Path> files(Path folder, String suffix) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(path -> path.getFileName().toString().endsWith(suffix))
                    .filter(path -> !path.getFileName().toString().startsWith("."))
                    .filter(Files::isRegularFile)
                    .sorted()
                    .toList();
        }
    }
}
