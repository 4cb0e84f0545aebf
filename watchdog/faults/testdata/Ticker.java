import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** A function that ticks 100 times a second; /ticks says how often it has, /clock what its clock shows, in ns. */
public class Ticker {
    private static final AtomicInteger requests = new AtomicInteger();

    public static void main(String[] args) throws IOException {
        AtomicLong ticks = new AtomicLong();
        Executors.newScheduledThreadPool(1).scheduleAtFixedRate(ticks::incrementAndGet, 10, 10, TimeUnit.MILLISECONDS);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 5000), 0);
        server.createContext("/", exchange -> answer(exchange, 0));
        server.createContext("/ticks", exchange -> answer(exchange, ticks.get()));
        server.createContext("/clock", exchange -> answer(exchange, System.nanoTime()));
        server.start();
    }

    private static void answer(HttpExchange exchange, long number) throws IOException {
        byte[] body = (number + "\n").getBytes(StandardCharsets.US_ASCII);
        exchange.getResponseHeaders().set("X-Invocations", Integer.toString(requests.incrementAndGet()));
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
