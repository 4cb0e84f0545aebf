"""Tests of pagerank. Run here with: pypy3 -m unittest"""
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)
import graphs
import networkx


class PageRank(unittest.TestCase):
    def test_ranks_are_those_of_power_iteration(self):
        for graph in (graphs.generate(105), graphs.generate(11), networkx.path_graph(5), with_a_lone_node()):
            ranks = handler.work(graph)
            self.assertAlmostEqual(sum(ranks.values()), 1, delta=1e-12)
            for node, rank in power_iteration(graph).items():
                self.assertAlmostEqual(ranks[node], rank, delta=1e-9)

    def test_rows_of_the_matrix_sum_to_one(self):
        graph = graphs.generate(30)
        matrix = handler.google_matrix(graph)
        for i in range(30):
            self.assertAlmostEqual(sum(matrix[i * 30:(i + 1) * 30]), 1, delta=1e-12)

    def test_lapack_starts_no_thread(self):
        handler.work(graphs.generate(50))
        with open("/proc/self/status") as f:
            self.assertIn("Threads:\t1\n", f.readlines())

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 104.5, delta=1)
        self.assertAlmostEqual(deviation, 10, delta=1)
        self.assertIn("gc_time", benchtest.get(handler)[0]["body"])


def with_a_lone_node():
    graph = graphs.generate(20)
    graph.add_node("alone")
    return graph


def power_iteration(graph):
    """The ranks, by following the edges 200 times."""
    n = len(graph)
    ranks = dict.fromkeys(graph, 1 / n)
    for _ in range(200):
        lost = sum(rank for node, rank in ranks.items() if not graph[node]) / n
        ranks = {
            node: 0.15 / n + 0.85 * (lost + sum(ranks[other] / len(graph[other]) for other in graph[node]))
            for node in graph}
    return ranks


if __name__ == "__main__":
    unittest.main()
