package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;
import com.openfaas.snapshot.Hooks;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;

/** Says which request it is, and what every source of random numbers gives. */
public class Handler extends AbstractHandler {
    private final SecureRandom secure = new SecureRandom();
    private int count;
    private int restores;

    public Handler() {
        Hooks.afterRestore(() -> restores++);
    }

    @Override
    public IResponse Handle(IRequest request) {
        count++;
        System.out.println("function request " + count);
        Response response = new Response();
        response.setContentType("application/json");
        response.setBody(String.format(
                "{\"count\": %d, \"restores\": %d, \"random\": %s, \"local\": \"%d\", \"uuid\": \"%s\", \"secure\": \"%d\", \"tls\": \"%s\"}",
                count, restores, Math.random(), ThreadLocalRandom.current().nextLong(), UUID.randomUUID(),
                secure.nextLong(), clientHello()));
        return response;
    }

    /**
     * The first message of a TLS handshake: it holds the client's random
     * number and its half of the key exchange.
     */
    private static String clientHello() {
        try {
            SSLEngine engine = SSLContext.getDefault().createSSLEngine("example.org", 443);
            engine.setUseClientMode(true);
            ByteBuffer out = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
            engine.wrap(ByteBuffer.allocate(0), out);
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(out.array(), 0, out.position());
            return HexFormat.of().formatHex(digest.digest());
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
