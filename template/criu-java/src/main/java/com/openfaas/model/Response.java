package com.openfaas.model;

import java.util.LinkedHashMap;
import java.util.Map;

/** A response held in memory: at first 200, without body, headers or content type. */
public class Response implements IResponse {
    private int statusCode = 200;
    private String body = "";
    private String contentType = "";
    private final Map<String, String> headers = new LinkedHashMap<>();

    public Response() {
    }

    @Override
    public String getBody() {
        return body;
    }

    @Override
    public void setBody(String body) {
        this.body = body;
    }

    @Override
    public String getHeader(String key) {
        return headers.get(key);
    }

    @Override
    public void setHeader(String key, String value) {
        if (value == null) {
            headers.remove(key);
        } else {
            headers.put(key, value);
        }
    }

    @Override
    public Map<String, String> getHeaders() {
        return headers;
    }

    @Override
    public void setContentType(String contentType) {
        this.contentType = contentType;
    }

    @Override
    public String getContentType() {
        return contentType;
    }

    @Override
    public void setStatusCode(int code) {
        this.statusCode = code;
    }

    @Override
    public int getStatusCode() {
        return statusCode;
    }
}
