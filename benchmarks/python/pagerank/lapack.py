"""LAPACK's dgeev through PyPy's own foreign function interface: there is no
numpy for PyPy."""
import os

# Before the library is loaded: threads of its own could not be told from the
# function's in a snapshot, and a function has one CPU.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cffi

LIBRARIES = ("libopenblas.so.0", "liblapack.so.3")

FFI = cffi.FFI()
FFI.cdef("""
void dgeev_(char *jobvl, char *jobvr, int *n, double *a, int *lda, double *wr, double *wi,
            double *vl, int *ldvl, double *vr, int *ldvr, double *work, int *lwork, int *info);
""")


def _load():
    for name in LIBRARIES:
        try:
            return FFI.dlopen(name)
        except OSError:
            pass
    raise ImportError("none of %s is installed (Debian: libopenblas0-pthread)" % ", ".join(LIBRARIES))


_LIB = _load()


def dominant_left_eigenvector(matrix, n):
    """The eigenvector v of the largest real eigenvalue, v·M = λ·v, of a dense
    matrix given row by row as n·n numbers.

    LAPACK reads column by column and so sees the transpose, whose right
    eigenvectors are the left ones of M.
    """
    a = FFI.new("double[]", matrix)
    real, imaginary, vectors = (FFI.new("double[]", k) for k in (n, n, n * n))
    size, one, info = FFI.new("int *", n), FFI.new("int *", 1), FFI.new("int *")
    lwork = FFI.new("int *", 8 * n)
    work = FFI.new("double[]", lwork[0])
    no, yes = FFI.new("char *", b"N"), FFI.new("char *", b"V")
    _LIB.dgeev_(no, yes, size, a, size, real, imaginary, FFI.NULL, one, vectors, size, work, lwork, info)
    if info[0] != 0:
        raise ArithmeticError("dgeev: info %d" % info[0])
    best = max(range(n), key=lambda i: real[i])
    return list(vectors[best * n:(best + 1) * n])
