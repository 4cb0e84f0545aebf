def handle(event, context):
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": {"message": greeting(event.query.get("name")), "path": event.path},
    }


def greeting(name):
    return "Hello, %s!" % (name or "world")
