"""compress: zips a tree of files that it fetches from a store.

Timed: zipping the tree, so many times as the input size says. Before, the
files are put into the store, listed and fetched from there; after, the
archive is put into the store.
"""
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
        self.scratch = tempfile.TemporaryDirectory()
        self.tree = os.path.join(self.scratch.name, TREE)
        self.archive = os.path.join(self.scratch.name, ARCHIVE)

    def write(self, name, data):
        target = os.path.join(self.scratch.name, name)
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
        pack(job.tree, job.archive)
    return job.archive


def pack(directory, archive):
    """Zips all files below a directory."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for where, _, files in os.walk(directory):
            for file in files:
                full = os.path.join(where, file)
                target.write(full, os.path.relpath(full, directory))


def finish(job, archive):
    with open(archive, "rb") as f:
        packed = f.read()
    job.scratch.cleanup()
    STORE.put(ARCHIVE, packed)


BENCHMARK = workload.Benchmark(
    "compress", workload.Size(mean=5.5, deviation=0.1, low=1, high=10), generate, work, finish)


def handle(event, context):
    with STORE:
        return BENCHMARK.serve(event)
