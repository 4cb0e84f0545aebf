"""dynamic-html: renders a page with a long list of random numbers.

Timed: drawing the numbers, compiling the template, and rendering it. The
template is compiled anew for each request, as in the published workload.
"""
import os
import random

import jinja2
import workload

HERE = os.path.dirname(os.path.abspath(__file__))

# The numbers are below this one and differ from each other.
BOUND = 10**6

with open(os.path.join(HERE, "page.html"), encoding="utf-8") as f:
    PAGE = f.read()


def generate(size):
    return size


def work(size):
    numbers = random.sample(range(BOUND), size)
    return jinja2.Template(PAGE).render(visitor="somebody", numbers=numbers)


BENCHMARK = workload.Benchmark(
    "dynamic-html", workload.Size(mean=30000, deviation=3000, low=10000, high=50000), generate, work)


def handle(event, context):
    return BENCHMARK.serve(event)
