"""What all Python benchmark functions share: the size of a request's input,
the timing, and the form of the answer.

The random numbers come from the one global generator of `random`, seeded
here once for the life of the process; the generation of the input draws from
the same generator.
"""
import collections
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


class Benchmark:
    """One benchmark function.

    generate(size) makes the input and is not timed; work(input) is.
    """

    def __init__(self, name, size, generate, work):
        self.name = name
        self.size = size
        self.generate = generate
        self.work = work
        self._numbers = itertools.count(1)

    def serve(self, event):
        """Answers one request of handle(event, context)."""
        try:
            mutability = parse_mutability(event.query.get("mutability"))
        except ValueError as err:
            return {"statusCode": 400, "body": {"error": str(err)}}
        return self._measure(mutability)

    def _measure(self, mutability):
        begin = time.perf_counter_ns()
        size = draw(self.size, mutability)
        data = self.generate(size)
        start = time.perf_counter_ns()
        self.work(data)
        end = time.perf_counter_ns()
        server_us = (end - start) // 1000
        number = next(self._numbers)
        # One write: lines of several threads must not mix.
        sys.stdout.write("%s request %d size %d took %d us\n" % (self.name, number, size, server_us))
        sys.stdout.flush()
        overhead_us = (time.perf_counter_ns() - begin) // 1000 - server_us
        return answer(mutability, size, server_us, overhead_us, number)


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


def answer(mutability, size, server_us, overhead_us, invocations):
    """The response: the same numbers as JSON body and as headers."""
    return {
        "statusCode": 200,
        "body": {
            "mutability": mutability,
            "size": size,
            "server_time": server_us,
            "client_overhead": overhead_us,
            "invocations": invocations,
        },
        "headers": {
            "X-Mutability": mutability,
            "X-Input-Size": size,
            "X-Server-Time-Us": server_us,
            "X-Client-Overhead-Us": overhead_us,
            "X-Invocations": invocations,
        },
    }
