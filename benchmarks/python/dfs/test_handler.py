"""Tests of dfs. Run here with: pypy3 -m unittest"""
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)
import graphs


class DFS(unittest.TestCase):
    def test_edges_are_a_spanning_tree_in_depth_first_order(self):
        graph = graphs.generate(200)
        edges = handler.work(graph)
        self.assertEqual(len(edges), 199)
        path = [edges[0][0]]
        seen = set(path)
        for a, b in edges:
            self.assertTrue(graph.has_edge(a, b))
            self.assertNotIn(b, seen)
            # A search goes back only from where it finds nothing new.
            while path[-1] != a:
                self.assertLessEqual(set(graph[path.pop()]), seen)
            path.append(b)
            seen.add(b)
        self.assertEqual(seen, set(graph))

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 504.5, delta=1.5)
        self.assertAlmostEqual(deviation, 20, delta=1.5)
        self.assertIn("gc_time", benchtest.get(handler)[0]["body"])


if __name__ == "__main__":
    unittest.main()
