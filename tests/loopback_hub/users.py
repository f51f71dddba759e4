"""Who asks: the tokens that the Hub knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .repository import Refused

if TYPE_CHECKING:
    from web_server import Call

__all__ = ["READER", "STRANGER", "WRITER", "User", "Users"]

WRITER = "hf_" + "loopbackWriter".ljust(34, "w")
"""Token of somebody who may do everything."""
READER = "hf_" + "loopbackReader".ljust(34, "r")
"""Token of somebody who may read everything."""
STRANGER = "hf_" + "loopbackStranger".ljust(34, "s")
"""Token of somebody who sees no private data set and has accepted no terms."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a token.

    Attributes:
        member: may read what is private or gated.
        writes: may write.
    """

    name: str
    member: bool
    writes: bool


class Users:
    """Tokens, which a test may add to or take from."""

    def __init__(self) -> None:
        self.by_token = {
            WRITER: User("writer", member=True, writes=True),
            READER: User("reader", member=True, writes=False),
            STRANGER: User("stranger", member=False, writes=False),
        }

    def of(self, call: Call) -> User | None:
        """Who sent the request; None for nobody in particular.

        Raises:
            Refused: the token is of nobody.
        """
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return None
        if token not in self.by_token:
            raise Refused(401, "", "Invalid credentials in Authorization header")
        return self.by_token[token]
