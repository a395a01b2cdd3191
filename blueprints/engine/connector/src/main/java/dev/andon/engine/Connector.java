package dev.andon.engine;

import java.util.Properties;
import org.apache.camel.main.Main;

/** Runs the routes of a folder until it is told to stop: the main class of a stage. */
public final class Connector {
    private Connector() {}

    public static void main(String[] arguments) throws Exception {
        Properties settings = Settings.load(Settings.home());
        Main main = engine(settings, new Meters(settings));
        main.run();
        // The routes are down; a thread of some library that never ends must not keep the pod.
        Runtime.getRuntime().halt(main.getExitCode());
    }

    /** An engine with these settings and no others. */
    static Main engine(Properties settings, Meters meters) {
        Main main = new Main();
        main.setPropertyPlaceholderLocations("false");
        main.setOverrideProperties(settings);
        main.addMainListener(meters);
        return main;
    }
}
