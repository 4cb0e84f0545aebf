package com.openfaas.entrypoint;

import com.openfaas.model.IHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.ServiceLoader;
import java.util.concurrent.Executors;

/**
 * HTTP server of one function, on 127.0.0.1. From the environment: http_port
 * (8082), http_threads (1), the number of requests handled at once.
 */
public final class App {
    private static final String HANDLER = "com.openfaas.function.Handler";

    private App() {
    }

    public static void main(String[] args) throws Exception {
        System.setOut(lineFlushed(FileDescriptor.out));
        System.setErr(lineFlushed(FileDescriptor.err));
        IHandler handler = loadHandler();
        warm(handler);
        serve(handler, positive("http_port", 8082), positive("http_threads", 1));
    }

    /** Log lines leave at once and in UTF-8, whatever the locale. */
    private static PrintStream lineFlushed(FileDescriptor descriptor) {
        return new PrintStream(
                new BufferedOutputStream(new FileOutputStream(descriptor), 8192), true, StandardCharsets.UTF_8);
    }

    /** The handler that META-INF/services names, else the class of the agreed name. */
    private static IHandler loadHandler() throws ReflectiveOperationException {
        Iterator<IHandler> services = ServiceLoader.load(IHandler.class).iterator();
        if (services.hasNext()) {
            return services.next();
        }
        return (IHandler) Class.forName(HANDLER).getDeclaredConstructor().newInstance();
    }

    /** A function that cannot be warmed can still serve. */
    private static void warm(IHandler handler) {
        try {
            handler.Warm();
        } catch (RuntimeException e) {
            e.printStackTrace();
        }
    }

    private static void serve(IHandler handler, int port, int threads) throws IOException {
        // Otherwise answers on kept connections wait for a delayed ACK (40 ms).
        System.setProperty("sun.net.httpserver.nodelay", "true");
        // The default backlog of 50 makes bursts of new connections wait for a retransmission.
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 1024);
        server.createContext("/", new FunctionExchange(handler));
        server.setExecutor(Executors.newFixedThreadPool(threads));
        server.start();
    }

    /** The environment variable as an integer above 0. */
    private static int positive(String name, int fallback) {
        String text = System.getenv(name);
        if (text == null || text.isEmpty()) {
            return fallback;
        }
        try {
            int value = Integer.parseInt(text);
            if (value > 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // reported below, as a number out of range is
        }
        System.err.println(name + " must be a positive integer, not \"" + text + "\"");
        System.exit(1);
        return 0;
    }
}
