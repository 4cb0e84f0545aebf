"""mst: finds a minimum spanning tree of a random graph (networkx: Kruskal's)."""
import graphs
import networkx
import workload


def work(graph):
    return networkx.minimum_spanning_tree(graph)


BENCHMARK = workload.Benchmark(
    "mst", workload.Size(mean=505, deviation=10, low=graphs.LEAST, high=1000), graphs.generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
