"""The frame of a page: its head says what it may do, which is nearly nothing."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from typing import Final

__all__ = ["page", "resource", "text"]

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="voxpress">
{marks}<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
{script}</body>
</html>
"""
_SYNTHETIC: Final = '<meta name="synthetic" content="true">\n<meta name="not-for-clinical-use" content="true">\n'


def page(title: str, body: str, *, styles: tuple[str, ...] = (), script: str = "", synthetic: bool = True) -> str:
    """A whole page in one text.

    Args:
        title: of the window; escaped here.
        body: HTML in which every text from data is escaped already.
        styles: style sheets beside `page.css`, of this folder.
        script: of this folder, if there is one.
        synthetic: whether the page shows synthetic data, which its head then says.

    Returns:
        HTML whose policy allows this very style and script, pictures in it, and nothing else.
    """
    style = "\n".join(resource(name) for name in ("page.css", *styles))
    code = resource(script) if script else ""
    policy = [
        "default-src 'none'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        f"style-src {_hash(style)}",
    ]
    policy += [f"script-src {_hash(code)}"] if code else []
    return _PAGE.format(
        policy="; ".join(policy),
        marks=_SYNTHETIC if synthetic else "",
        title=text(title),
        style=style,
        body=body,
        script=f"<script>{code}</script>\n" if code else "",
    )


def text(value: object) -> str:
    """Any value as text that HTML shows as it is, also in an attribute; control characters are left out."""
    kept = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return escape(kept, quote=True)


def resource(name: str) -> str:
    """A file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
