"""pagerank: ranks the nodes of a random graph.

Timed: making the dense Google matrix and finding its eigenvector by LAPACK,
as networkx's pagerank_numpy does with numpy.
"""
import graphs
import lapack
import workload

# Probability of following an edge instead of jumping to any node.
DAMPING = 0.85


def google_matrix(graph):
    """The chance to go from one node to another, row by row; rows sum to 1."""
    nodes = list(graph)
    n = len(nodes)
    place = {node: i for i, node in enumerate(nodes)}
    matrix = [(1 - DAMPING) / n] * (n * n)
    for i, node in enumerate(nodes):
        neighbours = graph[node]
        if not neighbours:
            matrix[i * n:(i + 1) * n] = [1 / n] * n
            continue
        share = DAMPING / len(neighbours)
        for other in neighbours:
            matrix[i * n + place[other]] += share
    return matrix


def work(graph):
    vector = lapack.dominant_left_eigenvector(google_matrix(graph), len(graph))
    total = sum(vector)
    return {node: value / total for node, value in zip(graph, vector)}


BENCHMARK = workload.Benchmark(
    "pagerank", workload.Size(mean=105, deviation=10, low=graphs.LEAST, high=200), graphs.generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
