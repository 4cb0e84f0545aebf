package com.openfaas.entrypoint;

import com.openfaas.model.IHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Request;
import com.openfaas.model.Response;
import com.openfaas.snapshot.Hooks;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Carries requests to the function, or to the snapshot hooks, and its answers back. */
final class FunctionExchange implements HttpHandler {
    private final IHandler function;

    FunctionExchange(IHandler function) {
        this.function = function;
    }

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            send(exchange, answer(exchange));
        }
    }

    /** Whatever the function throws, the server lives on. The stack goes to the log only. */
    private IResponse answer(HttpExchange exchange) throws IOException {
        IRequest request = read(exchange);
        try {
            IResponse response = dispatch(request);
            return response == null ? new Response() : response;
        } catch (Throwable e) {
            e.printStackTrace();
            Response failed = new Response();
            failed.setStatusCode(500);
            failed.setBody("Internal Server Error\n");
            return failed;
        }
    }

    private IResponse dispatch(IRequest request) {
        switch (request.getPathRaw()) {
            case "/_/snapshot/before-checkpoint":
                // The watchdog says how many requests wait for the end of the checkpoint.
                String waiting = request.getHeader("X-pronghorn-waiting");
                Hooks.runBeforeCheckpoint(waiting != null && !waiting.equals("0"));
                return null;
            case "/_/snapshot/after-restore":
                Hooks.runAfterRestore();
                return null;
            default:
                return function.Handle(request);
        }
    }

    private static IRequest read(HttpExchange exchange) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        Map<String, String> headers = new HashMap<>();
        // Loops, here and below: the first lambda of a process is slow, and
        // every cold start would wait for it.
        for (Map.Entry<String, List<String>> header : exchange.getRequestHeaders().entrySet()) {
            headers.put(header.getKey(), header.getValue().get(0));
        }
        return new Request(body, headers,
                exchange.getRequestURI().getRawQuery(), exchange.getRequestURI().getRawPath());
    }

    private static void send(HttpExchange exchange, IResponse response) throws IOException {
        byte[] body = response.getBody() == null
                ? new byte[0] : response.getBody().getBytes(StandardCharsets.UTF_8);
        for (Map.Entry<String, String> header : response.getHeaders().entrySet()) {
            exchange.getResponseHeaders().set(header.getKey(), header.getValue());
        }
        if (response.getContentType() != null && !response.getContentType().isEmpty()) {
            exchange.getResponseHeaders().set("Content-Type", response.getContentType());
        }
        int status = response.getStatusCode();
        boolean bodiless = body.length == 0 || status == 204 || status == 304
                || exchange.getRequestMethod().equals("HEAD");
        // For this server -1 means "no body" and 0 "unknown length".
        exchange.sendResponseHeaders(status, bodiless ? -1 : body.length);
        if (!bodiless) {
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        }
    }
}
