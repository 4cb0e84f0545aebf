# Written for OpenFaaS's python3-flask template, without Flask and, with
# RAW_BODY=true, for binary bodies.
def handle(req):
    if isinstance(req, bytes):
        return bytes(reversed(req))
    return {"text": req}
