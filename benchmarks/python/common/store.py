"""Objects of the benchmark functions in an S3 store. From the environment:

    s3_url          address of the store (http://minio-svc.stores.svc.cluster.local:9000)
    s3_bucket       bucket, which must exist (benchmarks)
    s3_access_key   key; where unset, the content of the function's secret of
    s3_secret_key   that name (s3-access-key, s3-secret-key)

Keys begin with the function's name and the host's, so that replicas do not
meet, and are the same for each request, so that the bucket does not grow.
"""
import contextlib
import os
import socket

import boto3
import botocore.client

SECRETS = "/var/openfaas/secrets"


def _setting(name, default=None):
    value = os.environ.get(name)
    if value:
        return value
    with contextlib.suppress(OSError):
        with open(os.path.join(SECRETS, name.replace("_", "-")), encoding="utf-8") as f:
            return f.read().strip()
    if default is None:
        raise RuntimeError("%s is not set, and there is no such secret in %s" % (name, SECRETS))
    return default


class Store:
    """The objects of one function.

    A request is handled in `with store:`, which closes all connections at its
    end: a process with an open connection cannot be checkpointed. The next
    call opens new ones.
    """

    def __init__(self, function):
        self._function = function
        self._bucket = _setting("s3_bucket", "benchmarks")
        self._client = boto3.client(
            "s3",
            endpoint_url=_setting("s3_url", "http://minio-svc.stores.svc.cluster.local:9000"),
            aws_access_key_id=_setting("s3_access_key"),
            aws_secret_access_key=_setting("s3_secret_key"),
            region_name="us-east-1",
            config=botocore.client.Config(connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.close()

    def put(self, name, data):
        self._client.put_object(Bucket=self._bucket, Key=self._prefix() + name, Body=data)

    def get(self, name):
        answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix() + name)
        with contextlib.closing(answer["Body"]) as body:
            return body.read()

    def names(self, prefix):
        """The names of all objects that begin with PREFIX."""
        start = self._prefix()
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start + prefix)
        return [found["Key"][len(start):] for page in pages for found in page.get("Contents", ())]

    def _prefix(self):
        # Asked each time: a restored process may be on another host.
        return "%s/%s/" % (self._function, socket.gethostname())
