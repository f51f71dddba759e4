"""What makes data sets, and makes them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import SET, add_ordering, add_path, command, positive

if TYPE_CHECKING:
    from .kinds import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Adds these commands."""
    _generate(commands)
    _recipe(commands)
    _sample(commands)
    _next(commands)
    _regenerate(commands)
    _repair(commands)


def _generate(commands: Commands) -> None:
    text = "Makes a data set.\n\nStopped at any time, the same command goes on from what is there."
    parser = command(commands, "generate", text, SET)
    add_ordering(parser)
    target = "folder of the data set, or s3://, gs:// or az://"
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help=target)
    workers = "processes or actors; by default one a CPU, or a GPU where the backend needs GPUs"
    parser.add_argument("--workers", type=positive, metavar="N", help=workers)
    features = "leave out the features that qualities are measured by; `voxpress qa` makes them later"
    parser.add_argument("--no-features", action="store_true", help=features)
    engine = "local: processes of this machine (default); ray: the nodes of a Ray cluster"
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help=engine)
    address = "of the Ray cluster: auto (default), HOST:PORT of its head, or local for one of this machine alone"
    parser.add_argument("--address", metavar="ADDRESS", help=address)
    part = parser.add_mutually_exclusive_group()
    shards = "make only the K-th of N shares of the shards, for array jobs; all may be at work in DIR at once"
    part.add_argument("--shards", metavar="K/N", help=shards)
    finish = "make no shard; when all shares are there, write table, manifest and card"
    part.add_argument("--finish", action="store_true", help=finish)


def _recipe(commands: Commands) -> None:
    text = (
        "Checks a recipe and shows whom it orders.\n\n"
        "Prints it with every default spelled out; the cohort follows as comments, so the output is a recipe too."
    )
    parser = command(commands, "recipe", text, SET)
    add_ordering(parser)
    parser.add_argument("--example", action="store_true", help="print a commented recipe to start from")


def _sample(commands: Commands) -> None:
    text = "Makes one sample of a recipe alone, for a look.\n\nIt equals the sample of the whole data set."
    parser = command(commands, "sample", text, SET)
    add_ordering(parser)
    parser.add_argument("--index", type=int, required=True, metavar="I", help="row of the cohort, from 0")
    parser.add_argument("--attempt", type=int, default=0, metavar="N", help="which attempt at it (default 0)")
    output = "picture, or NIfTI image; its label map then goes to FILE_label.nii.gz"
    parser.add_argument("-o", "--output", required=True, metavar="FILE.png|FILE.nii.gz", help=output)


def _next(commands: Commands) -> None:
    text = (
        "Makes the next version of a data set from its own recipe, changed.\n\n"
        "Shards that the change does not touch are taken over, as hard links where that works; the rest is made. What "
        "changed\nis written to CHANGELOG.md. Stopped at any time, the same command goes on from what is there."
    )
    parser = command(commands, "next", text, SET)
    parser.add_argument("path", metavar="PATH", help="folder of the version before")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help="see below")
    people = "another people file, in place of that of the data set; --set samples=N says how many of its rows"
    parser.add_argument("--people", metavar="FILE.csv", help=people)
    refuse = (
        "quarantine.json of the data set, as audit and qa write it: these samples are made again with the same "
        "conditions and their next attempt"
    )
    parser.add_argument("--refuse", metavar="FILE", help=refuse)
    version = "of the new data set, greater than that of the old one, such as 1.1.0"
    parser.add_argument("--version", required=True, metavar="X.Y.Z", help=version)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the new data set")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--copy", action="store_true", help="copy shards, so that the two share no file")
    lock = (
        "where other versions of packages are installed than the data set was made with: refuse (default), remake all "
        "samples, or reuse its shards all the same, which the lock of the new version then says"
    )
    choices = ("refuse", "remake", "reuse")
    parser.add_argument("--if-lock-differs", choices=choices, default=choices[0], help=lock)


def _regenerate(commands: Commands) -> None:
    text = (
        "Makes a data set again from its recipe, and says how near it comes.\n\n"
        "Exact (exit code 0): every voxel is the same. Close (3): what is left could be rounding. Different (4).\n"
        "Stopped at any time, the same command goes on from what is in DIR."
    )
    parser = command(commands, "regenerate", text)
    parser.add_argument("source", metavar="SOURCE", help="folder of the data set, its URL, or org/name@v1.0.0")
    output = "folder of the new data set; without it, only the comparison is left"
    parser.add_argument("-o", "--output", metavar="DIR", help=output)
    samples = "only these: ids, or positions in the planned cohort (the column index)"
    parser.add_argument("--samples", metavar="17,42", help=samples)
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")


def _repair(commands: Commands) -> None:
    text = (
        "Mends what is missing or damaged of a data set.\n\n"
        "From its spare copies, from --from, or made again from its recipe; nothing is accepted but the very bytes "
        "that the\nmanifest names. Exit code 1 if something is left."
    )
    parser = command(commands, "repair", text)
    add_path(parser)
    source = "a copy of the data set to fetch from: a folder, its URL, or org/name@v1.0.0"
    parser.add_argument("--from", dest="source", metavar="SOURCE", help=source)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")
