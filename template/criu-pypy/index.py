"""HTTP server of one function: waitress in front of function/handler.py.

The handler is `handle(event, context)` or `handle(req)`; see the README of
the templates. Settings, all from the environment:

    http_port      port on 127.0.0.1 (5000)
    http_threads   requests handled at once (1)
    function_dir   directory of handler.py (./function beside this file)
    RAW_BODY       true: handle(req) gets bytes instead of str

A handler that uses Flask runs inside a Flask application (flask_function.py),
so that flask.request and whatever Flask takes as a response work. For all
others Flask is never loaded.

The process is made to be checkpointed between two requests: it keeps no file
open, logs to standard output and error only, and starts no helper process.
"""
import json
import logging
import os
import socket
import sys
import traceback
import types
from http import HTTPStatus
from urllib.parse import parse_qsl

import snapshot_hooks
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask


def before_checkpoint(environ):
    # The watchdog says how many requests wait for the end of the checkpoint.
    waiting = environ.get("HTTP_X_PRONGHORN_WAITING", "0")
    snapshot_hooks.run_before_checkpoint(held=waiting != "0")


HOOKS = {
    "/_/snapshot/before-checkpoint": before_checkpoint,
    "/_/snapshot/after-restore": lambda environ: snapshot_hooks.run_after_restore(),
}


class Task(WSGITask):
    """A request that knows that HEAD has no body. Waitress alone would send
    one, or, if it is held back, close a kept connection without notice."""

    def write(self, data):
        if self.request.command.upper() == "HEAD":
            super().write(b"")
            self.content_bytes_written += len(data)
        else:
            super().write(data)


class Channel(HTTPChannel):
    """A connection whose requests are Tasks."""

    task_class = Task


class Headers(dict):
    """Request headers; names are found in any case."""

    def __init__(self, environ):
        super().__init__(_headers(environ))

    def __getitem__(self, name):
        return super().__getitem__(name.title())

    def __contains__(self, name):
        return super().__contains__(name.title())

    def get(self, name, default=None):
        return super().get(name.title(), default)


class Query(dict):
    """Query parameters: the first value of each, all of them by getlist."""

    def __init__(self, text):
        super().__init__()
        self._pairs = parse_qsl(text, keep_blank_values=True)
        for key, value in self._pairs:
            self.setdefault(key, value)

    def getlist(self, key):
        return [value for name, value in self._pairs if name == key]


class Event:
    """One request, as handle(event, context) sees it."""

    def __init__(self, environ):
        self.body = environ["wsgi.input"].read()
        self.headers = Headers(environ)
        self.method = environ["REQUEST_METHOD"]
        self.query = Query(environ.get("QUERY_STRING", ""))
        self.path = _path(environ)


class Context:
    """Where the function runs."""

    @property
    def hostname(self):
        # Asked each time: a restored process may be on another host.
        return socket.gethostname()


def _headers(environ):
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key[5:].replace("_", "-").title(), value
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            yield key.replace("_", "-").title(), value


def _path(environ):
    """The decoded path; WSGI hands over its UTF-8 bytes as Latin-1."""
    return environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")


def load_handler(directory):
    """Imports DIRECTORY/handler.py as function.handler and returns its handle.

    The function's own modules can be imported plainly (`import helper`) or
    through the package (`from function import helper`, `from . import helper`).
    """
    sys.path.insert(0, directory)
    parent, name = os.path.split(directory)
    if name == "function":
        sys.path.insert(1, parent)
    else:
        package = types.ModuleType("function")
        package.__path__ = [directory]
        sys.modules["function"] = package
    from function import handler
    return handler.handle


def takes_one_argument(handle):
    """True for handle(req), False for handle(event, context)."""
    code = getattr(handle, "__code__", None)
    if code is not None and not hasattr(handle, "__wrapped__") and not code.co_flags & 0x04:
        return code.co_argcount == 1
    import inspect  # slow to load, and only decorated handlers need it
    return len(inspect.signature(handle).parameters) == 1


