# Written for OpenFaaS's python3-http template, with Flask's own answers.
from flask import Response, abort, jsonify, make_response, redirect


def handle(event, context):
    if event.path == "/jsonify":
        return jsonify(name=event.query.get("name"), all=event.query.getlist("name"))
    if event.path == "/response":
        return Response("teapot", status=418, mimetype="text/x-tea")
    if event.path == "/tuple":
        return make_response("made"), 201, {"X-Made": "yes"}
    if event.path == "/redirect":
        return redirect("/elsewhere")
    if event.path == "/stream":
        return Response(part for part in ("one ", "two ", "three"))
    if event.path == "/abort":
        abort(404)
    return {"statusCode": 200, "body": {"body": event.body.decode()}, "headers": {"X-Handler": "flask"}}
