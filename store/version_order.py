"""Which of two semantic versions is greater, by https://semver.org, section 11."""

from __future__ import annotations

__all__ = ["is_prerelease", "precedence"]

Precedence = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def precedence(version: str) -> Precedence:
    """A key that sorts versions; what follows a ``+`` does not count.

    >>> precedence("1.0.0-rc.2") < precedence("1.0.0-rc.10") < precedence("1.0.0") < precedence("1.0.1+build")
    True
    """
    core, _, early = version.partition("+")[0].partition("-")
    parts = early.split(".") if early else []
    # numbers are smaller than words; a release is greater than what came early
    words = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
    return tuple(int(number) for number in core.split(".")), not early, words


def is_prerelease(version: str) -> bool:
    """Whether a version came before the release of its number, as ``1.0.0-rc.1`` does."""
    return "-" in version.partition("+")[0]
