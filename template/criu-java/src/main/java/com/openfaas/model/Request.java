package com.openfaas.model;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** A request held in memory. */
public class Request implements IRequest {
    private final String body;
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private final String queryRaw;
    private final String pathRaw;
    private final Map<String, String> query;
    private final Map<String, String> path;

    public Request(String body, Map<String, String> headers) {
        this(body, headers, "", "");
    }

    public Request(String body, Map<String, String> headers, String queryRaw, String path) {
        this.body = body;
        if (headers != null) {
            this.headers.putAll(headers);
        }
        this.queryRaw = queryRaw == null ? "" : queryRaw;
        this.pathRaw = path == null ? "" : path;
        this.query = parseQuery(this.queryRaw);
        this.path = parsePath(this.pathRaw);
    }

    @Override
    public String getBody() {
        return body;
    }

    @Override
    public Map<String, String> getHeaders() {
        return headers;
    }

    @Override
    public String getHeader(String key) {
        return key == null ? null : headers.get(key);
    }

    @Override
    public String getQueryRaw() {
        return queryRaw;
    }

    @Override
    public Map<String, String> getQuery() {
        return query;
    }

    @Override
    public String getPathRaw() {
        return pathRaw;
    }

    @Override
    public Map<String, String> getPath() {
        return path;
    }

    private static Map<String, String> parseQuery(String raw) {
        Map<String, String> result = new LinkedHashMap<>();
        for (String pair : raw.split("&")) {
            if (!pair.isEmpty()) {
                int equals = pair.indexOf('=');
                String key = equals < 0 ? pair : pair.substring(0, equals);
                String value = equals < 0 ? "" : pair.substring(equals + 1);
                result.put(decode(key), decode(value));
            }
        }
        return result;
    }

    private static Map<String, String> parsePath(String raw) {
        Map<String, String> result = new LinkedHashMap<>();
        String[] segments = (raw.startsWith("/") ? raw.substring(1) : raw).split("/");
        for (int i = 0; i < segments.length; i += 2) {
            if (!segments[i].isEmpty()) {
                result.put(segments[i], i + 1 < segments.length ? segments[i + 1] : "");
            }
        }
        return result;
    }

    /** Decodes %XX and +; text with a broken escape is left as it is. */
    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return text;
        }
    }
}
