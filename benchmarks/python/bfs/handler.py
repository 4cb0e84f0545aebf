"""bfs: visits all edges of a random graph breadth-first.

Timed: networkx's edge_bfs without a source, that is, from every node in order
until all edges are visited.
"""
import graphs
import networkx
import workload


def work(graph):
    return list(networkx.edge_bfs(graph))


BENCHMARK = workload.Benchmark(
    "bfs", workload.Size(mean=505, deviation=20, low=graphs.LEAST, high=1000), graphs.generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
