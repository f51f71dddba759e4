"""What judges data sets, and tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import add_path, command, natural, positive

if TYPE_CHECKING:
    from .kinds import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Adds these commands."""
    _qa(commands)
    _audit(commands)
    _gate(commands)
    _card(commands)


def _qa(commands: Commands) -> None:
    text = (
        "Judges a data set: every sample, the set beside real ones, and whether it is what was ordered.\n\n"
        "Reads each volume once, and leaves what it found and the quality report in the data set's folder quality/. "
        "Stopped at\nany time, the same command goes on. Exit code 1 if the data set may not be published."
    )
    parser = command(commands, "qa", text)
    add_path(parser)
    profile = "demo, research (default), strict, or a file of your own; see docs/gate.md"
    parser.add_argument("--profile", default="research", metavar="NAME|FILE.yaml", help=profile)
    real = "real samples to compare with: a voxpress store, a folder of NIfTI files, or a table of their paths"
    parser.add_argument("--reference", metavar="REAL", help=real)
    table = "table of the reference's files and people (path, subject, age, sex …), where REAL is a folder"
    parser.add_argument("--reference-table", metavar="FILE", help=table)
    leakage = "make N samples again, each once more with every condition changed, to see what a condition moves"
    parser.add_argument("--leakage", type=natural, default=0, metavar="N", help=leakage)
    pairs = "random pairs of which diversity is measured, with a reference (default: 5 a sample, at most 1000)"
    parser.add_argument("--pairs", type=positive, metavar="N", help=pairs)
    quarantine = (
        "write the samples there that are wrong, repeated or far from all real ones, for `voxpress next --refuse`"
    )
    parser.add_argument("--quarantine", metavar="FILE.json", help=quarantine)
    parser.add_argument("--again", action="store_true", help="inspect anew what was inspected before")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="print the report, for programs")


def _audit(commands: Commands) -> None:
    text = (
        "Looks for copies of the subjects whom a generator was trained on.\n\n"
        "Leaves figures without anybody's identity in the data set's folder quality/. Stopped at any time, the same "
        "command\ngoes on. Exit code 1 if a sample is too close to a training volume, or the audit is not valid."
    )
    parser = command(commands, "audit", text)
    add_path(parser)
    real = "a voxpress store, a folder of NIfTI files (skull-stripped as the samples are), or a table of their paths"
    model = "the folder of a model of `voxpress train`, which keeps what is needed"
    train = f"what the generator was trained on: {real}; or {model}; without it, the audit is recorded as not run"
    parser.add_argument("--train", metavar="REAL", help=train)
    holdout = "subjects whom it never saw, in the same forms; without them, training subjects are held against others"
    parser.add_argument("--holdout", metavar="REAL", help=holdout)
    table = "table of the {} files, with columns path and subject, where REAL is a folder"
    parser.add_argument("--train-table", metavar="FILE", help=table.format("training"))
    parser.add_argument("--holdout-table", metavar="FILE", help=table.format("held-out"))
    private = "folder outside of the data set for who is close to whom, the quarantine, and what was computed so far"
    parser.add_argument("--private", metavar="DIR", help=private)
    copies = "so many copies of training volumes are planted, and must be found (default 204)"
    parser.add_argument("--copies", type=positive, default=204, metavar="N", help=copies)
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="of the planted copies (default 0)")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")


def _gate(commands: Commands) -> None:
    text = (
        "Judges what was measured of a data set, and writes its quality report.\n\n"
        "Measures what the table tells, takes what other commands measured, and judges all of it by a profile. Reads "
        "no voxel.\nExit code 1 if the data set may not be published."
    )
    parser = command(commands, "gate", text)
    add_path(parser)
    profile = "demo, research (default), strict, or a file of your own; see docs/gate.md"
    parser.add_argument("--profile", default="research", metavar="NAME|FILE.yaml", help=profile)
    people = "CSV or Parquet table of real people, with columns of the same conditions"
    parser.add_argument("--reference-table", metavar="FILE", help=people)
    parser.add_argument("--json", action="store_true", help="print the report, for programs")


def _card(commands: Commands) -> None:
    text = (
        "Makes the data set card, its pictures and croissant.json.\n\n"
        "Made again, the machine's part is new, and what people wrote stays. --check only says what is wrong; exit "
        "code 1 if\nthe card cannot be published."
    )
    parser = command(commands, "card", text)
    add_path(parser)
    human = "what only people know: intended_use, training_data, maintainers, license … (docs/cards.md has all)"
    parser.add_argument("--human", metavar="FILE.yaml", help=human)
    parser.add_argument("--repository", metavar="ORG/NAME", help="where it will be published, for the examples")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is wrong with the card")
    parser.add_argument("--no-pictures", action="store_true", help="leave the pictures as they are")
    parser.add_argument("--viewer", metavar="FILE.html", help="also write a page to look through the samples")
    parser.add_argument("-n", type=positive, metavar="N", help="samples in that page (default 200)")
