"""bfs: visits all edges of a random graph breadth-first.

Input: a Barabási-Albert graph, 10 edges per new node. Timed: networkx's
edge_bfs without a source, that is, from every node in order until all edges
are visited.
"""
import sys

# networkx tries to import numpy in every call that draws random numbers, and
# fails slowly where there is none; the function does not use it.
sys.modules.setdefault("numpy", None)

import networkx

import workload


def generate(size):
    return networkx.barabasi_albert_graph(size, 10)


def work(graph):
    return list(networkx.edge_bfs(graph))


# The published workload's least size is 10, for which no such graph exists:
# it must have more nodes than edges per new node.
BENCHMARK = workload.Benchmark(
    "bfs", workload.Size(mean=505, deviation=20, low=11, high=1000), generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
