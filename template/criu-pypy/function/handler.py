def handle(event, context):
    name = event.query.get("name", "world")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": {"message": "Hello, %s!" % name, "path": event.path},
    }
