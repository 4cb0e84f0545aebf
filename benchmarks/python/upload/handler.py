"""upload: copies one of three files from the web into a store.

Timed: putting the file into the store. Before, it is fetched from source_url
(environment), which has the files 1 (230 kB), 2 (2.4 MB) and 3 (98 MB); the
input size is the number of bytes.
"""
import os
import urllib.request

import store
import workload

STORE = store.Store("upload")
SOURCE = os.environ.get("source_url") or "http://objects-svc.stores.svc.cluster.local:8000"
TIMEOUT = 20


def generate(number):
    # Asks for the end of the connection after the answer.
    with urllib.request.urlopen("%s/%d" % (SOURCE, number), timeout=TIMEOUT) as answer:
        return answer.read()


def work(data):
    STORE.put("upload", data)


# The published sizes are drawn round 2 and rounded down: 1 and 2, in equal parts.
BENCHMARK = workload.Benchmark(
    "upload", workload.Size(mean=2, deviation=0.1, low=1, high=3), generate, work, measure=len)


def handle(event, context):
    with STORE:
        return BENCHMARK.serve(event)
