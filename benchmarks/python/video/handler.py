"""video: draws a watermark onto a film that it fetches from a store.

Timed: ffmpeg on the first second of the film, so many times as the input size
says. Before, the film is put into the store and fetched from there; after,
the new film is put into the store.
"""
import os
import subprocess
import tempfile

import resources
import store
import workload

STORE = store.Store("video")
FILM = "film.mp4"
MARK = "watermark.png"
SECONDS = "1"


class Job:
    """A film in a directory of its own, and how often it is to be processed."""

    def __init__(self, times, film):
        self.times = times
        self.scratch = tempfile.TemporaryDirectory()
        self.input = os.path.join(self.scratch.name, FILM)
        self.output = os.path.join(self.scratch.name, "marked-" + FILM)
        with open(self.input, "wb") as f:
            f.write(film)


def generate(times):
    STORE.put(FILM, resources.read(FILM))
    return Job(times, STORE.get(FILM))


def work(job):
    for _ in range(job.times):
        mark(job.input, job.output)
    return job.output


def mark(film, output):
    """Writes the film's first second, with the mark in its corner."""
    run = subprocess.run(
        ["ffmpeg", "-y", "-nostdin", "-hide_banner", "-loglevel", "error",
         "-i", film, "-i", resources.path(MARK), "-t", SECONDS,
         "-filter_complex", "overlay=main_w-overlay_w-10:main_h-overlay_h-10", output],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode != 0:
        raise RuntimeError("ffmpeg: exit code %d: %s" % (run.returncode, run.stdout.decode("utf-8", "replace")))


def finish(job, output):
    with open(output, "rb") as f:
        marked = f.read()
    job.scratch.cleanup()
    STORE.put(os.path.basename(output), marked)


BENCHMARK = workload.Benchmark(
    "video", workload.Size(mean=3, deviation=0.1, low=1, high=5), generate, work, finish)


def handle(event, context):
    with STORE:
        return BENCHMARK.serve(event)
