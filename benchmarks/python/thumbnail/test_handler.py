"""Tests of thumbnail. Run here with: pypy3 -m unittest"""
import io
import os
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)
from PIL import Image


class Thumbnail(unittest.TestCase):
    def setUp(self):
        handler.STORE = self.store = benchtest.MemoryStore()
        self.resources = benchtest.use_resources(self)

    def picture(self, width, height):
        """A picture that is red at the left and blue at the right."""
        image = Image.new("RGB", (width, height), (220, 0, 0))
        image.paste((0, 0, 220), (width // 2, 0, width, height))
        image.save(os.path.join(self.resources, handler.PICTURE), "JPEG")

    def thumbnail(self):
        benchtest.get(handler)
        return Image.open(io.BytesIO(self.store.objects[handler.THUMBNAIL]))

    def test_it_fits_into_its_box(self):
        for size, want in (((1200, 800), (200, 133)), ((600, 600), (200, 200)), ((300, 1200), (50, 200))):
            self.picture(*size)
            small = self.thumbnail()
            self.assertEqual((small.size, small.format), (want, "JPEG"))

    def test_it_shows_the_picture(self):
        self.picture(1200, 800)
        small = self.thumbnail().convert("RGB")
        red, blue = small.getpixel((20, 60)), small.getpixel((180, 60))
        self.assertTrue(red[0] > 180 and red[2] < 40, red)
        self.assertTrue(blue[2] > 180 and blue[0] < 40, blue)

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 5, delta=0.02)
        self.assertLess(deviation, 0.2)


if __name__ == "__main__":
    unittest.main()
