"""thumbnail: makes a small picture of a large one that it fetches from a store.

Timed: decoding, scaling to fit 200 × 200, and encoding, so many times as the
input size says. Before, the picture is put into the store and fetched from
there; after, the small one is put into the store.
"""
import io

import resources
import store
import workload
from PIL import Image

STORE = store.Store("thumbnail")
PICTURE = "photo.jpg"
THUMBNAIL = "thumbnail.jpg"
BOX = (200, 200)


class Job:
    """A picture, and how often it is to be scaled."""

    def __init__(self, times, picture):
        self.times = times
        self.picture = picture


def generate(times):
    STORE.put(PICTURE, resources.read(PICTURE))
    return Job(times, STORE.get(PICTURE))


def work(job):
    for _ in range(job.times):
        small = shrink(job.picture)
    return small


def shrink(picture):
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail(BOX)
        image.save(out, "JPEG")
    return out.getvalue()


def finish(job, small):
    STORE.put(THUMBNAIL, small)


BENCHMARK = workload.Benchmark(
    "thumbnail", workload.Size(mean=5.5, deviation=0.2, low=1, high=10), generate, work, finish)


def handle(event, context):
    with STORE:
        return BENCHMARK.serve(event)
