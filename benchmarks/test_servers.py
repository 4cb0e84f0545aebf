"""Black-box tests of the function servers and of the assembled functions.

Starts the real processes as build-local.sh assembles them. Run here with:
python3 -m unittest test_servers
"""
import contextlib
import http.client
import io
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "build-local.sh")
HOOKS = ("/_/snapshot/before-checkpoint", "/_/snapshot/after-restore")
START_LIMIT = 60
# Functions whose parts are not installed, as test-functions.sh finds.
SKIP = os.environ.get("SKIP_FUNCTIONS", "").split()
# The state of a listening socket in /proc/net/tcp.
LISTENING = "0A"


def build(function, dest):
    subprocess.run([BUILD, function, dest], check=True)
    return dest


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Function:
    """A running function process."""

    def __init__(self, directory, **env):
        self.log = None
        self.port = free_port()
        with open(os.path.join(directory, "fprocess")) as f:
            command = f.read().strip().split(" ")
        self.process = subprocess.Popen(
            command, cwd=directory, env=dict(os.environ, http_port=str(self.port), **env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def request(self, path="/", method="GET", body=None, headers=None):
        """Sends one request: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_LIMIT)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def wait(self):
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            time.sleep(0.01)
        raise AssertionError("the function did not start:\n" + self.stop())

    def stop(self):
        """Kills the process; returns its log."""
        if self.log is None:
            self.process.kill()
            self.log = self.process.communicate()[0].decode()
        return self.log


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def start(self, directory, **env):
        function = Function(directory, **env)
        self.addCleanup(function.stop)
        return function.wait()

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path


class Services:
    """What functions talk to: a MinIO server with a bucket, and the source of upload."""

    def __init__(self, directory):
        ports = free_port(), free_port()
        secret = "benchmarks-secret"
        self.env = {
            "s3_url": "http://127.0.0.1:%d" % ports[0], "s3_bucket": "benchmarks",
            "s3_access_key": "benchmarks", "s3_secret_key": secret,
            "source_url": "http://127.0.0.1:%d" % ports[1]}
        data = os.path.join(directory, "minio")
        os.makedirs(os.path.join(data, "benchmarks"))  # a bucket of MinIO's is a directory
        source = os.path.join(directory, "generate")
        subprocess.run(["go", "build", "-o", source, "./resources/generate"], cwd=HERE, check=True)
        self.processes = []
        self.run(ports[0], [minio(), "server", "--quiet", "--address", "127.0.0.1:%d" % ports[0], data],
                 MINIO_ROOT_USER="benchmarks", MINIO_ROOT_PASSWORD=secret, MINIO_BROWSER="off")
        self.run(ports[1], [source, "--serve", "127.0.0.1:%d" % ports[1]])

    def run(self, port, command, **env):
        process = subprocess.Popen(command, env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                return
            time.sleep(0.02)
        raise AssertionError("%s did not start" % command[0])

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def objects(self, function):
        """The objects of a function, as it sees them itself."""
        sys.path.insert(0, os.path.join(HERE, "python", "common"))
        os.environ.update(self.env)
        import store
        return store.Store(function)


def minio():
    own = os.path.join(os.environ.get("PRONGHORN_PREFIX") or "/opt/pronghorn", "bin", "minio")
    return own if os.path.exists(own) else "minio"


class Benchmarks(Case):
    """What holds for every function, whatever its language."""

    @classmethod
    def setUpClass(cls):
        """Builds every function that all is there for, and starts what they talk to."""
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        listed = subprocess.run([BUILD, "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout
        names = [line.replace(" ", "/") for line in listed.splitlines()]
        cls.all = [(name, build(name, os.path.join(holder.name, name))) for name in names if name not in SKIP]
        cls.talking = [(name, directory) for name, directory in cls.all
                       if os.path.exists(os.path.join(directory, "services.txt"))]
        cls.alone = [function for function in cls.all if function not in cls.talking]
        cls.services = None
        if cls.talking:
            cls.services = Services(holder.name)
            cls.addClassCleanup(cls.services.stop)

    def start(self, directory, **env):
        return super().start(directory, **dict(self.services.env if self.services else {}, **env))

    def sizes(self, function, mutability, n=16):
        return [function.request("/?mutability=%g" % mutability)[1]["X-Input-Size"] for _ in range(n)]

    def test_requests_are_measured_counted_and_logged(self):
        for name, directory in self.all:
            with self.subTest(name):
                function = self.start(directory, gc_time="true")
                for number in (1, 2, 3):
                    status, headers, _ = function.request("/?mutability=0.5")
                    self.assertEqual((status, headers["X-Mutability"]), (200, "0.5"))
                    self.assertEqual(headers["X-Invocations"], str(number))
                    self.assertGreater(int(headers["X-Server-Time-Us"]), 0)
                    self.assertGreater(int(headers["X-Input-Size"]), 0)
                    self.assertGreaterEqual(int(headers["X-Client-Overhead-Us"]), 0)
                    self.assertGreaterEqual(int(headers["X-Gc-Time-Us"]), 0)
                self.assertEqual(unfit(function.process.pid), [])
                log = function.stop().splitlines()
                self.assertEqual(len(log), 3)
                line = "%s request 3 size %s took %s us" % (
                    name.split("/")[1], headers["X-Input-Size"], headers["X-Server-Time-Us"])
                self.assertEqual(log[2], line)

    def test_a_kept_connection_serves_every_kind_of_request(self):
        for name, directory in self.alone:
            with self.subTest(name):
                function = self.start(directory)
                connection = http.client.HTTPConnection("127.0.0.1", function.port, timeout=START_LIMIT)
                self.addCleanup(connection.close)
                connection.connect()
                kept = connection.sock
                for method, chunks in (("HEAD", None), ("POST", iter([b"ab", b"c"])), ("PUT", b"x"), ("GET", None)):
                    connection.request(method, "/", chunks, encode_chunked=chunks is not None)
                    response = connection.getresponse()
                    body = response.read()
                    self.assertEqual((response.status, bool(body)), (200, method != "HEAD"), method)
                    self.assertIs(connection.sock, kept, method + " closed the connection")

    def test_bad_mutability_is_a_client_error(self):
        for name, directory in self.alone:
            with self.subTest(name):
                function = self.start(directory)
                status, headers, body = function.request("/?mutability=much")
                self.assertEqual((status, headers["Content-Type"]), (400, "application/json"))
                self.assertIn(b"not 'much'", body)

    def test_inputs_repeat_until_a_restore_reseeds(self):
        for name, directory in self.alone:
            # The text of word-count is shorter than most sizes that are drawn.
            mutability = 1e4 if name == "java/word-count" else 1
            with self.subTest(name):
                first, second = self.start(directory), self.start(directory)
                self.assertEqual(self.sizes(first, mutability), self.sizes(second, mutability))
                self.assertEqual(first.request(HOOKS[1])[0], 200)
                self.assertNotEqual(self.sizes(first, mutability), self.sizes(second, mutability))

    def test_inputs_are_kept_on_request(self):
        for name, directory in self.alone:
            with self.subTest(name):
                first = self.start(directory, snapshot_keep_random="true")
                second = self.start(directory)
                for hook in HOOKS:
                    self.assertEqual(first.request(hook)[0], 200)
                self.assertEqual(self.sizes(first, 1, 4), self.sizes(second, 1, 4))

    def test_results_are_in_the_store(self):
        """With the resources that the evaluation has; how they are made is tested beside each handler."""
        for name, directory in self.talking:
            with self.subTest(name):
                function = name.split("/")[1]
                self.assertEqual(self.start(directory).request("/?mutability=1")[0], 200)
                with self.services.objects(function) as objects:
                    getattr(self, "check_" + function)(directory, objects)

    def check_compress(self, directory, objects):
        tree = os.path.join(directory, "function", "resources", "tree")
        with zipfile.ZipFile(io.BytesIO(objects.get("tree.zip"))) as archive:
            self.assertIsNone(archive.testzip())
            packed = {entry.filename: entry.CRC for entry in archive.infolist()}
        self.assertEqual(packed, dict(crcs(tree)))
        self.assertGreater(len(packed), 20)

    def check_thumbnail(self, directory, objects):
        data = objects.get("thumbnail.jpg")
        # The frame header of a JPEG: marker, length, precision, height, width.
        at = data.index(b"\xff\xc0")
        self.assertEqual(struct.unpack(">HBHH", data[at + 2:at + 9])[2:], (133, 200))

    def check_upload(self, directory, objects):
        self.assertIn(len(objects.get("upload")), (230000, 2400000))

    def check_video(self, directory, objects):
        path = os.path.join(self.directory, "marked.mp4")
        with open(path, "wb") as f:
            f.write(objects.get("marked-film.mp4"))
        told = subprocess.run(
            ["ffprobe", "-loglevel", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path],
            check=True, stdout=subprocess.PIPE, text=True)
        self.assertAlmostEqual(float(told.stdout), 1, delta=0.05)


def crcs(tree):
    """(name, CRC-32) of all files below a directory."""
    for where, _, files in os.walk(tree):
        for file in files:
            path = os.path.join(where, file)
            with open(path, "rb") as f:
                yield os.path.relpath(path, tree), zlib.crc32(f.read())


def unfit(pid):
    """What a process holds, a second after its last answer at the latest, that
    it must not at a checkpoint: children, connections, regular files but the
    runtime's own."""
    deadline = time.monotonic() + 1
    while held(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return held(pid)


def held(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as f:
            found += ["child " + child for child in f.read().split()]
    sockets = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
            elif target.startswith("/") and target != "/dev/null" and not target.endswith("/lib/modules"):
                found.append(target)
    for table in ("tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (pid, table)) as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[9] in sockets and fields[3] != LISTENING:
                    found.append("connection from %s to %s in state %s" % tuple(fields[1:4]))
    return found


def occurrences(pid, text):
    """How often TEXT is in the memory that a snapshot of the process holds."""
    count = 0
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if rights[:2] == "rw" and rights[3] == "p":
                start, end = (int(part, 16) for part in span.split("-"))
                memory.seek(start)
                count += memory.read(end - start).count(text)
    return count


EVENT_HANDLER = '''
import helper
from function import helper as same
from snapshot_hooks import before_checkpoint, after_restore

assert helper.VALUE == same.VALUE
calls = []

@before_checkpoint
def before():
    calls.append("before")

@after_restore
def after():
    calls.append("after")
    if len(calls) > 2:
        raise RuntimeError("pool is gone")

def handle(event, context):
    if event.path == "/echo":
        return {"statusCode": 201, "headers": {"X-Got": event.headers["x-CUSTOM"]},
                "body": {"method": event.method, "q": event.query.get("q"), "all": event.query.getlist("q"),
                         "body": event.body.decode(), "host": bool(context.hostname)}}
    if event.path == "/raise":
        raise ValueError("secret")
    return {"/none": None, "/text": "h\\u00e9", "/bytes": b"\\x00\\xff", "/calls": {"body": calls},
            "/tuple": ("made", 202), "/empty": {"statusCode": 204}}[event.path]
'''


class PyPyServer(Case):
    def serve(self, handler, **env):
        build("python/bfs", os.path.join(self.directory, "built"))
        path = self.write("mine/handler.py", handler)
        self.write("mine/helper.py", "VALUE = 1\n")
        return self.start(os.path.join(self.directory, "built"), function_dir=os.path.dirname(path), **env)

    def test_event_handlers(self):
        function = self.serve(EVENT_HANDLER)
        status, headers, body = function.request("/echo?q=1&q=2", "PATCH", "data", {"X-Custom": "yes"})
        self.assertEqual((status, headers["X-Got"]), (201, "yes"))
        self.assertEqual(
            body, b'{"method": "PATCH", "q": "1", "all": ["1", "2"], "body": "data", "host": true}')
        for path, want in {"/none": (200, b""), "/text": (200, "h\u00e9".encode()), "/tuple": (202, b"made"),
                           "/bytes": (200, b"\x00\xff"), "/empty": (204, b"")}.items():
            status, _, body = function.request(path)
            self.assertEqual((status, body), want, path)

    def test_an_exception_is_a_500_and_the_server_lives_on(self):
        function = self.serve(EVENT_HANDLER)
        status, _, body = function.request("/raise")
        self.assertEqual((status, body), (500, b"Internal Server Error\n"))
        self.assertEqual(function.request("/none")[0], 200)
        self.assertIn("ValueError: secret", function.stop())

    def test_users_hooks_run_and_their_failure_is_told(self):
        function = self.serve(EVENT_HANDLER)
        self.assertEqual([function.request(hook)[0] for hook in HOOKS], [200, 200])
        self.assertEqual(function.request("/calls")[2], b'["before", "after"]')
        self.assertEqual(function.request(HOOKS[1])[0], 500)
        self.assertIn("pool is gone", function.stop())

    def test_a_snapshot_that_nobody_waits_for_has_no_dead_memory(self):
        leaves = "def handle(req):\n    return str(len(['secret%d' % i for i in range(200000)]))\n"
        for waiting, want in (("1", True), ("0", False)):
            function = self.serve(leaves)
            for _ in range(3):
                self.assertEqual(function.request("/")[2], b"200000")
            status, _, _ = function.request(HOOKS[0], "POST", "", {"X-Pronghorn-Waiting": waiting})
            self.assertEqual(status, 200)
            with self.subTest(waiting=waiting):
                found = occurrences(function.process.pid, b"secret1")
                self.assertEqual(found > 20000, want, found)

    def test_plain_handlers_get_text_or_raw_bytes(self):
        for env, want in (({}, b"str"), ({"RAW_BODY": "true"}, b"bytes")):
            function = self.serve("def handle(req):\n    return type(req).__name__\n", **env)
            self.assertEqual(function.request("/", "POST", "x")[2], want)

    def test_bad_settings_name_the_value(self):
        function = Function(build("python/bfs", os.path.join(self.directory, "built")), http_threads="two")
        self.assertEqual(function.process.wait(START_LIMIT), 1)
        self.assertIn("http_threads must be a positive integer, not 'two'", function.stop())


JAVA_HANDLER = '''
package mine;

import com.openfaas.model.*;
import com.openfaas.snapshot.Hooks;

public class Mine extends AbstractHandler {
    private int warmed;

    public Mine() {
        Hooks.beforeCheckpoint(() -> { throw new IllegalStateException("pool is gone"); });
    }

    @Override
    public void Warm() {
        warmed++;
    }

    public IResponse Handle(IRequest r) {
        if (r.getPathRaw().equals("/raise")) {
            throw new StackOverflowError("secret");
        }
        Response response = new Response();
        response.setStatusCode(201);
        response.setHeader("X-Gone", "1");
        response.setHeader("X-Gone", null);
        response.setHeader("X-Got", r.getHeader("x-CUSTOM"));
        response.setBody(warmed + r.getBody() + r.getQuery().get("q") + r.getPath().get("a"));
        return response;
    }
}
'''


@unittest.skipIf("java/simple-hash" in SKIP, "no JDK")
class JavaServer(Case):
    def serve(self):
        built = build("java/simple-hash", os.path.join(self.directory, "built"))
        classes = os.path.join(built, "classes")
        source = self.write("Mine.java", JAVA_HANDLER)
        subprocess.run(["javac", "-cp", classes, "-d", classes, source], check=True)
        self.write("built/classes/META-INF/services/com.openfaas.model.IHandler", "mine.Mine\n")
        return self.start(built)

    def test_a_named_service_handles_requests(self):
        function = self.serve()
        status, headers, body = function.request("/a/x?q=%C3%A9+", "PUT", "data", {"X-Custom": "yes"})
        self.assertEqual((status, headers["X-Got"], headers["X-Gone"]), (201, "yes", None))
        self.assertEqual(body, "1data\u00e9 x".encode())
        self.assertEqual(function.request("/", "HEAD")[2], b"")

    def test_failures_are_500s_and_the_server_lives_on(self):
        function = self.serve()
        for path in ("/raise", HOOKS[0]):
            self.assertEqual(function.request(path)[0], 500)
        self.assertEqual(function.request("/")[0], 201)
        log = function.stop()
        self.assertIn("StackOverflowError: secret", log)
        self.assertIn("pool is gone", log)

    def test_bad_settings_name_the_value(self):
        function = Function(
            build("java/simple-hash", os.path.join(self.directory, "built")), http_threads="-1")
        self.assertEqual(function.process.wait(START_LIMIT), 1)
        self.assertIn('http_threads must be a positive integer, not "-1"', function.stop())


class Build(Case):
    def test_a_built_function_is_left_alone_until_a_source_changes(self):
        for function in {"python/bfs", "java/simple-hash"}.difference(SKIP):
            dest = build(function, os.path.join(self.directory, function))
            stamp = os.path.join(dest, "fprocess")
            before = os.stat(stamp).st_mtime_ns
            build(function, dest)
            self.assertEqual(os.stat(stamp).st_mtime_ns, before)
            os.utime(stamp, (1, 1))
            build(function, dest)
            self.assertGreaterEqual(os.stat(stamp).st_mtime_ns, before)

    def test_mistakes_are_explained(self):
        self.write("precious", "x")
        for arguments, code, want in (
                (["bsf", "x"], 1, "no function 'bsf'; there are: .*python/bfs"),
                (["bfs"], 2, "usage"),
                (["bfs", self.directory], 1, "is not empty")):
            run = subprocess.run([BUILD] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(run.returncode, code)
            self.assertTrue(re.search(want, run.stdout), run.stdout)


if __name__ == "__main__":
    unittest.main()
