package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;
import java.util.Map;

/** Written for OpenFaaS's java11 and java17 templates; runs on criu-java unchanged. */
public class Handler extends AbstractHandler {
    @Override
    public IResponse Handle(IRequest req) {
        Response res = new Response();
        if (req.getPathRaw().equals("/fail")) {
            throw new IllegalStateException("the handler fails");
        }
        if (req.getPathRaw().equals("/empty")) {
            res.setStatusCode(204);
            return res;
        }
        StringBuilder text = new StringBuilder();
        text.append("body=").append(req.getBody()).append('\n');
        text.append("query=").append(req.getQueryRaw()).append(' ').append(req.getQuery().get("name")).append('\n');
        text.append("path=").append(req.getPathRaw()).append(' ').append(req.getPath().get("user")).append('\n');
        text.append("type=").append(req.getHeader("Content-Type")).append('\n');
        for (Map.Entry<String, String> header : req.getHeaders().entrySet()) {
            if (header.getKey().equalsIgnoreCase("X-Asked")) {
                text.append("asked=").append(header.getValue()).append('\n');
            }
        }
        res.setBody(text.toString());
        res.setStatusCode(202);
        res.setHeader("X-Handler", "java17");
        res.setHeader("X-Removed", "not for long");
        res.setHeader("X-Removed", null);
        res.setContentType("text/x-report");
        IHandler self = this;
        assert self != null;
        return res;
    }
}
