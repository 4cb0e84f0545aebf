"""Runs a handler that uses Flask inside a Flask application.

Every path and method reaches the handler, with flask.request and
flask.current_app at hand; what it returns, or aborts with, is what a Flask
view may return.
"""
from flask import Flask, request

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Event:
    """One request, as handle(event, context) sees it, with Flask's own types."""

    def __init__(self):
        self.body = request.get_data()
        self.headers = request.headers
        self.method = request.method
        self.query = request.args
        self.path = request.path


def application(call):
    """The WSGI application for call: event -> what a Flask view may return."""
    app = Flask("function", static_folder=None)
    app.url_map.merge_slashes = False

    def view(path):
        result = call(Event())
        if isinstance(result, tuple):
            # Flask has no None for "no body" or "no headers".
            body, *rest = result
            return ("" if body is None else body, *(part for part in rest if part is not None))
        return "" if result is None else result

    for rule, defaults in (("/", {"path": ""}), ("/<path:path>", None)):
        app.add_url_rule(
            rule, "function", view, defaults=defaults, methods=METHODS, provide_automatic_options=False)
    return app
