"""Tests of compress. Run here with: pypy3 -m unittest"""
import io
import os
import sys
import unittest
import zipfile

sys.path.insert(0, "../common")
import benchtest

handler = benchtest.load(__file__)


FILES = {"a.txt": b"a" * 1000, "sub/b.bin": bytes(range(256)), "sub/deep/empty": b""}


class Compress(unittest.TestCase):
    def setUp(self):
        handler.STORE = self.store = benchtest.MemoryStore()
        self.resources = benchtest.use_resources(self)
        for name, data in FILES.items():
            path = os.path.join(self.resources, handler.TREE, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)

    def test_the_archive_holds_all_files(self):
        benchtest.get(handler)
        with zipfile.ZipFile(io.BytesIO(self.store.objects[handler.ARCHIVE])) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual({i.filename: archive.read(i) for i in archive.infolist()}, FILES)

    def test_no_file_is_left(self):
        job = {}
        with self.store:
            job = handler.generate(1)
            handler.finish(job, handler.work(job))
        self.assertFalse(os.path.exists(job.scratch.name))

    def test_sizes(self):
        self.assertEqual(benchtest.mean_and_deviation(handler.BENCHMARK.size), (5, 0))
        self.assertEqual(benchtest.get(handler)[0]["body"]["size"], 5)


if __name__ == "__main__":
    unittest.main()
