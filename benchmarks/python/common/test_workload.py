"""Tests of what the Python functions share. Run here with: pypy3 -m unittest"""
import gc
import types
import unittest

import benchtest
import workload

SIZE = workload.Size(mean=505, deviation=20, low=11, high=1000)


def function(**more):
    """A function that adds numbers, as a module with a handler."""
    benchmark = workload.Benchmark("sum", SIZE, range, sum, **more)
    return types.SimpleNamespace(handle=lambda event, context: benchmark.serve(event))


class Workload(unittest.TestCase):
    def test_answer_has_the_same_numbers_in_body_and_headers(self):
        answer, _ = benchtest.get(function(), mutability="2.5")
        body, headers = answer["body"], answer["headers"]
        self.assertEqual(answer["statusCode"], 200)
        self.assertEqual(body["mutability"], 2.5)
        for key, header in (
                ("size", "X-Input-Size"), ("server_time", "X-Server-Time-Us"), ("gc_time", "X-Gc-Time-Us"),
                ("client_overhead", "X-Client-Overhead-Us"), ("invocations", "X-Invocations")):
            self.assertIs(type(body[key]), int)
            self.assertEqual(body[key], headers[header])

    def test_requests_are_counted_and_logged(self):
        called = function()
        benchtest.get(called)
        answer, log = benchtest.get(called)
        self.assertEqual(answer["body"]["invocations"], 2)
        self.assertEqual(log, "sum request 2 size %(size)d took %(server_time)d us\n" % answer["body"])

    def test_size_is_clamped_and_its_variance_is_the_mutability(self):
        called = function()
        self.assertEqual(benchtest.get(called, mutability="0")[0]["body"]["size"], 505)
        extremes = {benchtest.get(called, mutability="1e300")[0]["body"]["size"] for _ in range(20)}
        self.assertEqual(extremes, {11, 1000})
        self.assertAlmostEqual(benchtest.mean_and_deviation(SIZE, 4.0)[1], 40, delta=3)

    def test_bad_mutability_is_refused_by_name(self):
        for bad in ("abc", "-1", "nan", "inf", ""):
            answer, log = benchtest.get(function(), mutability=bad)
            self.assertEqual((answer["statusCode"], log), (400, ""))
            self.assertIn("not %r" % bad, answer["body"]["error"])

    def test_the_result_is_handed_on_and_the_input_measured(self):
        handed = []
        called = function(finish=lambda data, result: handed.append((len(data), result)), measure=lambda data: -len(data))
        body = benchtest.get(called, mutability="0")[0]["body"]
        self.assertEqual(handed, [(505, sum(range(505)))])
        self.assertEqual(body["size"], -505)

    def test_collections_are_counted(self):
        before = workload.GC_CLOCK.us()
        kept = [[i] for i in range(10**6)]
        gc.collect()
        self.assertGreater(workload.GC_CLOCK.us() - before, 1000)
        del kept


class Unknown(unittest.TestCase):
    def test_without_hooks_there_is_no_gc_time(self):
        hooks = gc.hooks
        try:
            del gc.hooks
            self.assertFalse(workload.GCClock().known)
        finally:
            gc.hooks = hooks


if __name__ == "__main__":
    unittest.main()
