package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;

public class Handler extends AbstractHandler {
    @Override
    public IResponse Handle(IRequest request) {
        Response response = new Response();
        response.setContentType("text/plain; charset=utf-8");
        response.setBody("Hello, " + request.getQuery().getOrDefault("name", "world") + "!\n");
        return response;
    }
}
