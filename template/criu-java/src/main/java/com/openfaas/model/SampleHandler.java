package com.openfaas.model;

/** A function that answers every request with 200 and no body. */
public class SampleHandler implements IHandler {
    @Override
    public IResponse Handle(IRequest request) {
        return new Response();
    }
}
