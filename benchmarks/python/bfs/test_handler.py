"""Tests of bfs. Run here with: pypy3 -m unittest"""
import random
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)
import graphs
import workload


class BFS(unittest.TestCase):
    def test_work_visits_every_edge_once(self):
        graph = graphs.generate(50)
        edges = handler.work(graph)
        self.assertEqual(len(graph), 50)
        self.assertEqual({frozenset(e) for e in edges}, {frozenset(e) for e in graph.edges})
        self.assertEqual(len(edges), graph.number_of_edges())

    def test_edges_come_in_the_order_of_their_distance(self):
        graph = graphs.generate(50)
        distance = {0: 0}
        for a, b in handler.work(graph):
            distance.setdefault(b, distance[a] + 1)
        self.assertEqual(list(distance.values()), sorted(distance.values()))

    def test_inputs_follow_the_global_seed(self):
        random.seed(workload.SEED)
        first = graphs.generate(100)
        random.seed(workload.SEED)
        self.assertEqual(list(first.edges), list(graphs.generate(100).edges))
        self.assertNotEqual(list(first.edges), list(graphs.generate(100).edges))

    def test_sizes(self):
        self.assertEqual(benchtest.get(handler, mutability="0")[0]["body"]["size"], 505)
        extremes = {benchtest.get(handler, mutability="1e300")[0]["body"]["size"] for _ in range(20)}
        self.assertEqual(extremes, {11, 1000})
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 504.5, delta=1.5)
        self.assertAlmostEqual(deviation, 20, delta=1.5)


if __name__ == "__main__":
    unittest.main()
