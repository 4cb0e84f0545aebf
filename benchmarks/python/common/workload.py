"""What all Python benchmark functions share: the size of a request's input,
the timing, and the form of the answer.

The random numbers come from the one global generator of `random`, seeded
here once for the life of the process; the generation of the input draws from
the same generator.
"""
import collections
import gc
import itertools
import math
import random
import sys
import time

SEED = 42
random.seed(SEED)

Size = collections.namedtuple("Size", "mean deviation low high")
Size.__doc__ = """Input size: normal with MEAN and DEVIATION (at mutability 1),
clamped to LOW..HIGH."""


class GCClock:
    """Counts the time that the garbage collector takes. PyPy tells the length
    of each collection, or step of one, soon after it; other Pythons do not."""

    def __init__(self):
        self._seconds = 0.0
        self.known = hasattr(gc, "hooks")
        if self.known:
            gc.hooks.on_gc_minor = self._add
            gc.hooks.on_gc_collect_step = self._add

    def _add(self, stats):
        self._seconds += stats.duration

    def us(self):
        return int(self._seconds * 1e6)


GC_CLOCK = GCClock()


class Benchmark:
    """One benchmark function.

    generate(size) makes the input, finish(data, result) hands the result on:
    both are not timed; work(data), between them, is. measure(data) tells the
    input size to report where it is not the one that was drawn.
    """

    def __init__(self, name, size, generate, work, finish=None, measure=None):
        self.name = name
        self.size = size
        self.generate = generate
        self.work = work
        self.finish = finish
        self.measure = measure
        self._numbers = itertools.count(1)

    def serve(self, event):
        """Answers one request of handle(event, context)."""
        try:
            mutability = parse_mutability(event.query.get("mutability"))
        except ValueError as err:
            return {"statusCode": 400, "body": {"error": str(err)}}
        return self._measure(mutability)

    def _measure(self, mutability):
        begin, gc_begin = time.perf_counter_ns(), GC_CLOCK.us()
        size = draw(self.size, mutability)
        data = self.generate(size)
        start = time.perf_counter_ns()
        result = self.work(data)
        end = time.perf_counter_ns()
        if self.finish:
            self.finish(data, result)
        if self.measure:
            size = self.measure(data)
        server_us = (end - start) // 1000
        number = next(self._numbers)
        # One write: lines of several threads must not mix.
        sys.stdout.write("%s request %d size %d took %d us\n" % (self.name, number, size, server_us))
        sys.stdout.flush()
        gc_us = GC_CLOCK.us() - gc_begin if GC_CLOCK.known else None
        overhead_us = (time.perf_counter_ns() - begin) // 1000 - server_us
        return answer(mutability, size, server_us, overhead_us, number, gc_us)


def parse_mutability(text):
    """The factor on the variance of the input size: a finite number >= 0."""
    if text is None:
        return 1.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError("mutability must be a finite number >= 0, not %r" % text)
    return value


def draw(size, mutability):
    """The next input size."""
    value = random.gauss(size.mean, size.deviation * math.sqrt(mutability))
    return int(min(max(value, size.low), size.high))


def answer(mutability, size, server_us, overhead_us, invocations, gc_us=None):
    """The response: the same numbers as JSON body and as headers."""
    body = {
        "mutability": mutability,
        "size": size,
        "server_time": server_us,
        "client_overhead": overhead_us,
        "invocations": invocations,
    }
    headers = {
        "X-Mutability": mutability,
        "X-Input-Size": size,
        "X-Server-Time-Us": server_us,
        "X-Client-Overhead-Us": overhead_us,
        "X-Invocations": invocations,
    }
    if gc_us is not None:
        body["gc_time"] = headers["X-Gc-Time-Us"] = gc_us
    return {"statusCode": 200, "body": body, "headers": headers}
