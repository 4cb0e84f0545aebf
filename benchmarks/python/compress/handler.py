"""compress: zips a tree of files that it fetches from a store.

Timed: zipping the tree, so many times as the input size says. Before, the
files are put into the store, listed and fetched from there; after, the
archive is put into the store.
"""
import io
import os
import tempfile
import zipfile

import resources
import store
import workload

STORE = store.Store("compress")
TREE = "tree"
ARCHIVE = "tree.zip"


class Job:
    """A copy of the tree, and how often it is to be zipped."""

    def __init__(self, times):
        self.times = times
        self.directory = tempfile.TemporaryDirectory()

    def write(self, name, data):
        target = os.path.join(self.directory.name, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as f:
            f.write(data)


def generate(times):
    for name in resources.tree(TREE):
        STORE.put("%s/%s" % (TREE, name), resources.read("%s/%s" % (TREE, name)))
    job = Job(times)
    for name in STORE.names(TREE + "/"):
        job.write(name, STORE.get(name))
    return job


def work(job):
    for _ in range(job.times):
        archive = pack(job.directory.name)
    return archive


def pack(directory):
    """A zip archive, in memory, of all files below a directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for where, _, files in os.walk(directory):
            for file in files:
                full = os.path.join(where, file)
                archive.write(full, os.path.relpath(full, directory))
    return buffer.getvalue()


def finish(job, archive):
    job.directory.cleanup()
    STORE.put(ARCHIVE, archive)


BENCHMARK = workload.Benchmark(
    "compress", workload.Size(mean=5.5, deviation=0.1, low=1, high=10), generate, work, finish)


def handle(event, context):
    with STORE:
        return BENCHMARK.serve(event)