def adapt(handle):
    """Turns either kind of handler into: event -> what the handler returned,
    a dict with a statusCode split into (body, status, headers)."""
    if takes_one_argument(handle):
        raw = os.environ.get("RAW_BODY", "").lower() == "true"

        def call(event):
            return handle(event.body if raw else event.body.decode("utf-8", "replace"))
    else:
        context = Context()

        def call(event):
            result = handle(event, context)
            if isinstance(result, dict):
                return result.get("body"), int(result.get("statusCode", 200)), result.get("headers")
            return result
    return call


def unpack(result):
    """Splits a result that may be a tuple (body, status[, headers]) or
    (body, headers)."""
    if not isinstance(result, tuple):
        return result, 200, None
    if len(result) == 2 and not isinstance(result[1], int):
        return result[0], 200, result[1]
    body, status, headers = result if len(result) == 3 else result + (None,)
    return body, int(status), headers


def encode(body):
    """The bytes of a response body and the content type that goes with it."""
    if body is None:
        return b"", "text/html; charset=utf-8"
    if isinstance(body, (bytes, bytearray)):
        return bytes(body), "text/html; charset=utf-8"
    if isinstance(body, str):
        return body.encode("utf-8"), "text/html; charset=utf-8"
    if hasattr(body, "__next__"):  # a generator of text or bytes
        return b"".join(encode(part)[0] for part in body), "text/html; charset=utf-8"
    return json.dumps(body).encode("utf-8"), "application/json"


def render(result):
    """Makes (status line, header list, bytes) of (body, status, headers)."""
    body, status, extra = result
    data, content_type = encode(body)
    if hasattr(extra, "items"):
        extra = extra.items()
    headers = [(str(name), str(value)) for name, value in extra or ()]
    given = {name.lower() for name, _ in headers}
    if status in (204, 304):
        data = b""
    else:
        if "content-type" not in given:
            headers.append(("Content-Type", content_type))
        if "content-length" not in given:
            headers.append(("Content-Length", str(len(data))))
    return "%d %s" % (status, reason(status)), headers, data


def reason(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def uses_flask(handle):
    """True if the handler's module has loaded Flask, or names it, so that it
    may load it later."""
    if "flask" in sys.modules:
        return True
    module = sys.modules.get(getattr(handle, "__module__", None))
    try:
        with open(module.__file__, encoding="utf-8") as source:
            return "flask" in source.read()
    except (AttributeError, TypeError, OSError, ValueError):
        return False


def application(handle):
    """The WSGI application for one handler."""
    call = adapt(handle)
    if uses_flask(handle):
        import flask_function
        flask = flask_function.application(call)
    else:
        flask = None

    def app(environ, start_response):
        try:
            hook = HOOKS.get(environ.get("PATH_INFO"))
            if hook is not None:
                hook(environ)
                answer = render(unpack(None))
            elif flask is not None:
                return flask(environ, start_response)
            else:
                answer = render(unpack(call(Event(environ))))
        except Exception:
            # The stack goes to the log only: it may name secrets.
            sys.stderr.write(traceback.format_exc())
            sys.stderr.flush()
            answer = render(("Internal Server Error\n", 500, None))
        status, headers, data = answer
        start_response(status, headers)
        return [data]

    return app


def positive_int(name, default):
    """The environment variable NAME as an integer above 0."""
    text = os.environ.get(name) or str(default)
    if text.isdigit() and int(text) > 0:
        return int(text)
    sys.exit("%s must be a positive integer, not %r" % (name, text))


def main():
    # Log lines leave at once, whatever the locale: a buffer would be lost
    # with an evicted process, or repeated by every restore of a snapshot.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    here = os.path.dirname(os.path.abspath(__file__))
    directory = os.path.abspath(os.environ.get("function_dir") or os.path.join(here, "function"))
    server = create_server(
        application(load_handler(directory)),
        host="127.0.0.1",
        port=positive_int("http_port", 5000),
        threads=positive_int("http_threads", 1),
        ident=None,
        # poll, not select: descriptors above 1023 must not stop the server.
        asyncore_use_poll=True,
        connection_limit=1000,
    )
    server.channel_class = Channel
    server.run()


if __name__ == "__main__":
    main()
