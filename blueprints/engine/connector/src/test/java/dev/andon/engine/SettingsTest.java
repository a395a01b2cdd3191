package dev.andon.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    @Test
    void theFolderIsLaidOverTheEngineInTheOrderOfNames(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("a.properties"), "camel.main.shutdown-timeout=1\nandon.unit=Stück\n");
        Files.writeString(folder.resolve("b.properties"), "camel.main.shutdown-timeout=2\n");
        Properties settings = Settings.load(folder);
        assertEquals("2", settings.getProperty("camel.main.shutdown-timeout"));
        assertEquals("Stück", settings.getProperty("andon.unit"));
        assertEquals("true", settings.getProperty("camel.management.enabled"), "the engine's own stays");
        assertEquals(folder.toString(), settings.getProperty("andon.home"));
    }

    @Test
    void whatKubernetesPutsBesideTheFilesIsNoFile(@TempDir Path folder) throws Exception {
        Files.createDirectory(folder.resolve("..data"));
        Files.writeString(folder.resolve(".hidden.yaml"), "");
        Files.createDirectory(folder.resolve("folder.yaml"));
        Files.writeString(folder.resolve("post.yaml"), "");
        assertEquals(List.of(folder.resolve("post.yaml")), Settings.files(folder, ".yaml"));
    }
}
