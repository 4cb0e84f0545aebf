"""Tests of bfs. Run here with: pypy3 -m unittest"""
import contextlib
import io
import os
import random
import sys
import types
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "common")]

import workload
import handler


def get(**query):
    """One request: the answer and the log line."""
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        answer = handler.handle(types.SimpleNamespace(query=query), None)
    return answer, log.getvalue()


class BFS(unittest.TestCase):
    def test_work_visits_every_edge_once(self):
        graph = handler.generate(50)
        edges = handler.work(graph)
        self.assertEqual(len(graph), 50)
        self.assertEqual({frozenset(e) for e in edges}, {frozenset(e) for e in graph.edges})
        self.assertEqual(len(edges), graph.number_of_edges())

    def test_inputs_follow_the_global_seed(self):
        random.seed(workload.SEED)
        first = handler.generate(100)
        random.seed(workload.SEED)
        self.assertEqual(list(first.edges), list(handler.generate(100).edges))
        self.assertNotEqual(list(first.edges), list(handler.generate(100).edges))

    def test_answer_has_the_same_numbers_in_body_and_headers(self):
        answer, _ = get(mutability="2.5")
        body, headers = answer["body"], answer["headers"]
        self.assertEqual(answer["statusCode"], 200)
        self.assertEqual(body["mutability"], 2.5)
        self.assertEqual(
            sorted(body), ["client_overhead", "invocations", "mutability", "server_time", "size"])
        for key, header in (
                ("size", "X-Input-Size"), ("server_time", "X-Server-Time-Us"),
                ("client_overhead", "X-Client-Overhead-Us"), ("invocations", "X-Invocations")):
            self.assertIs(type(body[key]), int)
            self.assertEqual(body[key], headers[header])

    def test_requests_are_counted_and_logged(self):
        first, _ = get()
        second, log = get()
        body = second["body"]
        self.assertEqual(body["invocations"], first["body"]["invocations"] + 1)
        self.assertEqual(log, "bfs request %(invocations)d size %(size)d took %(server_time)d us\n" % body)

    def test_size_is_clamped_and_its_variance_is_the_mutability(self):
        self.assertEqual(get(mutability="0")[0]["body"]["size"], 505)
        extremes = {get(mutability="1e300")[0]["body"]["size"] for _ in range(20)}
        self.assertEqual(extremes, {11, 1000})
        sizes = [workload.draw(handler.BENCHMARK.size, 4.0) for _ in range(4000)]
        mean = sum(sizes) / len(sizes)
        deviation = (sum((s - mean) ** 2 for s in sizes) / len(sizes)) ** 0.5
        self.assertAlmostEqual(deviation, 40, delta=3)

    def test_bad_mutability_is_refused_by_name(self):
        for bad in ("abc", "-1", "nan", "inf", ""):
            answer, log = get(mutability=bad)
            self.assertEqual((answer["statusCode"], log), (400, ""))
            self.assertIn("not %r" % bad, answer["body"]["error"])


if __name__ == "__main__":
    unittest.main()
