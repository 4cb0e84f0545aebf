package com.openfaas.model;

import java.util.Map;

/** A request to a function. */
public interface IRequest {
    /** The body, decoded as UTF-8; empty if there is none. */
    String getBody();

    /** All headers; of one that was sent twice, the first value. */
    Map<String, String> getHeaders();

    /** The header named key, in any case, or null. */
    String getHeader(String key);

    /** The query string as it was sent, without the question mark. */
    String getQueryRaw();

    /** The query's parameters, decoded; of one that was sent twice, the last value. */
    Map<String, String> getQuery();

    /** The path as it was sent. */
    String getPathRaw();

    /** The path's segments as alternating keys and values: /a/1/b/2 is a=1, b=2. */
    Map<String, String> getPath();
}
