package com.openfaas.snapshot;

import java.lang.ref.WeakReference;

/**
 * What a collection leaves in the young generation is garbage, which a snapshot
 * would carry and store. Overwritten with zeros it costs nothing.
 */
final class YoungGeneration {
    private static final int PIECE = 64 << 10;

    /** With a larger young generation the time is worth more than the bytes. */
    private static final int LIMIT = 64 << 20;

    /** Where the arrays go, so that the compiler does not leave them out. */
    private static volatile byte[] last;

    private YoungGeneration() {
    }

    /**
     * Fills the young generation with arrays of zeros until that sets off a
     * collection, which leaves it empty. It must be all but empty before, after
     * a collection, since only what is free is overwritten.
     */
    static void overwrite() {
        WeakReference<Object> collected = new WeakReference<>(new Object());
        for (int filled = 0; filled < LIMIT && collected.get() != null; filled += PIECE) {
            last = new byte[PIECE];
        }
        last = null;
    }
}
