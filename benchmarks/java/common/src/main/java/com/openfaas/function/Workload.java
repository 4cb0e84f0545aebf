package com.openfaas.function;

import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;
import com.openfaas.snapshot.Hooks;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;

/**
 * What all Java benchmark functions share: the size of a request's input, the
 * timing, and the form of the answer.
 *
 * @param <T> the input
 */
final class Workload<T> {
    /**
     * The one generator, seeded once for the life of the process; the
     * generation of the input draws from it too. Restores get seeds of their
     * own unless snapshot_keep_random is set.
     */
    static final Random RANDOM = new Random(42);

    static {
        Hooks.afterRestore(() -> {
            if (!Hooks.randomIsKept()) {
                RANDOM.setSeed(Hooks.newSeed());
            }
        });
    }

    private static final GCClock GC = new GCClock();

    /** Keeps results alive, so that no compiler can leave out the work. */
    private static volatile long sink;

    private final String name;
    private final String title;
    private final Size size;
    private final IntFunction<T> generate;
    private final ToLongFunction<T> work;
    private final ToIntFunction<T> measured;
    private final AtomicLong invocations = new AtomicLong();

    /** Input size: normal with this mean and deviation (at mutability 1), clamped to low..high. */
    record Size(double mean, double deviation, int low, int high) {
        int draw(double mutability) {
            double value = mean + deviation * Math.sqrt(mutability) * RANDOM.nextGaussian();
            return (int) Math.min(Math.max(value, low), high);
        }
    }

    /**
     * @param name of the function, in its log lines
     * @param title of the function, in its answers
     * @param generate makes an input of the given size, untimed
     * @param work is what is timed
     */
    Workload(String name, String title, Size size, IntFunction<T> generate, ToLongFunction<T> work) {
        this(name, title, size, generate, work, null);
    }

    /** With the input size to report, where it is not the one that was drawn. */
    Workload(String name, String title, Size size, IntFunction<T> generate, ToLongFunction<T> work,
            ToIntFunction<T> measured) {
        this.name = name;
        this.title = title;
        this.size = size;
        this.generate = generate;
        this.work = work;
        this.measured = measured;
    }

    /** Answers one request. */
    IResponse serve(IRequest request) {
        String text = request.getQuery().getOrDefault("mutability", "1");
        double mutability = parse(text);
        if (!Double.isFinite(mutability) || mutability < 0) {
            return refuse("mutability must be a finite number >= 0, not '" + text + "'");
        }
        return measure(mutability);
    }

    private IResponse measure(double mutability) {
        long begin = System.nanoTime();
        long gcBegin = GC.millis();
        int reported = size.draw(mutability);
        T input = generate.apply(reported);
        long start = System.nanoTime();
        sink = work.applyAsLong(input);
        long serverUs = (System.nanoTime() - start) / 1000;
        if (measured != null) {
            reported = measured.applyAsInt(input);
        }
        long number = invocations.incrementAndGet();
        System.out.println(name + " request " + number + " size " + reported + " took " + serverUs + " us");

        Response response = new Response();
        response.setContentType("text/plain; charset=utf-8");
        // The published functions say ms and mean µs; scripts parse this text.
        response.setBody(title + " took " + serverUs + " ms");
        response.setHeader("X-Mutability", Double.toString(mutability));
        response.setHeader("X-Input-Size", Integer.toString(reported));
        response.setHeader("X-Server-Time-Us", Long.toString(serverUs));
        response.setHeader("X-Invocations", Long.toString(number));
        if (GC.isKnown()) {
            response.setHeader("X-Gc-Time-Us", Long.toString((GC.millis() - gcBegin) * 1000));
        }
        long overheadUs = (System.nanoTime() - begin) / 1000 - serverUs;
        response.setHeader("X-Client-Overhead-Us", Long.toString(overheadUs));
        return response;
    }

    private static double parse(String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    private static IResponse refuse(String reason) {
        Response response = new Response();
        response.setStatusCode(400);
        response.setContentType("application/json");
        response.setBody("{\"error\": \"" + escape(reason) + "\"}");
        return response;
    }

    /** JSON's string escapes; everything outside printable ASCII as \\uXXXX. */
    private static String escape(String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }
}
