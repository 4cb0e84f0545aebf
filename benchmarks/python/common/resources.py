"""Files that come with a function: the directory resources beside the
handler, which resources.sh fills."""
import os

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources")


def path(name):
    return os.path.join(DIRECTORY, name)


def read(name):
    with open(path(name), "rb") as f:
        return f.read()


def tree(name):
    """The files below a directory: names relative to it, with /, in order."""
    top = path(name)
    found = (os.path.relpath(os.path.join(where, file), top)
             for where, _, files in os.walk(top) for file in files)
    return sorted(name.replace(os.sep, "/") for name in found)
