"""Tests of upload. Run here with: pypy3 -m unittest"""
import http.server
import sys
import threading
import unittest

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)


OBJECTS = {"/1": b"one", "/2": b"two" * 1000}


class Source(http.server.BaseHTTPRequestHandler):
    """Serves OBJECTS."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(OBJECTS[self.path])

    def log_message(self, *_):
        pass


class Upload(unittest.TestCase):
    def setUp(self):
        handler.STORE = self.store = benchtest.MemoryStore()
        server = http.server.HTTPServer(("127.0.0.1", 0), Source)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        handler.SOURCE = "http://127.0.0.1:%d" % server.server_port

    def test_the_object_that_was_fetched_is_put(self):
        body = benchtest.get(handler, mutability="0")[0]["body"]
        self.assertEqual(self.store.objects, {"upload": OBJECTS["/2"]})
        self.assertEqual(body["size"], 3000)

    def test_both_sizes_are_as_frequent(self):
        sizes = {benchtest.get(handler)[0]["body"]["size"] for _ in range(40)}
        self.assertEqual(sizes, {3, 3000})
        mean, deviation = benchtest.mean_and_deviation(handler.BENCHMARK.size)
        self.assertAlmostEqual(mean, 1.5, delta=0.03)
        self.assertAlmostEqual(deviation, 0.5, delta=0.01)


if __name__ == "__main__":
    unittest.main()
