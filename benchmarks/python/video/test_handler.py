"""Tests of video. Run here with: pypy3 -m unittest"""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)


class Video(unittest.TestCase):
    def setUp(self):
        handler.STORE = self.store = benchtest.MemoryStore()
        self.resources = benchtest.use_resources(self)
        self.lavfi("testsrc2=size=320x240:rate=25:duration=3", handler.FILM)
        self.lavfi("color=red:size=40x40", handler.MARK, "-frames:v", "1")

    def lavfi(self, source, name, *options):
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, *options,
                        os.path.join(self.resources, name)], check=True, stdin=subprocess.DEVNULL)

    def marked(self):
        benchtest.get(handler)
        path = os.path.join(self.resources, "out.mp4")
        with open(path, "wb") as f:
            f.write(self.store.objects["marked-film.mp4"])
        return path

    def test_the_film_has_its_length_and_size(self):
        told = subprocess.run(
            ["ffprobe", "-loglevel", "error", "-show_entries", "stream=width,height:format=duration",
             "-of", "default=noprint_wrappers=1", self.marked()], check=True, stdout=subprocess.PIPE, text=True).stdout
        values = dict(line.split("=") for line in told.split())
        self.assertEqual((values["width"], values["height"]), ("320", "240"))
        self.assertAlmostEqual(float(values["duration"]), 1, delta=0.05)

    def test_the_mark_is_in_its_corner(self):
        frame = subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-i", self.marked(), "-frames:v", "1", "-f", "rawvideo",
             "-pix_fmt", "rgb24", "-"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        at = 3 * (320 * (240 - 30) + 320 - 30)
        red, green, blue = frame[at:at + 3]
        self.assertTrue(red > 200 and green < 60 and blue < 60, (red, green, blue))

    def test_what_ffmpeg_says_is_the_error(self):
        with self.assertRaisesRegex(RuntimeError, "exit code .*/no/such"):
            handler.mark("/no/such", "/no/such/out.mp4")

    def test_no_file_is_left(self):
        with self.store:
            job = handler.generate(1)
            handler.finish(job, handler.work(job))
        self.assertFalse(os.path.exists(job.scratch.name))

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 2.5, delta=0.03)
        self.assertAlmostEqual(deviation, 0.5, delta=0.01)


if __name__ == "__main__":
    unittest.main()
