"""Says which request it is, and what every source of random numbers gives."""
import hashlib
import random
import secrets
import ssl
import uuid

from snapshot_hooks import after_restore

STATE = {"count": 0, "restores": 0}


@after_restore
def note():
    STATE["restores"] += 1


def client_hello():
    """The first message of a TLS handshake: it holds the client's random
    number and its half of the key exchange."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="example.org")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return hashlib.sha256(outgoing.read()).hexdigest()


def handle(event, context):
    STATE["count"] += 1
    print("function request", STATE["count"])
    return {"body": {
        "count": STATE["count"],
        "restores": STATE["restores"],
        "random": random.random(),
        "uuid": str(uuid.uuid4()),
        "token": secrets.token_hex(16),
        "openssl": ssl.RAND_bytes(16).hex(),
        "tls": client_hello(),
    }}
