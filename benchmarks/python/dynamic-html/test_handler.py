"""Tests of dynamic-html. Run here with: pypy3 -m unittest"""
import html.parser
import sys
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)


class Items(html.parser.HTMLParser):
    """Collects what stands in the items of a list."""

    def __init__(self):
        super().__init__()
        self.items, self._inside = [], False

    def handle_starttag(self, tag, attributes):
        self._inside = tag == "li"

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.items.append(int(data))


class DynamicHTML(unittest.TestCase):
    def test_the_page_has_as_many_numbers_as_asked_for(self):
        parser = Items()
        page = handler.work(500)
        parser.feed(page)
        self.assertEqual(len(parser.items), 500)
        self.assertEqual(len(set(parser.items)), 500)
        self.assertTrue(all(0 <= n < handler.BOUND for n in parser.items))
        self.assertIn("500 numbers for somebody", page)

    def test_sizes(self):
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 30000, delta=200)
        self.assertAlmostEqual(deviation, 3000, delta=200)
        self.assertEqual(benchtest.get(handler, mutability="0")[0]["body"]["size"], 30000)


if __name__ == "__main__":
    unittest.main()
