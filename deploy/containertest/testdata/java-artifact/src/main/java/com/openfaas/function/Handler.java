package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;
import com.openfaas.model.Response;

/** In the form of the published Pronghorn functions, with Warm() and no service file. */
public class Handler extends AbstractHandler {
    private boolean warm;

    public void Warm() {
        warm = true;
    }

    public IResponse Handle(IRequest req) {
        Response res = new Response();
        res.setBody("warm=" + warm);
        return res;
    }
}
