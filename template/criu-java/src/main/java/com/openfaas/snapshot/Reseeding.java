package com.openfaas.snapshot;

import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Gives a restored process random numbers of its own. The generators behind
 * Math.random and ThreadLocalRandom are private to the JDK; the template opens
 * them by --add-opens, and where that is missing they stay as they are.
 */
final class Reseeding {
    /** For so long SecureRandom may hand out bytes that it has read from the kernel before. */
    private static final long SECURE_RANDOM_BUFFER_MS = 100;

    private static volatile long lastKnownMillis;

    private static Random mathRandom;
    private static AtomicLong threadLocalSeeder;
    private static ThreadGroup allThreads;
    /** Of a Thread; one that has not drawn yet takes its seed from the seeder. Opened last. */
    private static Field threadSeed;

    private Reseeding() {
    }

    /**
     * Remembers when the snapshot is taken, and does what a restore will do,
     * so that it finds the classes loaded.
     */
    static void prepare() {
        reseedGenerators();
        lastKnownMillis = System.currentTimeMillis();
    }

    static void reseed() {
        reseedGenerators();
        long passed = System.currentTimeMillis() - lastKnownMillis;
        if (passed < 2 * SECURE_RANDOM_BUFFER_MS) {
            // A restore within the buffer's life, or on a host whose clock is
            // behind. Otherwise the first use of SecureRandom, tens of
            // milliseconds, would be added to every restore for nothing.
            new SecureRandom().setSeed(Hooks.newSeed());
        }
    }

    private static synchronized void reseedGenerators() {
        try {
            if (threadSeed == null) {
                openGenerators();
            }
            Thread[] threads = new Thread[2 * allThreads.activeCount() + 16];
            int count = allThreads.enumerate(threads);
            ByteBuffer seeds = Hooks.newSeeds(2 + count);
            mathRandom.setSeed(seeds.getLong());
            threadLocalSeeder.set(seeds.getLong());
            for (int i = 0; i < count; i++) {
                threadSeed.setLong(threads[i], seeds.getLong());
            }
        } catch (ReflectiveOperationException | RuntimeException e) {
            // Not opened, or another JDK: the function's own hooks have to do.
        }
    }

    /** Before the snapshot, so that no restore has to wait for it. */
    private static void openGenerators() throws ReflectiveOperationException {
        Math.random(); // makes the generator
        mathRandom = (Random) open(Class.forName("java.lang.Math$RandomNumberGeneratorHolder"), "randomNumberGenerator")
                .get(null);
        threadLocalSeeder = (AtomicLong) open(ThreadLocalRandom.class, "seeder").get(null);
        allThreads = Thread.currentThread().getThreadGroup();
        while (allThreads.getParent() != null) {
            allThreads = allThreads.getParent();
        }
        threadSeed = open(Thread.class, "threadLocalRandomSeed");
    }

    private static Field open(Class<?> owner, String name) throws NoSuchFieldException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }
}
