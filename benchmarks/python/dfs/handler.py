"""dfs: finds the edges of a random graph that a depth-first search goes along."""
import graphs
import networkx
import workload


def work(graph):
    return list(networkx.dfs_edges(graph))


BENCHMARK = workload.Benchmark(
    "dfs", workload.Size(mean=505, deviation=20, low=graphs.LEAST, high=1000), graphs.generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
