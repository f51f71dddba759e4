"""An S3 server for tests, moto's, and what obstore needs to find it."""

from __future__ import annotations

import hashlib
import logging
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

__all__ = ["S3", "objects", "s3_server"]


class S3:
    """A server that runs.

    Attributes:
        environment: for obstore.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "writer",
            "AWS_SECRET_ACCESS_KEY": "s3cret",
            "AWS_REGION": "us-east-1",
        }

    def bucket(self, name: str) -> str:
        """Makes a bucket; returns its address."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT"), timeout=20).close()
        return f"s3://{name}"

    def set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Points this process at it."""
        from voxpress.store.sources.process import PerProcess

        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_SKIP_SIGNATURE", raising=False)
        # what was opened has the address of another server
        monkeypatch.setattr("voxpress.store.sources.objects._OPENED", PerProcess(dict))


@contextmanager
def s3_server() -> Iterator[S3]:
    """Runs one on a port of this machine."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield S3(server.get_host_and_port()[1])
    finally:
        server.stop()


def objects(target: str) -> dict[str, str]:
    """Every object below an address → the sha256 of its bytes."""
    bucket = Bucket(ObjectSource(target))
    paths = {path for name in bucket.names() for path in bucket.sizes(name) or [name]}
    return {path: hashlib.sha256(bucket.read(path)[0]).hexdigest() for path in paths}
