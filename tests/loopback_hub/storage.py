"""Where the Hub's large files lie: another server, with signed addresses, which refuses the Hub's token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from web_server import Answer, Call, WebServer, part_of

from .repository import Repository, replace, sha256_of
from .troubles import with_troubles

if TYPE_CHECKING:
    from pathlib import Path

    from .troubles import Trouble

__all__ = ["Storage"]


class Storage(WebServer):
    """Answers as object storage does.

    Args:
        root: folder of the repositories.

    Attributes:
        ranges: False for a server that knows no ranges.
        valid_s: how long an address is good.
        troubles: what goes wrong.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.ranges = True
        self.valid_s = 3600.0
        self.troubles: list[Trouble] = []
        self._secret = secrets.token_bytes(16)

    def signed(self, method: str, name: str, sha256: str) -> str:
        """Address of a file for some time, for GET and HEAD or for PUT."""
        path, until = f"{name}/{sha256}", f"{time.time() + self.valid_s:.3f}"
        return f"{self.url}{path}?Expires={until}&Signature={self._signature(method, path, until)}"

    def expire(self) -> None:
        """All addresses so far are not good any longer."""
        self._secret = secrets.token_bytes(16)

    def respond(self, call: Call) -> Answer:
        if "authorization" in call.headers:
            return Answer(400, data=b"Only one auth mechanism allowed")
        method = "GET" if call.method == "HEAD" else call.method
        given = {name: values[0] for name, values in parse_qs(call.query).items()}
        until = given.get("Expires", "0")
        good = hmac.compare_digest(given.get("Signature", ""), self._signature(method, call.path, until))
        if not good or time.time() > float(until):
            return Answer(403, data=b"Request has expired")
        return with_troubles(self.troubles, call, self._answer)

    def _answer(self, call: Call) -> Answer:
        name, _, sha256 = call.path.rpartition("/")
        path = Repository(self.root / name).lfs_path(sha256)
        if call.method == "PUT":
            if sha256_of(call.body) != sha256:
                return Answer(400, data=b"BadDigest")
            replace(path, call.body)
            return Answer(200, {"ETag": f'"{sha256}"'})
        if not path.exists():
            return Answer(404, data=b"NoSuchKey")
        span = call.span if self.ranges else ""
        return part_of(path.read_bytes(), span, **{"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"})

    def _signature(self, method: str, path: str, until: str) -> str:
        return hmac.new(self._secret, f"{method} {path} {until}".encode(), hashlib.sha256).hexdigest()
