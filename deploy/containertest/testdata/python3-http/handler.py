# Written for OpenFaaS's python3-http template; runs on criu-pypy unchanged.
import json


def handle(event, context):
    if event.path == "/none":
        return None
    if event.path == "/bytes":
        return {"statusCode": 200, "body": bytes(reversed(event.body)), "headers": {"Content-Type": "application/octet-stream"}}
    if event.path == "/tuple":
        return "made", 201, {"X-Made": "yes"}
    if event.path == "/fail":
        raise ValueError("the handler fails")
    if event.method == "DELETE":
        return {"statusCode": 204}
    return {
        "statusCode": 202,
        "body": {
            "method": event.method,
            "path": event.path,
            "body": event.body.decode("utf-8"),
            "name": event.query.get("name"),
            "type": event.headers.get("Content-Type"),
            "agent": event.headers["User-Agent"],
            "host": bool(context.hostname),
            "json": json.loads(event.body) if event.headers.get("content-type") == "application/json" else None,
        },
        "headers": {"X-Handler": "python3-http"},
    }
