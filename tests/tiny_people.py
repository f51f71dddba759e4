"""The human part of the card of a small store."""

from __future__ import annotations

from voxpress.cards import Human

__all__ = ["HUMAN", "HUMAN_TEXT"]

HUMAN_TEXT = """\
license: cc-by-4.0
license_link: https://creativecommons.org/licenses/by/4.0/
intended_use: Testing programs that read volumes, and nothing beyond that.
out_of_scope_use: Any statement about a real brain, and every clinical use.
training_data: Nobody stands behind it, as ellipsoids are drawn by a formula.
known_biases: Every brain is an ellipsoid, so no shape of a real one is there.
maintainers: The authors of the tests, tests@voxpress.example
licence_rationale: Ellipsoids have no owner, so it may be given to everybody.
"""

_HEADER = ("license", "license_link")
_LINES = dict(line.split(": ", 1) for line in HUMAN_TEXT.splitlines())

HUMAN = Human(
    answers={key: text for key, text in _LINES.items() if key not in _HEADER},
    header={key: _LINES[key] for key in _HEADER},
)
