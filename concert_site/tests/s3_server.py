"""An S3-compatible store of a test's own, over HTTP: moto's server, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@contextmanager
def s3_server(bucket: str) -> Iterator[tuple[str, Any]]:  # Any: boto3's client
    """Run a store with an empty bucket; its address, and a client that looks past the site."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=address, **KEYS)
        client.create_bucket(Bucket=bucket)
        yield address, client
    finally:
        server.stop()
