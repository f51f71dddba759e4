"""A web server for tests that serves a folder by ranges, counts what it does, and fails as it is told.

with RangeServer(folder, faults=Faults(error_500=0.1, truncate=0.1), delay_s=0.02) as server:
    cohort = vp.open(server.url)
    ...
    server.requests, server.bytes_sent, server.log
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from web_server import Answer, Call, Faults, Request, WebServer, part_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

__all__ = ["Faults", "RangeServer", "Request"]


class RangeServer(WebServer):
    """Serves a folder; all else as `WebServer`.

    Args:
        folder: what is served; None where everything is redirected or answered by `answer`.
        faults: what goes wrong.
        delay_s: before each answer.
        token: an `Authorization: Bearer` that is asked for; 401 without it, 403 with another.
        refuse_token: 400 for a request that carries any Authorization, as object storage answers signed addresses.
        redirect_to: address of another server; each request is sent there, with its path.
        redirect_query: signature that the address has then; a callable makes a new one for each redirect.
        query: whether a signature is good: a callable that is given the query.
        refusal: status where it is not.
        ranges: False for a server that knows no ranges.
        tls: with a certificate, for https.
        answer: (method, path, headers) → (status, headers, body), or None for the folder; for what tests need once.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        faults: Faults | None = None,
        delay_s: float = 0.0,
        token: str | None = None,
        refuse_token: bool = False,
        redirect_to: str | None = None,
        redirect_query: str | Callable[[], str] = "",
        query: Callable[[str], bool] | None = None,
        refusal: int = 403,
        ranges: bool = True,
        tls: ssl.SSLContext | None = None,
        answer: Callable[[str, str, Mapping[str, str]], tuple[int, dict[str, str], bytes] | None] | None = None,
    ) -> None:
        super().__init__(faults=faults, delay_s=delay_s, tls=tls)
        self.folder = None if folder is None else Path(folder)
        self.token = token
        self.refuse_token = refuse_token
        self.redirect_to = redirect_to
        self.redirect_query = redirect_query
        self.query = query
        self.refusal = refusal
        self.ranges = ranges
        self.answer = answer

    def respond(self, call: Call) -> Answer:
        if self.answer and (made := self.answer(call.method, call.path, call.headers)) is not None:
            return Answer(*made)
        given = call.headers.get("authorization")
        if self.refuse_token and given:
            return Answer(400, data=b"only one way of authentication")
        if self.token is not None and given != f"Bearer {self.token}":
            return Answer(403 if given else 401, data=b"who are you")
        if self.query is not None and not self.query(call.query):
            return Answer(self.refusal, data=b"expired")
        if self.redirect_to is not None:
            signature = self.redirect_query() if callable(self.redirect_query) else self.redirect_query
            target = self.redirect_to.rstrip("/") + call.target
            return Answer(302, {"Location": f"{target}?{signature}" if signature else target}, b"over there")
        return self._file(call.path, call.span)

    def _file(self, path: str, span: str) -> Answer:
        file = self.folder / path if self.folder and ".." not in path.split("/") else None
        if file is None or not file.is_file():
            return Answer(404, data=b"not found")
        if not self.ranges:
            return Answer(200, data=file.read_bytes())
        return part_of(file.read_bytes(), span, **{"Accept-Ranges": "bytes"})
