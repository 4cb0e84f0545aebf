# Written for OpenFaaS's python3-flask template; runs on criu-pypy unchanged.
from flask import request


def handle(req):
    """handle a request to the function
    Args:
        req (str): request body
    """
    if request.path == "/echo":
        return req
    if request.path == "/dict":
        return {"body": req, "agent": request.headers.get("User-Agent")}
    return "%s %s %s" % (request.method, request.args.get("name"), req), 203, {"X-Handler": "python3-flask"}
