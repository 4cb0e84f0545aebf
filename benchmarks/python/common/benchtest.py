"""What the tests of the Python functions share. A test begins with

    sys.path.insert(0, "../common")
    import benchtest
    handler = benchtest.load(__file__)
"""
import contextlib
import importlib
import io
import os
import random
import sys
import tempfile
import types

COMMON = os.path.dirname(os.path.abspath(__file__))

# The functions that talk to a store are imported without one.
os.environ.update(s3_access_key="key", s3_secret_key="secret", s3_url="http://127.0.0.1:1")


def load(test):
    """Imports the handler beside a test, which finds what is shared in this
    directory and Pillow where setup.sh builds it."""
    prefix = os.environ.get("PRONGHORN_PREFIX") or "/opt/pronghorn"
    sys.path[:0] = [os.path.dirname(os.path.abspath(test)), COMMON, os.path.join(prefix, "pypy")]
    return importlib.import_module("handler")


def get(handler, **query):
    """One request: the answer and the log line."""
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        answer = handler.handle(types.SimpleNamespace(query=query), None)
    return answer, log.getvalue()


def mean_and_deviation(size, mutability=1.0, n=4000):
    """Of so many sizes that are drawn."""
    import workload
    random.seed(1)
    sizes = [workload.draw(size, mutability) for _ in range(n)]
    mean = sum(sizes) / n
    return mean, (sum((s - mean) ** 2 for s in sizes) / n) ** 0.5


def use_resources(case):
    """Puts an empty directory in the place of the resources; its path."""
    import resources
    holder = tempfile.TemporaryDirectory()
    case.addCleanup(holder.cleanup)
    case.addCleanup(setattr, resources, "DIRECTORY", resources.DIRECTORY)
    resources.DIRECTORY = holder.name
    return holder.name


class MemoryStore:
    """Stands in for the store of a function."""

    def __init__(self):
        self.objects = {}
        self.open = False

    def __enter__(self):
        self.open = True

    def __exit__(self, *_):
        self.open = False

    def put(self, name, data):
        assert self.open
        self.objects[name] = bytes(data)

    def get(self, name):
        assert self.open
        return self.objects[name]

    def names(self, prefix):
        return [name for name in self.objects if name.startswith(prefix)]
