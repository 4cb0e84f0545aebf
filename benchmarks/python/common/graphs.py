"""The input of the graph functions."""
import sys

# networkx tries to import numpy in every call that draws random numbers, and
# fails slowly where there is none; no function uses it.
sys.modules.setdefault("numpy", None)

import networkx

# Edges that connect a new node to those before it.
EDGES = 10

# The published workloads' least size is 10 nodes, for which no such graph
# exists: it must have more nodes than edges per new node.
LEAST = EDGES + 1


def generate(size):
    """A random graph of so many nodes in which old nodes have more edges (Barabási and Albert)."""
    return networkx.barabasi_albert_graph(size, EDGES)
