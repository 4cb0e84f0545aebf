"""Tests of mst. Run here with: pypy3 -m unittest"""
import random
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)
import graphs
import networkx


class MST(unittest.TestCase):
    def test_the_tree_weighs_what_prims_algorithm_says(self):
        graph = graphs.generate(100)
        for a, b in graph.edges:
            graph[a][b]["weight"] = random.randint(1, 1000)
        tree = handler.work(graph)
        self.assertTrue(networkx.is_tree(tree))
        self.assertEqual(set(tree), set(graph))
        self.assertEqual(tree.size("weight"), prim(graph))

    def test_without_weights_it_is_any_spanning_tree(self):
        tree = handler.work(graphs.generate(100))
        self.assertTrue(networkx.is_tree(tree))
        self.assertEqual(len(tree), 100)

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 504.5, delta=1)
        self.assertAlmostEqual(deviation, 10, delta=1)
        self.assertIn("gc_time", benchtest.get(handler)[0]["body"])


def prim(graph):
    """The weight of a minimum spanning tree, grown from node 0."""
    inside, weight = {0}, 0
    while len(inside) < len(graph):
        lightest, node = min((data["weight"], b) for a in inside for b, data in graph[a].items() if b not in inside)
        inside.add(node)
        weight += lightest
    return weight


if __name__ == "__main__":
    unittest.main()
