package com.openfaas.function;

import static org.junit.Assert.assertEquals;

import com.openfaas.model.Request;
import java.util.Map;
import org.junit.Test;

public class HandlerTest {
    @Test
    public void greetsByName() {
        Request request = new Request("", Map.of(), "name=Ada", "/");
        assertEquals("Hello, Ada!\n", new Handler().Handle(request).getBody());
    }
}
