"""The command line: what can be asked, and how problems are told.

What each command does is in `commands`, one file each; nothing but `argparse` is imported before one is chosen.

Exit codes: 0 done; 1 something failed, or `verify`, `qa`, `audit` or `gate` found problems, or `repair` left some; 2 a
mistake in what was asked; 3 and 4 what was made again is only close, or different; 130 stopped by Ctrl-C. `diff` has
those of diff(1): 0 the same, 1 different, 2 something failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from . import __version__
from .commands.console import MistakeError, printable
from .errors import (
    PublishError,
    QualityError,
    QueryError,
    RecipeError,
    StoreExistsError,
    StoreNotFoundError,
    VoxpressError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_MISTAKES = (MistakeError, PublishError, QualityError, QueryError, RecipeError, StoreExistsError, StoreNotFoundError)
_MODULES = {"import": "import_"}
"""Where a command is called like a keyword of Python."""

_RESUMABLE = (
    "audit",
    "export",
    "fetch",
    "generate",
    "import",
    "next",
    "publish",
    "qa",
    "recode",
    "regenerate",
    "repair",
)
_SET = """\
changes of the recipe with --set NAME=VALUE, as often as needed:
  --set age=70:85 --set sex=F          a condition: a range, or one value
  --set diagnosis=CN*0.7,AD*0.3        a choice with weights; CN,AD for equal ones
  --set wmh_volume_ml=population       drawn from the published formula
  --set image.shape=80,112,80          any other field of the recipe, by its path"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as typed after `voxpress`; None for those of this process.

    Returns:
        the exit code.
    """
    asked = _parser().parse_args(arguments)
    try:
        module = _MODULES.get(asked.command, asked.command)
        code: int = import_module(f".commands.{module}", __package__).run(asked)
        sys.stdout.flush()
    except (VoxpressError, MistakeError) as error:
        _tell(str(error))
        return 2 if isinstance(error, _MISTAKES) else _trouble(asked)
    except BrokenPipeError:
        # whoever read the output has seen enough; what is still buffered must not be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _tell(str(error))
        return _trouble(asked)
    except KeyboardInterrupt:
        # without a folder of its own, nothing is kept
        resumable = asked.command in _RESUMABLE and getattr(asked, "output", "") is not None
        _tell("stopped" + ("; run the same command again to resume" if resumable else ""))
        return 130
    return code


def _trouble(asked: argparse.Namespace) -> int:
    return 2 if asked.command == "diff" else 1


def _tell(problem: str) -> None:
    first, *more = problem.splitlines() or [""]
    print(f"voxpress: {printable(first)}", *map(printable, more), sep="\n", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voxpress",
        description="Makes, judges and reads synthetic 3D medical data sets.",
        epilog="Start with: voxpress generate -o brains && voxpress preview brains -o look.png",
    )
    parser.add_argument("--version", action="version", version=f"voxpress {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _generate(commands)
    _recipe(commands)
    _sample(commands)
    _info(commands)
    _verify(commands)
    _regenerate(commands)
    _repair(commands)
    _preview(commands)
    _recode(commands)
    _next(commands)
    _diff(commands)
    _qa(commands)
    _audit(commands)
    _gate(commands)
    _bench(commands)
    _card(commands)
    _publish(commands)
    _fetch(commands)
    _import(commands)
    _export(commands)
    return parser


def _command(commands: argparse._SubParsersAction, name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:  # type: ignore[type-arg]
    first, _, _ = text.partition("\n")
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=first.rstrip(".").lower(),
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _generate(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = "Makes a data set.\n\nStopped at any time, the same command goes on from what is there."
    parser = _command(commands, "generate", text, _SET)
    _ordering(parser)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the data set")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    features = "leave out the features that qualities are measured by; `voxpress qa` makes them later"
    parser.add_argument("--no-features", action="store_true", help=features)


def _recipe(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Checks a recipe and shows whom it orders.\n\n"
        "Prints it with every default spelled out; the cohort follows as comments, so the output is a recipe too."
    )
    parser = _command(commands, "recipe", text, _SET)
    _ordering(parser)
    parser.add_argument("--example", action="store_true", help="print a commented recipe to start from")


def _sample(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = "Makes one sample of a recipe alone, for a look.\n\nIt equals the sample of the whole data set."
    parser = _command(commands, "sample", text, _SET)
    _ordering(parser)
    parser.add_argument("--index", type=int, required=True, metavar="I", help="row of the cohort, from 0")
    parser.add_argument("--attempt", type=int, default=0, metavar="N", help="which attempt at it (default 0)")
    output = "picture, or NIfTI image; its label map then goes to FILE_label.nii.gz"
    parser.add_argument("-o", "--output", required=True, metavar="FILE.png|FILE.nii.gz", help=output)


def _info(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "info", "Says what a data set holds.")
    _path(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def _verify(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = "Holds every byte of a data set against its manifest.\n\nOne line a problem; exit code 1 if there is one."
    parser = _command(commands, "verify", text)
    _path(parser)
    regenerate = "also make so many samples again, chosen at random, and compare them; as `voxpress regenerate` does"
    parser.add_argument("--regenerate", type=_positive, metavar="K", help=regenerate)
    seed = "of that choice (default 0): the same samples for the same data set"
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help=seed)
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes that make them; by default one a CPU")


def _regenerate(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Makes a data set again from its recipe, and says how near it comes.\n\n"
        "Exact (exit code 0): every voxel is the same. Close (3): what is left could be rounding. Different (4).\n"
        "Stopped at any time, the same command goes on from what is in DIR."
    )
    parser = _command(commands, "regenerate", text)
    parser.add_argument("source", metavar="SOURCE", help="folder of the data set, its URL, or org/name@v1.0.0")
    output = "folder of the new data set; without it, only the comparison is left"
    parser.add_argument("-o", "--output", metavar="DIR", help=output)
    samples = "only these: ids, or positions in the planned cohort (the column index)"
    parser.add_argument("--samples", metavar="17,42", help=samples)
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")


def _repair(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Mends what is missing or damaged of a data set.\n\n"
        "From its spare copies, from --from, or made again from its recipe; nothing is accepted but the very bytes "
        "that the\nmanifest names. Exit code 1 if something is left."
    )
    parser = _command(commands, "repair", text)
    _path(parser)
    source = "a copy of the data set to fetch from: a folder, its URL, or org/name@v1.0.0"
    parser.add_argument("--from", dest="source", metavar="SOURCE", help=source)
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")


def _preview(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _command(commands, "preview", "Draws some samples in three planes, as a picture or a page.")
    _path(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE.png|FILE.html", help="picture, or page to filter"
    )
    where = """only samples for which this is true: "age >= 70 and sex == 'F'" """
    parser.add_argument("--where", metavar="EXPR", help=where.strip())
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rows", metavar="0,3,7", help="these rows (of those that --where leaves)")
    which.add_argument("-n", type=_positive, default=8, metavar="N", help="so many rows, evenly spread (default 8)")
    parser.add_argument("--no-overlay", action="store_true", help="without the label map")


def _recode(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Copies a data set for training on this machine, packed to be read fast.\n\n"
        "The same samples and voxels in other chunks, codecs and shards. Stopped at any time, the same command goes on "
        "from\nwhat is there."
    )
    parser = _command(commands, "recode", text)
    parser.add_argument("source", metavar="SOURCE", help="data set to copy")
    parser.add_argument("target", metavar="TARGET", help="folder of the copy")
    codec = "lz4 decodes fastest (default), zstd is smallest, none leaves out compression"
    parser.add_argument("--codec", choices=("lz4", "zstd", "none"), default="lz4", help=codec)
    chunk = (
        "slab for whole volumes (default), cube for patches, same as the source has it, or voxels such as 10,224,160"
    )
    parser.add_argument("--chunk", default="slab", metavar="slab|cube|same|X,Y,Z", help=chunk)
    shard = "samples in one file; by default as the source has it"
    parser.add_argument("--shard-samples", type=_positive, metavar="N", help=shard)
    parser.add_argument("--where", metavar="EXPR", help="copy only samples for which this is true")
    parser.add_argument("--threads", type=_positive, metavar="N", help="by default one a CPU")


def _next(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Makes the next version of a data set from its own recipe, changed.\n\n"
        "Shards that the change does not touch are taken over, as hard links where that works; the rest is made. What "
        "changed\nis written to CHANGELOG.md. Stopped at any time, the same command goes on from what is there."
    )
    parser = _command(commands, "next", text, _SET)
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
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--copy", action="store_true", help="copy shards, so that the two share no file")
    lock = (
        "where other versions of packages are installed than the data set was made with: refuse (default), remake all "
        "samples, or reuse its shards all the same, which the lock of the new version then says"
    )
    choices = ("refuse", "remake", "reuse")
    parser.add_argument("--if-lock-differs", choices=choices, default=choices[0], help=lock)


def _diff(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Says what differs between two data sets.\n\n"
        "Samples added, removed, changed and moved; columns, arrays, recipe, lock. Reads no voxel: those are compared\n"
        "by their digests. Exit code 0 if they are the same, 1 if they differ, 2 if something failed."
    )
    parser = _command(commands, "diff", text)
    which = "folder, URL, or org/name@v1.0.0 on the Hub"
    parser.add_argument("old", metavar="A", help=which)
    parser.add_argument("new", metavar="B", help=which)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--changelog", action="store_true", help="as Markdown, as next writes it to CHANGELOG.md")
    every = "write all that differs there too, one row a sample and column"
    parser.add_argument("--parquet", metavar="FILE", help=every)
    parser.add_argument("-n", type=_natural, default=5, metavar="N", help="so many samples of each kind (default 5)")


def _qa(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Judges a data set: every sample, the set beside real ones, and whether it is what was ordered.\n\n"
        "Reads each volume once, and leaves what it found and the quality report in the data set's folder quality/. "
        "Stopped at\nany time, the same command goes on. Exit code 1 if the data set may not be published."
    )
    parser = _command(commands, "qa", text)
    _path(parser)
    profile = "demo, research (default), strict, or a file of your own; see docs/gate.md"
    parser.add_argument("--profile", default="research", metavar="NAME|FILE.yaml", help=profile)
    real = "real samples to compare with: a voxpress store, a folder of NIfTI files, or a table of their paths"
    parser.add_argument("--reference", metavar="REAL", help=real)
    table = "table of the reference's files, where REAL is a folder"
    parser.add_argument("--reference-table", metavar="FILE", help=table)
    leakage = "make N samples again, each once more with every condition changed, to see what a condition moves"
    parser.add_argument("--leakage", type=_natural, default=0, metavar="N", help=leakage)
    pairs = "random pairs of which diversity is measured, where there is a reference (default 1000)"
    parser.add_argument("--pairs", type=_positive, default=1000, metavar="N", help=pairs)
    parser.add_argument("--again", action="store_true", help="inspect anew what was inspected before")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="print the report, for programs")


def _audit(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Looks for copies of the subjects whom a generator was trained on.\n\n"
        "Leaves figures without anybody's identity in the data set's folder quality/. Stopped at any time, the same "
        "command\ngoes on. Exit code 1 if a sample is too close to a training volume, or the audit is not valid."
    )
    parser = _command(commands, "audit", text)
    _path(parser)
    real = "a voxpress store, a folder of NIfTI files (skull-stripped as the samples are), or a table of their paths"
    train = f"what the generator was trained on: {real}; without it, the audit is recorded as not run"
    parser.add_argument("--train", metavar="REAL", help=train)
    holdout = "subjects whom it never saw, in the same forms; without them, training subjects are held against others"
    parser.add_argument("--holdout", metavar="REAL", help=holdout)
    table = "table of the {} files, with columns path and subject, where REAL is a folder"
    parser.add_argument("--train-table", metavar="FILE", help=table.format("training"))
    parser.add_argument("--holdout-table", metavar="FILE", help=table.format("held-out"))
    private = "folder outside of the data set for who is close to whom, the quarantine, and what was computed so far"
    parser.add_argument("--private", metavar="DIR", help=private)
    copies = "so many copies of training volumes are planted, and must be found (default 204)"
    parser.add_argument("--copies", type=_positive, default=204, metavar="N", help=copies)
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help="of the planted copies (default 0)")
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")
    parser.add_argument("--json", action="store_true", help="for programs")


def _gate(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Judges what was measured of a data set, and writes its quality report.\n\n"
        "Measures what the table tells, takes what other commands measured, and judges all of it by a profile. Reads "
        "no voxel.\nExit code 1 if the data set may not be published."
    )
    parser = _command(commands, "gate", text)
    _path(parser)
    profile = "demo, research (default), strict, or a file of your own; see docs/gate.md"
    parser.add_argument("--profile", default="research", metavar="NAME|FILE.yaml", help=profile)
    people = "CSV or Parquet table of real people, with columns of the same conditions"
    parser.add_argument("--reference-table", metavar="FILE", help=people)
    parser.add_argument("--json", action="store_true", help="print the report, for programs")


def _bench(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Measures how fast a data set is read here, what limits that, and what to change.\n\n"
        "Reads whole volumes, then patches, as training does, and prints what came of each."
    )
    parser = _command(commands, "bench", text)
    path = "folder of the data set, its URL, or org/name on the Hub"
    parser.add_argument("path", metavar="PATH_OR_URL", help=path)
    parser.add_argument("--seconds", type=_seconds, default=5.0, metavar="S", help="for each measurement (default 5)")
    patch = "only patches of so many voxels, or only whole volumes; by default both, with 96,96,96 or what fits"
    parser.add_argument("--patch", metavar="X,Y,Z|whole", help=patch)
    parser.add_argument("--batch-size", type=_positive, default=2, metavar="N", help="samples in a batch (default 2)")
    parser.add_argument("--keys", metavar="NAME,NAME", help="arrays to read; by default image and label")
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    order = "sequence of the samples, as in voxpress.loaders.order (default shuffled)"
    orders = ("shuffled", "shuffled_shards", "sequential")
    parser.add_argument("--order", choices=orders, default=orders[0], help=order)
    dtype = "images in physical units (default), or the integers that are stored"
    parser.add_argument("--dtype", choices=("float32", "stored"), default="float32", help=dtype)
    threads = "that read and unpack; by default one a CPU, over a network 16"
    parser.add_argument("--threads", type=_positive, metavar="N", help=threads)
    parser.add_argument(
        "--workers", type=_natural, default=0, metavar="N", help="processes of a DataLoader (default 0)"
    )
    parser.add_argument(
        "--prefetch", metavar="SIZE", help="decoded bytes of batches that are made ahead, such as 512MB"
    )
    parser.add_argument("--cache", metavar="DIR", help="keep there what is read over a network")
    parser.add_argument("--cache-limit", default="20GB", metavar="SIZE", help="of the cache (default 20GB)")
    parser.add_argument("--json", action="store_true", help="for programs")


def _card(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Makes the data set card, its pictures and croissant.json.\n\n"
        "Made again, the machine's part is new, and what people wrote stays. --check only says what is wrong; exit "
        "code 1 if\nthe card cannot be published."
    )
    parser = _command(commands, "card", text)
    _path(parser)
    human = "what only people know: intended_use, training_data, maintainers, license … (docs/cards.md has all)"
    parser.add_argument("--human", metavar="FILE.yaml", help=human)
    parser.add_argument("--repository", metavar="ORG/NAME", help="where it will be published, for the examples")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is wrong with the card")
    parser.add_argument("--no-pictures", action="store_true", help="leave the pictures as they are")
    parser.add_argument("--viewer", metavar="FILE.html", help="also write a page to look through the samples")
    parser.add_argument("-n", type=_positive, metavar="N", help="samples in that page (default 200)")


def _publish(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Publishes a data set as an immutable version.\n\n"
        "Readers see the versions before, or this one whole. Stopped at any time, the same command goes on from what "
        "is\nthere; a version that is there is never changed."
    )
    parser = _command(commands, "publish", text)
    parser.add_argument("path", metavar="PATH", help="folder of the data set, or of several (a collection)")
    target = "org/name on the Hugging Face Hub, a folder of versions (./DIR, /DIR), or s3://, gs:// or az://"
    parser.add_argument("target", metavar="TARGET", help=target)
    parser.add_argument("--tag", metavar="TAG", help="name of the version; by default v1.0.0 for version 1.0.0")
    parser.add_argument("--private", action="store_true", help="make the repository on the Hub private, if it is new")
    parser.add_argument("--token", help="for the Hub; by default HF_TOKEN or the login (other people may see this one)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and write nothing there")
    override = "publish though the quality gate does not let it pass; the reason is written on the card for everybody"
    parser.add_argument("--override", metavar="REASON", help=override)
    consent = "the data set holds scans of real people, who have agreed that it is published"
    parser.add_argument("--real-data-consent", action="store_true", help=consent)


def _fetch(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Downloads a data set, or the samples of it that are asked for.\n\n"
        "What comes is a data set of its own. Stopped at any time, the same command goes on from what is there."
    )
    parser = _command(commands, "fetch", text)
    source = "org/name or org/name@v1.0.0 on the Hub, a URL, or a folder"
    parser.add_argument("source", metavar="SOURCE", help=source)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the copy")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--splits", metavar="NAME,NAME", help="only these splits")
    parser.add_argument("--config", metavar="NAME", help="which data set of a collection; by default all")
    parser.add_argument("--transfers", type=_positive, default=8, metavar="N", help="files at a time (default 8)")


def _import(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Makes a data set of NIfTI files and a table.\n\n"
        "Axes are brought to RAS+ by permuting and flipping; nothing is resampled unless --grid asks for it. Stopped "
        "at any\ntime, or after a file was mended, the same command goes on from what is there."
    )
    parser = _command(commands, "import", text)
    parser.add_argument("folder", metavar="DIR", help="folder of .nii and .nii.gz files, or a BIDS data set")
    parser.add_argument("-o", "--output", required=True, metavar="STORE", help="folder of the data set")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--synthetic", action="store_true", help="the scans show no real person")
    kind.add_argument("--real", action="store_true", help="they do, and everything made of the data set says so")
    who = parser.add_argument_group("who is on the scans")
    table = "CSV, TSV or Parquet; by default participants.tsv of a BIDS data set"
    who.add_argument("--table", metavar="FILE", help=table)
    key = "which column of it names the files: by path below DIR, by name without ending, or by BIDS subject"
    who.add_argument("--key", default="", metavar="COLUMN", help=key)
    columns = "conditions, by default all columns; NAME=COLUMN renames one"
    who.add_argument("--columns", default="", metavar="age,sex,NAME=COLUMN", help=columns)
    split = "column with the names of splits, or fractions, by which whole subjects are dealt"
    who.add_argument("--split", default="", metavar="COLUMN|train=0.8,test=0.2", help=split)
    who.add_argument(
        "--skip-unmatched", action="store_true", help="leave out files without a row and rows without a file"
    )
    files = parser.add_argument_group("which files")
    files.add_argument("--files", default="", metavar="GLOB", help="only these, such as '*/anat/*_T1w.nii.gz'")
    files.add_argument("--suffix", default="", metavar="T1w", help="only BIDS names that end so")
    labels = "these are label maps: of the same BIDS subject, or with the name of the image and more, as in 7_seg"
    files.add_argument("--labels", default="", metavar="GLOB", help=labels)
    files.add_argument("--label-names", metavar="FILE", help="table with the columns index and name")
    form = "which counts, where the two affines of a file differ"
    files.add_argument("--affine", choices=("agreed", "sform", "qform"), default="agreed", help=form)
    files.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be read")
    voxels = parser.add_argument_group("how they are stored")
    grid = "resample to this grid: voxels and mm, or the folder of a data set"
    voxels.add_argument("--grid", default="", metavar="160,224,160@1,1,1", help=grid)
    dtype = "by default what keeps integers as they are, and 16 bits for floats"
    voxels.add_argument("--dtype", choices=("uint8", "int16", "uint16"), default="", help=dtype)
    window = "values that are told apart; by default all integers, and floats up to a 99.9th percentile"
    voxels.add_argument("--window", default="", metavar="LOW,HIGH|percentiles", help=window)
    background = "value outside the body, which is stored as 0; by default 0, or LOW"
    voxels.add_argument("--background", type=float, metavar="VALUE", help=background)
    voxels.add_argument("--unit", default="", help="of the values, such as HU")
    voxels.add_argument("--shard-samples", type=_positive, default=64, metavar="N", help="in one file (default 64)")
    named = parser.add_argument_group("what it is called")
    named.add_argument("--name", default="", help="of the data set; by default that of its folder")
    named.add_argument("--version", default="1.0.0", metavar="X.Y.Z", help="of it (default 1.0.0)")
    source_type = "IPTC's term for where synthetic scans come from, a URL; by default what their files say"
    named.add_argument("--digital-source-type", default="", metavar="URL", help=source_type)
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")


def _export(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    text = (
        "Writes samples as NIfTI files.\n\n"
        "With the stored integers, their scale and their affine; each file says whether it is synthetic. Stopped at "
        "any time,\nthe same command goes on from what is there."
    )
    parser = _command(commands, "export", text)
    parser.add_argument("source", metavar="SOURCE", help="folder of the data set, its URL, or org/name@v1.0.0")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the files")
    layout = "a plain folder with samples.csv and samples.parquet (default), or a BIDS derivative data set"
    parser.add_argument("--format", dest="layout", choices=("nifti", "bids"), default="nifti", help=layout)
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--rows", metavar="0,3,7", help="only these rows (of those that --where and --split leave)")
    suffix = "of images in BIDS; by default what the condition contrast says"
    parser.add_argument("--suffix", default="", metavar="T1w", help=suffix)
    parser.add_argument("--workers", type=_positive, metavar="N", help="processes; by default one a CPU")


def _ordering(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="YAML file; without it, eight brains")
    parser.add_argument("--samples", type=int, metavar="N", help="number of samples, in place of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="seed, in place of the recipe's")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help="see below")


def _path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="folder of the data set")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {number}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0 s, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
