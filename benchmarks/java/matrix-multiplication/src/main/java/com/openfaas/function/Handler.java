package com.openfaas.function;

import com.openfaas.model.AbstractHandler;
import com.openfaas.model.IRequest;
import com.openfaas.model.IResponse;

/** matrix-multiplication: the product of two square matrices of random integers. */
public class Handler extends AbstractHandler {
    private final Workload<int[][][]> workload = new Workload<>(
            "matrix-multiplication", "MatrixMultiplication", new Workload.Size(250, 2, 100, 400),
            Handler::generate, Handler::work);

    @Override
    public IResponse Handle(IRequest request) {
        return workload.serve(request);
    }

    private static int[][][] generate(int size) {
        return new int[][][] {matrix(size), matrix(size)};
    }

    private static int[][] matrix(int size) {
        int[][] cells = new int[size][size];
        for (int[] row : cells) {
            for (int j = 0; j < size; j++) {
                row[j] = Workload.RANDOM.nextInt();
            }
        }
        return cells;
    }

    private static long work(int[][][] factors) {
        int[][] product = multiply(factors[0], factors[1]);
        return product[product.length - 1][0];
    }

    /** The product, modulo 2³², cell by cell; each cell copies its row and column, as the published workload does. */
    static int[][] multiply(int[][] a, int[][] b) {
        int n = a.length;
        int[][] product = new int[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                product[i][j] = dot(row(a, i), column(b, j));
            }
        }
        return product;
    }

    private static int[] row(int[][] cells, int i) {
        int[] copy = new int[cells.length];
        for (int k = 0; k < copy.length; k++) {
            copy[k] = cells[i][k];
        }
        return copy;
    }

    private static int[] column(int[][] cells, int j) {
        int[] copy = new int[cells.length];
        for (int k = 0; k < copy.length; k++) {
            copy[k] = cells[k][j];
        }
        return copy;
    }

    private static int dot(int[] row, int[] column) {
        int sum = 0;
        for (int k = 0; k < row.length; k++) {
            sum += row[k] * column[k];
        }
        return sum;
    }
}
