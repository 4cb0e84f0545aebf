package com.openfaas.function;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import com.openfaas.model.IHandler;
import com.openfaas.model.Request;
import java.util.Map;
import org.junit.Test;

public class HandlerTest {
    @Test
    public void handlerIsNotNull() {
        IHandler handler = new Handler();
        assertTrue("Expected handler not to be null", handler != null);
    }

    @Test
    public void answers() {
        assertEquals(202, new Handler().Handle(new Request("x", Map.of())).getStatusCode());
    }
}
