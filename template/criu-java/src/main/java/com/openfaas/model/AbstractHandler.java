package com.openfaas.model;

/** Base class of functions. */
public abstract class AbstractHandler implements IHandler {
    @Override
    public abstract IResponse Handle(IRequest request);
}
