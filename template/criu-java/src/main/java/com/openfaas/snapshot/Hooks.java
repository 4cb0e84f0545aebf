package com.openfaas.snapshot;

import java.io.EOFException;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * What a function does around a snapshot of its process. Hooks run in the
 * order in which they were registered; one that throws stops the round: the
 * checkpoint is cancelled, or the restored process is discarded.
 *
 * <p>The process also lives on after a checkpoint, so whatever a
 * beforeCheckpoint hook closes must be opened again on demand.
 *
 * <p>SecureRandom and UUID.randomUUID draw from the kernel, Math.random and
 * ThreadLocalRandom are reseeded; a java.util.Random of the function's own
 * repeats its numbers in every restore unless it is reseeded here.
 */
public final class Hooks {
    private static final List<Runnable> BEFORE = new CopyOnWriteArrayList<>();
    private static final List<Runnable> AFTER = new CopyOnWriteArrayList<>();

    private Hooks() {
    }

    /** Registers a hook that runs before the process is dumped. */
    public static void beforeCheckpoint(Runnable hook) {
        BEFORE.add(hook);
    }

    /** Registers a hook that runs in every restored process before its first request. */
    public static void afterRestore(Runnable hook) {
        AFTER.add(hook);
    }

    /**
     * True when the operator wants restores to repeat the snapshot's random
     * numbers (snapshot_keep_random), as the published evaluation does.
     */
    public static boolean randomIsKept() {
        String value = System.getenv("snapshot_keep_random");
        return "true".equalsIgnoreCase(value) || "1".equals(value);
    }

    /** A seed from the kernel, for an afterRestore hook: Random.setSeed(Hooks.newSeed()). */
    public static long newSeed() {
        return newSeeds(1).getLong();
    }

    /** So many seeds at once. */
    static ByteBuffer newSeeds(int count) {
        byte[] seeds = new byte[count * Long.BYTES];
        // The first SecureRandom of a process costs tens of milliseconds, which
        // would be added to every restore.
        try (InputStream random = new FileInputStream("/dev/urandom")) {
            if (random.readNBytes(seeds, 0, seeds.length) < seeds.length) {
                throw new EOFException("/dev/urandom");
            }
        } catch (IOException e) {
            new SecureRandom().nextBytes(seeds);
        }
        return ByteBuffer.wrap(seeds);
    }

    /**
     * Runs the hooks, then collects garbage and lets the snapshot forget it.
     * While a request is held up by the checkpoint there is no time for a full
     * collection: those of the young generation have to do, the first of which
     * makes it empty for the second.
     */
    public static void runBeforeCheckpoint(boolean held) {
        run(BEFORE);
        if (!randomIsKept()) {
            Reseeding.prepare();
        }
        if (held) {
            YoungGeneration.overwrite();
        } else {
            System.gc();
        }
        YoungGeneration.overwrite();
    }

    /** Makes the random sources of this restore its own, then runs the hooks. */
    public static void runAfterRestore() {
        if (!randomIsKept()) {
            Reseeding.reseed();
        }
        run(AFTER);
    }

    private static void run(List<Runnable> hooks) {
        for (Runnable hook : hooks) {
            hook.run();
        }
    }
}
