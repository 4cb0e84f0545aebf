package com.openfaas.function;

import com.openfaas.model.IResponse;
import com.openfaas.model.Request;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.Random;

/** Tests of matrix-multiplication. Run with: java -ea -cp CLASSES com.openfaas.function.HandlerTest */
public final class HandlerTest {
    public static void main(String[] args) {
        boolean enabled = false;
        assert enabled = true;
        if (!enabled) {
            throw new IllegalStateException("assertions are off: run with -ea");
        }
        productsAreThoseOfALibrary();
        answersCarryTheMeasurement();
        sizesStayInTheirRange();
        System.out.println("ok");
    }

    /** Compares with sums of exact products, reduced to 32 bits at the end. */
    private static void productsAreThoseOfALibrary() {
        int n = 17;
        int[][] a = random(n, 1);
        int[][] b = random(n, 2);
        int[][] product = Handler.multiply(a, b);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                BigInteger sum = BigInteger.ZERO;
                for (int k = 0; k < n; k++) {
                    sum = sum.add(BigInteger.valueOf(a[i][k]).multiply(BigInteger.valueOf(b[k][j])));
                }
                assert product[i][j] == sum.intValue() : i + ", " + j;
            }
        }
    }

    private static int[][] random(int n, int seed) {
        Random random = new Random(seed);
        int[][] cells = new int[n][];
        for (int i = 0; i < n; i++) {
            cells[i] = random.ints(n).toArray();
        }
        return cells;
    }

    private static void answersCarryTheMeasurement() {
        IResponse answer = get("mutability=0");
        assert answer.getBody().equals("MatrixMultiplication took " + answer.getHeader("X-Server-Time-Us") + " ms");
        assert answer.getHeader("X-Input-Size").equals("250");
    }

    private static void sizesStayInTheirRange() {
        for (int i = 0; i < 5; i++) {
            String drawn = get("mutability=1e300").getHeader("X-Input-Size");
            assert drawn.equals("100") || drawn.equals("400") : drawn;
        }
    }

    private static IResponse get(String query) {
        return new Handler().Handle(new Request("", new HashMap<>(), query, "/"));
    }
}
