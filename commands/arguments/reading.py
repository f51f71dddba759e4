"""What looks at data sets and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import add_path, command, natural, positive, seconds

if TYPE_CHECKING:
    from .kinds import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Adds these commands."""
    _info(commands)
    _verify(commands)
    _preview(commands)
    _diff(commands)
    _recode(commands)
    _bench(commands)


def _info(commands: Commands) -> None:
    parser = command(commands, "info", "Says what a data set holds.")
    add_path(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def _verify(commands: Commands) -> None:
    text = "Holds every byte of a data set against its manifest.\n\nOne line a problem; exit code 1 if there is one."
    parser = command(commands, "verify", text)
    add_path(parser)
    regenerate = "also make so many samples again, chosen at random, and compare them; as `voxpress regenerate` does"
    parser.add_argument("--regenerate", type=positive, metavar="K", help=regenerate)
    seed = "of that choice (default 0): the same samples for the same data set"
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help=seed)
    parser.add_argument("--workers", type=positive, metavar="N", help="processes that make them; by default one a CPU")


def _preview(commands: Commands) -> None:
    parser = command(commands, "preview", "Draws some samples in three planes, as a picture or a page.")
    add_path(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE.png|FILE.html", help="picture, or page to filter"
    )
    where = """only samples for which this is true: "age >= 70 and sex == 'F'" """
    parser.add_argument("--where", metavar="EXPR", help=where.strip())
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rows", metavar="0,3,7", help="these rows (of those that --where leaves)")
    which.add_argument("-n", type=positive, default=8, metavar="N", help="so many rows, evenly spread (default 8)")
    parser.add_argument("--no-overlay", action="store_true", help="without the label map")


def _diff(commands: Commands) -> None:
    text = (
        "Says what differs between two data sets.\n\n"
        "Samples added, removed, changed and moved; columns, arrays, recipe, lock. Reads no voxel: those are compared\n"
        "by their digests. Exit code 0 if they are the same, 1 if they differ, 2 if something failed."
    )
    parser = command(commands, "diff", text)
    which = "folder, URL, or org/name@v1.0.0 on the Hub"
    parser.add_argument("old", metavar="A", help=which)
    parser.add_argument("new", metavar="B", help=which)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--changelog", action="store_true", help="as Markdown, as next writes it to CHANGELOG.md")
    every = "write all that differs there too, one row a sample and column"
    parser.add_argument("--parquet", metavar="FILE", help=every)
    parser.add_argument("-n", type=natural, default=5, metavar="N", help="so many samples of each kind (default 5)")


def _recode(commands: Commands) -> None:
    text = (
        "Copies a data set for training on this machine, packed to be read fast.\n\n"
        "The same samples and voxels in other chunks, codecs and shards. Stopped at any time, the same command goes on "
        "from\nwhat is there."
    )
    parser = command(commands, "recode", text)
    parser.add_argument("source", metavar="SOURCE", help="data set to copy")
    parser.add_argument("target", metavar="TARGET", help="folder of the copy")
    codec = (
        "lz4 is fastest for volumes (default), zstd-fast for patches of images, zstd is smallest, none leaves out "
        "compression"
    )
    parser.add_argument("--codec", choices=("lz4", "zstd-fast", "zstd", "none"), default="lz4", help=codec)
    chunk = (
        "slab (default) for volumes, and for patches of lz4; patch for patches of zstd and zstd-fast; same as the "
        "source has it, or voxels such as 10,224,160"
    )
    parser.add_argument("--chunk", default="slab", metavar="slab|patch|same|X,Y,Z", help=chunk)
    shard = "samples in one file; by default as the source has it"
    parser.add_argument("--shard-samples", type=positive, metavar="N", help=shard)
    parser.add_argument("--where", metavar="EXPR", help="copy only samples for which this is true")
    parser.add_argument("--threads", type=positive, metavar="N", help="by default one a CPU")


def _bench(commands: Commands) -> None:
    text = (
        "Measures how fast a data set is read here, what limits that, and what to change.\n\n"
        "Reads whole volumes, then patches, as training does, and prints what came of each."
    )
    parser = command(commands, "bench", text)
    path = "folder of the data set, its URL, or org/name on the Hub"
    parser.add_argument("path", metavar="PATH_OR_URL", help=path)
    parser.add_argument("--seconds", type=seconds, default=5.0, metavar="S", help="for each measurement (default 5)")
    patch = "only patches of so many voxels, or only whole volumes; by default both, with 96,96,96 or what fits"
    parser.add_argument("--patch", metavar="X,Y,Z|whole", help=patch)
    parser.add_argument("--batch-size", type=positive, default=2, metavar="N", help="samples in a batch (default 2)")
    parser.add_argument("--keys", metavar="NAME,NAME", help="arrays to read; by default image and label")
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    order = "sequence of the samples, as in voxpress.loaders.order (default shuffled)"
    orders = ("shuffled", "shuffled_shards", "sequential")
    parser.add_argument("--order", choices=orders, default=orders[0], help=order)
    dtype = "images in physical units (default), or the integers that are stored"
    parser.add_argument("--dtype", choices=("float32", "stored"), default="float32", help=dtype)
    threads = "that read and unpack; by default one a CPU, over a network 16"
    parser.add_argument("--threads", type=positive, metavar="N", help=threads)
    parser.add_argument("--workers", type=natural, default=0, metavar="N", help="processes of a DataLoader (default 0)")
    parser.add_argument(
        "--prefetch", metavar="SIZE", help="decoded bytes of batches that are made ahead, such as 512MB"
    )
    parser.add_argument("--cache", metavar="DIR", help="keep there what is read over a network")
    parser.add_argument("--cache-limit", default="20GB", metavar="SIZE", help="of the cache (default 20GB)")
    parser.add_argument("--json", action="store_true", help="for programs")
