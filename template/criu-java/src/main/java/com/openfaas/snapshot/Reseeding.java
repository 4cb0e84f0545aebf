package com.openfaas.snapshot;

import java.lang.reflect.Field;
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

    private static void reseedGenerators() {
        try {
            mathRandom().setSeed(Hooks.newSeed());
            threadLocalSeeder().set(Hooks.newSeed());
            reseedThreads();
        } catch (ReflectiveOperationException | RuntimeException e) {
            // Not opened, or another JDK: the function's own hooks have to do.
        }
    }

    private static Random mathRandom() throws ReflectiveOperationException {
        Math.random(); // makes the generator
        return (Random) open(Class.forName("java.lang.Math$RandomNumberGeneratorHolder"), "randomNumberGenerator")
                .get(null);
    }

    private static AtomicLong threadLocalSeeder() throws ReflectiveOperationException {
        return (AtomicLong) open(ThreadLocalRandom.class, "seeder").get(null);
    }

    /** Threads that have not drawn yet take their seed from the seeder. */
    private static void reseedThreads() throws ReflectiveOperationException {
        Field seed = open(Thread.class, "threadLocalRandomSeed");
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            all = all.getParent();
        }
        Thread[] threads = new Thread[2 * all.activeCount() + 16];
        int count = all.enumerate(threads);
        for (int i = 0; i < count; i++) {
            seed.setLong(threads[i], Hooks.newSeed());
        }
    }

    private static Field open(Class<?> owner, String name) throws NoSuchFieldException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }
}
