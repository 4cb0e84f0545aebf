package com.openfaas.model;

/** A function: one call per request. */
public interface IHandler {
    /** Answers one request. Calls may overlap if the server has several threads. */
    IResponse Handle(IRequest request);

    /**
     * Called once, before the first request is accepted. A function may use it
     * to exercise what its requests need; one that does not is unaffected.
     */
    default void Warm() {
    }
}
