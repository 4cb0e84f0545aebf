package com.openfaas.function;

import static org.junit.Assert.assertNotNull;

import com.openfaas.model.IHandler;
import org.junit.Test;

// A build lays a function over this sample: without a HandlerTest of its own
// it is tested by this one, which therefore asks for nothing but a handler.
public class HandlerTest {
    @Test
    public void canBeMade() {
        IHandler handler = new Handler();
        assertNotNull(handler);
    }
}
