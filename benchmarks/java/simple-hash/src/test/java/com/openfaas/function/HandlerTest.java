package com.openfaas.function;

import com.openfaas.model.IResponse;
import com.openfaas.model.Request;
import com.openfaas.snapshot.Hooks;
import java.util.HashMap;

/** Tests of simple-hash. Run with: java -ea -cp CLASSES com.openfaas.function.HandlerTest */
public final class HandlerTest {
    public static void main(String[] args) {
        boolean enabled = false;
        assert enabled = true;
        if (!enabled) {
            throw new IllegalStateException("assertions are off: run with -ea");
        }
        hashGoesFourTimesOverEachByte();
        inputsFollowTheSeed();
        answersCarryTheMeasurement();
        sizesStayInTheirRange();
        badMutabilityIsRefusedByName();
        restoresDrawOtherNumbers();
        System.out.println("ok");
    }

    private static void hashGoesFourTimesOverEachByte() {
        int h = 0;
        for (int b : new int[] {1, 1, 1, 1, -2, -2, -2, -2}) {
            h = 31 * h + b;
        }
        assert Handler.hash(new byte[] {1, -2}) == h;
        assert Handler.hash(new byte[0]) == 0;
    }

    private static void inputsFollowTheSeed() {
        assert Workload.RANDOM.nextInt() == new java.util.Random(42).nextInt();
    }

    private static void answersCarryTheMeasurement() {
        Handler handler = new Handler();
        IResponse first = get(handler, "");
        assert first.getStatusCode() == 200;
        String us = first.getHeader("X-Server-Time-Us");
        assert first.getBody().equals("SimpleHash took " + us + " ms") : first.getBody();
        assert first.getHeader("X-Mutability").equals("1.0");
        assert Long.parseLong(first.getHeader("X-Client-Overhead-Us")) >= 0;
        assert first.getHeader("X-Invocations").equals("1");
        assert get(handler, "mutability=2").getHeader("X-Invocations").equals("2");
    }

    private static void sizesStayInTheirRange() {
        Handler handler = new Handler();
        assert size(handler, "mutability=0") == 525_000;
        for (int i = 0; i < 20; i++) {
            int drawn = size(handler, "mutability=1e300");
            assert drawn == 50_000 || drawn == 1_000_000 : drawn;
            assert Math.abs(size(handler, "mutability=1") - 525_000) < 75 * 8;
        }
    }

    private static void badMutabilityIsRefusedByName() {
        for (String bad : new String[] {"abc", "-1", "NaN", "Infinity", ""}) {
            IResponse response = get(new Handler(), "mutability=" + bad);
            assert response.getStatusCode() == 400 : bad;
            assert response.getBody().contains("not '" + bad + "'") : response.getBody();
        }
        assert get(new Handler(), "mutability=%22%5C").getBody().contains("not '\\\"\\\\'");
    }

    private static void restoresDrawOtherNumbers() {
        Workload.RANDOM.setSeed(7);
        int next = Workload.RANDOM.nextInt();
        Workload.RANDOM.setSeed(7);
        Hooks.runAfterRestore();
        assert Workload.RANDOM.nextInt() != next || Hooks.randomIsKept();
    }

    private static int size(Handler handler, String query) {
        return Integer.parseInt(get(handler, query).getHeader("X-Input-Size"));
    }

    private static IResponse get(Handler handler, String query) {
        return handler.Handle(new Request("", new HashMap<>(), query, "/"));
    }
}
