"""What to tell when a package is missing that only some users need."""

from __future__ import annotations

__all__ = ["missing"]


def missing(package: str, extra: str, what: str) -> ImportError:
    """The error for a package that is not installed.

    Args:
        package: that was to be imported.
        extra: of voxpress that brings it.
        what: needs it.
    """
    return ImportError(f"{what} needs {package}, which is not installed; run: pip install 'voxpress[{extra}]'")
