package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;

/** simple-hash: a polynomial hash over random bytes, four rounds per byte. */
public class Handler extends AbstractHandler {
    private static final int ROUNDS = 4;

    private final Workload<byte[]> workload = new Workload<>(
            "simple-hash", "SimpleHash", new Workload.Size(525_000, 75, 50_000, 1_000_000),
            Handler::generate, Handler::hash);

    @Override
    public IResponse Handle(IRequest request) {
        return workload.serve(request);
    }

    private static byte[] generate(int size) {
        byte[] bytes = new byte[size];
        Workload.RANDOM.nextBytes(bytes);
        return bytes;
    }

    static int hash(byte[] bytes) {
        int h = 0;
        for (byte b : bytes) {
            for (int round = 0; round < ROUNDS; round++) {
                h = 31 * h + b;
            }
        }
        return h;
    }
}
