package com.openfaas.function;

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;

/**
 * The time that the garbage collectors have taken, which the JVM tells in
 * whole milliseconds. Only if gc_time is true in the environment: asking for
 * the first time costs some 40 ms, by which every cold start would be slower.
 */
final class GCClock {
    private final List<GarbageCollectorMXBean> collectors =
            "true".equals(System.getenv("gc_time")) ? ManagementFactory.getGarbageCollectorMXBeans() : null;

    boolean isKnown() {
        return collectors != null;
    }

    long millis() {
        long sum = 0;
        if (collectors != null) {
            for (GarbageCollectorMXBean collector : collectors) {
                sum += collector.getCollectionTime();
            }
        }
        return sum;
    }
}
